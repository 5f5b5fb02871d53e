"""Weights: QuasarNET networks as arrays, in the HDF5 files that QuasarNP reads.

The layout is the one that Keras 2 wrote and that QuasarNP's `load_model` expects:
`model_weights/<layer>/<layer>/<weight>:0`, the attribute `model_config` with the
layers as JSON, and the dataset `model_grid`. An ensemble file holds one such layout
in a group for each member.

QuasarNP takes the offsets' scale and the order of the layers from group names. Names
differ between published files, so here both come from `model_config`; nothing in a
file is ever run (the files carry the byte code of their Lambda layers).
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from quasarnet_al.core.files import InputError, hdf5_file
from quasarnet_al.spectra.grid import BOXES, LINES, LOG, Grid, grid_of_wavelength

#: Names of the seven outputs: the lines, then the broad-absorption-line output.
OUTPUTS = (*LINES, "BAL")
#: Width and stride of every convolution (Busca & Balland 2018, section 3).
WIDTH, STRIDE = 10, 2
#: Keras' default, which QuasarNET and QuasarNP use.
EPSILON = 1e-3


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
    name : the member's name ("member-00")
    attributes : provenance, text by name
    """

    convs: Sequence[Convolution]
    common: Dense
    norm: BatchNorm
    boxes: Sequence[Dense]
    offsets: Sequence[Dense]
    rescale: bool = True
    grid: Grid = LOG
    name: str = ""
    attributes: dict[str, str] = field(default_factory=dict)

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


def read_network(path: str | os.PathLike, layout: Layout = QUASARNP) -> Network:
    """Read a network from a file in QuasarNP's layout, published or written here.

    Raises `InputError`, with the fault, for anything but a whole, consistent network.
    """
    with _opened(path) as file:
        return replace(layout.read(path, file), name=Path(path).stem)


def write_network(
    path: str | os.PathLike,
    network: Network,
    attributes: dict[str, str],
    layout: Layout = QUASARNP,
) -> None:
    """Write `network` so that QuasarNP loads it and evaluates it the same.

    `attributes` (text or numbers by name) are added to the network's own. The same
    network and attributes give the same bytes.
    """
    network = replace(network, attributes=network.attributes | attributes)
    with hdf5_file(path) as file:
        layout.write(file, network)


def pack(
    path: str | os.PathLike,
    networks: Sequence[Network],
    attributes: dict[str, str],
    layout: Layout = QUASARNP,
) -> None:
    """Write an ensemble: every network in a group of its own, named as the network."""
    with hdf5_file(path) as file:
        for name, value in attributes.items():
            file.attrs[name] = value
        for network in networks:
            layout.write(file.create_group(f"members/{network.name}"), network)


def read_ensemble(path: str | os.PathLike, layout: Layout = QUASARNP) -> list[Network]:
    """Read the networks that `pack` wrote, in the order of their names."""
    with _opened(path) as file:
        if not file.get("members"):
            raise InputError(
                path, "holds no ensemble", "give an ensemble file, not the weights of one network"
            )
        return [
            replace(layout.read(path, group), name=name) for name, group in file["members"].items()
        ]


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
            fault = "is a damaged or cut HDF5 file" if whole else "is not an HDF5 file"
            raise InputError(path, fault, _REMEDY) from error
        return self.file

    def __exit__(self, kind, error, traceback) -> None:
        self.file.close()
        # h5py raises any of these where the file's bytes are wrong.
        if isinstance(error, OSError | RuntimeError | KeyError | ValueError | TypeError):
            raise InputError(self.path, f"is damaged ({error})", _REMEDY) from error


_REMEDY = "give a weights file as QuasarNP reads it (HDF5 with model_weights)"


def _from_group(path: object, group: h5py.Group) -> Network:
    """Read one network from `group`, and check that it fits together."""

    def wrong(fault: str) -> InputError:
        where = "" if group.name == "/" else f"{Path(group.name).name}: "
        return InputError(path, where + fault, _REMEDY)

    if "model_weights" not in group or "model_config" not in group.attrs:
        raise wrong("has no model_weights or no model_config")
    try:
        layers = [
            (layer["class_name"], layer["config"])
            for layer in json.loads(group.attrs["model_config"])["config"]["layers"]
        ]
        names = {kind: [c["name"] for k, c in layers if k == kind] for kind, _ in layers}
        paddings = [c["padding"] for kind, c in layers if kind == "Conv1D"]
        strides = {tuple(c["strides"]) for kind, c in layers if kind == "Conv1D"}
        epsilons = {c["epsilon"] for kind, c in layers if kind == "BatchNormalization"}
    except (ValueError, KeyError, TypeError) as error:
        raise wrong(f"has a model_config that is not a Keras 2 model ({error!r})") from error
    convs, norms = names.get("Conv1D", []), names.get("BatchNormalization", [])
    if not convs or len(norms) != len(convs) + 1:
        raise wrong(f"has {len(convs)} convolutions and {len(norms)} batch normalisations")
    if strides != {(STRIDE,)} or not set(paddings) <= {"same", "valid"}:
        raise wrong(f"has strides {strides}, paddings {set(paddings)}: not QuasarNET's")
    if epsilons != {EPSILON}:
        raise wrong(f"has batch normalisation with epsilon {epsilons}, not {EPSILON}")

    grid = LOG
    if "model_grid" in group:
        grid = grid_of_wavelength(group["model_grid"][()])
        if grid is None:
            raise wrong("has a model_grid that is neither the log nor the linear grid")

    def array(layer: str, weight: str, *shape: int) -> np.ndarray:
        """Read one weight; a dimension of -1 may have any size."""
        dataset = group.get(f"model_weights/{layer}/{layer}/{weight}:0")
        if not isinstance(dataset, h5py.Dataset):
            raise wrong(f"lacks {weight} of layer {layer}")
        found = dataset.shape
        if len(found) != len(shape) or any(
            want not in (-1, size) for want, size in zip(shape, found, strict=True)
        ):
            raise wrong(f"{weight} of layer {layer} has shape {found}, not {shape}")
        if dataset.file != group.file or dataset.external or dataset.is_virtual:
            raise wrong(f"keeps {weight} of layer {layer} in another file")
        if dataset.dtype.kind not in "fiu":
            raise wrong(f"{weight} of layer {layer} holds no real numbers")
        with np.errstate(over="ignore"):
            values = dataset[()].astype(np.float32)
        if not np.isfinite(values).all():
            raise wrong(f"{weight} of layer {layer} has values that are not finite")
        return values

    def norm(layer: str, channels: int) -> BatchNorm:
        weights = ("gamma", "beta", "moving_mean", "moving_variance")
        values = BatchNorm(*(array(layer, weight, channels) for weight in weights))
        if (values.moving_variance < 0).any():
            raise wrong(f"layer {layer} has a negative variance")
        return values

    def dense(layer: str, inputs: int, outputs: int) -> Dense:
        kernel = array(layer, "kernel", inputs, outputs)
        return Dense(kernel, array(layer, "bias", kernel.shape[1]))

    channels, size, convolutions = 1, grid.size, []
    for layer, norm_layer, padding in zip(convs, norms[:-1], paddings, strict=True):
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
        norm=norm(norms[-1], units),
        boxes=[dense(f"fc_box_{i}", units, BOXES) for i in range(len(OUTPUTS))],
        offsets=[dense(f"fc_offset_{i}", units, BOXES) for i in range(len(OUTPUTS))],
        rescale="Lambda" in names,
        grid=grid,
        attributes={
            name: str(value)
            for name, value in group.attrs.items()
            if name not in ("model_config", "training_config", "keras_version", "backend")
        },
    )


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
    provenance = {"grid": network.grid.kind, "lines": " ".join(OUTPUTS)} | network.attributes
    for name, value in provenance.items():
        group.attrs[name] = value
    group.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": model})
