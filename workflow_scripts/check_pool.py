"""Count what the files of a pool were made of; refuse a pool that lacks too many files."""

import pandas as pd

from quasarnet_al.core.program import command_line, fraction, program
from quasarnet_al.spectra import counts
from quasarnet_al.spectra.tables import write_csv


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--pool", nargs="+", required=True, help="pool files (FITS)")
    parser.add_argument(
        "--broken",
        type=fraction,
        default=0.0,
        help="largest fraction of the files behind them that may be broken or absent",
    )
    parser.add_argument("--output", required=True, help="counts by pool file and reason (CSV)")
    args = parser.parse_args(argv)

    found = {path: counts.read(path) for path in args.pool}
    counts.refuse_broken(found, args.broken)
    rows = [
        (path, kind, reason, count)
        for path, each in found.items()
        for kind, numbers in (
            ("spectra", each.spectra),
            ("left out", each.left_out),
            ("files", each.files),
        )
        for reason, count in sorted(numbers.items())
    ]
    table = pd.DataFrame(rows, columns=["POOL", "WHAT", "REASON", "COUNT"])
    write_csv(args.output, table)
    totals = table.groupby(["WHAT", "REASON"])["COUNT"].sum()
    print(f"{args.output}: {len(found)} pool files\n{totals.to_string()}")


if __name__ == "__main__":
    program(main)
