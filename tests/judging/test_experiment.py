"""The study of strategies: what a strategy buys, and how many labels it needs."""

import numpy as np
import pandas as pd
import pytest

from quasarnet_al.core.files import InputError
from quasarnet_al.judging import experiment
from quasarnet_al.learning import som
from quasarnet_al.learning.selection import Strategy
from quasarnet_al.spectra import pool

LABELS = np.array([0, 100, 200, 300, 400])


def curves(**arms):
    """Learning curves of strategies, each (seeds, 5)."""
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
    base = np.array([0.0, 0.1, 0.2, 0.3, 0.4])
    twice, half, worse = 2 * base, base / 2, -base
    assert experiment.label_ratio(LABELS, base, LABELS, base) == 1
    assert experiment.label_ratio(LABELS, twice, LABELS, base) == pytest.approx(0.5)
    # It ends where the baseline was with 200 labels.
    assert experiment.label_ratio(LABELS, half, LABELS, base) == pytest.approx(2)
    assert experiment.label_ratio(LABELS, worse, LABELS, base) == np.inf
    # Five times the labels per batch, and the same at each batch.
    assert experiment.label_ratio(5 * LABELS, base, LABELS, base) == pytest.approx(5)


def test_comparison():
    random = [[0.0, 0.1, 0.2, 0.3, 0.4]] * 3
    twice = 2 * np.array(random)
    arms = {"random": random, "twice": twice}
    table = experiment.compare(curves(**arms), "score", "random", 1).set_index("arm")
    assert list(table.index) == ["random", "twice"]
    np.testing.assert_allclose(table["label_ratio"], [1, 0.5])
    np.testing.assert_allclose(table["last"], [0.4, 0.8])
    np.testing.assert_allclose(table["gain"], [0, 0.4], atol=1e-12)
    # Seeds that agree leave no doubt.
    np.testing.assert_allclose(table["low"], table["label_ratio"])
    np.testing.assert_allclose(table["high"], table["label_ratio"])
    np.testing.assert_allclose(table["gain_error"], 0, atol=1e-12)
    assert (table["seeds"] == 3).all()


def test_end_ratios():
    """What a strategy has at the end, against chance with 1, 2 and 5 times the labels."""
    bought, merit = np.array([300.0, 600.0, 1500.0]), np.array([0.80, 0.90, 0.95])
    assert experiment.end_ratio(0.90, 300, bought, merit) == pytest.approx(0.5)
    assert experiment.end_ratio(0.80, 300, bought, merit) == pytest.approx(1)
    # Half of the way in the logarithm.
    assert experiment.end_ratio(0.85, 300, bought, merit) == pytest.approx(0.5**0.5)
    # Beyond what chance was tried with, and below it.
    assert experiment.end_ratio(0.99, 300, bought, merit) == pytest.approx(0.2)
    assert experiment.end_ratio(0.79, 300, bought, merit) == np.inf


def test_end_ratios_of_strategies():
    """The labels that chance needs after as many rounds, whatever it had with fewer."""
    table = curves(
        random=[[0.0, 0.1, 0.2, 0.3, 0.4]] * 3,
        asked=[[0.0, 0.0, 0.0, 0.0, 0.6]] * 3,
        more=[[0.0, 0.5, 0.5, 0.5, 0.6]] * 3,
    )
    table.loc[table["arm"] == "more", "labels"] *= 2
    found = experiment.compare(table, "score", "random", 1, ["more"]).set_index("arm")
    np.testing.assert_allclose(found["end_ratio"], [1, 0.5, 1])
    np.testing.assert_allclose(found[["end_low", "end_high"]].T, [found["end_ratio"]] * 2)
    assert "end_ratio" not in experiment.compare(table, "score", "random", 1)


def test_where_less_is_better():
    falls = {arm: 1 - np.array(rows) for arm, rows in {"random": [0, 0.1, 0.2, 0.3, 0.4],
             "twice": [0, 0.2, 0.4, 0.6, 0.8]}.items()}  # fmt: skip
    table = curves(**falls).rename(columns={"score": "redshift_catastrophic"})
    row = experiment.compare(table, "redshift_catastrophic", "random", 1).set_index("arm")
    assert row.loc["twice", "label_ratio"] == pytest.approx(0.5)
    assert row.loc["twice", "gain"] == pytest.approx(0.4)
    assert row.loc["twice", "last"] == pytest.approx(0.2)


def test_interval_widens_with_the_scatter_of_the_seeds():
    rng = np.random.default_rng(0)
    slope = np.linspace(0, 0.4, 5)

    def widths(scatter):
        noise = scatter * rng.normal(size=(2, 8, 1))
        arms = {"random": slope * (1 + noise[0]), "arm": 2 * slope * (1 + noise[1])}
        row = experiment.compare(curves(**arms), "score", "random", 1).set_index("arm").loc["arm"]
        assert row["low"] <= row["label_ratio"] <= row["high"]
        return row["high"] - row["low"], row["gain_error"]

    assert np.all(np.less(widths(0.01), widths(0.1)))


@pytest.mark.parametrize(
    "lost, fault",
    [
        ({"seed": 1}, "b-0: .*no seed 1"),
        ({"seed": 2, "labels": 400}, "b-2: .*seed 2"),
        ({"seed": 0, "labels": 0}, "b-0: .*seed 0"),
    ],
)
def test_curves_that_lack_a_seed_or_a_round_are_refused(lost, fault):
    table = curves(a=np.zeros((3, 5)), b=np.zeros((3, 5)))
    table["file"] = table["arm"] + "-" + table["seed"].astype(str)
    experiment.check_curves(table)
    here = (table["arm"] == "b") & (table[list(lost)] == pd.Series(lost)).all(axis=1)
    with pytest.raises(InputError, match=fault):
        experiment.check_curves(table[~here])


def test_figures_of_merit():
    metrics = {"average_precision": 0.5, "redshift": {"catastrophic": 0.1, "by_line": []}, "n": [1]}
    assert experiment.figures(metrics) == {"average_precision": 0.5, "redshift_catastrophic": 0.1}


def pool_of(count):
    catalog = pool.catalog(count)
    catalog["TARGETID"] = np.arange(count)
    catalog["ARMS"] = pool.ALL_ARMS
    cells = np.zeros(count, [("BMU", "i4"), ("QERR", "f4"), ("FLAW", "f4")])
    return catalog, cells, som.Som(np.zeros((2, 2, 3), np.float32), True)


def test_a_strategy_buys_what_its_score_asks_for_and_nothing_twice():
    seen = []

    def train(rows, number, previous):
        assert previous == number - 1
        seen.append(rows.tolist())
        return number

    start = experiment.Start(
        *pool_of(60),
        ensemble=0,
        # The rounds disagree on what is uncertain.
        score=lambda ensemble: {
            "ENTROPY": np.roll(np.arange(60.0), ensemble),
            "PREDICTED": np.zeros(60, int),
        },
        train=train,
        judge=lambda ensemble: {"score": ensemble / 10},
    )
    strategy = Strategy(acquisition="entropy", outliers="none")
    found = experiment.run_strategy(strategy, start, rounds=3, size=5, seed=1)
    assert seen[0] == [59, 58, 57, 56, 55]
    assert seen[1] == [*seen[0], 0, 54, 53, 52, 51]
    assert len(set(seen[2])) == 15
    assert found == [{"labels": 5 * n, "score": n / 10} for n in range(4)]
