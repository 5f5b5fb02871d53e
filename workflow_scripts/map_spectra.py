"""Find the best-matching unit on the self-organizing map of each spectrum of a pool file.

The table MAP holds TARGETID, BMU (row x columns + column), QERR and the pool file's FLAW; its rows
are those of the pool file.
"""

import numpy as np

from quasarnet_al.core.program import command_line, positive, program
from quasarnet_al.learning import som
from quasarnet_al.spectra import pool
from quasarnet_al.spectra.tables import write_fits


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--som", required=True, help="the map, by fit_som.py (HDF5)")
    parser.add_argument("--pool", required=True, help="pool file (FITS)")
    parser.add_argument("--threads", type=positive, default=1, help="number of threads")
    parser.add_argument("--output", required=True, help="the table MAP (FITS)")
    args = parser.parse_args(argv)

    grid = pool.read_grid(args.pool)
    fitted = som.read(args.som, grid)
    spectra, catalog = pool.read(args.pool)
    bmu = fitted.winners(spectra, args.threads)
    columns = {
        "TARGETID": catalog["TARGETID"],
        "BMU": bmu.astype(np.int32),
        "QERR": fitted.distances(spectra, bmu).astype(np.float32),
        "FLAW": catalog["FLAW"],
    }
    write_fits(
        args.output,
        "MAP",
        columns,
        attributes={"rows": fitted.shape[0], "columns": fitted.shape[1]},
    )


if __name__ == "__main__":
    program(main)
