"""What the network learns: where the lines lie."""

import numpy as np
import pytest

from quasarnet_al.network import targets
from quasarnet_al.network.lines import line_redshifts
from quasarnet_al.spectra.grid import GRIDS, LINES


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_a_perfect_network_gives_back_the_redshift(grid):
    """Targets, read as a network's output, classify to the redshift they were made of."""
    z = np.linspace(0.05, 5.0, 200)
    box, offset, _ = targets.line_targets(np.ones(200, bool), z, np.zeros(200, int), grid)
    c, found, _ = line_redshifts(box, offset, grid)
    # QuasarNP clamps positions beyond the last pixel's blue edge.
    rest = np.array(list(LINES.values()))
    seen = (c == 1) & (rest * (1 + z[:, None]) < grid.wavelength[-1])
    assert seen.any(axis=1).all()
    error = np.abs(found - z[:, None]) / (1 + z[:, None])
    # Linear interpolation inside a pixel of 1e-3 dex is off by (1e-3 ln 10)^2 / 8.
    assert error[seen].max() < 1e-6


def test_lines_off_the_grid_are_absent():
    box, _, _ = targets.line_targets(
        np.ones(1, bool), np.array([2.5]), np.zeros(1, int), GRIDS["log"]
    )
    wavelength = np.array(list(LINES.values())) * 3.5
    assert box[0, :6].sum(axis=1).tolist() == (wavelength < 9983).astype(int).tolist()


def test_other_classes_have_no_line():
    box, offset, weight = targets.line_targets(
        np.zeros(3, bool), np.array([0.0, 0.5, np.nan]), np.zeros(3, int), GRIDS["log"]
    )
    assert not box.any()
    assert not offset.any()
    assert (weight == 1).all()


def test_bal_output():
    """Only a BAL quasar has the line; an unknown state has no weight."""
    box, _, weight = targets.line_targets(
        np.ones(3, bool), np.full(3, 2.0), np.array([1, 0, -1]), GRIDS["log"]
    )
    assert box[:, 6].sum(axis=1).tolist() == [1, 0, 0]
    assert weight[:, 6].tolist() == [1, 1, 0]
    assert (weight[:, :6] == 1).all()


def test_bootstrap_depends_on_its_seed_alone():
    one, two = targets.bootstrap(1000, [1, 2, 3]), targets.bootstrap(1000, [1, 2, 4])
    np.testing.assert_array_equal(one, targets.bootstrap(1000, [1, 2, 3]))
    assert (one != two).any()
    # A bootstrap sample holds 1 - 1/e of the set.
    assert len(np.unique(one)) / 1000 == pytest.approx(1 - np.exp(-1), abs=0.03)
