"""Progress of long work: a bar on a terminal, sparse lines in a log."""

import sys
from collections.abc import Iterable, Sized
from typing import TYPE_CHECKING

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
