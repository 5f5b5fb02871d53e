"""The experiment: what an arm buys, and how many labels it needs."""

import numpy as np
import pandas as pd
import pytest

from quasarnet_al.judging import experiment
from quasarnet_al.learning import som
from quasarnet_al.learning.selection import Strategy
from quasarnet_al.spectra import pool

LABELS = np.array([0, 100, 200, 300, 400])


def curves(**arms):
    """Learning curves of several seeds an arm, (seeds, 5)."""
    return pd.DataFrame(
        [
            {"arm": arm, "seed": seed, "labels": labels, "score": value}
            for arm, table in arms.items()
            for seed, row in enumerate(np.atleast_2d(table))
            for labels, value in zip(LABELS, row, strict=True)
        ]
    )


@pytest.mark.parametrize(
    "curve, level, expected",
    [
        ([0.1, 0.2, 0.3, 0.4, 0.5], 0.25, 150),
        ([0.1, 0.2, 0.3, 0.4, 0.5], 0.5, 400),
        ([0.1, 0.5, 0.3, 0.4, 0.5], 0.5, 100),
        ([0.6, 0.5, 0.3, 0.4, 0.5], 0.5, 0),
        ([0.1, 0.2, 0.3, 0.4, 0.5], 0.6, np.inf),
    ],
)
def test_labels_to_reach(curve, level, expected):
    assert experiment.labels_to_reach(LABELS, np.array(curve), level) == pytest.approx(expected)


def test_label_ratios():
    random = [[0.0, 0.1, 0.2, 0.3, 0.4]] * 3
    twice = [[0.0, 0.2, 0.4, 0.6, 0.8]] * 3
    never = [[0.0, 0.0, 0.1, 0.1, 0.1]] * 3
    table = experiment.label_ratios(
        curves(random=random, twice=twice, never=never), "score", "random", 1
    )
    assert list(table.columns) == ["arm", "label_ratio", "low", "high", "seeds"]
    assert list(table["arm"]) == ["random", "twice", "never"]
    np.testing.assert_allclose(table["label_ratio"], [1, 0.5, np.inf])
    # Seeds that agree leave no doubt.
    np.testing.assert_allclose(table["low"], table["label_ratio"])
    np.testing.assert_allclose(table["high"], table["label_ratio"])
    assert (table["seeds"] == 3).all()


def test_interval_widens_with_the_scatter_of_the_seeds():
    rng = np.random.default_rng(0)
    slope = np.linspace(0, 0.4, 5)

    def width(scatter):
        noise = scatter * rng.normal(size=(2, 8, 1))
        table = experiment.label_ratios(
            curves(random=slope * (1 + noise[0]), arm=2 * slope * (1 + noise[1])),
            "score",
            "random",
            1,
        ).set_index("arm")
        assert (
            table.loc["arm", "low"] <= table.loc["arm", "label_ratio"] <= table.loc["arm", "high"]
        )
        return table.loc["arm", "high"] - table.loc["arm", "low"]

    assert width(0.01) < width(0.1)


def test_an_arm_buys_what_its_score_asks_for_and_nothing_twice():
    catalog = pool.catalog(60)
    catalog["TARGETID"] = np.arange(60)
    catalog["ARMS"] = pool.ALL_ARMS
    units = np.zeros(60, [("BMU", "i4"), ("QERR", "f4")])
    cells = som.Som(np.zeros((2, 2, 3), np.float32), True)
    seen = []

    def train(rows, number):
        seen.append(rows.tolist())
        return number

    found = experiment.run_arm(
        Strategy(acquisition="entropy", outliers="none"),
        catalog,
        units,
        cells,
        ensemble=0,
        # The rounds disagree on what is confusing.
        score=lambda ensemble: {"ENTROPY": np.roll(np.arange(60.0), ensemble)},
        train=train,
        judge=lambda ensemble: {"score": ensemble / 10},
        rounds=3,
        size=5,
        seed=1,
    )
    assert seen[0] == [59, 58, 57, 56, 55]
    assert seen[1] == [*seen[0], 0, 54, 53, 52, 51]
    assert len(set(seen[2])) == 15
    assert found == [{"labels": 5 * n, "score": n / 10} for n in range(4)]
