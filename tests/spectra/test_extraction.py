"""Files that cannot be read: left out and named, up to a fraction of them."""

import pytest

from quasarnet_al.core.files import InputError
from quasarnet_al.spectra.extraction import each


def read(path):
    if "bad" in path.name:
        raise InputError(path, "is damaged", "fetch it again")
    return path.name


@pytest.mark.parametrize("threads", [1, 2])
def test_some_broken_files_are_left_out(threads):
    kept, faults = each(read, ["a", "bad-1", "b", "c", "bad-2"], 0.4, threads)
    assert kept == ["a", "b", "c"]
    assert faults == ["bad-1: is damaged", "bad-2: is damaged"]


def test_more_broken_files_than_allowed_end_the_run():
    with pytest.raises(InputError, match=r"bad-1: is damaged; of 5 files 2 .* fraction of 0\.39"):
        each(read, ["a", "bad-1", "b", "c", "bad-2"], 0.39)
    absent = [InputError("tile", "holds no coadd", "check the tiles")]
    with pytest.raises(InputError, match="tile: holds no coadd"):
        each(read, ["a"], 0.49, absent=absent)
    assert each(read, ["a"], 0.5, absent=absent) == (["a"], ["tile: holds no coadd"])


def test_none_is_allowed_by_default():
    with pytest.raises(InputError, match="bad: is damaged; fetch it again"):
        each(read, ["a", "bad"], 0)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_file_that_is_given_twice_is_read_once(threads, tmp_path, monkeypatch):
    """By its name, by a link, and packed and unpacked, as a pattern of a shell gives it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link.fits").symlink_to("b.fits")
    paths = ["b.fits", "a.fits", "./a.fits", "a.fits.gz", "link.fits", str(tmp_path / "b.fits")]
    assert each(read, paths, 0, threads) == (["b.fits", "a.fits"], [])
