"""Which coadds there are: tables of a production that list its tiles, and folders of files."""

import glob
import os
import re
from collections.abc import Iterable, Sequence
from itertools import takewhile
from pathlib import Path
from typing import TypeVar

from quasarnet_al.core.files import InputError

P = TypeVar("P", str, Path, str | Path)

#: How a tile is written, by the layout in which a production keeps coadds (desidatamodel).
TILE_FORMS = {
    "cumulative": (r"[0-9]+/[0-9]{8}", "TILEID/NIGHT"),
    "perexp": (r"[0-9]+/[0-9]{8}", "TILEID/EXPID, the exposure with eight digits"),
    "healpix": (r"[a-z0-9]+/[a-z]+/[0-9]+", "SURVEY/PROGRAM/PIXEL"),
}

#: A file is read as it is, or packed by gzip or fpack; the first that is there counts.
PACKINGS = (".fits", ".fits.gz", ".fits.fz")
#: What a production keeps beside a coadd (desidatamodel), by the beginnings of the names.
BESIDE = ("redrock", "rrmodel", "emline", "qso_mgii", "qso_qn", "spectra")


def stem(path: str | Path) -> str:
    """Return the path of a FITS file without the ending that says how it is packed."""
    return re.sub(r"\.fits(\.gz|\.fz)?$", "", str(path))


def distinct(paths: Iterable[P]) -> list[P]:
    """Return files without those given twice: by name, by a link, or packed and unpacked."""
    first: dict[str, P] = {}
    for path in paths:
        first.setdefault(stem(os.path.realpath(path)), path)
    return list(first.values())


def stem_beside(coadd: str | Path, kind: str) -> str:
    """Return the `stem` of the file of a kind (redrock, rrmodel ...) beside a coadd.

    Its name has the kind in the place of "coadd"; before the coadd's name, where that is another.
    """
    folder, name = os.path.split(stem(coadd))
    name = name.replace("coadd", kind, 1) if "coadd" in name else f"{kind}-{name}"
    return os.path.join(folder, name)


def matching(pattern: str) -> list[str]:
    """Return the files of a pattern, sorted; brackets that match nothing are part of a name."""
    found = glob.glob(pattern, recursive=True)
    return sorted(found or glob.glob(pattern.replace("[", "[[]"), recursive=True))


def coadds_matching(pattern: str) -> tuple[str, list[str]]:
    """Return the folder before a pattern's first wildcard, and the coadds below it, sorted.

    A coadd is a file whose name ends as `PACKINGS` do. One that is there packed and unpacked, or by
    several links, counts once; what a production keeps `BESIDE` it is none.

    Raises
    ------
    InputError where there is none, or one whose path no rule can have
    """
    parts = Path(pattern).parts[:-1]
    root = Path(*takewhile(lambda part: not re.search(r"[*?[]", part), parts))
    matched = matching(pattern)
    found: dict[str, str] = {}
    for path in (path for end in PACKINGS for path in matched if path.endswith(end)):
        found.setdefault(stem(path), path)
    beside = {stem_beside(path, kind) for path in found.values() for kind in BESIDE}
    files: dict[str, str] = {}
    for name in sorted(found.keys() - beside):
        files.setdefault(os.path.realpath(found[name]), found[name])
    if not files:
        fault = f"is not a coadd ({', '.join(PACKINGS)})" if matched else "matches no files"
        raise InputError(pattern, fault, "check the config's `coadds`")
    odd = [path for path in files.values() if re.search(r"[\n{}]", path)]
    if odd:
        # No list of lines holds the one, and Snakemake takes the others for wildcards.
        fault = f"matches {odd[0]!r}, which has a brace or a line break"
        raise InputError(pattern, fault, "rename it")
    return str(root), [os.path.relpath(path, root) for path in files.values()]


def check_tile(layout: str, tile: str) -> None:
    """Raise `InputError` where `tile` does not have the form that `layout` needs."""
    form, words = TILE_FORMS[layout]
    if not re.fullmatch(form, tile):
        raise InputError(
            f"tile {tile!r}", f"is not a tile of the layout {layout}", f"write {words}"
        )


def read_tiles(
    path: str | Path,
    layout: str,
    surveys: Sequence[str] = (),
    programs: Sequence[str] = (),
    nights: Sequence[int] | None = None,
    tile_list: str | Path = "",
) -> list[str]:
    """Return the tiles of a production's table, as `desi.coadds` takes them.

    Parameters
    ----------
    path : `tiles-<specprod>.csv` or `.fits`; for perexp `exposures-<specprod>.csv` or `.fits`
    layout : "cumulative" (TILEID/LASTNIGHT) or "perexp" (TILEID/EXPID)
    surveys, programs : values of SURVEY and PROGRAM to take; all where empty
    nights : first and last night to take
    tile_list : file with TILEIDs to take, one per line; lines that begin with # are comments

    Raises
    ------
    InputError for a table that cannot be read, that lacks a column, or of which no row is left,
    and for a value of `surveys`, `programs` or `tile_list` that no row has
    """
    columns = {"cumulative": ("TILEID", "LASTNIGHT"), "perexp": ("TILEID", "EXPID", "NIGHT")}
    if layout not in columns:
        raise InputError(path, f"has no tiles of the layout {layout}", "name the tiles one by one")
    night = columns[layout][-1]
    wanted = _tile_list(tile_list) if tile_list else None
    rows = _rows(path, [*columns[layout], "SURVEY", "PROGRAM"])
    for name, values in (("SURVEY", surveys), ("PROGRAM", programs)):
        there = {row[name] for row in rows}
        remedy = f"name in the config what it has: {', '.join(sorted(there)[:20])}"
        _refuse_absent(path, name, set(values) - there, remedy)
    asked = {str(tile) for tile in wanted or ()}
    _refuse_absent(
        path, "TILEID", asked - {row["TILEID"] for row in rows}, f"leave them out of {tile_list}"
    )
    found = set()
    for number, row in enumerate(rows, start=1):
        if (surveys and row["SURVEY"] not in surveys) or (
            programs and row["PROGRAM"] not in programs
        ):
            continue
        try:
            tileid, second, last = (int(row[k]) for k in (*columns[layout][:2], night))
        except (TypeError, ValueError) as error:
            raise InputError(path, f"row {number}: {error}", "fix the table") from error
        if (not nights or nights[0] <= last <= nights[1]) and (wanted is None or tileid in wanted):
            found.add((tileid, f"{tileid}/{second:08d}"))
    if not found:
        raise InputError(
            path,
            "has no tile that the config asks for",
            "check surveys, programs, nights, tile_list",
        )
    return [name for _, name in sorted(found)]


def _refuse_absent(path: str | Path, column: str, absent: set[str], remedy: str) -> None:
    """Raise `InputError` where values that were asked for are in no row of the table."""
    if absent:
        some = ", ".join(sorted(absent, key=lambda value: (len(value), value))[:5])
        more = f" and {len(absent) - 5} more" if len(absent) > 5 else ""
        raise InputError(path, f"has no {column} {some}{more}", remedy)


def _tile_list(path: str | Path) -> set[int]:
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
        return {int(word) for line in lines if not line.startswith("#") for word in line.split()}
    except (OSError, ValueError) as error:
        raise InputError(
            path, f"is not a list of TILEIDs ({error})", "write one per line"
        ) from error


def _rows(path: str | Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Return the rows of a table as text by column."""
    # Only here: a run without such a table starts faster.
    from quasarnet_al.spectra.tables import read_columns

    _, found = read_columns(path, columns, (), "give the production's table of tiles")
    missing = [name for name in columns if name not in found]
    if missing:
        raise InputError(path, f"lacks {', '.join(missing)}", "give the production's table")
    # numpy's strings keep the padding of FITS.
    texts = [[str(value).strip() for value in found[name]] for name in columns]
    return [dict(zip(columns, row, strict=True)) for row in zip(*texts, strict=True)]
