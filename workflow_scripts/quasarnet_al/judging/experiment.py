"""The study of query strategies: what labels are worth that a strategy asks for.

All strategies of a seed start from the same labels and the same ensemble. Each one's labels are
bought in batches from the pool; after each batch a new ensemble is trained on all labels, and is
judged on the same validation set. Chance is the baseline: a strategy's label ratio is the number
of labels that it needs, divided by the number that chance needs, for the same figure of merit.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from quasarnet_al.core.files import InputError
from quasarnet_al.judging.statistics import mean_interval
from quasarnet_al.learning import acquisition, selection, som

#: Number of bootstrap draws over seeds, and the percentiles of the interval that they give.
DRAWS, INTERVAL = 2000, (2.5, 97.5)
#: Figures of merit that are compared where the task has them, and whether more is better.
FIGURES = {
    "average_precision": True,
    "completeness_at_purity": True,
    "completeness_high_z": True,
    "redshift_catastrophic": False,
    "bal_average_precision": True,
    "accuracy": True,
}


@dataclass(frozen=True)
class Start:
    """What all strategies of a seed share.

    Attributes
    ----------
    catalog, cells : of the pool, (n,): its CATALOG, and its MAP with BMU, QERR and FLAW
    fitted : the map
    ensemble : trained on the initial labels alone
    score : returns the columns of the pool's score table, by an ensemble
    train : returns an ensemble from the initial labels and those of some rows (m,) of the pool;
        further arguments are the number of the round and the ensemble of the round before
    judge : returns the figures of merit of an ensemble on the validation set
    """

    catalog: np.ndarray
    cells: np.ndarray
    fitted: som.Som
    ensemble: Any
    score: Callable[[Any], dict[str, np.ndarray]]
    train: Callable[[np.ndarray, int, Any], Any]
    judge: Callable[[Any], dict]


def run_strategy(
    strategy: selection.Strategy, start: Start, rounds: int, size: int, seed: int
) -> list[dict]:
    """Run the rounds of one strategy.

    Parameters
    ----------
    rounds, size : number of batches, and labels of each
    seed : random seed of the choices

    Returns
    -------
    number of labels bought and figures of merit, before the first batch and after each
    """
    targetid = start.catalog["TARGETID"]
    bought = np.zeros(0, int)
    ensemble = start.ensemble
    found = [{"labels": 0, **start.judge(ensemble)}]
    for number in range(1, rounds + 1):
        scores = start.score(ensemble)
        candidates = selection.Candidates(
            scores[acquisition.column(strategy.acquisition)].astype(float),
            targetid,
            start.catalog["ARMS"],
            start.cells["BMU"],
            start.cells["QERR"],
            start.cells["FLAW"],
            cells=start.fitted.size,
            predicted=scores["PREDICTED"],
        )
        chosen, _ = selection.select(
            candidates, strategy, size, seed, labelled=targetid[bought], excluded=targetid[:0]
        )
        bought = np.concatenate([bought, chosen])
        ensemble = start.train(bought, number, ensemble)
        found.append({"labels": len(bought), **start.judge(ensemble)})
    return found


def figures(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of a task's metrics; those of a section are named `section_figure`."""
    found: dict[str, float] = {}
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            found |= {f"{name}_{inner}": number for inner, number in figures(value).items()}
        elif isinstance(value, float | int):
            found[name] = value
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


def label_ratio(
    labels: np.ndarray, curve: np.ndarray, base_labels: np.ndarray, base: np.ndarray
) -> float:
    """Return the labels that a strategy needs over those of the baseline, for the same merit.

    Where the strategy's curve reaches the baseline's last value, that is the level, and the
    ratio is at most 1. Where it does not, the level is the strategy's own last value, which the
    baseline reaches earlier, and the ratio is above 1; it is infinite where the baseline starts
    above that level: then the strategy's labels gained nothing.

    Parameters
    ----------
    labels, curve : of the strategy, (rounds + 1,), more is better
    base_labels, base : of the baseline
    """
    needed = labels_to_reach(labels, curve, base[-1])
    if np.isfinite(needed):
        return needed / base_labels[-1]
    enough = labels_to_reach(base_labels, base, curve[-1])
    return labels[-1] / enough if enough else np.inf


def end_ratio(value: float, labels: float, base_labels: np.ndarray, base: np.ndarray) -> float:
    """Return the labels of a strategy over those that chance needs after as many rounds.

    So both have trained as long, while a learning curve at fewer labels has also trained less where
    members go on from the round before. Between numbers of labels, merit is linear in their
    logarithm. The ratio is infinite where chance has more merit with the fewest; where it has less
    with the most, it is the ratio to these, and the true one is smaller.

    Parameters
    ----------
    value, labels : of the strategy after the last round: merit, more is better, and labels bought
    base_labels, base : of chance with several numbers of labels, increasing, (k,)
    """
    if value < base[0]:
        return np.inf
    needed = np.exp(labels_to_reach(np.log(base_labels), base, value))
    return labels / min(needed, base_labels[-1])


def check_curves(curves: pd.DataFrame) -> None:
    """Raise `InputError` where strategies cannot be compared: a round or a seed of one is missing.

    Parameters
    ----------
    curves : columns file (which each row is from), arm, seed and labels, a row per round
    """
    remedy = "give the curves of all seeds and rounds, made by run_arm.py"
    seeds = set(curves["seed"])
    for arm, rows in curves.groupby("arm", sort=False):
        if missing := seeds - set(rows["seed"]):
            fault = f"strategy {arm} has no seed {min(missing):g}, which another strategy has"
            raise InputError(rows["file"].iloc[0], fault, remedy)
        rounds = [(seed, set(of["labels"]), of) for seed, of in rows.groupby("seed")]
        # The seeds have the same numbers of labels: what most of them have is right.
        usual = max((labels for _, labels, _ in rounds), key=[r[1] for r in rounds].count)
        for seed, labels, of in rounds:
            if labels != usual:
                fault = f"the rounds of strategy {arm}, seed {seed:g}, are not at the numbers of "
                fault += f"labels of its other seeds ({min(labels ^ usual):g} differs)"
                raise InputError(of["file"].iloc[0], fault, remedy)


def compare(
    curves: pd.DataFrame, figure: str, baseline: str, seed: int, more: Sequence[str] = ()
) -> pd.DataFrame:
    """Compare strategies with the baseline in one figure of merit.

    Parameters
    ----------
    curves : columns arm, seed, labels and `figure`, a row per round; all strategies have the
        same seeds
    figure : less is better where `FIGURES` says so
    seed : random seed of the bootstrap
    more : strategies that choose as the baseline does, but buy more in each round

    Returns
    -------
    DataFrame with figure, arm, label_ratio (of the curves' means over seeds, see `label_ratio`),
    low, high (its 95 % interval from bootstrap draws of seeds, the same seeds for the strategy
    and the baseline, which share what they start from), last (mean at the end), gain (mean over
    seeds of the difference from the baseline at the end, above 0 where the strategy is better),
    gain_error (half of its 95 % interval, see `statistics.mean_interval`), seeds, and, where there
    are `more`, end_ratio (see `end_ratio`) with end_low and end_high
    """
    sign = 1 if FIGURES.get(figure, True) else -1
    table = {
        arm: sign * rows.pivot(index="seed", columns="labels", values=figure)
        for arm, rows in curves.groupby("arm", sort=False)
    }
    rng = np.random.default_rng(seed)
    seeds = len(table[baseline])
    draws = np.vstack([np.arange(seeds), rng.integers(seeds, size=(DRAWS, seeds))])
    base_labels = table[baseline].columns.to_numpy(float)
    means = {arm: values.to_numpy()[draws].mean(axis=1) for arm, values in table.items()}
    base = means[baseline]
    chance = sorted((baseline, *more), key=lambda arm: table[arm].columns[-1])
    bought = np.array([table[arm].columns[-1] for arm in chance], float)
    ends = np.stack([means[arm][:, -1] for arm in chance], axis=1)
    rows = []
    for arm, values in table.items():
        labels = values.columns.to_numpy(float)
        ratios = [
            label_ratio(labels, curve, base_labels, other)
            for curve, other in zip(means[arm], base, strict=True)
        ]
        # No interpolation: it would be between a number and infinity.
        low, high = np.percentile(ratios[1:], INTERVAL, method="nearest")
        last = values.to_numpy()[:, -1]
        gain, half = mean_interval(last - table[baseline].to_numpy()[:, -1])
        row = {"figure": figure, "arm": arm, "label_ratio": ratios[0], "low": low, "high": high}
        row |= {"last": sign * last.mean(), "gain": gain, "gain_error": half, "seeds": seeds}
        if more:
            found = [
                end_ratio(mean, labels[-1], bought, end)
                for mean, end in zip(means[arm][:, -1], ends, strict=True)
            ]
            row |= {"end_ratio": found[0]}
            row["end_low"], row["end_high"] = np.percentile(found[1:], INTERVAL, method="nearest")
        rows.append(row)
    return pd.DataFrame(rows)
