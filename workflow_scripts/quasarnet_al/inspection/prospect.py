"""A batch as prospect opens it: spectra, the list of targets, and redrock's fits.

prospect (github.com/desihub/prospect) reads what `desispec.io.read_spectra` reads:

    prospect_pages --spectra_files spectra.fits --zcat_files redrock.fits \\
        --target_list targets.txt --outputdir pages

(without `--zcat_files` where the production has no redrock file beside each coadd).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from quasarnet_al.core import files
from quasarnet_al.core.files import InputError
from quasarnet_al.spectra import desi, hdus

#: What prospect shows or asks for; where neither catalogue nor coadd knows it, it is zero.
FIBERMAP = {
    "TARGETID": "i8",
    "TILEID": "i4",
    "PETAL_LOC": "i2",
    "FIBER": "i4",
    "TARGET_RA": "f8",
    "TARGET_DEC": "f8",
    "FLUX_G": "f4",
    "FLUX_R": "f4",
    "FLUX_Z": "f4",
    "FLUX_W1": "f4",
    "FLUX_W2": "f4",
    "EBV": "f4",
    "DESI_TARGET": "i8",
    "PMRA": "f4",
    "PMDEC": "f4",
    "REF_EPOCH": "f4",
}
#: Columns of redrock that prospect reads; COEFF has ten in all templates of redrock so far.
REDSHIFTS = {
    "TARGETID": "i8",
    "CHI2": "f8",
    "COEFF": "(10,)f8",
    "Z": "f8",
    "ZERR": "f8",
    "ZWARN": "i8",
    "SPECTYPE": "U6",
    "SUBTYPE": "U20",
    "DELTACHI2": "f8",
}
#: Largest number of spectra whose resolution is written: 0.35 MB each.
MOST = 500


def write(folder: str | Path, catalog: np.ndarray, roots: Sequence[str | Path]) -> int:
    """Write a batch for prospect; return the number of spectra.

    `spectra.fits` and `targets.txt` hold the spectra whose coadd is at hand, and was not replaced
    by one with other targets in its rows; if one coadd has the cameras joined, all spectra are
    joined. Where redrock's file is beside each coadd, `redrock.fits` holds its rows and, up to
    `MOST` spectra, the resolution goes into `spectra.fits`: with both, prospect draws redrock's
    model.

    Parameters
    ----------
    catalog : CATALOG of the batch's pool file
    roots : folders that its SOURCE may lie in, see `desi.source_path`
    """
    wavelength: dict[str, np.ndarray] = {}
    paths = []
    for source in np.unique(catalog["SOURCE"]):
        here = np.flatnonzero((catalog["SOURCE"] == source) & (catalog["ROW"] >= 0))
        path = desi.source_path(str(source), roots)
        if path is not None and len(here):
            paths.append((path, here))
    if not paths:
        raise InputError(
            ", ".join(map(str, roots)), "holds no coadd of this batch", "check the roots"
        )
    joined = any(_joined(path) for path, _ in paths)
    resolution = len(catalog) <= MOST
    parts = []
    for path, here in paths:
        part = _read(path, catalog[here], here, wavelength, joined, resolution)
        if part is None:
            print(f"{path}: holds other targets by now: prospect does not show its spectra")
        else:
            parts.append(part)
    if not parts:
        raise InputError(paths[0][0], "holds other targets by now", "extract the pool again")
    # In the order of the batch.
    order = np.argsort(np.concatenate([part.place for part in parts]), kind="stable")
    fibermap = np.concatenate([part.fibermap for part in parts])[order]
    redshifts = [part.redshifts for part in parts if part.redshifts is not None]
    folder = Path(folder)
    with files.fits_file(folder / "spectra.fits") as fits:
        fits.write(None)
        fits.write(fibermap, extname="FIBERMAP")
        for arm, wave in wavelength.items():
            fits.write(wave, extname=f"{arm}_WAVELENGTH")
            names = {name for part in parts for name in part.images if name.startswith(arm)}
            for name in sorted(names):
                if all(name in part.images for part in parts):
                    image = np.concatenate([part.images[name] for part in parts])[order]
                    fits.write(np.asarray(image, "f4"), extname=name)
            fits.write(np.zeros((len(fibermap), len(wave)), "i4"), extname=f"{arm}_MASK")
    files.write_text(
        folder / "targets.txt", "".join(f"{targetid}\n" for targetid in fibermap["TARGETID"])
    )
    if len(redshifts) == len(parts):
        _write_redrock(folder / "redrock.fits", _stack(redshifts)[order], parts[0].header)
    return len(fibermap)


@dataclass
class _Part:
    """What one coadd gives to a batch."""

    place: np.ndarray
    fibermap: np.ndarray
    images: dict[str, np.ndarray]
    redshifts: np.ndarray | None
    header: dict[str, object]


#: Opens a coadd, see `hdus.opened`.
_opened = partial(hdus.opened, what="a coadd", remedy="fetch it again")


def _joined(path: Path) -> bool:
    """Say whether a coadd has the cameras joined, see `desi.cameras`."""
    with _opened(path) as fits:
        return any(len(camera) > 1 for camera in desi.cameras(fits))


def _read(
    path: Path,
    catalog: np.ndarray,
    place: np.ndarray,
    wavelength: dict[str, np.ndarray],
    joined: bool,
    with_resolution: bool,
) -> _Part | None:
    """Read the rows of a batch's catalogue; None where they are of other targets by now."""
    rows, tables = catalog["ROW"], [catalog]
    images: dict[str, np.ndarray] = {}
    with _opened(path) as fits:
        if "FIBERMAP" in fits:
            fibermap = fits["FIBERMAP"].read()
            if not np.array_equal(
                fibermap[rows[rows < len(fibermap)]]["TARGETID"], catalog["TARGETID"]
            ):
                return None
            tables.insert(0, fibermap[rows])
        if joined:
            arms = {desi.ARMS: tuple(desi.read_rows(path, rows).values())}
        else:
            arms = {arm: _alone(fits, arm, rows) for arm in desi.cameras(fits)}
        for arm, (wave, flux, ivar) in arms.items():
            if not np.array_equal(wavelength.setdefault(arm, wave), wave):
                raise InputError(path, f"has a different {arm} grid", "give DESI coadds")
            images |= {f"{arm}_FLUX": flux, f"{arm}_IVAR": ivar}
            name = f"{arm}_RESOLUTION"
            if with_resolution and name in fits:
                images[name] = np.concatenate(
                    [fits[name][int(row) : int(row) + 1, :, :] for row in rows]
                )
    return _Part(place, _fibermap(tables), images, *_redrock(path, catalog["TARGETID"]))


def _alone(fits: hdus.KnownFits, arm: str, rows: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return wavelength, flux and ivar of one camera as they are in the file."""
    flux, ivar = (fits[f"{arm}_{kind}"].read()[rows] for kind in ("FLUX", "IVAR"))
    return fits[f"{arm}_WAVELENGTH"].read(), flux, ivar


def _redrock(coadd: Path, targetids: np.ndarray) -> tuple[np.ndarray | None, dict[str, object]]:
    """Return redrock's rows of the targets, None where one is missing, and its header."""
    path = desi.redrock_of(coadd)
    if path is None:
        return None, {}
    with hdus.opened(path, "a redrock file", "fetch it again") as fits:
        header = fits[0].read_header()
        table = fits["REDSHIFTS"].read()
    row_of = {int(targetid): k for k, targetid in enumerate(table["TARGETID"])}
    known = {key: header[key] for key in header if key == "RRVER" or key.startswith("TEM")}
    if not all(int(targetid) in row_of for targetid in targetids):
        return None, known
    return table[[row_of[int(targetid)] for targetid in targetids]], known


def _stack(tables: list[np.ndarray]) -> np.ndarray:
    """Join tables of redrock; COEFF gets the length of the longest, zeros behind."""
    rows = np.zeros(sum(map(len, tables)), dtype=list(REDSHIFTS.items()))
    first = 0
    for table in tables:
        here = rows[first : first + len(table)]
        for name in REDSHIFTS.keys() & set(table.dtype.names or ()):
            if name == "COEFF" and table[name].ndim == 2:
                width = min(table[name].shape[1], here[name].shape[1])
                here[name][:, :width] = table[name][:, :width]
            elif name != "COEFF":
                here[name] = table[name]
        first += len(table)
    return rows


def _write_redrock(path: Path, rows: np.ndarray, header: dict[str, object]) -> None:
    # prospect asks for the version in the primary header.
    header = {"RRVER": "unknown"} | header
    with files.fits_file(path) as fits:
        fits.write(None, header=header)
        fits.write(rows, extname="REDSHIFTS", header=header)


def _fibermap(tables: list[np.ndarray]) -> np.ndarray:
    """Return `FIBERMAP` filled from tables of the same rows; the last that knows it counts."""
    rows = np.zeros(len(tables[0]), dtype=list(FIBERMAP.items()))
    for table in tables:
        for name in set(FIBERMAP) & set(table.dtype.names or ()):
            rows[name] = table[name]
    return rows
