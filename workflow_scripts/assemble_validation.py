"""Assemble a set that only judges: the validation set, or the share of the gate.

It is fixed for the run and never enters training.
"""

from quasarnet_al.core.files import InputError
from quasarnet_al.core.program import command_line, program
from quasarnet_al.spectra import pool, sets
from quasarnet_al.tasks.registry import TASKS


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--task", choices=TASKS, default="quasar", help="what is classified")
    parser.add_argument("--labelled", nargs="+", required=True, help="labelled sets (FITS)")
    parser.add_argument(
        "--fraction", nargs="+", type=float, required=True, help="share of each set's objects, 0..1"
    )
    parser.add_argument(
        "--after", nargs="+", type=float, help="share of each set that another judging set has"
    )
    parser.add_argument(
        "--apart-from", nargs="*", default=[], help="sets with which it shares no object (FITS)"
    )
    parser.add_argument("--seed", type=int, default=0, help="random seed of the choice")
    parser.add_argument("--output", required=True, help="the set (FITS)")
    args = parser.parse_args(argv)

    after = args.after or [0.0] * len(args.labelled)
    shares = list(zip(args.fraction, after, strict=False))
    if not len(args.fraction) == len(args.labelled) == len(after) or not all(
        0 <= f <= 1 and 0 <= a <= 1 and f + a <= 1 for f, a in shares
    ):
        parser.error(
            "--fraction, and --after, take for each labelled set a share from 0 to 1, together at "
            "most 1"
        )
    grid = pool.read_grid(*args.labelled, *args.apart_from)
    apart = [sets.Labelled.read(path) for path in args.apart_from]
    share = sets.Share(args.fraction, after, args.seed)
    made, dropped, wrong = sets.judging(args.labelled, share, apart)
    for name in TASKS[args.task].needed:
        if name not in made.labels["SPECTYPE"]:
            raise InputError(
                args.labelled[0],
                f"contains no {name} for {args.output}",
                f"raise labelled.*.{'gate' if args.after else 'validation'}, or add a labelled set",
            )
    pool.write(args.output, made.spectra, made.catalog, grid, made.labels, dropped)
    print(sets.report(args.output, made.labels["SPECTYPE"].tolist(), dropped, wrong))


if __name__ == "__main__":
    program(main)
