"""Files: whole or not at all; one line where something is wrong."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from quasarnet_al.core import files


def test_a_file_appears_whole(tmp_path):
    path = tmp_path / "folder" / "table.csv"
    with files.replacing(path) as temporary:
        Path(temporary).write_text("new")
        assert Path(temporary).suffix == ".csv"
        assert not path.exists()
    assert path.read_text() == "new"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")

    def fail():
        with files.replacing(path) as temporary:
            Path(temporary).write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["table.csv"]


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(files.InputError, match="cannot be written"):
        files.write_text(tmp_path / "file" / "table.csv", "text")


def test_json_that_lacks_a_key_is_named(tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text('{"round": 1}')
    assert files.read_json(path, "round") == {"round": 1}
    with pytest.raises(files.InputError, match="it has no 'members'"):
        files.read_json(path, "round", "members")


def test_errors_are_one_line():
    assert "\n" not in str(files.InputError("a\nb.csv", "two\r\nlines", "remedy"))


def test_json_holds_what_numpy_gives(tmp_path):
    path = tmp_path / "metrics.json"
    files.write_json(path, {"a": np.float32(0.5), "b": np.array([1, 2]), "c": np.nan, 4: (True,)})
    assert json.loads(path.read_text()) == {"a": 0.5, "b": [1, 2], "c": None, "4": [True]}


def test_provenance_names_the_config(monkeypatch):
    monkeypatch.setenv("QUASARNET_AL_CONFIG", "abc")
    record = files.provenance(seed=3)
    assert record["config"] == "abc"
    assert record["seed"] == "3"
    assert record["git"] != ""
