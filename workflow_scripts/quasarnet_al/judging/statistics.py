"""Statistics of shares and of redshift errors."""

import numpy as np

from quasarnet_al.spectra.grid import LIGHT_SPEED


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


def mean_interval(values: np.ndarray) -> tuple[float, float]:
    """Return the mean of a few values, and half of its 95 % interval (Student's t)."""
    from scipy import stats  # slow to import

    if len(values) < 2:
        return float(values.mean()), np.nan
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return float(values.mean()), float(half)
