"""Inference: the fast network is the network."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from helpers.networks import keras_model, random_network
from quasarnet_al.core.files import InputError
from quasarnet_al.network import inference, weights
from quasarnet_al.spectra import grid


def spectra(n, size=443, seed=1):
    return np.random.default_rng(seed).normal(size=(n, size)).astype(np.float32)


SHAPES = [
    {"filters": 25, "layers": 4, "padding": "valid", "units": 25},
    {"filters": 100, "layers": 6, "units": 100},
    {"filters": 100, "layers": 6, "units": 100, "grid": grid.LINEAR},
    {"filters": 7, "layers": 5, "padding": "valid", "grid": grid.LINEAR},
    {"filters": 3, "layers": 9, "rescale": False},
    {"filters": 4, "layers": 2},
    {"filters": 2, "layers": 1, "padding": "valid"},
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", [0, 1, 70])
def test_fast_equals_plain(shape, n):
    network = random_network(**shape)
    x = spectra(n, network.grid.size)
    for fast, plain in zip(
        inference.predict(network, x), inference.reference_forward(network, x), strict=True
    ):
        assert fast.dtype == np.float32
        assert fast.shape == plain.shape == (n, 7, 13)
        np.testing.assert_allclose(fast, plain, atol=5e-6)


@pytest.mark.parametrize("block", [4, 16, 64, 224, 300])
def test_any_block_size_is_right(monkeypatch, block):
    """The cutting in chunks of tiles leaves none out for any size."""
    monkeypatch.setattr(inference, "BLOCK", block)
    network = random_network(filters=10, layers=6)
    fast, _ = inference.predict(network, spectra(40))
    plain, _ = inference.reference_forward(network, spectra(40))
    np.testing.assert_allclose(fast, plain, atol=5e-6)


def test_toom_cook_is_exact():
    """In double precision the three matrices give the correlation itself."""
    outputs, taps, inputs = (np.asarray(x, dtype=np.float64) for x in inference._toom_cook())
    rng = np.random.default_rng(2)
    g, d = rng.normal(size=5), rng.normal(size=8)
    y = outputs[:, :8] @ ((taps @ g) * (inputs @ d))
    np.testing.assert_allclose(y, np.correlate(d, g, "valid"), atol=1e-13)


def test_threads_and_company_change_no_bit():
    network = random_network(filters=30, layers=6)
    predictor = inference.Predictor(network)
    x = spectra(101)
    one = np.stack(predictor(x))
    assert np.array_equal(one, np.stack(predictor(x, threads=2)))
    assert np.array_equal(one, np.stack(predictor(x, threads=5)))
    assert np.array_equal(one[:, :50], np.stack(predictor(x[:50])))
    other = x.copy()
    other[1::2] = 1e3
    assert np.array_equal(one[:, ::2], np.stack(predictor(other))[:, ::2])


@pytest.mark.filterwarnings("ignore:invalid value")
def test_bad_numbers_stay_in_their_spectrum():
    network = random_network(filters=30, layers=6)
    x = spectra(50)
    clean = np.stack(inference.predict(network, x))
    x[7, 100], x[8, :] = np.nan, np.inf
    found = np.stack(inference.predict(network, x))
    keep = np.ones(50, bool)
    keep[7:9] = False
    assert np.array_equal(clean[:, keep], found[:, keep])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_network_whose_output_is_not_finite_is_refused():
    """Every weight is a float32, but not every sum of them: the redshifts would be of box 0."""
    network = random_network()
    large = replace(network.common, kernel=network.common.kernel * np.float32(1e37))
    with pytest.raises(InputError, match="member-00: gives values that are not finite"):
        inference.predict(replace(network, common=large), 1e3 * spectra(50))


def test_the_wrong_grid_is_refused():
    with pytest.raises(ValueError, match=r"\(5, 458\)"):
        inference.predict(random_network(), spectra(5, 458))


def test_published_weights_on_real_spectra(shared_data):
    network = weights.read_network(shared_data / "quasarnp" / "test_weights.h5")
    x = np.load(shared_data / "quasarnp" / "coadd_x.npy")
    fast, offset = inference.predict(network, x)
    plain, offset_plain = inference.reference_forward(network, x)
    np.testing.assert_allclose(fast, plain, atol=5e-6)
    np.testing.assert_allclose(offset, offset_plain, atol=5e-6)
    # It sees something: a network read in the wrong order sees nothing, or all.
    assert 0.1 < (plain[:, :6].max(axis=(1, 2)) > 0.95).mean() < 0.9


def test_import_stays_light():
    code = "import sys, quasarnet_al.network.inference; print(*sys.modules)"
    library = Path(inference.__file__).parents[2]
    run = [sys.executable, "-c", code]
    modules = subprocess.run(run, cwd=library, capture_output=True, text=True, check=True).stdout
    assert not {"tensorflow", "pandas", "scipy", "threadpoolctl"} & set(modules.split())


@pytest.mark.slow
@pytest.mark.parametrize(
    "shape",
    [
        {"filters": 25, "layers": 4, "padding": "valid", "units": 25},
        {"filters": 100, "layers": 6, "units": 100},
        {"filters": 25, "layers": 5, "padding": "same", "grid": grid.LINEAR, "rescale": False},
    ],
)
def test_tensorflow_agrees(shape):
    keras = pytest.importorskip("keras")
    network = random_network(**shape, seed=4)
    model = keras_model(keras, network)
    x = spectra(64, network.grid.size)
    theirs = np.asarray(model(x[:, :, None]))
    for forward in (inference.reference_forward, inference.predict):
        confidence, offset = forward(network, x)
        np.testing.assert_allclose(confidence, theirs[:, :, 0], atol=5e-6)
        np.testing.assert_allclose(offset, theirs[:, :, 1], atol=5e-6)


def published_model(keras, path):
    """The network of a Keras 2 file, layer by layer as its model_config says, in Keras 3."""
    made = {}
    with h5py.File(path) as file:
        for entry in json.loads(file.attrs["model_config"])["config"]["layers"]:
            kind, config = entry["class_name"], entry["config"]
            sources = [made[source[0]] for node in entry["inbound_nodes"] for source in node]
            if kind == "InputLayer":
                made[entry["name"]] = keras.Input(config["batch_input_shape"][1:])
                continue
            layer = {
                "Conv1D": lambda c: keras.layers.Conv1D(
                    c["filters"], c["kernel_size"], c["strides"], c["padding"]
                ),
                "BatchNormalization": lambda c: keras.layers.BatchNormalization(
                    epsilon=c["epsilon"]
                ),
                "Activation": lambda c: keras.layers.Activation(c["activation"]),
                "Dropout": lambda c: keras.layers.Dropout(c["rate"]),
                "Flatten": lambda c: keras.layers.Flatten(),
                "Dense": lambda c: keras.layers.Dense(c["units"], c["activation"]),
                "Lambda": lambda c: keras.layers.Rescaling(1.2, -0.1),
                "Concatenate": lambda c: keras.layers.Concatenate(),
            }[kind](config)
            made[entry["name"]] = layer(sources if len(sources) > 1 else sources[0])
            group = file[f"model_weights/{entry['name']}"]
            names = group.attrs["weight_names"]
            layer.set_weights([group[name][()] for name in names])
    return keras.Model(made["input_1"], [made[f"conc_box_{line}"] for line in range(7)])


@pytest.mark.slow
def test_tensorflow_agrees_on_the_published_weights(shared_data):
    """On real spectra; its model is built from the file without the reader of this package."""
    keras = pytest.importorskip("keras")
    path = shared_data / "quasarnp" / "test_weights.h5"
    x = np.load(shared_data / "quasarnp" / "coadd_x.npy")
    theirs = np.stack([np.asarray(y) for y in published_model(keras, path)(x[:, :, None])], axis=1)
    confidence, offset = inference.predict(weights.read_network(path), x)
    np.testing.assert_allclose(confidence, theirs[..., :13], atol=5e-6)
    np.testing.assert_allclose(offset, theirs[..., 13:], atol=5e-6)
