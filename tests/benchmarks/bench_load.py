"""Memory and time of the steps that see the whole pool, and all labels, against their size.

python tests/benchmarks/bench_load.py [--rows 1000 10000 100000 1000000]

Score tables of 30 members, in chunks of 10,000 spectra, go through select_batch.py and, as
answers of five inspectors, through merge_labels.py; each in a process of its own, whose
largest memory is what the system says. The pool files hold spectra of one pixel value: only
their number matters to these steps.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from measure import summary

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

from quasarnet_al.learning import acquisition, som  # noqa: E402
from quasarnet_al.learning.scores import write_scores  # noqa: E402
from quasarnet_al.spectra import grid, pool  # noqa: E402
from quasarnet_al.spectra.tables import write_fits  # noqa: E402

CHUNK, MEMBERS, FIRST = 10_000, 30, 39627634556000000
INSPECTORS = ("Ann", "Bob", "Cy", "Dee", "Eve")


def measured(program: str, *arguments: object) -> tuple[float, float]:
    """Run a program; return its seconds and its largest memory in MB."""
    command = [sys.executable, str(ROOT / "workflow_scripts" / program), *map(str, arguments)]
    # The largest memory of children is that of the largest: each is measured in a fork.
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, "
        "stdout=subprocess.DEVNULL); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    begin = time.perf_counter()
    told = subprocess.run(
        [sys.executable, "-c", code, *command], check=True, capture_output=True, text=True
    )
    return time.perf_counter() - begin, int(told.stdout) / 1024


def write_chunk(folder: Path, number: int, rows: int) -> tuple[Path, Path, Path]:
    """Write a pool file, its score table and its map."""
    rng = np.random.default_rng(number)
    catalog = pool.catalog(rows, "tiles/cumulative/1/20260101/coadd-0-1-thru20260101.fits")
    catalog["TARGETID"] = FIRST + number * CHUNK + np.arange(rows)
    catalog["ARMS"] = pool.ALL_ARMS
    pool_file, scores, cells = (folder / f"{n}-{number}.fits" for n in ("pool", "scores", "map"))
    pool.write(pool_file, np.ones((rows, grid.LOG.size), np.float32), catalog, grid.LOG)
    columns = {name: catalog[name] for name in ("TARGETID", "TILEID", "ARMS")}
    columns |= {"SNR": np.ones(rows, np.float32)}
    columns |= {name: rng.random(rows).astype(np.float32) for name in ("Z_QN", "Z_STD")}
    columns |= {f"VOTE_{n}": rng.random(rows) for n in ("NOT_QSO", "QSO_LOWZ", "QSO_HIGHZ")}
    columns |= {acquisition.column(name): rng.random(rows) for name in acquisition.NAMES}
    columns |= {"PREDICTED": rng.integers(0, 3, rows).astype(np.int16)}
    columns |= {n: rng.random((rows, MEMBERS)).astype(np.float32) for n in ("MEMBER_Z", "MEMBER_C")}
    write_scores(scores, columns, {})
    found = {"BMU": rng.integers(0, 2025, rows).astype(np.int32)}
    found |= {n: rng.random(rows).astype(np.float32) for n in ("QERR", "FLAW")}
    write_fits(cells, "MAP", {"TARGETID": catalog["TARGETID"]} | found)
    return pool_file, scores, cells


def select(folder: Path, rows: int) -> tuple[float, float]:
    parts = [
        write_chunk(folder, number, min(CHUNK, rows - start))
        for number, start in enumerate(range(0, rows, CHUNK))
    ]
    pools, scores, maps = zip(*parts, strict=True)
    out = [f"--{n}={folder / n}.fits" for n in ("batch-pool", "selection")]
    out += [f"--batch={folder / 'batch'}.csv", f"--summary={folder / 'summary'}.json"]
    return measured(
        "select_batch.py", "--pool", *pools, "--scores", *scores, "--map", *maps,
        "--som", folder / "som.h5", "--outliers", "both", *out,
    )  # fmt: skip


def merge(folder: Path, rows: int) -> tuple[float, float]:
    """Hand in `rows` answers of five inspectors to one batch."""
    targets = FIRST + np.arange(rows // len(INSPECTORS))
    batch = pd.DataFrame({"TARGETID": targets, "RANK": 1, "MINIBATCH": 1, "ACQUISITION": "random"})
    batch.to_csv(folder / "all.csv", index=False)
    files = []
    for name in INSPECTORS:
        files.append(folder / f"desi-vi_t-minibatch-01_{name}.csv")
        table = pd.DataFrame({"TARGETID": targets, "VI_scanner": name, "VI_quality": 4})
        table = table.assign(VI_issue="", VI_z=2.2, VI_spectype="QSO", VI_comment="")
        table.to_csv(files[-1], index=False)
    return measured(
        "merge_labels.py", "--batch", folder / "all.csv", "--vi", *files,
        "--output", folder / "labels.csv", "--refused", folder / "refused.csv",
        "--agreement", folder / "agreement.json",
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", nargs="+", type=int, default=[1000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--answers", nargs="+", type=int, default=[200, 2000, 20_000])
    args = parser.parse_args()
    # A grown limit of files would hide what a login node has.
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    )
    print("| step | rows | seconds | largest memory, MB |\n| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        weights = np.random.default_rng(0).normal(size=(45, 45, grid.LOG.size)).astype(np.float32)
        som.write(folder / "som.h5", som.Som(weights, True), {})
        for step, sizes in ((select, args.rows), (merge, args.answers)):
            for rows in sizes:
                seconds, memory = step(folder, rows)
                print(f"| {step.__name__} | {rows} | {seconds:.1f} | {memory:.0f} |", flush=True)
            summary(f"{step.__name__} of {rows:,} rows, peak memory", f"{memory:.0f} MB", "bounded")


if __name__ == "__main__":
    main()
