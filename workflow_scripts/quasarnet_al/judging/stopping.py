"""When to stop: what a round's labels changed, and whether another round pays.

Three signs, each of which alone misleads: whether the labels still corrected the ensemble
(the batch is what confuses it most, so some are always wrong), whether the pool still
holds spectra on which it disagrees, and whether the validation set noticed.
"""

import numpy as np

from quasarnet_al.judging.statistics import ratio, wilson

#: Another round pays while at least this share of a batch corrects the ensemble: one label
#: in five is then news.
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
        labels; None where no ensemble has learnt from them yet

    Returns
    -------
    wrong_share, low, high : of the batch whose class with most votes was another than the
        label's, with its 95 % interval
    disagreement : share of the pool on which the members do not all agree
    gain : after - before
    pays : whether another round does: True unless the whole interval lies below `WORTH`
        and the validation set did not gain
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
