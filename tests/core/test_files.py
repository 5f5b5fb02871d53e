"""Files: whole or not at all; one line where something is wrong."""

import json
import multiprocessing
import os
import subprocess

import fitsio
import numpy as np
import pytest

from helpers.paths import PYTHON, ROOT
from quasarnet_al.core import files


def leftovers(folder):
    return [path for path in folder.rglob("*") if ".partial" in path.name]


def test_a_file_appears_whole(tmp_path):
    path = tmp_path / "folder" / "table.csv"
    with files.all_or_none():
        files.write_text(path, "new")
        assert not path.exists() and leftovers(tmp_path)
    assert path.read_text() == "new"
    assert os.listdir(path.parent) == ["table.csv"]


def test_all_outputs_or_none(tmp_path):
    old = tmp_path / "old.csv"
    old.write_text("old")

    def fail():
        with files.all_or_none():
            files.write_text(old, "new")
            files.write_bytes(tmp_path / "b", b"new")
            with files.at_once():
                files.write_text(tmp_path / "checkpoint", "new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert old.read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["checkpoint", "old.csv"]


def test_a_forked_worker_names_its_own_files(tmp_path):
    """The batch of its parent, which it has a copy of, is not its own."""
    context = multiprocessing.get_context("fork")
    with files.all_or_none():
        files.write_text(tmp_path / "parent", "text")
        worker = context.Process(target=files.write_text, args=(tmp_path / "worker", "text"))
        worker.start()
        worker.join()
        assert os.path.exists(tmp_path / "worker") and not os.path.exists(tmp_path / "parent")
    assert sorted(os.listdir(tmp_path)) == ["parent", "worker"]


def test_what_a_killed_process_left_is_swept(tmp_path):
    program = (
        "import os, pathlib, signal\n"
        "from quasarnet_al.core import files\n"
        "with files.all_or_none():\n"
        f"    files.write_text({str(tmp_path / 'killed.csv')!r}, 'text')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow_scripts")}
    subprocess.run([PYTHON, "-c", program], env=environment)
    (killed,) = leftovers(tmp_path)
    # What a living process writes, and another machine may be writing, is left alone.
    living = tmp_path / f".a.csv.0.{files._host()}.{os.getppid()}.partial"
    elsewhere = tmp_path / ".b.csv.0.elsewhere.1.partial"
    abandoned = tmp_path / ".c.csv.0.elsewhere.1.partial"
    for path in (living, elsewhere, abandoned):
        path.touch()
    os.utime(abandoned, (0, 0))
    files.write_text(tmp_path / "table.csv", "text")
    assert not killed.exists() and not abandoned.exists()
    assert living.exists() and elsewhere.exists()


def test_what_the_plan_does_not_make_is_set_aside(tmp_path, capsys):
    """Fewer members: the old ones are neither lost nor taken for new ones."""
    for round_trip in ("first", "second"):
        for number in range(3):
            files.write_text(tmp_path / f"member-{number:02d}.h5", round_trip)
        files.write_text(tmp_path / "other.h5", "mine")
        files.set_aside(tmp_path, "member-*.h5", [tmp_path / "member-00.h5"])
    assert sorted(os.listdir(tmp_path)) == ["member-00.h5", "other.h5", "stale"]
    stale = {path.name: path.read_text() for path in (tmp_path / "stale").iterdir()}
    assert stale == {
        "member-01.h5": "first",
        "member-02.h5": "first",
        "member-01.1.h5": "second",
        "member-02.1.h5": "second",
    }
    assert capsys.readouterr().out.count("not part of this plan") == 4
    files.set_aside(tmp_path / "absent", "*", [])


@pytest.mark.parametrize("name", ["x" * 255, "ö" * 127, "a\nb", os.fsdecode(b"Jo\xf6rg.csv")])
def test_odd_names(tmp_path, name):
    files.write_text(tmp_path / name, "text")
    assert os.listdir(tmp_path) == [name]


def test_a_name_that_ends_in_gz_is_packed(tmp_path):
    for _ in range(2):
        with files.fits_file(tmp_path / "table.fits.gz") as fits:
            fits.write(np.arange(3), extname="A")
        content = (tmp_path / "table.fits.gz").read_bytes()
    assert fitsio.read(str(tmp_path / "table.fits.gz"), ext="A").tolist() == [0, 1, 2]
    assert content[4:8] == bytes(4)  # no time


@pytest.mark.parametrize("make", [files.fits_file, files.hdf5_file])
def test_what_fails_in_the_making_leaves_nothing(tmp_path, make):
    def fail():
        with make(tmp_path / "file"):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert os.listdir(tmp_path) == []


def test_a_path_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "file" / "table.csv", tmp_path / "folder", tmp_path / "pipe"):
        with pytest.raises(files.InputError, match="cannot be written"):
            files.write_text(path, "text")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder", "pipe"]


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
