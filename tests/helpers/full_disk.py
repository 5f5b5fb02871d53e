"""Programs on disks of every size: whole outputs, or none and one line."""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from helpers.cases import PROGRAMS, TRAINING, arguments, inputs
from helpers.forked import run_program_forked

#: Programs that write files and take a moment (training writes as `export_weights` does, by the
#: functions that `pack_ensemble` uses too; its checkpoints have a test of their own).
WRITERS = tuple(
    name for name, (words, _) in PROGRAMS.items() if "@" in words and name not in TRAINING
)
#: It writes petal by petal, and truth.csv when all are there: whole petals may remain.
GRADUAL = {"simulate_survey": "survey/truth.csv"}
PAGE = 4  #: kB


@dataclass
class Sweep:
    """What came of a program on the disks."""

    pages: int  # that its outputs take
    whole: int = 0
    refused: int = 0
    faults: list[str] | None = None


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all files below a folder, by relative path."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _is_part(program: str, left: dict[str, bytes], wanted: dict[str, bytes]) -> bool:
    """Say whether whole files remain of a program that may leave some, without its last."""
    last = GRADUAL.get(program)
    return last is not None and last not in left and left.items() <= wanted.items()


def sweep(
    program: str,
    good: dict[str, Path],
    disk: Path,
    resize: Callable[[int], None],
    sizes: Callable[[int], Iterable[int]],
) -> Sweep:
    """Run a program on a disk of each of `sizes(pages of its outputs)` pages.

    Parameters
    ----------
    good : of `cases.make_good`
    disk, resize : of `forked.small_disk`
    """

    def run(pages):
        for path in disk.iterdir():
            shutil.rmtree(path)
        resize(PAGE * pages)
        out = disk / "out"
        out.mkdir()
        # Paths are in some outputs (provenance), so all are made in the same folder.
        given = inputs(program, good)
        return run_program_forked(program, arguments(program, given, out), disk), contents(out)

    end, wanted = run(16 * 1024)
    assert end.status in (0, 1) if program == "judge_weights" else end.status == 0, end
    found = Sweep(sum(-(-len(content) // (1024 * PAGE)) for content in wanted.values()), faults=[])
    for pages in sizes(found.pages):
        end, left = run(pages)
        if end.status == 0 and left == wanted:
            found.whole += 1
        elif end.is_one_line() and (not left or _is_part(program, left, wanted)):
            found.refused += 1
        else:
            different = [name for name in left if left[name] != wanted.get(name)]
            what = f"status {end.status}, {len(left)} files left, not whole: {different}"
            found.faults.append(f"{PAGE * pages} kB: {what}, {end.err.strip()[-200:]}")
        if pages >= found.pages and end.status:
            found.faults.append(f"{PAGE * pages} kB would do: {end.err.strip()[-200:]}")
    return found
