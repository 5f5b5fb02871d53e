"""A line at the start of a run where its inputs carry another revision of the code."""

import numpy as np
import pytest

from helpers.networks import random_network
from quasarnet_al.core import files
from quasarnet_al.core.files import provenance, write_json
from quasarnet_al.network import weights
from quasarnet_al.spectra import pool
from quasarnet_al.spectra.grid import LOG
from quasarnet_al.spectra.tables import write_fits
from quasarnet_al.workflow import revisions


@pytest.fixture
def made(tmp_path, monkeypatch):
    """One file of each kind that has provenance, made by the revision `old`."""
    monkeypatch.setattr(files, "_git_revision", lambda: "old")
    paths = [tmp_path / name for name in ("pool.fits", "scores.fits", "one.h5", "metrics.json")]
    pool.write(paths[0], np.zeros((3, LOG.size), np.float32), pool.catalog(3), LOG)
    write_fits(paths[1], "SCORES", {"TARGETID": np.arange(3)})
    weights.write_network(paths[2], random_network(), provenance())
    write_json(paths[3], {"provenance": provenance()})
    return paths


def test_each_kind_of_file_tells_its_revision(made, tmp_path):
    assert [revisions.revision(path) for path in made] == 4 * ["old"]
    # Without provenance, damaged, absent.
    (tmp_path / "a.json").write_text("[]")
    (tmp_path / "a.h5").write_bytes(b"none")
    (tmp_path / "a.csv").write_text("git,old")
    for name in ("a.json", "a.h5", "a.csv", "b.fits"):
        assert revisions.revision(tmp_path / name) == ""


def test_files_of_other_revisions_are_named_in_one_line(made, monkeypatch):
    assert revisions.note(made) == ""
    monkeypatch.setattr(files, "_git_revision", lambda: "new")
    line = revisions.note(made)
    assert "the code, which is now new: old made" in line and "and 3 more" in line
    assert "\n" not in line
    assert revisions.note([]) == ""


def test_of_very_many_files_some_are_looked_at(made, monkeypatch):
    monkeypatch.setattr(files, "_git_revision", lambda: "new")
    looked = []
    monkeypatch.setattr(revisions, "revision", lambda path: looked.append(path) or "old")
    assert "old made" in revisions.note(f"{number:05d}.fits" for number in range(10_000))
    assert len(looked) == 100
