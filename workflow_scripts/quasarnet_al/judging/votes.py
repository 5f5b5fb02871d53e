"""An ensemble's votes against the truth: calibration, confusion matrix, odd members."""

import numpy as np

from quasarnet_al.judging.statistics import ratio, sigma_nmad

#: A member is odd when it is worse than the others by more than both.
ODD_SHARE, ODD_SIGMA = 0.1, 5.0


def calibration(votes: np.ndarray, truth: np.ndarray, bins: int = 10) -> dict:
    """Return how well vote fractions agree with the probabilities that they look like.

    The reliability diagram of the class with most votes, and the expected calibration
    error: the mean over spectra of |share that is right - mean vote| of their bin (Guo et
    al. 2017, arXiv 1706.04599, equations 2 to 5).

    Parameters
    ----------
    votes : (n, K) fractions of the members
    truth : int (n,), the classes
    bins : of equal width between 1/K, which the winner has at least, and 1

    Returns
    -------
    expected_error (NaN without spectra), and bins: n, vote (the mean) and right (a share) of each
    """
    confidence, right = votes.max(axis=1), votes.argmax(axis=1) == truth
    edges = np.linspace(1 / votes.shape[1], 1, bins + 1)
    number = np.clip(np.searchsorted(edges, confidence) - 1, 0, bins - 1)
    count = np.bincount(number, minlength=bins)
    sums = [np.bincount(number, weights=x, minlength=bins) for x in (confidence, right)]
    filled = np.flatnonzero(count)
    error = ratio(float(np.abs(sums[0] - sums[1]).sum()), len(votes))
    return {
        "expected_error": error,
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
    """Return the accuracy of each member, and which members are much worse than the others.

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


def disputed(votes: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the rows whose label no member votes for, those with most votes for one class first.

    Arguments as in `calibration`; the label may be wrong, or the spectrum odd.
    """
    rows = np.flatnonzero(votes[np.arange(len(votes)), truth] == 0)
    return rows[np.argsort(-votes[rows].max(axis=1, initial=0), kind="stable")]


def mispredicted(votes: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the rows whose label is not the class with most votes, the worst first.

    The worst is the label that the fewest members voted for, then the one whose wrong
    class has the most votes. `votes` is (n, K), `truth` int (n,).
    """
    wrong = np.flatnonzero(votes.argmax(axis=1) != truth)
    own, most = votes[wrong, truth[wrong]], votes[wrong].max(axis=1)
    return wrong[np.lexsort((-most, own))]
