"""Running programs in forked processes: what crashes, hangs or fills a disk is theirs alone."""

import contextlib
import importlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from quasarnet_al.core.program import program as run_program


@dataclass(frozen=True)
class End:
    """How a process ended: its exit status (negative: by that signal), and its stderr."""

    status: int
    err: str

    def is_one_line(self) -> bool:
        """Say whether it ended as programs do that find a fault: status 2 and one line."""
        return self.status == 2 and self.err.count("\n") == 1 and self.err.endswith("\n")


def run_forked(function: Callable[[], object], seconds: float = 60) -> End:
    """Run a function in a child process, as a program's `main`, and kill it after `seconds`."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        status = 1
        try:
            os.close(reading)
            os.dup2(writing, 2)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            # A test's capture has replaced both.
            sys.stdout = os.fdopen(1, "w", closefd=False)
            sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
            run_program(function)
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        finally:
            with contextlib.suppress(OSError):
                sys.stderr.flush()
            os._exit(status)
    os.close(writing)
    deadline, parts = time.monotonic() + seconds, []
    while select.select([reading], [], [], max(0, deadline - time.monotonic()))[0]:
        part = os.read(reading, 65536)
        if not part:
            break
        parts.append(part)
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(reading)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return End(status, b"".join(parts).decode(errors="replace"))


def run_program_forked(name: str, arguments: list[str], folder: Path, seconds: float = 60) -> End:
    """Run a program of `workflow_scripts` in a child process whose working folder is `folder`."""
    main = importlib.import_module(name.split(".")[0]).main

    def run() -> None:
        os.chdir(folder)
        sys.argv = [f"{name.split('.')[0]}.py"]
        main(arguments)

    return run_forked(run, seconds)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Callable[[int], None]]:
    """Mount an empty tmpfs on a new folder; yields a function that sets its size, kB.

    Raises CalledProcessError where that is not allowed: it needs root.
    """
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(folder)]
    subprocess.run(mount, check=True, capture_output=True)

    def resize(size: int) -> None:
        options = f"remount,size={size}k"
        subprocess.run(["mount", "-o", options, str(folder)], check=True, capture_output=True)

    try:
        yield resize
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()
