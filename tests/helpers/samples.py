"""Small files of the exact shape of real ones, for tests."""

from pathlib import Path

import fitsio
import numpy as np

from quasarnet_al.spectra.grid import LOG

WAVELENGTH = {
    "B": np.round(3600 + 0.8 * np.arange(2751), 1),
    "R": np.round(5760 + 0.8 * np.arange(2326), 1),
    "Z": np.round(7520 + 0.8 * np.arange(2881), 1),
}
#: Like real ones, above 2^53: a double would change it.
FIRST_TARGET = 39627634556011093


def fibermap(rows: int) -> np.ndarray:
    """A FIBERMAP of quasar targets on good fibres."""
    names = [("TARGETID", "i8"), ("TARGET_RA", "f8"), ("TARGET_DEC", "f8"), ("OBJTYPE", "U3")]
    names += [("DESI_TARGET", "i8"), ("COADD_FIBERSTATUS", "i4"), ("FIBER", "i4")]
    names += [("TILEID", "i4"), ("PETAL_LOC", "i2"), ("FLUX_R", "f4")]
    table = np.zeros(rows, dtype=names)
    table["TARGETID"] = FIRST_TARGET + np.arange(rows)
    table["TARGET_RA"], table["TARGET_DEC"] = 180.5 + np.arange(rows) / 100, 1.25
    table["OBJTYPE"], table["DESI_TARGET"], table["TILEID"] = "TGT", 4, 1001
    table["FIBER"] = np.arange(rows)
    return table


def arms(rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Flux, ivar and wavelength of each arm: noise on a slope."""
    rng = np.random.default_rng(seed)
    hdus = {}
    for arm, wavelength in WAVELENGTH.items():
        shape = (rows, len(wavelength))
        ivar = rng.uniform(0.5, 2, shape).astype("f4")
        flux = 5 - wavelength / 3000 + rng.normal(size=shape) / np.sqrt(ivar)
        hdus |= {f"{arm}_WAVELENGTH": wavelength, f"{arm}_FLUX": flux.astype("f4")}
        hdus[f"{arm}_IVAR"] = ivar
    return hdus


def join(hdus: dict[str, np.ndarray], cameras: str = "BRZ") -> dict[str, np.ndarray]:
    """Join cameras as desispec's `coadd_cameras` does.

    Pixels of one camera are copied, those of two are averaged by ivar.
    """
    grids = [np.round(hdus[f"{camera}_WAVELENGTH"], 1) for camera in cameras]
    wavelength = np.unique(np.concatenate(grids))
    shape = (len(hdus[f"{cameras[0]}_FLUX"]), len(wavelength))
    flux, weighted, ivar, count = *np.zeros((3, *shape)), np.zeros(shape[1], int)
    for camera, grid in zip(cameras, grids, strict=True):
        here = np.searchsorted(wavelength, grid)
        flux[:, here] = hdus[f"{camera}_FLUX"]
        weighted[:, here] += hdus[f"{camera}_IVAR"] * flux[:, here]
        ivar[:, here] += hdus[f"{camera}_IVAR"]
        count[here] += 1
    flux = np.where(count > 1, weighted / np.where(ivar > 0, ivar, 1), flux)
    arrays = {"WAVELENGTH": wavelength, "FLUX": flux.astype("f4"), "IVAR": ivar.astype("f4")}
    return {f"{cameras}_{name}": array for name, array in arrays.items()}


def write_coadd(path: Path, rows: int = 6, table: np.ndarray | None = None, **hdus) -> Path:
    """Write a coadd; `hdus` replace arrays, or leave an HDU out where None."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"FIBERMAP": fibermap(rows) if table is None else table} | arms(rows) | hdus
    with fitsio.FITS(str(path), "rw", clobber=True) as fits:
        fits.write(np.zeros(1), extname="PRIMARY")
        for name, data in content.items():
            if data is not None:
                fits.write(data, extname=name)
    return path


def write_redrock(path: Path, targetid: np.ndarray) -> Path:
    """Write a redrock file, its rows in another order than the coadd's."""
    names = [("TARGETID", "i8"), ("Z", "f8"), ("ZWARN", "i8"), ("SPECTYPE", "U6")]
    table = np.zeros(len(targetid), dtype=names)
    table["TARGETID"] = targetid[::-1]
    table["Z"] = np.arange(len(targetid))[::-1] / 10
    table["SPECTYPE"] = "GALAXY"
    with fitsio.FITS(str(path), "rw", clobber=True) as fits:
        fits.write(table, extname="REDSHIFTS")
    return path


def write_spec(path: Path) -> Path:
    """Write a BOSS spectrum: noise on a slope, called a quasar."""
    rng = np.random.default_rng(4)
    pixels = np.zeros(4600, [("FLUX", "f4"), ("LOGLAM", "f4"), ("IVAR", "f4")])
    pixels["LOGLAM"] = 3.5535 + 1e-4 * np.arange(4600)
    pixels["IVAR"] = 1
    pixels["FLUX"] = 9 - pixels["LOGLAM"] + rng.normal(size=4600)
    names = [("PLATE", "i4"), ("MJD", "i4"), ("FIBERID", "i4"), ("THING_ID", "i4")]
    names += [("PLUG_RA", "f8"), ("PLUG_DEC", "f8"), ("CLASS", "U6"), ("Z", "f4")]
    row = np.zeros(1, [*names, ("ZWARNING", "i4")])
    row["PLATE"], row["MJD"], row["FIBERID"], row["THING_ID"] = 3655, 55240, 2, 77
    row["CLASS"], row["Z"] = "QSO", 2.5
    with fitsio.FITS(str(path), "rw", clobber=True) as fits:
        fits.write(np.zeros(1), extname="PRIMARY")
        fits.write(pixels, extname="COADD")
        fits.write(row, extname="SPECOBJ")
    return path


def write_training_pair(folder: Path) -> tuple[Path, Path]:
    """Write data_dr12.fits and truth_dr12q.fits: ten spectra of every kind of label."""
    rng = np.random.default_rng(3)
    # THING_ID, Z_VI, CLASS_PERSON, Z_CONF_PERSON, BAL_FLAG_VI, BI_CIV
    truth = [
        (11, 2.5, 3, 3, 0, 0.0),  # quasar without BAL
        (12, 2.6, 30, 3, 1, 900.0),  # with
        (13, 2.7, 3, 3, 1, 0.0),  # flag and balnicity disagree: unknown
        (14, 0.0, 1, 3, 0, 0.0),  # star
        (15, 0.5, 4, 3, 0, 0.0),  # galaxy
        (16, 2.8, 3, 2, 0, 0.0),  # not sure
        (17, 2.4, 3, 3, 0, 0.0),  # two rows that differ
        (17, 0.0, 1, 3, 0, 0.0),
        (18, -1.0, 3, 3, 0, 0.0),  # no redshift
        (-1, 3.0, 3, 3, 0, 0.0),  # no object
    ]
    names = ["THING_ID", "Z_VI", "CLASS_PERSON", "Z_CONF_PERSON", "BAL_FLAG_VI", "BI_CIV"]
    columns = [np.array(column) for column in zip(*truth, strict=True)]
    data, table = folder / "data_dr12.fits", folder / "truth_dr12q.fits"
    with fitsio.FITS(str(table), "rw", clobber=True) as fits:
        fits.write(columns, names=names)
    rows = np.zeros(
        10, dtype=[("TARGETID", "i8"), ("PLATE", "i4"), ("MJD", "i4"), ("FIBERID", "i4")]
    )
    rows["TARGETID"] = [11, 12, 13, 14, 15, 16, 99, -1, 17, 18]  # 99 is not in the truth
    image = np.hstack([rng.normal(2, 1, (10, LOG.size)), np.ones((10, LOG.size))])
    with fitsio.FITS(str(data), "rw", clobber=True) as fits:
        fits.write(image)
        fits.write(rows)
    return data, table
