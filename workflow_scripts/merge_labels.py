"""Merge the CSV files that inspectors handed in into the labels of a round."""

import hashlib
from pathlib import Path

import pandas as pd

from quasarnet_al.core import files
from quasarnet_al.core.program import command_line, program
from quasarnet_al.inspection import merge, vi
from quasarnet_al.inspection.agreement import agreement
from quasarnet_al.learning.batch import read_batch
from quasarnet_al.spectra.tables import write_csv
from quasarnet_al.tasks.registry import TASKS


def record(folder: Path, paths: list[str]) -> None:
    """Copy the handed-in files into `folder`, with a SHA256SUMS that `sha256sum -c` reads."""
    sums = {}
    for path in sorted(paths):
        if not Path(path).is_file():  # named among the refused
            continue
        content = Path(path).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        name = Path(path).name
        if sums.get(name, digest) != digest:
            name = f"{digest[:12]}/{name}"
        sums[name] = digest
        files.write_bytes(folder / name, content)
    text = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
    files.write_text(folder / "SHA256SUMS", text)


def complete(batch: pd.DataFrame, rows: pd.DataFrame, paths: list[str]) -> None:
    """Raise `InputError` where a minibatch was not handed in: the files are of other pages."""
    seen = batch["TARGETID"].isin(rows["TARGETID"][rows["QUALITY"] >= 0])
    for minibatch, answered in seen.groupby(batch["MINIBATCH"]):
        if not merge.is_handed_in(answered.sum(), len(answered)):
            raise files.InputError(
                Path(paths[0]).parent,
                f"minibatch {minibatch} has answers to {answered.sum()} of {len(answered)} spectra",
                "the batch is another than was inspected: hand in this round's pages",
            )


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--task", choices=TASKS, default="quasar", help="what is classified")
    parser.add_argument("--batch", required=True, help="batch.csv of the round")
    parser.add_argument("--vi", required=True, nargs="+", help="CSV files handed in, any order")
    parser.add_argument("--output", required=True, help="labels.csv")
    parser.add_argument("--refused", required=True, help="CSV of the rows not taken, and why")
    parser.add_argument("--agreement", required=True, help="JSON: how well inspectors agree")
    parser.add_argument(
        "--whole", action="store_true", help="fail where half a minibatch is without an answer"
    )
    parser.add_argument("--record", help="folder for copies of the CSV files and their sha256")
    args = parser.parse_args(argv)

    batch = read_batch(args.batch)
    task = TASKS[args.task]
    rows, faults, refused = vi.read_answers(args.vi, task.spectypes, task.redshifts)
    refused += [(name, 0, "", fault) for name, fault in faults.items()]
    if rows.empty and not any(line for _, line, _, _ in refused):
        raise files.InputError(
            args.vi[0],
            f"holds no answer, nor do the other CSV files ({'; '.join(faults.values())})",
            "hand in the CSV files of this batch's pages",
        )
    if args.whole:
        complete(batch, rows, args.vi)
    labels, elsewhere, counts = merge.merge(rows, batch["TARGETID"])
    answers, _ = merge.of_batch(rows, batch["TARGETID"])
    refused = pd.DataFrame(refused, columns=merge.REFUSED_COLUMNS).astype({"TARGETID": str})
    refused = pd.concat([refused, elsewhere.astype({"TARGETID": str})]).drop_duplicates()
    refused = refused.sort_values(["FILE", "LINE"], kind="stable")
    write_csv(args.output, labels)
    write_csv(args.refused, refused)
    files.write_json(args.agreement, counts | agreement(answers) | {"refused rows": len(refused)})
    if args.record:
        record(Path(args.record), args.vi)
    for row in refused.itertuples():
        print(f"refused: {row.FILE} line {row.LINE}: TARGETID {row.TARGETID}: {row.REASON}")
    told = ("targets", "accepted", "conflict", "not inspected")
    print(", ".join(f"{counts[key]} {key}" for key in told))


if __name__ == "__main__":
    program(main)
