"""Calibration of class probabilities and redshifts whose error is known."""

import numpy as np
import pytest

from helpers.networks import random_network
from quasarnet_al.judging import calibration
from quasarnet_al.judging.calibration import Calibration
from quasarnet_al.network.inference import predict
from quasarnet_al.network.lines import (
    Classification,
    Lines,
    combined_redshift,
    line_redshifts,
)


def sample(count=20_000, seed=0):
    """Probabilities (n, 3) that are true, and classes drawn by them."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet([0.5, 0.8, 0.4], size=count)
    return p, (rng.random((count, 1)) > p.cumsum(axis=1)).sum(axis=1)


def test_a_known_distortion_is_undone():
    true, classes = sample()
    # The inverse of a correction with slope 0.5 and biases 1 and -1.
    wrong = Calibration(2.0, (0.0, -2.0, 2.0))(true)
    found = calibration.fit(wrong, classes)
    np.testing.assert_allclose(found.slope, 0.5, atol=0.03)
    np.testing.assert_allclose(found.bias, [0, 1, -1], atol=0.06)
    judged = calibration.judge(wrong, classes, np.arange(len(true)))
    assert judged["raw"]["expected_error"] > 0.1
    assert judged["calibrated"]["expected_error"] < 0.02
    assert judged["spectra"] == sum(entry["n"] for entry in judged["calibrated"]["bins"])


def test_true_probabilities_stay():
    true, classes = sample()
    found = calibration.fit(true, classes)
    np.testing.assert_allclose(found(true), true, atol=0.03)


def test_one_class_alone_and_certain_probabilities_stay_finite():
    certain = np.eye(3)[np.zeros(50, int)]
    found = calibration.fit(certain, np.zeros(50, int))
    assert np.isfinite([found.slope, *found.bias]).all()
    np.testing.assert_allclose(found(certain).sum(axis=1), 1)


def test_spectra_of_an_object_are_in_the_same_half():
    true, classes = sample(200)
    objects = np.repeat(np.arange(20), 10)
    judged = calibration.judge(true, classes, objects)
    assert judged["spectra"] % 10 == 0 and 0 < judged["spectra"] < 200


#: One sigma of the redshifts (km/s) by how sure the network is of the line.
SIGMA = {4.0: 1300, 6.0: 800, 8.0: 500, 10.0: 400, 12.0: 300}


def seen(count=6000, seed=1):
    """Lines (n, 6) that a network sees in quasars, one in each, and in stars."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(count, [("SPECTYPE", "U6"), ("Z", "f8")])
    labels["SPECTYPE"] = np.where(rng.random(count) < 0.7, "QSO", "STAR")
    quasar = labels["SPECTYPE"] == "QSO"
    labels["Z"] = np.where(quasar, rng.uniform(0.5, 3.5, count), 0)
    logit = rng.choice(list(SIGMA), count)
    c = np.full((count, 6), 1e-9)
    c[:, 1] = 1 / (1 + np.exp(-logit))
    c[~quasar] = 10 ** rng.uniform(-4, -0.2, (int((~quasar).sum()), 6))
    sigma = np.array([SIGMA[value] for value in logit])[:, None]
    apart = rng.normal(0, 1, (count, 6)) * sigma / 299792.458
    z = (1 + labels["Z"][:, None]) * np.exp(apart) - 1
    return Lines(c, z, np.zeros(count)), labels


def test_redshift_errors_are_those_of_lines_as_sure():
    found, labels = seen()
    measured = calibration.measure(found, labels, Classification())
    np.testing.assert_allclose(measured.redshift_kms, list(SIGMA.values()), rtol=0.08)
    fresh, truth = seen(seed=2)
    quasar = truth["SPECTYPE"] == "QSO"
    error = combined_redshift(fresh.c, fresh.z) - truth["Z"]
    ratio = np.abs(error / measured.redshift_error(fresh))[quasar]
    assert np.mean(ratio < 1) == pytest.approx(0.683, abs=0.02)
    assert np.mean(ratio < 2) == pytest.approx(0.954, abs=0.02)


def test_probabilities_of_quasars_are_their_shares():
    found, labels = seen()
    measured = calibration.measure(found, labels, Classification())
    fresh, truth = seen(seed=2)
    p = measured.probability(fresh)
    quasar = truth["SPECTYPE"] == "QSO"
    for low, high in ((0, 0.2), (0.2, 0.8), (0.8, 1.01)):
        here = (p >= low) & (p < high)
        if here.sum() > 50:
            assert quasar[here].mean() == pytest.approx(p[here].mean(), abs=0.05)
    assert p[quasar].mean() > 0.9 > 0.3 > p[~quasar].mean()


def test_reliability_is_kept_with_the_weights():
    measured = calibration.measure(*seen(), Classification(c_thresh=0.9, n_thresh=2))
    kept = measured.attribute()
    assert calibration.of_network(kept) == measured
    assert calibration.of_network({}) is None


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"calibration": 1}', '{"redshift_kms": [1, 2]}', "nan"]
)
def test_a_damaged_reliability_is_refused(text):
    with pytest.raises(ValueError, match="reliability"):
        calibration.of_network({"reliability": text})


def test_few_quasars_share_their_error():
    """A bin of fewer than `ENOUGH` has no error of its own."""
    found, labels = seen(60)
    measured = calibration.measure(found, labels, Classification())
    assert len(set(measured.redshift_kms)) == 1


def test_the_broad_absorption_output_calls_as_many_as_there_are():
    """And the six lines stay as they are."""
    spectra = np.random.default_rng(4).normal(size=(300, 443)).astype(np.float32)
    network = random_network(layers=3)
    before = line_redshifts(*predict(network, spectra), network.grid)
    labels = np.zeros(300, [("SPECTYPE", "U6"), ("BAL", "i2")])
    labels["SPECTYPE"], labels["BAL"] = "QSO", -1
    labels["BAL"][:200] = np.random.default_rng(5).random(200) < 0.2
    moved = calibration.balanced(network, before, labels)
    after = line_redshifts(*predict(moved, spectra), network.grid)
    assert (after.c_bal[:200] > 0.5).sum() == (labels["BAL"] == 1).sum()
    np.testing.assert_array_equal(after.c, before.c)
    np.testing.assert_array_equal(after.z, before.z)
    # In the order that they had.
    order = np.argsort(before.c_bal, kind="stable")
    assert (np.diff(after.c_bal[order]) >= -1e-6).all()


def test_without_broad_absorption_there_is_nothing_to_balance():
    network = random_network(layers=3)
    labels = np.zeros(3, [("SPECTYPE", "U6"), ("BAL", "i2")])
    found = Lines(np.zeros((3, 6)), np.zeros((3, 6)), np.zeros(3))
    assert calibration.balanced(network, found, labels) is network


def test_no_spectra_correct_nothing():
    none = calibration.fit(np.zeros((0, 3)), np.zeros(0, int))
    assert none == calibration.Calibration(1.0, (0.0, 0.0, 0.0))
