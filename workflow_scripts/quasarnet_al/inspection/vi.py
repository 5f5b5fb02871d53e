"""Visual inspection (VI): CSV files in and out.

The CSV is the one that prospect writes (github.com/desihub/prospect, `vi_file_fields`)
with four more columns, all optional: VI_BAL (empty, 0 or 1), VI_shown (what the inspector
saw of the ensemble before answering), VI_time (of the answer, ISO 8601; UTC where it has
no offset) and VI_answer, which says the answer once more (`REPEATED`). Text that a
spreadsheet would run as a formula is written with an apostrophe before it, which `read_vi`
removes again.
"""

import math
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from quasarnet_al.core.files import InputError
from quasarnet_al.spectra.columns import SPECTYPES, STAR_Z, Z_RANGE
from quasarnet_al.spectra.tables import (
    DECIMAL_COMMA,
    as_typed,
    decoded,
    is_number,
    records,
    whole_number,
    write_csv,
)
from quasarnet_al.spectra.truth import MIN_QUALITY, Z_TOLERANCE

ISSUES = "RCS"
#: The columns that prospect writes.
PROSPECT_COLUMNS = [
    "TARGETID",
    "EXPID",
    "NIGHT",
    "TILEID",
    "Spec_version",
    "Redrock_version",
    "Template_version",
    "Redrock_spectype",
    "Redrock_z",
    "Redrock_deltachi2",
    "VI_scanner",
    "VI_quality",
    "VI_issue",
    "VI_z",
    "VI_spectype",
    "VI_comment",
]
#: The columns without which a file holds no answers.
NEEDED = ("TARGETID", "VI_quality", "VI_z", "VI_spectype")
VI_COLUMNS = [*PROSPECT_COLUMNS, "VI_BAL", "VI_shown", "VI_time", "VI_answer"]
#: What VI_answer repeats, a bar between each two, so that a column that was sorted or moved by
#: itself is found: its answers are about other targets.
REPEATED = ("TARGETID", "VI_quality", "VI_issue", "VI_z", "VI_spectype", "VI_BAL")
ROW_COLUMNS = [
    "FILE",
    "PAGE",
    "LINE",
    "TARGETID",
    "INSPECTOR",
    "SPECTYPE",
    "Z",
    "QUALITY",
    "BAL",
    "ISSUE",
    "COMMENT",
    "SHOWN",
    "TIME",
    "REDROCK_Z",
]
#: Nobody answers so many spectra of a page anew and leaves no earlier answer as it was.
MANY = 10
#: Files hold redrock's redshift with four decimals.
REDROCK_DIGITS = 1e-4
#: All time zones are whole multiples of this from each other, seconds.
ZONE = 900
#: What of a time has been lost, seconds, by what is left of it.
_LOST = ((r":\d\d:\d\d[.,]", 0.0), (r":\d\d:\d\d", 0.999), (r"\d:\d\d", 59.999), ("", 86399.999))
#: File names of our pages, whose titles end in a known way, then of prospect's.
#: A copy of ours may have words before its name ("Copy of desi-vi_...").
_NAMES = [
    re.compile(
        rf"{words}desi-vi_(?P<title>{title})_(?P<user>{user}?)(?: ?\(\d+\))?\.(?i:csv)$", re.DOTALL
    )
    for words, title, user in (
        (r"^(?:.*?[\W_])??", r".*-(?:minibatch-\d+|adjudication(?:-\d+)?)", ".*"),
        ("^", ".*", "[^_]*"),
    )
]


class _Refused(Exception):
    """Why a row is refused."""


def read_vi(
    path: str | os.PathLike,
    spectypes: Sequence[str] = SPECTYPES,
    redshifts: bool = True,
    batch: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, list[tuple[int, str, str]]]:
    """Read what one inspector handed in.

    Parameters
    ----------
    path : CSV of this project's pages or of prospect: comma, semicolon or tab, quoted
        fields or prospect's older unquoted comments (a comma as `","`, a quote doubled),
        UTF-8 or Latin-1, any line ends; rows as `tables.records` finds them.
    spectypes, redshifts : what an answer may say, see `tasks.Task`
    batch : of `learning.batch.read_batch`, what the answers are about

    Returns
    -------
    rows : columns `ROW_COLUMNS`. An empty VI_z or VI_spectype means that the inspector
        accepts redrock's, so Z and SPECTYPE hold redrock's there (nan and '' where there
        is none). REDROCK_Z is the file's own, nan where it has none.
        A star without VI_z whose redrock redshift is not that of a star gets z = 0.
        QUALITY -1 is "not set", BAL -1 unknown.
    refused : (line number, TARGETID as written, reason) of every other row. A row that
        contradicts itself, a star with |z| > `STAR_Z` or a quasar with z < `STAR_Z`, is
        refused from quality 2 on; below, a class and a redshift never become a label.
        Only a quasar needs a redshift. A row is also refused whose TARGETID is not that of
        VI_answer, or whose cell is not what VI_answer says in a column that was sorted by
        itself (`_sorted_columns`); a cell that differs elsewhere was changed by somebody. All
        rows are refused where redrock's redshifts are those of other targets of the batch
        (`_of_others`).

    Raises
    ------
    InputError
        The file is absent, empty, not text, or lacks a needed column.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(
            path, f"cannot be read ({error.strerror or error})", "check the name"
        ) from error
    return parse_vi(path, content, spectypes, redshifts, batch)


def parse_vi(
    path: str | os.PathLike,
    content: bytes,
    spectypes: Sequence[str] = SPECTYPES,
    redshifts: bool = True,
    batch: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, list[tuple[int, str, str]]]:
    """Read the content of a file as `read_vi` does; `path` names it in errors and rows."""
    name = Path(path).name
    header, table = _read_table(path, content, NEEDED)
    title, user = _title_and_user(name)
    rows, refused, whole = [], [], []
    for line, fields in table:
        try:
            whole.append((line, fields, _cells(header, fields)))
        except _Refused as reason:
            refused.append((line, _written_target(header, fields), str(reason)))
    alone = _sorted_columns([cell for *_, cell in whole])
    for line, fields, cell in whole:
        try:
            _refuse_moved(cell, alone)
            rows.append(
                (name, title, line, *_vi_row(cell, user or "unknown", spectypes, redshifts))
            )
        except _Refused as reason:
            refused.append((line, _written_target(header, fields), str(reason)))
    answers = _frame(rows, ROW_COLUMNS)
    moved = _of_others(answers, batch)
    if moved:
        refused += [(line, str(target), moved) for _, _, line, target, *_ in rows]
        answers = empty_rows()
    return answers, sorted(refused)


def read_answers(
    paths: Iterable[str | os.PathLike],
    spectypes: Sequence[str] = SPECTYPES,
    redshifts: bool = True,
    batch: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, dict[str, str], list[tuple]]:
    """Read several files as `read_vi` does.

    Returns
    -------
    rows : of all files, as `collect` returns them
    faults : what is wrong with the files that cannot be read at all, by name
    refused : rows that are refused, as `REFUSED_COLUMNS`
    """
    tables: list[pd.DataFrame] = []
    faults: dict[str, str] = {}
    refused: list[tuple] = []
    for path in paths:
        try:
            rows, rejected = read_vi(path, spectypes, redshifts, batch)
        except InputError as error:
            faults[Path(path).name] = str(error)
            continue
        tables.append(rows)
        refused += [(Path(path).name, *row) for row in rejected]
    return collect(tables), faults, refused


def collect(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Join the rows of several files; an inspector is spelled in one way, whatever the case.

    Two people may have chosen one name on one page. What one person saves of a page at two
    times has, for every spectrum, answers of the second time that are as late or later; where
    of two files each has a later answer than the other, or where of `MANY` common spectra or
    more none was answered in the same minute, two people (or one person at two screens) have
    answered, and the second in the order of the files' names gets a name of its own, such as
    `Ann (2)`.

    A copy of a file in which a spreadsheet has moved all times by a time zone is of the same
    person: its times are moved back.

    PAGE is the title in a file's name. A file without one was renamed: its answers that have a
    time are of the page on which the same person answered about the same target, if it is one.
    """
    rows = pd.concat([empty_rows(), *tables], ignore_index=True)
    spelled = {name.casefold(): name for name in sorted(rows["INSPECTOR"], reverse=True)}
    rows["INSPECTOR"] = [spelled[name.casefold()] for name in rows["INSPECTOR"]]
    rows["PAGE"] = _pages(rows)
    rows["TIME"] = _by_one_clock(rows)
    names = rows["INSPECTOR"].to_numpy(dtype=object, copy=True)
    for (inspector, _), group in rows.groupby(["INSPECTOR", "PAGE"], sort=True):
        # The files of each person: every one in the order of time with all others.
        people: list[list[dict[int, float]]] = []
        for _, file in group.groupby("FILE", sort=True):
            times = _times(file)
            fits = [all(_one_after_another(times, other) for other in saved) for saved in people]
            number = fits.index(True) + 1 if True in fits else len(people) + 1
            people += [[]] * (number > len(people))
            people[number - 1] = [*people[number - 1], times]
            if number > 1:
                names[file.index] = f"{inspector} ({number})"
    rows["INSPECTOR"] = names
    return rows


def _pages(rows: pd.DataFrame) -> list[str]:
    """Return the page of each answer, see `collect`."""
    dated = rows["TIME"].map(moment) > -math.inf
    decides = rows["PAGE"].str.contains(r"-adjudication(?:-\d+)?$").astype(bool)
    keys = ["INSPECTOR", "TARGETID"]
    pages = rows[dated & ~decides & (rows["PAGE"] != "")].groupby(keys)["PAGE"].unique()
    only = {key: found[0] for key, found in pages.items() if len(found) == 1}
    return [
        only.get(key, "") if has_time and not page else page
        for page, has_time, key in zip(
            rows["PAGE"], dated, rows[keys].itertuples(index=False, name=None), strict=True
        )
    ]


def _by_one_clock(rows: pd.DataFrame) -> pd.Series:
    """Return the times of all answers, those of copies in another time zone moved back."""
    texts = rows["TIME"].copy()
    for _, group in rows.groupby(["INSPECTOR", "PAGE"], sort=True):
        files: list[dict[tuple, float]] = []
        for _, file in group.groupby("FILE", sort=True):
            said = file[["TARGETID", "SPECTYPE", "QUALITY", "BAL"]].assign(Z=file["Z"].fillna(-1))
            moments = file["TIME"].map(moment)
            times = dict(zip(said.itertuples(index=False, name=None), moments, strict=True))
            zone = next((zone for other in files if (zone := _zone_between(other, times))), 0)
            if zone:
                texts[file.index] = [_moved(text, zone) for text in file["TIME"]]
            files.append({answer: time - zone for answer, time in times.items()})
    return texts


def _zone_between(one: dict[tuple, float], two: dict[tuple, float]) -> int:
    """Return by how many seconds the second is a copy of the first in another time zone, or 0.

    Of the answers that both have, `MANY` or more and most are apart by it, to the second.
    """
    apart = [two[answer] - one[answer] for answer in one.keys() & two.keys()]
    apart = [seconds for seconds in apart if math.isfinite(seconds)]
    zones = Counter(round(x / ZONE) * ZONE for x in apart if abs(x - round(x / ZONE) * ZONE) <= 1)
    zone, count = max(zones.items(), key=lambda item: item[1], default=(0, 0))
    return zone if count >= MANY and 2 * count > len(apart) else 0


def _moved(text: str, zone: int) -> str:
    """Return a time that is `zone` seconds earlier; one without seconds stays as it is."""
    lost = latest(text) - moment(text)
    if not lost < 1:
        return text
    time = datetime.fromisoformat(text.strip()) - timedelta(seconds=zone)
    return time.isoformat(timespec="seconds" if lost else "milliseconds")


def _times(rows: pd.DataFrame) -> dict[int, float]:
    """Return when each target was answered last; those without a readable time are left out."""
    times: dict[int, float] = {}
    for targetid, text in zip(rows["TARGETID"], rows["TIME"], strict=True):
        time = moment(text)
        if time > -math.inf:
            times[targetid] = max(time, times.get(targetid, -math.inf))
    return times


def _one_after_another(one: dict[int, float], two: dict[int, float]) -> bool:
    """Return whether two files can be of one page, saved twice by one person."""
    apart = [two[key] - one[key] for key in one.keys() & two.keys()]
    # A spreadsheet may round a time to the second.
    later = {seconds > 0 for seconds in apart if abs(seconds) > 1}
    anew = len(apart) >= MANY and all(abs(seconds) > 60 for seconds in apart)
    return len(later) < 2 and not anew


def moment(text: str) -> float:
    """Return a VI_time as seconds since 1970; -inf where it cannot be read.

    A time without an offset is UTC.
    """
    try:
        time = datetime.fromisoformat(text.strip())
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return -math.inf


def latest(text: str) -> float:
    """Return the latest time that a VI_time may stand for, as `moment`; inf where unreadable.

    A spreadsheet drops fractions of seconds, or keeps the minute or the day alone. What is
    empty has no time: -inf.
    """
    if not text or moment(text) == -math.inf:
        return math.inf if text else -math.inf
    lost = next(seconds for pattern, seconds in _LOST if re.search(pattern, text))
    return moment(text) + lost


def write_vi(path: str | os.PathLike, table: pd.DataFrame) -> None:
    """Write a VI CSV with those of `VI_COLUMNS` that `table` has, as prospect does."""
    write_csv(path, table[[column for column in VI_COLUMNS if column in table]])


def title_of(name: str) -> str:
    """Return the page title in a file name `desi-vi_<title>_<user>.csv`, or ''."""
    return _title_and_user(name)[0]


def _title_and_user(name: str) -> tuple[str, str]:
    matches = [match for match in (pattern.match(name) for pattern in _NAMES) if match]
    return (matches[0]["title"], matches[0]["user"]) if matches else ("", "")


def _frame(rows: list[tuple], columns: list[str]) -> pd.DataFrame:
    kinds = {
        "LINE": "int64",
        "TARGETID": "int64",
        "Z": "float64",
        "BAL": "int64",
        "REDROCK_Z": "float64",
    }
    kinds["QUALITY"] = "int64" if columns is ROW_COLUMNS else "float64"
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype({key: kind for key, kind in kinds.items() if key in columns})


def _vi_row(cell: dict[str, str], user: str, spectypes: Sequence[str], redshifts: bool) -> tuple:
    try:
        targetid = whole_number(cell["TARGETID"])
    except ValueError as error:
        raise _Refused(str(error)) from error
    quality = _number(cell, "VI_quality", -1)
    if quality not in (-1, 0, 1, 2, 3, 4):
        raise _Refused(f"VI_quality {cell['VI_quality']!r} is not one of -1, 0, 1, 2, 3, 4")
    vi_z = _redshift(cell, "VI_z")
    # prospect writes -1 where there is no redrock.
    redrock_z = _number(cell, "Redrock_z", math.nan)
    if not Z_RANGE[0] <= redrock_z <= Z_RANGE[1]:
        redrock_z = math.nan
    spectype = _spectype(cell, "VI_spectype", spectypes)
    if not spectype and cell.get("Redrock_spectype", "").upper() in spectypes:
        spectype = cell["Redrock_spectype"].upper()
    z = redrock_z if math.isnan(vi_z) else vi_z
    if spectype == "STAR" and math.isnan(vi_z) and not abs(redrock_z) <= STAR_Z:
        z = 0.0
    if quality >= MIN_QUALITY:
        if not spectype:
            raise _Refused("has neither VI_spectype nor Redrock_spectype")
        if redshifts and spectype == "QSO" and math.isnan(z):
            raise _Refused("has neither VI_z nor a Redrock_z")
        if spectype == "QSO" and math.isnan(vi_z) and z <= STAR_Z:
            raise _Refused(f"is a QSO without VI_z, and redrock's z = {z} is that of a star")
    if redshifts and quality >= 2:
        if spectype == "STAR" and abs(z) > STAR_Z:
            raise _Refused(f"is a STAR at z = {z}: a star has |z| of at most {STAR_Z}")
        if spectype == "QSO" and z < STAR_Z:
            raise _Refused(f"is a QSO at z = {z}: a quasar has z of at least {STAR_Z}")
    bal = _number(cell, "VI_BAL", -1)
    if bal not in (-1, 0, 1):
        raise _Refused(f"VI_BAL {cell['VI_BAL']!r} is not empty, 0 or 1")
    return (
        *(targetid, _name(cell.get("VI_scanner") or user), spectype, z, int(quality), int(bal)),
        *(_issue(cell.get("VI_issue", "")), cell.get("VI_comment", "")),
        *(cell.get("VI_shown", ""), cell.get("VI_time", ""), redrock_z),
    )


def _said(cell: dict[str, str]) -> dict[str, str]:
    """Return what VI_answer says of the columns that a row has; nothing where it is empty."""
    said = cell.get("VI_answer", "")
    texts = said.split("|") + [""] * len(REPEATED)
    return {n: text for n, text in zip(REPEATED, texts, strict=False) if said and n in cell}


def _sorted_columns(cells: Sequence[dict[str, str]]) -> list[str]:
    """Return the columns of a file that were sorted or moved by themselves.

    They hold what VI_answer says in another order, or something else in most rows. Where a few
    cells differ, somebody changed answers in the file.
    """
    found, rows = [], [(cell, _said(cell)) for cell in cells]
    for name in REPEATED:
        pairs = [(_plain(cell[name]), _plain(said[name])) for cell, said in rows if name in said]
        other = sum(have != said for have, said in pairs)
        have, said = (Counter(side) for side in zip(*pairs, strict=True)) if pairs else ({}, {})
        if other and (have == said or other > max(2, len(pairs) / 2)):
            found.append(name)
    return found


def _refuse_moved(cell: dict[str, str], alone: Collection[str]) -> None:
    """Refuse a row that is not what its VI_answer says in its TARGETID or a column of `alone`."""
    for name, said in _said(cell).items():
        if name in ("TARGETID", *alone) and _plain(cell[name]) != _plain(said):
            raise _Refused(
                f"{name} {cell[name]!r} is not what VI_answer says ({said!r}): a spreadsheet has "
                "rounded it, or sorted one column by itself; hand in the CSV as the page saved it"
            )


def _of_others(rows: pd.DataFrame, batch: pd.DataFrame | None) -> str:
    """Say that TARGETID was sorted without the other columns of a file, or nothing.

    Redrock's redshifts tell, where file and batch have them: in such a file most are those of
    other targets of the batch. Redrock run again gives a few targets another redshift.
    """
    if batch is None or "REDROCK_Z" not in batch:
        return ""
    known = batch.set_index("TARGETID")["REDROCK_Z"].dropna()
    rows = rows[rows["TARGETID"].isin(known.index) & rows["REDROCK_Z"].notna()]
    z, own = rows["REDROCK_Z"].to_numpy(), known[rows["TARGETID"]].to_numpy()
    others = (np.abs(z[:, None] - known.to_numpy()) < REDROCK_DIGITS).any(axis=1)
    moved = others & (np.abs(z - own) >= Z_TOLERANCE * (1 + own))
    if moved.sum() <= (np.abs(z - own) < REDROCK_DIGITS).sum():
        return ""
    row = rows[moved].iloc[0]
    return (
        f"Redrock_z {row['REDROCK_Z']:.4f} of line {row['LINE']} is not that of TARGETID "
        f"{row['TARGETID']} but of another, and so are most: a column was sorted by itself; hand "
        "in the CSV as the page or prospect saved it"
    )


def _plain(text: str) -> int | float | str:
    """Return a cell as it is compared: numbers by their value, words in small letters."""
    text = DECIMAL_COMMA.sub(r"\1.\2", text.strip())
    if re.fullmatch("-?[0-9]+", text):
        return int(text)
    return float(text) if is_number(text) else text.casefold()


def _name(text: str) -> str:
    """Return an inspector's name in one spelling: accents as one letter, blanks as one blank."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _number(cell: dict[str, str], column: str, empty: float | None = None) -> float:
    text = cell.get(column, "")
    if text in ("", "nan", "NaN", "None", "--") and empty is not None:
        return empty
    number = DECIMAL_COMMA.sub(r"\1.\2", text)
    if not is_number(number):
        raise _Refused(f"{column} {text!r} is not a number")
    return float(number)


def _redshift(cell: dict[str, str], column: str) -> float:
    z = _number(cell, column, math.nan)
    if not math.isnan(z) and not Z_RANGE[0] <= z <= Z_RANGE[1]:
        raise _Refused(f"{column} {cell[column]!r} is outside {Z_RANGE[0]}..{Z_RANGE[1]}")
    return z


def _spectype(cell: dict[str, str], column: str, spectypes: Sequence[str]) -> str:
    text = cell[column].upper()
    if text and text not in spectypes:
        allowed = f"{', '.join(spectypes[:-1])} or {spectypes[-1]}"
        raise _Refused(f"{column} {cell[column]!r} is not {allowed}")
    return text


def _issue(text: str) -> str:
    return "".join(letter for letter in ISSUES if letter in text.upper())


def _read_table(
    path: str | os.PathLike, content: bytes, needed: tuple[str, ...]
) -> tuple[list[str], list[tuple[int, list[str] | str]]]:
    """Return the header and (line number, fields, or why there are none) of each row."""
    try:
        text = decoded(content)
        if "\0" in text:
            raise InputError(path, "is not a text file", "hand in the CSV itself")
        header, rows = records(re.split(r"\r\n|\r|\n", text), needed)
    except ValueError as error:
        raise InputError(path, f"is not a table ({error})", "hand in the CSV itself") from error
    missing = [name for name in needed if name not in header]
    if missing:
        raise InputError(
            path, f"has no column {', '.join(missing)}", "hand in a VI CSV with its header line"
        )
    # A spreadsheet that once had more columns leaves columns without a name.
    named = [name for name in header if name]
    if len(set(named)) < len(named):
        raise InputError(path, "names a column twice in its header", "correct the header line")
    return header, list(rows)


def _cells(header: list[str], fields: list[str] | str) -> dict[str, str]:
    if isinstance(fields, str):
        raise _Refused(fields)
    if len(fields) != len(header):
        raise _Refused(f"has {len(fields)} fields, the header {len(header)}")
    return {name: as_typed(field.strip()) for name, field in zip(header, fields, strict=True)}


def _written_target(header: list[str], fields: list[str] | str) -> str:
    at = header.index("TARGETID")
    return fields[at].strip() if not isinstance(fields, str) and at < len(fields) else ""


def empty_rows() -> pd.DataFrame:
    """Return a table without answers, with the columns and types of `read_vi`."""
    return _frame([], ROW_COLUMNS)
