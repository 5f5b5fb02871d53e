"""The pool: normalised spectra and who they are, in one FITS file.

A labelled set is a pool file with one more table, `LABELS`.
"""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import fitsio
import numpy as np

from quasarnet_al import tables
from quasarnet_al.files import InputError, provenance, replacing
from quasarnet_al.grid import DIGIT, GRIDS, Grid

#: Columns of CATALOG, with their defaults where a survey does not tell.
CATALOG = {
    "TARGETID": ("i8", -1, "survey's identifier of the object"),
    "TILEID": ("i4", -1, "DESI tile, or SDSS plate"),
    "PETAL_LOC": ("i2", -1, "petal 0-9"),
    "FIBER": ("i4", -1, "fibre number"),
    "TARGET_RA": ("f8", np.nan, "right ascension"),
    "TARGET_DEC": ("f8", np.nan, "declination"),
    "FLUX_G": ("f4", np.nan, "imaging flux"),
    "FLUX_R": ("f4", np.nan, "imaging flux"),
    "FLUX_Z": ("f4", np.nan, "imaging flux"),
    "Z": ("f8", np.nan, "the survey pipeline's redshift"),
    "ZWARN": ("i8", -1, "the survey pipeline's warning bits"),
    "SPECTYPE": ("U6", "", "the survey pipeline's class"),
    "SNR": ("f4", np.nan, "median flux / error per grid pixel"),
    "ARMS": ("i2", 0, "bits 0, 1, 2: the B, R, Z arm has weight"),
    "ROW": ("i4", -1, "row in SOURCE"),
}
LABELS = {
    "TARGETID": ("i8", -1, "as in CATALOG"),
    "SPECTYPE": ("U6", "", "QSO, GALAXY or STAR"),
    "Z": ("f8", np.nan, "redshift"),
    "BAL": ("i2", -1, "broad absorption: 1 yes, 0 no, -1 not looked at"),
    "WEIGHT": ("f4", 1, "weight in training"),
    "OBJECT": ("i8", -1, "one number for all spectra of an object"),
}
#: Every arm has weight.
ALL_ARMS = 0b111


def table(columns: dict, rows: int, **strings: str) -> np.ndarray:
    """Return a structured array of `rows` defaults; `strings` adds columns, name=dtype."""
    dtype = [(name, kind) for name, (kind, _, _) in columns.items()] + list(strings.items())
    result = np.zeros(rows, dtype=dtype)
    for name, (_, default, _) in columns.items():
        result[name] = default
    return result


def catalog(rows: int, source: str | list[str] = "") -> np.ndarray:
    """Return a CATALOG of `rows` rows, SOURCE set, the rest unknown."""
    source = np.broadcast_to(np.asarray(source, dtype="U"), (rows,))
    # FITS cannot hold a string column of width zero.
    width = max(1, source.dtype.itemsize // 4)
    result = table(CATALOG, rows, SOURCE=f"U{width}")
    result["SOURCE"] = source
    return result


def labels(rows: int, origin: str) -> np.ndarray:
    """Return a LABELS table of `rows` rows whose ORIGIN says where they come from."""
    result = table(LABELS, rows, ORIGIN=f"U{max(1, len(origin))}")
    result["ORIGIN"] = origin
    return result


def stack(tables: list[np.ndarray]) -> np.ndarray:
    """Concatenate tables of the same columns whose strings may differ in width."""
    tables = [np.asarray(t) for t in tables]
    dtype = []
    for name in tables[0].dtype.names:
        kinds = [t.dtype[name] for t in tables]
        dtype.append((name, max(kinds, key=lambda kind: kind.itemsize)))
    return np.concatenate([t.astype(dtype) for t in tables])


def write(
    path: str | Path,
    spectra: np.ndarray,
    catalog: np.ndarray,
    grid: Grid,
    labels: np.ndarray | None = None,
    dropped: dict[str, int] | None = None,
) -> None:
    """Write a pool file, or a labelled set where `labels` is given.

    Parameters
    ----------
    spectra : float32 (n, p)
    catalog, labels : structured arrays of n rows
    dropped : how many spectra were left out, by reason; kept in the header
    """
    header = [
        {"name": "GRID", "value": grid.kind, "comment": "pixels equal in log10 or in wavelength"},
        {"name": "STEP", "value": grid.step, "comment": "pixel width, dex or Angstrom"},
        {"name": "DROPPED", "value": json.dumps(dropped or {}), "comment": "left out, by reason"},
    ]
    header += tables.cards(provenance())
    with replacing(path) as temporary, fitsio.FITS(temporary, "rw", clobber=True) as fits:
        if len(spectra):
            fits.write(np.ascontiguousarray(spectra, np.float32), extname="SPECTRA", header=header)
        else:
            fits.create_image_hdu(dims=[0, spectra.shape[1]], dtype="f4", extname="SPECTRA")
            fits["SPECTRA"].write_keys(header)
        _write_table(fits, "CATALOG", catalog, CATALOG)
        if labels is not None:
            _write_table(fits, "LABELS", labels, LABELS)


def _write_table(fits: fitsio.FITS, name: str, rows: np.ndarray, columns: dict) -> None:
    fits.write(rows, extname=name)
    told = {column: comment for column, (*_, comment) in columns.items()}
    told |= {"SOURCE": "file it was read from", "ORIGIN": "where the label comes from"}
    tables.describe(fits[name], rows.dtype.names, told)


def read(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the spectra, float32 (n, p), and the catalogue of a pool file."""
    spectra, catalog, _, _ = _read(path)
    return spectra, catalog


def read_labelled(path: str | Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the spectra, the catalogue and the labels of a labelled set."""
    spectra, catalog, labels, _ = _read(path)
    if labels is None:
        raise InputError(path, "has no LABELS table", "give a labelled set, not a pool file")
    return spectra, catalog, labels


def read_grid(*paths: str | Path) -> Grid:
    """Return the grid of pool files; raise `InputError` where they differ in it."""
    first = None
    for path in paths:
        with _opened(path) as fits:
            grid = _grid(path, fits)
        first = first or grid
        if grid != first:
            raise InputError(
                path, f"is on another grid than {paths[0]}", "extract one of them again"
            )
    return first


def read_catalog(path: str | Path) -> np.ndarray:
    """Return the catalogue alone."""
    return _read(path, spectra=False)[1]


@contextlib.contextmanager
def _opened(path: str | Path) -> Iterator[fitsio.FITS]:
    """Yield a pool file; what cannot be read of it inside is the file's fault."""
    try:
        with fitsio.FITS(str(path)) as fits:
            yield fits
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(
            path, f"is not a pool file ({error})", "make it with extract_spectra.py"
        ) from error


def _grid(path: str | Path, fits: fitsio.FITS) -> Grid:
    kind = str(fits["SPECTRA"].read_header().get("GRID", "")).strip()
    grid, (_, pixels) = (GRIDS | {DIGIT.kind: DIGIT}).get(kind), fits["SPECTRA"].get_dims()
    if grid is None or grid.size != pixels:
        raise InputError(
            path, f"has {pixels} pixels on an unknown grid", "make it with extract_spectra.py"
        )
    return grid


def _read(path: str | Path, spectra: bool = True) -> tuple:
    with _opened(path) as fits:
        grid = _grid(path, fits)
        rows, pixels = fits["SPECTRA"].get_dims()
        image = None
        if spectra:
            image = np.zeros((0, pixels), np.float32)
            if rows:
                image = fits["SPECTRA"].read().astype(np.float32, copy=False)
        catalog = check_columns(fits["CATALOG"].read(), CATALOG, "SOURCE")
        labels = None
        if "LABELS" in fits:
            labels = check_columns(fits["LABELS"].read(), LABELS, "ORIGIN")
    if len(catalog) != rows or (labels is not None and len(labels) != rows):
        raise InputError(path, "has tables that differ in length", "make it again")
    if image is not None and not np.isfinite(image).all():
        raise InputError(path, "has spectra that are not finite", "extract it again")
    fault = "" if labels is None else _fault_of_labels(labels, catalog)
    if fault:
        raise InputError(path, f"LABELS {fault}", "make it again")
    return image, catalog, labels, grid


def _fault_of_labels(labels: np.ndarray, catalog: np.ndarray) -> str:
    """Say what cannot be learned from: a network takes whatever it is given."""
    quasars = labels["Z"][labels["SPECTYPE"] == "QSO"]
    if (labels["TARGETID"] != catalog["TARGETID"]).any():
        return "has other targets than CATALOG"
    if not (np.isfinite(quasars) & (quasars > -1)).all():
        return "has a quasar whose Z is no redshift"
    if not np.isin(labels["BAL"], (-1, 0, 1)).all():
        return "has a BAL that is not 1, 0 or -1"
    if not (np.isfinite(labels["WEIGHT"]) & (labels["WEIGHT"] >= 0)).all():
        return "has a WEIGHT that is negative or not finite"
    return ""


def check_columns(rows: np.ndarray, columns: dict, *strings: str) -> np.ndarray:
    """Return a FITS table in the machine's byte order, as pandas and BLAS want it.

    Raises ValueError where one of the columns (as in `CATALOG`), or of those of text, is
    absent or of another kind.
    """
    kinds = {name: np.dtype(kind).kind for name, (kind, *_) in columns.items()}
    names = () if rows is None else rows.dtype.names or ()
    for name, kind in (kinds | dict.fromkeys(strings, "U")).items():
        if name not in names:
            raise ValueError(f"it has no column {name}")
        if rows.dtype[name].kind not in {"i": "iu", "f": "fiu", "U": "US"}[kind]:
            raise ValueError(f"its column {name} is of the wrong kind")
    return _native(rows)


def _native(rows: np.ndarray) -> np.ndarray:
    rows = rows.astype(rows.dtype.newbyteorder("="))
    for name in rows.dtype.names:
        if rows.dtype[name].kind == "U":
            rows[name] = np.char.rstrip(rows[name])
    return rows
