"""DESI coadds: where they lie, which spectra count as targets, and what is beside them."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np

from quasarnet_al.core.files import InputError
from quasarnet_al.spectra import hdus, pool, rebin, tiles
from quasarnet_al.spectra.columns import CATALOG, Column
from quasarnet_al.spectra.extraction import Extraction
from quasarnet_al.spectra.flaws import Flaws
from quasarnet_al.spectra.grid import BLUE, RED, Grid
from quasarnet_al.spectra.tables import check_columns, locate

ARMS = "BRZ"
PETALS = range(10)
#: Names of coadds by layout (desidatamodel): the petal is a group, absent for a healpix pixel.
NAMES = {
    "cumulative": "coadd-([0-9])-{0}-thru{1}",
    "perexp": "coadd-([0-9])-{0}-exp{1}",
    "healpix": "coadd-{0}-{1}-{2}",
}
#: Bit 2 of DESI_TARGET and of its forms in survey validation (desitarget).
QSO_BIT = 1 << 2
TARGET_COLUMNS = ("DESI_TARGET", "SV1_DESI_TARGET", "SV2_DESI_TARGET", "SV3_DESI_TARGET")
#: Columns of FIBERMAP that go into the catalogue, where they are there.
FIBERMAP = (
    *("TARGETID", "TILEID", "PETAL_LOC", "FIBER", "TARGET_RA", "TARGET_DEC"),
    *("FLUX_G", "FLUX_R", "FLUX_Z"),
)
#: Fibre states with good data: none, or bit 3, a restricted positioner range.
GOOD_FIBERSTATUS = (0, 8)
#: Where the state is: in coadds since Everest, and in older ones and files of one exposure.
FIBERSTATUS = ("COADD_FIBERSTATUS", "FIBERSTATUS")
TARGETS = ("qso", "all", "sky")
LAYOUTS = tuple(tiles.TILE_FORMS)
#: Where NERSC's compute nodes mount a file system for fast reading, and where every node has it.
READ_ONLY_MOUNT = ("/dvs_ro/cfs/", "/global/cfs/")
#: Spectra that are read and rebinned at a time: their arrays stay in the cache.
BLOCK = 64
#: Rows up to this far apart are read together with those between.
GAP = 4


@dataclass
class Tile:
    """What a production holds of a tile (or healpix pixel).

    Attributes
    ----------
    coadds : one file per petal, whatever its packing, in the order of the petals
    absent : petals without a coadd
    others : names of files beside them that look like coadds and are not read
    """

    coadds: list[Path]
    absent: list[int]
    others: list[str]


def find(root: str | Path, layout: str, tile: str) -> Tile:
    """Find the coadds of one tile of a production.

    A coadd has the name that its layout gives it, and nothing else counts: copies and what a
    transfer left behind would bring its spectra in twice. Where one is there unpacked and
    packed the unpacked one is read.

    Parameters
    ----------
    root : a production's folder, the one that holds `tiles` and `healpix`
    layout : "cumulative", "perexp" or "healpix"
    tile : "TILEID/NIGHT", "TILEID/EXPID", or "SURVEY/PROGRAM/PIXEL"

    Raises
    ------
    InputError where there is no coadd
    """
    tiles.check_tile(layout, tile)
    parts = tile.split("/")
    if layout == "healpix":
        folder = Path(root, "healpix", *parts[:2], str(int(parts[2]) // 100), parts[2])
    else:
        folder = Path(root, "tiles", layout, tile)
    name = re.compile(NAMES[layout].format(*map(re.escape, parts)) + r"(\.fits(?:\.gz|\.fz)?)")
    found, others = [], []
    for path in sorted(folder.glob("coadd-*.fits*")):
        match = name.fullmatch(path.name)
        if match:
            petal = 0 if layout == "healpix" else int(match[1])
            found.append((petal, tiles.PACKINGS.index(match[match.lastindex or 0]), path))
        else:
            others.append(path.name)
    there: dict[int, Path] = {}
    for petal, _, path in sorted(found):
        there.setdefault(petal, path)
    if not there:
        raise InputError(
            folder,
            f"holds no coadd-*.fits for the tile {tile}"
            + (f", but {', '.join(others[:5])}" if others else ""),
            "check the config's input root, layout and tiles",
        )
    absent = [] if layout == "healpix" else [petal for petal in PETALS if petal not in there]
    return Tile(list(there.values()), absent, others)


def coadds(root: str | Path, layout: str, tile: str) -> list[Path]:
    """Return the coadd files of one tile, see `find`."""
    return find(root, layout, tile).coadds


@dataclass
class Found:
    """The coadds of several tiles.

    Attributes
    ----------
    coadds : the files
    absent : what is to be said of tiles without any
    notes : petals that are absent, and files that are not read, see `Extraction`
    """

    coadds: list[Path] = field(default_factory=list)
    absent: list[InputError] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)


def find_all(root: str | Path, layout: str, names: Iterable[str]) -> Found:
    """Find the coadds of several tiles, see `find`."""
    found = Found()
    for name in names:
        try:
            tile = find(root, layout, name)
        except InputError as error:
            found.absent.append(error)
            continue
        found.coadds += tile.coadds
        if tile.absent:
            petals = " ".join(map(str, tile.absent))
            found.notes.setdefault("tiles with absent petals", []).append(f"{name}: {petals}")
        folder = tile.coadds[0].parent
        others = [str(folder / other) for other in tile.others]
        if others:
            found.notes.setdefault("files that are not read", []).extend(others)
    return found


def extract(
    path: str | Path,
    grid: Grid,
    targets: str = "qso",
    flaws: bool = False,
    unnamed: bool = False,
) -> Extraction:
    """Read one coadd file and return its targets, normalised.

    Parameters
    ----------
    targets : "qso" (quasar targets), "all" (all targets) or "sky" (sky fibres)
    flaws : whether to measure FLAW, half as much work again
    unnamed : whether a file without FIBERMAP is taken too, with all targets and the number of the
        row as TARGETID: no other file may be beside it, whose rows have the same numbers

    Raises
    ------
    InputError for a file that is damaged or is not a coadd
    """
    path = Path(path)
    notes: dict[str, list[str]] = {}
    with _open(path) as fits, path.open("rb") as stream:
        fibermap = _fibermap(path, fits, unnamed and targets == "all")
        _check_order(path, fits, fibermap)
        reason = _cuts(fibermap, targets)
        rows = np.flatnonzero(reason == "")
        coadd = _Coadd(path, fits, stream, len(fibermap))
        found = Flaws(len(rows)) if flaws else None
        weighted, weight, bad = _rebin(coadd, rows, grid, found)
    if len(bad) and bad.all():
        raise _damaged(path, "all its spectra have NaN, or an ivar below zero")
    if coadd.absent:
        notes[f"without camera {' and '.join(coadd.absent)}"] = [str(path)]
    image, snr = rebin.normalise(weighted, weight)
    defects = rebin.defect(image, weight)
    defects[bad] = "bad pixels"
    dropped = Counter(reason[reason != ""].tolist()) + Counter(defects[defects != ""].tolist())
    good = defects == ""
    rows, fibermap = rows[good], fibermap[rows[good]]
    catalog = pool.catalog(len(rows), str(path))
    for name in set(FIBERMAP) & set(fibermap.dtype.names):
        catalog[name] = fibermap[name]
    catalog["SNR"], catalog["ROW"] = snr[good], rows
    catalog["ARMS"] = rebin.arms(weight, grid)[good]
    if found is not None:
        catalog["FLAW"] = found.measure()[good]
    if not _add_redrock(path, catalog):
        notes["without redrock"] = [str(path)]
    return Extraction(image[good], catalog, dropped, 1, notes)


def source_path(source: str, roots: Sequence[str | Path]) -> Path | None:
    """Return the coadd that a pool file's SOURCE names, or None where it is not at hand.

    SOURCE is text of a file. What it names is opened only if it is a FITS file inside one of
    the folders `roots`, which the config names: as it is, or relative to that folder.
    Where NERSC's read-only mount is missing, as on login nodes, it is the same file on CFS.
    """
    for root in map(os.path.abspath, roots):
        for path in (os.path.abspath(source), os.path.abspath(os.path.join(root, source))):
            if os.path.commonpath([root, path]) != root:
                continue
            for place in dict.fromkeys((path, _without_mount(path))):
                if place.endswith(tiles.PACKINGS) and os.path.isfile(place):
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
        coadd = _Coadd(path, fits, stream)
        for arm in coadd.arms:
            arm_wavelength, flux_image, ivar_image = coadd.arm(arm)
            flux, ivar = flux_image.read(rows), ivar_image.read(rows)
            if _bad(flux, ivar).any():
                raise _damaged(path, f"{arm}_FLUX or {arm}_IVAR has NaN, or an ivar below zero")
            arms.append((arm_wavelength, np.where(ivar > 0, flux, 0), ivar))
    if len(arms) == 1:
        # Joined cameras may be on another grid.
        return dict(zip(("wavelength", "flux", "ivar"), arms[0], strict=True))
    # DESI's arms share one grid of 0.8 A.
    wavelength = np.unique(np.round(np.concatenate([arm[0] for arm in arms]), 1))
    weighted = np.zeros((len(rows), len(wavelength)))
    total = np.zeros_like(weighted)
    for arm_wavelength, flux, ivar in arms:
        place = np.searchsorted(wavelength, np.round(arm_wavelength, 1))
        weighted[:, place] += flux * ivar
        total[:, place] += ivar
    mean = np.divide(weighted, total, out=np.zeros_like(weighted), where=total > 0)
    return {"wavelength": wavelength, "flux": mean, "ivar": total}


def cameras(fits: hdus.KnownFits) -> list[str]:
    """Return what the HDUs of a file's spectra begin with, in the order of wavelength.

    "B", "R", "Z"; or "BRZ" where desispec's `coadd_cameras` has joined the cameras.
    """
    name = re.compile("([BRZ]+)_(?:WAVELENGTH|FLUX|IVAR)")
    found = {match[1] for match in map(name.fullmatch, fits.headers) if match}
    return sorted(found, key=lambda camera: (ARMS.index(camera[0]), camera))


#: Opens a file of a production, see `hdus.opened`.
_open = partial(hdus.opened, what="a DESI coadd", remedy="fetch it again from the production")


def beside(coadd: Path, kind: str, endings: Sequence[str] = tiles.PACKINGS) -> Path | None:
    """Return the production's file of a kind beside a coadd, or None where there is none."""
    stem = tiles.stem_beside(coadd, kind)
    return next((Path(stem + end) for end in endings if os.path.exists(stem + end)), None)


def redrock_of(coadd: Path) -> Path | None:
    """Return the redrock file beside a coadd, packed in any way, or None where there is none."""
    return beside(coadd, "redrock")


def read_hdu(path: Path, name: str) -> np.ndarray:
    """Return an HDU of a file of a production; raise `InputError` where it cannot be read."""
    what = "a redrock file" if path.name.startswith("redrock-") else "a DESI coadd"
    with _open(path, what=what) as fits:
        return _read(path, fits, name)


def _read(path: Path, fits: hdus.KnownFits, name: str) -> np.ndarray:
    if name not in fits:
        raise InputError(path, f"has no HDU {name}", "give a DESI coadd, or fetch it again")
    data = read_fibermap(fits) if name == "FIBERMAP" else fits[name].read()
    if data is None:
        raise InputError(path, f"HDU {name} is empty", "give a coadd that holds spectra")
    return data


def read_fibermap(fits: hdus.KnownFits) -> np.ndarray:
    """Return FIBERMAP; target bits that TNULL marks are none, as in stacks of several surveys."""
    fibermap, nulls = fits["FIBERMAP"].read(), fits.headers["FIBERMAP"].nulls()
    for name, null in nulls.items():
        if name.endswith("_TARGET"):
            fibermap[name][fibermap[name] == null] = 0
    return fibermap


def _damaged(path: Path, fault: str) -> InputError:
    return InputError(path, fault, "fetch it again from the production")


def _fibermap(path: Path, fits: hdus.KnownFits, unnamed: bool) -> np.ndarray:
    first = next((f"{arm}_FLUX" for arm in cameras(fits) if f"{arm}_FLUX" in fits), None)
    if "FIBERMAP" not in fits and unnamed and first:
        # Files cut for tests hold fluxes only. They can be classified, by row.
        fibermap = np.zeros(fits[first].get_dims()[0], dtype=[("TARGETID", "i8")])
        fibermap["TARGETID"] = np.arange(len(fibermap))
        print(f"{path}: has no FIBERMAP; TARGETID is the row number", flush=True)
        return fibermap
    fibermap = _read(path, fits, "FIBERMAP")
    if not len(fibermap):
        raise InputError(path, "has zero rows", "give a coadd that holds spectra")
    if fibermap.dtype.names is None or "TARGETID" not in fibermap.dtype.names:
        raise InputError(path, "FIBERMAP has no TARGETID", "give a DESI coadd file")
    known = {name: CATALOG[name] for name in FIBERMAP}
    known |= dict.fromkeys((*TARGET_COLUMNS, *FIBERSTATUS), Column("i8"))
    known |= {"OBJTYPE": Column("U3")}
    try:
        present = set(known) & set(fibermap.dtype.names)
        check_columns(fibermap[:0], {name: known[name] for name in sorted(present)})
    except ValueError as error:
        raise _damaged(path, f"FIBERMAP: {error}") from error
    targetid, count = np.unique(fibermap["TARGETID"], return_counts=True)
    if count.max() > 1:
        raise InputError(
            path,
            f"TARGETID {targetid[count.argmax()]} is in {count.max()} rows",
            "a coadd has one row per target: fetch it again, or give a coadd, not a spectra file",
        )
    return fibermap


def _check_order(path: Path, fits: hdus.KnownFits, fibermap: np.ndarray) -> None:
    """Refuse a coadd whose `FIBERMAP` was sorted, and its spectra were not.

    `SCORES`, which is in the order of the spectra, names the targets too.
    """
    if "SCORES" not in fits or "TARGETID" not in map(str.upper, fits["SCORES"].get_colnames()):
        return
    targetid = fits["SCORES"].read_column("TARGETID")
    if len(targetid) == len(fibermap) and (targetid != fibermap["TARGETID"]).any():
        raise _damaged(path, "FIBERMAP and SCORES have their targets in different orders")


def _cuts(fibermap: np.ndarray, targets: str) -> np.ndarray:
    """Say for each fibre why it is not wanted: '' where it is.

    Older and reduced files lack some columns; what is absent cuts nothing.
    """
    names = fibermap.dtype.names or ()
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
    status = next((name for name in FIBERSTATUS if name in names), None)
    if status:
        good = np.isin(fibermap[status], GOOD_FIBERSTATUS)
        reason[(reason == "") & ~good] = "bad fibre"
    return reason


class _Image:
    """An image HDU, of which some rows are read.

    fitsio reads an image whole, or slowly row by row. Where the HDU holds float32 that
    nothing compresses, as DESI's do, the rows' bytes are taken from the file instead:
    twice as fast, and into arrays that are used again.
    """

    def __init__(self, path: Path, fits: hdus.KnownFits, stream: BinaryIO, name: str):
        self.path, self.name, self.stream, self.array = path, name, stream, None
        header = fits.headers.get(name)
        if header and header.plain_float32():
            fits[name]  # which compares the HDU with its checksums
            self.start, self.shape = header.start, header.shape()
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
        if os.preadv(self.stream.fileno(), [raw.data], start) != raw.nbytes:
            raise _damaged(self.path, f"HDU {self.name} cannot be read (truncated?)")
        return raw


class _Coadd:
    """The arms of an open coadd.

    Attributes
    ----------
    arms : the cameras that it has, see `cameras`
    absent : letters of those without any HDU: on some nights a camera is out of order
    """

    def __init__(
        self, path: Path, fits: hdus.KnownFits, stream: BinaryIO, count: int | None = None
    ) -> None:
        self.path, self.fits, self.stream, self.count = path, fits, stream, count
        self.arms = cameras(fits)
        letters = "".join(self.arms)
        self.absent = [arm for arm in ARMS if arm not in letters]
        if not self.arms:
            raise InputError(
                path,
                "has no HDU B_FLUX, R_FLUX, Z_FLUX or BRZ_FLUX",
                "give a DESI coadd; a cframe holds one camera of one exposure",
            )
        if len(letters) > len(set(letters)):
            raise InputError(
                path,
                f"has a camera twice, in {' and '.join(f'{arm}_FLUX' for arm in self.arms)}",
                "give a coadd with the cameras joined, or one with each alone",
            )

    def arm(self, arm: str) -> tuple[np.ndarray, _Image, _Image]:
        """Return the wavelength, flux and ivar of an arm; their shapes agree."""
        path, fits = self.path, self.fits
        wavelength = _read(path, fits, f"{arm}_WAVELENGTH")
        flux = _Image(path, fits, self.stream, f"{arm}_FLUX")
        ivar = _Image(path, fits, self.stream, f"{arm}_IVAR")
        shape = (flux.shape[0] if self.count is None else self.count, wavelength.size)
        if wavelength.ndim != 1 or flux.shape != shape or ivar.shape != shape:
            raise _damaged(
                path,
                f"arm {arm}: shapes disagree: FIBERMAP {shape[0]} rows, wavelength "
                f"{wavelength.shape}, flux {flux.shape}, ivar {ivar.shape}",
            )
        if wavelength.dtype.kind != "f" or not (
            np.isfinite(wavelength).all() and np.all(np.diff(wavelength) > 0)
        ):
            raise _damaged(path, f"{arm}_WAVELENGTH does not increase")
        if wavelength[0] <= 0 or wavelength[0] > RED or wavelength[-1] < BLUE:
            raise _damaged(path, f"{arm}_WAVELENGTH is not in Angstrom, {BLUE:.0f}..{RED:.0f}")
        return wavelength, flux, ivar


def _bad(flux: np.ndarray, ivar: np.ndarray) -> np.ndarray:
    """Say for each spectrum whether it has NaN that counts, or an ivar below zero, bool (n,)."""
    weighs = np.isfinite(ivar) & (ivar >= 0)
    return ~(weighs & (np.isfinite(flux) | (ivar == 0))).all(axis=1)


def _rebin(
    coadd: _Coadd, rows: np.ndarray, grid: Grid, flaws: Flaws | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rebin the rows of a coadd, and measure their `flaws`.

    Returns
    -------
    the sums of flux x ivar and of ivar over all arms, (n, p); and which spectra have pixels
    that cannot be summed, bool (n,)
    """
    weighted = np.zeros((len(rows), grid.size), np.float32)
    weight = np.zeros_like(weighted)
    bad = np.zeros(len(rows), bool)
    for arm in coadd.arms:
        wavelength, *images = coadd.arm(arm)
        bins = rebin.Bins(wavelength, grid)
        buffers = np.empty((2, BLOCK, len(wavelength)), np.float32)
        for start in range(0, len(rows), BLOCK):
            part, block = rows[start : start + BLOCK], slice(start, start + BLOCK)
            flux, ivar = buffers[:, : len(part)]
            for image, array in zip(images, (flux, ivar), strict=True):
                image.read(part, array)
            if flaws:
                flaws.add(block, wavelength, flux, ivar)
            with np.errstate(invalid="ignore", over="ignore"):
                flux *= ivar
                flux_sum, ivar_sum = bins.sum(flux), bins.sum(ivar)
            # What is wrong shows in the sums, a tenth of the pixels, or in a minimum.
            if not (
                ivar.min() >= 0 and np.isfinite(flux_sum).all() and np.isfinite(ivar_sum).all()
            ):
                flux = images[0].read(part)
                wrong = _bad(flux, ivar)
                bad[block] |= wrong
                ivar[wrong] = 0
                with np.errstate(over="ignore"):
                    flux_sum = bins.sum(np.where(ivar > 0, flux, 0) * ivar)
                ivar_sum = bins.sum(ivar)
            weighted[block, bins.pixel] += flux_sum
            weight[block, bins.pixel] += ivar_sum
    return weighted, weight, bad


def _add_redrock(coadd: Path, catalog: np.ndarray) -> bool:
    """Fill Z, ZWARN, SPECTYPE from the redrock file beside the coadd; say whether it has any."""
    path = redrock_of(coadd)
    if path is None:
        return False
    redshifts = read_hdu(path, "REDSHIFTS")
    wanted = {name: CATALOG[name] for name in ("TARGETID", "Z", "ZWARN", "SPECTYPE")}
    try:
        redshifts = check_columns(redshifts, wanted)
    except ValueError as error:
        raise InputError(path, f"REDSHIFTS: {error}", "fetch it again, or move it away") from error
    if not len(redshifts):
        raise InputError(path, "REDSHIFTS has zero rows", "fetch it again, or move it away")
    place, found = locate(redshifts["TARGETID"], catalog["TARGETID"])
    for name in ("Z", "ZWARN", "SPECTYPE"):
        catalog[name][found] = redshifts[name][place[found]]
    return bool(found.any()) or not len(catalog)
