"""Simulate a DESI-like survey with known truth: coadds, redrock files and truth.csv."""

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from quasarnet_al.core.files import at_once, read_json
from quasarnet_al.core.program import command_line, positive, program
from quasarnet_al.mock import survey


# Petals are many, and large: truth.csv, the last file, says that all are there.
@at_once()
def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--output", required=True, type=Path, help="root of the survey")
    parser.add_argument("--tiles", required=True, type=int, nargs="+", help="tile numbers")
    parser.add_argument("--night", type=int, default=20260101, help="last night, YYYYMMDD")
    parser.add_argument(
        "--petals", type=int, choices=range(1, 11), default=1, help="petals of a tile, of ten"
    )
    parser.add_argument("--targets-per-petal", type=int, default=500, help="fibres a petal")
    parser.add_argument("--seed", type=int, default=1, help="of all that is random in it")
    parser.add_argument(
        "--mix",
        choices=sorted(survey.MIXES),
        default="survey",
        help="kinds of targets; balanced also spreads redshifts, magnitudes and shapes",
    )
    parser.add_argument("--fractions", type=Path, help="JSON of kind: share, instead of the mix's")
    parser.add_argument("--depth", type=float, default=1.0, help="exposure over 1,000 s")
    parser.add_argument("--repeats", type=float, default=0.1, help="share of repeated targets")
    parser.add_argument("--threads", type=positive, default=1, help="petals simulated at once")
    options = parser.parse_args(argv)

    fractions = survey.MIXES[options.mix]
    if options.fractions:
        fractions = read_json(options.fractions)
        survey.check_fractions(options.fractions, fractions)
    work = [(tile, petal) for tile in options.tiles for petal in range(options.petals)]
    simulate = partial(_simulate, options=options, fractions=fractions)
    if options.threads > 1:
        with ProcessPoolExecutor(options.threads) as pool:
            rows = list(pool.map(simulate, work))
    else:
        rows = [simulate(item) for item in work]
    survey.write_truth(options.output / "truth.csv", [row for part in rows for row in part])


def _simulate(item: tuple[int, int], options: argparse.Namespace, fractions: dict) -> list[tuple]:
    return survey.simulate_petal(
        options.output,
        options.seed,
        item[0],
        options.night,
        item[1],
        options.targets_per_petal,
        fractions,
        broad=options.mix == "balanced",
        repeats=options.repeats,
        depth=options.depth,
    )


if __name__ == "__main__":
    program(main)
