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


def test_moved_spectra_are_those_of_their_new_redshift():
    """A line that was at one wavelength is where its new redshift puts it."""
    grid, rng = GRIDS["log"], np.random.default_rng(3)
    z = rng.uniform(1.8, 2.4, 300)
    spectra = np.zeros((300, grid.size), np.float32)
    pixel = grid.pixel(LINES["CIV"] * (1 + z)).astype(int)
    spectra[np.arange(300), pixel] = 1
    moved, elsewhere = targets.shift(spectra, z, 7, grid, rng)
    assert len(np.unique(moved.argmax(axis=1) - pixel)) == 15  # all of -7 to 7 were drawn
    expected = grid.pixel(LINES["CIV"] * (1 + elsewhere)).astype(int)
    np.testing.assert_array_equal(moved.argmax(axis=1), expected)
    assert moved.dtype == np.float32


def test_moved_spectra_end_in_their_last_pixel():
    spectra = np.arange(443, dtype=np.float32)[None].repeat(40, axis=0)
    moved, z = targets.shift(spectra, np.zeros(40), 4, GRIDS["log"], np.random.default_rng(1))
    by = np.round(np.log10(1 + z) / 1e-3).astype(int)
    for row, pixels in zip(moved, by, strict=True):
        np.testing.assert_array_equal(row, np.clip(np.arange(443) - pixels, 0, 442))


def test_other_grids_cannot_be_moved():
    with pytest.raises(ValueError, match="linear grid"):
        targets.shift(
            np.zeros((1, 458), np.float32), np.zeros(1), 1, GRIDS["linear"], np.random.default_rng()
        )
