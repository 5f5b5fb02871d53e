"""A batch as prospect opens it: one spectra file and the list of its targets.

prospect (github.com/desihub/prospect) reads what `desispec.io.read_spectra` reads:

    prospect_pages --spectra_files spectra.fits --target_list targets.txt --outputdir pages
"""

from collections.abc import Sequence
from pathlib import Path

import fitsio
import numpy as np

from quasarnet_al.core import files
from quasarnet_al.core.files import InputError
from quasarnet_al.spectra import desi

#: What prospect shows or asks for; where neither catalogue nor coadd knows it, it is zero.
FIBERMAP = {
    "TARGETID": "i8",
    "TILEID": "i4",
    "PETAL_LOC": "i2",
    "FIBER": "i4",
    "TARGET_RA": "f8",
    "TARGET_DEC": "f8",
    "FLUX_G": "f4",
    "FLUX_R": "f4",
    "FLUX_Z": "f4",
    "FLUX_W1": "f4",
    "FLUX_W2": "f4",
    "EBV": "f4",
    "DESI_TARGET": "i8",
    "PMRA": "f4",
    "PMDEC": "f4",
    "REF_EPOCH": "f4",
}


def write(folder: str | Path, catalog: np.ndarray, roots: Sequence[str | Path]) -> int:
    """Write `spectra.fits` and `targets.txt` of a batch; return the number of spectra.

    Spectra whose coadd isn't at hand are left out of both.

    Parameters
    ----------
    catalog : CATALOG of the batch's pool file
    roots : folders that its SOURCE may lie in, see `desi.source_path`
    """
    kept, fibermaps, arms = [], [], {arm: [] for arm in desi.ARMS}
    wavelength: dict[str, np.ndarray] = {}
    for source in np.unique(catalog["SOURCE"]):
        here = np.flatnonzero((catalog["SOURCE"] == source) & (catalog["ROW"] >= 0))
        path = desi.source_path(str(source), roots)
        if path is None or not len(here):
            continue
        rows = catalog["ROW"][here]
        try:
            with fitsio.FITS(str(path)) as fits:
                for arm in desi.ARMS:
                    wave = fits[f"{arm}_WAVELENGTH"].read()
                    if not np.array_equal(wavelength.setdefault(arm, wave), wave):
                        raise InputError(path, f"has another {arm} grid", "give DESI coadds")
                    read = [fits[f"{arm}_{name}"].read()[rows] for name in ("FLUX", "IVAR")]
                    arms[arm].append(read)
                tables = [catalog[here]]
                if "FIBERMAP" in fits:
                    tables.insert(0, fits["FIBERMAP"].read()[rows])
                    if not np.array_equal(tables[0]["TARGETID"], catalog["TARGETID"][here]):
                        raise InputError(
                            path, "holds other targets by now", "extract the pool again"
                        )
        except (OSError, IndexError) as error:
            raise InputError(path, f"cannot be read ({error})", "fetch it again") from error
        kept.append(here)
        fibermaps.append(_fibermap(tables))
    if not kept:
        raise InputError(
            ", ".join(map(str, roots)), "holds no coadd of this batch", "check the roots"
        )
    # In the order of the batch.
    order = np.argsort(np.concatenate(kept), kind="stable")
    fibermap = np.concatenate(fibermaps)[order]
    folder = Path(folder)
    with files.fits_file(folder / "spectra.fits") as fits:
        fits.write(None)
        fits.write(fibermap, extname="FIBERMAP")
        for arm, parts in arms.items():
            flux, ivar = (np.concatenate([part[k] for part in parts])[order] for k in (0, 1))
            fits.write(wavelength[arm], extname=f"{arm}_WAVELENGTH")
            fits.write(np.asarray(flux, "f4"), extname=f"{arm}_FLUX")
            fits.write(np.asarray(ivar, "f4"), extname=f"{arm}_IVAR")
            fits.write(np.zeros(flux.shape, "i4"), extname=f"{arm}_MASK")
    files.write_text(
        folder / "targets.txt", "".join(f"{targetid}\n" for targetid in fibermap["TARGETID"])
    )
    return len(fibermap)


def _fibermap(tables: list[np.ndarray]) -> np.ndarray:
    """Return `FIBERMAP` filled from tables of the same rows; the last that knows it counts."""
    rows = np.zeros(len(tables[0]), dtype=list(FIBERMAP.items()))
    for table in tables:
        for name in set(FIBERMAP) & set(table.dtype.names):
            rows[name] = table[name]
    return rows
