"""A batch as prospect opens it: one spectra file and the list of its targets.

prospect (github.com/desihub/prospect) reads what `desispec.io.read_spectra` reads:

    prospect_pages --spectra_files spectra.fits --target_list targets.txt --outputdir pages
"""

from pathlib import Path

import fitsio
import numpy as np

from quasarnet_al import files
from quasarnet_al.files import InputError

ARMS = "BRZ"
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
}


def write(folder: str | Path, catalog: np.ndarray, root: str | Path) -> int:
    """Write `spectra.fits` and `targets.txt` of a batch; return the number of spectra.

    Spectra whose coadd isn't at hand are left out of both.

    Parameters
    ----------
    catalog : CATALOG of the batch's pool file
    root : folder that its SOURCE is relative to
    """
    kept, arms = [], {arm: [] for arm in ARMS}
    wavelength: dict[str, np.ndarray] = {}
    for source in np.unique(catalog["SOURCE"]):
        here = np.flatnonzero((catalog["SOURCE"] == source) & (catalog["ROW"] >= 0))
        path = Path(root, str(source))
        if not str(source) or not path.is_file() or not len(here):
            continue
        rows = catalog["ROW"][here]
        try:
            with fitsio.FITS(str(path)) as fits:
                for arm in ARMS:
                    wave = fits[f"{arm}_WAVELENGTH"].read()
                    if not np.array_equal(wavelength.setdefault(arm, wave), wave):
                        raise InputError(path, f"has another {arm} grid", "give DESI coadds")
                    read = [fits[f"{arm}_{name}"].read()[rows] for name in ("FLUX", "IVAR")]
                    arms[arm].append(read)
        except OSError as error:
            raise InputError(path, f"cannot be read ({error})", "fetch it again") from error
        kept.append(here)
    if not kept:
        raise InputError(root, "holds no coadd of this batch", "check the input root")
    place = np.concatenate(kept)
    # In the order of the batch.
    order = np.argsort(place, kind="stable")
    rows = catalog[place[order]]
    fibermap = np.zeros(len(rows), dtype=list(FIBERMAP.items()))
    for name in FIBERMAP:
        fibermap[name] = rows[name]
    folder = Path(folder)
    with (
        files.replacing(folder / "spectra.fits") as temporary,
        fitsio.FITS(temporary, "rw", clobber=True) as fits,
    ):
        fits.write(None)
        fits.write(fibermap, extname="FIBERMAP")
        for arm, parts in arms.items():
            flux, ivar = (np.concatenate([part[k] for part in parts])[order] for k in (0, 1))
            fits.write(wavelength[arm], extname=f"{arm}_WAVELENGTH")
            fits.write(np.asarray(flux, "f4"), extname=f"{arm}_FLUX")
            fits.write(np.asarray(ivar, "f4"), extname=f"{arm}_IVAR")
            fits.write(np.zeros(flux.shape, "i4"), extname=f"{arm}_MASK")
    files.write_text(
        folder / "targets.txt", "".join(f"{targetid}\n" for targetid in rows["TARGETID"])
    )
    return len(rows)
