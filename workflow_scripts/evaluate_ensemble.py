"""Evaluate a round's ensemble on the validation set.

Objects that it, or an ensemble that it may go on from, learned from are left out: there are some
where the validation set has changed since.
"""

from quasarnet_al.core import options
from quasarnet_al.core.files import InputError, provenance, write_json
from quasarnet_al.core.program import command_line, positive, program
from quasarnet_al.network.lines import Classification
from quasarnet_al.network.weights import read_ensemble
from quasarnet_al.spectra import sets
from quasarnet_al.tasks.registry import TASKS

#: Number of labels that are named, of those of the training set that no member agrees with.
MOST_DISPUTED = 20


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--task", choices=TASKS, default="quasar", help="what is classified")
    parser.add_argument("--ensemble", required=True, help="ensemble (HDF5)")
    parser.add_argument("--validation", required=True, help="validation set (FITS)")
    parser.add_argument("--training", required=True, help="training set (FITS)")
    parser.add_argument(
        "--before", nargs="*", default=[], help="training sets of the rounds before (FITS)"
    )
    parser.add_argument("--round", type=int, required=True, help="number of the round")
    options.add_arguments(parser, Classification)
    parser.add_argument("--threads", type=positive, default=1, help="number of threads")
    parser.add_argument("--output", required=True, help="metrics (JSON)")
    args = parser.parse_args(argv)

    judged = sets.Labelled.read(args.validation)
    training = sets.Labelled.read(args.training)
    before = map(sets.Labelled.without_spectra, args.before)
    new = sets.unlearned(judged, [training, *before])
    spectra, labels = judged.spectra[new], judged.labels[new]
    task = TASKS[args.task]
    networks = read_ensemble(args.ensemble, task.layout)
    if networks[0].grid.size != spectra.shape[1]:
        raise InputError(
            args.validation, "is on another grid than the ensemble", "extract it again"
        )
    for name in task.needed:
        if name not in labels["SPECTYPE"]:
            raise InputError(
                args.validation,
                f"contains no {name} but those that the ensemble learned from",
                "set `seed` and the shares labelled.*.validation back, add a labelled set, or "
                "leave out ensemble.start where its weights have seen these",
            )
    classification = options.from_arguments(Classification, args)
    if training.spectra.shape[1] != spectra.shape[1]:
        raise InputError(args.training, "is on another grid than the ensemble", "extract it again")
    doubted = task.disputed(
        networks, training.spectra, training.labels, classification, args.threads
    )
    disputed = training.labels[doubted]
    result = {
        "round": args.round,
        "training_spectra": len(training.labels),
        "labels_of_rounds": int((training.labels["ORIGIN"] == "inspection").sum()),
        "members": len(networks),
        "validation_learned": int((~new).sum()),
        **task.evaluate(networks, spectra, labels, classification, args.threads),
        "doubted": len(disputed),
        "most_doubted": [
            {name: row[name] for name in ("TARGETID", "ORIGIN", "SPECTYPE", "Z")}
            for row in disputed[:MOST_DISPUTED]
        ],
        "provenance": provenance(),
    }
    write_json(args.output, result)
    headline = " ".join(f"{name} {result[name]:.4f}" for name in task.headline)
    print(f"{args.output}: {headline}")
    for number in result["odd_members"]:
        print(f"member-{number:02d} is much worse than the others: check its training")


if __name__ == "__main__":
    program(main)
