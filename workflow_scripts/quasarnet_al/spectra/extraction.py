"""What was extracted from files, what was left out, and how many files may be broken."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from quasarnet_al.core.files import InputError
from quasarnet_al.spectra import pool, tiles
from quasarnet_al.spectra.grid import Grid
from quasarnet_al.spectra.tables import stack

Read = TypeVar("Read")
#: What a file is called that was read, and one that cannot be read or is not there.
READ, BROKEN = "read", "broken"
#: Notes of a kind that are printed, but for broken files; all are counted.
SHOWN = 5


@dataclass
class Extraction:
    """Normalised spectra of a set of files, and what was left out.

    Attributes
    ----------
    spectra : float32 (n, p)
    catalog : CATALOG of n rows
    dropped : how many spectra were left out, by reason
    files : number of files that were read
    notes : what is to be said about files, by kind: those that are `BROKEN`, and why; those
        without redrock, without a camera
    """

    spectra: np.ndarray
    catalog: np.ndarray
    dropped: Counter
    files: int
    notes: dict[str, list[str]] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """Return how many files were read, and how many notes there are of each kind."""
        return {READ: self.files} | {kind: len(self.notes[kind]) for kind in sorted(self.notes)}

    def report(self) -> str:
        """Return the notes, one line per kind: all broken files, the first of the others."""
        lines = []
        for kind, notes in sorted(self.notes.items()):
            shown = notes if kind == BROKEN else notes[:SHOWN]
            more = f" and {len(notes) - len(shown)} more" if len(notes) > len(shown) else ""
            lines.append(f"{kind} ({len(notes)}): {'; '.join(shown)}{more}")
        return "\n".join(lines)


def concatenate(extractions: Sequence[Extraction]) -> Extraction:
    """Join the extractions of several files."""
    notes: dict[str, list[str]] = {}
    for extraction in extractions:
        for kind, more in extraction.notes.items():
            notes.setdefault(kind, []).extend(more)
    return Extraction(
        np.concatenate([extraction.spectra for extraction in extractions]),
        stack([extraction.catalog for extraction in extractions]),
        sum((extraction.dropped for extraction in extractions), Counter()),
        sum(extraction.files for extraction in extractions),
        notes,
    )


def silently(items: Iterable, total: int) -> Iterable:
    """Iterate without showing the progress."""
    return items


def extract_all(
    read: Callable[..., Extraction],
    paths: Sequence[str | Path],
    grid: Grid,
    broken: float = 0.0,
    threads: int = 1,
    absent: Sequence[InputError] = (),
    tell: Callable[..., Iterable] = silently,
) -> Extraction:
    """Extract the spectra of files on `grid` and join them; the others are as of `each`."""
    parts, faults = each(partial(read, grid=grid), paths, broken, threads, absent, tell)
    nothing = Extraction(np.zeros((0, grid.size), np.float32), pool.catalog(0), Counter(), 0)
    result = concatenate(parts or [nothing])
    if faults:
        result.notes[BROKEN] = faults
    return result


def each(
    read: Callable[[Path], Read],
    paths: Sequence[str | Path],
    broken: float,
    threads: int = 1,
    absent: Sequence[InputError] = (),
    tell: Callable[..., Iterable] = silently,
) -> tuple[list[Read], list[str]]:
    """Read files, leaving out those that are broken.

    A file that is given twice is read once: its spectra would be there twice.

    Parameters
    ----------
    read : of one file; raises `InputError` for one that cannot be used
    broken : largest fraction of the files that may be broken or absent
    threads : files that are read side by side
    absent : files that were looked for and are not there
    tell : passes through what it iterates over, `total` in number, and shows the progress

    Returns
    -------
    what was read, in the order of the paths, and the faults of the others

    Raises
    ------
    InputError of the first broken file, where there are too many
    """
    work = partial(_read, read)
    paths = tiles.distinct(paths)
    if threads > 1 and len(paths) > 1:
        from threadpoolctl import threadpool_limits

        # A process is one thread: BLAS's own would be threads x threads.
        with ProcessPoolExecutor(
            min(threads, len(paths)), initializer=threadpool_limits, initargs=(1,)
        ) as processes:
            found = list(tell(processes.map(work, map(Path, paths)), total=len(paths)))
    else:
        found = [work(path) for path in tell(map(Path, paths), total=len(paths))]
    faults = [*absent, *(result for result in found if isinstance(result, InputError))]
    count = len(paths) + len(absent)
    if len(faults) > broken * count:
        if count == 1 or not broken:
            raise faults[0]
        path, fault, _ = faults[0].args
        raise InputError(
            path,
            f"{fault}; of {count} files {len(faults)} are broken or absent, more than the allowed "
            f"fraction of {broken:g}",
            "fetch them again, or raise pool.broken (--broken)",
        )
    kept = [result for result in found if not isinstance(result, InputError)]
    return kept, [f"{fault.args[0]}: {fault.args[1]}" for fault in faults]


def _read(read: Callable[[Path], Read], path: Path) -> Read | InputError:
    try:
        return read(path)
    except InputError as error:
        return error
