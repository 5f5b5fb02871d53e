"""Run one strategy of the study from one seed: select, label from the truth, train, judge."""

import pandas as pd

from quasarnet_al.core import options
from quasarnet_al.core.program import command_line, positive, program
from quasarnet_al.judging import experiment
from quasarnet_al.learning import selection
from quasarnet_al.network import gpu, recipe
from quasarnet_al.network.lines import Classification
from quasarnet_al.spectra.tables import write_csv
from quasarnet_al.tasks.registry import TASKS
from quasarnet_al.tasks.study import Files, Study


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--task", choices=TASKS, default="quasar", help="what is classified")
    parser.add_argument("--arm", required=True, help="name of the strategy")
    options.add_arguments(parser, selection.Strategy)
    parser.add_argument(
        "--seed", type=int, required=True, help="random seed of the trainings and choices"
    )
    parser.add_argument("--rounds", type=positive, required=True, help="number of batches")
    parser.add_argument("--size", type=positive, required=True, help="labels per batch")
    parser.add_argument("--start", required=True, help="ensemble of the initial labels (HDF5)")
    parser.add_argument("--training", required=True, help="the initial labels (FITS)")
    parser.add_argument("--validation", required=True, help="the validation set (FITS)")
    parser.add_argument("--pool", nargs="+", required=True, help="pool files (FITS)")
    parser.add_argument("--map", nargs="+", required=True, help="their cells, same order (FITS)")
    parser.add_argument("--som", required=True, help="the map (HDF5)")
    parser.add_argument("--truth", required=True, help="what the pool's targets are (CSV, FITS)")
    options.add_arguments(parser, Classification)
    options.add_arguments(parser, recipe.Recipe)
    parser.add_argument(
        "--warm", action="store_true", help="members go on from their weights of the round before"
    )
    parser.add_argument(
        "--at-once", type=positive, default=1, help="number of members trained in the same steps"
    )
    parser.add_argument("--output", required=True, help="learning curve (CSV)")
    args = parser.parse_args(argv)

    if len(args.map) != len(args.pool):
        parser.error("--pool and --map take the same number of files")
    recipe.need_tensorflow()
    if device := gpu.use_one():
        print(f"on device {device}", flush=True)
    study = Study(
        args.task,
        options.from_arguments(Classification, args),
        options.from_arguments(recipe.Recipe, args),
        args.seed,
        args.warm,
        args.at_once,
    )
    files = Files(
        *(args.start, args.training, args.validation, args.pool, args.map, args.som, args.truth)
    )
    strategy = options.from_arguments(selection.Strategy, args)
    curve = experiment.run_strategy(strategy, study.read(files), args.rounds, args.size, args.seed)
    table = pd.DataFrame([{"arm": args.arm, "seed": args.seed, **row} for row in curve])
    write_csv(args.output, table, "%.6g")


if __name__ == "__main__":
    program(main)
