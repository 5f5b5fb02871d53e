"""The wavelength grid that QuasarNET sees, and the lines that it finds."""

from dataclasses import dataclass

import numpy as np

#: Vacuum rest wavelengths in Angstrom, in the order of QuasarNET's outputs. The names
#: are the ones of the afterburner's tables (C_LYA, Z_CIV ...); the values QuasarNP's.
LINES = {
    "LYA": 1215.67,
    "CIV": 1548.2049,
    "CIII": 1908.734,
    "MgII": 2796.3511,
    "Hbeta": 4862.68,
    "Halpha": 6562.8,
}
#: The broad-absorption-line output looks for CIV(1548) too.
BAL_LINE = LINES["CIV"]
#: Each output divides the grid into this many boxes (Busca & Balland 2018, section 3).
BOXES = 13
#: km/s.
LIGHT_SPEED = 299792.458
#: The blue end of both grids, in Angstrom.
BLUE = 3600.0
#: Both end before it, in Angstrom.
RED = 10000.0
#: Wavelengths (Angstrom) that DESI's arms B and R, and R and Z, share
#: (DESI Collaboration 2022, AJ 164, 207, table 2).
OVERLAPS = ((5760, 5800), (7520, 7620))
#: First and last wavelength (Angstrom) that each of DESI's arms alone sees.
ALONE = {
    "B": (BLUE, OVERLAPS[0][0]),
    "R": (OVERLAPS[0][1], OVERLAPS[1][0]),
    "Z": (OVERLAPS[1][1], 9824),
}


@dataclass(frozen=True)
class Grid:
    """Pixels of constant width in log10(wavelength), or in wavelength.

    Attributes
    ----------
    kind : "log" or "linear"
    size : number of pixels
    step : pixel width, in dex or in Angstrom
    """

    kind: str
    size: int
    step: float

    @property
    def wavelength(self) -> np.ndarray:
        """Blue edges of the pixels, float64 (size,), Angstrom; QuasarNP's `model_grid`."""
        pixel = np.arange(self.size)
        if self.kind == "log":
            return 10 ** (np.log10(BLUE) + pixel * self.step)
        return np.round(BLUE + pixel * self.step, 1)

    def pixel(self, wavelength: np.ndarray) -> np.ndarray:
        """Return the fractional pixel of each wavelength (Angstrom); may lie off the grid."""
        if self.kind == "log":
            # The same operations as QuasarNP's `regrid`: wavelengths that lie on an
            # edge must round to the same side.
            edges = np.log10(self.wavelength)
            return (np.log10(wavelength) - edges[0]) / (edges[1] - edges[0])
        return np.round((np.asarray(wavelength) - BLUE) / self.step, 10)

    def to_wavelength(self, pixel: np.ndarray) -> np.ndarray:
        """Return the wavelength (Angstrom) of fractional pixels, as QuasarNP does.

        Linear interpolation between the pixels' edges, clamped at both ends.
        """
        return np.interp(pixel, np.arange(self.size), self.wavelength)


#: 443 pixels of 1e-3 dex from 3600 to 10000 A, the grid of the published weights.
LOG = Grid("log", 443, 1e-3)
#: 458 pixels of 13.6 A (17 DESI pixels) from 3600 A to 9824 A, QuasarNP's other grid.
LINEAR = Grid("linear", 458, 13.6)
GRIDS = {"log": LOG, "linear": LINEAR}
#: The 28 x 28 pixels of a handwritten digit, row by row; no wavelengths (see `digits`).
DIGIT = Grid("digit", 784, 1.0)


def grid_of_wavelength(wavelength: np.ndarray) -> Grid | None:
    """Return the known grid whose pixels are `wavelength`, or None."""
    for grid in GRIDS.values():
        if len(wavelength) == grid.size and np.allclose(wavelength, grid.wavelength, rtol=1e-6):
            return grid
    return None
