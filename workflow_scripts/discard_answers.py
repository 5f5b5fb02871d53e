"""Discard what people handed in for a round: it is listed and moved aside, never deleted.

Files of LABELS/RUN/round-NN/ and their copies in results/RUN/round-NN/handed-in/ go to
LABELS/RUN/discarded/round-NN-1/ (or -2, ...). A round without answers is no longer frozen: the
next run may choose its batch again.
"""

from pathlib import Path

from quasarnet_al.core.files import InputError
from quasarnet_al.core.program import command_line, positive, program
from quasarnet_al.inspection import handed_in
from quasarnet_al.workflow.rounds import DISCARDED


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--run", required=True, help="name of the run")
    parser.add_argument("--round", required=True, type=positive, help="number of the round")
    parser.add_argument(
        "--files", nargs="*", default=[], help="names of the files to discard; absent: all"
    )
    parser.add_argument(
        "--labels", type=Path, default=Path("labels"), help="folder of labels, as in the config"
    )
    parser.add_argument("--dry-run", action="store_true", help="list the files and move nothing")
    args = parser.parse_args(argv)

    name = f"round-{args.round:02d}"
    labels = args.labels / args.run / name
    record = Path("results", args.run, name, "handed-in")
    files, _ = handed_in.read_folder(labels)
    copies = handed_in.recorded(record)
    known = {file.name for file in files} | {Path(copy).name for _, copy in copies}
    chosen = set(args.files) or known
    if not chosen or chosen - known:
        raise InputError(
            labels,
            f"has no answers in {min(chosen - known)}" if chosen else "holds no answers",
            "check --run, --round and --files",
        )
    number = 1
    while (aside := args.labels / args.run / DISCARDED / f"{name}-{number}").exists():
        number += 1
    told = "would go" if args.dry_run else "goes"
    for file in sorted(chosen):
        print(f"{labels / file} {told} to {aside / 'labels' / file}")
    if args.dry_run:
        return
    handed_in.move_aside(labels, record, sorted(chosen), aside)


if __name__ == "__main__":
    program(main)
