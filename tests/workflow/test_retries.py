"""Real Snakemake with `retries`: what refused its input is not run again, anything else is."""

import os
import subprocess

import pytest

from helpers.paths import PYTHON
from helpers.workflow import CONFIG, checkout

#: On PYTHONPATH: ends every program of the project before it does anything.
KILLS = """
import os, sys
if sys.orig_argv[1:2] and "/workflow_scripts/" in sys.orig_argv[1]:
    os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("killed", [False, True])
def test_a_refused_input_is_not_tried_again(tmp_path, killed):
    folder = checkout(tmp_path / "checkout")
    # The survey says that it is complete, and holds no coadds.
    truth = folder / "results/tiny/mock/old/truth.csv"
    truth.parent.mkdir(parents=True)
    truth.touch()
    (tmp_path / "sitecustomize.py").write_text(KILLS if killed else "")
    options = ["--cores", "1", "--retries", "2", "--keep-going", "--configfile", CONFIG]
    result = subprocess.run(
        [PYTHON, "-m", "snakemake", *options, "--", "results/tiny/labelled/old.fits"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    said = result.stdout + result.stderr
    assert result.returncode == 1
    assert ("extract_spectra.py: results/tiny/mock/old" in said) == (not killed)
    assert said.count("Trying to restart job") == (2 if killed else 0)
    assert said.count("Error in rule extract_labelled") == (3 if killed else 1)
