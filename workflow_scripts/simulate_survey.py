"""Simulate a DESI-like survey with known truth: coadds, redrock files and truth.csv."""

import itertools
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from quasarnet_al.core.files import at_once, read_json
from quasarnet_al.core.program import command_line, fraction, positive, program
from quasarnet_al.mock import survey


# Petals are many, and large: truth.csv, the last file, says that all are there.
@at_once()
def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--output", required=True, type=Path, help="root folder of the survey")
    parser.add_argument("--tiles", required=True, type=int, nargs="+", help="tile numbers")
    parser.add_argument("--night", type=int, default=20260101, help="last night, YYYYMMDD")
    parser.add_argument(
        "--petals", type=int, choices=range(1, 11), default=1, help="petals per tile, at most ten"
    )
    parser.add_argument("--targets-per-petal", type=int, default=500, help="fibres per petal")
    parser.add_argument("--seed", type=int, default=1, help="random seed of the survey")
    parser.add_argument(
        "--mix",
        choices=sorted(survey.MIXES),
        default="survey",
        help="kinds of targets; balanced and training also spread redshifts, magnitudes and shapes",
    )
    parser.add_argument("--fractions", type=Path, help="JSON of kind: share, instead of the mix's")
    parser.add_argument("--depth", type=float, default=1.0, help="exposure time over 1,000 s")
    parser.add_argument("--repeats", type=fraction, default=0.1, help="share of repeated targets")
    parser.add_argument("--threads", type=positive, default=1, help="petals simulated at once")
    args = parser.parse_args(argv)

    fractions = survey.MIXES[args.mix]
    if args.fractions:
        fractions = read_json(args.fractions)
        survey.check_fractions(args.fractions, fractions)
    design = survey.Design(
        seed=args.seed,
        fractions=fractions,
        broad=args.mix in survey.BROAD,
        repeats=args.repeats,
        depth=args.depth,
    )
    tiles, petals = zip(*itertools.product(args.tiles, range(args.petals)), strict=True)
    simulate = partial(_simulate, args.output, design, args.night, args.targets_per_petal)
    if args.threads > 1:
        with ProcessPoolExecutor(args.threads) as pool:
            rows = list(pool.map(simulate, tiles, petals))
    else:
        rows = list(map(simulate, tiles, petals))
    survey.write_truth(args.output / "truth.csv", list(itertools.chain(*rows)))


def _simulate(
    root: Path, design: survey.Design, night: int, count: int, tile: int, petal: int
) -> list[tuple]:
    return survey.simulate_petal(root, design, tile, night, petal, count)


if __name__ == "__main__":
    program(main)
