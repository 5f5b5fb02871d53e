"""Compare variants of the recipe and of the training data: each network on one validation set."""

import pandas as pd

from quasarnet_al.core import options
from quasarnet_al.core.files import write_bytes
from quasarnet_al.core.program import command_line, program
from quasarnet_al.network.lines import Classification
from quasarnet_al.network.weights import read_ensemble
from quasarnet_al.report import studies, style
from quasarnet_al.spectra import pool
from quasarnet_al.spectra.tables import write_csv
from quasarnet_al.tasks.registry import TASKS


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--task", choices=TASKS, default="quasar", help="what is classified")
    parser.add_argument("--variants", nargs="+", required=True, help="names of the variants")
    parser.add_argument("--trained", nargs="+", required=True, help="networks of each (HDF5)")
    parser.add_argument("--validation", required=True, help="validation set (FITS)")
    options.add_arguments(parser, Classification)
    parser.add_argument("--seeds", required=True, help="metrics of every network (CSV)")
    parser.add_argument("--table", required=True, help="means and standard errors (CSV)")
    parser.add_argument("--figure", required=True, help="figure of the metrics (PNG)")
    args = parser.parse_args(argv)

    if len(args.variants) != len(args.trained):
        parser.error("--variants and --trained go in pairs")
    task = TASKS[args.task]
    classification = options.from_arguments(Classification, args)
    rows = []
    for variant, path in zip(args.variants, args.trained, strict=True):
        networks = read_ensemble(path, task.layout)
        spectra, _, labels = pool.read_labelled(args.validation, networks[0].grid)
        for network in networks:
            found = task.evaluate([network], spectra, labels, classification)
            figures_of_merit = {name: found[name] for name in task.headline} | task.details(found)
            rows.append({"variant": variant, "seed": network.name, **figures_of_merit})
    seeds = pd.DataFrame(rows)
    grouped = seeds.drop(columns="seed").groupby("variant", sort=False)
    table = grouped.mean().join(grouped.sem().add_suffix("_error"))
    table.insert(0, "seeds", grouped.size())
    for path, content in ((args.seeds, seeds), (args.table, table.reset_index())):
        write_csv(path, content, "%.6g")
    write_bytes(args.figure, style.draw(studies.variants, seeds, task.headline))
    print(table.to_string())


if __name__ == "__main__":
    program(main)
