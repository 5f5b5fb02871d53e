"""How good an ensemble is: purity, completeness, redshift errors, on objects of known truth."""

import numpy as np

LIGHT_SPEED = 299792.458  # km/s
#: A quasar's redshift is wrong beyond this, km/s (Busca & Balland 2018, section 4).
CATASTROPHIC = 6000.0
#: Confidence cuts at which purity and completeness are given.
CUTS = np.round(np.concatenate([np.arange(0.05, 0.95, 0.05), [0.95, 0.97, 0.98, 0.99, 0.995]]), 3)


def velocity(z: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the redshift error c (z - truth) / (1 + truth), km/s."""
    return LIGHT_SPEED * (z - truth) / (1 + truth)


def ratio(part: float, whole: float) -> float:
    """Return part / whole, NaN where there is no whole."""
    return part / whole if whole else np.nan


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
        },
        "bal": {
            "quasars": int(known_bal.sum()),
            "completeness": ratio(int((is_bal & called).sum()), int(is_bal.sum())),
            "purity": ratio(int((is_bal & called).sum()), int(called.sum())),
        },
        "curve": curve,
    }
