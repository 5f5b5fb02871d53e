"""Classification: boxes to lines, redshifts, classes and their probabilities."""

import numpy as np
import pytest

from quasarnet_al.network.lines import (
    agreeing,
    best_redshift,
    class_probabilities,
    classes,
    combined_redshift,
    is_qso,
    line_redshifts,
)
from quasarnet_al.spectra.grid import GRIDS, LINES, LOG


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_a_line_put_in_a_box_gives_its_redshift(grid):
    """Boxes and offsets made from a redshift give the redshift back."""
    z = 2.3
    confidence, offset = np.full((1, 7, 13), 0.01), np.zeros((1, 7, 13))
    wavelengths = np.array([*LINES.values(), LINES["CIV"]]) * (1 + z)
    inside = (wavelengths > grid.wavelength[0]) & (wavelengths < grid.wavelength[-1])
    position = np.interp(wavelengths, grid.wavelength, np.arange(grid.size)) * 13 / grid.size
    for line in np.flatnonzero(inside):
        box = int(position[line])
        confidence[0, line, box] = 0.9 + 0.01 * line
        offset[0, line, box] = position[line] - box
    c, found, c_bal = line_redshifts(confidence, offset, grid)
    assert inside[:4].all()
    np.testing.assert_allclose(found[0, inside[:6]], z, rtol=1e-6)
    np.testing.assert_allclose(c[0, :4], [0.9, 0.91, 0.92, 0.93])
    np.testing.assert_allclose(c_bal, 0.96)


def test_positions_off_the_grid_are_clamped():
    confidence, offset = np.zeros((2, 7, 13)), np.zeros((2, 7, 13))
    confidence[0, :, 0], offset[0, :, 0] = 1, -0.1
    confidence[1, :, 12], offset[1, :, 12] = 1, 1.1
    _, z, _ = line_redshifts(confidence, offset, LOG)
    np.testing.assert_allclose((1 + z[0]) * list(LINES.values()), LOG.wavelength[0])
    np.testing.assert_allclose((1 + z[1]) * list(LINES.values()), LOG.wavelength[-1])


C = np.array(
    [
        [0.99, 0.10, 0.20, 0.30, 0.0, 0.0],
        [0.10, 0.96, 0.97, 0.00, 0.0, 0.0],
        [0.95, 0.95, 0.95, 0.95, 0.0, 0.0],
        [0.00, 0.00, 0.00, 0.00, 0.0, 0.99],
    ]
)
Z = np.array(
    [
        [3.0, 1.0, 1.0, 1.0, 1.0, 0.1],
        [3.0, 2.2, 2.0, 1.0, 1.0, 0.1],
        [3.0, 2.2, 2.0, 1.0, 1.0, 0.1],
        [3.0, 2.2, 2.0, 1.0, 1.0, 2.1],
    ]
)


def test_classes():
    assert best_redshift(C, Z).tolist() == [3.0, 2.0, 3.0, 2.1]
    # A confidence at the cut does not exceed it; a redshift at the split is high.
    assert is_qso(C, 0.95, 1).tolist() == [True, True, False, True]
    assert classes(C, Z, 0.95, 1).tolist() == [2, 1, 0, 2]
    assert classes(C, Z, 0.95, 2).tolist() == [0, 1, 0, 0]
    assert classes(C, Z, 0.5, 3).tolist() == [0, 0, 2, 0]
    assert classes(C, Z, 0.95, 1, z_split=3.5).tolist() == [1, 1, 0, 1]


@pytest.mark.parametrize("n_thresh", [1, 2, 3])
@pytest.mark.parametrize("c_thresh", [0.5, 0.95, 0.99])
def test_the_most_probable_class_is_the_class(c_thresh, n_thresh):
    rng = np.random.default_rng(n_thresh)
    c = 1 / (1 + np.exp(-rng.normal(scale=6, size=(20000, 6)))).astype(np.float32)
    z = rng.uniform(0, 4, size=c.shape)
    p = class_probabilities(c, z, c_thresh, n_thresh)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    expected = classes(c, z, c_thresh, n_thresh)
    assert len(set(expected)) == 3
    # Lines that are equally confident on both sides of the split tie.
    np.testing.assert_allclose(p[np.arange(len(p)), expected], p.max(axis=1), rtol=1e-9)


def test_probabilities_move_with_the_evidence():
    c, z = np.full((50, 6), 0.01), np.full((50, 6), 3.0)
    c[:, 0] = np.linspace(0, 1, 50)
    p = class_probabilities(c, z, 0.95, 1)
    assert np.isfinite(p).all()
    assert (np.diff(p[:, 2]) > 0).all()
    assert (np.diff(p[:, 0]) < 0).all()
    # At the cut a quasar and none are as probable; lines that agree do not add up.
    c[:] = 0.95
    np.testing.assert_allclose(class_probabilities(c, z, 0.95, 1)[0], [0.5, 0, 0.5])


def test_saturated_confidences_are_finite():
    c = np.array([[0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]], dtype=np.float32)
    z = np.array([[1, 1, 1, 1, 1, 1], [3, 1, 1, 1, 1, 1]], dtype=float)
    p = class_probabilities(c, z, 0.95, 1)
    np.testing.assert_allclose(p, [[1, 0, 0], [0, 0.5, 0.5]], atol=1e-5)


def test_lines_that_agree_share_the_redshift():
    """Weighted by their confidences, in ln(1 + z); a line elsewhere has no part in it."""
    c = np.array([[0.9, 0.6, 0.0, 0.5, 0.0, 0.0]])
    apart = np.array([0.0, 0.01, 0.0, 0.03, 0.0, 0.0])
    z = 3.0 * np.exp(apart)[None] - 1
    np.testing.assert_allclose(agreeing(c, z), [[0.9, 0.6, 0, 0, 0, 0]])
    expected = 3.0 * np.exp(0.01 * 0.6 / 1.5) - 1
    np.testing.assert_allclose(combined_redshift(c, z), expected, rtol=1e-12)


def test_one_line_alone_gives_its_own_redshift():
    np.testing.assert_allclose(combined_redshift(C[3:], Z[3:]), Z[3, 5])
    nothing = np.zeros((1, 6))
    np.testing.assert_allclose(combined_redshift(nothing, Z[:1]), best_redshift(nothing, Z[:1]))


def test_combined_redshifts_are_more_precise():
    """Of lines with independent errors, as by the mean of four."""
    rng = np.random.default_rng(3)
    z = 3.0 * np.exp(rng.normal(0, 0.002, (4000, 6))) - 1
    c = np.repeat([[0.9, 0.9, 0.9, 0.91, 0, 0]], 4000, axis=0)
    error = np.std(np.log((1 + combined_redshift(c, z)) / 3))
    assert error == pytest.approx(0.002 / 2, rel=0.05)
