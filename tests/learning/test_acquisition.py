"""Acquisition: the measures' values, their bounds and their order."""

import numpy as np
import pytest

from quasarnet_al.core import chance
from quasarnet_al.learning import acquisition

P = np.array([[1, 0, 0], [0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3], [0.6, 0.1, 0.3]])


def test_values_by_hand():
    np.testing.assert_allclose(acquisition.least_confidence(P), [0, 0.5, 2 / 3, 0.4])
    np.testing.assert_allclose(acquisition.margin(P), [0, 1, 1, 0.7])
    np.testing.assert_allclose(
        acquisition.entropy(P), [0, 1, np.log2(3), 1.295461844238322], rtol=1e-12
    )
    assert not np.signbit(acquisition.entropy(P)).any()


@pytest.mark.parametrize("method", acquisition.MEASURES.values(), ids=acquisition.MEASURES)
def test_bounds_and_symmetry(method):
    p = np.random.default_rng(1).dirichlet(np.ones(5), size=1000)
    score = method(p)
    assert score.shape == (1000,)
    assert (score >= 0).all()
    assert (score <= method(np.full((1, 5), 0.2)) + 1e-12).all()
    np.testing.assert_allclose(score, method(p[:, ::-1]))


def test_votes():
    classes = np.array([[0, 1, 2], [0, 1, 1], [0, 2, 0], [0, 1, 0]])
    np.testing.assert_array_equal(
        acquisition.votes(classes), [[1, 0, 0], [0, 0.75, 0.25], [0.5, 0.25, 0.25]]
    )
    assert acquisition.votes(classes, 10).shape == (3, 10)


def test_mutual_information_tells_disagreement_from_doubt():
    sure_and_apart = [[1, 0, 0], [0, 1, 0]]
    unsure_alike = [[0.5, 0.5, 0], [0.5, 0.5, 0]]
    sure_alike = [[1, 0, 0], [1, 0, 0]]
    p = np.array([sure_and_apart, unsure_alike, sure_alike]).swapaxes(0, 1)
    np.testing.assert_allclose(acquisition.mutual_information(p), [1, 0, 0], atol=1e-12)
    many = np.random.default_rng(2).dirichlet(np.ones(3), size=(7, 500))
    assert (acquisition.mutual_information(many) >= 0).all()


def test_random_belongs_to_the_target_and_the_seed():
    targetid = np.random.default_rng(3).integers(-(2**62), 2**62, size=100_000)
    x = chance.random(targetid, seed=5)
    order = np.random.default_rng(4).permutation(len(x))
    assert np.array_equal(chance.random(targetid[order], seed=5), x[order])
    assert np.array_equal(chance.random(targetid[7:8], seed=5), x[7:8])
    other = chance.random(targetid, seed=6)
    assert abs(np.corrcoef(x, other)[0, 1]) < 0.02


def test_random_is_uniform_for_neighbouring_targets():
    """DESI numbers its targets one after the other."""
    x = chance.random(39627652591521792 + np.arange(100_000), seed=0)
    assert ((x >= 0) & (x < 1)).all()
    counts = np.histogram(x, bins=20, range=(0, 1))[0]
    # Chi squared with 19 degrees of freedom: 45 is a chance of one in a thousand.
    assert ((counts - 5000) ** 2 / 5000).sum() < 45
    assert abs(np.corrcoef(x[1:], x[:-1])[0, 1]) < 0.02
