"""A job that was given GPUs uses them, or ends and says why. No GPU is needed here."""

import importlib.util
import subprocess
import sys

import pytest

from helpers.paths import PYTHON, ROOT
from quasarnet_al.core.files import InputError
from quasarnet_al.network import gpu

HAS_CUDA = importlib.util.find_spec("nvidia") is not None
USE_ONE = "from quasarnet_al.network import gpu; print(gpu.use_one(), flush=True); input()"


@pytest.mark.parametrize(
    ("value", "devices"),
    [("0,1,2,3", ["0", "1", "2", "3"]), ("GPU-5f1e", ["GPU-5f1e"]), ("", []), ("-1", []),
     ("NoDevFiles", [])],
)  # fmt: skip
def test_devices_of_the_job(monkeypatch, value, devices):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert gpu.given() == devices


def test_training_without_the_gpus_of_the_job_is_refused(monkeypatch):
    pytest.importorskip("tensorflow")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "97,98")  # on no machine
    with pytest.raises(InputError, match="CUDA_VISIBLE_DEVICES=97,98: TensorFlow sees 0 GPUs"):
        gpu.need_devices()
    monkeypatch.setenv(gpu.ON_CPU, "yes")
    gpu.need_devices()


def test_a_tensorflow_that_does_not_start_is_named(monkeypatch, tmp_path):
    """Its import fails on a node of another architecture, say."""
    (tmp_path / "tensorflow.py").write_text("raise ImportError('no AVX here')")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    (tmp_path / "python").write_text(
        f'#!/bin/sh\nPYTHONPATH={tmp_path}:$PYTHONPATH exec {PYTHON} "$@"\n'
    )
    (tmp_path / "python").chmod(0o755)
    with pytest.raises(InputError, match=r"TensorFlow: does not start .*no AVX here"):
        gpu.need_devices()


def test_four_processes_use_four_devices(monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "workflow_scripts"))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen([PYTHON, "-c", USE_ONE], **pipes) for _ in range(4)]
    devices = [process.stdout.readline().strip() for process in processes]
    assert set(devices) == {"0", "1", "2", "3"}
    # One that ends, however it ends, frees its device for the next.
    processes[2].kill()
    processes[2].wait()
    fifth = subprocess.run([PYTHON, "-c", USE_ONE], input="\n", capture_output=True, text=True)
    assert fifth.stdout.strip() == devices[2]
    for process in processes[:2] + processes[3:]:
        process.communicate("\n")


def test_a_single_device_is_not_locked(monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert gpu.use_one() == "2"
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not HAS_CUDA, reason="needs the libraries of envs/gpu.txt")
def test_tensorflow_finds_the_libraries_of_cuda(monkeypatch):
    """By its own check, which fails without `preload` (TensorFlow 2.21)."""
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    assert gpu.asked("gpu.libraries_found()") is True


def test_the_check_of_a_node_ends_with_what_is_missing(program):
    pytest.importorskip("tensorflow")
    done = program("check_gpu.py", CUDA_VISIBLE_DEVICES="97")
    assert done.returncode == 2
    assert "TensorFlow: 2." in done.stdout
    assert len(done.stderr.splitlines()) == 1
