"""The tables of a production that list its tiles: the sample sheet of a run."""

import re
from collections.abc import Sequence
from pathlib import Path

from quasarnet_al.core.files import InputError

#: How a tile is written, by the layout in which a production keeps coadds (desidatamodel).
TILE_FORMS = {
    "cumulative": (r"[0-9]+/[0-9]{8}", "TILEID/NIGHT"),
    "perexp": (r"[0-9]+/[0-9]{8}", "TILEID/EXPID, the exposure with eight digits"),
    "healpix": (r"[a-z0-9]+/[a-z]+/[0-9]+", "SURVEY/PROGRAM/PIXEL"),
}


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
    tile_list : file with TILEIDs to take, one per line

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
        _refuse_absent(path, name, set(values) - {row[name] for row in rows}, "the config")
    asked = {str(tile) for tile in wanted or ()}
    _refuse_absent(path, "TILEID", asked - {row["TILEID"] for row in rows}, tile_list)
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


def _refuse_absent(path: str | Path, column: str, absent: set[str], asked: object) -> None:
    """Raise `InputError` where values that `asked` names are in no row of the table."""
    if absent:
        some = ", ".join(sorted(absent, key=lambda value: (len(value), value))[:5])
        more = f" and {len(absent) - 5} more" if len(absent) > 5 else ""
        raise InputError(path, f"has no {column} {some}{more}", f"leave them out of {asked}")


def _tile_list(path: str | Path) -> set[int]:
    try:
        return {int(line) for line in Path(path).read_text().split()}
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
