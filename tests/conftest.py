"""Fixtures that several test files share."""

import os
import subprocess
from pathlib import Path

import pytest

from helpers.paths import PYTHON, ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real DESI, BOSS, MNIST and VI files, kept beside the project."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real data (../shared/data) are not on this machine")
    return folder


@pytest.fixture(scope="session")
def training():
    """The module that imports TensorFlow, on one thread; without TensorFlow, skip."""
    module = pytest.importorskip("quasarnet_al.network.training")
    try:
        module.configure(1)
    except RuntimeError:  # TensorFlow already runs in this process, for another test
        module.tf.config.experimental.enable_op_determinism()
    return module


@pytest.fixture(scope="session")
def program():
    """Run one of the programs as a user does; returns the finished process."""

    def run(name: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess:
        command = [PYTHON, str(ROOT / "workflow_scripts" / name), *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, env=os.environ | environment
        )

    return run


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    """Halves of a mock survey, by object: one to learn from, one written as files to judge."""
    from helpers.survey import simple_survey  # only here: it imports half of the library

    return simple_survey(tmp_path_factory.mktemp("survey"))
