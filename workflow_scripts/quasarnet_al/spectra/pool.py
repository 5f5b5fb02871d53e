"""The pool: normalised spectra and who they are, in one FITS file.

A labelled set is a pool file with one more table, `LABELS`.
"""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import fitsio
import numpy as np

from quasarnet_al.core.files import InputError, fits_file, provenance
from quasarnet_al.spectra.columns import CATALOG, LABELS
from quasarnet_al.spectra.grid import DIGIT, GRIDS, Grid
from quasarnet_al.spectra.tables import cards, check_columns, describe, table

#: Flux of a normalised spectrum, in units of its rms; damaged bytes exceed it, and networks would
#: overflow.
LARGEST = 1e15
#: Every arm has weight.
ALL_ARMS = 0b111


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


def _write_table(fits: fitsio.FITS, name: str, rows: np.ndarray, columns: dict) -> None:
    fits.write(rows, extname=name)
    told = {column: comment for column, (*_, comment) in columns.items()}
    told |= {"SOURCE": "file it was read from", "ORIGIN": "where the label comes from"}
    describe(fits[name], rows.dtype.names, told)


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
    # NaN is not between any limits either.
    if image is not None and image.size and not -LARGEST < image.min() <= image.max() < LARGEST:
        raise InputError(
            path, f"has spectra that are not finite, or beyond {LARGEST:g}", "extract it again"
        )
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
