"""Flaws of spectra: what the reduction left in them, whatever the object is.

They are measured on the pixels of the arms. In the network's, 10 to 28 times as wide, cosmic rays
look like noise, and where arms do not fit together the step between them is gone.
"""

import numpy as np

from quasarnet_al.spectra.grid import OVERLAPS

#: A pixel is a spike that lies this many standard deviations above the mean of the two pixels
#: `REACH` away: half a resolution element of DESI or more, so that lines are hardly any.
SIGNIFICANT, REACH = 5, 2
#: How well the flux calibrations of two arms agree where they overlap.
CALIBRATION = 0.03
#: The measures of a spectrum at the limit: number of spikes, share of pixels without data, and
#: standard deviations between two arms' fluxes in an overlap. Of the mock survey's spectra without
#: a flaw 1 in 100 has more spikes, as many such a step, and none as many pixels without data.
SPIKES, MISSING, STEP = 20, 0.05, 4.0


class Flaws:
    """How flawed spectra look, measured arm by arm and block by block.

    Parameters
    ----------
    count : number of spectra, n
    """

    def __init__(self, count: int):
        self._pixels, self._spikes, self._missing = np.zeros((3, count), np.int32)
        self._work = np.empty(0, np.float32)
        #: Sums of flux x ivar, and of ivar, of the first and the second arm of each overlap.
        self._shared = np.zeros((len(OVERLAPS), 2, 2, count))

    def add(self, block: slice, wavelength: np.ndarray, flux: np.ndarray, ivar: np.ndarray) -> None:
        """Measure some spectra in one arm.

        Parameters
        ----------
        block : which of the spectra
        wavelength : (p,) increasing, Angstrom
        flux, ivar : float32 (m, p); ivar in 1/flux^2
        """
        self._spikes[block] += self._count_spikes(flux, ivar)
        self._pixels[block] += len(wavelength)
        self._missing[block] += np.count_nonzero(ivar == 0, axis=1)
        for number, (low, high) in enumerate(OVERLAPS):
            # The edges are pixels of both arms, as far as text of a decimal fraction can say.
            pixels = slice(*np.searchsorted(wavelength, (low - 0.01, high + 0.01)))
            weight = ivar[:, pixels]
            if weight.shape[1]:
                # The second arm begins in the overlap.
                side = int(wavelength[0] > low - 1)
                weighted = np.where(weight > 0, flux[:, pixels], 0) * weight
                self._shared[number, side, :, block] = weighted.sum(axis=1), weight.sum(axis=1)

    def _count_spikes(self, flux: np.ndarray, ivar: np.ndarray) -> np.ndarray:
        count, pixels = flux.shape[0], flux.shape[1] - 2 * REACH
        if self._work.size < 2 * count * pixels:
            self._work = np.empty(2 * count * pixels, np.float32)
        # Arrays that are used again: new ones would cost more than the arithmetic.
        above, square = self._work[: 2 * count * pixels].reshape(2, count, pixels)
        with np.errstate(all="ignore"):  # what has no data is compared with nothing
            np.add(flux[:, : -2 * REACH], flux[:, 2 * REACH :], out=above)
            above *= -0.5
            above += flux[:, REACH:-REACH]
            np.multiply(above, ivar[:, REACH:-REACH], out=square)
            square *= above
            # Its own variance shows that most pixels are none; the rest are asked for the others'.
            row, left = np.divmod(np.flatnonzero(square > SIGNIFICANT**2), pixels)
            variance = 1 / ivar[row, left + REACH]
            variance += (1 / ivar[row, left] + 1 / ivar[row, left + 2 * REACH]) / 4
            spike = above[row, left] > SIGNIFICANT * np.sqrt(variance)
        return np.bincount(row[spike], minlength=count)

    def measure(self) -> np.ndarray:
        """Return how flawed the spectra look, float32 (n,): above 1 they are.

        The largest of three measures, each over its limit. A step between arms counts where both
        have weight.
        """
        (first, first_weight), (second, second_weight) = np.moveaxis(self._shared, 0, 2)
        with np.errstate(all="ignore"):
            one, two = first / first_weight, second / second_weight
            variance = 1 / first_weight + 1 / second_weight
            variance += (CALIBRATION * (one + two) / 2) ** 2
            step = np.nan_to_num(np.abs(two - one) / np.sqrt(variance)).max(axis=0)
        missing = self._missing / np.maximum(self._pixels, 1)
        return np.max([self._spikes / SPIKES, missing / MISSING, step / STEP], 0).astype(np.float32)
