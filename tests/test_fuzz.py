"""Damaged files at random: `tests/fuzz/run.py` finds no fault in a few thousand."""

import subprocess

import pytest

from helpers.paths import PYTHON, ROOT


@pytest.mark.slow
def test_no_damaged_file_ends_but_in_one_line():
    command = [PYTHON, "tests/fuzz/run.py", "--cases", "5000"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
