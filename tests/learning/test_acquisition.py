"""Acquisition functions: their values, bounds and symmetry."""

import numpy as np
import pytest

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


def test_positive_is_what_is_not_of_the_first_class():
    p = np.array([[[0.2, 0.5, 0.3]], [[0.4, 0.1, 0.5]]])
    np.testing.assert_allclose(acquisition.positive(p), [0.7])


def test_predicted_class_is_the_one_with_most_votes():
    votes = np.array([[0.2, 0.3, 0.5], [0.5, 0.5, 0.0]])
    columns = acquisition.columns(votes, votes[None], np.arange(2), 0)
    assert columns["PREDICTED"].tolist() == [2, 0]
