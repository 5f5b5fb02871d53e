"""When to stop: what a round's labels changed, and whether another round is worthwhile.

There are three signs, and each alone is misleading: whether the labels still corrected the
ensemble (it is most uncertain about the batch, so it is always wrong on some of it), whether the
pool still holds spectra on which the members disagree, and whether the metrics on the validation
set improved.
"""

import numpy as np

from quasarnet_al.judging.statistics import ratio, wilson

#: Another round is worthwhile while the ensemble is wrong on at least this share of a batch.
WORTH = 0.2


def advise(
    votes: np.ndarray, truth: np.ndarray, entropy: np.ndarray, before: float, after: float | None
) -> dict:
    """Return the signs of a round and the advice.

    Parameters
    ----------
    votes : (m, K), vote fractions of the labelled spectra of the batch
    truth : int (m,), their classes by the labels
    entropy : (n,), of the votes, of the pool, bits
    before, after : figure of merit on the validation set, without and with the round's
        labels; None where no ensemble was trained on them yet

    Returns
    -------
    wrong_share, low, high : share of the batch whose class with most votes differs from the
        label's, with its 95 % interval
    disagreement : share of the pool on which the members do not all agree
    gain : after - before
    pays : whether another round is worthwhile: True unless the whole interval lies below
        `WORTH` and the validation set did not improve
    """
    wrong = int((votes.argmax(axis=1) != truth).sum())
    low, high = wilson(wrong, len(truth))
    gain = None if after is None else after - before
    stop = high < WORTH and (gain is None or gain <= 0)
    return {
        "labels": len(truth),
        "wrong_share": ratio(wrong, len(truth)),
        "low": low,
        "high": high,
        "disagreement": float((entropy > 0).mean()),
        "gain": gain,
        "pays": not stop,
    }
