"""Assemble the training set of a round: the labelled sets and every earlier round's labels.

No object of the sets that judge enters, whichever set it comes from: an object is known by
its identifiers and by its place on the sky.
"""

from quasarnet_al.core.files import InputError
from quasarnet_al.core.program import command_line, program
from quasarnet_al.spectra import pool, sets
from quasarnet_al.tasks.registry import TASKS


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--task", choices=TASKS, default="quasar", help="what is classified")
    parser.add_argument("--labelled", nargs="+", required=True, help="labelled sets (FITS)")
    parser.add_argument("--batch-pool", nargs="*", default=[], help="batches of earlier rounds")
    parser.add_argument("--labels", nargs="*", default=[], help="their labels (CSV), same order")
    parser.add_argument(
        "--validation",
        nargs="+",
        required=True,
        help="the validation set, and the gate's where there is one (FITS)",
    )
    parser.add_argument("--output", required=True, help="the training set (FITS)")
    args = parser.parse_args(argv)

    if len(args.batch_pool) != len(args.labels):
        parser.error("--batch-pool and --labels go in pairs")
    grid = pool.read_grid(*args.labelled, *args.batch_pool, *args.validation)
    rounds = []
    for batch, path in zip(args.batch_pool, args.labels, strict=True):
        spectra, catalog = pool.read(batch)
        table = sets.read_labels(path, TASKS[args.task].spectypes)
        accepted, labels = sets.batch_labels(catalog, table, path, "inspection")
        rounds.append(sets.Labelled(spectra[accepted], catalog[accepted], labels))
    parts, judged = (
        [sets.Labelled.read(path) for path in paths] for paths in (args.labelled, args.validation)
    )
    made, dropped, wrong = sets.training(parts, rounds, judged)
    if not len(made.labels):
        raise InputError(
            args.labelled[0], "leaves nothing to train on", "lower labelled.*.validation"
        )
    taught = set(made.labels["SPECTYPE"][made.labels["WEIGHT"] > 0].tolist())
    if len(taught) < 2 or taught.isdisjoint(TASKS[args.task].needed):
        raise InputError(
            args.labelled[0],
            f"and the other labelled sets teach {' and '.join(sorted(taught)) or 'nothing'} alone, "
            "from which no network learns to tell it from others",
            "add a labelled set with other classes",
        )
    pool.write(args.output, made.spectra, made.catalog, grid, made.labels, dropped)
    print(sets.report(args.output, made.labels["ORIGIN"].tolist(), dropped, wrong))


if __name__ == "__main__":
    program(main)
