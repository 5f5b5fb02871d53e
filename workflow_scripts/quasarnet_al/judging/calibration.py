"""Calibration: class probabilities and redshift errors, corrected on labelled spectra.

Class probabilities:

Bias-corrected temperature scaling (Alexandari, Kundaje & Shrikumar 2020, arXiv 1901.06852, section
3): q_k is proportional to exp(s log p_k + b_k). The slope s (one over the temperature of Guo et al.
2017, arXiv 1706.04599) makes probabilities more or less extreme; the biases b_k correct what the
classes cost in `lines.class_probabilities`, where "no quasar" weighs c_thresh / (1 - c_thresh).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np

from quasarnet_al.core import chance
from quasarnet_al.judging import metrics, votes
from quasarnet_al.judging.statistics import velocity
from quasarnet_al.network import lines
from quasarnet_al.network.lines import Classification, Lines
from quasarnet_al.network.weights import Network
from quasarnet_al.spectra.grid import LIGHT_SPEED

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

    It changes nothing where there are no spectra.

    Parameters
    ----------
    probabilities : (n, K), the mean of the members'
    truth : int (n,), the classes
    """
    from scipy import optimize  # slow to import

    count, classes = probabilities.shape
    if not count:
        return Calibration(1.0, (0.0,) * classes)
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


#: A network's redshift error depends on how sure it is of the strongest line, more than on how many
#: lines agree or how far they are apart: edges of bins of that line's logit.
LOGITS = (5.0, 7.0, 9.0, 11.0)
#: Fewer quasars than this do not measure the error of a bin; that of all is taken.
ENOUGH = 30
#: Share of a normal variable within one standard deviation.
_ONE_SIGMA = 0.6827
#: Name of the attribute that keeps `Reliability` with a network's weights.
ATTRIBUTE = "reliability"


@dataclass(frozen=True)
class Reliability:
    """How far the results of one network can be trusted, measured on spectra that it did not learn.

    Attributes
    ----------
    c_thresh, n_thresh, z_split : cuts of the class probabilities that `calibration` corrects
    calibration : of the class probabilities
    redshift_kms : standard deviation of the redshift in the bins of `LOGITS` (km/s), if the lines
        are identified correctly
    """

    c_thresh: float
    n_thresh: int
    z_split: float
    calibration: Calibration
    redshift_kms: tuple[float, ...]

    def probability(self, found: Lines) -> np.ndarray:
        """Return the calibrated probability (n,) that each spectrum is a quasar's."""
        cuts = (self.c_thresh, self.n_thresh, self.z_split)
        return 1 - self.calibration(lines.class_probabilities(found.c, found.z, *cuts))[:, 0]

    def redshift_error(self, found: Lines) -> np.ndarray:
        """Return the standard deviation (n,) of each spectrum's redshift."""
        z = lines.combined_redshift(found.c, found.z)
        return np.array(self.redshift_kms)[_strength(found)] * (1 + z) / LIGHT_SPEED

    def attribute(self) -> dict[str, str]:
        """Return what is kept with the network's weights."""
        return {ATTRIBUTE: json.dumps(asdict(self))}


def _strength(found: Lines) -> np.ndarray:
    """Return the bin (n,) of each spectrum's strongest line."""
    return np.digitize(np.log(lines.confidence_odds(found.c.max(axis=1))), LOGITS)


def measure(found: Lines, labels: np.ndarray, classification: Classification) -> Reliability:
    """Measure the reliability of a network.

    Parameters
    ----------
    found : the lines that it sees in n spectra it did not learn from
    labels : the truth, with SPECTYPE and Z, (n,)
    """
    cuts = (classification.c_thresh, classification.n_thresh, classification.z_split)
    truth = lines.true_classes(labels["SPECTYPE"], labels["Z"], classification.z_split)
    quasar = (labels["SPECTYPE"] == "QSO") & (found.c.max(axis=1) > classification.catalogue_cut)
    z = lines.combined_redshift(found.c, found.z)
    error = np.abs(velocity(z, np.where(quasar, labels["Z"], 0)))
    right = quasar & (error < metrics.CATASTROPHIC)
    strength = _strength(found)
    bins = [right & (strength == number) for number in range(len(LOGITS) + 1)]
    bins = [here if here.sum() >= ENOUGH else right for here in bins]
    errors = [
        float(np.quantile(error[here], _ONE_SIGMA)) if here.any() else np.nan for here in bins
    ]
    probabilities = lines.class_probabilities(found.c, found.z, *cuts)
    return Reliability(*cuts, fit(probabilities, truth), tuple(errors))


def balanced(network: Network, found: Lines, labels: np.ndarray) -> Network:
    """Return the network with a BAL output that misses as many as it invents at a cut of `BAL_CUT`.

    The loss gives the one box with the trough the weight of the 12 without, so confidences above
    0.5 begin where one spectrum in 13 has one. The bias of the boxes moves them, and nothing else.

    Parameters
    ----------
    found : the lines that the network sees in n spectra it did not learn from
    labels : with SPECTYPE and BAL, (n,)
    """
    known = (labels["SPECTYPE"] == "QSO") & (labels["BAL"] >= 0)
    count = int((labels["BAL"][known] == 1).sum())
    if not 0 < count < known.sum():
        return network
    # As many are called as there are.
    cut = np.sort(found.c_bal[known].astype(np.float64))[-count - 1 : -count + 1 or None].mean()
    cut = np.clip(cut, 1e-6, 1 - 1e-6)
    # A cut of 0.5 is a logit of zero.
    output = network.boxes[-1]
    moved = output.bias - np.float32(np.log(cut / (1 - cut)))
    return replace(network, boxes=[*network.boxes[:-1], replace(output, bias=moved)])


def of_network(attributes: Mapping[str, object]) -> Reliability | None:
    """Return the reliability that a network's attributes hold; None where they do not."""
    if ATTRIBUTE not in attributes:
        return None
    try:
        values = json.loads(str(attributes[ATTRIBUTE]))
        correction = Calibration(
            float(values["calibration"]["slope"]), tuple(map(float, values["calibration"]["bias"]))
        )
        errors = tuple(map(float, values["redshift_kms"]))
        if len(errors) != len(LOGITS) + 1 or len(correction.bias) != len(lines.CLASSES):
            raise ValueError("wrong number of values")
        return Reliability(
            float(values["c_thresh"]),
            int(values["n_thresh"]),
            float(values["z_split"]),
            correction,
            errors,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"the attribute {ATTRIBUTE!r} cannot be read ({error})") from error
