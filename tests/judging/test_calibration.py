"""Calibration of class probabilities whose error is known."""

import numpy as np

from quasarnet_al.judging import calibration
from quasarnet_al.judging.calibration import Calibration


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
