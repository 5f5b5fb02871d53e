"""DESI coadds: where they lie, which spectra count as targets, and what is beside them."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import fitsio
import numpy as np

from quasarnet_al.core.files import InputError
from quasarnet_al.spectra import pool, rebin, tiles
from quasarnet_al.spectra.columns import CATALOG
from quasarnet_al.spectra.grid import BLUE, RED, Grid
from quasarnet_al.spectra.tables import check_columns, stack

ARMS = "BRZ"
#: Bit 2 of DESI_TARGET and of its forms in survey validation (desitarget).
QSO_BIT = 1 << 2
TARGET_COLUMNS = ("DESI_TARGET", "SV1_DESI_TARGET", "SV2_DESI_TARGET", "SV3_DESI_TARGET")
#: Columns of FIBERMAP that go into the catalogue, where they are there.
FIBERMAP = ("TARGETID", "TILEID", "PETAL_LOC", "FIBER", "TARGET_RA", "TARGET_DEC")
FIBERMAP += ("FLUX_G", "FLUX_R", "FLUX_Z")
#: Fibre states with good data: none, or bit 3, a restricted positioner range.
GOOD_FIBERSTATUS = (0, 8)
TARGETS = ("qso", "all", "sky")
LAYOUTS = tuple(tiles.TILE_FORMS)
#: Where NERSC's compute nodes mount a file system for fast reading, and where every node has it.
READ_ONLY_MOUNT = ("/dvs_ro/cfs/", "/global/cfs/")
#: Spectra that are read and rebinned at a time: their arrays stay in the cache.
BLOCK = 64
#: Rows up to this far apart are read together with those between.
GAP = 4


def coadds(root: str | Path, layout: str, tile: str) -> list[Path]:
    """Return the coadd files of one tile (or healpix pixel) of a production, sorted.

    Parameters
    ----------
    root : a production's folder, the one that holds `tiles` and `healpix`
    layout : "cumulative", "perexp" or "healpix"
    tile : "TILEID/NIGHT", "TILEID/EXPID", or "SURVEY/PROGRAM/PIXEL"

    Raises
    ------
    InputError where there is none
    """
    tiles.check_tile(layout, tile)
    if layout == "healpix":
        survey, program, pixel = tile.split("/")
        folder = Path(root, "healpix", survey, program, str(int(pixel) // 100), pixel)
    else:
        folder = Path(root, "tiles", layout, tile)
    found = sorted(folder.glob("coadd-*.fits*"))
    if not found:
        raise InputError(
            folder,
            f"holds no coadd-*.fits for the tile {tile}",
            "check the config's input root, layout and tiles",
        )
    return found


@dataclass
class Extraction:
    """Normalised spectra of a set of coadds, and how many were left out by reason."""

    spectra: np.ndarray
    catalog: np.ndarray
    dropped: Counter


def extract(path: str | Path, grid: Grid, targets: str = "qso") -> Extraction:
    """Read one coadd file and return its targets, normalised.

    Parameters
    ----------
    targets : "qso" (quasar targets), "all" (all targets) or "sky" (sky fibres)

    Raises
    ------
    InputError for a file that is damaged or is no coadd
    """
    path = Path(path)
    with _open(path) as fits, path.open("rb") as stream:
        fibermap = _fibermap(path, fits, targets)
        reason = _cuts(fibermap, targets)
        rows = np.flatnonzero(reason == "")
        weighted, weight, arms = _rebin(path, fits, stream, rows, len(fibermap), grid)
    image, snr = rebin.normalise(weighted, weight)
    defects = rebin.defect(image, weight)
    dropped = Counter(reason[reason != ""].tolist()) + Counter(defects[defects != ""].tolist())
    good = defects == ""
    rows, fibermap = rows[good], fibermap[rows[good]]
    catalog = pool.catalog(len(rows), str(path))
    for name in set(FIBERMAP) & set(fibermap.dtype.names):
        catalog[name] = fibermap[name]
    catalog["SNR"], catalog["ARMS"], catalog["ROW"] = snr[good], arms[good], rows
    _add_redrock(path, catalog)
    return Extraction(image[good], catalog, dropped)


def source_path(source: str, roots: Sequence[str | Path]) -> Path | None:
    """Return the coadd that a pool file's SOURCE names, or None where it is not at hand.

    SOURCE is text of a file. What it names is opened only if it is a coadd inside one of
    the folders `roots`, which the config names: as it stands, or relative to that folder.
    Where NERSC's read-only mount is missing, as on login nodes, it is the same file on CFS.
    """
    for root in map(os.path.abspath, roots):
        for path in (os.path.abspath(source), os.path.abspath(os.path.join(root, source))):
            if os.path.commonpath([root, path]) != root:
                continue
            for place in dict.fromkeys((path, _without_mount(path))):
                if Path(place).name.startswith("coadd-") and os.path.isfile(place):
                    return Path(place)
    return None


def _without_mount(path: str) -> str:
    """Return a path in NERSC's read-only mount of a file system as the one in the latter."""
    mount, place = READ_ONLY_MOUNT
    return place + path.removeprefix(mount) if path.startswith(mount) else path


def read_rows(path: str | Path, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Return wavelength, flux and ivar of the given rows at full resolution.

    The arms are joined: where two overlap, their pixels are averaged by ivar.

    Returns
    -------
    dict with wavelength (p,) Angstrom, flux (n, p) in 1e-17 erg/s/cm2/A, ivar (n, p)
    """
    path, rows = Path(path), np.asarray(rows)
    arms = []
    with _open(path) as fits, path.open("rb") as stream:
        count = fits["B_FLUX"].get_dims()[0]
        for arm in ARMS:
            wavelength, flux, ivar = _arm(path, fits, stream, arm, count)
            flux, ivar = flux.read(rows), ivar.read(rows)
            arms.append((wavelength, _checked(path, arm, flux, ivar), ivar))
    # DESI's arms share one grid of 0.8 A.
    wavelength = np.unique(np.round(np.concatenate([arm[0] for arm in arms]), 1))
    weighted = np.zeros((len(rows), len(wavelength)))
    ivar = np.zeros_like(weighted)
    for arm_wavelength, arm_flux, arm_ivar in arms:
        place = np.searchsorted(wavelength, np.round(arm_wavelength, 1))
        weighted[:, place] += arm_flux * arm_ivar
        ivar[:, place] += arm_ivar
    flux = np.divide(weighted, ivar, out=np.zeros_like(weighted), where=ivar > 0)
    return {"wavelength": wavelength, "flux": flux, "ivar": ivar}


def _open(path: Path) -> fitsio.FITS:
    if not path.exists():
        raise InputError(path, "does not exist", "check the path")
    if path.is_dir():
        raise InputError(path, "is a folder", "give a coadd file")
    try:
        return fitsio.FITS(str(path))
    except (OSError, ValueError) as error:
        raise _damaged(path, "is not a readable FITS file") from error


def _read(path: Path, fits: fitsio.FITS, name: str) -> np.ndarray:
    if name not in fits:
        raise InputError(path, f"has no HDU {name}", "give a DESI coadd file")
    try:
        data = fits[name].read()
    except (OSError, ValueError) as error:
        raise _damaged(path, f"HDU {name} cannot be read (truncated?)") from error
    if data is None:
        raise InputError(path, f"HDU {name} is empty", "give a coadd that holds spectra")
    return data


def _damaged(path: Path, fault: str) -> InputError:
    return InputError(path, fault, "fetch it again from the production")


def _fibermap(path: Path, fits: fitsio.FITS, targets: str) -> np.ndarray:
    if "FIBERMAP" not in fits and targets == "all" and "B_FLUX" in fits:
        # Files cut for tests hold fluxes only. They can be classified, by row.
        fibermap = np.zeros(fits["B_FLUX"].get_dims()[0], dtype=[("TARGETID", "i8")])
        fibermap["TARGETID"] = np.arange(len(fibermap))
        print(f"{path}: has no FIBERMAP; TARGETID is the row number", flush=True)
        return fibermap
    fibermap = _read(path, fits, "FIBERMAP")
    if not len(fibermap):
        raise InputError(path, "has zero rows", "give a coadd that holds spectra")
    if fibermap.dtype.names is None or "TARGETID" not in fibermap.dtype.names:
        raise InputError(path, "FIBERMAP has no TARGETID", "give a DESI coadd file")
    known = {name: CATALOG[name] for name in FIBERMAP}
    known |= dict.fromkeys((*TARGET_COLUMNS, "COADD_FIBERSTATUS"), ("i8",))
    known |= {"OBJTYPE": ("U3",)}
    try:
        present = set(known) & set(fibermap.dtype.names)
        check_columns(fibermap[:0], {name: known[name] for name in sorted(present)})
    except ValueError as error:
        raise _damaged(path, f"FIBERMAP: {error}") from error
    targetid, count = np.unique(fibermap["TARGETID"], return_counts=True)
    if count.max() > 1:
        raise InputError(
            path,
            f"TARGETID {targetid[count.argmax()]} stands in {count.max()} rows",
            "a coadd has one row a target: fetch it again, or give a coadd, not a spectra file",
        )
    return fibermap


def _cuts(fibermap: np.ndarray, targets: str) -> np.ndarray:
    """Say for each fibre why it is not wanted: '' where it is.

    Older and reduced files lack some columns; what is absent cuts nothing.
    """
    names = fibermap.dtype.names
    reason = np.full(len(fibermap), "", dtype="U16")
    sky = fibermap["TARGETID"] < 0
    if "OBJTYPE" in names:
        objtype = np.char.strip(fibermap["OBJTYPE"].astype("U3"))
        sky |= objtype == "SKY"
        reason[objtype != "TGT"] = "not a target"
    reason[sky] = "sky"
    if targets == "sky":
        reason[:] = np.where(sky, "", "not sky")
    bits = [name for name in TARGET_COLUMNS if name in names]
    if targets == "qso" and bits:
        is_qso = np.any([(fibermap[name] & QSO_BIT) != 0 for name in bits], axis=0)
        reason[(reason == "") & ~is_qso] = "not a QSO target"
    if "COADD_FIBERSTATUS" in names:
        good = np.isin(fibermap["COADD_FIBERSTATUS"], GOOD_FIBERSTATUS)
        reason[(reason == "") & ~good] = "bad fibre"
    return reason


class _Image:
    """An image HDU, of which some rows are read.

    fitsio reads an image whole, or slowly row by row. Where the HDU holds float32 that
    nothing compresses, as DESI's do, the rows' bytes are taken from the file instead:
    twice as fast, and into arrays that are used again.
    """

    def __init__(self, path: Path, fits: fitsio.FITS, stream: BinaryIO, name: str):
        self.path, self.name, self.stream, self.array = path, name, stream, None
        info = fits[name].get_info() if name in fits else {}
        float32 = info.get("img_type") == info.get("img_equiv_type") == -32
        stream.seek(0)
        if float32 and not info["is_compressed_image"] and stream.read(6) == b"SIMPLE":
            self.start, self.shape = info["data_start"], tuple(info["dims"])
            self.buffer = np.empty((0, 0), ">f4")
        else:
            self.array = _read(path, fits, name).astype(np.float32, copy=False)
            self.shape = self.array.shape

    def read(self, rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Return the rows, float32 (len(rows), p), in `out` where it is given."""
        width = self.shape[1]
        out = np.empty((len(rows), width), np.float32) if out is None else out
        if self.array is not None:
            out[:] = self.array[rows]
            return out
        step = rows[1:] - rows[:-1]
        cuts = [0, *(np.flatnonzero((step < 1) | (step > GAP)) + 1), len(rows)]
        for start, end in pairwise(cuts):
            first, count = rows[start], rows[end - 1] + 1 - rows[start]
            raw = self._raw(first, count)
            out[start:end] = raw if count == end - start else raw[rows[start:end] - first]
        return out

    def _raw(self, first: int, count: int) -> np.ndarray:
        """Return neighbouring rows as they are in the file, big-endian."""
        if len(self.buffer) < count:
            self.buffer = np.empty((count, self.shape[1]), ">f4")
        raw = self.buffer[:count]
        start = self.start + int(first) * raw.itemsize * self.shape[1]
        if os.preadv(self.stream.fileno(), [raw], start) != raw.nbytes:
            raise _damaged(self.path, f"HDU {self.name} cannot be read (truncated?)")
        return raw


def _arm(
    path: Path, fits: fitsio.FITS, stream: BinaryIO, arm: str, count: int
) -> tuple[np.ndarray, _Image, _Image]:
    """Return the wavelength, flux and ivar of an arm; their shapes agree."""
    wavelength = _read(path, fits, f"{arm}_WAVELENGTH")
    flux = _Image(path, fits, stream, f"{arm}_FLUX")
    ivar = _Image(path, fits, stream, f"{arm}_IVAR")
    shape = (count, wavelength.size)
    if wavelength.ndim != 1 or flux.shape != shape or ivar.shape != shape:
        raise _damaged(
            path,
            f"arm {arm}: shapes disagree: FIBERMAP {count} rows, wavelength {wavelength.shape}, "
            f"flux {flux.shape}, ivar {ivar.shape}",
        )
    if wavelength.dtype.kind != "f" or not (
        np.isfinite(wavelength).all() and np.all(np.diff(wavelength) > 0)
    ):
        raise _damaged(path, f"{arm}_WAVELENGTH does not increase")
    if wavelength[0] <= 0 or wavelength[0] > RED or wavelength[-1] < BLUE:
        raise _damaged(path, f"{arm}_WAVELENGTH is not in Angstrom, {BLUE:.0f}..{RED:.0f}")
    return wavelength, flux, ivar


def _checked(path: Path, arm: str, flux: np.ndarray, ivar: np.ndarray) -> np.ndarray:
    """Return the flux with zeros for NaN that has no weight."""
    if not np.all(np.isfinite(ivar) & (ivar >= 0)):
        raise _damaged(path, f"{arm}_IVAR has negative values or NaN")
    if not np.isfinite(flux[ivar > 0]).all():
        raise _damaged(path, f"{arm}_FLUX has NaN where {arm}_IVAR gives it weight")
    return np.where(ivar > 0, flux, 0)


def _rebin(
    path: Path, fits: fitsio.FITS, stream: BinaryIO, rows: np.ndarray, count: int, grid: Grid
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the sums of flux x ivar and of ivar over all arms, and the arms with weight."""
    weighted = np.zeros((len(rows), grid.size), np.float32)
    weight = np.zeros_like(weighted)
    arms = np.zeros(len(rows), np.int16)
    for bit, arm in enumerate(ARMS):
        wavelength, *images = _arm(path, fits, stream, arm, count)
        bins = rebin.Bins(wavelength, grid)
        buffers = np.empty((2, BLOCK, len(wavelength)), np.float32)
        for start in range(0, len(rows), BLOCK):
            part = rows[start : start + BLOCK]
            flux, ivar = buffers[:, : len(part)]
            for image, array in zip(images, (flux, ivar), strict=True):
                image.read(part, array)
            with np.errstate(invalid="ignore", over="ignore"):
                flux *= ivar
                flux_sum, ivar_sum = bins.sum(flux), bins.sum(ivar)
            # What is wrong shows in the sums, a tenth of the pixels, or in a minimum.
            if not (
                ivar.min() >= 0 and np.isfinite(flux_sum).all() and np.isfinite(ivar_sum).all()
            ):
                flux = _checked(path, arm, images[0].read(part), ivar)
                flux_sum = bins.sum(flux * ivar)
            block = slice(start, start + BLOCK)
            weighted[block, bins.pixel] += flux_sum
            weight[block, bins.pixel] += ivar_sum
            arms[block] |= (ivar_sum > 0).any(axis=1).astype(np.int16) << bit
    return weighted, weight, arms


def _add_redrock(coadd: Path, catalog: np.ndarray) -> None:
    """Fill Z, ZWARN, SPECTYPE from the redrock file beside the coadd, where there is one."""
    path = coadd.with_name(coadd.name.replace("coadd-", "redrock-", 1))
    if path == coadd or not path.exists():
        return
    with _open(path) as fits:
        redshifts = _read(path, fits, "REDSHIFTS")
    wanted = {name: CATALOG[name] for name in ("TARGETID", "Z", "ZWARN", "SPECTYPE")}
    try:
        redshifts = check_columns(redshifts, wanted)
    except ValueError as error:
        raise InputError(path, f"REDSHIFTS: {error}", "fetch it again, or move it away") from error
    if not len(redshifts):
        raise InputError(path, "REDSHIFTS has zero rows", "fetch it again, or move it away")
    order = np.argsort(redshifts["TARGETID"], kind="stable")
    place = np.searchsorted(redshifts["TARGETID"][order], catalog["TARGETID"])
    place = order[np.minimum(place, len(order) - 1)]
    found = redshifts["TARGETID"][place] == catalog["TARGETID"]
    for name in ("Z", "ZWARN", "SPECTYPE"):
        catalog[name][found] = redshifts[name][place[found]]


def concatenate(extractions: list[Extraction]) -> Extraction:
    """Join the extractions of several files."""
    return Extraction(
        np.concatenate([extraction.spectra for extraction in extractions]),
        stack([extraction.catalog for extraction in extractions]),
        sum((extraction.dropped for extraction in extractions), Counter()),
    )
