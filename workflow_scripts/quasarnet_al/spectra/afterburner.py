"""The table of DESI's QuasarNET afterburner, `qso_qn-*.fits`, for programs that read it.

Columns, types and the order of rows are those of desispec's `scripts/qsoqn.py`, run for all
targets; `validredshifts.py` and `scripts/zcatalog.py` read the table there, and ask for the rows of
the redrock file, in its order.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from quasarnet_al.core.files import InputError
from quasarnet_al.spectra import desi
from quasarnet_al.spectra.columns import Column
from quasarnet_al.spectra.grid import LINES
from quasarnet_al.spectra.tables import check_columns, locate

#: The name of the table.
EXTENSION = "QN_RR"
#: Columns with the targeting bits, of which the first that has any is the survey's (desitarget).
BITS = ("CMX_TARGET", *reversed(desi.TARGET_COLUMNS))
#: Of a second run of redrock, which the afterburner starts for some quasars: none was made here.
NOT_RUN: Mapping[str, tuple[str, object]] = {
    "Z_NEW": ("f8", np.nan),
    "ZERR_NEW": ("f4", np.nan),
    "ZWARN_NEW": ("i8", 0),
    "SPECTYPE_NEW": ("S3", b""),
    "SUBTYPE_NEW": ("S3", b""),
    "CHI2_NEW": ("f4", np.nan),
    "DELTACHI2_NEW": ("f4", np.nan),
    "COEFF_NEW": ("(10,)f4", np.nan),
}


def columns(
    coadd: str | Path, rows: np.ndarray, c: np.ndarray, z: np.ndarray, z_qn: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the afterburner's columns for a coadd, a row per row of the redrock file beside it.

    Parameters
    ----------
    rows : of the coadd, that were classified (n,); the others have NaN
    c, z : confidence and redshift of each line of `grid.LINES`, (n, 6)
    z_qn : redshift of the most confident line, (n,)

    Raises
    ------
    InputError where there is no redrock file, or where it is not of this coadd
    """
    coadd = Path(coadd)
    path = desi.redrock_of(coadd)
    if path is None:
        raise InputError(
            coadd, "has no redrock file beside it", "fetch it, or leave --format afterburner out"
        )
    redshifts = _read(
        path, "REDSHIFTS", TARGETID=Column("i8"), Z=Column("f8"), SPECTYPE=Column("U6")
    )
    places = {name: Column("f8") for name in ("TARGET_RA", "TARGET_DEC")}
    fibermap = _read(coadd, "FIBERMAP", TARGETID=Column("i8"), **places)
    place, found = locate(fibermap["TARGETID"], redshifts["TARGETID"])
    if not found.all():
        raise InputError(path, f"has targets that {coadd} has not", "fetch both again")
    bits = [name for name in BITS if name in (fibermap.dtype.names or ())]
    if not bits:
        raise InputError(coadd, "FIBERMAP has no DESI_TARGET", "give a coadd of a production")
    bits = [name for name in bits if fibermap[name].any()] or bits[-1:]

    def of_all(values: np.ndarray) -> np.ndarray:
        result = np.full(len(fibermap), np.nan, np.float32)
        result[rows] = values
        return result[place]

    return {
        "TARGETID": redshifts["TARGETID"],
        "RA": fibermap["TARGET_RA"][place].astype("f8"),
        "DEC": fibermap["TARGET_DEC"][place].astype("f8"),
        bits[0]: fibermap[bits[0]][place].astype("i8"),
        "SPECTYPE_RR": redshifts["SPECTYPE"].astype("S6"),
        "Z_RR": redshifts["Z"].astype("f8"),
        "IS_QSO_QN_NEW_RR": np.zeros(len(redshifts), bool),
        "Z_QN": of_all(z_qn),
        **{f"C_{name}": of_all(c[:, k]) for k, name in enumerate(LINES)},
        **{f"Z_{name}": of_all(z[:, k]) for k, name in enumerate(LINES)},
        **{name: np.full(len(redshifts), value, kind) for name, (kind, value) in NOT_RUN.items()},
    }


def _read(path: Path, name: str, **needed: Column) -> np.ndarray:
    """Return a table of a production's file, whose `needed` columns are there."""
    try:
        return check_columns(desi.read_hdu(path, name), needed)
    except ValueError as error:
        raise InputError(path, f"{name}: {error}", "fetch it again") from error
