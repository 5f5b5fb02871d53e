"""What a page holds of a spectrum: the coadd, its model and the ensemble, packed small."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quasarnet_al.core.files import InputError
from quasarnet_al.inspection import production, redrock
from quasarnet_al.learning import som
from quasarnet_al.learning.batch import read_batch
from quasarnet_al.spectra import desi, pool
from quasarnet_al.spectra.grid import ALONE, BLUE, Grid
from quasarnet_al.spectra.rebin import normalise, rebin

#: What goes into a page as JSON.
Record = dict[str, Any]
#: Pixels of the joined arms, Angstrom (DESI's three arms share this grid).
STEP = 0.8
#: 3600.0 to 9824.0 Angstrom.
SIZE = 7781
#: Lowest and highest code of a flux; the one below marks a pixel without data.
_CODES = 32767
#: Largest image of a target that goes into a page, bytes.
MOST_CUTOUT = 200_000
#: Largest difference of a spectrum that is the same, rms: the rounding of float32 sums.
SAME = 1e-3
#: Fluxes are kept up to this many median errors.
_RANGE = 1e6
_DROPPED = 255


def encode(flux: np.ndarray, ivar: np.ndarray) -> Record:
    """Pack one spectrum in three bytes a pixel.

    Flux as int16 codes of asinh(flux / s), with s the median error: steps of s / 2400
    around zero and of 0.04 % far from it, so that cosmic rays cost no resolution. Error
    as a byte, logarithmic between the smallest and the largest, in steps of a few per
    cent at most; 255 marks pixels without data.

    Parameters
    ----------
    flux, ivar : (p,)

    Returns
    -------
    dict with `flux`, `error` (base64), `scale`, `low`, `high`: what spectra.js decodes
    """
    good = (ivar > 0) & np.isfinite(flux)
    error = 1 / np.sqrt(ivar[good]) if good.any() else np.ones(1)
    scale, low, high = (float(f"{x:.6g}") for x in (np.median(error), error.min(), error.max()))
    reach = np.arcsinh(_RANGE)
    codes = np.full(len(flux), -_CODES - 1, "<i2")
    compressed = np.arcsinh(flux[good] / scale) / reach
    codes[good] = np.rint(np.clip(compressed, -1, 1) * _CODES)
    errors = np.full(len(flux), _DROPPED, np.uint8)
    if high > low:
        level = np.log(error / low) / np.log(high / low)
        errors[good] = np.rint(np.clip(level, 0, 1) * (_DROPPED - 1))
    else:
        errors[good] = 0
    pair = {"flux": _base64(codes), "error": _base64(errors)}
    return pair | {"scale": scale, "low": low, "high": high}


def decode(packed: Record) -> tuple[np.ndarray, np.ndarray]:
    """Return flux and error (p,) as the page sees them; nan where dropped."""
    codes = np.frombuffer(base64.b64decode(packed["flux"]), "<i2")
    errors = np.frombuffer(base64.b64decode(packed["error"]), np.uint8)
    dropped = errors == _DROPPED
    flux = packed["scale"] * np.sinh(codes / _CODES * np.arcsinh(_RANGE))
    error = packed["low"] * (packed["high"] / packed["low"]) ** (errors / (_DROPPED - 1))
    return np.where(dropped, np.nan, flux), np.where(dropped, np.nan, error)


def encode_small(values: np.ndarray) -> Record:
    """Pack (p,) values as int16, linear between the smallest and the largest."""
    values = np.nan_to_num(np.asarray(values, dtype=float))
    low, high = (float(f"{x:.6g}") for x in (values.min(), values.max()))
    level = (values - low) / (high - low or 1)
    codes = np.rint(np.clip(level, 0, 1) * 65535 - 32768).astype("<i2")
    return {"values": _base64(codes), "low": low, "high": high}


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(values.tobytes()).decode()


def on_page_grid(
    wavelength: np.ndarray, flux: np.ndarray, ivar: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Place a joined coadd (p,) on the page's 0.8 A pixels; ivar 0 where it has none."""
    place = np.rint((wavelength - BLUE) / STEP).astype(int)
    inside = (place >= 0) & (place < SIZE)
    page_flux, page_ivar = np.zeros(SIZE), np.zeros(SIZE)
    page_flux[place[inside]], page_ivar[place[inside]] = flux[inside], ivar[inside]
    return page_flux, page_ivar


def snr_of_arms(flux: np.ndarray, ivar: np.ndarray) -> dict[str, float]:
    """Return the median signal-to-noise ratio per Angstrom of each arm that has data.

    Of (p,) flux and ivar on the page's pixels: the median of flux / error per pixel of 0.8 A,
    over the square root of 0.8.
    """
    found = {}
    for arm, ends in ALONE.items():
        first, last = (round((end - BLUE) / STEP) for end in ends)
        good = ivar[first:last] > 0
        if good.any():
            ratio = flux[first:last][good] * np.sqrt(ivar[first:last][good])
            found[arm] = round(float(np.median(ratio) / np.sqrt(STEP)), 2)
    return found


def spectrum(
    row: pd.Series,
    catalog: np.void,
    pixels: np.ndarray,
    coadd: tuple[np.ndarray, np.ndarray] | None,
    facts: Record | None = None,
    cells: np.ndarray | None = None,
    torus: bool = True,
) -> Record:
    """Describe one spectrum for `render`.

    Parameters
    ----------
    row : its row of batch.csv
    catalog : its row of the pool's CATALOG
    pixels : (p,) what the network saw
    coadd : flux, ivar of `on_page_grid`, or None where the coadd is not at hand
    facts : of `production.read`, where the coadd is at hand
    cells : (rows, columns, p) the SOM's weights, where there is a map
    torus : whether the map's edges meet
    """
    facts = facts or {}
    magnitudes, dereddened = production.magnitudes(catalog)
    record: Record = {
        # A string: JavaScript's numbers hold 53 bits.
        "targetid": str(int(catalog["TARGETID"])),
        "tileid": _known(catalog, "TILEID"),
        "fiber": _known(catalog, "FIBER"),
        "petal": _known(catalog, "PETAL_LOC"),
        "ra": _finite(catalog, "TARGET_RA", 6),
        "dec": _finite(catalog, "TARGET_DEC", 6),
        "snr": _finite(catalog, "SNR", 2),
        "snr_arms": {} if coadd is None else snr_of_arms(*coadd),
        "arms": int(catalog["ARMS"]) if "ARMS" in (catalog.dtype.names or ()) else 7,
        "source": f"{catalog['SOURCE']} row {int(catalog['ROW'])}",
        "magnitudes": magnitudes,
        "dereddened": dereddened,
        "redrock": None,
        "pixels": encode_small(pixels),
        "gaps": gaps(pixels),
        "coadd": None if coadd is None else encode(*coadd),
        "ensemble": _ensemble(row),
    }
    if str(catalog["SPECTYPE"]).strip() and np.isfinite(catalog["Z"]):
        record["redrock"] = {
            "spectype": str(catalog["SPECTYPE"]).strip(),
            "z": round(float(catalog["Z"]), 5),
            "zwarn": int(catalog["ZWARN"]),
            "warnings": production.words(max(0, int(catalog["ZWARN"])), production.ZWARN_BITS),
        }
    if not _same_fit(record["redrock"], facts.get("redrock")):
        # Redrock was run again since the pool was made: its file says nothing about this fit.
        facts = {k: v for k, v in facts.items() if k not in ("redrock", "fits", "model")}
    for name, value in facts.items():
        if name == "redrock":
            found = value | (record["redrock"] or {})
            record["redrock"] = found if {"z", "spectype"} <= found.keys() else None
        elif name == "model":
            record["model"] = encode_small(value)
        elif name == "overlaps":
            record["overlaps"] = [
                {"arm": arm, "first": round(first, 1)} | encode(flux, ivar)
                for arm, first, flux, ivar in value
            ]
        else:
            record[name] = value
    if cells is not None and "BMU" in row and int(row["BMU"]) >= 0:
        record["som"] = _neighbours(int(row["BMU"]), cells, torus)
    return record


def _same_fit(one: Record | None, two: Record | None) -> bool:
    """Say whether two records of redrock's answer, where there are two, are of the same fit."""
    if one is None or two is None or not {"z", "spectype"} <= two.keys():
        return True
    return one["spectype"] == two["spectype"] and abs(one["z"] - two["z"]) < 1e-4


def gaps(pixels: np.ndarray) -> list[list[int]]:
    """Return the runs of the network's pixels (p,) that have no data, exactly 0: first, last."""
    empty = np.concatenate([[False], pixels == 0, [False]])
    ends = np.flatnonzero(empty[1:] != empty[:-1]).reshape(-1, 2)
    return [[int(first), int(last) - 1] for first, last in ends]


def _ensemble(row: pd.Series) -> Record | None:
    votes = {
        label: round(float(row[name]), 4)
        for name, label in (
            ("VOTE_NOT_QSO", "not a quasar"),
            ("VOTE_QSO_LOWZ", "low-z quasar"),
            ("VOTE_QSO_HIGHZ", "high-z quasar"),
        )
        if name in row
    }
    if not votes:
        return None
    measures = {
        name.lower().replace("_", " "): round(float(row[name]), 4)
        for name in ("LEAST_CONFIDENCE", "MARGIN", "ENTROPY", "QERR")
        if name in row and np.isfinite(row[name])
    }
    why = f"rank {int(row['RANK'])}" if "RANK" in row else ""
    if "ACQUISITION" in row and "SCORE" in row:
        measure = str(row["ACQUISITION"]).replace("_", " ")
        why += f" by {measure} ({float(row['SCORE']):.4g})"
    return {
        "votes": votes,
        "confidences": {
            name[2:]: round(float(row[name]), 3)
            for name in row.index
            if name.startswith("C_") and np.isfinite(row[name])
        },
        "z_mean": rounded(row.get("Z_MEAN"), 4),
        "z_std": rounded(row.get("Z_STD"), 4),
        "member_z": _numbers(row.get("MEMBER_Z")),
        "member_c": _numbers(row.get("MEMBER_C")),
        "measures": measures,
        "why": why,
    }


def _neighbours(bmu: int, cells: np.ndarray, torus: bool) -> Record:
    rows, columns = cells.shape[:2]
    row, column = divmod(bmu, columns)
    thumbnails = []
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            y, x = row + down, column + right
            if torus:
                y, x = y % rows, x % columns
            inside = 0 <= y < rows and 0 <= x < columns
            # A thumbnail is under a hundred pixels wide.
            thumbnails.append(encode_small(cells[y, x, ::4]) if inside else None)
    return {"row": row, "column": column, "rows": rows, "columns": columns, "cells": thumbnails}


def _numbers(text: Any) -> list[float]:
    if not isinstance(text, str):
        return [] if text is None or pd.isna(text) else [float(text)]
    return [value if np.isfinite(value) else -1 for value in map(float, text.split())]


def rounded(value: Any, digits: int) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), digits)


def _known(catalog: np.void, name: str) -> int | None:
    value = int(catalog[name]) if name in (catalog.dtype.names or ()) else -1
    return None if value < 0 else value


def _finite(catalog: np.void, name: str, digits: int = 6) -> float | None:
    return rounded(catalog[name], digits) if name in (catalog.dtype.names or ()) else None


def template(name: str, spectype: str, flux: np.ndarray, first: float, step: float) -> Record:
    """Describe a template for `render`: flux on log10(rest wavelength) = first + step * i."""
    return {"name": name, "spectype": spectype, "first": first, "step": step} | encode_small(flux)


def mock_templates() -> list[Record]:
    """Return the mock survey's own models of a quasar, two galaxies and stars, for overlays."""
    from quasarnet_al.mock.templates import galaxy_template, quasar_composite, star_template

    step = 2.5e-4
    first = np.log10(500.0)
    wavelength = 10 ** np.arange(first, np.log10(11000.0), step)
    models = [
        ("quasar composite", "QSO", quasar_composite(wavelength)),
        ("quasar, red", "QSO", quasar_composite(wavelength, "qso_red")),
        ("quasar, BAL", "QSO", quasar_composite(wavelength, "qso_bal")),
        ("quasar, narrow lines", "QSO", quasar_composite(wavelength, "qso_type2")),
        ("galaxy, passive", "GALAXY", galaxy_template(wavelength, "lrg")),
        ("galaxy, star-forming", "GALAXY", galaxy_template(wavelength, "elg")),
        *((f"star {kind}", "STAR", star_template(wavelength, f"star_{kind}")) for kind in "AFGKM"),
        ("white dwarf", "STAR", star_template(wavelength, "wd_da")),
    ]
    return [template(name, spectype, flux, first, step) for name, spectype, flux in models]


def read_spectra(
    batch: pd.DataFrame,
    pixels: np.ndarray,
    catalog: np.ndarray,
    grid: Grid,
    roots: Sequence[str],
    map_: som.Som | None,
    templates: Path | None = None,
) -> list[Record]:
    """Describe all spectra of a batch; those whose coadd cannot be read, by their pixels alone.

    Parameters
    ----------
    batch, pixels, catalog : same rows in the same order
    grid : of the pixels
    roots : folders that the catalogue's SOURCE may lie in, see `desi.source_path`
    map_ : the SOM, where there is one
    templates : folder of redrock's templates, where there is one
    """
    if batch["TARGETID"].tolist() != catalog["TARGETID"].tolist():
        raise InputError("the batch", "differs from its pool file", "make both again")
    coadds: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    facts: dict[int, Record] = {}
    for source in np.unique(catalog["SOURCE"]):
        here = np.flatnonzero((catalog["SOURCE"] == source) & (catalog["ROW"] >= 0))
        path = desi.source_path(str(source), roots)
        if path is None or not len(here):
            continue
        try:
            read = desi.read_rows(path, catalog["ROW"][here])
        except InputError as error:
            print(f"{error}: its spectra are shown by the network's pixels alone", flush=True)
            continue
        # An inspector must see what the network saw.
        summed = rebin(read["flux"], read["ivar"], read["wavelength"], grid)
        same = np.abs(normalise(*summed)[0] - pixels[here]).max(axis=1) < SAME
        if not same.all():
            others = int((~same).sum())
            print(
                f"{path}: is not what the pool was extracted from; "
                f"{others} {'spectrum is' if others == 1 else 'spectra are'} shown by the "
                "network's pixels alone; extract the pool again",
                flush=True,
            )
        rows = catalog[here[same]]
        said = production.read(path, rows["ROW"], rows["TARGETID"], templates)
        facts |= dict(zip(here[same].tolist(), said, strict=True))
        for k, place in zip(np.flatnonzero(same), here[same], strict=True):
            coadds[place] = on_page_grid(read["wavelength"], read["flux"][k], read["ivar"][k])
    cells, torus = (map_.weights, map_.torus) if map_ else (None, True)
    return [
        spectrum(
            row, catalog[place], pixels[place], coadds.get(place), facts.get(place), cells, torus
        )
        for place, (_, row) in enumerate(batch.iterrows())
    ]


@dataclass(frozen=True)
class Round:
    """The batch of a round as pages show it: its spectra, and the minibatch of each."""

    spectra: list[Record]
    minibatch: np.ndarray
    catalog: np.ndarray
    grid: Grid

    def pages(self) -> list[list[Record]]:
        """Return the spectra of each minibatch."""
        return [
            [self.spectra[k] for k in np.flatnonzero(self.minibatch == number)]
            for number in sorted(set(self.minibatch.tolist()))
        ]


def cutout(folder: str | Path, targetid: str) -> str | None:
    """Return `<folder>/<TARGETID>.jpg` in base64, None where there is no such JPEG file."""
    path = Path(folder, f"{targetid}.jpg")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        print(f"{path}: cannot be read ({error.strerror}); not shown", flush=True)
        return None
    if not content.startswith(b"\xff\xd8\xff") or len(content) > MOST_CUTOUT:
        print(f"{path}: is not a JPEG file below {MOST_CUTOUT} bytes; not shown", flush=True)
        return None
    return base64.b64encode(content).decode()


def read_round(
    batch: str | Path,
    batch_pool: str | Path,
    roots: Sequence[str],
    map_: str | Path | None = None,
    cutouts: str | Path = "",
    redrock_templates: str | Path = "",
) -> Round:
    """Read a round's batch.csv, its pool file, its coadds and, where there is one, its map.

    `cutouts` is a folder of images by TARGETID, `redrock_templates` one of redrock's templates;
    an empty name means that there is none, or for templates the one of RR_TEMPLATE_DIR.

    Raises
    ------
    InputError
        The files do not belong together, or batch.csv has a value that cannot be shown.
    """
    table = read_batch(batch)
    pixels, catalog = pool.read(batch_pool)
    grid = pool.read_grid(batch_pool)
    cells = som.read(map_, grid) if map_ else None
    templates = redrock.folder(redrock_templates)
    if not np.array_equal(table["TARGETID"], catalog["TARGETID"]):
        raise InputError(batch, f"differs from its pool file {batch_pool}", "make both again")
    try:
        spectra = read_spectra(table, pixels, catalog, grid, roots, cells, templates)
    except (ValueError, TypeError) as error:
        raise InputError(
            batch, f"has a value that cannot be shown ({error})", "select it again"
        ) from error
    if cutouts:
        if not Path(cutouts).is_dir():
            raise InputError(cutouts, "is not a folder", "set inspection.cutouts, or leave it out")
        for record in spectra:
            record["cutout"] = cutout(cutouts, record["targetid"])
    return Round(spectra, table["MINIBATCH"].to_numpy(), catalog, grid)
