"""From a flux-calibrated spectrum to the normalised pixels that the network sees."""

import numpy as np

from quasarnet_al.spectra.grid import ALONE, Grid

#: A normalised spectrum whose neighbouring pixels differ by this much is an artefact
#: (flux cut of the published active-learning training).
MAX_JUMP = 1e4
#: Spectra that are normalised at a time.
BLOCK = 64
#: Bins that one product of matrices sums: more multiply more zeros, fewer are more calls.
GROUP = 8


class Bins:
    """The input pixels that fall in each pixel of a grid.

    They are summed as products with matrices of zeros and ones, a few bins at a time:
    BLAS needs 0.6 of the time of `np.add.reduceat`, which pays for each bin of each row.
    A value that is not finite may spread to the bins beside its own.

    Parameters
    ----------
    wavelength : (p,) increasing, Angstrom

    Attributes
    ----------
    pixel : slice or (m,), the grid's pixels that have any
    """

    def __init__(self, wavelength: np.ndarray, grid: Grid):
        pixel = np.floor(grid.pixel(wavelength)).astype(int)
        inside = np.flatnonzero((pixel >= 0) & (pixel < grid.size))
        self._inside = slice(inside[0], inside[-1] + 1) if inside.size else slice(0)
        pixel = pixel[self._inside]
        # The wavelengths increase, so the pixels of a bin are neighbours.
        first = np.flatnonzero(np.diff(pixel, prepend=-1))
        self.pixel = pixel[first]
        edges = np.append(first, len(pixel))
        number = np.repeat(np.arange(len(first)), np.diff(edges))
        self._groups = []
        for start in range(0, len(first), GROUP):
            stop = min(start + GROUP, len(first))
            seen = slice(edges[start], edges[stop])
            ones = (number[seen, None] == np.arange(start, stop)).astype(np.float32)
            self._groups.append((seen, slice(start, stop), ones))
        if self.pixel.size and self.pixel[-1] - self.pixel[0] + 1 == self.pixel.size:
            self.pixel = slice(self.pixel[0], self.pixel[-1] + 1)

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Return the sums (n, m) of `values` (n, p) over the input pixels of each `pixel`."""
        values = values[:, self._inside]
        total = np.empty((len(values), self._groups[-1][1].stop if self._groups else 0), np.float32)
        for seen, bins, ones in self._groups:
            np.matmul(values[:, seen], ones, out=total[:, bins])
        return total


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
    bins = Bins(wavelength, grid)
    weighted = np.zeros((len(flux), grid.size), np.float32)
    weight = np.zeros_like(weighted)
    weighted[:, bins.pixel] = bins.sum(flux * ivar)
    weight[:, bins.pixel] = bins.sum(ivar)
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
    spectra = np.empty(weighted.shape, np.float32)
    snr = np.empty(len(weighted), np.float32)
    # A block's arrays stay in the cache.
    for start in range(0, len(weighted), BLOCK):
        part = slice(start, start + BLOCK)
        snr[part] = _snr(weighted[part], weight[part])
        spectra[part] = _normalise(weighted[part], weight[part].astype(np.float64))
    return spectra, snr


def _snr(weighted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    has_weight = weight > 0
    count = has_weight.sum(axis=1, keepdims=True)
    ratio = np.full(weighted.shape, np.inf, np.float32)
    np.divide(weighted, np.sqrt(weight), out=ratio, where=has_weight)
    # Sorting puts the pixels without weight last; half of the rest lie before the median.
    ratio.sort(axis=1)
    middle = np.concatenate([np.maximum(count - 1, 0) // 2, count // 2], axis=1)
    snr = np.take_along_axis(ratio, middle, axis=1).mean(axis=1)
    return np.where(count[:, 0] > 0, snr, np.nan)


def _normalise(weighted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    flux = np.where(weight > 0, weight, 1)
    np.divide(weighted, flux, out=flux)
    total = weight.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Pixels without weight hold 0 before the mean is subtracted, as in QuasarNP.
        mean = (flux * weight).sum(axis=1) / total
        flux -= mean[:, None]
        rms = np.sqrt((flux**2 * weight).sum(axis=1) / total)
        # What is left of a constant spectrum is the rounding of its float32 sums.
        flux /= np.where(rms > 1e-6 * np.abs(mean), rms, np.nan)[:, None]
    return flux


def arms(weight: np.ndarray, grid: Grid) -> np.ndarray:
    """Return which of DESI's arms have weight, int16 (n,): bits 0, 1, 2 are B, R, Z.

    An arm counts where any pixel that it alone sees has weight, whichever instrument took the
    spectrum.
    """
    pixel = np.arange(grid.size)
    blue, red = grid.to_wavelength(pixel), grid.to_wavelength(pixel + 1)
    bits = np.zeros(len(weight), np.int16)
    for bit, (first, last) in enumerate(ALONE.values()):
        seen = weight[:, (blue >= first) & (red <= last)] > 0
        bits |= seen.any(axis=1).astype(np.int16) << bit
    return bits


def defect(spectra: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Say for each spectrum why it cannot be used: '' where it can, U16 (n,)."""
    reason = np.full(len(spectra), "", dtype="U16")
    with np.errstate(invalid="ignore"):
        jump = np.abs(np.diff(spectra, axis=1)).max(axis=1, initial=0) >= MAX_JUMP
    reason[jump] = "flux jump"
    reason[np.isnan(spectra).any(axis=1)] = "constant flux"
    reason[~(weight > 0).any(axis=1)] = "no weight"
    return reason
