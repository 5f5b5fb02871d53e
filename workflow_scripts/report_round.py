"""Write the report of a round, one self-contained page of what exists of it so far."""

from dataclasses import fields

from quasarnet_al.core import options
from quasarnet_al.core.files import provenance, read_json, write_text
from quasarnet_al.core.program import command_line, program
from quasarnet_al.learning import selection
from quasarnet_al.network.lines import Classification
from quasarnet_al.report import html, round
from quasarnet_al.tasks.registry import TASKS
from quasarnet_al.workflow import cost


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--task", choices=TASKS, default="quasar", help="what is classified")
    parser.add_argument("--run", required=True, help="name of the run")
    parser.add_argument("--metrics", required=True, help="metrics.json of the round")
    parser.add_argument("--summary", required=True, help="selection.json")
    parser.add_argument("--selection", required=True, help="selection.fits")
    parser.add_argument("--scores", nargs="+", required=True, help="score tables (FITS)")
    parser.add_argument("--map", nargs="+", required=True, help="their cells, same order (FITS)")
    parser.add_argument("--pool", nargs="+", required=True, help="their pool files, same order")
    parser.add_argument("--som", required=True, help="self-organizing map (HDF5)")
    options.add_arguments(parser, selection.Strategy, "outliers", "percentile")
    parser.add_argument("--batch", required=True, help="batch.csv")
    parser.add_argument("--batch-pool", required=True, help="batch.fits")
    parser.add_argument(
        "--sets", nargs="*", default=[], help="labelled, judging and training sets (FITS)"
    )
    for name, file in (
        ("labels", "labels.csv"),
        ("agreement", "agreement.json"),
        ("stopping", "stopping.json"),
        ("flaws", "outliers.csv"),
    ):
        parser.add_argument(f"--{name}", nargs="*", default=[], help=f"{file}, if it exists")
    parser.add_argument("--benchmarks", help="folder of the round's benchmark files")
    options.add_arguments(parser, Classification, "z_split")
    parser.add_argument("--seed", type=int, required=True, help="random seed of the run")
    parser.add_argument("--output", required=True, help="report (HTML)")
    args = parser.parse_args(argv)

    task = TASKS[args.task]
    files = round.Files(**{each.name: getattr(args, each.name) for each in fields(round.Files)})
    metrics = read_json(files.metrics, "round", "members", "confusion", *task.headline)
    percentile = args.percentile if args.outliers in ("occupancy", "both") else None
    links = [html.link("../report.html", f"all rounds of {args.run}")]
    if task.pages:
        links.append(html.link("inspect/index.html", "inspection pages"))
    body = [f"<p>{' · '.join(links)}</p>"]
    body += round.report(task, files, metrics, percentile, args.z_split)
    if args.benchmarks:
        exposures = selection.read_summary(files.summary)["exposures"]
        body += html.cost("Cost of this round", cost.read(args.benchmarks), exposures)
    number = metrics["round"]
    inputs = [files.metrics, files.selection, files.som, files.batch, *files.labels]
    record = provenance(
        seed=f"{args.seed} (of a member: {args.seed}, {number} and its number)",
        inputs=f"{' '.join(inputs)} and {len(files.scores)} score tables",
    )
    write_text(args.output, html.page(f"{args.run}: round {number}", body, record))
    print(args.output)


if __name__ == "__main__":
    program(main)
