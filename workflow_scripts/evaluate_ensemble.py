"""Evaluate a round's ensemble on the validation set."""

import argparse

from quasarnet_al import pool
from quasarnet_al.files import InputError, positive, program, provenance, write_json
from quasarnet_al.tasks import TASKS, Classification
from quasarnet_al.weights import read_ensemble


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=TASKS, default="quasar")
    parser.add_argument("--ensemble", required=True, help="the ensemble (HDF5)")
    parser.add_argument("--validation", required=True, help="the validation set (FITS)")
    parser.add_argument("--training", required=True, help="the training set, to count it (FITS)")
    parser.add_argument("--round", type=int, required=True)
    parser.add_argument("--cut", type=float, default=0.5, help="confidence cut (%(default)s)")
    parser.add_argument("--n-thresh", type=positive, default=1, help="lines that make a quasar")
    parser.add_argument("--threads", type=positive, default=1)
    parser.add_argument("--output", required=True, help="metrics (JSON)")
    args = parser.parse_args(argv)

    spectra, _, labels = pool.read_labelled(args.validation)
    task = TASKS[args.task]
    networks = read_ensemble(args.ensemble, task.layout)
    if networks[0].grid.size != spectra.shape[1]:
        raise InputError(
            args.validation, "is on another grid than the ensemble", "extract it again"
        )
    classification = Classification(n_thresh=args.n_thresh, catalogue_cut=args.cut)
    _, _, training = pool.read_labelled(args.training)
    result = {
        "round": args.round,
        "training_spectra": len(training),
        "labels_of_rounds": int((training["ORIGIN"] == "inspection").sum()),
        "members": len(networks),
        **task.evaluate(networks, spectra, labels, classification, args.threads),
        "provenance": provenance(),
    }
    write_json(args.output, result)
    told = " ".join(f"{name} {result[name]:.4f}" for name in task.headline)
    print(f"{args.output}: {told}")


if __name__ == "__main__":
    program(main)
