"""Classification: from a network's boxes to lines, redshifts and classes."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from quasarnet_al.core.options import option
from quasarnet_al.spectra.grid import BAL_LINE, BOXES, LINES, Grid

#: The classes: not a quasar, a quasar below and above the redshift of the split.
CLASSES = ("NOT_QSO", "QSO_LOWZ", "QSO_HIGHZ")
#: Above this redshift the Lyman-alpha forest is in DESI's range: those are observed again.
Z_SPLIT = 2.1
#: Lines agree whose redshifts differ by less than this in ln(1 + z), which is 6000 km/s: beyond it
#: a redshift is wrong (Busca & Balland 2018, section 4).
AGREEMENT = 0.02


class Lines(NamedTuple):
    """The lines in n spectra, as a network or an ensemble sees them.

    Attributes
    ----------
    c : (n, 6), confidence of each line of `grid.LINES`
    z : float64 (n, 6), redshift where that line is in its most confident box
    c_bal : (n,), confidence of the broad absorption line
    """

    c: np.ndarray
    z: np.ndarray
    c_bal: np.ndarray


def line_redshifts(confidence: np.ndarray, offset: np.ndarray, grid: Grid) -> Lines:
    """Return the confidence and redshift of each line, as QuasarNP's `process_preds` does.

    Parameters
    ----------
    confidence, offset : (n, 7, 13), the output of `inference.predict`
    grid : the network's grid
    """
    box = confidence.argmax(axis=2)[..., None]
    best = np.take_along_axis(confidence, box, axis=2)[..., 0]
    inside = np.take_along_axis(offset, box, axis=2).astype(np.float64)
    pixel = ((box + inside) * grid.size / BOXES)[..., 0]
    rest = np.array([*LINES.values(), BAL_LINE])
    z = grid.to_wavelength(pixel) / rest - 1
    return Lines(best[:, :-1], z[:, :-1], best[:, -1])


def best_redshift(c: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return the redshift (n,) of the most confident line; `c` and `z` are (n, 6)."""
    return np.take_along_axis(z, c.argmax(axis=1)[:, None], axis=1)[:, 0]


def agreeing(c: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return (n, 6): the confidences of lines that agree with the most confident one, else 0."""
    apart = np.log((1 + z) / (1 + best_redshift(c, z))[:, None])
    return np.where(np.abs(apart) < AGREEMENT, c, 0)


def combined_redshift(c: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return the redshift (n,): the mean of the lines that agree, weighted by their confidences.

    The mean is that of ln(1 + z), in which each line's position has its error. It is more precise
    than the most confident line's (see docs/science.md). `c` and `z` are (n, 6).
    """
    weight = agreeing(c, z)
    total = weight.sum(axis=1)
    mean = (weight * np.log1p(z)).sum(axis=1) / np.where(total > 0, total, 1)
    return np.where(total > 0, np.expm1(mean), best_redshift(c, z))


def is_qso(c: np.ndarray, c_thresh: float, n_thresh: int) -> np.ndarray:
    """Return (n,), whether at least `n_thresh` lines exceed `c_thresh`; `c` is (n, 6)."""
    return (c > c_thresh).sum(axis=1) >= n_thresh


def classes(
    c: np.ndarray, z: np.ndarray, c_thresh: float, n_thresh: int, z_split: float = Z_SPLIT
) -> np.ndarray:
    """Return the class int (n,): 0 not a quasar, 1 quasar below `z_split`, 2 above or at it."""
    return np.where(is_qso(c, c_thresh, n_thresh), np.where(best_redshift(c, z) < z_split, 1, 2), 0)


def true_classes(spectype: np.ndarray, z: np.ndarray, z_split: float = Z_SPLIT) -> np.ndarray:
    """Return the class int (n,) of objects of known type and redshift."""
    return np.where(spectype == "QSO", np.where(z < z_split, 1, 2), 0)


def confidence_odds(c: np.ndarray) -> np.ndarray:
    """Return the odds c / (1 - c) of confidences, float64."""
    # A float32 sigmoid reaches 0 and 1; odds stay finite and ordered within these.
    c = np.clip(np.asarray(c, dtype=np.float64), 1e-12, 1 - 2.0**-25)
    return c / (1 - c)


def class_probabilities(
    c: np.ndarray, z: np.ndarray, c_thresh: float, n_thresh: int, z_split: float = Z_SPLIT
) -> np.ndarray:
    """Return one member's probability float64 (n, 3) of each class.

    Each confidence is trained by cross entropy to be the probability that its line lies
    in its box, so its odds o = c / (1 - c) weigh "a quasar with this line here" against
    "none". A cut at c_thresh is the optimal decision where a wrong quasar costs
    T = c_thresh / (1 - c_thresh) times a missed one (Elkan 2001, equation 2), the same
    as counting "not a quasar" T times. So, with one line asked for,

        P(not) : P(low z) : P(high z)  =  T : max o of lines at z < z_split : max o at or above

    and the most probable class is exactly the class of `classes` (two classes tie where
    float32 confidences on both sides of the split are equal). The strongest line on
    each side speaks for it, not a product over lines: the lines share one network and
    one redshift, so they are not independent evidence. Where `n_thresh` lines are asked for,
    T is raised by the odds of the strongest line over those of the `n_thresh`-th, which
    keeps the cut where `classes` has it.
    """
    odds = confidence_odds(c)
    high = z >= z_split
    low_z, high_z = (np.where(side, odds, 0).max(axis=1) for side in (~high, high))
    ranked = np.sort(odds, axis=1)[:, ::-1]
    not_qso = c_thresh / (1 - c_thresh) * ranked[:, 0] / ranked[:, n_thresh - 1]
    weight = np.stack([not_qso, low_z, high_z], axis=1)
    return weight / weight.sum(axis=1, keepdims=True)


#: The options of `Classification` on which votes and scores depend; metrics and catalogues depend
#: on all of them.
VOTING = ("c_thresh", "n_thresh", "z_split")


@dataclass(frozen=True)
class Classification:
    """From line confidences to classes: the config's `classification`."""

    c_thresh: float = option(
        0.95, "confidence above which a line counts in the members' votes", above=0, below=1
    )
    n_thresh: int = option(1, "number of lines that make a quasar", minimum=1, maximum=6)
    z_split: float = option(
        Z_SPLIT, "redshift that separates the classes low-z quasar and high-z quasar", above=0
    )
    catalogue_cut: float = option(
        0.5,
        "confidence cut of the headline metrics and of the catalogue; scores and batches do not "
        "depend on it",
        above=0,
        below=1,
    )


@dataclass(frozen=True)
class Viewing:
    """How a network looks at spectra; kept with its weights, and part of the config's `release`."""

    views: int = option(
        1,
        "number of positions, 6 pixels apart, in which it sees each spectrum: their mean has "
        "smaller errors, and takes as many times the time",
        minimum=1,
        maximum=9,
    )
    zero_point: float = option(
        0.0,
        "subtracted from its redshifts, as the velocity c dz / (1 + z), where others than those of "
        "its labels are wanted",
        unit="km/s",
        minimum=-1000,
        maximum=1000,
    )


#: As QuasarNP does.
PLAIN = Viewing()
