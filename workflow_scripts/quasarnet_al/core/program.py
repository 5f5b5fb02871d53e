"""Programs: the command line, the exit status, and the progress of long work."""

import argparse
import signal
import sys
from collections.abc import Callable, Iterable, Sized
from pathlib import Path
from typing import TYPE_CHECKING

from quasarnet_al import __version__
from quasarnet_al.core.files import InputError

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


class _WithDefaults(argparse.HelpFormatter):
    """Tells the default of every option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str:
        if action.required or action.nargs == 0 or action.default in (None, "", []):
            return action.help
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


def program(main: Callable[[], object]) -> None:
    """Run a program's `main`; bad input ends it with status 2 and one line on stderr.

    SLURM ends a job with SIGTERM: it leaves like any exception, so that no temporary
    file stays behind.
    """
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        main()
    except InputError as error:
        print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        sys.exit(2)
