"""The bundle of a run: whole, the same each time, checked by sha256sum."""

import subprocess

import pytest

import archive_run
from quasarnet_al.core.files import InputError


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results" / "run" / "round-01"
    (folder / "handed-in").mkdir(parents=True)
    (folder / "labels.csv").write_text("TARGETID\n39627\n")
    (folder / "handed-in" / "ann.csv").write_text("TARGETID\n39627\n")
    return folder


def test_bundle_unpacks_to_the_files_and_their_sums(run, tmp_path):
    arguments = ["--files", str(run / "labels.csv"), "results/run/round-01/handed-in"]
    archive_run.main([*arguments, "--output", "one.tar"])
    archive_run.main([*arguments, "--output", "two.tar"])
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    out = tmp_path / "out"
    # As a person does; Debian's Python 3.11 has no safe `extractall` yet.
    out.mkdir()
    subprocess.run(["tar", "-xf", "one.tar", "-C", out], check=True)
    checked = subprocess.run(
        ["sha256sum", "-c", "SHA256SUMS"], cwd=out, capture_output=True, text=True
    )
    assert checked.returncode == 0
    assert checked.stdout.splitlines() == [
        "results/run/round-01/handed-in/ann.csv: OK",
        "results/run/round-01/labels.csv: OK",
    ]


def test_missing_file_leaves_no_bundle(run, tmp_path):
    with pytest.raises(InputError, match=r"absent.csv.*finish the run first"):
        archive_run.main(["--files", "absent.csv", "--output", "one.tar"])
    assert not (tmp_path / "one.tar").exists()


def test_files_from_elsewhere_keep_their_paths(run, tmp_path, monkeypatch):
    """Two config files of one name, one of them reached by `..`, and a name that is escaped."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    for name in ("a/config.yaml", "b/config.yaml", "here/back\\slash.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    given = ["../a/config.yaml", str(tmp_path / "b/config.yaml"), "back\\slash.csv"]
    archive_run.main(["--files", *given, "--output", "one.tar"])
    (tmp_path / "out").mkdir()
    subprocess.run(["tar", "-xf", "one.tar", "-C", tmp_path / "out"], check=True)
    for name in ("a", "b"):
        found = tmp_path / "out/elsewhere" / (tmp_path / name).relative_to("/") / "config.yaml"
        assert found.read_text() == f"{name}/config.yaml"
    check = ["sha256sum", "--strict", "-c", "SHA256SUMS"]
    subprocess.run(check, cwd=tmp_path / "out", check=True)
