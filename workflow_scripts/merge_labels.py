"""Merge the CSV files that inspectors handed in into the labels of a round."""

from pathlib import Path

import pandas as pd

from quasarnet_al.core import files
from quasarnet_al.core.program import command_line, fraction, program
from quasarnet_al.inspection import merge, vi
from quasarnet_al.inspection.agreement import agreement
from quasarnet_al.learning.batch import read_batch
from quasarnet_al.spectra.tables import write_csv
from quasarnet_al.tasks.registry import TASKS


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--task", choices=TASKS, default="quasar", help="what is classified")
    parser.add_argument("--batch", required=True, help="batch.csv of the round")
    parser.add_argument("--vi", required=True, nargs="+", help="CSV files handed in, any order")
    parser.add_argument(
        "--title-prefix",
        default="",
        help="how the titles of the round's pages begin: another round's adjudication page then "
        "decides nothing",
    )
    parser.add_argument("--output", required=True, help="labels.csv")
    parser.add_argument("--refused", required=True, help="CSV of the refused rows, with reasons")
    parser.add_argument("--agreement", required=True, help="JSON: how well inspectors agree")
    parser.add_argument(
        "--whole",
        action="store_true",
        help="fail where a minibatch is not answered, but for some of its spectra",
    )
    parser.add_argument(
        "--complete",
        type=fraction,
        default=0.5,
        help="share of a minibatch that counts as all of it, for --whole",
    )
    args = parser.parse_args(argv)

    batch = read_batch(args.batch)
    task = TASKS[args.task]
    rows, faults, refused = vi.read_answers(args.vi, task.spectypes, task.redshifts, batch)
    refused += [(name, 0, "", fault) for name, fault in faults.items()]
    if rows.empty and not any(line for _, line, _, _ in refused):
        raise files.InputError(
            args.vi[0],
            f"holds no answer, nor do the other CSV files ({'; '.join(faults.values())})",
            "hand in the CSV files of this batch's pages",
        )
    if args.whole:
        merge.refuse_incomplete(batch, rows, args.vi, args.complete, args.title_prefix)
    labels, elsewhere, counts = merge.merge(rows, batch["TARGETID"], args.title_prefix)
    answers, _ = merge.of_batch(rows, batch["TARGETID"])
    table = pd.DataFrame(refused, columns=merge.REFUSED_COLUMNS).astype({"TARGETID": str})
    table = pd.concat([table, elsewhere.astype({"TARGETID": str})]).drop_duplicates()
    table = table.sort_values(["FILE", "LINE"], kind="stable")
    counts |= agreement(answers, args.title_prefix, len(task.spectypes))
    counts |= {"refused rows": len(table), "rows of other batches": len(elsewhere)}
    # Where they are in the record of what was handed in: the digits of their sum, and their name.
    counts["files"] = sorted("/".join(Path(path).parts[-2:]) for path in args.vi)
    write_csv(args.output, labels)
    write_csv(args.refused, table)
    files.write_json(args.agreement, counts)
    for row in table.itertuples():
        print(f"refused: {row.FILE} line {row.LINE}: TARGETID {row.TARGETID}: {row.REASON}")
    names = ("targets", "accepted", "conflict", "not inspected")
    print(", ".join(f"{counts[name]} {name}" for name in names))


if __name__ == "__main__":
    program(main)
