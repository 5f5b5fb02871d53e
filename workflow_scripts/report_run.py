"""Draw the learning curve of a run and write its report, one self-contained page."""

import os
from pathlib import Path

from quasarnet_al.core.files import provenance, read_json, write_bytes, write_text
from quasarnet_al.core.program import command_line, program
from quasarnet_al.report import html, run, style
from quasarnet_al.report.sets import read_and_left_out
from quasarnet_al.report.tasks import DRAWINGS
from quasarnet_al.spectra.tables import write_csv
from quasarnet_al.tasks.registry import TASKS
from quasarnet_al.workflow import cost


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--task", choices=TASKS, default="quasar", help="what is classified")
    parser.add_argument("--run", required=True, help="name of the run")
    parser.add_argument("--metrics", nargs="+", required=True, help="metrics.json of each round")
    parser.add_argument(
        "--summaries", nargs="+", required=True, help="selection.json of each round"
    )
    for name, files in (
        ("agreements", "agreement.json of each round that has labels"),
        ("stopping", "stopping.json of each round that has labels"),
        ("rounds", "report of each round"),
    ):
        parser.add_argument(f"--{name}", nargs="*", default=[], help=files)
    parser.add_argument("--pool", nargs="*", default=[], help="pool files (FITS)")
    parser.add_argument(
        "--sets", nargs="*", default=[], help="labelled, judging and training sets (FITS)"
    )
    parser.add_argument("--benchmarks", help="folder of the run's benchmark files")
    parser.add_argument("--curve", required=True, help="learning curve (CSV)")
    parser.add_argument("--figure", required=True, help="learning curve (PNG)")
    parser.add_argument("--report", required=True, help="report (HTML)")
    args = parser.parse_args(argv)

    task = TASKS[args.task]
    rounds = [read_json(path, "round", *task.headline) for path in args.metrics]
    selected = run.selections(args.summaries)
    draw, _ = DRAWINGS[args.task].figures[0]
    with run.metrics_of(task, args.metrics, rounds):
        write_csv(args.curve, run.learning_curve(task, rounds), "%.5g")
        write_bytes(args.figure, style.draw(draw, rounds))
        content = run.report(task, rounds, selected, args.agreements, args.stopping)
    content += read_and_left_out(args.pool, args.sets)
    folder = Path(args.report).parent
    links = [
        html.link(os.path.relpath(path, folder), f"round {entry['round']}")
        for path, entry in zip(args.rounds, rounds, strict=False)
    ]
    body = [f"<p>Report of each round: {' · '.join(links)}</p>" if links else ""]
    body += content
    if args.benchmarks:
        jobs = cost.read(args.benchmarks)
        body += html.cost("Cost of the run", jobs, int(selected["exposures"].max()))
    title = f"{args.run}: {len(rounds)} round{'' if len(rounds) == 1 else 's'}"
    record = provenance(inputs=" ".join(args.metrics))
    write_text(args.report, html.page(title, body, record))
    print(args.report)


if __name__ == "__main__":
    program(main)
