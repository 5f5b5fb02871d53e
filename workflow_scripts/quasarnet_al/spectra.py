"""From a flux-calibrated spectrum to the normalised pixels that the network sees."""

import numpy as np

from quasarnet_al.grid import Grid

#: A normalised spectrum whose neighbouring pixels differ by this much is an artefact
#: (flux cut of the published active-learning training).
MAX_JUMP = 1e4


def rebin(
    flux: np.ndarray, ivar: np.ndarray, wavelength: np.ndarray, grid: Grid
) -> tuple[np.ndarray, np.ndarray]:
    """Sum flux x ivar, and ivar, of the input pixels that fall in each pixel of `grid`.

    Parameters
    ----------
    flux, ivar : (n, p); ivar in 1/flux^2
    wavelength : (p,) increasing, Angstrom

    Returns
    -------
    weighted, weight : float32 (n, grid.size)
    """
    pixel = np.floor(grid.pixel(wavelength)).astype(int)
    inside = np.flatnonzero((pixel >= 0) & (pixel < grid.size))
    weighted = np.zeros((len(flux), grid.size), np.float32)
    weight = np.zeros_like(weighted)
    if inside.size:
        inside = slice(inside[0], inside[-1] + 1)
        pixel = pixel[inside]
        # The wavelengths increase, so the pixels of a bin are neighbours.
        first = np.flatnonzero(np.diff(pixel, prepend=-1))
        ivar = ivar[:, inside]
        weighted[:, pixel[first]] = np.add.reduceat(flux[:, inside] * ivar, first, axis=1)
        weight[:, pixel[first]] = np.add.reduceat(ivar, first, axis=1)
    return weighted, weight


def normalise(weighted: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return spectra with ivar-weighted mean 0 and rms 1, and their S/N.

    Parameters
    ----------
    weighted, weight : (n, p) sums of flux x ivar and of ivar

    Returns
    -------
    spectra : float32 (n, p); rows without any weight, or constant, are NaN
    snr : float32 (n,) median of flux / error over the pixels that have weight
    """
    weight = weight.astype(np.float64)
    has_weight = weight > 0
    flux = np.divide(weighted, weight, out=np.zeros_like(weight), where=has_weight)
    ratio = np.where(has_weight, flux * np.sqrt(weight), np.nan)
    total = weight.sum(axis=1)
    snr = np.full(len(flux), np.nan, np.float32)
    if np.any(total > 0):
        snr[total > 0] = np.nanmedian(ratio[total > 0], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Pixels without weight hold 0 before the mean is subtracted, as in QuasarNP.
        mean = (flux * weight).sum(axis=1) / total
        flux -= mean[:, None]
        rms = np.sqrt((flux**2 * weight).sum(axis=1) / total)
        # What is left of a constant spectrum is the rounding of its float32 sums.
        flux /= np.where(rms > 1e-6 * np.abs(mean), rms, np.nan)[:, None]
    return flux.astype(np.float32), snr


def defect(spectra: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Say for each spectrum why it cannot be used: '' where it can, U16 (n,)."""
    reason = np.full(len(spectra), "", dtype="U16")
    with np.errstate(invalid="ignore"):
        jump = np.abs(np.diff(spectra, axis=1)).max(axis=1, initial=0) >= MAX_JUMP
    reason[jump] = "flux jump"
    reason[np.isnan(spectra).any(axis=1)] = "constant flux"
    reason[~(weight > 0).any(axis=1)] = "no weight"
    return reason
