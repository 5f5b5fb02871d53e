"""BOSS and eBOSS spectra: single `spec-*.fits` files, and the training pair of QuasarNET."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import fitsio
import numpy as np

from quasarnet_al.core.files import InputError
from quasarnet_al.spectra import pool, rebin
from quasarnet_al.spectra.columns import SPECTYPES
from quasarnet_al.spectra.desi import Extraction
from quasarnet_al.spectra.grid import LOG, Grid
from quasarnet_al.spectra.tables import check_columns, stack

#: Columns that count in the tables of a spec file: its pixels, and its one row.
PIXELS = dict.fromkeys(("FLUX", "IVAR", "LOGLAM"), ("f4",))
ROW = dict.fromkeys(("PLATE", "MJD", "FIBERID", "THING_ID", "ZWARNING"), ("i4",))
ROW |= dict.fromkeys(("PLUG_RA", "PLUG_DEC", "Z"), ("f8",))


def targetid(plate: np.ndarray, mjd: np.ndarray, fiber: np.ndarray) -> np.ndarray:
    """Return plate x 10^9 + MJD x 10^4 + fibre, int64.

    One number a spectrum that a person can read back (3655 55240 0002 becomes
    3655552400002). It lies below 2^44; DESI's own identifiers of targets with a
    release number lie above (desitarget).
    """
    plate, mjd, fiber = (np.asarray(value, np.int64) for value in (plate, mjd, fiber))
    return plate * 10**9 + mjd * 10**4 + fiber


def extract_spec(paths: Sequence[str | Path], grid: Grid) -> tuple[Extraction, np.ndarray]:
    """Read `spec-PLATE-MJD-FIBER.fits` files; return the spectra and their labels.

    Class and redshift are the SDSS pipeline's (HDU 2). A spectrum with ZWARNING is left
    out of the set: nobody vouches for its label. Whether a quasar has a broad absorption
    line is not in these files: unknown.
    """
    images, catalogs, labelled, dropped = [], [], [], Counter()
    for path in paths:
        flux, ivar, wavelength, row = _read_spec(Path(path))
        weighted, weight = rebin.rebin(flux[None], ivar[None], wavelength, grid)
        image, snr = rebin.normalise(weighted, weight)
        reason = rebin.defect(image, weight)[0]
        if row["ZWARNING"] != 0:
            reason = "redshift warning"
        if reason:
            dropped[str(reason)] += 1
            continue
        images.append(image)
        entry = pool.catalog(1, Path(path).name)
        entry["TARGETID"] = targetid(row["PLATE"], row["MJD"], row["FIBERID"])
        entry["TILEID"], entry["FIBER"], entry["SNR"] = row["PLATE"], row["FIBERID"], snr
        entry["TARGET_RA"], entry["TARGET_DEC"] = row["PLUG_RA"], row["PLUG_DEC"]
        entry["Z"], entry["ZWARN"] = row["Z"], row["ZWARNING"]
        spectype = str(row["CLASS"]).strip()
        entry["SPECTYPE"] = spectype
        # One spectrograph arm pair covers the grid: no arm is missing.
        entry["ARMS"], entry["ROW"] = pool.ALL_ARMS, 0
        catalogs.append(entry)
        label = pool.labels(1, "boss")
        label["TARGETID"], label["SPECTYPE"], label["Z"] = entry["TARGETID"], spectype, row["Z"]
        label["BAL"] = -1 if spectype == "QSO" else 0
        # SDSS counts an object's spectra by exposure; THING_ID is the object.
        label["OBJECT"] = row["THING_ID"] if row["THING_ID"] > 0 else entry["TARGETID"][0]
        labelled.append(label)
    if not images:
        return Extraction(np.zeros((0, grid.size), np.float32), pool.catalog(0), dropped), (
            pool.labels(0, "boss")
        )
    extraction = Extraction(np.concatenate(images), stack(catalogs), dropped)
    return extraction, stack(labelled)


def _read_spec(path: Path) -> tuple:
    if not path.exists():
        raise InputError(path, "does not exist", "check the path")
    try:
        with fitsio.FITS(str(path)) as fits:
            data = check_columns(fits[1].read(), PIXELS)
            row = check_columns(fits[2].read(), ROW, "CLASS")
        row = {name: row[name][0] for name in (*ROW, "CLASS")}
        flux, ivar = data["FLUX"].astype(np.float32), data["IVAR"].astype(np.float32)
        wavelength = 10 ** data["LOGLAM"].astype(np.float64)
    except (OSError, ValueError, IndexError) as error:
        raise InputError(path, f"is not a spec-*.fits file ({error})", "fetch it again") from error
    if not (np.isfinite(ivar).all() and (ivar >= 0).all() and np.all(np.diff(wavelength) > 0)):
        raise InputError(path, "has a bad IVAR or LOGLAM column", "fetch it again")
    if not len(flux) or not np.isfinite(flux[ivar > 0]).all():
        raise InputError(path, "has no FLUX, or one that is not finite", "fetch it again")
    if row["ZWARNING"] != 0:  # it is left out, whatever it says
        return np.where(ivar > 0, flux, 0), ivar, wavelength, row
    if str(row["CLASS"]).strip() not in SPECTYPES:
        raise InputError(path, f"has the CLASS {row['CLASS']!r}", f"it must be of {SPECTYPES}")
    if not np.isfinite(row["Z"]) or row["Z"] <= -1:
        raise InputError(path, f"has a Z that is no redshift ({row['Z']})", "fetch it again")
    return np.where(ivar > 0, flux, 0), ivar, wavelength, row


def extract_training(data: str | Path, truth: str | Path) -> tuple[Extraction, np.ndarray]:
    """Read QuasarNET's training pair `data_dr12.fits`, `truth_dr12q.fits`.

    The data's HDU 0 holds flux then ivar on the 443-pixel grid, its HDU 1 the TARGETID,
    which is SDSS's THING_ID: the identity of the object, whatever the exposure. Only
    objects whose class and redshift an inspector was sure of (Z_CONF_PERSON 3) count.
    CLASS_PERSON: 1 star, 3 QSO, 4 galaxy, 30 BAL QSO. A quasar's broad absorption is
    known where flag and balnicity agree: BAL_FLAG_VI 1 with BI_CIV > 0 is one, 0 with
    BI_CIV = 0 is none (rules of QuasarNET's `read_data`).
    """
    try:
        with fitsio.FITS(str(data)) as fits:
            image = fits[0].read()
            rows = fits[1].read(columns=["TARGETID", "PLATE", "MJD", "FIBERID"])
        names = ["THING_ID", "Z_VI", "CLASS_PERSON", "Z_CONF_PERSON", "BAL_FLAG_VI", "BI_CIV"]
        table = fitsio.read(str(truth), ext=1, columns=names)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{data}, {truth}", f"are not QuasarNET's training pair ({error})", "check the paths"
        ) from error
    if image.ndim != 2 or image.shape != (len(rows), 2 * LOG.size):
        raise InputError(
            data, f"HDU 0 has shape {image.shape}", f"it must be (n, {2 * LOG.size}): flux, ivar"
        )
    identifier = rows["TARGETID"].astype(np.int64)
    thing_id, first = np.unique(table["THING_ID"].astype(np.int64), return_index=True)
    place = np.searchsorted(thing_id, identifier).clip(max=len(thing_id) - 1)
    known = (thing_id[place] == identifier) & (identifier != -1)
    truth_row = table[first[place]]
    spectype = np.full(len(rows), "", dtype="U6")
    for number, name in ((1, "STAR"), (3, "QSO"), (4, "GALAXY"), (30, "QSO")):
        spectype[truth_row["CLASS_PERSON"] == number] = name

    weight = image[:, LOG.size :]
    spectra_out, snr = rebin.normalise(image[:, : LOG.size] * weight, weight)
    reason = rebin.defect(spectra_out, weight)
    reason[(reason == "") & ~known] = "not in truth"
    reason[(reason == "") & (truth_row["Z_CONF_PERSON"] != 3)] = "unsure label"
    reason[(reason == "") & (spectype == "")] = "unknown class"
    good = reason == ""
    truth_row, spectype = truth_row[good], spectype[good]

    catalog = pool.catalog(int(good.sum()), Path(data).name)
    catalog["TARGETID"], catalog["TILEID"] = identifier[good], rows["PLATE"][good]
    catalog["FIBER"], catalog["SNR"] = rows["FIBERID"][good], snr[good]
    catalog["ARMS"], catalog["ROW"] = pool.ALL_ARMS, np.flatnonzero(good)
    labels = pool.labels(len(catalog), "dr12q")
    labels["TARGETID"] = labels["OBJECT"] = identifier[good]
    labels["SPECTYPE"] = spectype
    labels["Z"] = truth_row["Z_VI"]
    is_bal = (truth_row["BAL_FLAG_VI"] == 1) & (truth_row["BI_CIV"] > 0)
    no_bal = (truth_row["BAL_FLAG_VI"] == 0) & (truth_row["BI_CIV"] == 0)
    labels["BAL"] = np.select([is_bal, no_bal | (spectype != "QSO")], [1, 0], -1)
    dropped = Counter(reason[~good].tolist())
    return Extraction(spectra_out[good], catalog, dropped), labels
