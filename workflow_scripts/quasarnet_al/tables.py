"""Small tables: lists of TARGETIDs from any of our files, FITS tables with provenance."""

import csv
from collections.abc import Iterable
from pathlib import Path

import fitsio
import numpy as np

from quasarnet_al import pool
from quasarnet_al.files import InputError, provenance, replacing

#: Spectra that nobody looked at may be asked for again.
NOT_INSPECTED = "not inspected"


def write_fits(path: str | Path, extension: str, columns: dict[str, np.ndarray]) -> None:
    """Write one table with its provenance in the header."""
    header = [{"name": f"HIERARCH {key}", "value": value} for key, value in provenance().items()]
    with replacing(path) as temporary, fitsio.FITS(temporary, "rw", clobber=True) as fits:
        names = list(columns)
        fits.write([columns[n] for n in names], names=names, extname=extension, header=header)


def read_targetids(paths: Iterable[str | Path]) -> np.ndarray:
    """Return the TARGETIDs, int64, of pool files, of CSVs, and of lists of numbers.

    In a CSV the column is TARGETID; rows whose STATUS says that nobody looked are left
    out. A list has one number a line.
    """
    found = [np.zeros(0, np.int64)]
    for path in paths:
        if ".fits" in Path(path).name:
            found.append(pool.read_catalog(path)["TARGETID"])
        else:
            found.append(np.array(_read_text(path), dtype=np.int64))
    return np.unique(np.concatenate(found))


def _read_text(path: str | Path) -> list[int]:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read ({error})", "check the path") from error
    header = text.split("\n", 1)[0]
    if "TARGETID" in header:
        rows = csv.DictReader(text.splitlines())
        values = [row["TARGETID"] for row in rows if row.get("STATUS") != NOT_INSPECTED]
    else:
        values = [line for line in text.split() if line]
    try:
        return [int(value) for value in values]
    except ValueError as error:
        raise InputError(
            path, f"has a TARGETID that is no whole number ({error})", "write it as plain digits"
        ) from error
