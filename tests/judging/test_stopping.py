"""When to stop."""

import numpy as np
import pytest

from quasarnet_al.judging import stopping

VOTES = np.array([[1, 0, 0], [0.6, 0.4, 0], [0, 0.2, 0.8], [0, 1, 0]])


def test_signs():
    advice = stopping.advise(VOTES, np.array([0, 1, 2, 1]), np.array([0, 0, 0.5, 1]), 0.8, 0.85)
    assert advice["wrong_share"] == 0.25
    assert advice["labels"] == 4
    assert advice["disagreement"] == 0.5
    assert advice["gain"] == pytest.approx(0.05)
    # Four labels say little: their interval reaches above what is worth a round.
    assert advice["pays"]


@pytest.mark.parametrize(
    "wrong, after, pays", [(0, 0.8, False), (0, 0.9, True), (0, None, False), (60, 0.7, True)]
)
def test_a_round_pays_while_labels_are_news_or_the_validation_set_gains(wrong, after, pays):
    votes = np.tile([[1.0, 0, 0]], (100, 1))
    truth = np.zeros(100, int)
    truth[:wrong] = 2
    assert stopping.advise(votes, truth, np.zeros(5), 0.8, after)["pays"] is pays
