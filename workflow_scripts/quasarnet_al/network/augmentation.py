"""Augmentation: training spectra that are varied anew in each epoch, so that few labels teach more.

Only what a spectrum holds is used, so that it works for any survey's: the noise is estimated from
the spectrum itself.
"""

import itertools

import numpy as np

from quasarnet_al.network.recipe import Recipe
from quasarnet_al.spectra.grid import OVERLAPS, Grid

#: Wavelengths (Angstrom) between which DESI's arms B, R and Z overlap.
ARM_EDGES = tuple((low + high) / 2 for low, high in OVERLAPS)
#: Pixels over which the noise is taken to be the same.
BLOCK = 40
#: Median of the absolute value of a normal variable of unit standard deviation.
_MEDIAN_NORMAL = 0.6745


def vary(
    spectra: np.ndarray,
    redshift: np.ndarray,
    recipe: Recipe,
    grid: Grid,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Return spectra and redshifts as an epoch sees them, by the keys of the recipe.

    Parameters
    ----------
    spectra : float32 (n, grid.size), normalised
    redshift : (n,)

    Returns
    -------
    spectra, redshift : moved by `shift`; then with noise and with errors of the flux calibration,
        normalised again
    """
    if recipe.shift:
        spectra, redshift = shift(spectra, redshift, recipe.shift, grid, rng)
    if recipe.noise or recipe.tilt or recipe.arm_offset:
        spectra = degrade(spectra, recipe, grid, rng)
    return spectra, redshift


def shift(
    spectra: np.ndarray, redshift: np.ndarray, most: int, grid: Grid, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Move spectra by whole pixels to other redshifts, which gives more training examples.

    A pixel of the log grid is a factor in wavelength, so a moved spectrum is that of the same
    object at 1 + z times a power of this factor. The sky's lines and the arms' edges move
    with it; a shift by a few pixels leaves them where they might be.

    Parameters
    ----------
    spectra : float32 (n, grid.size)
    redshift : (n,)
    most : largest shift in pixels, in either direction
    grid : the log grid, the only one on which a redshift is a shift

    Returns
    -------
    spectra, redshift : each moved by its own number of pixels
    """
    if grid.kind != "log":
        raise ValueError(f"spectra on a {grid.kind} grid cannot be moved to other redshifts")
    pixels = rng.integers(-most, most, len(spectra), endpoint=True)
    return moved(spectra, pixels), (1 + redshift) * 10 ** (pixels * grid.step) - 1


def moved(spectra: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Return spectra (n, p) moved to the red by `pixels`: each by its own (n,), or all by one (1,).

    The pixel at the end is repeated where nothing is known.
    """
    last = spectra.shape[1] - 1
    source = np.clip(np.arange(last + 1) - pixels[:, None], 0, last)
    return np.take_along_axis(spectra, source, axis=1)


def noise_level(spectra: np.ndarray) -> np.ndarray:
    """Return the standard deviation of the noise, float32 (n, p), estimated from the spectra.

    The second difference of white noise has a variance of 6 times that of the noise, and a
    continuum has hardly any. Medians over blocks of `BLOCK` pixels pass over lines; between the
    middles of the blocks the level is linear. It is zero where data are missing.
    """
    pixels = spectra.shape[1]
    roughness = np.abs(np.diff(spectra, 2, axis=1))
    edges = np.linspace(0, roughness.shape[1], max(1, pixels // BLOCK) + 1).astype(int)
    level = np.stack(
        [np.median(roughness[:, a:b], axis=1) for a, b in itertools.pairwise(edges)],
        axis=1,
    )
    middle = (edges[1:] + edges[:-1]) / 2 + 1
    # Row k of the matrix is 1 at the middle of block k and falls to 0 at its neighbours'.
    between = np.stack(
        [np.interp(np.arange(pixels), middle, unit) for unit in np.eye(len(middle))]
    ).astype(np.float32)
    return (level / (_MEDIAN_NORMAL * np.sqrt(6))).astype(np.float32) @ between


def degrade(
    spectra: np.ndarray, recipe: Recipe, grid: Grid, rng: np.random.Generator
) -> np.ndarray:
    """Add noise and errors of the flux calibration to normalised spectra, and normalise them again.

    Each spectrum gets its own amounts: noise of up to `noise` times its own; a slope from the blue
    to the red end, and a step for each arm, both normal with standard deviations of `tilt` and
    `arm_offset` times its rms.

    Parameters
    ----------
    spectra : float32 (n, grid.size)

    Returns
    -------
    float32 (n, grid.size), of mean 0 and rms 1 with weights from the estimated noise as far as
    `spectra` were
    """
    count, pixels = spectra.shape
    level = noise_level(spectra)
    added = rng.standard_normal(spectra.shape, dtype=np.float32) * level
    added *= (recipe.noise * rng.random((count, 1))).astype(np.float32)
    if recipe.tilt:
        slope = rng.normal(0, recipe.tilt, (count, 1)).astype(np.float32)
        added += slope * np.linspace(-1, 1, pixels, dtype=np.float32)
    if recipe.arm_offset:
        edges = np.ceil(grid.pixel(np.array(ARM_EDGES))).astype(int)
        arm = np.searchsorted(edges, np.arange(pixels), side="right")
        steps = rng.normal(0, recipe.arm_offset, (count, len(edges) + 1)).astype(np.float32)
        added += steps[:, arm]
    weight = np.zeros_like(level)
    np.divide(1, level**2, out=weight, where=level > 0)
    total = weight.sum(axis=1, keepdims=True)
    # A spectrum of which nothing is known stays as it is.
    weight /= np.where(total > 0, total, 1)
    added[total[:, 0] == 0] = 0
    mean = (weight * added).sum(axis=1, keepdims=True)
    variance = 1 + (weight * added * (2 * spectra + added)).sum(axis=1, keepdims=True) - mean**2
    return (spectra + added - mean) / np.sqrt(np.maximum(variance, 0.01))
