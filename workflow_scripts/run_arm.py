"""Run one strategy of the study from one seed: select, label from the truth, train, judge."""

import numpy as np
import pandas as pd

from quasarnet_al.core import options
from quasarnet_al.core.files import InputError
from quasarnet_al.core.program import command_line, positive, program
from quasarnet_al.judging import experiment
from quasarnet_al.learning import selection, som
from quasarnet_al.network import gpu, recipe
from quasarnet_al.network.lines import Classification
from quasarnet_al.network.weights import read_ensemble
from quasarnet_al.spectra import pool, truth
from quasarnet_al.spectra.tables import stack, write_csv
from quasarnet_al.tasks.registry import TASKS
from quasarnet_al.tasks.task import Labelled


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
    parser.add_argument("--output", required=True, help="learning curve (CSV)")
    args = parser.parse_args(argv)

    if len(args.map) != len(args.pool):
        parser.error("--pool and --map take the same number of files")
    recipe.need_tensorflow()
    if device := gpu.use_one():
        print(f"on device {device}", flush=True)
    task = TASKS[args.task]
    cells = som.read(args.som)
    start = read_ensemble(args.start, task.layout)
    grid = pool.read_grid(args.training, args.validation, *args.pool)
    parts = [pool.read(path) for path in args.pool]
    spectra = np.concatenate([part[0] for part in parts])
    catalog = stack([part[1] for part in parts])
    units = np.concatenate(
        [
            som.read_map(path, cells, part[1]["TARGETID"], name)
            for path, part, name in zip(args.map, parts, args.pool, strict=True)
        ]
    )
    first, _, first_labels = pool.read_labelled(args.training)
    known, _, answers = pool.read_labelled(args.validation)
    labels = pool.labels(len(catalog), "inspection")
    table = truth.read(args.truth).reindex(catalog["TARGETID"])
    if not table["SPECTYPE"].isin(task.spectypes).all():
        raise InputError(args.truth, "has no label for some targets of the pool", "add them")
    labels["TARGETID"] = labels["OBJECT"] = catalog["TARGETID"]
    for name in ("SPECTYPE", "Z", "BAL"):
        labels[name] = table[name]
    classification = options.from_arguments(Classification, args)
    chosen_recipe = options.from_arguments(recipe.Recipe, args)

    def train(rows: np.ndarray, number: int) -> list:
        from quasarnet_al.network import training

        training.configure(chosen_recipe.threads)
        data = Labelled(
            np.concatenate([first, spectra[rows]]), stack([first_labels, labels[rows]]), grid
        )
        return [
            task.train_member(data, chosen_recipe, [args.seed, number, m], report=_say_nothing)[0]
            for m in range(len(start))
        ]

    def score(networks: list) -> dict[str, np.ndarray]:
        return task.score(networks, spectra, catalog["TARGETID"], classification, args.seed)

    def judge(networks: list) -> dict:
        found = experiment.figures(task.evaluate(networks, known, answers, classification))
        print(found, flush=True)
        return found

    curve = experiment.run_strategy(
        options.from_arguments(selection.Strategy, args),
        experiment.Start(catalog, units, cells, start, score, train, judge),
        args.rounds,
        args.size,
        args.seed,
    )
    table = pd.DataFrame([{"arm": args.arm, "seed": args.seed, **row} for row in curve])
    write_csv(args.output, table, "%.6g")


def _say_nothing(line: str) -> None:
    """Hundreds of trainings: the metrics of each round are progress enough."""


if __name__ == "__main__":
    program(main)
