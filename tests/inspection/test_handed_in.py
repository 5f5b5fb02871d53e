import os
import subprocess

import pytest

from quasarnet_al.core.files import InputError
from quasarnet_al.inspection import handed_in

TABLE = "TARGETID,VI_quality,VI_z,VI_spectype\n7,4,2.1,QSO\n"


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "labels"
    path.mkdir()
    return path


def names(folder):
    files, passed_over = handed_in.read_folder(folder)
    return [file.name for file in files], passed_over


def test_one_bad_entry_spoils_nothing_else(folder, tmp_path):
    """Every kind of entry that people made by accident; a pipe would wait for ever."""
    secret = tmp_path / "secret.csv"
    secret.write_text(TABLE)
    for name in (
        "x{a}.csv",
        "good.csv",
        "Åsa Ünal.CSV",
        "closed",
        "x.csv.txt",
        "x.xlsx",
        "x.csv.gz",
    ):
        (folder / name).write_text(TABLE)
    for name in (b"Jo\xefrg.csv", b"new\nline.csv", b"n" * 231 + b".csv"):
        with open(os.path.join(os.fsencode(folder), name), "w") as file:
            file.write(TABLE)
    os.mkfifo(folder / "pipe.csv")
    (folder / "folder.csv").mkdir()
    (folder / "link.csv").symlink_to(secret)
    (folder / "dangling.csv").symlink_to("nowhere")
    taken, passed_over = names(folder)
    assert taken == ["good.csv", "x{a}.csv", "Åsa Ünal.CSV"]
    reasons = {
        "x.csv.txt": "does not end in .csv",
        "x.xlsx": "does not end in .csv",
        "x.csv.gz": "does not end in .csv",
        "Jo\\udcefrg.csv": "not UTF-8",
        "new\\nline.csv": "line break",
        "n" * 231 + ".csv": "235 bytes",
        "pipe.csv": "not a regular file",
        "folder.csv": "is a folder",
        "link.csv": "symbolic link",
        "dangling.csv": "symbolic link",
    }
    assert passed_over.keys() == reasons.keys()
    for name, reason in reasons.items():
        assert reason in passed_over[name] and name.isprintable()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_named(folder):
    (folder / "a.csv").write_text(TABLE)
    (folder / "a.csv").chmod(0)
    assert "cannot be read" in names(folder)[1]["a.csv"]


def test_no_folder_is_an_empty_one(tmp_path):
    assert handed_in.read_folder(tmp_path / "absent") == ([], {})
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="readable folder"):
        handed_in.read_folder(tmp_path / "file")


def test_the_record_only_grows(folder, tmp_path):
    record = tmp_path / "record"

    def look():
        files, _ = handed_in.read_folder(folder)
        handed_in.record(record, files)
        return handed_in.gone(record, files)

    def copies():
        return sorted(path.read_text() for path in record.glob("*/*.csv"))

    (folder / "a.csv").write_text(TABLE)
    (folder / "b.csv").write_text(TABLE + "8,4,2.1,QSO\n")
    assert look() == {}
    # Corrected, with an older time: the new content counts, the old one is kept.
    (folder / "a.csv").write_text(TABLE + "9,4,2.1,QSO\n")
    os.utime(folder / "a.csv", (1, 1))
    assert look() == {}
    assert copies() == sorted([TABLE, TABLE + "8,4,2.1,QSO\n", TABLE + "9,4,2.1,QSO\n"])
    sums = (record / "SHA256SUMS").read_text()
    subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=record, check=True)
    assert look() == {} and (record / "SHA256SUMS").read_text() == sums
    # Another name is the same file.
    (folder / "a.csv").rename(folder / "c.csv")
    assert look() == {}
    # Taken away: named, with the copy.
    (folder / "b.csv").unlink()
    [(name, copy)] = look().items()
    assert name == "b.csv" and copy.read_text() == TABLE + "8,4,2.1,QSO\n"
    # Back to the first version, and away again.
    (folder / "b.csv").write_text(TABLE)
    assert look() == {}
    (folder / "b.csv").write_text(TABLE + "8,4,2.1,QSO\n")
    assert look() == {}
    (folder / "b.csv").unlink()
    assert look()["b.csv"].read_text() == TABLE + "8,4,2.1,QSO\n"


def test_a_damaged_record_is_named(tmp_path):
    (tmp_path / "SHA256SUMS").write_text("not a sum\n")
    with pytest.raises(InputError, match="SHA256SUMS"):
        handed_in.gone(tmp_path, [])


def test_the_folder_of_all_labels_may_be_a_link(tmp_path):
    """To another file system, on which inspectors may write; links inside it are not followed."""
    (tmp_path / "project/demo/round-01").mkdir(parents=True)
    (tmp_path / "project/demo/round-01/a.csv").write_text("TARGETID\n")
    (tmp_path / "labels").symlink_to(tmp_path / "project")
    files, refused = handed_in.read_folder(tmp_path / "labels/demo/round-01")
    assert [file.name for file in files] == ["a.csv"] and not refused
