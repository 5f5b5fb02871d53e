"""Figures: what is drawn is what is asked for, and the same bytes each time."""

import numpy as np
import pytest

from quasarnet_al.judging.statistics import wilson
from quasarnet_al.report import digits, quasar, style
from quasarnet_al.spectra.grid import DIGIT, LOG


def test_the_same_data_give_the_same_bytes():
    weights = np.random.default_rng(0).normal(size=(4, 5, LOG.size))
    for kind, start in (("svg", b"<?xml"), ("png", b"\x89PNG")):
        drawn = [style.draw(quasar.prototypes, weights, LOG, kind=kind) for _ in range(2)]
        assert drawn[0] == drawn[1]
        assert drawn[0].startswith(start)


def test_shares_have_their_intervals():
    axis = style.blank(3, 3).subplots()
    style.shares(axis, [0, 100], [(0.5, 40), (None, 0)], label="purity")
    (line,), (band,) = axis.lines, axis.collections
    assert line.get_ydata()[0] == 0.5 and np.isnan(line.get_ydata()[1])
    low, high = wilson(20, 40)
    at_zero = [y for x, y in band.get_paths()[0].vertices if x == 0]
    assert (min(at_zero), max(at_zero)) == pytest.approx((low, high))


@pytest.mark.parametrize(("side", "drawn"), [(1, 1), (15, 225), (16, 64), (45, 225)])
def test_cells_of_a_large_map_are_thinned(side, drawn):
    weights = np.random.default_rng(0).normal(size=(side, side, LOG.size))
    axis = quasar.prototypes(weights, LOG).axes[0]
    # One line, broken after each cell.
    y = axis.lines[0].get_ydata()
    assert np.isnan(y).sum() == drawn
    # The map keeps its numbers, and its first row is above.
    assert axis.get_xlim()[0] < 0 and axis.get_xlim()[1] >= side - 1.5
    assert axis.get_ylim()[0] > axis.get_ylim()[1]


def test_a_flat_map_is_drawn():
    assert style.draw(quasar.prototypes, np.zeros((2, 2, LOG.size)), LOG)


def test_digits_lie_in_their_cells():
    weights = np.zeros((2, 3, DIGIT.size))
    weights[1, 2] = 1
    image = digits.prototypes(weights, DIGIT).axes[0].images[0]
    assert image.get_array().shape == (56, 84)
    assert image.get_array()[28:, 56:].all() and image.get_array().sum() == DIGIT.size
    assert image.get_extent() == [-0.5, 2.5, 1.5, -0.5]
