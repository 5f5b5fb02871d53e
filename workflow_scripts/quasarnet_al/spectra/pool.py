"""The pool: normalised spectra and who they are, in one FITS file.

A labelled set is a pool file with one more table, `LABELS`.
"""

import json
import os
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

import fitsio
import numpy as np

from quasarnet_al.core.files import InputError, fits_file, provenance
from quasarnet_al.spectra import hdus
from quasarnet_al.spectra.columns import CATALOG, LABELS, SPECTYPES, Z_RANGE, Column
from quasarnet_al.spectra.grid import DIGIT, GRIDS, Grid
from quasarnet_al.spectra.tables import cards, check_columns, describe, table

#: Flux of a normalised spectrum, in units of its rms; damaged bytes exceed it, and networks would
#: overflow.
LARGEST = 1e15
#: Characters that stay as they are in a FITS column of text.
_ASCII = string.printable[:95].replace("%", "")
#: Every arm has weight.
ALL_ARMS = 0b111


def catalog(rows: int, source: str | list[str] = "") -> np.ndarray:
    """Return a CATALOG of `rows` rows, SOURCE set, the rest unknown."""
    sources = np.broadcast_to(np.asarray(source, dtype="U"), (rows,))
    # FITS cannot hold a string column of width zero.
    width = max(1, sources.dtype.itemsize // 4)
    result = table(CATALOG, rows, SOURCE=f"U{width}")
    result["SOURCE"] = sources
    return result


def labels(rows: int, origin: str) -> np.ndarray:
    """Return a LABELS table of `rows` rows whose ORIGIN says where they come from."""
    result = table(LABELS, rows, ORIGIN=f"U{max(1, len(origin))}")
    result["ORIGIN"] = origin
    return result


def need_labels(labels: np.ndarray, source: str, origin: str, left_out: str) -> None:
    """Raise `InputError` where a labelled set has no spectrum with a label.

    Parameters
    ----------
    labels : LABELS of the set
    source, origin : the first of the files that it is made of, and its name
    left_out : what was left out, and why
    """
    if not len(labels):
        raise InputError(
            source,
            f"and what else {origin or 'the labelled set'} is made of give no spectrum with a "
            f"label; left out: {left_out}",
            "add files, or remove the set from labelled",
        )


def write(
    path: str | Path,
    spectra: np.ndarray,
    catalog: np.ndarray,
    grid: Grid,
    labels: np.ndarray | None = None,
    dropped: dict[str, int] | None = None,
    record: dict[str, str] | None = None,
) -> None:
    """Write a pool file, or a labelled set where `labels` is given.

    Parameters
    ----------
    spectra : float32 (n, p)
    catalog, labels : structured arrays of n rows
    dropped : how many spectra were left out, by reason; kept in the header
    record : more about where the spectra and labels come from; kept in the header
    """
    header = [
        {"name": "GRID", "value": grid.kind, "comment": "pixels equal in log10 or in wavelength"},
        {"name": "STEP", "value": grid.step, "comment": "pixel width, dex or Angstrom"},
        {"name": "DROPPED", "value": json.dumps(dropped or {}), "comment": "left out, by reason"},
    ]
    header += cards(provenance(**(record or {})))
    with fits_file(path) as fits:
        if len(spectra):
            fits.write(np.ascontiguousarray(spectra, np.float32), extname="SPECTRA", header=header)
        else:
            fits.create_image_hdu(dims=[0, spectra.shape[1]], dtype="f4", extname="SPECTRA")
            fits["SPECTRA"].write_keys(header)
        _write_table(fits, "CATALOG", catalog, CATALOG)
        if labels is not None:
            _write_table(fits, "LABELS", labels, LABELS)


def _write_table(
    fits: fitsio.FITS, name: str, rows: np.ndarray, columns: Mapping[str, Column]
) -> None:
    for column in ("SOURCE", "ORIGIN"):
        if column in (rows.dtype.names or ()):
            rows = _with_text(rows, column, as_ascii)
    fits.write(rows, extname=name)
    meanings = {name: column.meaning for name, column in columns.items()}
    describe(fits[name], rows.dtype.names or (), meanings)


def as_ascii(text: str) -> str:
    """Return text as FITS can hold it: what is not ASCII as in a URL, and % as %25."""
    return quote(os.fsencode(text), safe=_ASCII)


def _from_ascii(text: str) -> str:
    return os.fsdecode(unquote_to_bytes(text))


def _with_text(rows: np.ndarray, column: str, change: Callable[[str], str]) -> np.ndarray:
    """Return a table in which the text of one column is changed."""
    texts, place = np.unique(rows[column], return_inverse=True)
    changed = np.array([change(str(text)) for text in texts], dtype="U")
    if np.array_equal(texts, changed):
        return rows
    kinds = [(name, rows.dtype[name]) for name in rows.dtype.names or ()]
    width = max(1, changed.dtype.itemsize // 4)
    result = np.zeros(
        len(rows), [(name, f"U{width}" if name == column else kind) for name, kind in kinds]
    )
    for name, _ in kinds:
        result[name] = changed[place.ravel()] if name == column else rows[name]
    return result


def read(path: str | Path, grid: Grid | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the spectra, float32 (n, p), and the catalogue of a pool file.

    Raises
    ------
    InputError for a file that is not a pool file, or that is on another grid than `grid`
    """
    content = _read(path, grid)
    return content.spectra, content.catalog


def read_labelled(
    path: str | Path, grid: Grid | None = None, spectra: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the spectra, the catalogue and the labels of a labelled set, as `read` does.

    Without `spectra` these are float32 (0, p).
    """
    content = _read(path, grid, spectra)
    if content.labels is None:
        raise InputError(path, "has no LABELS table", "give a labelled set, not a pool file")
    return content.spectra, content.catalog, content.labels


def read_grid(path: str | Path, *others: str | Path) -> Grid:
    """Return the grid of pool files; raise `InputError` where they differ in it."""
    with opened(path) as fits:
        grid = _grid(path, fits)
    for other in others:
        with opened(other) as fits:
            _grid(other, fits, grid)
    return grid


def read_catalog(path: str | Path) -> np.ndarray:
    """Return the catalogue alone."""
    return _read(path, spectra=False).catalog


#: Opens a pool file, see `hdus.opened`.
opened = partial(hdus.opened, what="a pool file", remedy="make it with extract_spectra.py")


def _grid(path: str | Path, fits: fitsio.FITS, wanted: Grid | None = None) -> Grid:
    kind = str(fits["SPECTRA"].read_header().get("GRID", "")).strip()
    grid, (_, pixels) = (GRIDS | {DIGIT.kind: DIGIT}).get(kind), fits["SPECTRA"].get_dims()
    if grid is None or grid.size != pixels:
        raise InputError(
            path, f"has {pixels} pixels on an unknown grid", "make it with extract_spectra.py"
        )
    if wanted is not None and grid != wanted:
        raise InputError(
            path,
            f"is on the {grid.kind} grid, where the {wanted.kind} grid is needed",
            "extract the spectra again, or train networks on their grid",
        )
    return grid


@dataclass
class _Content:
    """What is in a pool file; `labels` is None where it has none."""

    spectra: np.ndarray
    catalog: np.ndarray
    labels: np.ndarray | None


def _read(path: str | Path, wanted: Grid | None = None, spectra: bool = True) -> _Content:
    with opened(path) as fits:
        grid = _grid(path, fits, wanted)
        rows, pixels = fits["SPECTRA"].get_dims()
        image = np.zeros((0, pixels), np.float32)
        if spectra and rows:
            image = fits["SPECTRA"].read().astype(np.float32, copy=False)
        catalog = _known(fits["CATALOG"].read(), CATALOG, "SOURCE")
        catalog = _with_text(catalog, "SOURCE", _from_ascii)
        labels = None
        if "LABELS" in fits:
            labels = _known(fits["LABELS"].read(), LABELS, "ORIGIN")
    if len(catalog) != rows or (labels is not None and len(labels) != rows):
        raise InputError(path, "has tables that differ in length", "make it again")
    # NaN is not between any limits either.
    if image.size and not -LARGEST < image.min() <= image.max() < LARGEST:
        raise InputError(
            path, f"has spectra that are not finite, or beyond {LARGEST:g}", "extract it again"
        )
    classes = () if grid == DIGIT else SPECTYPES
    fault = "" if labels is None else _fault_of_labels(labels, catalog, classes)
    if fault:
        raise InputError(path, f"LABELS {fault}", "make it again")
    return _Content(image, catalog, labels)


def _known(rows: np.ndarray, columns: Mapping[str, Column], text: str) -> np.ndarray:
    """Return the columns that a table has here, in our order and of our types.

    Whoever adds a column of his own to the file may change both.
    """
    rows = check_columns(rows, columns, text)
    result = table(columns, len(rows), **{text: rows.dtype[text].str})
    for name in result.dtype.names or ():
        result[name] = rows[name]
    return result


def _fault_of_labels(labels: np.ndarray, catalog: np.ndarray, classes: Sequence[str]) -> str:
    """Say what cannot be learned from: a network takes whatever it is given."""
    quasars = labels["Z"][labels["SPECTYPE"] == "QSO"]
    if (labels["TARGETID"] != catalog["TARGETID"]).any():
        return "has targets that differ from those of CATALOG"
    if classes and not np.isin(labels["SPECTYPE"], classes).all():
        return f"has a SPECTYPE that is not {', '.join(classes)}"
    if not ((quasars >= Z_RANGE[0]) & (quasars <= Z_RANGE[1])).all():
        return "has a quasar whose Z is not a redshift"
    if not np.isin(labels["BAL"], (-1, 0, 1)).all():
        return "has a BAL that is not 1, 0 or -1"
    if not (np.isfinite(labels["WEIGHT"]) & (labels["WEIGHT"] >= 0)).all():
        return "has a WEIGHT that is negative or not finite"
    return ""
