"""Fixtures that several test files share."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PYTHON = sys.executable


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
