"""What is known about objects: truth tables of any of the forms that people have."""

from pathlib import Path

import fitsio
import numpy as np
import pandas as pd

from quasarnet_al.core.files import InputError
from quasarnet_al.spectra import pool
from quasarnet_al.spectra.columns import SPECTYPES
from quasarnet_al.spectra.tables import read_csv

#: Labels count when the mean quality of their inspections is at least this
#: (Alexander et al. 2023, section 3).
MIN_QUALITY = 2.5
#: Redshifts that a label can have: no star is bluer, and Lya leaves the grid at 7.2.
Z_RANGE = (-0.01, 7.2)
REMEDY = "give a table with TARGETID, Z and, for other classes than QSO, SPECTYPE"
#: Column names of the truth tables at hand: ours, the merged DESI VI table's, and those
#: of DESI quasar catalogues.
_NAMES = {
    "SPECTYPE": ("SPECTYPE", "VI_CLASS", "VI_SPECTYPE"),
    "Z": ("Z", "VI_Z", "best_z"),
    "QUALITY": ("QUALITY", "VI_QUALITY"),
    "BAL": ("BAL",),
}


def read(path: str | Path) -> pd.DataFrame:
    """Read a truth table, CSV or FITS.

    Returns
    -------
    DataFrame, one row a TARGETID (int64, the index), with SPECTYPE (QSO, GALAXY, STAR),
    Z, BAL (1, 0, -1 unknown) and QUALITY (4 where the table has none: it is the truth).
    A table without a class, as the quasar catalogues are, holds quasars. Whether a
    quasar has a BAL is known only where a BAL column says so: comments are not read.
    """
    frame = _read_fits(path) if ".fits" in Path(path).name else read_csv(path, (), REMEDY)
    columns = {}
    for name, candidates in _NAMES.items():
        found = [candidate for candidate in candidates if candidate in frame]
        columns[name] = frame[found[0]] if found else None
    if columns["Z"] is None:
        raise InputError(path, "has no redshift column (Z or VI_Z)", REMEDY)
    result = pd.DataFrame({"TARGETID": frame["TARGETID"].to_numpy()})
    spectype, bal, quality = columns["SPECTYPE"], columns["BAL"], columns["QUALITY"]
    result["SPECTYPE"] = "QSO" if spectype is None else spectype.fillna("").astype(str)
    result["SPECTYPE"] = result["SPECTYPE"].str.strip().str.upper()
    try:
        result["Z"] = columns["Z"].astype(float)
        result["QUALITY"] = 4.0 if quality is None else quality.astype(float)
        unknown = pd.Series(np.where(result["SPECTYPE"] == "QSO", -1, 0))
        result["BAL"] = unknown if bal is None else bal.astype(float).fillna(unknown)
    except ValueError as error:
        raise InputError(path, f"has a number that is none ({error})", REMEDY) from error
    if not result["BAL"].isin([-1, 0, 1]).all():
        raise InputError(path, "has a BAL that is not 1, 0 or -1", REMEDY)
    result["BAL"] = result["BAL"].astype(int)
    # The published merge gives unresolved rows quality 999 (see merge in `inspection`).
    result.loc[result["QUALITY"] > 4, "QUALITY"] = np.nan
    # Rows that contradict each other about an object are no label.
    result = result.drop_duplicates()
    result.loc[result["TARGETID"].duplicated(keep=False), "QUALITY"] = np.nan
    return result.drop_duplicates("TARGETID").set_index("TARGETID")


def _read_fits(path: str | Path) -> pd.DataFrame:
    try:
        rows = fitsio.read(str(path), ext=1)
        if rows is None or rows.dtype.names is None or "TARGETID" not in rows.dtype.names:
            raise ValueError("its first extension has no column TARGETID")
        if rows["TARGETID"].dtype.kind != "i":
            raise ValueError("TARGETID is no integer column")
    except (OSError, ValueError) as error:
        raise InputError(path, f"is no truth table ({error})", REMEDY) from error
    return pd.DataFrame(
        {
            name: rows[name].astype(rows[name].dtype.newbyteorder("="))
            for name in rows.dtype.names
            if rows[name].ndim == 1
        }
    )


def label(
    spectra: np.ndarray, catalog: np.ndarray, truth: pd.DataFrame, origin: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, int]]:
    """Join a pool with a truth table; keep the spectra that have an accepted label.

    Returns
    -------
    spectra, catalog, labels of the labelled spectra, and how many were left out by reason
    """
    known = np.isin(catalog["TARGETID"], truth.index)
    row = truth.reindex(catalog["TARGETID"])
    accepted = known & (row["QUALITY"].to_numpy() >= MIN_QUALITY)
    accepted &= row["SPECTYPE"].isin(SPECTYPES).to_numpy()
    accepted &= row["Z"].between(*Z_RANGE).to_numpy()
    row = row[accepted]
    labels = pool.labels(len(row), origin)
    labels["TARGETID"] = labels["OBJECT"] = catalog["TARGETID"][accepted]
    labels["SPECTYPE"], labels["Z"] = row["SPECTYPE"].to_numpy(), row["Z"].to_numpy()
    labels["BAL"] = row["BAL"].to_numpy()
    dropped = {"not in truth": int((~known).sum()), "unsure label": int((known & ~accepted).sum())}
    return spectra[accepted], catalog[accepted], labels, {k: v for k, v in dropped.items() if v}
