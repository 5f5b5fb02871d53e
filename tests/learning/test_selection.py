"""Selection: the most uncertain targets that are worth a label, and why not the others."""

from dataclasses import replace

import numpy as np
import pytest

from quasarnet_al.core.files import InputError
from quasarnet_al.learning import selection
from quasarnet_al.learning.selection import Candidates, Strategy

NONE = np.array([], np.int64)
EVERYTHING = Strategy(outliers="none")


def select(
    score, targetid=None, strategy=EVERYTHING, size=2, labelled=NONE, excluded=NONE, **columns
):
    count = len(score)
    known = {"arms": np.full(count, 7), "bmu": np.arange(count), "qerr": np.zeros(count)}
    known |= {"flaw": np.zeros(count)}
    known |= {"predicted": np.zeros(count, int)}
    known |= columns
    candidates = Candidates(
        np.asarray(score, float),
        np.arange(count) if targetid is None else np.asarray(targetid),
        **known,
        cells=known["bmu"].max() + 1,
    )
    chosen, reason = selection.select(candidates, strategy, size, 1, labelled, excluded)
    return chosen.tolist(), reason.tolist()


def test_most_uncertain_first():
    chosen, reason = select([0.1, 0.9, 0.5])
    assert chosen == [1, 2]
    assert reason == ["less confusing", "", ""]


def test_most_uncertain_exposure_of_a_target_wins():
    chosen, reason = select([0.9, 0.8, 0.1, 0.2], targetid=[7, 7, 8, 8])
    assert chosen == [0, 3]
    assert reason == ["", "repeat exposure", "repeat exposure", ""]


def test_reasons():
    chosen, reason = select(
        [9, 8, 7, 6, 5, 4],
        labelled=np.array([0]),
        excluded=np.array([1]),
        arms=np.array([7, 7, 5, 7, 7, 7]),
        # Four of the five cells hold one spectrum, the last two.
        bmu=np.array([0, 1, 2, 3, 4, 4]),
        strategy=Strategy(outliers="occupancy", percentile=50),
    )
    assert chosen == [4, 5]
    assert reason == ["labelled", "excluded", "missing arm", "sparse cell", "", ""]


def test_rules_for_outliers():
    columns = {"bmu": np.array([0, 1, 1, 1]), "qerr": np.array([0.0, 9.0, 1.0, 1.0])}

    def reasons(rule):
        strategy = Strategy(outliers=rule, percentile=50, error_percentile=90)
        return select([4, 3, 2, 1], strategy=strategy, **columns)[1]

    assert reasons("none") == ["", "", "less confusing", "less confusing"]
    assert reasons("occupancy") == ["sparse cell", "", "", "less confusing"]
    assert reasons("error") == ["", "far from cell", "", "less confusing"]
    assert reasons("both") == ["sparse cell", "far from cell", "", ""]


def test_a_poor_exposure_does_not_stand_in_for_a_target():
    """The most uncertain exposure lacks an arm: the target cannot be selected (published)."""
    chosen, _ = select([0.9, 0.8, 0.1], targetid=[7, 7, 8], arms=np.array([3, 7, 7]))
    assert chosen == [2]


def test_equal_scores_are_ordered_by_the_tie_breaker():
    targetid = np.array([11, 12, 13, 14])
    chosen, _ = select([1, 1, 1, 1], targetid, size=4)
    assert chosen == np.argsort(selection.tie_breaker(targetid, 1)).tolist() != [0, 1, 2, 3]


def test_diversity_spreads_over_cells():
    score, bmu = [1.0, 0.9, 0.8, 0.5], np.array([3, 3, 3, 4])
    assert select(score, bmu=bmu)[0] == [0, 1]
    spread = Strategy(outliers="none", diversity=0.5)
    assert select(score, bmu=bmu, strategy=spread)[0] == [0, 3]


def test_flawed_spectra_are_left_out():
    strategy = replace(EVERYTHING, outliers="flaws")
    flaw = np.array([50, 0.5, 1.2, 1, 0.6])
    _, reason = select([5, 4, 3, 2, 1], strategy=strategy, flaw=flaw)
    assert reason == ["flawed", "", "flawed", "", "less confusing"]


def test_a_balanced_batch_takes_turns_between_the_predicted_classes():
    score, predicted = [0.9, 0.8, 0.7, 0.6, 0.5], np.array([1, 1, 1, 0, 2])
    balanced = replace(EVERYTHING, balance=True)
    assert select(score, strategy=balanced, predicted=predicted, size=4)[0] == [0, 3, 4, 1]
    # A class that runs out leaves its places to the others.
    assert select(score, strategy=balanced, predicted=predicted, size=5)[0] == [0, 3, 4, 1, 2]


def test_order_of_rows_does_not_matter():
    rng = np.random.default_rng(0)
    score, order = rng.integers(0, 4, 500) / 4, rng.permutation(500)
    targetid, bmu = rng.permutation(500), rng.integers(0, 9, 500)
    options = {"size": 40, "strategy": Strategy(outliers="occupancy", diversity=0.3)}
    first, _ = select(score, targetid, bmu=bmu, **options)
    second, _ = select(score[order], targetid[order], bmu=bmu[order], **options)
    assert targetid[first].tolist() == targetid[order][second].tolist()


def test_fewer_than_asked_for():
    chosen, reason = select([1.0], size=5)
    assert chosen == [0]
    assert reason == [""]


def test_sparse_cells_are_at_or_below_the_percentile():
    occupancy = np.arange(1, 21)  # the 15th percentile is 3.85
    assert np.array_equal(np.flatnonzero(selection.sparse_cells(occupancy, 15)), [0, 1, 2])
    occupancy = np.array([[5, 0, 9], [0, 7, 8]])
    assert np.array_equal(selection.sparse_cells(occupancy, 15), occupancy == 0)
    # Equality counts: the value at the percentile is itself sparse.
    assert selection.sparse_cells(np.array([1, 2, 3]), 50).tolist() == [True, True, False]
    assert selection.sparse_cells(np.array([2, 2, 2, 2, 5]), 15).sum() == 4


def test_what_lies_above_a_percentile():
    assert np.flatnonzero(selection.above(np.arange(101.0), 98)).tolist() == [99, 100]
    assert selection.above(np.array([np.inf, 1, 2, np.inf]), 50).tolist() == [
        True,
        False,
        False,
        True,
    ]
    assert selection.above(np.empty(0), 98).shape == (0,)


def test_a_selection_of_other_spectra_names_the_file_that_differs():
    rows = np.array([(1,), (2,), (3,)], [("TARGETID", "i8")])

    def check(*targetid):
        place = [0, 1, 1, 1][: len(targetid)]
        selection.check_spectra("s.fits", rows, np.array(targetid), ["a", "b"], np.array(place))

    check(1, 2, 3)
    for targetid, other in (((9, 2, 3), "a"), ((1, 2, 9), "b"), ((1, 2), "b"), ((1, 2, 3, 4), "b")):
        with pytest.raises(InputError, match=rf"s\.fits: .* {other};"):
            check(*targetid)
