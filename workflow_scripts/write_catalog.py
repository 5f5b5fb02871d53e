"""Join tables of classify_spectra.py into one catalogue of quasars, one row per object.

An object that was observed more than once is represented by the exposure with the best S/N,
and is in the catalogue if it is a quasar there, by the confidence cut that is given here.
"""

import numpy as np

from quasarnet_al.core import options
from quasarnet_al.core.program import command_line, program
from quasarnet_al.network.lines import Classification, is_qso
from quasarnet_al.spectra.columns import COLUMNS
from quasarnet_al.spectra.grid import LINES
from quasarnet_al.spectra.tables import read_table, write_fits
from quasarnet_al.spectra.tiles import distinct

#: Columns that must be finite numbers, and the others.
NUMBERS = ("TARGETID", "TILEID", "SNR", "Z_QN", "C_BAL", *(f"C_{name}" for name in LINES))
OTHERS = ("TARGET_RA", "TARGET_DEC", "P_QSO", "Z_ERR", *(f"Z_{name}" for name in LINES))


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--tables", nargs="+", required=True, help="tables QN (FITS)")
    options.add_arguments(parser, Classification, "c_thresh", "n_thresh")
    parser.add_argument("--output", required=True, help="catalogue QSO_CAT (FITS)")
    args = parser.parse_args(argv)

    # A table that is given twice would count its exposures twice.
    rows = np.concatenate(
        [
            read_table(path, "QN", "classify_spectra.py", NUMBERS, OTHERS)
            for path in distinct(args.tables)
        ]
    )
    rows = rows[np.lexsort((rows["TILEID"], -rows["SNR"], rows["TARGETID"]))]
    # Noise is never the same twice: all numbers alike are one spectrum, of two copies of a table.
    again = np.append(False, np.all([np.diff(rows[name]) == 0 for name in NUMBERS], axis=0))
    if again.any():
        print(f"in the tables more than once, and counted once: {again.sum()} spectra")
    rows = rows[~again]
    _, first, exposures = np.unique(rows["TARGETID"], return_index=True, return_counts=True)
    objects = rows[first]
    confidence = np.stack([objects[f"C_{name}"] for name in LINES], axis=1)
    quasar = is_qso(confidence, args.c_thresh, args.n_thresh)
    objects, exposures = objects[quasar], exposures[quasar]
    columns = {name: objects[name] for name in ("TARGETID", "TARGET_RA", "TARGET_DEC")}
    columns |= {"Z": objects["Z_QN"], "Z_ERR": objects["Z_ERR"], "P_QSO": objects["P_QSO"]}
    columns |= {"TILEID": objects["TILEID"], "SNR": objects["SNR"]}
    for name in LINES:
        columns |= {f"C_{name}": objects[f"C_{name}"], f"Z_{name}": objects[f"Z_{name}"]}
    columns |= {"C_BAL": objects["C_BAL"], "IS_BAL": objects["C_BAL"] > 0.5}
    columns["EXPOSURES"] = exposures.astype(np.int32)
    cut = {"c_thresh": args.c_thresh, "n_thresh": args.n_thresh}
    write_fits(args.output, "QSO_CAT", columns, {"Z": COLUMNS["Z_QN"].meaning}, cut)
    print(f"{args.output}: {len(objects)} quasars among {len(first)} objects, {len(rows)} spectra")


if __name__ == "__main__":
    program(main)
