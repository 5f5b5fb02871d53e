"""From pixels of a spectrograph to normalised pixels of the grid, counted by hand."""

import numpy as np
import pytest

from quasarnet_al.spectra import rebin
from quasarnet_al.spectra.grid import GRIDS, LOG


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_sums_are_those_of_the_bins(grid):
    rng = np.random.default_rng(0)
    wavelength = np.sort(rng.uniform(3000, 11000, 5000))  # beyond both ends
    flux, ivar = rng.normal(size=(2, 3, 5000)) ** 2
    weighted, weight = rebin.rebin(flux, ivar, wavelength, grid)
    pixel = np.floor(grid.pixel(wavelength)).astype(int)
    for number in (0, 17, grid.size - 1):
        here = pixel == number
        np.testing.assert_allclose(weight[:, number], ivar[:, here].sum(axis=1), rtol=1e-5)
        expected = (flux * ivar)[:, here].sum(axis=1)
        np.testing.assert_allclose(weighted[:, number], expected, rtol=1e-5)


def test_normalised_spectra_have_mean_0_and_rms_1_by_their_weights():
    rng = np.random.default_rng(1)
    weight = rng.uniform(0, 2, (70, LOG.size)) * (rng.random((70, LOG.size)) < 0.9)
    flux = rng.normal(5, 2, weight.shape)
    pixels, snr = rebin.normalise(flux * weight, weight)
    for spectrum, w in zip(pixels, weight, strict=True):
        assert np.average(spectrum, weights=w) == pytest.approx(0, abs=1e-5)
        assert np.average(spectrum**2, weights=w) == pytest.approx(1, abs=1e-5)
    seen = weight[0] > 0
    assert snr[0] == pytest.approx(np.median(flux[0, seen] * np.sqrt(weight[0, seen])), rel=1e-5)


def test_defects_are_named():
    weight = np.ones((4, 5))
    weight[1] = 0
    flux = np.array([[1.0, 2, 3, 4, 5], [0, 0, 0, 0, 0], [7, 7, 7, 7, 7], [1, 2, 3, 4, 5]])
    pixels, _ = rebin.normalise(flux * weight, weight)
    pixels[3, 2] = 2e4
    found = rebin.defect(pixels, weight)
    assert found.tolist() == ["", "no weight", "constant flux", "flux jump"]
