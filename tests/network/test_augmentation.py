"""Augmentation: what an epoch sees is a spectrum that might be, with its own redshift."""

import dataclasses

import numpy as np
import pytest

from quasarnet_al.network import augmentation
from quasarnet_al.network.recipe import Recipe
from quasarnet_al.spectra import rebin
from quasarnet_al.spectra.grid import GRIDS, LINES

LOG = GRIDS["log"]


def noisy(noise, n=400, seed=2):
    """Normalised spectra of a smooth continuum with a broad line and white noise."""
    rng = np.random.default_rng(seed)
    pixel = np.arange(LOG.size)
    flux = 5 + 2 * np.sin(pixel / 80) + 6 * np.exp(-0.5 * ((pixel - 200) / 5) ** 2)
    flux = flux + rng.normal(0, noise, (n, LOG.size))
    weight = np.full(flux.shape, 1 / noise**2, np.float32)
    return rebin.normalise((flux * weight).astype(np.float32), weight)[0], flux


def test_moved_spectra_are_those_of_their_new_redshift():
    """A line that was at one wavelength is where its new redshift puts it."""
    grid, rng = LOG, np.random.default_rng(3)
    z = rng.uniform(1.8, 2.4, 300)
    spectra = np.zeros((300, grid.size), np.float32)
    pixel = grid.pixel(LINES["CIV"] * (1 + z)).astype(int)
    spectra[np.arange(300), pixel] = 1
    moved, elsewhere = augmentation.shift(spectra, z, 7, grid, rng)
    assert len(np.unique(moved.argmax(axis=1) - pixel)) == 15  # all of -7 to 7 were drawn
    expected = grid.pixel(LINES["CIV"] * (1 + elsewhere)).astype(int)
    np.testing.assert_array_equal(moved.argmax(axis=1), expected)
    assert moved.dtype == np.float32


def test_moved_spectra_end_in_their_last_pixel():
    spectra = np.arange(443, dtype=np.float32)[None].repeat(40, axis=0)
    moved, z = augmentation.shift(spectra, np.zeros(40), 4, LOG, np.random.default_rng(1))
    by = np.round(np.log10(1 + z) / 1e-3).astype(int)
    for row, pixels in zip(moved, by, strict=True):
        np.testing.assert_array_equal(row, np.clip(np.arange(443) - pixels, 0, 442))


def test_other_grids_cannot_be_moved():
    with pytest.raises(ValueError, match="linear grid"):
        augmentation.shift(
            np.zeros((1, 458), np.float32), np.zeros(1), 1, GRIDS["linear"], np.random.default_rng()
        )


@pytest.mark.parametrize("noise", [0.1, 0.5, 2.0])
def test_the_noise_of_a_spectrum_is_found_in_it(noise):
    """Within 5 %, whatever its continuum and lines."""
    spectra, flux = noisy(noise)
    # Normalised: the noise is in units of the rms.
    expected = noise / flux.std(axis=1)
    level = augmentation.noise_level(spectra)
    assert level.shape == spectra.shape and level.dtype == np.float32
    np.testing.assert_allclose(np.median(level), np.median(expected), rtol=0.05)
    np.testing.assert_allclose(np.median(level, axis=0), np.median(expected), rtol=0.2)


def test_missing_data_have_no_noise():
    spectra, _ = noisy(1.0)
    spectra[:, :160] = -0.5
    assert (augmentation.noise_level(spectra)[:, :100] == 0).all()
    seen = augmentation.degrade(spectra, Recipe(noise=2), LOG, np.random.default_rng(1))
    # They stay constant: what is added to all pixels is the mean that normalising takes away.
    assert np.ptp(seen[:, :100], axis=1).max() < 1e-5


def test_noise_lowers_the_signal_to_noise_as_it_says():
    """Noise of k times a spectrum's own makes sqrt(1 + k^2) of it; k is uniform up to `noise`."""
    spectra, _ = noisy(0.5, n=2000)
    seen = augmentation.degrade(spectra, Recipe(noise=2), LOG, np.random.default_rng(1))

    # The line's height over the noise, before and after.
    def strength(values):
        height = values[:, 195:206].mean(axis=1) - values[:, 150:160].mean(axis=1)
        return height / np.median(augmentation.noise_level(values), axis=1)

    k = np.sqrt((np.median(strength(spectra)) / strength(seen)) ** 2 - 1 + 0j).real
    assert np.mean(k) == pytest.approx(1, abs=0.1)
    assert np.quantile(k, 0.9) == pytest.approx(1.8, abs=0.2)


@pytest.mark.parametrize("change", [{"noise": 1}, {"tilt": 0.1}, {"arm_offset": 0.1}])
def test_degraded_spectra_are_normalised(change):
    spectra, _ = noisy(0.5)
    seen = augmentation.degrade(spectra, Recipe(**change), LOG, np.random.default_rng(1))
    assert seen.dtype == np.float32
    assert not np.array_equal(seen, spectra)
    # As far as the weights are, which are estimated.
    np.testing.assert_allclose(seen.mean(axis=1), 0, atol=0.15)
    np.testing.assert_allclose(seen.std(axis=1), 1, atol=0.15)


def test_a_tilt_is_linear_and_a_step_is_an_arms():
    """Apart from the scale, which normalising changes."""
    spectra, _ = noisy(0.5)
    wavelength = LOG.wavelength
    tilted = augmentation.degrade(spectra, Recipe(tilt=0.3), LOG, np.random.default_rng(1))
    stepped = augmentation.degrade(spectra, Recipe(arm_offset=0.3), LOG, np.random.default_rng(1))
    for before, tilt, step in zip(spectra[:9], tilted, stepped, strict=False):
        # before * scale + added = after: the scale is that of the noise.
        scale = np.diff(tilt, 2).std() / np.diff(before, 2).std()
        assert np.diff(tilt - scale * before, 2).std() < 1e-3
        inside = wavelength < 5700
        scale = np.diff(step[inside], 2).std() / np.diff(before[inside], 2).std()
        added = step - scale * before
        for arm in (inside, (wavelength > 5850) & (wavelength < 7500), wavelength > 7650):
            assert np.ptp(added[arm]) < 1e-3


def test_a_recipe_without_augmentation_changes_nothing():
    spectra, _ = noisy(0.5)
    z = np.ones(len(spectra))
    assert not Recipe().varies
    seen, same = augmentation.vary(spectra, z, Recipe(), LOG, np.random.default_rng(1))
    assert seen is spectra and same is z


@pytest.mark.parametrize("key", ["shift", "noise", "tilt", "arm_offset"])
def test_each_key_varies_spectra_and_its_draws_are_the_seeds(key):
    recipe = dataclasses.replace(Recipe(), **{key: 1})
    assert recipe.varies
    spectra, _ = noisy(0.5)
    z = np.ones(len(spectra))
    one, two, other = (
        augmentation.vary(spectra, z, recipe, LOG, np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])
    assert (one[0] != other[0]).any() and np.isfinite(one[0]).all()
    # A redshift changes only where the spectrum moves.
    assert (one[1] != z).any() == (key == "shift")
