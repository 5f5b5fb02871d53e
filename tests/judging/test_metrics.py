"""Metrics, on cases whose numbers can be counted by hand."""

import numpy as np
import pytest

from quasarnet_al.judging import metrics
from quasarnet_al.judging.statistics import sigma_nmad, wilson
from quasarnet_al.judging.votes import calibration
from quasarnet_al.network.lines import Classification, Lines
from quasarnet_al.spectra import pool


def evaluated(confidence, z, c_bal, spectype, z_true, bal, n_thresh=1):
    """Metrics at a cut of 0.5, of lines whose redshifts are all `z`."""
    labels = pool.labels(len(z), "test")
    labels["SPECTYPE"], labels["Z"], labels["BAL"] = spectype, z_true, bal
    found = Lines(confidence, np.repeat(z[:, None], 6, axis=1), c_bal)
    return metrics.evaluate(found, labels, Classification(n_thresh=n_thresh, catalogue_cut=0.5))


def test_wilson():
    # Wilson's interval of 0 of 10 is 0 to z^2 / (n + z^2); of 5 of 10 it is symmetric.
    assert wilson(0, 10) == pytest.approx((0, 3.8416 / 13.8416))
    low, high = wilson(5, 10)
    assert low + high == pytest.approx(1)
    assert wilson(0, 0) == (0, 1)


def test_counts():
    #            right  wrong z  missed  impostor  star
    spectype = np.array(["QSO", "QSO", "QSO", "GALAXY", "STAR"])
    z_true = np.array([2.0, 2.0, 1.0, 0.5, 0.0])
    z = np.array([2.001, 1.0, 1.0, 2.2, 3.0])
    confidence = np.zeros((5, 6))
    confidence[:, 1] = [0.9, 0.8, 0.2, 0.7, 0.1]
    bal = np.array([1, 0, -1, 0, 0])
    result = evaluated(confidence, z, np.array([0.9, 0.8, 0, 0, 0]), spectype, z_true, bal)
    assert result["quasars"] == 3
    assert result["completeness"] == pytest.approx(1 / 3)
    assert result["purity"] == pytest.approx(1 / 3)
    assert result["redshift"]["catastrophic"] == pytest.approx(1 / 2)
    assert result["redshift"]["median_kms"] == pytest.approx(299792.458 * 0.001 / 3)
    assert result["bal"] == {
        "quasars": 2, "completeness": 1.0, "purity": 0.5, "average_precision": 1.0
    }  # fmt: skip
    # No quasar lies at z > 2.1; above 0.8 all that is selected is right.
    assert np.isnan(result["completeness_high_z"])
    assert result["completeness_at_purity"] == pytest.approx(1 / 3)
    high = next(point for point in result["curve"] if point["cut"] == 0.85)
    assert high["purity"] == 1
    assert high["completeness"] == pytest.approx(1 / 3)


def test_completeness_at_purity():
    right = np.array([True, True, False, True, True, False])
    strength = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.5])
    assert metrics.completeness_at_purity(right, strength, 5, 1.0) == 2 / 5
    assert metrics.completeness_at_purity(right, strength, 5, 0.75) == 3 / 5
    # A cut cannot separate the last two: 4 of 6 are right.
    assert metrics.completeness_at_purity(right, strength, 5, 0.66) == 4 / 5
    assert metrics.completeness_at_purity(~right, strength, 5, 1.0) == 0


def test_two_lines_asked_for():
    confidence = np.array([[0.9, 0.8, 0, 0, 0, 0], [0.9, 0.1, 0, 0, 0, 0]])
    z = np.array([1.0, 1.0])
    result = evaluated(confidence, z, np.zeros(2), "QSO", z, 0, n_thresh=2)
    assert result["completeness"] == 0.5


def test_nothing_selected_has_no_purity():
    assert np.isnan(metrics.completeness_purity(*np.zeros((3, 4), bool))["purity"])


def test_sigma_nmad_is_the_standard_deviation_of_a_gaussian():
    error = np.random.default_rng(0).normal(3, 5, 20000)
    assert sigma_nmad(error) == pytest.approx(5, rel=0.03)


def test_calibration_of_votes_that_are_what_they_look_like():
    rng = np.random.default_rng(0)
    share = rng.uniform(0.34, 1, 20_000)
    votes = np.stack([share, 1 - share], axis=1)
    truth = (rng.random(20_000) > share).astype(int)
    found = calibration(votes, truth)
    assert found["expected_error"] < 0.01
    assert sum(point["n"] for point in found["bins"]) == 20_000
    # Members that copy each other are surer than they are right.
    sure = calibration(np.round(votes), truth)
    assert sure["expected_error"] == pytest.approx(1 - (truth == np.round(votes).argmax(1)).mean())


def test_average_precision():
    right = np.array([True, False, True, False])
    strength = np.array([0.9, 0.8, 0.7, 0.1])
    # Purity 1 where the first is selected, 2/3 where the third is; a third quasar is lost.
    assert metrics.average_precision(right, strength, 3) == pytest.approx((1 + 2 / 3) / 3)
    assert np.isnan(metrics.average_precision(right[:0], strength[:0], 0))


def test_average_precision_of_equal_strengths_does_not_depend_on_their_order():
    """An output that says the same of everything has the purity of choosing everything."""
    right = np.array([True, False, False, True])
    for order in (slice(None), slice(None, None, -1), [0, 3, 1, 2]):
        assert metrics.average_precision(right[order], np.ones(4), 2) == 0.5
    strength = np.array([0.9, 0.9, 0.5, 0.5])
    # Purity 1/2 where the first is selected, with the second; 2/4 where all are.
    assert metrics.average_precision(right, strength, 2) == 0.5


def test_discards():
    flaw = np.array(["none"] * 6 + ["cosmic"] * 3 + ["tilt"])
    discarded = np.array([True] + [False] * 5 + [True, True, False, False])
    table = metrics.discards(flaw, discarded).set_index("flaw")
    assert table.loc["any flaw", "recall"] == 0.5
    assert table.loc["any flaw", "precision"] == pytest.approx(2 / 3)
    assert table.loc["any flaw", "base"] == 0.4
    assert table.loc["cosmic", "recall"] == pytest.approx(2 / 3)
    assert table.loc["tilt", "recall"] == 0
    assert table.loc["none", "precision"] == pytest.approx(1 / 3)
