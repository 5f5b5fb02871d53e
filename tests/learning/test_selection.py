"""Selection: the most confusing targets that are worth a label, and why not the others."""

import numpy as np

from quasarnet_al.learning import selection


def select(score, targetid=None, **options):
    count = len(score)
    arguments = {
        "arms": np.full(count, 7),
        "tie": np.arange(count) / count,
        "cell": np.arange(count),
        "outlier": {},
        "size": 2,
        "labelled": np.array([], np.int64),
        "excluded": np.array([], np.int64),
    }
    targetid = np.arange(count) if targetid is None else np.asarray(targetid)
    chosen, reason = selection.select(
        np.asarray(score, float), targetid, **{**arguments, **options}
    )
    return chosen.tolist(), reason.tolist()


def test_most_confusing_first():
    chosen, reason = select([0.1, 0.9, 0.5])
    assert chosen == [1, 2]
    assert reason == ["less confusing", "", ""]


def test_most_confusing_exposure_of_a_target_wins():
    chosen, reason = select([0.9, 0.8, 0.1, 0.2], targetid=[7, 7, 8, 8])
    assert chosen == [0, 3]
    assert reason == ["", "repeat exposure", "repeat exposure", ""]


def test_reasons():
    chosen, reason = select(
        [9, 8, 7, 6, 5, 4],
        labelled=np.array([0]),
        excluded=np.array([1]),
        arms=np.array([7, 7, 5, 7, 7, 7]),
        outlier={"sparse cell": np.array([0, 0, 0, 1, 0, 0], bool)},
    )
    assert chosen == [4, 5]
    assert reason == ["labelled", "excluded", "missing arm", "sparse cell", "", ""]


def test_a_poor_exposure_does_not_stand_in_for_a_target():
    """The most confusing exposure lacks an arm: the target is no choice (published rule)."""
    chosen, _ = select([0.9, 0.8, 0.1], targetid=[7, 7, 8], arms=np.array([3, 7, 7]))
    assert chosen == [2]


def test_equal_scores_are_ordered_by_tie():
    chosen, _ = select([1, 1, 1], tie=np.array([0.3, 0.1, 0.2]))
    assert chosen == [1, 2]


def test_diversity_spreads_over_cells():
    score, cell = [1.0, 0.9, 0.8, 0.5], np.array([3, 3, 3, 4])
    assert select(score, cell=cell)[0] == [0, 1]
    assert select(score, cell=cell, diversity=0.5)[0] == [0, 3]


def test_order_of_rows_does_not_matter():
    rng = np.random.default_rng(0)
    score, tie = rng.integers(0, 4, 500) / 4, rng.random(500)
    targetid, cell = rng.integers(0, 300, 500), rng.integers(0, 9, 500)
    order = rng.permutation(500)
    options = {"size": 40, "diversity": 0.3}
    first, _ = select(score, targetid, tie=tie, cell=cell, **options)
    second, _ = select(score[order], targetid[order], tie=tie[order], cell=cell[order], **options)
    assert targetid[first].tolist() == targetid[order][second].tolist()


def test_fewer_than_asked_for():
    chosen, reason = select([1.0], size=5)
    assert chosen == [0]
    assert reason == [""]
