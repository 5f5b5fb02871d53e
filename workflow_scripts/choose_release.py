"""Choose the network to release: of several seeds, the one with the smallest validation loss."""

from dataclasses import asdict, replace

import numpy as np

from quasarnet_al.core import options
from quasarnet_al.core.files import InputError, content_of, provenance, write_json
from quasarnet_al.core.program import command_line, program
from quasarnet_al.judging import calibration
from quasarnet_al.learning import scores
from quasarnet_al.network.lines import Classification, Viewing
from quasarnet_al.network.weights import read_ensemble, write_network
from quasarnet_al.spectra import pool
from quasarnet_al.tasks.registry import TASKS


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument(
        "--trained", required=True, help="networks of train_members.py --validation (HDF5)"
    )
    parser.add_argument("--validation", required=True, help="validation set (FITS)")
    options.add_arguments(parser, Classification)
    options.add_arguments(parser, Viewing)
    parser.add_argument("--output", required=True, help="weights in the format of QuasarNP (HDF5)")
    parser.add_argument("--summary", required=True, help="all networks, and the choice (JSON)")
    args = parser.parse_args(argv)

    networks = read_ensemble(args.trained)
    if any("validation_loss" not in network.attributes for network in networks):
        raise InputError(
            args.trained, "has no validation loss", "train with train_members.py --validation"
        )
    with content_of(args.trained, "train with train_members.py --validation"):
        losses = [float(network.attributes["validation_loss"]) for network in networks]
        if not np.isfinite(losses).all():
            raise ValueError("a validation loss is not finite")
    viewing = options.from_arguments(Viewing, args)
    # What is measured here is measured against the labels' redshifts, whose zero point is 0.
    best = networks[losses.index(min(losses))]
    best = replace(best, viewing=replace(viewing, zero_point=0.0))
    spectra, _, labels = pool.read_labelled(args.validation, best.grid)
    classification = options.from_arguments(Classification, args)
    seen = scores.combine(scores.lines_of_members([best], spectra))
    best = calibration.balanced(best, seen, labels)
    found = TASKS["quasar"].evaluate([best], spectra, labels, classification)
    reliability = calibration.measure(seen, labels, classification)
    best = replace(best, viewing=viewing)
    write_network(args.output, best, provenance() | reliability.attribute())
    summary = {
        "chosen": best.name,
        "rule": "smallest validation loss, of epochs and of seeds",
        "networks": {network.name: network.attributes for network in networks},
        "validation": found,
        "reliability": asdict(reliability),
        "provenance": provenance(),
    }
    write_json(args.summary, summary)
    print(f"{args.output}: {best.name}, validation loss {min(losses):.4f}")


if __name__ == "__main__":
    program(main)
