"""Weights: QuasarNP's files are read for what they are, and ours are what QuasarNP reads."""

import json
import os
import pickle
import sys
import time
import zipfile
from dataclasses import replace

import h5py
import numpy as np
import pytest

from helpers.networks import arrays, random_network
from quasarnet_al.core.files import InputError
from quasarnet_al.network import inference, weights
from quasarnet_al.spectra.grid import LINEAR, LOG

BATCH_NORM = ("gamma", "beta", "moving_mean", "moving_variance")


def same(a: weights.Network, b: weights.Network) -> bool:
    return (
        all(np.array_equal(x, y) for x, y in zip(arrays(a), arrays(b), strict=True))
        and [c.padding for c in a.convs] == [c.padding for c in b.convs]
        and (a.rescale, a.grid) == (b.rescale, b.grid)
    )


def edit_config(path, change) -> None:
    """Apply `change` to the list of layers in a file's model_config."""
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        change(config["config"]["layers"])
        file.attrs["model_config"] = json.dumps(config)


def rename(layers, names) -> None:
    """Give layers other names, also where they are the input of others."""
    for layer in layers:
        for entry in (layer, layer["config"]):
            entry["name"] = names.get(entry["name"], entry["name"])
        for node in layer["inbound_nodes"]:
            for source in node:
                source[0] = names.get(source[0], source[0])


@pytest.fixture
def path(tmp_path):
    """A file with a small network."""
    path = tmp_path / "member-00.h5"
    weights.write_network(path, random_network(), {})
    return path


@pytest.mark.parametrize(
    "shape",
    [
        {"filters": 25, "layers": 4, "padding": "valid"},
        {"filters": 3, "layers": 6, "rescale": False},
        {"layers": 1, "grid": LINEAR},
    ],
)
def test_what_is_written_is_read(tmp_path, shape):
    network = random_network(**shape)
    weights.write_network(tmp_path / "a.h5", network, {"seed": 3, "git": "abc"})
    read = weights.read_network(tmp_path / "a.h5")
    assert same(network, read)
    assert read.name == "a"
    assert read.attributes == {
        "grid": network.grid.kind,
        "lines": "LYA CIV CIII MgII Hbeta Halpha BAL",
        "seed": "3",
        "git": "abc",
    }


def test_same_network_same_bytes(tmp_path):
    network = random_network()
    weights.write_network(tmp_path / "a.h5", network, {"seed": 3})
    weights.pack(tmp_path / "ea.h5", [network], {"seed": 3})
    time.sleep(1.1)  # HDF5's time stamps count seconds
    weights.write_network(tmp_path / "b.h5", network, {"seed": 3})
    weights.pack(tmp_path / "eb.h5", [network], {"seed": 3})
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    assert (tmp_path / "ea.h5").read_bytes() == (tmp_path / "eb.h5").read_bytes()


def test_ensemble_keeps_members_and_names(tmp_path):
    members = [random_network(seed=seed) for seed in range(3)]
    members[2] = replace(members[2], rescale=False, attributes={"seed": "2"})
    weights.pack(tmp_path / "ensemble.h5", members, {"round": 1})
    read = weights.read_ensemble(tmp_path / "ensemble.h5")
    assert [network.name for network in read] == ["member-00", "member-01", "member-02"]
    assert all(same(a, b) for a, b in zip(members, read, strict=True))
    assert read[2].attributes["seed"] == "2"


def test_published_weights(shared_data, tmp_path):
    network = weights.read_network(shared_data / "quasarnp" / "test_weights.h5")
    assert network.lengths == [443, 217, 104, 48, 20]
    assert (network.rescale, network.grid.kind, len(network.common.bias)) == (True, "log", 25)
    weights.write_network(tmp_path / "again.h5", network, {})
    assert same(network, weights.read_network(tmp_path / "again.h5"))


def test_the_rescale_is_not_read_from_a_name(path):
    """Published files call the layers lambda_0..lambda_6; QuasarNP then leaves it out."""
    edit_config(path, lambda layers: rename(layers, {"lambda": "lambda_0"}))
    with h5py.File(path, "r+") as file:
        file.move("model_weights/lambda", "model_weights/lambda_0")
    assert weights.read_network(path).rescale

    def remove(layers):
        layers[:] = [layer for layer in layers if layer["class_name"] != "Lambda"]
        rename(layers, {f"lambda_{number}": f"fc_offset_{number}" for number in range(7)})

    edit_config(path, remove)
    with h5py.File(path, "r+") as file:
        file.create_group("model_weights/lambda")
    assert not weights.read_network(path).rescale


@pytest.mark.parametrize("first", [0, 7, 9])
def test_the_order_of_normalisations_is_not_read_from_their_numbers(path, first):
    """Keras numbers on within a process: 7, 8 ..., or 9, 10, which sort as 10, 9."""
    network = weights.read_network(path)
    numbers = range(1, len(network.convs) + 2)
    old = [f"batch_normalization_{number}" for number in numbers]
    new = [f"batch_normalization_{n}" if (n := number - 1 + first) else old[0][:-2]
           for number in numbers]  # fmt: skip
    names = dict(zip(old, new, strict=True))
    edit_config(path, lambda layers: rename(layers, names))
    with h5py.File(path, "r+") as file:
        kept = {
            name: {weight: file[f"model_weights/{name}/{name}/{weight}:0"][()]
                   for weight in BATCH_NORM}
            for name in old
        }  # fmt: skip
        for name in old:
            del file[f"model_weights/{name}"]
        for name, values in kept.items():
            for weight, value in values.items():
                file[f"model_weights/{names[name]}/{names[name]}/{weight}:0"] = value
    assert same(network, weights.read_network(path))


def zip_archive(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")


class Bomb:
    """Writes a file where it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("unpickled",)


def set_value(layer, weight, value):
    def change(path):
        with h5py.File(path, "r+") as file:
            file[f"model_weights/{layer}/{layer}/{weight}:0"][...] = value

    return change


def reshape(layer, weight, shape):
    def change(path):
        with h5py.File(path, "r+") as file:
            name = f"model_weights/{layer}/{layer}/{weight}:0"
            del file[name]
            file[name] = np.zeros(shape, np.float32)

    return change


def delete(name):
    def change(path):
        with h5py.File(path, "r+") as file:
            del file[name]

    return change


def config_text(text):
    def change(path):
        with h5py.File(path, "r+") as file:
            file.attrs["model_config"] = text

    return change


def strange_grid(path):
    with h5py.File(path, "r+") as file:
        file["model_grid"][5] += 1


def linked(name, external):
    """The same data, but behind a link: to another file, or to another place in this one."""

    def change(path):
        other = path.with_name("other.h5")
        other.write_bytes(path.read_bytes())
        with h5py.File(path, "r+") as file:
            file.move(name, "elsewhere")
            file[name] = h5py.ExternalLink(other.name, name) if external else (
                h5py.SoftLink("/elsewhere")
            )  # fmt: skip

    return change


def external_data(path):
    with h5py.File(path, "r+") as file:
        name = "model_weights/conv_2/conv_2/bias:0"
        values = file[name][()]
        path.with_name("bias.bin").write_bytes(values.tobytes())
        del file[name]
        file.create_dataset(
            name, values.shape, "f4", external=[(str(path.with_name("bias.bin")), 0, values.nbytes)]
        )


def virtual_data(path):
    other = path.with_name("other.h5")
    other.write_bytes(path.read_bytes())
    with h5py.File(path, "r+") as file:
        name = "model_weights/conv_2/conv_2/bias:0"
        layout = h5py.VirtualLayout(file[name].shape, "f4")
        layout[:] = h5py.VirtualSource(str(other), name, file[name].shape)
        del file[name]
        file.create_virtual_dataset(name, layout)


def claimed(name, shape):
    """An array of a size that the file does not hold: HDF5 would make it of zeros."""

    def change(path):
        with h5py.File(path, "r+") as file:
            del file[name]
            file.create_dataset(name, shape, "f4", chunks=tuple(min(n, 100) for n in shape))

    return change


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (lambda path: path.unlink(), "cannot be read"),
        (lambda path: (path.unlink(), path.mkdir()), "cannot be read"),
        (lambda path: path.write_bytes(b""), "not an HDF5"),
        (lambda path: path.write_text("weights"), "not an HDF5"),
        (lambda path: path.write_bytes(pickle.dumps(Bomb())), "not an HDF5"),
        (zip_archive, "zip archive"),
        (lambda path: path.write_bytes(path.read_bytes()[:20000]), "truncated file"),
        (delete("model_weights"), "no model_weights"),
        (delete("model_weights/fc_box_3"), "kernel of layer fc_box_3 is missing"),
        (delete("model_weights/conv_2/conv_2/bias:0"), "bias of layer conv_2 is missing"),
        (set_value("conv_2", "kernel", np.nan), "not finite"),
        (set_value("fc_offset_6", "bias", np.inf), "not finite"),
        (set_value("batch_normalization_2", "moving_variance", -1), "negative variance"),
        (reshape("conv_2", "kernel", (10, 7, 6)), "has shape (10, 7, 6)"),
        (reshape("fc_common", "kernel", (300, 5)), "has shape (300, 5)"),
        (reshape("fc_box_0", "bias", (12,)), "has shape (12,)"),
        (config_text("not json"), "not a Keras 2 model"),
        (config_text('{"config": []}'), "not a Keras 2 model"),
        (strange_grid, "neither the log nor the linear grid"),
        (linked("model_weights", external=True), "is behind a link"),
        (linked("model_weights/conv_2", external=True), "is behind a link"),
        (linked("model_weights/conv_2/conv_2/kernel:0", external=True), "is behind a link"),
        (linked("model_weights/conv_2", external=False), "is behind a link"),
        (linked("model_grid", external=True), "is behind a link"),
        (external_data, "is kept in another file"),
        (virtual_data, "is kept in another file"),
        (claimed("model_weights/conv_2/conv_2/kernel:0", (10, 6, 10**12)), "claims"),
        (claimed("model_weights/fc_common/fc_common/kernel:0", (336, 10**10)), "claims"),
        (claimed("model_grid", (10**12,)), "claims"),
    ],
)
def test_bad_files_end_in_one_line(path, fault, says, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    fault(path)
    with pytest.raises(InputError) as error:
        weights.read_network(path)
    assert says in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "unpickled").exists()


def test_any_cut_or_flipped_file_is_refused_or_read(path):
    """No byte in the file makes anything but an InputError or a whole network."""
    whole = path.read_bytes()
    rng = np.random.default_rng(5)
    refused = 0
    for number in range(150):
        data = bytearray(whole)
        if number % 3 == 0:
            data = data[: rng.integers(len(data))]
        else:
            # The structure is in the first tenth and between the arrays.
            for place in rng.integers(len(data) if number % 3 == 1 else 4000, size=20):
                data[place] = rng.integers(256)
        path.write_bytes(data)
        try:
            network = weights.read_network(path)
            assert all(np.isfinite(array).all() for array in arrays(network))
        except InputError:
            refused += 1
    assert refused > 50


def test_an_ensemble_is_not_a_network_nor_a_network_an_ensemble(path, tmp_path):
    with pytest.raises(InputError, match="is not an ensemble"):
        weights.read_ensemble(path)
    weights.pack(tmp_path / "ensemble.h5", [weights.read_network(path)], {})
    with pytest.raises(InputError, match="no model_weights"):
        weights.read_network(tmp_path / "ensemble.h5")


def test_a_fault_in_an_ensemble_names_the_member(path, tmp_path):
    weights.pack(tmp_path / "ensemble.h5", [weights.read_network(path)], {})
    with h5py.File(tmp_path / "ensemble.h5", "r+") as file:
        del file["members/member-00/model_weights/fc_common"]
    with pytest.raises(InputError, match="member-00: kernel of layer fc_common is missing"):
        weights.read_ensemble(tmp_path / "ensemble.h5")


def test_a_member_in_another_file_is_refused(path, tmp_path):
    weights.pack(tmp_path / "ensemble.h5", [weights.read_network(path)], {})
    for name in ("members", "members/member-00"):
        other = tmp_path / f"{name.replace('/', '-')}.h5"
        with h5py.File(other, "w") as file:
            file[name] = h5py.ExternalLink("ensemble.h5", name)
        with pytest.raises(InputError, match=r"not an ensemble|not a group of the file itself"):
            weights.read_ensemble(other)


def test_an_ensemble_has_one_grid(tmp_path, program):
    """Whether its members come from one file or from several."""
    for name, grid in (("a", LOG), ("b", LINEAR)):
        weights.write_network(tmp_path / f"{name}.h5", random_network(grid=grid), {})
    members = [weights.read_network(tmp_path / f"{name}.h5") for name in "ab"]
    weights.pack(tmp_path / "mixed.h5", members, {})
    one_line = "b is on the linear grid, a on the log grid"
    with pytest.raises(InputError, match=one_line):
        weights.read_ensemble(tmp_path / "mixed.h5")
    packed = program("pack_ensemble.py", "--output", tmp_path / "ensemble.h5", "--weights",
                     tmp_path / "a.h5", tmp_path / "b.h5")  # fmt: skip
    assert packed.returncode == 2, packed.stderr
    assert one_line in packed.stderr
    assert not (tmp_path / "ensemble.h5").exists()


def test_the_grid_of_the_file_counts_not_what_attributes_say(path, tmp_path):
    with h5py.File(path, "r+") as file:
        file.attrs["grid"], file.attrs["lines"] = "linear", "BAL LYA"
    network = weights.read_network(path)
    assert network.attributes["grid"] == network.grid.kind == "log"
    wrong = replace(network, attributes={"grid": "linear", "lines": "none", "seed": "1"})
    weights.write_network(tmp_path / "again.h5", wrong, {"grid": "linear"})
    with h5py.File(tmp_path / "again.h5") as file:
        assert (file.attrs["grid"], file.attrs["seed"]) == ("log", "1")
        assert file.attrs["lines"] == " ".join(weights.OUTPUTS)


@pytest.mark.parametrize(
    "shape",
    [
        {"filters": 25, "layers": 4, "padding": "valid"},
        {"filters": 20, "layers": 6},
        {"filters": 8, "layers": 6, "grid": LINEAR},
        {"rescale": False},
    ],
)
def test_quasarnp_reads_ours_and_computes_the_same(tmp_path, monkeypatch, shape):
    """Against QuasarNP as it is, installed or at QUASARNP_PATH."""
    if "QUASARNP_PATH" in os.environ:
        monkeypatch.setattr(sys, "path", [os.environ["QUASARNP_PATH"], *sys.path])
    quasarnp = pytest.importorskip("quasarnp.io", reason="QuasarNP is not installed")
    network = random_network(**shape)
    weights.write_network(tmp_path / "a.h5", network, {})
    model, wavelength = quasarnp.load_model(tmp_path / "a.h5")
    np.testing.assert_allclose(wavelength, network.grid.wavelength, rtol=1e-12)
    spectra = np.random.default_rng(1).normal(size=(30, network.grid.size)).astype(np.float32)
    theirs = np.stack(model.predict(spectra[:, :, None]), axis=1)
    confidence, offset = inference.predict(network, spectra)
    np.testing.assert_allclose(confidence, theirs[..., :13], atol=5e-6)
    np.testing.assert_allclose(offset, theirs[..., 13:], atol=5e-6)


def test_a_file_system_without_locks(tmp_path):
    """DVS and parts of Lustre refuse them: the package asks for none, HDF5's reason is shown."""
    import shutil
    import subprocess

    from helpers.paths import PYTHON, ROOT

    if not shutil.which("gcc"):
        pytest.skip("needs gcc")
    source, library = tmp_path / "flock.c", tmp_path / "flock.so"
    source.write_text("#include <errno.h>\nint flock(int f, int o) { errno = 524; return -1; }\n")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    weights.write_network(tmp_path / "w.h5", random_network(), {})
    command = [PYTHON, ROOT / "workflow_scripts/pack_ensemble.py", "--weights", tmp_path / "w.h5"]
    command += ["--output", tmp_path / "ensemble.h5"]
    environment = {**os.environ, "LD_PRELOAD": str(library)}
    environment.pop("HDF5_USE_FILE_LOCKING", None)
    assert not subprocess.run(command, env=environment).returncode
    locked = environment | {"HDF5_USE_FILE_LOCKING": "TRUE"}
    result = subprocess.run(command, env=locked, capture_output=True, text=True)
    assert result.returncode == 2 and "unable to lock file" in result.stderr


def test_members_of_one_name_are_not_packed(tmp_path):
    networks = [replace(random_network(seed=seed), name="member-00") for seed in (1, 2)]
    with pytest.raises(InputError, match=r"e\.h5: would have two members member-00; give each"):
        weights.pack(tmp_path / "e.h5", networks, {})
