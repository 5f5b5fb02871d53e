"""Draw the learning curve of a run and write its report, one self-contained page."""

import os
from pathlib import Path

import pandas as pd

from quasarnet_al.core.files import provenance, read_json, write_bytes, write_text
from quasarnet_al.core.program import command_line, program
from quasarnet_al.learning import selection
from quasarnet_al.report import html, style
from quasarnet_al.report.tasks import DRAWINGS
from quasarnet_al.spectra.tables import write_csv
from quasarnet_al.tasks.registry import TASKS
from quasarnet_al.tasks.task import Task
from quasarnet_al.workflow import cost


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--task", choices=TASKS, default="quasar", help="what is classified")
    parser.add_argument("--run", required=True, help="its name")
    parser.add_argument("--metrics", nargs="+", required=True, help="metrics.json, round by round")
    parser.add_argument("--summaries", nargs="+", required=True, help="selection.json, likewise")
    parser.add_argument("--agreements", nargs="*", default=[], help="agreement.json, likewise")
    parser.add_argument("--stopping", nargs="*", default=[], help="stopping.json, likewise")
    parser.add_argument("--rounds", nargs="*", default=[], help="reports of the rounds, likewise")
    parser.add_argument("--benchmarks", help="folder of the run's benchmark files")
    parser.add_argument("--curve", required=True, help="the learning curve (CSV)")
    parser.add_argument("--figure", required=True, help="the learning curve (PNG)")
    parser.add_argument("--report", required=True, help="the report (HTML)")
    args = parser.parse_args(argv)

    task = TASKS[args.task]
    figures = DRAWINGS[args.task].figures
    rounds = [read_json(path, "round", *task.headline) for path in args.metrics]
    curve = pd.DataFrame([_row(task, entry) for entry in rounds])
    write_csv(args.curve, curve, "%.5g")
    write_bytes(args.figure, style.draw(figures[0][0], rounds))
    summaries = pd.DataFrame([_summary(path) for path in args.summaries])
    summaries.insert(0, "round", range(1, len(summaries) + 1))
    stopping = pd.DataFrame([html.flat(read_json(path)) for path in args.stopping])
    agreements = pd.DataFrame([html.flat(read_json(path)) for path in args.agreements])
    folder = Path(args.report).parent
    links = [
        html.link(os.path.relpath(path, folder), f"round {entry['round']}")
        for path, entry in zip(args.rounds, rounds, strict=False)
    ]
    body = [
        f"<p>Report of each round: {' · '.join(links)}</p>" if links else "",
        html.heading("Learning curve"),
        html.row_of([html.figure(text, draw, rounds) for draw, text in figures]),
        html.table(curve),
        html.heading("Selection"),
        html.paragraph("Exposures of the pool, and why the others were not chosen."),
        html.table(summaries),
    ]
    if len(agreements):
        agreements.insert(0, "round", range(1, len(agreements) + 1))
        body += [html.heading("Labels"), html.table(agreements)]
    if len(stopping):
        stopping.insert(0, "round", range(1, len(stopping) + 1))
        body += [
            html.heading("When to stop"),
            html.paragraph(
                "Of each round's labels: the share that the ensemble had wrong, with its 95 % "
                "interval; the share of the pool on which the members disagreed; what the "
                "validation set gained; whether another round pays."
            ),
            html.table(stopping),
        ]
    if args.benchmarks:
        jobs = cost.read(args.benchmarks)
        body += html.cost("Cost of the run", jobs, summaries["exposures"].max())
    told = provenance(inputs=" ".join(args.metrics))
    write_text(args.report, html.page(f"{args.run}: {len(rounds)} rounds", body, told))
    print(args.report)


def _row(task: Task, entry: dict) -> dict:
    names = ("round", "training_spectra", "labels_of_rounds", *task.headline)
    return {name: entry[name] for name in names} | task.details(entry)


def _summary(path: str) -> dict:
    summary = selection.read_summary(path)
    return {"exposures": summary["exposures"], "chosen": summary["chosen"], **summary["left out"]}


if __name__ == "__main__":
    program(main)
