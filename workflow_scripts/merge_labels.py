"""Merge the CSV files that inspectors handed in into the labels of a round."""

import argparse
import hashlib
from pathlib import Path

import pandas as pd

from quasarnet_al import files, inspection


def record(folder: Path, paths: list[str]) -> None:
    """Copy the handed-in files into `folder`, with a SHA256SUMS that `sha256sum -c` reads."""
    sums = {}
    for path in sorted(paths):
        content = Path(path).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        name = Path(path).name
        if sums.get(name, digest) != digest:
            name = f"{digest[:12]}/{name}"
        sums[name] = digest
        with files.replacing(folder / name) as temporary:
            Path(temporary).write_bytes(content)
    text = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
    files.write_text(folder / "SHA256SUMS", text)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", required=True, help="batch.csv of the round")
    parser.add_argument("--vi", required=True, nargs="+", help="CSV files handed in, any order")
    parser.add_argument("--output", required=True, help="labels.csv")
    parser.add_argument("--refused", required=True, help="CSV of the rows not taken, and why")
    parser.add_argument("--agreement", required=True, help="JSON: how well inspectors agree")
    parser.add_argument("--record", help="folder for copies of the CSV files and their sha256")
    args = parser.parse_args(argv)

    batch = inspection.read_batch(args.batch)
    tables, refused = [], []
    for path in args.vi:
        rows, not_read = inspection.read_vi(path)
        tables.append(rows)
        refused += [(Path(path).name, *row) for row in not_read]
    labels, elsewhere, agreement = inspection.merge(pd.concat(tables), batch["TARGETID"])
    refused = pd.DataFrame(refused, columns=inspection.REFUSED_COLUMNS).astype({"TARGETID": str})
    refused = pd.concat([refused, elsewhere.astype({"TARGETID": str})]).drop_duplicates()
    refused = refused.sort_values(["FILE", "LINE"], kind="stable")
    inspection.write_csv(args.output, labels)
    inspection.write_csv(args.refused, refused)
    files.write_json(args.agreement, agreement | {"refused rows": len(refused)})
    if args.record:
        record(Path(args.record), args.vi)
    for row in refused.itertuples():
        print(f"refused: {row.FILE} line {row.LINE}: TARGETID {row.TARGETID}: {row.REASON}")
    counts = {key: agreement[key] for key in ("targets", "accepted", "conflict", "not inspected")}
    print(", ".join(f"{value} {key}" for key, value in counts.items()))


if __name__ == "__main__":
    files.program(main)
