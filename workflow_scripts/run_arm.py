"""Run one arm of the experiment from one seed: choose, label from the truth, train, judge."""

import argparse

import numpy as np
import pandas as pd

from quasarnet_al import classify, experiment, metrics, pool, recipe, scoring, som, truth
from quasarnet_al.files import InputError, positive, program, replacing
from quasarnet_al.weights import Network, read_ensemble


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arm", required=True, help="its name")
    parser.add_argument("--acquisition", choices=scoring.ACQUISITIONS, default="entropy")
    parser.add_argument("--outliers", choices=som.OUTLIERS, default="none")
    parser.add_argument("--percentile", type=float, default=15, help="of sparse cells")
    parser.add_argument("--error-percentile", type=float, default=99)
    parser.add_argument("--diversity", type=float, default=0, help="0 off, towards 1 spread")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--rounds", type=positive, required=True, help="batches to buy")
    parser.add_argument("--size", type=positive, required=True, help="labels of a batch")
    parser.add_argument("--start", required=True, help="ensemble of the initial labels (HDF5)")
    parser.add_argument("--training", required=True, help="the initial labels (FITS)")
    parser.add_argument("--validation", required=True, help="the validation set (FITS)")
    parser.add_argument("--pool", nargs="+", required=True, help="pool files (FITS)")
    parser.add_argument("--map", nargs="+", required=True, help="their BMUs, same order (FITS)")
    parser.add_argument("--som", required=True, help="the map (HDF5)")
    parser.add_argument("--truth", required=True, help="what the pool's targets are (CSV, FITS)")
    parser.add_argument("--c-thresh", type=float, default=0.95, help="of the votes")
    parser.add_argument("--n-thresh", type=positive, default=1, help="lines that make a quasar")
    parser.add_argument("--z-split", type=float, default=classify.Z_SPLIT)
    parser.add_argument("--cut", type=float, default=0.5, help="of the metrics (%(default)s)")
    recipe.add_arguments(parser)
    parser.add_argument("--threads", type=positive, default=1, help="of TensorFlow")
    parser.add_argument("--output", required=True, help="learning curve (CSV)")
    args = parser.parse_args(argv)

    start = read_ensemble(args.start)
    grid = pool.read_grid(args.training, args.validation, *args.pool)
    parts = [pool.read(path) for path in args.pool]
    spectra = np.concatenate([part[0] for part in parts])
    catalog = pool.stack([part[1] for part in parts])
    units = np.concatenate([scoring.read_table(path, "MAP", "map_spectra.py") for path in args.map])
    if len(units) != len(catalog) or (units["TARGETID"] != catalog["TARGETID"]).any():
        raise InputError(args.map[0], "is not the map of the pool", "make it again")
    first, _, first_labels = pool.read_labelled(args.training)
    known, _, answers = pool.read_labelled(args.validation)
    pool_truth = truth.read(args.truth)

    def train(rows: np.ndarray, number: int) -> list[Network]:
        from quasarnet_al import training

        bought, _, labels, dropped = truth.label(
            spectra[rows], catalog[rows], pool_truth, "inspection"
        )
        if dropped:
            raise InputError(args.truth, f"does not label the whole pool: {dropped}", "complete it")
        training.configure(args.threads)
        members = []
        for member in range(len(start)):
            seed = [args.seed, number, member]
            data = np.concatenate([first, bought]), pool.stack([first_labels, labels])
            members.append(training.train_member(*data, grid, recipe.from_arguments(args), seed)[0])
        return members

    def score(networks: list[Network]) -> dict[str, np.ndarray]:
        return scoring.score(
            networks,
            spectra,
            catalog["TARGETID"],
            args.c_thresh,
            args.n_thresh,
            args.z_split,
            args.seed,
        )

    def judge(networks: list[Network]) -> dict:
        c, z, c_bal = scoring.combine(*scoring.lines_of_members(networks, known))
        best = classify.best_redshift(c, z)
        right = (answers["SPECTYPE"], answers["Z"], answers["BAL"])
        found = metrics.evaluate(c, args.n_thresh, best, c_bal, *right, args.cut)
        print(
            {name: value for name, value in found.items() if isinstance(value, float)}, flush=True
        )
        return {name: value for name, value in found.items() if isinstance(value, float | int)}

    curve = experiment.run_arm(
        vars(args),
        catalog,
        units,
        som.read(args.som),
        start,
        score,
        train,
        judge,
        args.rounds,
        args.size,
        args.seed,
    )
    table = pd.DataFrame([{"arm": args.arm, "seed": args.seed, **row} for row in curve])
    with replacing(args.output) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")


if __name__ == "__main__":
    program(main)
