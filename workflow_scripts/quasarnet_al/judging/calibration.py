"""Calibrated class probabilities: those of an ensemble, corrected on labelled spectra.

Bias-corrected temperature scaling (Alexandari, Kundaje & Shrikumar 2020, arXiv 1901.06852, section
3): q_k is proportional to exp(s log p_k + b_k). The slope s (one over the temperature of Guo et al.
2017, arXiv 1706.04599) makes probabilities more or less extreme; the biases b_k correct what the
classes cost in `lines.class_probabilities`, where "no quasar" weighs c_thresh / (1 - c_thresh).
"""

from dataclasses import asdict, dataclass

import numpy as np

from quasarnet_al.core import chance
from quasarnet_al.judging import votes

#: Probabilities below this count as this.
SMALLEST = 1e-6
#: Weight of the squares of b and s - 1 in the fit, so that a class that the fit does not see
#: keeps a finite bias.
PRIOR = 1e-3


@dataclass(frozen=True)
class Calibration:
    """The correction.

    Attributes
    ----------
    slope : s
    bias : b_k of each class; the first is 0
    """

    slope: float
    bias: tuple[float, ...]

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the calibrated probabilities, float64 (n, K), of `probabilities` (n, K)."""
        logarithm = np.log(np.maximum(probabilities, SMALLEST))
        exponent = self.slope * logarithm + np.array(self.bias)
        weight = np.exp(exponent - exponent.max(axis=1, keepdims=True))
        return weight / weight.sum(axis=1, keepdims=True)


def fit(probabilities: np.ndarray, truth: np.ndarray) -> Calibration:
    """Return the correction that makes labelled spectra most likely (a convex problem).

    Parameters
    ----------
    probabilities : (n, K), the mean of the members'
    truth : int (n,), the classes
    """
    from scipy import optimize  # slow to import

    count, classes = probabilities.shape
    hot = truth[:, None] == np.arange(classes)

    def made(values: np.ndarray) -> Calibration:
        return Calibration(float(values[0]), (0.0, *values[1:].tolist()))

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        q = made(values)(probabilities)
        away = values - np.eye(classes)[0]
        logarithm = np.log(np.maximum(probabilities, SMALLEST))
        slope = ((q - hot) * logarithm).sum() / count
        bias = (q - hot).sum(axis=0)[1:] / count
        likelihood = -np.log(np.maximum(q[hot], 1e-300)).sum() / count
        gradient = np.concatenate([[slope], bias]) + 2 * PRIOR * away
        return float(likelihood + PRIOR * (away**2).sum()), gradient

    return made(optimize.minimize(loss, np.eye(classes)[0], jac=True, method="BFGS").x)


def judge(probabilities: np.ndarray, truth: np.ndarray, objects: np.ndarray) -> dict:
    """Calibrate on half of the objects and return how reliable the others' probabilities are.

    Parameters
    ----------
    probabilities, truth : as in `fit`
    objects : int64 (n,), one number for all spectra of an object, which are in the same half

    Returns
    -------
    slope, bias : the correction
    spectra : number of those that calibrated nothing
    raw, calibrated : `votes.calibration` of their probabilities
    """
    fitted = chance.random(objects, 0) < 0.5
    others = ~fitted
    correction = fit(probabilities[fitted], truth[fitted])
    return asdict(correction) | {
        "spectra": int(others.sum()),
        "raw": votes.calibration(probabilities[others], truth[others]),
        "calibrated": votes.calibration(correction(probabilities[others]), truth[others]),
    }
