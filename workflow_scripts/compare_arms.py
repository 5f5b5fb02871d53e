"""Compare query strategies: the labels that each needs, over those that the baseline needs."""

import numpy as np
import pandas as pd

from quasarnet_al.core.files import InputError, write_bytes
from quasarnet_al.core.program import command_line, program
from quasarnet_al.judging import experiment
from quasarnet_al.report import studies, style
from quasarnet_al.spectra.tables import read_any_csv, write_csv


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument(
        "--curves", nargs="+", required=True, help="learning curves by run_arm.py (CSV)"
    )
    parser.add_argument(
        "--metric",
        choices=experiment.FIGURES,
        default="average_precision",
        help="figure of merit of the figure",
    )
    parser.add_argument(
        "--baseline",
        default="random",
        help="name of the strategy that the others are compared with",
    )
    parser.add_argument(
        "--more",
        nargs="*",
        default=[],
        help="names of those that choose as the baseline does, but buy more in each round",
    )
    parser.add_argument("--seed", type=int, default=0, help="random seed of the bootstrap")
    parser.add_argument("--arms", required=True, help="all learning curves (CSV)")
    parser.add_argument(
        "--figure", required=True, help="output figure of the learning curves (PNG)"
    )
    parser.add_argument("--output", required=True, help="label ratios (CSV)")
    args = parser.parse_args(argv)

    curves = pd.concat([_read(path, args.metric) for path in args.curves], ignore_index=True)
    missing = [name for name in (args.baseline, *args.more) if name not in set(curves["arm"])]
    if missing:
        raise InputError(
            args.curves[0],
            f"has no strategy {missing[0]}, and no other curve has it",
            "give its curves too",
        )
    experiment.check_curves(curves)
    curves = curves.drop(columns="file")
    others = [name for name in experiment.FIGURES if name in curves and name != args.metric]
    # As of broad absorption lines, where no label says whether there are any.
    undefined = [name for name in others if not np.isfinite(curves[name]).all()]
    if undefined:
        print(f"not compared, as some rounds have no value: {', '.join(undefined)}")
    ratios = pd.concat(
        experiment.compare(curves, figure, args.baseline, args.seed, args.more)
        for figure in (args.metric, *others)
        if figure not in undefined
    )
    for path, table in ((args.arms, curves), (args.output, ratios)):
        write_csv(path, table, "%.6g")
    write_bytes(args.figure, style.draw(studies.strategies, curves, ratios))
    print(ratios.to_string(index=False))


def _read(path: str, metric: str) -> pd.DataFrame:
    try:
        curve = read_any_csv(path, ("arm", "seed", "labels", metric), "make it again")
        for name in {"seed", "labels", metric, *experiment.FIGURES} & set(curve):
            if curve.empty or curve[name].dtype.kind not in "fi":
                raise ValueError(f"{name} is not a column of numbers")
            # Other figures may be undefined.
            needed = name not in experiment.FIGURES or name == metric
            if needed and not np.isfinite(curve[name]).all():
                raise ValueError(f"{name} has a value that is not a finite number")
        if curve.duplicated(["arm", "seed", "labels"]).any():
            raise ValueError("it has two rows of the same strategy, seed and number of labels")
    except ValueError as error:
        raise InputError(
            path, f"is not a learning curve ({error})", "make it again with run_arm.py"
        ) from error
    return curve.assign(file=path)


if __name__ == "__main__":
    program(main)
