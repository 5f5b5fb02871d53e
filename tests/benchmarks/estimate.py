"""A round of a million spectra and 30 members on one node, from rates measured here.

    python tests/benchmarks/estimate.py [--cores 128]

Measures each part at several sizes on one core: where the time of a unit stays the same,
the part grows in proportion. The estimate is the sum of the parts over the cores. It
takes for granted that cores do not slow each other down, and that files come as fast as
from the page cache; the SOM's fit, the selection and the training are not in it.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from bench_extract import FIBRES, write_petal
from measure import alternate, summary

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "workflow_scripts"))
from helpers.networks import random_network
from quasarnet_al.learning import som
from quasarnet_al.network.lines import Classification
from quasarnet_al.spectra import desi
from quasarnet_al.spectra.extraction import concatenate
from quasarnet_al.spectra.grid import LOG
from quasarnet_al.tasks.registry import TASKS

SPECTRA, MEMBERS, TARGETS = 1_000_000, 30, 60


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cores", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args(argv)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, LOG.size)).astype(np.float32)
    networks = [random_network(filters=100, layers=6, units=100, seed=k) for k in range(8)]
    cells = som.Som(rng.normal(size=(45, 45, LOG.size)).astype(np.float32), torus=True)

    def score(members: int, spectra: int) -> None:
        TASKS["quasar"].score(
            networks[:members], x[:spectra], np.arange(spectra), Classification(), 0
        )

    with tempfile.TemporaryDirectory() as folder:
        petal = Path(folder, "coadd-0-1-thru2.fits")
        write_petal(petal, np.arange(FIBRES) % (FIBRES // TARGETS) == 0)
        count = len(desi.extract(petal, LOG).spectra)

        def extract(petals: int) -> None:
            concatenate([desi.extract(petal, LOG) for _ in range(petals)])

        print("| part | grows with | sizes | microseconds a unit at each |")
        print("| --- | --- | --- | --- |")
        of_extraction = grow(
            "extraction", f"petals ({count} targets each)", extract, (2, 4, 8, 16), arguments, count
        )
        of_map = grow(
            "map", "spectra", lambda n: cells.winners(x[:n]), (250, 500, 1000, 2000), arguments
        )
        of_score = grow(
            "scoring, 2 members",
            "spectra",
            lambda n: score(2, n),
            (250, 500, 1000, 2000),
            arguments,
            2,
        )
        grow(
            "scoring, 500 spectra", "members", lambda n: score(n, 500), (1, 2, 4, 8), arguments, 500
        )

    parts = {
        "extraction": SPECTRA * of_extraction,
        "map": SPECTRA * of_map,
        "scoring": SPECTRA * MEMBERS * of_score,
    }
    print("\n| part | core hours | minutes on the node |\n| --- | --- | --- |")
    for name, seconds in parts.items():
        print(f"| {name} | {seconds / 3600:.2f} | {seconds / 60 / arguments.cores:.2f} |")
    total = sum(parts.values())
    figure = f"{total / 60 / arguments.cores:.1f} minutes ({total / 3600:.1f} core hours)"
    what = f"a round of 1 million spectra, {MEMBERS} members, {arguments.cores} cores"
    summary(what, figure, "an estimate", "linear")


def grow(
    name: str,
    unit: str,
    run: Callable[[int], object],
    sizes: tuple[int, ...],
    arguments: argparse.Namespace,
    each: int = 1,
) -> float:
    """Print a row; return the seconds of `each`-th of a unit at the largest size."""
    runs = {size: lambda size=size: run(size) for size in sizes}
    seconds = alternate(runs, arguments.repeats)
    cost = [float(np.median(seconds[size])) / size / each for size in sizes]
    values = ", ".join(f"{1e6 * c:,.1f}" for c in cost)
    print(f"| {name} | {unit} | {', '.join(map(str, sizes))} | {values} |", flush=True)
    return cost[-1]


if __name__ == "__main__":
    main()
