"""The experiment: what labels chosen by an arm are worth against labels chosen at random.

An arm is a way to choose batches. All arms of a seed start from the same labels and the
same ensemble. Each buys its batches from the pool, trains a new ensemble on all it has
after each, and is judged on the same validation set.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from quasarnet_al.learning import acquisition, selection, som

#: Draws of the bootstrap over seeds, and the interval that it gives.
DRAWS, INTERVAL = 2000, (2.5, 97.5)


def run_arm(
    arm: selection.Strategy,
    catalog: np.ndarray,
    units: np.ndarray,
    cells: som.Som,
    ensemble: object,
    score: Callable[[object], dict[str, np.ndarray]],
    train: Callable[[np.ndarray, int], object],
    judge: Callable[[object], dict],
    rounds: int,
    size: int,
    seed: int,
) -> list[dict]:
    """Run the rounds of one arm.

    Parameters
    ----------
    arm : how it selects
    catalog, units : of the pool, (n,): its CATALOG, and its MAP with BMU and QERR
    cells : the map
    ensemble : trained on the initial labels alone
    score : columns of the score table of the pool, by an ensemble
    train : an ensemble from the initial labels and those of rows (m,) of the pool, in a round
    judge : metrics of an ensemble on the validation set
    rounds, size : batches, and labels of each
    seed : of ties

    Returns
    -------
    the labels bought and the metrics, before the first batch and after each
    """
    targetid = catalog["TARGETID"]
    bought = np.zeros(0, int)
    found = [{"labels": 0, **judge(ensemble)}]
    for number in range(1, rounds + 1):
        candidates = selection.Candidates(
            score(ensemble)[acquisition.column(arm.acquisition)].astype(float),
            targetid,
            catalog["ARMS"],
            units["BMU"],
            units["QERR"],
            cells=int(np.prod(cells.shape)),
        )
        chosen, _ = selection.select(
            candidates, arm, size, seed, labelled=targetid[bought], excluded=targetid[:0]
        )
        bought = np.concatenate([bought, chosen])
        ensemble = train(bought, number)
        found.append({"labels": len(bought), **judge(ensemble)})
    return found


def labels_to_reach(labels: np.ndarray, curve: np.ndarray, level: float) -> float:
    """Return at how many labels a learning curve first reaches `level`, or infinity.

    `labels` and `curve` are (rounds + 1,); straight lines between the rounds.
    """
    (above,) = np.nonzero(curve >= level)
    if not len(above):
        return np.inf
    after = above[0]
    if after == 0:
        return float(labels[0])
    rise = (level - curve[after - 1]) / (curve[after] - curve[after - 1])
    return float(labels[after - 1] + rise * (labels[after] - labels[after - 1]))


def label_ratios(curves: pd.DataFrame, metric: str, baseline: str, seed: int) -> pd.DataFrame:
    """Return the labels that each arm needs to reach what `baseline` reaches at its end.

    Parameters
    ----------
    curves : columns arm, seed, labels and `metric`, a row a round
    seed : of the bootstrap

    Returns
    -------
    DataFrame with arm, label_ratio (of the curves' means over seeds, over the baseline's
    labels; infinite where the arm never gets there), low, high (95 % of bootstrap draws
    over seeds, the same for the arm and the baseline, which share what they start from),
    seeds
    """
    table = {
        arm: rows.pivot(index="seed", columns="labels", values=metric)
        for arm, rows in curves.groupby("arm", sort=False)
    }
    rng = np.random.default_rng(seed)
    seeds = len(table[baseline])
    draws = np.vstack([np.arange(seeds), rng.integers(seeds, size=(DRAWS, seeds))])
    level = table[baseline].to_numpy()[:, -1][draws].mean(axis=1)
    rows = []
    for arm, values in table.items():
        labels = values.columns.to_numpy()
        means = values.to_numpy()[draws].mean(axis=1)
        ratio = [
            labels_to_reach(labels, curve, wanted) / labels[-1]
            for curve, wanted in zip(means, level, strict=True)
        ]
        # No interpolation: it would be between a number and infinity.
        low, high = np.percentile(ratio[1:], INTERVAL, method="nearest")
        rows.append((arm, ratio[0], low, high, seeds))
    return pd.DataFrame(rows, columns=["arm", "label_ratio", "low", "high", "seeds"])
