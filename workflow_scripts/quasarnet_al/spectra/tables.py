"""Small tables: lists of TARGETIDs from any of our files, FITS tables with provenance."""

import codecs
import contextlib
import gzip
import os
import re
import zlib
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import fitsio
import numpy as np

from quasarnet_al.core.files import InputError, fits_file, provenance, write_text
from quasarnet_al.spectra import hdus
from quasarnet_al.spectra.columns import COLUMNS, Column

if TYPE_CHECKING:
    import pandas as pd

#: Spectra that nobody looked at may be asked for again.
NOT_INSPECTED = "not inspected"
#: A spreadsheet's "Unicode text"; a mark of two bytes says it, and which of a pair comes first.
UTF_16 = "utf-16"


def write_fits(
    path: str | Path,
    extension: str,
    columns: dict[str, np.ndarray],
    comments: Mapping[str, str] | None = None,
    attributes: Mapping[str, object] | None = None,
) -> None:
    """Write one table, with its provenance and `attributes` in the header.

    Parameters
    ----------
    columns : arrays of n rows by name
    comments : what columns are that mean something else here than in `COLUMNS`
    """
    header = cards(provenance() | dict(attributes or {}))
    with fits_file(path) as fits:
        names = list(columns)
        fits.write([columns[n] for n in names], names=names, extname=extension, header=header)
        describe(fits[extension], names, comments or {})


def cards(record: Mapping[str, object]) -> list[dict]:
    """Return a record as cards of a FITS header; HIERARCH takes names of any length."""
    return [{"name": f"HIERARCH {key}", "value": value} for key, value in record.items()]


def describe(hdu: fitsio.hdu.TableHDU, names: Iterable[str], comments: Mapping[str, str]) -> None:
    """Write the units and the meaning of a table's columns into its header."""
    for number, name in enumerate(names, start=1):
        column = COLUMNS.get(name, Column(""))
        meaning = comments.get(name, column.meaning)
        if meaning:
            hdu.write_key(f"TTYPE{number}", name, comment=meaning)
        if column.unit:
            hdu.write_key(f"TUNIT{number}", column.unit)


def whole_number(text: str) -> int:
    """Return a TARGETID, int64, of its digits; raise ValueError for anything else.

    Never through a double: 39627634556011093 does not fit one, and a spreadsheet writes
    it as 3.96276E+16.
    """
    text = text.strip()
    if not re.fullmatch(r"-?[0-9]{1,19}", text) or not -(2**63) <= int(text) < 2**63:
        raise ValueError(f"TARGETID {text!r} is not a whole number (did a spreadsheet round it?)")
    return int(text)


def whole_numbers(texts: Iterable[object]) -> np.ndarray:
    """Return a column of TARGETIDs, int64; raise ValueError unless they are, and not rounded."""
    return not_rounded(np.array([whole_number(str(text)) for text in texts], dtype=np.int64))


def identifiers(values: np.ndarray, name: str = "TARGETID") -> np.ndarray:
    """Return a column of `read_columns` as int64; raise ValueError as `whole_numbers`."""
    if values.dtype.kind in "iu":
        return not_rounded(values.astype(np.int64))
    if values.dtype.kind not in "OSU":
        raise ValueError(f"{name} is not a column of whole numbers")
    return whole_numbers(values)


def not_rounded(targetids: np.ndarray) -> np.ndarray:
    """Return TARGETIDs, int64 (n,); raise ValueError where all of them were rounded."""
    to = rounding(targetids)
    if to:
        raise ValueError(f"all its TARGETIDs are rounded to {to}")
    return targetids


#: A spreadsheet keeps this many digits of a number.
DIGITS = 15


def rounding(targetids: np.ndarray) -> str:
    """Return to what all TARGETIDs, int64 (n,), were rounded, or ''.

    Less than one in a million tables looks so by chance. A rounded TARGETID may be that of
    another target.
    """
    ids = np.unique(targetids)
    for to, unit in ((f"{DIGITS} digits", _decimal_unit), ("double precision", _binary_unit)):
        units = unit(ids)
        if np.log10(units).sum() >= 6 and not (ids % units).any():
            return to
    return ""


def _decimal_unit(targetids: np.ndarray) -> np.ndarray:
    digits = np.char.str_len(np.abs(targetids).astype("U20"))
    return 10 ** np.maximum(digits - DIGITS, 0)


def _binary_unit(targetids: np.ndarray) -> np.ndarray:
    return np.maximum(np.spacing(np.abs(targetids).astype(np.float64)), 1).astype(np.int64)


def rounded(targetids: np.ndarray) -> np.ndarray:
    """Return what spreadsheets and doubles make of TARGETIDs: rounded, or cut off."""
    unit = _decimal_unit(targetids)
    made = [targetids // unit * unit, (targetids + unit // 2) // unit * unit]
    return np.concatenate([*made, targetids.astype(np.float64).astype(np.int64)])


def read_csv(path: str | Path, needed: Iterable[str], remedy: str) -> "pd.DataFrame":
    """Read a CSV with a column TARGETID, int64, and the `needed` columns.

    Raises
    ------
    InputError for a file that is not such a table, or whose TARGETIDs were rounded
    """
    table = read_any_csv(path, ("TARGETID", *needed), remedy)
    try:
        table["TARGETID"] = whole_numbers(table["TARGETID"])
    except ValueError as error:
        raise InputError(path, f"is not the table wanted here ({error})", remedy) from error
    return table


def read_any_csv(path: str | Path, needed: Iterable[str], remedy: str) -> "pd.DataFrame":
    """Read a CSV with the `needed` columns, TARGETID and SPECTYPE as text.

    Raises
    ------
    InputError for a file that is not such a table
    """
    import pandas as pd  # only here: it takes longer to start than the rest

    try:
        csv_header(path)
        table = pd.read_csv(
            path,
            dtype={"TARGETID": str, "SPECTYPE": str},
            encoding="utf-8-sig",
            low_memory=False,
        )
        if not isinstance(table.index, pd.RangeIndex):
            raise ValueError("its rows have more fields than its header")
        missing = [name for name in needed if name not in table]
        if missing:
            raise ValueError(f"it has no column {', '.join(missing)}")
    except (OSError, ValueError) as error:
        raise InputError(path, f"is not the table that is needed here ({error})", remedy) from error
    return table


def read_columns(
    path: str | Path, wanted: Collection[str], tables: Sequence[str], remedy: str
) -> tuple[str, dict[str, np.ndarray]]:
    """Read columns of a table that others made, CSV or FITS, whatever the case of its names.

    Parameters
    ----------
    wanted : names in capitals, a blank as an underscore
    tables : HDUs of a FITS file that are read rather than its first table, best first

    Returns
    -------
    the name of the HDU in capitals ('' for a CSV), and the columns that are there by name:
    text of a CSV as objects, NaN where empty; numbers of FITS that TNULL marks too

    Raises
    ------
    InputError for a file that is not a table, or that names a column twice
    """
    if _is_fits(path):
        return _read_fits_columns(path, wanted, tables, remedy)
    try:
        with _text(path) as lines:
            return "", _text_columns(lines, wanted)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise InputError(path, f"is not a table ({error})", remedy) from error


def _text(path: str | Path) -> TextIO:
    """Open a text, packed where its name says so; of its encodings see `decoded`."""
    opened: Any = gzip.open if Path(path).suffix.lower() == ".gz" else open
    with opened(path, "rb") as packed:
        encoding = _encoding(packed.read(2))
    with opened(path, "rt", encoding=encoding) as lines:
        try:
            while lines.read(2**20):
                pass
        except UnicodeDecodeError:
            if encoding == UTF_16:
                raise
            encoding = "latin-1"
    return opened(path, "rt", encoding=encoding)


def decoded(content: bytes) -> str:
    """Return a text that people hand in: UTF-8, UTF-16 by its mark, or what is neither in Latin-1.

    Spreadsheets write UTF-16 as "Unicode text", and Latin-1 on older systems.

    Raises
    ------
    ValueError for UTF-16 that is cut off
    """
    encoding = _encoding(content[:2])
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        if encoding == UTF_16:
            raise
        return content.decode("latin-1")


def _encoding(start: bytes) -> str:
    return UTF_16 if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


#: A spreadsheet that writes semicolons between cells writes a comma in numbers.
DECIMAL_COMMA = re.compile(r"^([^.,]*),([^.,]*)$")
#: What stands for nothing in a table of text.
NOTHING = {"", "--", "nan", "na", "n/a", "#n/a", "<na>", "null", "none"}


def _text_columns(lines: Iterable[str], wanted: Collection[str]) -> dict[str, np.ndarray]:
    header, rows = records(lines, wanted)
    places = _places(header, wanted)
    # A catalogue has a hundred columns and a million rows, of which a few columns count.
    columns: dict[str, list] = {name: [] for name in places}
    for number, fields in rows:
        if isinstance(fields, str):
            raise ValueError(f"line {number}: {fields}")
        if len(fields) != len(header):
            raise ValueError(f"line {number} has {len(fields)} fields, its header {len(header)}")
        for name, place in places.items():
            text = fields[place].strip()
            columns[name].append(np.nan if text.lower() in NOTHING else text)
    return {name: np.array(column, dtype=object) for name, column in columns.items()}


def records(
    lines: Iterable[str], wanted: Collection[str]
) -> tuple[list[str], Iterator[tuple[int, list[str] | str]]]:
    """Return the header of a table of text, and its rows.

    One line is one row, but for a proper row of CSV of which a field in quotes has line breaks;
    each is read as a blank. Rows without anything between their delimiters, and the header where
    it comes again in files that were joined, are left out.

    Fields are between commas, semicolons or tabs, whichever the header has most of, or between
    blanks where it has none of these. Comments before the header begin with #, as those of
    ECSV; the last of them is the header where it names more of the `wanted` columns than the
    line after it.

    Returns
    -------
    the names; and of each row the number of its line, and its fields or why there are none

    Raises
    ------
    ValueError for text without a header
    """
    numbered = ((number, line.rstrip("\r\n")) for number, line in enumerate(lines, 1))
    there: Iterator[tuple[int, str]] = (row for row in numbered if row[1].strip())
    first, comment = next(there, (0, "")), ""
    while first[1].startswith("#"):
        first, comment = next(there, (0, "")), first[1].lstrip("#")
    if not first[1]:
        raise ValueError("it is empty")
    if "\0" in first[1]:
        raise ValueError("it is not text")
    header, delimiter, count = _header(first[1], wanted)
    with contextlib.suppress(ValueError):
        names, between, more = _header(comment, wanted)
        if more > count:
            header, delimiter, there = names, between, chain([first], there)
    return header, _rows(there, header, delimiter)


def _header(line: str, wanted: Collection[str]) -> tuple[list[str], str, int]:
    """Return a header's names, what separates them, and how many of them are `wanted`."""
    delimiter = max(",;\t", key=line.count)
    delimiter = delimiter if delimiter in line else " "
    names = [name.strip() for name in split_record(line, delimiter)]
    return names, delimiter, len({*map(_plain, names)} & {*map(_plain, wanted)})


def _rows(
    lines: Iterator[tuple[int, str]], header: list[str], delimiter: str
) -> Iterator[tuple[int, list[str] | str]]:
    size = len(header)
    for number, line in _whole(lines, size, delimiter):
        if not line.replace(delimiter, "").strip():
            continue
        try:
            fields = split_record(line, delimiter)
        except ValueError as error:
            yield number, str(error)
            continue
        if len(fields) > size and header[-1].upper() == "VI_COMMENT":
            # Surplus fields can only come from a comment that holds bare delimiters.
            fields[size - 1 :] = [delimiter.join(fields[size - 1 :])]
        if fields[0].strip() != header[0] or [field.strip() for field in fields] != header:
            yield number, fields


def _whole(
    lines: Iterator[tuple[int, str]], size: int, delimiter: str
) -> Iterator[tuple[int, str]]:
    """Yield each row with the number of its first line.

    A line that may be a row is never taken into a field: where a quote is not closed, or what
    follows it is not proper CSV, each line stays a row of its own.
    """
    field = rf'(?:"(?:[^"]|"")*"|[^"{delimiter}]*)'
    proper = re.compile(rf"{field}(?:{delimiter}{field}){{{size - 1}}}")
    held: deque[tuple[int, str]] = deque()

    def following() -> tuple[int, str] | None:
        return held.popleft() if held else next(lines, None)

    while row := following():
        more: list[tuple[int, str]] = []
        quotes, is_row = row[1].count('"'), delimiter == " "
        while quotes % 2 and not is_row and (after := following()):
            more.append(after)
            quotes += after[1].count('"')
            is_row = after[1].count(delimiter) >= size - 1
        text = " ".join(line for _, line in [row, *more])
        if more and not is_row and proper.fullmatch(text):
            yield row[0], text
        else:
            held.extendleft(reversed(more))
            yield row


def split_record(line: str, delimiter: str) -> list[str]:
    """Split one line of CSV, proper or as older prospect wrote it; several blanks are one.

    Proper: a field in quotes, its quotes doubled. Older prospect: quotes doubled and each
    comma as `","`, with no quotes around the field. Both are read for what was meant.

    Raises
    ------
    ValueError
        A quote is not closed on this line.
    """
    if '"' not in line:
        return line.split(delimiter.strip(" ") or None)
    if delimiter == " ":
        line = line.strip()
    fields, field, at, size = [], "", 0, len(line)
    odd = f'"{delimiter}"'
    while True:
        # At the start of a field. `""x` opens no quotes: it is a doubled quote and text.
        bare = line[at : at + 2] == '""' and line[at + 2 : at + 3] not in ("", '"', delimiter)
        if line[at : at + 1] == '"' and not bare:
            match = re.compile(r'"((?:[^"]|"")*)"').match(line, at)
            if not match:
                raise ValueError("a quote is not closed on its line")
            field, at = match[1].replace('""', '"'), match.end()
        while at < size and line[at] != delimiter:
            if line.startswith(odd, at):
                field, at = field + delimiter, at + 3
            elif line.startswith('""', at):
                field, at = field + '"', at + 2
            else:
                field, at = field + line[at], at + 1
        fields.append(field)
        if at >= size:
            return fields
        field, at = "", at + 1
        while delimiter == " " == line[at]:
            at += 1


def _is_fits(path: str | Path) -> bool:
    if ".fits" in Path(path).name.lower():
        return True
    try:
        with open(path, "rb") as file:
            return file.read(6) == b"SIMPLE"
    except OSError:
        return False


def _read_fits_columns(
    path: str | Path, wanted: Collection[str], tables: Sequence[str], remedy: str
) -> tuple[str, dict[str, np.ndarray]]:
    with hdus.opened(path, "a FITS table", remedy) as fits:
        names = [hdu.get_extname().upper() for hdu in fits]
        number = next((names.index(name) for name in tables if name in names), None)
        if number is None:
            kinds = [hdu.get_exttype() for hdu in fits]
            number = next((k for k, kind in enumerate(kinds) if kind != "IMAGE_HDU"), None)
        if number is None:
            raise ValueError("it has no table")
        spelt = fits[number].get_colnames()
        places = _places(spelt, wanted)
        if not places or not fits[number].get_nrows():
            return names[number], {name: np.zeros(0, np.int64) for name in places}
        rows = fits[number].read(columns=[spelt[place] for place in places.values()])
        nulls = fits.every[number].nulls()
    columns = {name: _native(rows[spelt[place].upper()]) for name, place in places.items()}
    for name, place in places.items():
        null = nulls.get(spelt[place].upper())
        if null is not None and (empty := columns[name] == null).any():
            columns[name] = np.where(empty, np.nan, columns[name])
    return names[number], columns


def csv_header(path: str | Path) -> list[str]:
    """Return the names of a CSV's columns; raise ValueError where one is there twice."""
    import pandas as pd  # only here: it takes longer to start than the rest

    first = pd.read_csv(path, header=None, nrows=1, dtype=str, encoding="utf-8-sig")
    names = [str(name) for name in first.iloc[0].fillna("")]
    for name in names:
        if name and names.count(name) > 1:
            raise ValueError(f"its header names {name} twice")
    return names


def _plain(name: str) -> str:
    """Return a column's name in capitals, a blank as an underscore."""
    return name.strip().upper().replace(" ", "_")


def _places(names: Sequence[str], wanted: Collection[str]) -> dict[str, int]:
    """Return the place of each wanted column by its name in capitals."""
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        plain = _plain(name)
        if plain not in wanted:
            continue
        if plain in places:
            raise ValueError(f"its header names {plain} twice ({names[places[plain]]}, {name})")
        places[plain] = place
    return places


def read_targetids(paths: Iterable[str | Path]) -> np.ndarray:
    """Return the TARGETIDs, int64, of FITS files, of CSVs, and of lists of numbers.

    Of a FITS file the table CATALOG counts (a pool file), or its first table. Of a table of
    text (`read_columns`) it is the column TARGETID; rows whose STATUS says that nobody looked
    are left out. A list has one number per line; lines that start with # are comments.
    """
    found = [np.zeros(0, np.int64), *map(_targetids, paths)]
    return np.unique(np.concatenate(found))


def _targetids(path: str | Path) -> np.ndarray:
    remedy = "write plain digits, one per line, or a table with a column TARGETID"
    try:
        if not _is_fits(path):
            lines = decoded(Path(path).read_bytes()).splitlines()
            lines = [line for line in lines if line.strip() and not line.startswith("#")]
            if not (lines and re.search("[A-Za-z]{2}", lines[0])):
                return whole_numbers(lines)
        columns = read_columns(path, ("TARGETID", "STATUS"), ("CATALOG",), remedy)[1]
        if "TARGETID" not in columns:
            raise ValueError("it has no column TARGETID")
        looked = columns.get("STATUS", columns["TARGETID"]) != NOT_INSPECTED
        return identifiers(columns["TARGETID"][looked])
    except (OSError, ValueError) as error:
        raise InputError(path, f"is not a list of TARGETIDs ({error})", remedy) from error


def write_csv(
    path: str | os.PathLike, table: "pd.DataFrame", float_format: str | None = None
) -> None:
    """Write a table as CSV, text that a spreadsheet would run as a formula made harmless.

    Parameters
    ----------
    float_format : of the columns of floats, as `"%.6g"`; None writes every digit
    """
    import pandas as pd  # only here: it takes longer to start than the rest

    table = table.rename(columns=harmless)
    for column in table:
        if not pd.api.types.is_numeric_dtype(table[column]):
            # Of type object, as no column of text is formatted as numbers.
            safe = [harmless(value) for value in table[column]]
            table[column] = pd.Series(safe, index=table.index, dtype=object)
    write_text(path, table.to_csv(index=False, float_format=float_format, lineterminator="\n"))


#: What a spreadsheet runs: a cell's first character, or the first after a semicolon or a line's
#: end, where the semicolon separates cells. Tabs, spaces and apostrophes before it do not help;
#: the full-width forms are those of East Asian keyboards (OWASP, "CSV injection").
_FORMULA = r"[\s'\"]*[=+\-@＝＋－＠\t]"
_UNMARKED = re.compile(rf"(^|[;\r\n])(?={_FORMULA})")
_MARKED = re.compile(rf"(^|[;\r\n])'(?={_FORMULA})")


def harmless(text: object) -> object:
    """Put an apostrophe before text that a spreadsheet would run as a formula.

    Numbers, and lists of numbers with spaces between them, are not formulas.
    """
    if isinstance(text, str) and not all(map(is_number, text.split(" "))):
        return _UNMARKED.sub(r"\1'", text)
    return text


def as_typed(text: str) -> str:
    """Take away the apostrophes that `harmless` puts, so that text survives writing and reading."""
    return _MARKED.sub(r"\1", text)


def is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII) is not None


def read_table(
    path: str,
    extension: str,
    maker: str,
    columns: Sequence[str] | None = None,
    others: Sequence[str] = (),
) -> np.ndarray:
    """Read a FITS table in the machine's byte order; `maker` is the program to run again.

    Where `columns` are named, all of their values must be finite numbers, whole where `COLUMNS`
    says so; those of `others`, which are read beside them, may be anything.
    """
    what = f"a file with the table {extension}"
    with hdus.opened(path, what, f"make it with {maker}") as fits:
        if extension not in fits:
            raise ValueError(f"it has no table {extension}")
        wanted = [*columns, *others] if columns else None
        spelt = {name.upper(): name for name in fits[extension].get_colnames()}
        missing = set(wanted or ()) - set(spelt.values())
        if missing:
            raise ValueError(f"it has no column {', '.join(sorted(missing))}")
        rows = fits[extension].read(columns=wanted)
        # `opened` gives names in capitals; those of our own tables are as they were written.
        rows.dtype.names = [spelt[name] for name in rows.dtype.names]
        if wanted:
            # In one order, whatever the file's: tables are joined.
            rows = rows[wanted].astype([(name, rows.dtype[name]) for name in wanted])
        for name in columns or ():
            whole = name in COLUMNS and COLUMNS[name].kind.startswith("i")
            kinds, numbers = ("iu", "whole") if whole else ("fiu", "finite")
            if rows.dtype[name].kind not in kinds or not np.isfinite(rows[name]).all():
                raise ValueError(f"{name} has values that are not {numbers} numbers")
        return rows.astype(rows.dtype.newbyteorder("="))


def table(columns: Mapping[str, Column], rows: int, **strings: str) -> np.ndarray:
    """Return a structured array of `rows` defaults; `strings` adds columns, name=dtype."""
    dtype = [(name, column.kind) for name, column in columns.items()] + list(strings.items())
    result = np.zeros(rows, dtype=dtype)
    for name, column in columns.items():
        result[name] = column.default
    return result


def locate(targetids: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the row of each of the `wanted` (n,) among TARGETIDs (m,), and whether it is there.

    Of several rows of a target the first counts; where it is not there the row is any.
    """
    order = np.argsort(targetids, kind="stable")
    place = np.searchsorted(targetids, wanted, sorter=order)
    place = order[np.minimum(place, len(order) - 1)]
    return place, targetids[place] == wanted


def stack(tables: list[np.ndarray]) -> np.ndarray:
    """Concatenate tables of the same columns whose strings may differ in width."""
    tables = [np.asarray(t) for t in tables]
    dtype = []
    for name in tables[0].dtype.names or ():
        kinds = [t.dtype[name] for t in tables]
        dtype.append((name, max(kinds, key=lambda kind: kind.itemsize)))
    return np.concatenate([t.astype(dtype) for t in tables])


def check_columns(rows: np.ndarray, columns: Mapping[str, Column], *strings: str) -> np.ndarray:
    """Return a FITS table in the machine's byte order, as pandas and BLAS want it.

    Raises ValueError where one of the columns (as in `CATALOG`), or of those of text, is
    absent or of another kind.
    """
    kinds = {name: np.dtype(column.kind).kind for name, column in columns.items()}
    names = () if rows is None else rows.dtype.names or ()
    for name, kind in (kinds | dict.fromkeys(strings, "U")).items():
        if name not in names:
            raise ValueError(f"it has no column {name}")
        if rows.dtype[name].kind not in {"i": "iu", "f": "fiu", "U": "US"}[kind]:
            raise ValueError(f"its column {name} is of the wrong kind")
    return _native(rows)


def _native(rows: np.ndarray) -> np.ndarray:
    rows = rows.astype(rows.dtype.newbyteorder("="))
    for name in rows.dtype.names or ():
        if rows.dtype[name].kind == "U":
            rows[name] = np.char.rstrip(rows[name])
    return rows
