"""A full disk never says "done": every program that writes, on disks one page too small."""

import subprocess

import pytest

from helpers.cases import make_good
from helpers.forked import small_disk
from helpers.full_disk import WRITERS, sweep


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return make_good(tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("disks") / "small"
    try:
        with small_disk(folder) as resize:
            yield folder, resize
    except subprocess.CalledProcessError:
        pytest.skip("a small tmpfs can be mounted by root only")


@pytest.mark.parametrize("program", WRITERS)
def test_whole_outputs_or_none(program, good, disk):
    """`tests/faults.py` tries every size; the last page that is missing was the worst."""
    found = sweep(program, good, *disk, lambda pages: sorted({1, pages - 1, pages} - {0}))
    assert not found.faults
    assert found.whole and (found.refused or found.pages == 1)
