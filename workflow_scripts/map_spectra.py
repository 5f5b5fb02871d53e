"""Find the cell of the self-organizing map that each spectrum of a pool file falls in."""

import numpy as np

from quasarnet_al.core.files import InputError
from quasarnet_al.core.program import command_line, positive, program
from quasarnet_al.learning import flaws, som
from quasarnet_al.spectra import pool
from quasarnet_al.spectra.columns import COMMENTS
from quasarnet_al.spectra.tables import write_fits


def main(argv: list[str] | None = None) -> None:
    """Write table MAP: TARGETID, BMU (row * columns + column), QERR, FLAW; rows as in the pool."""
    parser = command_line(__doc__)
    parser.add_argument("--som", required=True, help="map of fit_som.py (HDF5)")
    parser.add_argument("--pool", required=True, help="pool file")
    parser.add_argument("--threads", type=positive, default=1, help="threads to work on")
    parser.add_argument("--output", required=True, help="table to write (FITS)")
    arguments = parser.parse_args(argv)

    fitted = som.read(arguments.som)
    spectra, catalog = pool.read(arguments.pool)
    if spectra.shape[1] != fitted.weights.shape[2]:
        raise InputError(
            arguments.pool,
            f"has {spectra.shape[1]} pixels, the map {fitted.weights.shape[2]} ({arguments.som})",
            "give a map that was fitted on this grid",
        )
    bmu = fitted.winners(spectra, arguments.threads)
    columns = {
        "TARGETID": catalog["TARGETID"],
        "BMU": bmu.astype(np.int32),
        "QERR": fitted.distances(spectra, bmu).astype(np.float32),
        "FLAW": flaws.measure(spectra, pool.read_grid(arguments.pool)),
    }
    size = dict(zip(("rows", "columns"), fitted.shape, strict=True))
    write_fits(arguments.output, "MAP", columns, COMMENTS, size)


if __name__ == "__main__":
    program(main)
