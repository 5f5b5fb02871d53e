"""Assemble the validation set: fixed for the run, it never enters training."""

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
    parser.add_argument(
        "--fraction", nargs="+", type=float, required=True, help="of each set's targets, 0..1"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the choice")
    parser.add_argument("--output", required=True, help="the validation set (FITS)")
    args = parser.parse_args(argv)

    if len(args.fraction) != len(args.labelled) or not all(0 <= f <= 1 for f in args.fraction):
        parser.error("--fraction takes a share from 0 to 1 for each labelled set")
    grid = pool.read_grid(*args.labelled)
    parts = []
    for path, fraction in zip(args.labelled, args.fraction, strict=True):
        spectra, catalog, labels = pool.read_labelled(path)
        chosen = sets.in_validation(labels["OBJECT"], fraction, args.seed)
        parts.append((spectra[chosen], catalog[chosen], labels[chosen]))
    labels = stack([part[2] for part in parts])
    for name in TASKS[args.task].needed:
        if name not in labels["SPECTYPE"]:
            raise InputError(
                args.labelled[0],
                f"leaves no {name} to validate on",
                "raise labelled.*.validation, or add a labelled set",
            )
    pool.write(
        args.output,
        np.concatenate([part[0] for part in parts]),
        stack([part[1] for part in parts]),
        grid,
        labels,
    )
    classes, counts = np.unique(labels["SPECTYPE"], return_counts=True)
    told = ", ".join(f"{count} {name}" for name, count in zip(classes, counts, strict=True))
    print(f"{args.output}: {len(labels)} spectra ({told})")


if __name__ == "__main__":
    program(main)
