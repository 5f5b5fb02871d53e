"""Flawed spectra: what the reduction left in them, whatever the object is.

Two flaws leave a trace in a rebinned spectrum that no class of objects has: stretches without
data, which are flat, and residuals of the sky lines, which make the red end rough. Offsets and
tilts of an arm and cosmic rays do not: at 443 pixels they look like continua and noise.
"""

import numpy as np

from quasarnet_al.spectra.grid import GRIDS, Grid

#: Wavelengths (Angstrom) where the night sky's lines are dense, and where there are few
#: (Osterbrock et al. 1996, PASP 108, 277).
SKY_LINES, DARK = (7600, 9800), (4500, 7000)
#: A spectrum with a larger share of flat pixels has stretches without data: the mock survey's
#: have at least 0.085, its others at most 0.016, of which 0.014 lie beyond DESI's range.
GAPS = 0.03
#: The measure of these: more than any residual of the sky, and finite, as tables must be.
MISSING = 1e6


def measure(spectra: np.ndarray, grid: Grid) -> np.ndarray:
    """Return how flawed spectra look, float32 (n,).

    The roughness among the sky's lines over that in the dark: medians of a pixel's absolute
    distance from the mean of its two neighbours, which neither continuum nor broad lines
    contribute to. `MISSING` where data are missing (see `GAPS`); zero on a grid without
    wavelengths.
    """
    if grid.kind not in GRIDS:
        return np.zeros(len(spectra), np.float32)
    flat = (np.diff(spectra, axis=1) == 0).mean(axis=1)
    distance = np.abs(spectra[:, 1:-1] - (spectra[:, :-2] + spectra[:, 2:]) / 2)
    inner = grid.wavelength[1:-1]
    sky, dark = (
        np.median(distance[:, (inner > low) & (inner < high)], axis=1)
        for low, high in (SKY_LINES, DARK)
    )
    rough = np.divide(sky, dark, out=np.full_like(sky, MISSING), where=dark > 0)
    return np.where(flat > GAPS, MISSING, np.minimum(rough, MISSING)).astype(np.float32)
