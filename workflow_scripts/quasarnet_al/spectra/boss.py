"""SDSS spectra: single `spec-*.fits` files of any release, and the training pair of QuasarNET."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import fitsio
import numpy as np
from numpy.typing import ArrayLike

from quasarnet_al.core.files import InputError
from quasarnet_al.spectra import hdus, pool, rebin
from quasarnet_al.spectra.columns import SPECTYPES, impossible
from quasarnet_al.spectra.extraction import BROKEN, Extraction, each, silently
from quasarnet_al.spectra.grid import LOG, Grid
from quasarnet_al.spectra.tables import whole_number

#: Columns of a spec file's second table, by our name of them: the names of the releases, the
#: first that is there counts. Names have no case: DR8 to DR15 write small letters, DR17 capitals.
#: SDSS-V has fields of a robot for plates, and the identifier of a target for a fibre (data
#: models SPECTRO_REDUX and BOSS_SPECTRO_REDUX of data.sdss.org).
ROW = {
    "PLATE": ("PLATE", "FIELD"),
    "MJD": ("MJD",),
    "FIBERID": ("FIBERID",),
    "CATALOGID": ("CATALOGID",),
    "OBJECT": ("THING_ID", "SDSS_ID"),
    "RA": ("PLUG_RA", "FIBER_RA", "RACAT", "RA"),
    "DEC": ("PLUG_DEC", "FIBER_DEC", "DECCAT", "DEC"),
    "CLASS": ("CLASS",),
    "Z": ("Z",),
    "ZWARNING": ("ZWARNING",),
}
#: Those that are whole numbers.
WHOLE = ("PLATE", "MJD", "FIBERID", "OBJECT", "ZWARNING")
#: Those that some release lacks: DR8 has no THING_ID, SDSS-V no FIBERID.
OPTIONAL = ("FIBERID", "CATALOGID", "OBJECT", "RA", "DEC")


#: TARGETIDs of `targetid` lie below; DESI's own ones of targets with a release number lie above
#: (desitarget).
LARGEST = 2**44


def targetid(plate: ArrayLike, mjd: ArrayLike, fiber: ArrayLike) -> np.ndarray:
    """Return plate x 10^9 + MJD x 10^4 + fibre, int64.

    One number per spectrum that a person can read back (3655 55240 0002 becomes
    3655552400002). It lies below `LARGEST`.
    """
    numbers = [np.asarray(value, np.int64) for value in (plate, mjd, fiber)]
    return numbers[0] * 10**9 + numbers[1] * 10**4 + numbers[2]


@dataclass
class _Spec:
    """One spectrum, not yet normalised, and what the pipeline says of it."""

    weighted: np.ndarray
    weight: np.ndarray
    row: dict


def extract_spec(
    paths: Sequence[str | Path],
    grid: Grid,
    broken: float = 0.0,
    pipeline: bool = True,
    tell: Callable[..., Iterable] = silently,
) -> tuple[Extraction, np.ndarray]:
    """Read `spec-*.fits` files of SDSS; return the spectra and their labels.

    Class and redshift are the SDSS pipeline's (HDU 2). A spectrum with ZWARNING is left
    out of the set: nobody vouches for its label. Whether a quasar has a broad absorption
    line is not in these files: unknown. The TARGETID is made of plate, MJD and fibre, see
    `targetid`; for SDSS-V it is the CATALOGID.

    Parameters
    ----------
    broken : largest fraction of the files that may be broken
    pipeline : whether the labels are wanted; without, ZWARNING leaves nothing out

    Raises
    ------
    InputError where more files are broken
    """
    specs, faults = each(partial(_read_spec, grid=grid), paths, broken, tell=tell)
    weighted = np.array([spec.weighted for spec in specs]).reshape(-1, grid.size)
    weight = np.array([spec.weight for spec in specs]).reshape(-1, grid.size)
    images, snr = rebin.normalise(weighted, weight)
    reason = rebin.defect(images, weight).astype("U24")
    rows = np.array([tuple(spec.row.values()) for spec in specs], dtype=DTYPE)
    if pipeline:
        reason[impossible(rows["SPECTYPE"], rows["Z"])] = "impossible redshift"
        reason[~np.isin(rows["SPECTYPE"], SPECTYPES)] = "unknown class"
        reason[rows["ZWARN"] != 0] = "redshift warning"
    # SDSS-V gives all that is not in its catalogue one number, -999.
    reason[rows["TARGETID"] <= 0] = "no CATALOGID"
    good = reason == ""
    rows = rows[good]
    catalog = pool.catalog(len(rows), rows["SOURCE"].tolist())
    for name in ("TARGETID", "TILEID", "FIBER", "TARGET_RA", "TARGET_DEC", "Z", "ZWARN"):
        catalog[name] = rows[name]
    catalog["SPECTYPE"], catalog["SNR"] = rows["SPECTYPE"], snr[good]
    catalog["ARMS"], catalog["ROW"] = rebin.arms(weight, grid)[good], 0
    labels = pool.labels(len(rows), "boss")
    for name in ("TARGETID", "SPECTYPE", "Z", "OBJECT"):
        labels[name] = rows[name]
    labels["BAL"] = np.where(labels["SPECTYPE"] == "QSO", -1, 0)
    dropped = Counter(reason[~good].tolist())
    notes = {BROKEN: faults} if faults else {}
    return Extraction(images[good], catalog, dropped, len(specs), notes), labels


#: What is known of each spectrum, in the order in which `_row` gives it.
DTYPE = [
    ("TARGETID", "i8"),
    ("OBJECT", "i8"),
    ("TILEID", "i8"),
    ("FIBER", "i8"),
    ("TARGET_RA", "f8"),
    ("TARGET_DEC", "f8"),
    ("Z", "f8"),
    ("ZWARN", "i8"),
    # Longer than any class: GALAXY is another than a word that begins so.
    ("SPECTYPE", "U32"),
    ("SOURCE", "U255"),
]


def _read_spec(path: Path, grid: Grid) -> _Spec:
    with hdus.opened(
        path, "a spec-*.fits file", "give one of DR8 or later, or fetch it again"
    ) as fits:
        if len(fits) < 3:
            raise ValueError("it has fewer than two tables")
        names = {name.upper(): name for name in fits[1].get_colnames()}
        wanted = ("FLUX", "IVAR", "LOGLAM")
        missing = [name for name in wanted if name not in names]
        if missing:
            raise ValueError(f"it has no column {missing[0]}")
        pixels = {name: fits[1].read_column(names[name]) for name in wanted}
        row = _row(fits[2])
    if not all(column.ndim == 1 and column.dtype.kind == "f" for column in pixels.values()):
        raise InputError(path, "has a FLUX, IVAR or LOGLAM that is not numbers", "fetch it again")
    flux, ivar = (pixels[name].astype(np.float32) for name in ("FLUX", "IVAR"))
    with np.errstate(over="ignore"):
        wavelength = 10 ** pixels["LOGLAM"].astype(np.float64)
    increasing = np.isfinite(wavelength).all() and np.all(np.diff(wavelength) > 0)
    if not (np.isfinite(ivar).all() and (ivar >= 0).all() and increasing):
        raise InputError(path, "has a bad IVAR or LOGLAM column", "fetch it again")
    if not len(flux) or not np.isfinite(flux[ivar > 0]).all():
        raise InputError(path, "has no FLUX, or one that is not finite", "fetch it again")
    flux = np.where(ivar > 0, flux, 0)
    weighted, weight = rebin.rebin(flux[None], ivar[None], wavelength, grid)
    return _Spec(weighted[0], weight[0], row | {"SOURCE": path.name})


def _row(table: fitsio.hdu.TableHDU) -> dict:
    """Return the identifiers and the pipeline's word of a spec file's second table."""
    if table.get_nrows() != 1:
        raise ValueError(f"its second table has {table.get_nrows()} rows, and not one")
    there = {name.upper(): name for name in table.get_colnames()}
    values: dict = {}
    for name, spellings in ROW.items():
        found = next((there[spelling] for spelling in spellings if spelling in there), None)
        if found is not None:
            values[name] = table.read_column(found)[0]
            if (
                name not in ("CATALOGID", "CLASS")
                and np.asarray(values[name]).dtype.kind not in "iuf"
            ):
                raise ValueError(f"its column {found} is not of numbers")
            # Floats that hold one exactly, at most.
            if name in WHOLE and not (values[name] % 1 == 0 and abs(values[name]) < 2**53):
                raise ValueError(f"its column {found} is not a whole number")
        elif name not in OPTIONAL:
            raise ValueError(f"it has no column {' or '.join(spellings)}")
    fiber = int(values.get("FIBERID", -1))
    if "FIBERID" in values:
        identifier = int(targetid(values["PLATE"], values["MJD"], fiber))
    elif "CATALOGID" in values:
        identifier = whole_number(str(values["CATALOGID"]))
    else:
        raise ValueError("it has no column FIBERID or CATALOGID")
    thing = int(values.get("OBJECT", -1))
    spectype = values["CLASS"]
    return {
        "TARGETID": identifier,
        # SDSS counts an object's spectra by exposure; THING_ID, or SDSS_ID, is the object.
        "OBJECT": thing if thing > 0 else identifier,
        "TILEID": int(values["PLATE"]),
        "FIBER": fiber,
        "TARGET_RA": float(values.get("RA", np.nan)),
        "TARGET_DEC": float(values.get("DEC", np.nan)),
        "Z": float(values["Z"]),
        "ZWARN": int(values["ZWARNING"]),
        "SPECTYPE": str(spectype).strip(),
    }


def extract_training(path: str | Path) -> Extraction:
    """Read the spectra of QuasarNET's training pair, `data_dr12.fits`.

    HDU 0 holds flux then ivar on the 443-pixel grid, HDU 1 the TARGETID, which is SDSS's
    THING_ID: the identity of the object, whatever the exposure, -1 where there is none.
    """
    with hdus.opened(path, "QuasarNET's training spectra", "check the path") as fits:
        image = fits[0].read()
        rows = fits[1].read(columns=["TARGETID", "PLATE", "MJD", "FIBERID"])
        if image is None or rows["TARGETID"].dtype.kind not in "iu":
            raise ValueError("it has no image of spectra, or no whole number TARGETID")
    if image.ndim != 2 or image.shape != (len(rows), 2 * LOG.size):
        raise InputError(
            path, f"HDU 0 has shape {image.shape}", f"it must be (n, {2 * LOG.size}): flux, ivar"
        )
    weight = image[:, LOG.size :]
    spectra, snr = rebin.normalise(image[:, : LOG.size] * weight, weight)
    reason = rebin.defect(spectra, weight)
    reason[(reason == "") & (rows["TARGETID"] < 0)] = "no THING_ID"
    good = reason == ""
    rows = rows[good]
    catalog = pool.catalog(len(rows), Path(path).name)
    catalog["TARGETID"], catalog["TILEID"] = rows["TARGETID"], rows["PLATE"]
    catalog["FIBER"], catalog["SNR"] = rows["FIBERID"], snr[good]
    catalog["ARMS"], catalog["ROW"] = rebin.arms(weight, LOG)[good], np.flatnonzero(good)
    return Extraction(spectra[good], catalog, Counter(reason[~good].tolist()), 1)
