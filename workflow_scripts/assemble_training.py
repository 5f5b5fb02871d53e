"""Assemble the training set of a round: the labelled sets and every earlier round's labels.

No object of the validation set enters, whichever set it comes from.
"""

import numpy as np

from quasarnet_al.core.files import InputError
from quasarnet_al.core.program import command_line, program
from quasarnet_al.spectra import pool, sets
from quasarnet_al.spectra.tables import stack
from quasarnet_al.tasks.registry import TASKS


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--task", choices=TASKS, default="quasar", help="what is classified")
    parser.add_argument("--labelled", nargs="+", required=True, help="labelled sets (FITS)")
    parser.add_argument("--batch-pool", nargs="*", default=[], help="batches of earlier rounds")
    parser.add_argument("--labels", nargs="*", default=[], help="their labels (CSV), same order")
    parser.add_argument("--validation", required=True, help="the validation set (FITS)")
    parser.add_argument("--output", required=True, help="the training set (FITS)")
    args = parser.parse_args(argv)

    if len(args.batch_pool) != len(args.labels):
        parser.error("--batch-pool and --labels go in pairs")
    grid = pool.read_grid(*args.labelled, *args.batch_pool, args.validation)
    parts = [pool.read_labelled(path) for path in args.labelled]
    for batch, path in zip(args.batch_pool, args.labels, strict=True):
        spectra, catalog = pool.read(batch)
        table = sets.read_labels(path, TASKS[args.task].spectypes)
        accepted, labels = sets.batch_labels(catalog, table, path, "inspection")
        parts.append((spectra[accepted], catalog[accepted], labels))
    spectra, catalog, labels = (
        np.concatenate([part[0] for part in parts]),
        stack([part[1] for part in parts]),
        stack([part[2] for part in parts]),
    )
    held_out = sets.held_out(labels, pool.read_labelled(args.validation)[2])
    keep = ~held_out
    if not keep.any():
        raise InputError(
            args.labelled[0], "leaves nothing to train on", "lower labelled.*.validation"
        )
    dropped = {"in validation": int(held_out.sum())}
    pool.write(args.output, spectra[keep], catalog[keep], grid, labels[keep], dropped)
    origins, counts = np.unique(labels["ORIGIN"][keep], return_counts=True)
    told = ", ".join(f"{count} {origin}" for origin, count in zip(origins, counts, strict=True))
    print(f"{args.output}: {keep.sum()} spectra ({told}); held out {held_out.sum()}")


if __name__ == "__main__":
    program(main)
