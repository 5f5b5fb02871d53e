"""Acquisition: how confusing a spectrum is. Larger always means more confusing.

The measures of uncertainty take probabilities (n, K) over K classes: the fractions of
an ensemble's votes ("query by committee") or mean probabilities. Settles 2009, "Active
Learning Literature Survey", sections 3.1 and 3.2; on a committee's votes the entropy is
the "vote entropy".
"""

import numpy as np


def votes(classes: np.ndarray, n_classes: int = 3) -> np.ndarray:
    """Return the fraction float64 (n, K) of members that vote for each class.

    `classes` is an integer array (members, n) with values 0..K-1.
    """
    return (np.asarray(classes)[..., None] == np.arange(n_classes)).mean(axis=0)


def least_confidence(probabilities: np.ndarray) -> np.ndarray:
    """Return 1 - p1, (n,), with p1 the largest probability; at most 1 - 1/K."""
    return 1 - probabilities.max(axis=-1)


def margin(probabilities: np.ndarray) -> np.ndarray:
    """Return 1 - (p1 - p2), (n,), with p1 and p2 the two largest; 1 where they tie."""
    ranked = np.sort(probabilities, axis=-1)
    return 1 - (ranked[..., -1] - ranked[..., -2])


def entropy(probabilities: np.ndarray) -> np.ndarray:
    """Return the entropy, (n,), in bits: -sum p log2 p, at most log2 K."""
    logarithm = np.log2(probabilities, where=probabilities > 0, out=np.zeros(probabilities.shape))
    # Adding zero turns the -0.0 of a sure spectrum into 0.0, as tables should show it.
    return -(probabilities * logarithm).sum(axis=-1) + 0.0


def mutual_information(probabilities: np.ndarray) -> np.ndarray:
    """Return what a label tells about the members, (n,), in bits ("BALD").

    The entropy of the mean of `probabilities` (members, n, K) less the mean of the
    members' entropies: large where members are sure and disagree, zero where all are
    unsure in the same way (Houlsby et al. 2011, arXiv 1112.5745, equation 2).
    """
    return entropy(probabilities.mean(axis=0)) - entropy(probabilities).mean(axis=0)


#: Measures of one table of probabilities or vote fractions, by name.
METHODS = {"least_confidence": least_confidence, "margin": margin, "entropy": entropy}
