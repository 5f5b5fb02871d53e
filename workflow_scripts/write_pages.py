"""Write the inspection pages of a round: one HTML file per minibatch, and an index."""

import argparse
from pathlib import Path

from quasarnet_al.core.program import command_line, fraction, program
from quasarnet_al.inspection import pages, prospect, vi
from quasarnet_al.inspection.record import read_round
from quasarnet_al.learning.batch import read_batch
from quasarnet_al.tasks.registry import TASKS


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that all pages of a round share."""
    add = parser.add_argument
    add("--task", choices=TASKS, default="quasar", help="what is classified")
    add("--batch", required=True, help="batch.csv of the round")
    add("--batch-pool", required=True, help="pool file with the batch's spectra (FITS)")
    add("--input-root", nargs="+", default=["."], help="folders that hold the pool's coadds")
    add("--som", help="map of fit_som.py (HDF5): shows the neighbours")
    add("--title-prefix", required=True, help="start of the pages' titles; unique to the round")
    add(
        "--blind",
        choices=("yes", "no"),
        default="yes",
        help="hide the ensemble's results until there is an answer",
    )
    add("--cutouts", default="", help="folder of images <TARGETID>.jpg, shown with the spectra")
    add(
        "--redrock-templates",
        default="",
        help="folder of redrock's templates, for its models where the production has none; "
        "without it that of the variable RR_TEMPLATE_DIR",
    )
    add("--labels-dir", default="", help="where inspectors put their CSV files")
    add("--vi", nargs="*", default=[], help="CSV files handed in so far")
    add("--output-dir", required=True, help="folder of the HTML files")


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    add_options(parser)
    add = parser.add_argument
    add("--command", default="snakemake", help="command to type once labels are handed in")
    add("--inspectors", type=int, default=1, help="number of inspectors wanted per spectrum")
    add("--complete", type=fraction, default=0.5, help="share of a page that counts as all of it")
    add("--repeats", type=fraction, default=0.0, help="share shown again on the next page")
    add("--seed", type=int, default=0, help="random seed of the choice of repeated spectra")
    add("--adjudication", choices=("yes", "no"), default="no", help="link the adjudication page")
    add("--closed", choices=("yes", "no"), default="no", help="whether the round was closed early")
    add("--prospect", help="folder for the batch in the form that prospect opens")
    args = parser.parse_args(argv)

    task = TASKS[args.task]
    handed_in, *_ = vi.read_answers(args.vi, task.spectypes, task.redshifts, read_batch(args.batch))
    batch = read_round(
        args.batch, args.batch_pool, args.input_root, args.som, args.cutouts, args.redrock_templates
    )
    if args.prospect:
        prospect.write(args.prospect, batch.catalog, args.input_root)
    minibatches = batch.pages()
    common = pages.Common(args.title_prefix, batch.grid, args.blind == "yes", args.labels_dir)
    pages.write_round(
        Path(args.output_dir),
        minibatches,
        handed_in,
        common,
        again=args.repeats,
        seed=args.seed,
        inspectors=args.inspectors,
        complete=args.complete,
        adjudication=args.adjudication == "yes",
        closed=args.closed == "yes",
        command=args.command,
    )
    plural = "s" if len(minibatches) != 1 else ""
    print(f"{args.output_dir}: {len(minibatches)} page{plural}, {len(batch.spectra)} spectra")


if __name__ == "__main__":
    program(main)
