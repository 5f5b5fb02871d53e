"""Weights: QuasarNET networks as arrays, in the HDF5 files that QuasarNP reads.

The layout is the one that Keras 2 wrote and that QuasarNP's `load_model` expects:
`model_weights/<layer>/<layer>/<weight>:0`, the attribute `model_config` with the
layers as JSON, and the dataset `model_grid`. An ensemble file holds one such layout
in a group for each member.

QuasarNP takes the offsets' scale and the order of the layers from group names. Names
differ between published files, so here both come from `model_config` (`architecture`);
nothing in a file is ever run (the files carry the byte code of their Lambda layers).
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from quasarnet_al.core import options
from quasarnet_al.core.files import InputError, hdf5_file
from quasarnet_al.network import architecture
from quasarnet_al.network.architecture import EPSILON, OUTPUTS, STRIDE, WIDTH
from quasarnet_al.network.lines import PLAIN, Viewing
from quasarnet_al.spectra.grid import BOXES, LOG, Grid, grid_of_wavelength

#: An array of more bytes than this is read only where its file holds at least this share of it.
MEGABYTE, COMPRESSION = 2**20, 32


@dataclass(frozen=True, eq=False)
class BatchNorm:
    """Batch normalisation with the statistics of training; all float32 (channels,)."""

    gamma: np.ndarray
    beta: np.ndarray
    moving_mean: np.ndarray
    moving_variance: np.ndarray


@dataclass(frozen=True, eq=False)
class Dense:
    """A dense layer: kernel float32 (inputs, outputs), bias float32 (outputs,)."""

    kernel: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True, eq=False)
class Convolution:
    """A convolution of width 10 and stride 2 and the normalisation after it.

    Attributes
    ----------
    kernel : float32 (10, channels in, channels out)
    bias : float32 (channels out,)
    padding : "same" (as TensorFlow pads) or "valid"
    norm : the batch normalisation, before the ReLU
    """

    kernel: np.ndarray
    bias: np.ndarray
    padding: str
    norm: BatchNorm

    def length(self, size: int) -> int:
        """Return the number of output positions for `size` input positions."""
        if self.padding == "same":
            return -(-size // STRIDE)
        return (size - WIDTH) // STRIDE + 1

    def pad(self, size: int) -> tuple[int, int]:
        """Return how many zeros TensorFlow sets left and right of `size` positions."""
        if self.padding == "valid":
            return 0, 0
        total = max((self.length(size) - 1) * STRIDE + WIDTH - size, 0)
        return total // 2, total - total // 2


@dataclass(frozen=True, eq=False)
class Network:
    """One trained QuasarNET.

    Attributes
    ----------
    convs : the convolutions, first to last
    common, norm : the dense layer after flattening and its batch normalisation
    boxes, offsets : seven dense layers each, in the order of `OUTPUTS`
    rescale : whether the offsets' sigmoid is stretched from 0..1 to -0.1..1.1
    grid : the wavelength grid of the spectra
    viewing : how it looks at them, beyond what QuasarNP knows
    name : the member's name ("member-00")
    attributes : provenance by name; text where it was read from a file
    """

    convs: Sequence[Convolution]
    common: Dense
    norm: BatchNorm
    boxes: Sequence[Dense]
    offsets: Sequence[Dense]
    rescale: bool = True
    grid: Grid = LOG
    viewing: Viewing = PLAIN
    name: str = ""
    attributes: Mapping[str, object] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return OUTPUTS

    @property
    def lengths(self) -> list[int]:
        """Positions of the spectrum and after each convolution."""
        lengths = [self.grid.size]
        for conv in self.convs:
            lengths.append(conv.length(lengths[-1]))
        return lengths


@dataclass(frozen=True)
class Layout:
    """How a network of some kind is kept in HDF5.

    Attributes
    ----------
    read : takes the file's path, for messages, and the group; returns the network
    write : takes an empty group and the network
    """

    read: Callable[[object, h5py.Group], Any]
    write: Callable[[h5py.Group, Any], None]


#: QuasarNP's.
QUASARNP = Layout(
    lambda path, group: _from_group(path, group), lambda group, network: _to_group(group, network)
)


def read_network(path: str | os.PathLike, layout: Layout = QUASARNP) -> Any:
    """Read a network from a file in QuasarNP's layout, published or written here.

    Raises `InputError`, with the fault, for anything but a whole, consistent network.
    """
    with _opened(path) as file:
        return replace(layout.read(path, file), name=Path(path).stem)


def read_networks(paths: Sequence[str | os.PathLike], layout: Layout = QUASARNP) -> list[Any]:
    """Read the networks of one ensemble, from files of one network each and from those of `pack`.

    Raises `InputError` where one cannot be read, or differs from the first in its grid.
    """
    networks: list[Any] = []
    for path in paths:
        with _opened(path) as file:
            packed = "members" in file
        networks += read_ensemble(path, layout) if packed else [read_network(path, layout)]
        _refuse_mixed(path, networks)
    return networks


def write_network(
    path: str | os.PathLike,
    network: Network,
    attributes: Mapping[str, object],
    layout: Layout = QUASARNP,
) -> None:
    """Write `network` so that QuasarNP loads it and evaluates it the same.

    `attributes` (text or numbers by name) are added to the network's own. The same
    network and attributes give the same bytes.
    """
    network = replace(network, attributes={**network.attributes, **attributes})
    with hdf5_file(path) as file:
        layout.write(file, network)


def pack(
    path: str | os.PathLike,
    networks: Sequence[Network],
    attributes: Mapping[str, object],
    layout: Layout = QUASARNP,
) -> None:
    """Write an ensemble: every network in a group of its own, named as the network.

    Raises `InputError` where two networks have one name.
    """
    names = [network.name for network in networks]
    again = next((name for name in names if names.count(name) > 1), "")
    if again:
        raise InputError(path, f"would have two members {again}", "give each file its own name")
    with hdf5_file(path) as file:
        for name, value in attributes.items():
            file.attrs[name] = value
        for network in networks:
            layout.write(file.create_group(f"members/{network.name}"), network)


def read_ensemble(path: str | os.PathLike, layout: Layout = QUASARNP) -> list[Any]:
    """Read the networks that `pack` wrote, in the order of their names; all have one grid."""
    networks = []
    with _opened(path) as file:
        for name in _members(path, file):
            networks.append(replace(layout.read(path, file["members"][name]), name=name))
            _refuse_mixed(path, networks)
    return networks


def _members(path: object, file: h5py.File) -> list[str]:
    """Return the names of an ensemble's members, whose groups are all in the file itself."""
    names: list[str] = []
    if isinstance(file.get("members", getlink=True), h5py.HardLink):
        members = file["members"]
        names = list(members) if isinstance(members, h5py.Group) else []
        for name in names:
            link = members.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink) or not isinstance(members[name], h5py.Group):
                raise InputError(path, f"{name} is not a group of the file itself", _REMEDY)
    if not names:
        raise InputError(
            path, "is not an ensemble", "give an ensemble file, not the weights of one network"
        )
    return names


def _refuse_mixed(path: object, networks: Sequence[Any]) -> None:
    """Raise `InputError` where the last network differs from the first in its grid."""
    first, last = networks[0], networks[-1]
    if last.grid != first.grid:
        raise InputError(
            path,
            f"{last.name} is on the {last.grid.kind} grid, {first.name} on the "
            f"{first.grid.kind} grid",
            "the members of an ensemble must share one grid",
        )


class _opened:
    """An HDF5 file for reading; whatever HDF5 finds wrong in it is an `InputError`."""

    def __init__(self, path: str | os.PathLike):
        self.path = path

    def __enter__(self) -> h5py.File:
        path = Path(self.path)
        try:
            with path.open("rb") as file:
                start = file.read(8)
        except OSError as error:
            raise InputError(path, f"cannot be read ({error.strerror})", _REMEDY) from error
        if start[:4] == b"PK\3\4":
            raise InputError(path, "is a zip archive (Keras 3 .keras?), not HDF5", _REMEDY)
        try:
            self.file = h5py.File(path, "r")
        except OSError as error:
            whole = start == b"\x89HDF\r\n\x1a\n"
            fault = f"cannot be opened ({error})" if whole else "is not an HDF5 file"
            raise InputError(path, fault, _REMEDY) from error
        return self.file

    def __exit__(self, kind, error, traceback) -> None:
        self.file.close()
        # h5py raises any of these where the file's bytes are wrong.
        kinds = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError)
        if isinstance(error, kinds):
            raise InputError(self.path, f"is damaged ({error})", _REMEDY) from error


_REMEDY = "give a weights file as QuasarNP reads it (HDF5 with model_weights)"


def _from_group(path: object, group: h5py.Group) -> Network:
    """Read one network from `group`, and check that it fits together."""

    def wrong(fault: str) -> InputError:
        where = "" if group.name == "/" else f"{Path(group.name).name}: "
        return InputError(path, where + fault, _REMEDY)

    if "model_weights" not in group or "model_config" not in group.attrs:
        raise wrong("has no model_weights or no model_config")
    attributes = read_attributes(group)
    try:
        layers = architecture.read(attributes.pop("model_config"))
        viewing = options.from_text(Viewing, attributes)
        # By the list of links: one that leads nowhere is not an absent grid.
        has_grid = "model_grid" in list(group)
        found = read_array(group, "model_grid") if has_grid else LOG.wavelength
    except ValueError as error:
        raise wrong(str(error)) from error
    grid = grid_of_wavelength(found)
    if grid is None:
        raise wrong("has a model_grid that is neither the log nor the linear grid")
    if viewing.views > 1 and grid != LOG:
        raise wrong(f"has {viewing.views} views, but spectra on its grid cannot be moved")
    if layers.pixels not in (None, grid.size):
        raise wrong(f"takes {layers.pixels} pixels, but its grid has {grid.size}")

    def array(layer: str, weight: str, *shape: int) -> np.ndarray:
        """Read one weight; a dimension of -1 may have any size."""
        try:
            return read_array(group, f"model_weights/{layer}/{layer}/{weight}:0", shape).astype(
                np.float32
            )
        except ValueError as error:
            raise wrong(f"{weight} of layer {layer} {error}") from error

    def norm(layer: str, channels: int) -> BatchNorm:
        weights = ("gamma", "beta", "moving_mean", "moving_variance")
        values = BatchNorm(*(array(layer, weight, channels) for weight in weights))
        if (values.moving_variance < 0).any():
            raise wrong(f"layer {layer} has a negative variance")
        return values

    def dense(layer: str, inputs: int, outputs: int) -> Dense:
        kernel = array(layer, "kernel", inputs, outputs)
        return Dense(kernel, array(layer, "bias", kernel.shape[1]))

    channels, size = 1, grid.size
    convolutions: list[Convolution] = []
    for layer, norm_layer, padding in zip(
        layers.convs, layers.norms[:-1], layers.paddings, strict=True
    ):
        kernel = array(layer, "kernel", WIDTH, channels, -1)
        channels = kernel.shape[2]
        bias, batch_norm = array(layer, "bias", channels), norm(norm_layer, channels)
        convolutions.append(Convolution(kernel, bias, padding, batch_norm))
        size = convolutions[-1].length(size)
        if size < 1:
            raise wrong(f"has no position left after {layer} on a grid of {grid.size} pixels")
    common = dense("fc_common", size * channels, -1)
    units = len(common.bias)
    return Network(
        convs=convolutions,
        common=common,
        norm=norm(layers.norms[-1], units),
        boxes=[dense(f"fc_box_{i}", units, BOXES) for i in range(len(OUTPUTS))],
        offsets=[dense(f"fc_offset_{i}", units, BOXES) for i in range(len(OUTPUTS))],
        rescale=layers.rescale,
        grid=grid,
        viewing=viewing,
        # What they say of grid and lines may be wrong: model_grid and the outputs decide.
        attributes=attributes | _described(grid),
    )


def _described(grid: Grid) -> dict[str, str]:
    """Return the attributes that say in words what a file's arrays say."""
    return {"grid": grid.kind, "lines": " ".join(OUTPUTS)}


def read_attributes(group: h5py.Group) -> dict[str, str]:
    """Return the attributes of a group as text, without those that Keras alone reads.

    Raises ValueError where one claims to be larger than the file.
    """
    found = {}
    for name in group.attrs:
        if name in ("training_config", "keras_version", "backend"):
            continue
        _refuse_size(group, group.attrs.get_id(name).get_storage_size())
        found[name] = str(group.attrs[name])
    return found


def read_array(group: h5py.Group, name: str, shape: Sequence[int] | None = None) -> np.ndarray:
    """Return an array of real, finite numbers that lies in the group's own file.

    Parameters
    ----------
    name : path of the dataset in `group`
    shape : wanted; a dimension of -1 may have any size

    Raises
    ------
    ValueError, with the fault, also where float32 does not hold the values, or where the
    data are behind a link, in another file, or larger than the file can hold
    """
    at: object = group
    for part in name.split("/"):
        if not isinstance(at, h5py.Group) or part not in at:
            raise ValueError("is missing")
        if not isinstance(at.get(part, getlink=True), h5py.HardLink):
            raise ValueError("is behind a link")
        at = at[part]
    if not isinstance(at, h5py.Dataset):
        raise ValueError("is missing")
    if at.external or at.is_virtual:
        raise ValueError("is kept in another file")
    found = at.shape
    if found is None or at.dtype.kind not in "fiu":
        raise ValueError("holds no real numbers")
    if shape is not None and (
        len(found) != len(shape)
        or any(want not in (-1, size) for want, size in zip(shape, found, strict=True))
    ):
        raise ValueError(f"has shape {found}, not {tuple(shape)}")
    _refuse_size(group, at.size * at.dtype.itemsize, at.id.get_storage_size())
    values = at[()]
    with np.errstate(over="ignore"):
        if not np.isfinite(values.astype(np.float32)).all():
            raise ValueError("has values that are not finite")
    return values


def _refuse_size(group: h5py.Group, declared: int, stored: int | None = None) -> None:
    """Raise ValueError where data claim more bytes than their file can hold.

    Compressed arrays of weights are not much smaller; a megabyte costs nothing to read.
    """
    size = group.file.id.get_filesize()
    held = size if stored is None else min(stored, size)
    if declared > max(MEGABYTE, COMPRESSION * held):
        raise ValueError(f"claims {declared} bytes in a file of {size} bytes")


def _to_group(group: h5py.Group, network: Network) -> None:
    weights = group.create_group("model_weights")
    layers: list[dict] = []

    def layer(kind: str, name: str, inputs: list[str], values: object = None, **config) -> str:
        """Add a layer, its arrays and its entry in model_config; return its name."""
        inbound = [[[source, 0, 0, {}] for source in inputs]] if inputs else []
        config = {"name": name, "trainable": True, "dtype": "float32"} | config
        layers.append(
            {"class_name": kind, "config": config, "name": name, "inbound_nodes": inbound}
        )
        top = weights.create_group(name)
        for weight in ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"):
            if hasattr(values, weight):
                array = np.ascontiguousarray(getattr(values, weight), np.float32)
                top.create_dataset(f"{name}/{weight}:0", data=array, track_times=False)
        return name

    def normalise(number: int, values: BatchNorm, last: str, activation: str) -> str:
        name = f"batch_normalization_{number}"
        last = layer("BatchNormalization", name, [last], values, axis=[-1], epsilon=EPSILON)
        return layer("Activation", activation, [last], activation="relu")

    first = last = layer(
        "InputLayer", "input_1", [], batch_input_shape=[None, network.grid.size, 1]
    )
    for number, conv in enumerate(network.convs, 1):
        last = layer(
            "Conv1D",
            f"conv_{number}",
            [last],
            conv,
            filters=conv.kernel.shape[2],
            kernel_size=[WIDTH],
            strides=[STRIDE],
            padding=conv.padding,
            activation="linear",
        )
        last = normalise(number, conv.norm, last, f"activation_{number}")
    last = layer("Flatten", "flatten", [last])
    units = len(network.common.bias)
    last = layer("Dense", "fc_common", [last], network.common, units=units, activation="linear")
    last = normalise(len(network.convs) + 1, network.norm, last, "fc_activation")
    outputs = []
    for i, (box, offset) in enumerate(zip(network.boxes, network.offsets, strict=True)):
        sigmoid = {"units": BOXES, "activation": "sigmoid"}
        boxes = layer("Dense", f"fc_box_{i}", [last], box, **sigmoid)
        offsets = layer("Dense", f"fc_offset_{i}", [last], offset, **sigmoid)
        if network.rescale:
            # QuasarNP rescales where a layer has exactly this first name.
            offsets = layer("Lambda", f"lambda_{i}" if i else "lambda", [offsets])
        outputs.append(layer("Concatenate", f"conc_box_{i}", [boxes, offsets], axis=-1))

    model = {
        "name": "QuasarNET",
        "layers": layers,
        "input_layers": [[first, 0, 0]],
        "output_layers": [[name, 0, 0] for name in outputs],
    }
    group.create_dataset("model_grid", data=network.grid.wavelength, track_times=False)
    described = _described(network.grid)
    looks = {} if network.viewing == PLAIN else asdict(network.viewing)
    for name, value in {**described, **network.attributes, **described, **looks}.items():
        group.attrs[name] = value
    group.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": model})
