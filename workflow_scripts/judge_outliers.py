"""Tell what the outlier rule discarded: on a mock survey the flaw of each spectrum is known."""

import fitsio
import numpy as np

from quasarnet_al.core.files import InputError
from quasarnet_al.core.program import command_line, program
from quasarnet_al.judging import metrics
from quasarnet_al.learning import selection
from quasarnet_al.spectra import desi, pool
from quasarnet_al.spectra.tables import read_table, write_csv


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--selection", required=True, help="selection.fits of the round")
    parser.add_argument("--pool", nargs="+", required=True, help="the pool files (FITS)")
    parser.add_argument(
        "--input-root", nargs="+", default=["."], help="folders that hold the pool's coadds"
    )
    parser.add_argument("--output", required=True, help="what was discarded, by flaw (CSV)")
    args = parser.parse_args(argv)

    rows = read_table(args.selection, "SELECTION", "select_batch.py")
    flaw = np.concatenate([_flaws(path, args.input_root) for path in args.pool])
    if len(flaw) != len(rows):
        raise InputError(args.selection, "is not of these pool files", "select the batch again")
    # Why a spectrum was dropped before the rule looked at it says nothing of the rule.
    seen = np.isin(rows["REASON"], ["", "less confusing", *selection.OUTLIER_REASONS])
    flaw, discarded = flaw[seen], np.isin(rows["REASON"][seen], selection.OUTLIER_REASONS)
    table = metrics.discards(flaw, discarded)
    write_csv(args.output, table, "%.4g")
    print(table.to_string(index=False))


def _flaws(path: str, roots: list[str]) -> np.ndarray:
    """Return the flaw of each spectrum of a pool file, from the mock survey's coadds."""
    catalog = pool.read_catalog(path)
    flaw = np.full(len(catalog), "", "U16")
    for source in np.unique(catalog["SOURCE"]):
        here = catalog["SOURCE"] == source
        coadd = desi.source_path(str(source), roots)
        if coadd is None:
            raise InputError(path, f"names a coadd {source} that is not there", "extract it again")
        try:
            known = fitsio.read(str(coadd), ext="FIBERMAP", columns=["MOCK_FLAW"])
        except (OSError, ValueError) as error:
            raise InputError(coadd, f"names no flaws ({error})", "simulate it again") from error
        flaw[here] = np.char.strip(known["MOCK_FLAW"][catalog["ROW"][here]])
    return flaw


if __name__ == "__main__":
    program(main)
