"""Evaluate a round's ensemble on the validation set."""

import argparse

from quasarnet_al import classify, metrics, pool, scoring
from quasarnet_al.files import InputError, positive, program, provenance, write_json
from quasarnet_al.weights import read_ensemble


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
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
    networks = read_ensemble(args.ensemble)
    if networks[0].grid.size != spectra.shape[1]:
        raise InputError(
            args.validation, "is on another grid than the ensemble", "extract it again"
        )
    members = scoring.lines_of_members(networks, spectra, args.threads)
    c, z, c_bal = scoring.combine(*members)
    _, _, training = pool.read_labelled(args.training)
    truth = (labels["SPECTYPE"], labels["Z"], labels["BAL"])
    best = classify.best_redshift(c, z)
    result = {
        "round": args.round,
        "training_spectra": len(training),
        "labels_of_rounds": int((training["ORIGIN"] == "inspection").sum()),
        "members": len(members[0]),
        **metrics.evaluate(c, args.n_thresh, best, c_bal, *truth, args.cut),
        "provenance": provenance(),
    }
    write_json(args.output, result)
    print(f"{args.output}: completeness {result['completeness']:.4f} purity {result['purity']:.4f}")


if __name__ == "__main__":
    program(main)
