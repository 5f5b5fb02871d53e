"""GPUs: which ones a job was given, and whether TensorFlow can use them.

Where TensorFlow finds no GPU it trains on the CPU, far more slowly and without a message that
anybody sees. So a job that was given GPUs uses them, or ends and says why.
"""

import ctypes
import fcntl
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from quasarnet_al.core.files import InputError

#: Set to `yes`, training uses the CPU although there is a GPU.
ON_CPU = "QUASARNET_AL_TRAIN_ON_CPU"
#: TensorFlow's own check of CUDA's libraries, `tsl::internal::DsoLoader::TryDlopenCUDALibraries()`.
_CHECK = "_ZN3tsl8internal9DsoLoader22TryDlopenCUDALibrariesEv"
#: How `absl::Status` represents success in its one word (absl/status/internal).
_OK = 1
#: Locks that this process holds on devices, until it ends.
_locks: list[int] = []


def given() -> list[str]:
    """Return the devices in CUDA_VISIBLE_DEVICES; -1, or SLURM's `NoDevFiles`, is none."""
    names = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    return [name for name in names if name.isdigit() or name.startswith(("GPU-", "MIG-"))]


def preload() -> None:
    """Load cuSOLVER, where pip has installed it; call it before TensorFlow is imported.

    The wheel of TensorFlow 2.21 names the folders of CUDA's other libraries in the RUNPATH of
    `libtensorflow_framework.so.2`, but not `nvidia/cusolver/lib`. Its check of the libraries
    fails, and it uses the CPU. A library that is already loaded is found by its name.
    """
    spec = importlib.util.find_spec("nvidia")
    for folder in (spec and spec.submodule_search_locations) or []:
        for path in Path(folder, "cusolver", "lib").glob("libcusolver.so.*"):
            ctypes.CDLL(str(path))


def libraries_found() -> bool:
    """Return whether TensorFlow's own check finds CUDA's libraries; no GPU is needed for it.

    It loads part of TensorFlow, so call it in a process of its own.
    """
    spec = importlib.util.find_spec("tensorflow")
    if spec is None or spec.origin is None:
        return False
    framework = ctypes.CDLL(str(Path(spec.origin).with_name("libtensorflow_framework.so.2")))
    status = ctypes.c_uint64()
    framework[_CHECK].restype = None
    framework[_CHECK](ctypes.byref(status))
    return status.value == _OK


def asked(question: str) -> Any:
    """Return the value of an expression of `gpu` and `training` in a fresh Python.

    TensorFlow keeps the GPUs that it has looked at until its process ends, so this is another one.

    Raises
    ------
    InputError where TensorFlow cannot be imported
    """
    modules = "import json; from quasarnet_al.network import gpu, training"
    code = f"{modules}; print(json.dumps({question}))"
    # What this Python was told to find (PYTHONPATH), the other finds too.
    folders = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, folders))},
    )
    if run.returncode:
        said = run.stderr.strip().splitlines() or [f"status {run.returncode}"]
        raise InputError("TensorFlow", f"does not start ({said[-1]})", "make the environment again")
    return json.loads(run.stdout.splitlines()[-1])


def need_devices() -> None:
    """Raise `InputError` where the job was given GPUs and TensorFlow does not see all of them."""
    wanted = given()
    if not wanted or os.environ.get(ON_CPU) == "yes":
        return
    seen = asked("len(training.gpus())")
    if seen != len(wanted):
        raise InputError(
            f"CUDA_VISIBLE_DEVICES={','.join(wanted)}",
            f"TensorFlow sees {seen} GPUs",
            "python workflow_scripts/check_gpu.py looks for the cause; to train on the CPU "
            f"all the same, set {ON_CPU}=yes",
        )


def use_one() -> str:
    """Choose one of the given devices that no other process on this node has; return its name.

    Jobs that share an allocation see all of its devices, and all of them would take the first.
    The device is locked until this process ends. Where all are taken it is the first.
    """
    devices = given()
    job = os.environ.get("SLURM_JOB_ID", "none")
    for device in devices if len(devices) > 1 else []:
        name = f"quasarnet-al-{os.getuid()}-{job}-gpu-{device.replace('/', '-')}.lock"
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        lock = os.open(Path(tempfile.gettempdir(), name), flags, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        _locks.append(lock)
        devices = [device]
        break
    if devices:
        os.environ["CUDA_VISIBLE_DEVICES"] = devices[0]
    return devices[0] if devices else ""
