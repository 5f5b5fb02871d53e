"""Write the page of a round on which conflicts between inspectors are decided."""

from pathlib import Path

from quasarnet_al.core.program import command_line, program
from quasarnet_al.inspection import merge, pages, vi
from quasarnet_al.inspection.record import read_round
from quasarnet_al.learning.batch import read_batch
from quasarnet_al.tasks.registry import TASKS
from write_pages import add_options


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    add_options(parser)
    parser.add_argument("--labels", required=True, help="labels.csv of the round")
    args = parser.parse_args(argv)

    task = TASKS[args.task]
    handed_in, *_ = vi.read_answers(args.vi, task.spectypes, task.redshifts, read_batch(args.batch))
    batch = read_round(
        args.batch, args.batch_pool, args.input_root, args.som, args.cutouts, args.redrock_templates
    )
    common = pages.Common(args.title_prefix, batch.grid, args.blind == "yes", args.labels_dir)
    folder = Path(args.output_dir)
    waiting = pages.write_adjudication(
        folder, batch.spectra, merge.conflicts(args.labels), handed_in, common
    )
    plural = "s" if waiting != 1 else ""
    print(f"{folder / 'adjudication.html'}: {waiting} conflict{plural}")


if __name__ == "__main__":
    program(main)
