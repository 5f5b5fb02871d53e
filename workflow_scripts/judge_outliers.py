"""Compare what the outlier rule discarded with the known flaws of a mock survey's spectra."""

import numpy as np

from quasarnet_al.core.program import command_line, program
from quasarnet_al.judging import outliers
from quasarnet_al.learning import selection
from quasarnet_al.spectra.tables import write_csv


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--selection", required=True, help="selection.fits of the round")
    parser.add_argument("--pool", nargs="+", required=True, help="the pool files (FITS)")
    parser.add_argument(
        "--input-root", nargs="+", default=["."], help="folders that hold the pool's coadds"
    )
    parser.add_argument(
        "--output", required=True, help="spectra and discarded spectra by flaw (CSV)"
    )
    args = parser.parse_args(argv)

    rows = selection.read_selection(args.selection)
    found = [outliers.flaws(path, args.input_root) for path in args.pool]
    targetid, flaw = map(np.concatenate, zip(*found, strict=True))
    place = np.repeat(np.arange(len(found)), [len(part) for part, _ in found])
    selection.check_spectra(args.selection, rows, targetid, args.pool, place)
    table = outliers.judge(np.char.strip(rows["REASON"]), flaw)
    write_csv(args.output, table, "%.4g")
    print(table.to_string(index=False))


if __name__ == "__main__":
    program(main)
