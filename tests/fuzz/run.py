"""Give every program damaged files, and say how each ended.

python tests/fuzz/run.py [--cases 5000] [--seed 0] [--only PROGRAM ...] [--workers 2]
python tests/fuzz/run.py --show NUMBER [--seed 0]     one case, with its traceback

A case is one input of one program, damaged at random (`mutate`) from a seed and its number. The
programs run in forked workers that each do many cases, with a limit on the memory that they may
take beyond what a worker starts with, and on the time of a case. A program must end well, or with
status 2, one line that names the file, and no output. The table counts the cases by program:

  read      ended well: the damage did no harm, or was in what the program does not read
  refused   status 2, one line; or 3: of these `memory` asked for more than the limit
  faults    anything else: a traceback, a crash, a hang, several lines, a part of an output

A fault counts if it happens in a new process too; one that happens only after other cases is
printed. Status 1 where there is a fault. Programs that draw get fewer cases. The two that train
are left out: they read what others read, by the same functions.
"""

import argparse
import contextlib
import importlib
import io
import json
import os
import resource
import selectors
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[up]) for up in (1, 0)]
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "workflow_scripts"))

import mutate  # noqa: E402
import numpy as np  # noqa: E402

from helpers.cases import PROGRAMS, TRAINING, arguments, inputs, make_good  # noqa: E402
from quasarnet_al.core.program import program as run_program  # noqa: E402

MEMORY = 2**30  # bytes
SECONDS = 20.0  # of the processor; ten times as many on the clock
WELL = ("read", "refused", "memory")


@dataclass(frozen=True)
class Case:
    """One damaged input of a program."""

    number: int
    program: str
    name: str


@dataclass
class Tally:
    """How the cases of a program ended."""

    cases: int = 0
    read: int = 0
    refused: int = 0
    memory: int = 0
    faults: list[str] = field(default_factory=list)


#: Programs that take seconds where the damage does no harm, as they draw: fewer cases each.
SLOW = ("report_round", "report_run", "compare_weights", "compare_variants", "compare_arms")
SLOW += ("draw_digits", "evaluate_ensemble")


def plan(count: int, seed: int, only: list[str]) -> list[Case]:
    """Return the cases, the same for the same arguments."""
    names = [
        name
        for name, (_, kinds) in PROGRAMS.items()
        if kinds and name not in TRAINING and (not only or name in only)
    ]
    share = np.array([0.1 if name in SLOW else 1.0 for name in names])
    rng = np.random.default_rng([seed, count])
    cases = []
    for number, k in enumerate(rng.choice(len(names), count, p=share / share.sum())):
        kinds = list(PROGRAMS[names[k]][1])
        cases.append(Case(number, names[k], kinds[int(rng.integers(len(kinds)))]))
    return cases


def _status(name: str, words: list[str], folder: Path) -> tuple[int, str]:
    """Run a program in this process; return its exit status and its stderr."""
    main = importlib.import_module(name.split(".")[0]).main
    sys.argv = [f"{name.split('.')[0]}.py"]
    os.chdir(folder)
    status, err = 0, io.StringIO()
    with (
        contextlib.redirect_stderr(err),
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        try:
            run_program(lambda: main(words))
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
    return status, err.getvalue()


def damaged(case: Case, seed: int, good: dict, folder: Path) -> tuple[dict, Path, str]:
    """Write the case's file; return the program's inputs, the file, and the kind of damage."""
    given = inputs(case.program, good)
    source = Path(given[case.name])
    rng = np.random.default_rng([seed, case.number])
    content, kind = mutate.FORMATS_BY_SUFFIX[source.suffix](source.read_bytes(), rng)
    path = folder / "input" / source.name
    path.parent.mkdir()
    path.write_bytes(content)
    return given | {case.name: path}, path, kind


def run(case: Case, seed: int, good: dict) -> dict:
    """Run a case in this process; return how it ended."""
    folder = Path(tempfile.mkdtemp())
    try:
        given, path, kind = damaged(case, seed, good, folder)
        (folder / "out").mkdir()
        status, err = _status(case.program, arguments(case.program, given, folder / "out"), folder)
        left = [file.name for file in (folder / "out").rglob("*") if file.is_file()]
        end = {"damage": kind, "status": status, "err": err[-400:]}
        fine = (0, 1) if case.program == "judge_weights" and not err else (0,)
        if status in fine:
            return end | {"end": "read"}
        if status in (2, 3) and err.count("\n") == 1 and path.name in err and not left:
            return end | {"end": "refused" if status == 2 else "memory"}
        return end | {"end": "fault", "left": left}
    finally:
        os.chdir("/")
        shutil.rmtree(folder, ignore_errors=True)


class Worker:
    """A forked process that runs cases one after the other and tells of each."""

    def __init__(self, cases: list[Case], seed: int, good: dict):
        self.cases, self.seed, self.good = cases, seed, good
        self.done = 0
        self.start()

    def start(self) -> None:
        reading, writing = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            os.close(reading)
            _limit_memory()
            with os.fdopen(writing, "w", buffering=1) as pipe:
                for case in self.cases[self.done :]:
                    # Of the processor's time, as the machine may have other work; of the
                    # clock's for what waits. Either signal ends the process.
                    signal.setitimer(signal.ITIMER_PROF, SECONDS)
                    signal.setitimer(signal.ITIMER_REAL, 10 * SECONDS)
                    pipe.write(json.dumps(run(case, self.seed, self.good)) + "\n")
            os._exit(0)
        os.close(writing)
        self.pipe, self.rest = reading, b""

    def read(self) -> tuple[list[dict], bool]:
        """Return how cases ended since, and whether the process has ended."""
        part = os.read(self.pipe, 2**20)
        *lines, self.rest = (self.rest + part).split(b"\n")
        return [json.loads(line) for line in lines], not part

    def stop(self) -> int:
        os.close(self.pipe)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def alone(case: Case, seed: int, good: dict) -> dict:
    """Run a case in a process of its own."""
    worker, ends = Worker([case], seed, good), []
    while not ends:
        ends, ended = worker.read()
        if ended:
            break
    status = worker.stop()
    return ends[0] if ends else {"end": "crash or hang", "status": status}


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run_all(cases: list[Case], seed: int, good: dict, workers: int) -> dict[str, Tally]:
    """Run the cases in workers; return a tally of each program."""
    tallies: dict[str, Tally] = {case.program: Tally() for case in cases}

    def count(case: Case, end: dict) -> None:
        if end["end"] not in WELL:
            # Earlier cases leave messages in cfitsio, or damage the memory of the process: what
            # counts is a new process.
            first, end = end, alone(case, seed, good)
            if end["end"] in WELL:
                print(f"{case.number} only after other cases: {json.dumps(first)}", flush=True)
        tally = tallies[case.program]
        tally.cases += 1
        if end["end"] in WELL:
            tally.read += end["end"] == "read"
            tally.refused += end["end"] != "read"
            tally.memory += end["end"] == "memory"
        else:
            tally.faults.append(f"{case.number} ({case.name}): {json.dumps(end)}")
            print(f"{case.program}: {tally.faults[-1]}", flush=True)

    selector = selectors.DefaultSelector()
    for k in range(workers):
        if cases[k::workers]:
            worker = Worker(cases[k::workers], seed, good)
            selector.register(worker.pipe, selectors.EVENT_READ, worker)
    while selector.get_map():
        for key, _ in selector.select():
            worker = key.data
            ends, ended = worker.read()
            for end in ends:
                count(worker.cases[worker.done], end)
                worker.done += 1
            if ended:
                selector.unregister(worker.pipe)
                status = worker.stop()
                if worker.done < len(worker.cases):
                    end = {"end": "crash or hang", "status": status}
                    count(worker.cases[worker.done], end)
                    worker.done += 1
                if worker.done < len(worker.cases):
                    worker.start()
                    selector.register(worker.pipe, selectors.EVENT_READ, worker)
    return tallies


def table(tallies: dict[str, Tally]) -> str:
    lines = [
        "| program | cases | read | refused | of these memory | faults |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    total: Counter = Counter()
    for name, tally in sorted(tallies.items()):
        row = (tally.cases, tally.read, tally.refused, tally.memory, len(tally.faults))
        total.update(dict(enumerate(row)))
        lines.append(f"| {name} | {' | '.join(map(str, row))} |")
    lines.append(f"| all | {' | '.join(str(total[k]) for k in range(5))} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", default=[], help="programs, as the table names them")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--show", type=int, help="number of a case to run alone, in this process")
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        with contextlib.redirect_stdout(io.StringIO()):
            good = make_good(Path(folder) / "good")
        cases = plan(args.cases, args.seed, args.only)
        mutate.zeros()
        if args.show is not None:
            case = cases[args.show]
            print(case, json.dumps(run(case, args.seed, good), indent=1))
            return
        begin = time.monotonic()
        tallies = run_all(cases, args.seed, good, args.workers)
    print(table(tallies))
    print(f"{time.monotonic() - begin:.0f} s, seed {args.seed}")
    sys.exit(any(tally.faults for tally in tallies.values()))


if __name__ == "__main__":
    main()
