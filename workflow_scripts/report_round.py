"""Write the report of a round, one self-contained page: what there is of it by now."""

import argparse

import numpy as np
import pandas as pd

from quasarnet_al.core import options
from quasarnet_al.core.files import InputError, content_of, provenance, read_json, write_text
from quasarnet_al.core.program import command_line, program
from quasarnet_al.judging.votes import surprises
from quasarnet_al.learning import selection, som
from quasarnet_al.learning.batch import read_batch, read_exposures
from quasarnet_al.network.lines import Classification
from quasarnet_al.report import html
from quasarnet_al.report import round as round_report
from quasarnet_al.spectra import pool
from quasarnet_al.spectra.grid import Grid
from quasarnet_al.spectra.tables import read_any_csv
from quasarnet_al.tasks.registry import TASKS
from quasarnet_al.tasks.task import Task
from quasarnet_al.workflow import cost


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--task", choices=TASKS, default="quasar", help="what is classified")
    parser.add_argument("--run", required=True, help="its name")
    parser.add_argument("--metrics", required=True, help="metrics.json of the round")
    parser.add_argument("--summary", required=True, help="selection.json")
    parser.add_argument("--selection", required=True, help="selection.fits")
    parser.add_argument("--scores", nargs="+", required=True, help="score tables (FITS)")
    parser.add_argument("--map", nargs="+", required=True, help="their cells, same order (FITS)")
    parser.add_argument("--pool", nargs="+", required=True, help="their pool files, same order")
    parser.add_argument("--som", required=True, help="the map (HDF5)")
    options.add_arguments(parser, selection.Strategy, "outliers", "percentile")
    parser.add_argument("--batch", required=True, help="batch.csv")
    parser.add_argument("--batch-pool", required=True, help="batch.fits")
    parser.add_argument("--labels", nargs="*", default=[], help="labels.csv, where there is one")
    parser.add_argument("--agreement", nargs="*", default=[], help="agreement.json, likewise")
    parser.add_argument("--stopping", nargs="*", default=[], help="stopping.json, likewise")
    parser.add_argument("--flaws", nargs="*", default=[], help="outliers.csv, likewise")
    parser.add_argument("--benchmarks", help="folder of the round's benchmark files")
    options.add_arguments(parser, Classification, "z_split")
    parser.add_argument("--seed", type=int, required=True, help="the run's, to name it")
    parser.add_argument("--output", required=True, help="the report (HTML)")
    args = parser.parse_args(argv)

    task = TASKS[args.task]
    found = read_json(args.metrics, "round", "members", "confusion", *task.headline)
    summary = selection.read_summary(args.summary)
    links = [html.link("../report.html", f"all rounds of {args.run}")]
    if task.pages:
        links.append(html.link("inspect/index.html", "inspection pages"))
    # All is read before the figures are drawn, which takes seconds.
    batch = read_batch(args.batch)
    spectra, grid = pool.read(args.batch_pool)[0], pool.read_grid(args.batch_pool)
    flaws = [read_any_csv(path, ("flaw",), "judge the outliers again") for path in args.flaws]
    agreements = [read_json(path, "inspectors", "cohen", "doubts") for path in args.agreement]
    advice = [read_json(path, *round_report.ADVICE) for path in args.stopping]
    jobs = list(cost.read(args.benchmarks)) if args.benchmarks else []
    body = [f"<p>{' · '.join(links)}</p>"]
    with content_of(args.metrics):
        body += round_report.ensemble(task, found)
    body += _choice(args, task, summary, batch, spectra, grid)
    for table in flaws:
        body += [html.heading("Flaws of the mock spectra"), html.table(table)]
    body += _labels(args, task, batch, spectra, grid)
    for path, agreement in zip(args.agreement, agreements, strict=True):
        with content_of(path):
            body += round_report.agreement(agreement)
    for path, changes in zip(args.stopping, advice, strict=True):
        with content_of(path):
            body += round_report.changes(task, changes)
    if args.benchmarks:
        body += html.cost("Cost of this round", jobs, summary["exposures"])
    seed = f"{args.seed} (a member's: {args.seed}, {found['round']} and its number)"
    title = f"{args.run}: round {found['round']}"
    inputs = [args.metrics, args.selection, args.som, args.batch, *args.labels]
    inputs.append(f"and {len(args.scores)} tables of scores")
    told = provenance(seed=seed, inputs=" ".join(inputs))
    write_text(args.output, html.page(title, body, told))
    print(args.output)


def _choice(
    args: argparse.Namespace,
    task: Task,
    summary: dict,
    batch: pd.DataFrame,
    spectra: np.ndarray,
    grid: Grid,
) -> list[str]:
    """Return what was chosen from the pool and what was not; `spectra` are the batch's."""
    reasons = selection.read_selection(args.selection)
    names = list(task.vote_columns)
    names += ["Z_QN", "Z_STD"] if task.redshifts else []
    fitted = som.read(args.som)
    exposures = read_exposures(args.scores, args.map, args.pool, fitted, names)
    rows = exposures.scores
    if not np.array_equal(rows["TARGETID"], reasons["TARGETID"]):
        raise InputError(args.selection, "is not of these score tables", "select the batch again")
    left = round_report.discarded(reasons)
    place, row = exposures.locate(left)
    images = {number: pool.read(args.pool[number])[0] for number in np.unique(place)}
    outliers = [images[number][r] for number, r in zip(place, row, strict=True)]
    percentile = args.percentile if args.outliers in ("occupancy", "both") else None
    chosen = reasons["REASON"] == ""
    few = round_report.GALLERY
    return [
        *round_report.choice(summary),
        html.row_of(
            [
                round_report.scores(reasons, batch["ACQUISITION"][0]),
                round_report.cells(fitted.shape, exposures.cells["BMU"], chosen, percentile),
                round_report.prototypes(task, fitted.weights, grid),
            ]
        ),
        *round_report.gallery("Most confusing", task, grid, batch[:few], spectra[:few]),
        *round_report.gallery(
            "Discarded as outliers, the most confusing",
            task,
            grid,
            pd.DataFrame(rows[left]),
            outliers,
        ),
    ]


def _labels(
    args: argparse.Namespace, task: Task, batch: pd.DataFrame, spectra: np.ndarray, grid: Grid
) -> list[str]:
    """Return what people, or the oracle, said of the batch."""
    if not args.labels:
        return [html.heading("Labels"), html.paragraph("The round waits for its labels.")]
    labels = task.answered(batch, args.labels[0], args.z_split)
    wrong = surprises(task.votes(labels), labels["TRUTH"].to_numpy())
    shown = labels.iloc[wrong[: round_report.GALLERY]]
    return [
        *round_report.told(labels, len(batch), len(wrong)),
        *round_report.gallery("Labels against most votes", task, grid, shown, spectra[shown.index]),
    ]


if __name__ == "__main__":
    program(main)
