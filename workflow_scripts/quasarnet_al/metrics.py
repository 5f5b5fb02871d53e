"""How good an ensemble is: purity, completeness, redshift errors, on objects of known truth."""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from quasarnet_al.grid import LINES

if TYPE_CHECKING:
    import pandas as pd

LIGHT_SPEED = 299792.458  # km/s
#: A quasar's redshift is wrong beyond this, km/s (Busca & Balland 2018, section 4).
CATASTROPHIC = 6000.0
#: A redshift of the check of a release is right within this, |dz| / (1 + z).
RIGHT = 0.01
#: A member is odd when it is worse than the others by more than both.
ODD_SHARE, ODD_SIGMA = 0.1, 5.0
#: Confidence cuts at which purity and completeness are given.
CUTS = np.round(np.concatenate([np.arange(0.05, 0.95, 0.05), [0.95, 0.97, 0.98, 0.99, 0.995]]), 3)

#: Bins of true redshift in which errors are given.
Z_EDGES = (0.0, 0.5, 1.0, 1.5, 2.1, 2.5, 3.0, 4.0, 7.0)


def velocity(z: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the redshift error c (z - truth) / (1 + truth), km/s."""
    return LIGHT_SPEED * (z - truth) / (1 + truth)


def ratio(part: float, whole: float) -> float:
    """Return part / whole, NaN where there is no whole."""
    return part / whole if whole else np.nan


def wilson(part: float, whole: int, deviations: float = 1.96) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927, JASA 22, 209)."""
    if not whole:
        return 0.0, 1.0
    share, square = part / whole, deviations**2 / whole
    centre = share + square / 2
    half = deviations * np.sqrt(share * (1 - share) / whole + square / whole / 4)
    return float((centre - half) / (1 + square)), float((centre + half) / (1 + square))


def sigma_nmad(error: np.ndarray) -> float:
    """Return 1.4826 x the median absolute deviation from the median."""
    return float(1.4826 * np.median(np.abs(error - np.median(error)))) if len(error) else np.nan


def completeness_purity(is_qso: np.ndarray, found: np.ndarray, good_z: np.ndarray) -> dict:
    """Return completeness and purity of a selection of quasars.

    A quasar counts as found when it is selected with the right redshift; a selected
    object counts as pure when it is such a quasar (Busca & Balland 2018, section 4).
    """
    right = int((found & is_qso & good_z).sum())
    return {
        "completeness": ratio(right, int(is_qso.sum())),
        "purity": ratio(right, int(found.sum())),
        "selected": int(found.sum()),
    }


def average_precision(right: np.ndarray, strength: np.ndarray, quasars: int) -> float:
    """Return the area under purity against completeness, whatever the cut.

    The mean over the quasars of the purity at the cut that just selects each; a quasar
    with a wrong redshift is never selected and counts as 0 (Manning et al. 2008, section
    8.4). `right` is bool (n,), a quasar with the right redshift; `strength` (n,).
    """
    order = np.argsort(-strength, kind="stable")
    purity = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    return ratio(float(purity[right[order]].sum()), quasars)


def found_in_sets(spectra: "pd.DataFrame", cuts: Sequence[float]) -> "pd.DataFrame":
    """Return what a network finds in sets of known spectra, a row a set and cut.

    Parameters
    ----------
    spectra : a row a spectrum: SET, SPECTYPE, CONFIDENCE, and DZ = (Z_QN - Z) / (1 + Z)
    cuts : confidences above which a spectrum is taken for a quasar

    Returns
    -------
    DataFrame : set, cut; quasars, found, right (found, with |DZ| < `RIGHT`); completeness =
        right / quasars; others, and how many of them are taken for quasars
    """
    import pandas as pd  # takes longer to start than the rest

    rows = []
    for (name, group), cut in itertools.product(spectra.groupby("SET", sort=False), cuts):
        quasar, taken = group["SPECTYPE"] == "QSO", group["CONFIDENCE"] > cut
        right = int((quasar & taken & (group["DZ"].abs() < RIGHT)).sum())
        rows.append(
            {
                "set": name,
                "cut": cut,
                "quasars": int(quasar.sum()),
                "found": int((quasar & taken).sum()),
                "right": right,
                "completeness": ratio(right, int(quasar.sum())),
                "others": int((~quasar).sum()),
                "others_taken": int((~quasar & taken).sum()),
            }
        )
    return pd.DataFrame(rows)


def discards(flaw: np.ndarray, discarded: np.ndarray) -> "pd.DataFrame":
    """Return what a rule for outliers discarded, by flaw.

    Parameters
    ----------
    flaw : str (n,), "none" where there is none
    discarded : bool (n,)

    Returns
    -------
    DataFrame, a row a flaw and one "any flaw": spectra, discarded, recall (the share of
    those spectra that is discarded), precision (their share of all that is discarded) and
    base (their share of all, the precision of discarding at random)
    """
    import pandas as pd  # takes longer to start than the rest

    groups = {name: flaw == name for name in np.unique(flaw)}
    groups["any flaw"] = flaw != "none"
    rows = [
        {
            "flaw": name,
            "spectra": int(here.sum()),
            "discarded": int((here & discarded).sum()),
            "recall": ratio(int((here & discarded).sum()), int(here.sum())),
            "precision": ratio(int((here & discarded).sum()), int(discarded.sum())),
            "base": ratio(int(here.sum()), len(flaw)),
        }
        for name, here in groups.items()
    ]
    return pd.DataFrame(rows)


def calibration(votes: np.ndarray, truth: np.ndarray, bins: int = 10) -> dict:
    """Return how far vote fractions are the probabilities that they look like.

    The reliability diagram of the class with most votes, and the expected calibration
    error: the mean over spectra of |share that is right - mean vote| of their bin (Guo et
    al. 2017, arXiv 1706.04599, equations 2 to 5).

    Parameters
    ----------
    votes : (n, K) fractions of the members
    truth : int (n,), the classes
    bins : of equal width between 1/K, which the winner has at least, and 1
    """
    confidence, right = votes.max(axis=1), votes.argmax(axis=1) == truth
    edges = np.linspace(1 / votes.shape[1], 1, bins + 1)
    number = np.clip(np.searchsorted(edges, confidence) - 1, 0, bins - 1)
    count = np.bincount(number, minlength=bins)
    sums = [np.bincount(number, weights=x, minlength=bins) for x in (confidence, right)]
    filled = np.flatnonzero(count)
    error = np.abs(sums[0] - sums[1]).sum() / max(1, len(votes))
    return {
        "expected_error": float(error),
        "bins": [
            {"n": int(count[k]), "vote": sums[0][k] / count[k], "right": sums[1][k] / count[k]}
            for k in filled
        ],
    }


def confusion_matrix(votes: np.ndarray, truth: np.ndarray) -> list[list[int]]:
    """Return counts (K, K), true class by class with most votes; arguments as `calibration`."""
    classes = votes.shape[1]
    pairs = np.bincount(truth * classes + votes.argmax(axis=1), minlength=classes**2)
    return pairs.reshape(classes, classes).tolist()


def members(classes: np.ndarray, truth: np.ndarray) -> dict:
    """Return how good each member is alone, and who is apart from the others.

    Parameters
    ----------
    classes : int (M, n), of each member
    truth : int (n,)

    Returns
    -------
    member_accuracy : share that each member classifies right, [M]
    odd_members : numbers of those below the median by more than `ODD_SHARE` and `ODD_SIGMA`
        of the members' own scatter (sigma_NMAD): they were trained wrongly, or not at all
    """
    right = (classes == truth).mean(axis=1)
    below = np.median(right) - right
    odd = below > max(ODD_SHARE, ODD_SIGMA * sigma_nmad(right))
    return {"member_accuracy": right.tolist(), "odd_members": np.flatnonzero(odd).tolist()}


def doubted(votes: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the rows whose label no member votes for, the surest of another class first.

    Arguments as in `calibration`; the label may be wrong, or the spectrum odd.
    """
    rows = np.flatnonzero(votes[np.arange(len(votes)), truth] == 0)
    return rows[np.argsort(-votes[rows].max(axis=1, initial=0), kind="stable")]


def surprises(votes: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the rows whose label is not the class with most votes, the worst first.

    The worst is the label that the fewest members voted for, then the one whose wrong
    class has the most votes. `votes` is (n, K), `truth` int (n,).
    """
    wrong = np.flatnonzero(votes.argmax(axis=1) != truth)
    own, most = votes[wrong, truth[wrong]], votes[wrong].max(axis=1)
    return wrong[np.lexsort((-most, own))]


def redshift_errors(error: np.ndarray, bins: dict[str, np.ndarray]) -> list[dict]:
    """Return how far redshifts are off in the bins that hold any.

    Parameters
    ----------
    error : (n,) of quasars, km/s
    bins : bool (n,) by the bin's name

    Returns
    -------
    of each: bin, quasars, catastrophic (how many), and of the others the median, low and
    high (16th and 84th percentile), km/s
    """
    rows = []
    for name, here in bins.items():
        if not here.any():
            continue
        precise = error[here & (np.abs(error) < CATASTROPHIC)]
        low, middle, high = np.percentile(precise, [16, 50, 84]) if len(precise) else [np.nan] * 3
        row = {"bin": name, "quasars": int(here.sum())}
        row |= {"catastrophic": int(here.sum()) - len(precise)}
        rows.append(row | {"low_kms": low, "median_kms": middle, "high_kms": high})
    return rows


def evaluate(
    confidence: np.ndarray,
    n_thresh: int,
    z: np.ndarray,
    c_bal: np.ndarray,
    spectype: np.ndarray,
    z_true: np.ndarray,
    bal: np.ndarray,
    cut: float,
    cuts: np.ndarray = CUTS,
) -> dict:
    """Return the metrics of one ensemble.

    Parameters
    ----------
    confidence : (n, 6) of each line
    n_thresh : lines above the cut that make a quasar
    z : (n,) redshift
    c_bal : (n,) confidence of the BAL output
    spectype, z_true, bal : the truth
    cut : confidence cut of the numbers that stand for the whole
    cuts : those of the curve
    """
    is_qso = spectype == "QSO"
    error = velocity(z, np.where(is_qso, z_true, 0))
    good_z = np.abs(error) < CATASTROPHIC
    strength = np.sort(confidence, axis=1)[:, -n_thresh]
    curve = [{"cut": float(c)} | completeness_purity(is_qso, strength > c, good_z) for c in cuts]
    seen = is_qso & (strength > cut)
    error_seen = error[seen]
    precise = error_seen[np.abs(error_seen) < CATASTROPHIC]
    z_seen, line = z_true[seen], confidence.argmax(axis=1)[seen]
    edges = itertools.pairwise(Z_EDGES)
    by_redshift = {f"{a}–{b}": (z_seen >= a) & (z_seen < b) for a, b in edges}
    by_line = {name: line == k for k, name in enumerate(LINES)}
    known_bal = is_qso & (bal >= 0)
    is_bal, called = known_bal & (bal == 1), known_bal & (c_bal > 0.5)
    return {
        "spectra": len(z),
        "quasars": int(is_qso.sum()),
        "cut": cut,
        **completeness_purity(is_qso, strength > cut, good_z),
        "average_precision": average_precision(is_qso & good_z, strength, int(is_qso.sum())),
        "redshift": {
            "quasars": int(seen.sum()),
            "median_kms": float(np.median(precise)) if len(precise) else np.nan,
            "sigma_nmad_kms": sigma_nmad(precise),
            "catastrophic": ratio(int((np.abs(error_seen) >= CATASTROPHIC).sum()), len(error_seen)),
            "by_redshift": redshift_errors(error_seen, by_redshift),
            "by_line": redshift_errors(error_seen, by_line),
        },
        "bal": {
            "quasars": int(known_bal.sum()),
            "completeness": ratio(int((is_bal & called).sum()), int(is_bal.sum())),
            "purity": ratio(int((is_bal & called).sum()), int(called.sum())),
        },
        "curve": curve,
    }
