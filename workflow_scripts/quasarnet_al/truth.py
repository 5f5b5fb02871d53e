"""What is known about objects: truth tables of any of the forms that people have."""

from pathlib import Path

import fitsio
import numpy as np
import pandas as pd

from quasarnet_al import pool
from quasarnet_al.files import InputError

#: Labels count when the mean quality of their inspections is at least this
#: (Alexander et al. 2023, section 3).
MIN_QUALITY = 2.5
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
    frame = _read_fits(path) if ".fits" in Path(path).name else _read_csv(path)
    if "TARGETID" not in frame:
        raise InputError(path, "has no column TARGETID", "give a truth table")
    columns = {}
    for name, candidates in _NAMES.items():
        found = [candidate for candidate in candidates if candidate in frame]
        columns[name] = frame[found[0]].to_numpy() if found else None
    if columns["Z"] is None:
        raise InputError(path, "has no redshift column (Z or VI_Z)", "give a truth table")
    result = pd.DataFrame(index=pd.Index(frame["TARGETID"].to_numpy(np.int64), name="TARGETID"))
    spectype = columns["SPECTYPE"]
    if spectype is None:
        spectype = np.full(len(frame), "QSO")
    result["SPECTYPE"] = pd.Series(spectype, result.index).fillna("").astype(str).str.upper()
    result["Z"] = columns["Z"].astype(float)
    default = np.where(result["SPECTYPE"] == "QSO", -1, 0)
    result["BAL"] = default if columns["BAL"] is None else columns["BAL"].astype(int)
    quality = columns["QUALITY"]
    result["QUALITY"] = 4.0 if quality is None else quality.astype(float)
    # The published merge gives unresolved rows quality 999 (see merge in `inspection`).
    result.loc[result["QUALITY"] > 4, "QUALITY"] = np.nan
    return result[~result.index.duplicated()]


def _read_fits(path: str | Path) -> pd.DataFrame:
    try:
        rows = fitsio.read(str(path), ext=1)
        return pd.DataFrame(
            {
                name: rows[name].astype(rows[name].dtype.newbyteorder("="))
                for name in rows.dtype.names
                if rows[name].ndim == 1
            }
        )
    except (OSError, ValueError) as error:
        raise InputError(path, f"is not a FITS table ({error})", "check the path") from error


def _read_csv(path: str | Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, dtype={"TARGETID": np.int64})
    except (OSError, ValueError) as error:
        raise InputError(path, f"is not a truth table ({error})", "check the path") from error


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
    accepted &= row["SPECTYPE"].isin(["QSO", "GALAXY", "STAR"]).to_numpy()
    accepted &= np.isfinite(row["Z"].to_numpy())
    row = row[accepted]
    labels = pool.labels(len(row), origin)
    labels["TARGETID"] = catalog["TARGETID"][accepted]
    labels["SPECTYPE"], labels["Z"] = row["SPECTYPE"].to_numpy(), row["Z"].to_numpy()
    labels["BAL"] = row["BAL"].to_numpy()
    dropped = {"not in truth": int((~known).sum()), "unsure label": int((known & ~accepted).sum())}
    return spectra[accepted], catalog[accepted], labels, {k: v for k, v in dropped.items() if v}
