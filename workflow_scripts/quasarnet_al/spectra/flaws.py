"""Flaws of spectra: what the reduction left in them, whatever the object is.

They are measured on the pixels of the arms. In the network's, 5 to 13 times as wide, cosmic rays
look like noise, and where arms do not fit together the step between them is gone.
"""

import numpy as np

#: A pixel is a spike that lies this many standard deviations above the mean of the two pixels
#: `REACH` away: half a resolution element of DESI or more, so that lines are hardly any.
SIGNIFICANT, REACH = 5, 2
#: Wavelengths (Angstrom) that two arms share (DESI Collaboration 2022, AJ 164, 207, table 2), and
#: how well their flux calibrations agree there.
OVERLAPS, CALIBRATION = ((5760, 5800), (7520, 7620)), 0.03
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
        self._pixels = 0
        self._spikes, self._missing = np.zeros((2, count), np.int32)
        #: Sums of flux x ivar, and of ivar, of the first and the second arm of each overlap.
        self._shared = np.zeros((len(OVERLAPS), 2, 2, count))

    def add_arm(self, wavelength: np.ndarray) -> list[tuple[int, int, slice]]:
        """Count the pixels of an arm, and return what of it `add` needs to know.

        Parameters
        ----------
        wavelength : (p,) increasing, Angstrom
        """
        self._pixels += len(wavelength)
        shared = []
        for number, (low, high) in enumerate(OVERLAPS):
            # The edges are pixels of both arms, as far as text of a decimal fraction can say.
            first, last = np.searchsorted(wavelength, (low - 0.01, high + 0.01))
            if last > first:
                # The second arm begins in the overlap.
                side = int(wavelength[0] > low - 1)
                shared.append((number, side, slice(first, last)))
        return shared

    def add(
        self,
        block: slice,
        shared: list[tuple[int, int, slice]],
        flux: np.ndarray,
        ivar: np.ndarray,
    ) -> None:
        """Measure some spectra in one arm.

        Parameters
        ----------
        block : which of the spectra
        shared : as `add_arm` returned it
        flux, ivar : float32 (m, p); ivar in 1/flux^2
        """
        with np.errstate(all="ignore"):  # pixels without data have no variance
            variance = 1 / ivar
            scatter = variance[:, : -2 * REACH] + variance[:, 2 * REACH :]
            scatter *= 0.25
            scatter += variance[:, REACH:-REACH]
            above = flux[:, : -2 * REACH] + flux[:, 2 * REACH :]
            above *= -0.5
            above += flux[:, REACH:-REACH]
            scatter *= SIGNIFICANT**2
            above *= np.abs(above)
            self._spikes[block] += np.count_nonzero(above > scatter, axis=1)
        self._missing[block] += flux.shape[1] - np.count_nonzero(ivar, axis=1)
        for number, side, pixels in shared:
            weight = ivar[:, pixels]
            weighted = np.where(weight > 0, flux[:, pixels], 0) * weight
            self._shared[number, side, :, block] = weighted.sum(axis=1), weight.sum(axis=1)

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
        missing = self._missing / max(self._pixels, 1)
        return np.max([self._spikes / SPIKES, missing / MISSING, step / STEP], 0).astype(np.float32)
