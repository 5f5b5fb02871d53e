"""Inference: the fast network is the network."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from helpers.networks import keras_model, random_network
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
