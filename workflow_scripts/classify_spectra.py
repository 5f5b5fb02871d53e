"""Run QuasarNET on a coadd or a pool file: redshifts, line confidences, classes.

Several weights files are taken as an ensemble: mean confidences, median redshifts.
"""

import numpy as np

from quasarnet_al.core.program import command_line, positive, program
from quasarnet_al.learning import scores
from quasarnet_al.network.lines import best_redshift, is_qso
from quasarnet_al.network.weights import read_networks
from quasarnet_al.spectra import desi, pool
from quasarnet_al.spectra.grid import LINES
from quasarnet_al.spectra.tables import write_fits

#: Columns of the spectra's catalogue that the table has too.
KEPT = ("TARGETID", "TILEID", "TARGET_RA", "TARGET_DEC", "SNR")


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--weights", nargs="+", required=True, help="QuasarNP weights (HDF5)")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--coadd", help="DESI coadd file")
    source.add_argument("--pool", help="pool file (FITS)")
    parser.add_argument(
        "--targets", choices=desi.TARGETS, default="qso", help="which fibres of the coadd"
    )
    parser.add_argument(
        "--c-thresh", type=float, default=0.95, help="confidence above which a line counts"
    )
    parser.add_argument(
        "--n-thresh", type=positive, default=1, help="number of lines that make a quasar"
    )
    parser.add_argument("--threads", type=positive, default=1, help="number of threads")
    parser.add_argument("--output", required=True, help="table QN (FITS)")
    args = parser.parse_args(argv)

    networks = read_networks(args.weights)
    grid = networks[0].grid
    if args.coadd:
        extraction = desi.extract(args.coadd, grid, args.targets)
        spectra, catalog = extraction.spectra, extraction.catalog
    else:
        spectra, catalog = pool.read(args.pool, grid)
    c, z, c_bal = scores.combine(scores.lines_of_members(networks, spectra, args.threads))
    columns = {name: catalog[name] for name in KEPT}
    for number, name in enumerate(LINES):
        columns |= {f"C_{name}": c[:, number], f"Z_{name}": z[:, number]}
    columns["Z_QN"] = best_redshift(c, z)
    columns["C_BAL"] = c_bal
    columns["IS_QSO"] = is_qso(c, args.c_thresh, args.n_thresh)
    write_fits(
        args.output,
        "QN",
        columns,
        attributes={
            "weights": " ".join(args.weights),
            "c_thresh": args.c_thresh,
            "n_thresh": args.n_thresh,
        },
    )
    count = int(np.sum(columns["IS_QSO"]))
    print(f"{args.output}: {len(catalog)} spectra, {count} quasars")


if __name__ == "__main__":
    program(main)
