"""Scoring of one tile by an ensemble of 30 against 30 times one member; memory; growth.

    python tests/benchmarks/bench_ensemble.py [--threads 1]

The program's runs are whole: start, reading of spectra and weights, writing of the table.
Members take turns over all spectra: one member's kernels (4 MB) stay in the cache. The
windows of the first layer could be shared, were all members asked block by block; that
would save a hundredth and read all kernels again for each block.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from measure import alternate, spread, summary

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "workflow_scripts"))
from helpers.networks import random_network
from quasarnet_al.network import inference, weights
from quasarnet_al.spectra import pool
from quasarnet_al.spectra.grid import LOG

#: The program, which then tells its peak memory (what wait4 tells includes this process's).
MAIN = f"""import sys; sys.path.insert(0, {str(Path(weights.__file__).parents[2])!r})
import score_spectra; score_spectra.main(); print(open("/proc/self/status").read())"""
MEMBERS, SPECTRA = 30, 500


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args(argv)
    cases = [(1, SPECTRA), (MEMBERS, SPECTRA), (MEMBERS // 3, SPECTRA), (MEMBERS // 3, 4 * SPECTRA)]
    memory = {}

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        networks = [
            random_network(filters=100, layers=6, units=100, seed=k) for k in range(MEMBERS)
        ]
        for members, spectra in cases:
            weights.pack(folder / f"{members}.h5", networks[:members], {})
            write_pool(folder, spectra)

        def score(case: tuple[int, int]) -> None:
            memory[case] = run(folder, *case, arguments.threads)

        x = pool.read(folder / f"{SPECTRA}.fits")[0]
        predictors = [inference.Predictor(network) for network in networks]
        runs = {case: lambda case=case: score(case) for case in cases}
        runs["inference"] = lambda: [each(x, arguments.threads) for each in predictors]
        seconds = alternate(runs, arguments.repeats)

    print(f"\n{arguments.threads} threads\n")
    print("| members | spectra | s, median (lowest-highest) | peak memory, MB |")
    print("| --- | --- | --- | --- |")
    for case in cases:
        print(f"| {case[0]} | {case[1]} | {spread(seconds[case], 2)} | {memory[case]:.0f} |")
    print(f"| {MEMBERS}, inference alone | {SPECTRA} | {spread(seconds['inference'], 2)} | |")
    one, all_, third, larger = (seconds[case] for case in cases)
    ratio = np.median(all_ / (MEMBERS * one))
    over = np.median(all_ / seconds["inference"])
    what = f"{MEMBERS} members on {SPECTRA} spectra, of {MEMBERS} x one member"
    summary(what, f"{ratio:.2f} ({over:.2f} of inference alone)", "shared work once")
    summary("its peak memory", f"{memory[cases[1]]:.0f} MB", "1,000 MB")
    grows = f"{np.median(all_ / third):.1f} x with 3 x the members, "
    summary("growth of the time", grows + f"{np.median(larger / third):.1f} x with 4 x the spectra")


def write_pool(folder: Path, spectra: int) -> None:
    """Write a pool file of noise."""
    x = np.random.default_rng(0).normal(size=(spectra, LOG.size)).astype(np.float32)
    catalog = pool.catalog(spectra)
    catalog["TARGETID"] = np.arange(spectra)
    pool.write(folder / f"{spectra}.fits", x, catalog, LOG)


def run(folder: Path, members: int, spectra: int, threads: int) -> float:
    """Score in a process of its own, and return its peak memory in MB."""
    command = [sys.executable, "-c", MAIN, "--ensemble", str(folder / f"{members}.h5")]
    command += ["--pool", str(folder / f"{spectra}.fits"), "--threads", str(threads)]
    command += ["--output", str(folder / "scores.fits")]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(output.split("VmHWM:")[1].split()[0]) / 1e3


if __name__ == "__main__":
    main()
