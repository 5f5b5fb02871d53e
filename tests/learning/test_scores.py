"""Scores: the members' votes, and the measures that follow from them."""

import numpy as np
import pytest

from quasarnet_al.core.files import InputError
from quasarnet_al.learning import acquisition, scores
from quasarnet_al.network.lines import Classification, Lines
from quasarnet_al.tasks.registry import TASKS


def members(*lines):
    """Lines of members for one spectrum: (confidence, redshift) of their strongest line."""
    c = np.full((len(lines), 1, 6), 0.01)
    z = np.full((len(lines), 1, 6), 1.0)
    for member, (confidence, redshift) in enumerate(lines):
        c[member, 0, 2], z[member, 0, 2] = confidence, redshift
    return Lines(c, z, np.full((len(lines), 1), 0.2))


def score(monkeypatch, *lines):
    monkeypatch.setattr(scores, "lines_of_members", lambda *arguments: members(*lines))
    return TASKS["quasar"].score([], None, np.array([7]), Classification(), 0)


def test_votes_and_measures(monkeypatch):
    columns = score(monkeypatch, (0.99, 1.5), (0.99, 1.5), (0.99, 2.5), (0.5, 3.0))
    assert columns["VOTE_NOT_QSO"] == 0.25
    assert columns["VOTE_QSO_LOWZ"] == 0.5
    assert columns["VOTE_QSO_HIGHZ"] == 0.25
    assert columns["LEAST_CONFIDENCE"] == 0.5
    assert columns["MARGIN"] == 0.75
    assert columns["ENTROPY"] == pytest.approx(1.5)
    # Only members that see a quasar say where it is.
    assert columns["Z_MEAN"] == pytest.approx((1.5 + 1.5 + 2.5) / 3)
    assert columns["MEMBER_Z"].shape == (1, 4)


def test_unanimous_members_leave_nothing_to_ask(monkeypatch):
    columns = score(monkeypatch, (0.99, 2.5), (0.99, 2.5))
    for name in ("LEAST_CONFIDENCE", "MARGIN", "ENTROPY"):
        assert columns[name] == 0
    assert columns["MUTUAL_INFORMATION"] == pytest.approx(0, abs=1e-6)


def test_no_quasar_at_all_still_has_a_redshift(monkeypatch):
    columns = score(monkeypatch, (0.5, 2.0), (0.6, 3.0))
    assert columns["VOTE_NOT_QSO"] == 1
    assert columns["Z_MEAN"] == pytest.approx(2.5)


def test_one_stray_member_does_not_move_the_redshift():
    c, z, c_bal = members((0.9, 2.0), (0.9, 2.01), (0.9, 4.0))
    mean_c, median_z, _ = scores.combine(Lines(c, z, c_bal))
    assert median_z[0, 2] == pytest.approx(2.01)
    assert mean_c[0, 2] == pytest.approx(0.9)


def test_members_that_contradict_each_other_are_not_averaged():
    """Two against two: the surer side's redshift, not one between the boxes."""
    _, z, _ = scores.combine(members((0.9, 0.95), (0.8, 0.96), (0.99, 1.9), (0.9, 1.92)))
    assert z[0, 2] in (1.9, 1.92)


def test_every_acquisition_has_a_column(monkeypatch):
    columns = score(monkeypatch, (0.9, 2.0), (0.99, 2.5))
    assert set(map(acquisition.column, acquisition.NAMES)) <= set(columns)


def test_a_table_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="make it with score_spectra"):
        scores.read_scores(str(tmp_path / "none.fits"))
