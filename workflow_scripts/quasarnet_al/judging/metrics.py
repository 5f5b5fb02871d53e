"""Metrics of an ensemble on objects of known truth: purity, completeness, redshift errors."""

import itertools
from typing import TYPE_CHECKING

import numpy as np

from quasarnet_al.judging.statistics import ratio, sigma_nmad, velocity
from quasarnet_al.network.lines import Z_SPLIT, Classification, Lines, combined_redshift
from quasarnet_al.spectra.grid import LINES

if TYPE_CHECKING:
    import pandas as pd

#: A quasar's redshift is wrong beyond this, km/s (Busca & Balland 2018, section 4).
CATASTROPHIC = 6000.0
#: Purity at which the study of strategies and the gate compare completeness.
WANTED_PURITY = 0.99
#: A quasar has broad absorption lines where the BAL output exceeds this.
BAL_CUT = 0.5
#: Confidence cuts at which purity and completeness are given.
CUTS = np.round(np.concatenate([np.arange(0.05, 0.95, 0.05), [0.95, 0.97, 0.98, 0.99, 0.995]]), 3)
#: Bins of true redshift in which errors are given.
Z_EDGES = (0.0, 0.5, 1.0, 1.5, 2.1, 2.5, 3.0, 4.0, 7.0)


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
    cuts, every = np.sort(strength[right]), np.sort(strength)
    # How many exceed or equal each cut, which never separates spectra of equal strength.
    selected = len(every) - np.searchsorted(every, cuts)
    found = len(cuts) - np.searchsorted(cuts, cuts)
    return ratio(float((found / selected).sum()), quasars)


def completeness_at_purity(
    right: np.ndarray, strength: np.ndarray, quasars: int, wanted: float
) -> float:
    """Return the largest completeness of any cut whose purity is at least `wanted`, or 0.

    Arguments as in `average_precision`. A cut never separates spectra of equal strength.
    """
    order = np.argsort(-strength, kind="stable")
    found = np.cumsum(right[order])
    purity = found / np.arange(1, len(order) + 1)
    last = np.diff(strength[order], append=-np.inf) != 0
    return ratio(float(found[last & (purity >= wanted)].max(initial=0)), quasars)


def discards(flaw: np.ndarray, discarded: np.ndarray) -> "pd.DataFrame":
    """Return which spectra an outlier rule discarded, by flaw.

    Parameters
    ----------
    flaw : str (n,), "none" where there is none
    discarded : bool (n,)

    Returns
    -------
    DataFrame, a row per flaw and one "any flaw": spectra, discarded, recall (the share of
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


def redshift_errors(error: np.ndarray, bins: dict[str, np.ndarray]) -> list[dict]:
    """Return the redshift errors in the bins that are not empty.

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
    found: Lines, labels: np.ndarray, classification: Classification, cuts: np.ndarray = CUTS
) -> dict:
    """Return the metrics of one ensemble.

    Parameters
    ----------
    found : the lines that it sees in n spectra
    labels : the truth, with SPECTYPE, Z and BAL, (n,)
    classification : its `catalogue_cut` is that of the headline figures
    cuts : confidence cuts of the curve
    """
    confidence, c_bal, cut = found.c, found.c_bal, classification.catalogue_cut
    z, z_true, bal = combined_redshift(found.c, found.z), labels["Z"], labels["BAL"]
    is_qso = labels["SPECTYPE"] == "QSO"
    error = velocity(z, np.where(is_qso, z_true, 0))
    good_z = np.abs(error) < CATASTROPHIC
    strength = np.sort(confidence, axis=1)[:, -classification.n_thresh]
    curve = [{"cut": float(c)} | completeness_purity(is_qso, strength > c, good_z) for c in cuts]
    seen = is_qso & (strength > cut)
    high = is_qso & (z_true >= Z_SPLIT)
    error_seen = error[seen]
    precise = error_seen[np.abs(error_seen) < CATASTROPHIC]
    z_seen, line = z_true[seen], confidence.argmax(axis=1)[seen]
    edges = itertools.pairwise(Z_EDGES)
    by_redshift = {f"{a}–{b}": (z_seen >= a) & (z_seen < b) for a, b in edges}
    by_line = {name: line == k for k, name in enumerate(LINES)}
    known_bal = is_qso & (bal >= 0)
    is_bal, called = known_bal & (bal == 1), known_bal & (c_bal > BAL_CUT)
    return {
        "spectra": len(z),
        "quasars": int(is_qso.sum()),
        "cut": cut,
        **completeness_purity(is_qso, strength > cut, good_z),
        "average_precision": average_precision(is_qso & good_z, strength, int(is_qso.sum())),
        "completeness_at_purity": completeness_at_purity(
            is_qso & good_z, strength, int(is_qso.sum()), WANTED_PURITY
        ),
        "completeness_high_z": ratio(
            int((high & good_z & (strength > cut)).sum()), int(high.sum())
        ),
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
            "average_precision": average_precision(
                is_bal[known_bal], c_bal[known_bal], int(is_bal.sum())
            ),
        },
        "curve": curve,
    }
