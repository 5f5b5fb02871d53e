"""Programs: the command line, the exit status, and the progress of long work."""

import argparse
import contextlib
import io
import os
import re
import signal
import stat
import sys
import traceback
from collections.abc import Callable, Iterable, Sized
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from quasarnet_al import __version__
from quasarnet_al.core.files import InputError, all_or_none

if TYPE_CHECKING:
    from tqdm import tqdm


def progress(items: Iterable, unit: str, total: int | None = None) -> "tqdm":
    """Iterate over `items`, telling on stderr how many are done.

    Nothing is shown of work that takes a moment; a log gets a line in half a minute.
    """
    from tqdm import tqdm  # takes a sixth of numpy's time to start

    if total is None and isinstance(items, Sized):
        total = len(items)
    terminal = sys.stderr.isatty()
    seconds = 0.1 if terminal else 30.0
    return tqdm(
        items,
        total=total,
        unit=f" {unit}",
        delay=1 if terminal else seconds,
        mininterval=seconds,
        maxinterval=seconds,
        ascii=not terminal,
        dynamic_ncols=terminal,
    )


def positive(text: str) -> int:
    """Return a whole number above zero, for argparse's `type`."""
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def fraction(text: str) -> float:
    """Return a number from 0 to 1, for argparse's `type`."""
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError
    return value


class _WithDefaults(argparse.HelpFormatter):
    """Tells the default of every option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str:
        if action.required or action.nargs == 0 or action.default in (None, "", []):
            return action.help or ""
        return f"{action.help} (default: %(default)s)"


class _Parser(argparse.ArgumentParser):
    """Reads arguments from a file where one is `@FILE`, one argument per line.

    The kernel limits a program's arguments to about 2 MB in all, which the paths of some
    ten thousand files exceed. A rule writes such a list as `@<(printf '%s\\n' ...)`: printf
    is part of bash, so no limit applies and no list is left behind.
    """

    def convert_arg_line_to_args(self, line: str) -> list[str]:
        # printf writes one empty line for an empty list.
        return [line] if line else []


def command_line(description: str) -> argparse.ArgumentParser:
    """Return a program's parser, with the options that all of them have."""
    parser = _Parser(
        description=description, formatter_class=_WithDefaults, fromfile_prefix_chars="@"
    )
    version = f"%(prog)s (quasarnet-al) {__version__}"
    parser.add_argument("--version", action="version", version=version)
    return parser


#: What faulty input or a full disk raise, and packages that do nothing but read files: whatever
#: they raise is about the file.
INPUT_ERRORS = (OSError, EOFError, UnicodeError, RecursionError)
READERS = {"fitsio", "h5py", "yaml", "gzip", "zlib", "lzma", "bz2", "zipfile"}


#: In a log, the line before that of a fault that ended a program with status 2: the same input
#: would be refused again (see `workflow.retries`).
REFUSAL = "exit status 2, bad input: this job is not run again by itself"


def program(main: Callable[[], object]) -> None:
    """Run a program's `main` and end the process: every fault is one line, the last on stderr.

    The exit status is 2 where the input or the disk is at fault, 3 where the memory is too small,
    130 after Ctrl-C, 1 for a fault of the program itself. Where stderr is a file (a rule's log), a
    fault that no reader has recognised leaves its traceback there too, before the line, and
    status 2 the line `REFUSAL`. The outputs of `main` get their names at its end, all or none
    (`files.all_or_none`).

    SLURM ends a job with SIGTERM: it leaves like any exception, so that no temporary file
    remains.
    """
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    # A file name may hold any bytes: it must not break the line that tells of it.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with all_or_none([re.sub("^--[a-z-]+=", "", word) for word in sys.argv[1:]]):
            main()
        sys.stdout.flush()
    except InputError as error:
        _end(2, str(error))
    except KeyboardInterrupt:
        _end(130, "interrupted; what was not finished is not written")
    except BrokenPipeError:
        # Python would try to write the rest once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        _end(1, "what reads its output has ended; give the output to a file, or read all of it")
    except Exception as error:
        if _is_file(sys.stderr):
            traceback.print_exc()
        _end(*_status_and_fault(error))


def _end(status: int, line: str) -> NoReturn:
    with contextlib.suppress(OSError):  # the log may be on the disk that is full
        if status == 2 and _is_file(sys.stderr):
            print(REFUSAL, file=sys.stderr)
        print(f"{Path(sys.argv[0]).name}: {line}", file=sys.stderr, flush=True)
    sys.exit(status)


def _is_file(stream: TextIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):
        return False


def _status_and_fault(error: Exception) -> tuple[int, str]:
    """Return the exit status and the line of an exception that nobody has recognised."""
    from concurrent.futures import BrokenExecutor

    frames = list(traceback.walk_tb(error.__traceback__))
    modules = {type(error).__module__} | {f.f_globals.get("__name__", "") for f, _ in frames}
    said = f"{type(error).__name__}: {error}".rstrip(": ")
    if isinstance(error, BrokenExecutor):
        what = "a worker process was killed, probably for want of memory"
        return 1, str(InputError(what, said, "give more memory, or fewer threads"))
    known = isinstance(error, (MemoryError, *INPUT_ERRORS))
    if not known and not READERS & {m.split(".")[0] for m in modules}:
        frame, line = frames[-1]
        place = f"{Path(frame.f_code.co_filename).name} line {line}"
        return 1, str(
            InputError(
                place,
                f"unexpected {said}",
                "this is a fault of the program: please report it with the traceback, which "
                "`2> FILE` keeps",
            )
        )
    # Readers call the file that they read `path`.
    paths = (f.f_locals.get("path") for f, _ in reversed(frames))
    name = getattr(error, "filename", None) or next(
        (path for path in paths if isinstance(path, str | Path)), "an input or output file"
    )
    if isinstance(error, MemoryError):
        return 3, str(
            InputError(
                name,
                f"asks for more memory than there is ({said})",
                "check whether the file is whole, or give more memory",
            )
        )
    reason = f"{error.strerror or error}" if isinstance(error, OSError) else said
    return 2, str(
        InputError(
            name,
            f"cannot be read or written ({reason})",
            "check the file, its permissions and the free space",
        )
    )
