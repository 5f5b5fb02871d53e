"""Acquisition functions: how uncertain an ensemble is about a spectrum; larger is more uncertain.

`MEASURES` take probabilities (n, K) over K classes: the fractions of an ensemble's votes ("query
by committee") or its members' mean probabilities (names with `mean_`). Settles 2009, "Active
Learning Literature Survey", sections 3.1 and 3.2; of a committee's votes the entropy is the "vote
entropy". `COMMITTEE` take the probabilities (members, n, K) of each member. `random` is the
baseline. The config, its documents, the score tables and the tests take the names from here.
"""

import numpy as np

from quasarnet_al.core import chance


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
    # Adding zero turns the -0.0 of a unanimous vote into 0.0, as tables should show it.
    return -(probabilities * logarithm).sum(axis=-1) + 0.0


def mutual_information(probabilities: np.ndarray) -> np.ndarray:
    """Return the information that a label gives about the members, (n,), in bits ("BALD").

    The entropy of the mean of `probabilities` (members, n, K) less the mean of the
    members' entropies: large where members are confident and disagree, zero where all are
    uncertain in the same way (Houlsby et al. 2011, arXiv 1112.5745, equation 2).
    """
    return entropy(probabilities.mean(axis=0)) - entropy(probabilities).mean(axis=0)


def positive(probabilities: np.ndarray) -> np.ndarray:
    """Return the mean probability, (n,), of all classes but the first (for quasars `NOT_QSO`).

    Not an uncertainty: it asks for what looks most like a quasar ("enrichment"), with which any
    strategy must be compared where quasars are rare.
    """
    return 1 - probabilities[..., 0].mean(axis=0)


#: Of the fractions of the votes, or of the members' mean probabilities, (n, K).
MEASURES = {"least_confidence": least_confidence, "margin": margin, "entropy": entropy}
#: Of each member's probabilities, (members, n, K).
COMMITTEE = {"mutual_information": mutual_information, "positive": positive}
#: What the config calls them.
NAMES = (*MEASURES, *(f"mean_{name}" for name in MEASURES), *COMMITTEE, "random")


def column(name: str) -> str:
    """Return the column of the score table that holds an acquisition function of `NAMES`."""
    return name.upper()


def columns(
    votes: np.ndarray, probabilities: np.ndarray, targetid: np.ndarray, seed: int
) -> dict[str, np.ndarray]:
    """Return the columns of all acquisition functions, and PREDICTED, (n,) each.

    PREDICTED is the number of the class with most votes, the first of those that tie.

    Parameters
    ----------
    votes : (n, K), fraction of the members that vote for each class
    probabilities : (members, n, K)
    targetid, seed : of the random baseline
    """
    found, mean = {}, probabilities.mean(axis=0)
    for name, measure in MEASURES.items():
        found[name] = measure(votes).astype(np.float32)
        found[f"mean_{name}"] = measure(mean).astype(np.float32)
    for name, measure in COMMITTEE.items():
        found[name] = measure(probabilities).astype(np.float32)
    found["random"] = chance.random(targetid, seed)
    found["predicted"] = votes.argmax(axis=1).astype(np.int16)
    return {column(name): values for name, values in found.items()}
