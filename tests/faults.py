"""Faults in the middle of a run, and whether the run ends with the same bytes after them.

python tests/faults.py [--config config/config.yaml] [--kills 30] [--seed 1]

Runs a config undisturbed, then once for each fault, and prints a table; status 1 where a
byte of the results differs. The disk that fills up and the one that is read-only are small
tmpfs, so these two need root. Takes many times the config's own run.

Then every program that writes files runs by itself on tmpfs of 4 to 64 kB (--only disk-sizes:
these alone), and a second table says how often its outputs were whole, how often it refused with
one line and left nothing, and which sizes did neither. A third table (--only labels) says what
comes of everything that people put into the folder of a round's labels.
"""

import argparse
import contextlib
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

from helpers.cases import make_good
from helpers.forked import small_disk
from helpers.full_disk import PAGE, WRITERS, sweep
from helpers.label_cases import CASES, fault_of
from helpers.workflow import checkout, digests

#: What must be the same: all that a round is made of and all that it says. (The reports tell
#: how long the jobs took.)
RESULTS = (
    *("pool/*.fits", "labelled/*.fits", "validation.fits", "som/**/*.h5", "som/**/*.fits"),
    *("round-*/training.fits", "round-*/weights/*.h5", "round-*/scores/*.fits"),
    *("round-*/batch.*", "round-*/selection.*", "round-*/labels.csv", "round-*/metrics.json"),
    *("round-*/inspect/*", "learning_curve.csv", "learning_curve.png"),
)


class Run:
    """A config in a checkout of its own."""

    def __init__(self, folder: Path, config: str, name: str):
        self.folder, self.config, self.name = checkout(folder), config, name
        self.results = folder / "results" / name
        self.said = ""

    def start(self) -> subprocess.Popen:
        command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", self.config]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, process: subprocess.Popen | None = None) -> int:
        process = process or self.start()
        self.said = process.communicate()[1]
        return process.returncode

    def kill_after(self, seconds: float) -> bool:
        """Start, and kill Snakemake and all its jobs; return whether there was time to."""
        process = self.start()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=seconds)
            return False
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        unlock = [sys.executable, "-m", "snakemake", "--unlock", "--configfile", self.config]
        subprocess.run(unlock, cwd=self.folder, capture_output=True, check=True)
        return True

    def partial(self) -> list[Path]:
        return [path for path in self.results.rglob("*") if ".partial" in path.name]

    def digests(self) -> dict[str, str]:
        return digests(self.results, *RESULTS)


def kills(run: Run, count: int, moments: random.Random, length: float) -> str:
    """SIGKILL Snakemake and its jobs at random moments, again and again."""
    done, most = 0, max(6.0, 2 * length / count)
    # Starting takes seconds: what is killed sooner has done nothing.
    while done < count and run.kill_after(moments.uniform(4.0, 4.0 + most)):
        done += 1
    return f"{done} kills; the last run ended {run.finish()}"


def second_snakemake(run: Run, length: float) -> str:
    """Start a second Snakemake while the first runs."""
    first = run.start()
    time.sleep(length / 3)
    second = run.start()
    words = second.communicate()[1]
    told = "told that it is locked" if "lock" in words.lower() else "NOT TOLD OF THE LOCK"
    return f"the second ended {second.returncode}, {told}; the first {run.finish(first)}"


def clock_jumps(run: Run, length: float) -> str:
    """Kill the run halfway and date what it made a day ahead: the clock was set back."""
    run.kill_after(length / 2)
    date(run.results, time.time() + 86400)
    first = run.finish()
    told = "told of the clock" if "clock skew" in run.said else "NOT TOLD WHY"
    date(run.results, time.time())
    return f"the rerun ended {first}, {told}; after `touch` {run.finish()}"


def date(folder: Path, when: float) -> None:
    """Set the times of files, in the order that they have."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    for number, path in enumerate(sorted(files, key=lambda path: path.stat().st_mtime_ns)):
        os.utime(path, (when + number * 1e-3, when + number * 1e-3))


@contextlib.contextmanager
def results_disk(run: Run, size: str) -> Iterator[Callable[[str], None]]:
    """A tmpfs for the results; yields what mounts it again with other options."""
    target = run.folder / "results"
    target.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(target)]
    subprocess.run(mount, check=True, capture_output=True)
    try:
        yield lambda options: subprocess.run(
            ["mount", "-o", f"remount,{options}", str(target)], check=True
        )
        shutil.copytree(target, run.folder / "kept")
    finally:
        subprocess.run(["umount", "-l", str(target)], check=True)
    target.rmdir()
    (run.folder / "kept").rename(target)


def full_disk(run: Run, sizes: list[int]) -> str:
    """Run on disks that fill up sooner and later, then on one with space."""
    ends = []
    with results_disk(run, f"{sizes[0]}k") as remount:
        for size in sizes:
            remount(f"size={size}k")
            ends.append(run.finish())
            ends[-1] = f"{ends[-1]}" + (", A PARTIAL FILE" if run.partial() else "")
        remount("size=8g")
        last = run.finish()
    return f"with {', '.join(f'{size} kB' for size in sizes)}: {', '.join(ends)}; with space {last}"


def read_only(run: Run, length: float) -> str:
    """Let the results become read-only halfway."""
    with results_disk(run, "8g") as remount:
        process = run.start()
        time.sleep(length / 2)
        # What is being written holds the mount.
        for _ in range(100):
            with contextlib.suppress(subprocess.CalledProcessError):
                remount("ro")
                break
            time.sleep(0.1)
        ends = run.finish(process)
        remount("rw")
        last = run.finish()
    return f"read-only ended {ends}; writable again {last}"


def disk_sizes(root: Path) -> bool:
    """Print what came of every program that writes on disks of 4 to 64 kB; return if all is well.

    The last sizes are a page less than its outputs take, and as many as they take.
    """

    def sizes(pages: int) -> list[int]:
        return sorted({*range(1, 17), pages - 1, pages} - {0})

    good = make_good(root / "good")
    print("| program | outputs, kB | whole | refused in one line | faults |")
    print("| --- | --- | --- | --- | --- |")
    well = True
    with small_disk(root / "small") as resize:
        for name in WRITERS:
            found = sweep(name, good, root / "small", resize, sizes)
            well &= not found.faults
            faults = "; ".join(found.faults) or "none"
            counts = f"{PAGE * found.pages} | {found.whole} | {found.refused}"
            print(f"| {name} | {counts} | {faults} |", flush=True)
    return well


def labels(root: Path) -> bool:
    """Print what came of everything that people put into the folder of a round."""
    root.mkdir()
    print("| what people do | labels | what is told | verdict |")
    print("| --- | --- | --- | --- |")
    well = True
    for number, (name, case) in enumerate(CASES.items()):
        with contextlib.redirect_stdout(io.StringIO()):
            fault = fault_of(name, root / f"{number}")
        well &= not fault
        status = ", ".join(f"{count} {word}" for word, count in case.status.items())
        told = f"{status or 'as they were'} | {case.told}"
        print(f"| {name} | {told} | {fault or 'as it should be'} |", flush=True)
    return well


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", default="tests/configs/tiny.yaml")
    parser.add_argument("--run", default="tiny", help="the config's key `run`")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", help="faults, by name")
    args = parser.parse_args()

    # Leave as after an exception: a mounted disk would stay behind.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        alone = {"disk-sizes": disk_sizes, "labels": lambda root: labels(root / "labels")}
        if args.only and set(args.only) <= alone.keys():
            verdicts = [alone[name](root) for name in args.only]
            sys.exit(not all(verdicts))
        undisturbed = Run(root / "undisturbed", args.config, args.run)
        begin = time.monotonic()
        status = undisturbed.finish()
        length = time.monotonic() - begin
        if status:
            sys.exit(undisturbed.said)
        expected = undisturbed.digests()
        size = sum(p.stat().st_size for p in undisturbed.results.rglob("*") if p.is_file()) // 1024
        print(f"undisturbed: {length:.0f} s, {len(expected)} files compared", flush=True)
        faults = {
            "kills": lambda run: kills(run, args.kills, random.Random(args.seed), length),
            "second-snakemake": lambda run: second_snakemake(run, length),
            "clock-jumps": lambda run: clock_jumps(run, length),
            "full-disk": lambda run: full_disk(run, [size // 8, size // 3, size * 2 // 3]),
            "read-only": lambda run: read_only(run, length),
        }
        bad = False
        print("| fault | what happened | bytes after the rerun | partial files |")
        print("| --- | --- | --- | --- |")
        for name in args.only or faults:
            run = Run(root / name, args.config, args.run)
            try:
                told = faults[name](run)
            except subprocess.CalledProcessError as error:
                print(f"| {name} | cannot be tried here: {error} | | |", flush=True)
                continue
            found = run.digests()
            other = [file for file in expected if found.get(file) != expected[file]]
            bad |= bool(other or run.partial())
            verdict = f"{len(other)} differ: {other[:5]}" if other else "the same"
            print(f"| {name} | {told} | {verdict} | {len(run.partial())} |", flush=True)
        if not args.only:
            bad |= not labels(root / "labels")
            try:
                bad |= not disk_sizes(root)
            except subprocess.CalledProcessError as error:
                print(f"disk-sizes cannot be tried here: {error}")
        sys.exit(bad)


if __name__ == "__main__":
    main()
