"""Time and memory of a dry run of one round: 30 members, up to 20,000 tiles.

    python tests/benchmarks/bench_dag.py [--tiles 500 5000 20000] [--tiles-per-job 250]

The tile table is made up, the input tree is empty. Prints a Markdown table.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tiles", nargs="+", type=int, default=[500, 5000, 20_000])
    parser.add_argument("--tiles-per-job", nargs="+", type=int, default=[250])
    parser.add_argument("--members", type=int, default=30)
    args = parser.parse_args(argv)

    print("| tiles | tiles a job | jobs in the graph | dry run, s | plan, s | peak memory, MB |")
    print("| --- | --- | --- | --- | --- | --- |")
    for per_job in args.tiles_per_job:
        for tiles in args.tiles:
            with tempfile.TemporaryDirectory() as folder:
                config = write(Path(folder), tiles, per_job, args.members)
                jobs, seconds, memory = dry_run(Path(folder), config)
                _, plan, _ = dry_run(Path(folder), config, "--list-rules")
            print(
                f"| {tiles:,} | {per_job} | {jobs:,} | {seconds:.1f} | {plan:.1f} | {memory:.0f} |"
            )


def write(folder: Path, tiles: int, per_job: int, members: int) -> Path:
    """Write a tile table, an empty production and a config."""
    rows = [f"{1000 + n},main,dark,{20210514 + n % 17}" for n in range(tiles)]
    (folder / "tiles.csv").write_text("\n".join(["TILEID,SURVEY,PROGRAM,LASTNIGHT", *rows]) + "\n")
    (folder / "redux").mkdir()
    place = {"root": str(folder / "redux"), "tile_table": str(folder / "tiles.csv")}
    config = {
        "run": "bench",
        "rounds": 1,
        "pool": {"tiles_per_job": per_job, "sources": [place]},
        "labelled": {
            "old": place
            | {"truth": str(folder / "tiles.csv"), "nights": [20210514] * 2, "validation": 0.1}
        },
        "ensemble": {"members": members},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def dry_run(folder: Path, config: Path, what: str = "--dry-run") -> tuple[int, float, float]:
    """Return the jobs of the graph, seconds, and the peak memory in MB."""
    command = [sys.executable, "-m", "snakemake", what, "--snakefile", str(ROOT / "Snakefile")]
    command += ["--profile", str(ROOT / "profiles" / "perlmutter"), "--directory", str(folder)]
    command += ["--configfile", str(config), "--quiet", "rules", "--nolock"]
    start = time.perf_counter()
    with (folder / "output").open("w+") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        output.seek(0)
        text = output.read()
    if status:
        sys.exit(text)
    totals = [line.split()[1] for line in text.splitlines() if line.startswith("total ")]
    return int(totals[0]) if totals else 0, seconds, usage.ru_maxrss / 1e3


if __name__ == "__main__":
    main()
