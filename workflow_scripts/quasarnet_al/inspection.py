"""Visual inspection (VI): CSV files in and out, merging, agreement between inspectors.

The CSV is the one that prospect writes (github.com/desihub/prospect, `vi_file_fields`)
with three more columns, all optional: VI_BAL (empty, 0 or 1), VI_shown (what of the
ensemble the inspector saw before answering) and VI_time (UTC, ISO 8601, of the answer).
Text that a spreadsheet would run as a formula is written with an apostrophe before it,
which `read_vi` takes away again.
"""

import itertools
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from quasarnet_al import files
from quasarnet_al.classify import SPECTYPES
from quasarnet_al.files import InputError
from quasarnet_al.tables import read_csv
from quasarnet_al.truth import MIN_QUALITY, Z_RANGE

ISSUES = "RCS"
#: A person decides where (max - min) / (1 + min) of the redshifts reaches this, or where
#: the qualities differ by this much (DESI survey validation, Alexander et al. 2023).
Z_TOLERANCE = 0.0033
#: Inspectors below this kappa agree at most fairly (Landis & Koch 1977, Biometrics 33, 159),
#: and one below this share of equal answers to the same spectrum is not steady; judged on
#: this many spectra.
FAIR, STEADY, FEW = 0.4, 0.7, 10
QUALITY_TOLERANCE = 2
#: A star's redshift is a velocity below 3000 km/s.
STAR_Z = 0.01
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
VI_COLUMNS = [*PROSPECT_COLUMNS, "VI_BAL", "VI_shown", "VI_time"]
ROW_COLUMNS = [
    "FILE",
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
]
LABEL_COLUMNS = [
    "TARGETID",
    "SPECTYPE",
    "Z",
    "QUALITY",
    "BAL",
    "N_INSPECTORS",
    "ACCEPTED",
    "STATUS",
    "INSPECTORS",
    "ISSUE",
    "COMMENT",
]
REFUSED_COLUMNS = ["FILE", "LINE", "TARGETID", "REASON"]

_FORMULA = re.compile(r"^'(?='*[=+\-@])")
#: File names of our pages, whose titles end in a known way, then of prospect's.
_NAMES = [
    re.compile(rf"^desi-vi_(?P<title>{title})_(?P<user>{user}?)(?: ?\(\d+\))?\.csv$", re.DOTALL)
    for title, user in ((r".*-(?:minibatch-\d+|adjudication)", ".*"), (".*", "[^_]*"))
]


class _Refused(Exception):
    """Why a row is not taken."""


def read_vi(
    path: str | os.PathLike, spectypes: Sequence[str] = SPECTYPES, redshifts: bool = True
) -> tuple[pd.DataFrame, list[tuple[int, str, str]]]:
    """Read what one inspector handed in.

    Parameters
    ----------
    path : CSV of this project's pages or of prospect: comma, semicolon or tab, quoted
        fields or prospect's older unquoted comments (a comma as `","`, a quote doubled),
        UTF-8 or Latin-1, any line ends. One line is one row.
    spectypes, redshifts : what an answer may say, see `tasks.Task`

    Returns
    -------
    rows : columns `ROW_COLUMNS`. An empty VI_z or VI_spectype means that the inspector
        accepts redrock's, so Z and SPECTYPE hold redrock's there (nan and '' where there
        is none, only below quality 3). A star without VI_z whose redrock redshift is no
        star's gets z = 0. QUALITY -1 is "not set", BAL -1 unknown.
    refused : (line number, TARGETID as written, reason) of every other row

    Raises
    ------
    InputError
        The file is absent, empty, no text or has not the needed columns.
    """
    name = Path(path).name
    header, records = _read_table(path, ("TARGETID", "VI_quality", "VI_z", "VI_spectype"))
    user = _title_and_user(name)[1] or "unknown"
    rows, refused = [], []
    for line, fields in records:
        try:
            cell = _cells(header, fields)
            rows.append((name, line, *_vi_row(cell, user, spectypes, redshifts)))
        except _Refused as reason:
            refused.append((line, _written_target(header, fields), str(reason)))
    return _frame(rows, ROW_COLUMNS), refused


def read_answers(
    paths: Iterable[str | os.PathLike],
    spectypes: Sequence[str] = SPECTYPES,
    redshifts: bool = True,
) -> tuple[pd.DataFrame, dict[str, str], list[tuple]]:
    """Read several files as `read_vi` does.

    Returns
    -------
    rows : of all files; an inspector is written in one way, whatever the case
    faults : what is wrong with the files that cannot be read at all, by name
    refused : rows that are not taken, as `REFUSED_COLUMNS`
    """
    tables, faults, refused = [empty_rows()], {}, []
    for path in paths:
        try:
            rows, rejected = read_vi(path, spectypes, redshifts)
        except InputError as error:
            faults[Path(path).name] = str(error)
            continue
        tables.append(rows)
        refused += [(Path(path).name, *row) for row in rejected]
    rows = pd.concat(tables)
    spelled = {name.casefold(): name for name in sorted(rows["INSPECTOR"], reverse=True)}
    rows["INSPECTOR"] = [spelled[name.casefold()] for name in rows["INSPECTOR"]]
    return rows, faults, refused


def read_batch(path: str | os.PathLike) -> pd.DataFrame:
    """Read `batch.csv`; TARGETID and MINIBATCH are int64."""
    table = read_csv(path, ("MINIBATCH",), "make it again")
    if not len(table) or table["TARGETID"].duplicated().any():
        raise InputError(path, "has no rows, or a TARGETID twice", "make it again")
    if table["MINIBATCH"].dtype.kind != "i":
        raise InputError(path, "has a MINIBATCH that is no whole number", "make it again")
    return table


def write_vi(path: str | os.PathLike, table: pd.DataFrame) -> None:
    """Write a VI CSV with those of `VI_COLUMNS` that `table` has, as prospect does."""
    write_csv(path, table[[column for column in VI_COLUMNS if column in table]])


def write_csv(path: str | os.PathLike, table: pd.DataFrame) -> None:
    """Write a table as CSV, text that a spreadsheet would run made harmless."""
    table = table.copy()
    for column in table:
        if not pd.api.types.is_numeric_dtype(table[column]):
            table[column] = [harmless(value) for value in table[column]]
    with files.replacing(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def harmless(text: object) -> object:
    """Put an apostrophe before text that a spreadsheet would run as a formula."""
    if isinstance(text, str) and re.match(r"'*[=+\-@]", text) and not _is_number(text):
        return "'" + text
    return text


def merge(
    rows: pd.DataFrame, targetids: Iterable[int]
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, object]]:
    """Merge what inspectors handed in for one batch.

    The result depends on what was answered, not on the order or number of the files that
    say it. Per target:

    * The opinions are the rows with a quality set. Equal opinions of one inspector count
      once. Of one inspector's different opinions on one page (the title in the file's
      name) the latest VI_time counts; without times, or on two pages, all count.
    * Rows of a file whose title ends in `-adjudication` replace all other opinions.
    * Qualities that differ by 2 or more, redshifts with (max - min) / (1 + min) >= 0.0033
      or different classes are a conflict: no class and no redshift until adjudicated.
    * Else redshift and quality are means, the class is the common one, BAL the majority
      of those who set it (-1 on a tie); accepted from quality 2.5 on.

    Parameters
    ----------
    rows : `read_vi` of all files, concatenated
    targetids : the batch

    Returns
    -------
    labels : `LABEL_COLUMNS`, one row a target in the order of the batch
    refused : `REFUSED_COLUMNS`: rows about targets that are not in the batch
    agreement : see `agreement`, with the counts of the merge
    """
    targetids = list(dict.fromkeys(int(targetid) for targetid in targetids))
    rows = rows.drop_duplicates().sort_values(["FILE", "LINE"], kind="stable")
    here = rows["TARGETID"].isin(targetids)
    refused = rows.loc[~here, ["FILE", "LINE", "TARGETID"]].assign(
        REASON="TARGETID is not in this batch (another round's page?)"
    )
    rows = rows[here]
    groups = {int(key): list(group.itertuples(index=False)) for key, group in _by_target(rows)}
    labels = [_merge_target(targetid, groups.get(targetid, [])) for targetid in targetids]
    labels = pd.DataFrame(labels, columns=LABEL_COLUMNS)
    status = Counter(labels["STATUS"])
    report = {
        "targets": len(targetids),
        **{key: status[key] for key in ("accepted", "low quality", "conflict", "not inspected")},
        "rows": len(rows),
        "rows without a quality": int((rows["QUALITY"] < 0).sum()),
        **agreement(rows),
    }
    return labels, refused[REFUSED_COLUMNS].reset_index(drop=True), report


def agreement(rows: pd.DataFrame) -> dict[str, object]:
    """Say how well inspectors agree, before adjudication.

    Returns
    -------
    dict with `fleiss kappa` of the class over all targets seen by two or more (Fleiss
    1971, with the number of inspectors free to vary), `cohen` for each pair (Cohen 1960:
    kappa of the class, share of equal classes, share of redshifts within `Z_TOLERANCE`),
    `redshift agreement` over all pairs, and per inspector the answers, mean quality, the
    share answered after looking at the ensemble, and the share of their own repeats with
    the same class. A share or kappa that is not defined is None. `doubts` says in words
    whose answers look like chance.
    """
    adjudicated = rows["FILE"].map(_is_adjudication).astype(bool)
    rows = rows[(rows["QUALITY"] >= 0) & ~adjudicated]
    # The opinion that stands for an inspector where there are several: the first, since
    # a repeated look measures consistency and not agreement.
    answers: dict[str, dict[int, object]] = {}
    repeats: dict[str, list[bool]] = {}
    for targetid, group in _by_target(rows):
        for row in _opinions(list(group.itertuples(index=False))):
            mine = answers.setdefault(row.INSPECTOR, {})
            if targetid in mine:
                same = mine[targetid].SPECTYPE == row.SPECTYPE
                repeats.setdefault(row.INSPECTOR, []).append(same)
            mine.setdefault(targetid, row)
    pairs, all_close = [], []
    for one, two in itertools.combinations(sorted(answers), 2):
        common = sorted(answers[one].keys() & answers[two].keys())
        if not common:
            continue
        a = [answers[one][targetid] for targetid in common]
        b = [answers[two][targetid] for targetid in common]
        close = [
            _spread([x.Z, y.Z]) < Z_TOLERANCE
            for x, y in zip(a, b, strict=True)
            if np.isfinite([x.Z, y.Z]).all()
        ]
        all_close += close
        classes = [row.SPECTYPE for row in a], [row.SPECTYPE for row in b]
        pairs.append(
            {
                "inspectors": [one, two],
                "targets": len(common),
                "kappa": cohen_kappa(*classes),
                "same class": _share([x == y for x, y in zip(*classes, strict=True)]),
                "same redshift": _share(close),
            }
        )
    ratings: dict[int, list[str]] = {}
    for mine in answers.values():
        for targetid, row in mine.items():
            ratings.setdefault(targetid, []).append(row.SPECTYPE)
    own = {
        inspector: {
            "answers": len(mine),
            "mean quality": round(float(np.mean([r.QUALITY for r in mine.values()])), 4),
            "saw the ensemble first": _share(["ensemble" in r.SHOWN for r in mine.values()]),
            "repeats with the same class": _share(repeats.get(inspector, [])),
        }
        for inspector, mine in sorted(answers.items())
    }
    return {
        "doubts": _doubts(pairs, own, repeats),
        "seen by two or more": sum(len(classes) > 1 for classes in ratings.values()),
        "fleiss kappa": fleiss_kappa(ratings.values()),
        "redshift agreement": _share(all_close),
        "cohen": pairs,
        "inspectors": own,
    }


def _doubts(pairs: list[dict], own: dict[str, dict], repeats: dict[str, list]) -> list[str]:
    """Say whose answers look like chance; a person decides what to do about it."""
    told = [
        f"{' and '.join(pair['inspectors'])} agree hardly more than by chance (kappa "
        f"{pair['kappa']:.2f} on {pair['targets']} targets): look at their answers."
        for pair in pairs
        if pair["targets"] >= FEW and pair["kappa"] is not None and pair["kappa"] < FAIR
    ]
    told += [
        f"{inspector} gave another class to {len(same) - sum(same)} of {len(same)} spectra seen "
        "twice: look at the answers."
        for inspector, same in sorted(repeats.items())
        if len(same) >= FEW and own[inspector]["repeats with the same class"] < STEADY
    ]
    return told


def cohen_kappa(one: list[str], two: list[str]) -> float | None:
    """Return Cohen's kappa of two equally long lists of classes; None where undefined."""
    if not one:
        return None
    n = len(one)
    observed = sum(a == b for a, b in zip(one, two, strict=True)) / n
    counts = Counter(one), Counter(two)
    expected = sum(counts[0][key] * counts[1][key] for key in counts[0]) / n**2
    return None if expected == 1 else round((observed - expected) / (1 - expected), 4)


def fleiss_kappa(ratings: Iterable[list[str]]) -> float | None:
    """Return Fleiss' kappa of the classes of each target; targets with one rating don't count."""
    counts = [Counter(classes) for classes in ratings if len(classes) > 1]
    if not counts:
        return None
    observed = np.mean(
        [sum(k * (k - 1) for k in c.values()) / (c.total() * (c.total() - 1)) for c in counts]
    )
    total = sum(counts, Counter())
    expected = sum((k / total.total()) ** 2 for k in total.values())
    return None if expected == 1 else round(float((observed - expected) / (1 - expected)), 4)


def title_of(name: str) -> str:
    """Return the page title in a file name `desi-vi_<title>_<user>.csv`, or ''."""
    return _title_and_user(name)[0]


def _title_and_user(name: str) -> tuple[str, str]:
    matches = [match for match in (pattern.match(name) for pattern in _NAMES) if match]
    return (matches[0]["title"], matches[0]["user"]) if matches else ("", "")


def _is_adjudication(name: str) -> bool:
    return title_of(name).endswith("-adjudication")


def is_handed_in(answered: int, spectra: int) -> bool:
    """Return whether an inspector has answered enough of a page: half of its spectra.

    A page may show some of another's spectra again, and a file may be saved halfway.
    """
    return 2 * answered >= spectra


def _by_target(rows: pd.DataFrame):
    return rows.groupby("TARGETID", sort=True)


def _opinions(rows: list) -> list:
    """Return the rows that count as opinions, in an order that no file name decides."""
    kept: dict[tuple, list] = {}
    for row in rows:
        if row.QUALITY >= 0:
            kept.setdefault((row.INSPECTOR, title_of(row.FILE)), []).append(row)
    opinions = []
    for answers in kept.values():
        if all(row.TIME for row in answers):
            latest = max(row.TIME for row in answers)
            answers = [row for row in answers if latest == row.TIME]
        opinions += answers
    distinct = {
        (r.INSPECTOR, r.QUALITY, r.SPECTYPE, "" if math.isnan(r.Z) else repr(r.Z), r.BAL): r
        for r in opinions
    }
    return [distinct[key] for key in sorted(distinct)]


def _merge_target(targetid: int, rows: list) -> tuple:
    adjudicated = [row for row in rows if _is_adjudication(row.FILE) and row.QUALITY >= 0]
    opinions = _opinions(adjudicated or rows)
    comments = " | ".join(sorted({row.COMMENT for row in rows if row.COMMENT}))
    issue = "".join(letter for letter in ISSUES if any(letter in row.ISSUE for row in rows))
    inspectors = sorted({row.INSPECTOR for row in _opinions(rows)})
    end = ("; ".join(inspectors), issue, comments)
    if not opinions:
        return (targetid, "", math.nan, math.nan, -1, 0, 0, "not inspected", *end)
    qualities = [row.QUALITY for row in opinions]
    redshifts = [row.Z for row in opinions if not math.isnan(row.Z)]
    spectypes = {row.SPECTYPE for row in opinions if row.SPECTYPE}
    if (
        max(qualities) - min(qualities) >= QUALITY_TOLERANCE
        or _spread(redshifts) >= Z_TOLERANCE
        or len(spectypes) > 1
    ):
        return (targetid, "", math.nan, math.nan, -1, len(inspectors), 0, "conflict", *end)
    quality = round(math.fsum(qualities) / len(qualities), 4)
    z = round(math.fsum(redshifts) / len(redshifts), 6) if redshifts else math.nan
    bal = Counter(row.BAL for row in opinions if row.BAL >= 0)
    bal_state = -1 if bal[0] == bal[1] else int(bal[1] > bal[0])
    accepted = int(quality >= MIN_QUALITY)
    status = "accepted" if accepted else "low quality"
    return (
        *(targetid, "".join(spectypes), z, quality, bal_state),
        *(len(inspectors), accepted, status, *end),
    )


def _spread(redshifts: list[float]) -> float:
    if not redshifts:
        return 0.0
    return (max(redshifts) - min(redshifts)) / (1 + min(redshifts))


def _share(flags: list[bool]) -> float | None:
    return round(sum(flags) / len(flags), 4) if flags else None


def _frame(rows: list[tuple], columns: list[str]) -> pd.DataFrame:
    kinds = {"LINE": "int64", "TARGETID": "int64", "Z": "float64", "BAL": "int64"}
    kinds["QUALITY"] = "int64" if columns is ROW_COLUMNS else "float64"
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype({key: kind for key, kind in kinds.items() if key in columns})


def _vi_row(cell: dict[str, str], user: str, spectypes: Sequence[str], redshifts: bool) -> tuple:
    targetid = _targetid(cell)
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
        if redshifts and math.isnan(z):
            raise _Refused("has neither VI_z nor a Redrock_z")
        if spectype == "QSO" and math.isnan(vi_z) and z <= STAR_Z:
            raise _Refused(f"is a QSO without VI_z, and redrock's z = {z} is a star's")
    bal = _number(cell, "VI_BAL", -1)
    if bal not in (-1, 0, 1):
        raise _Refused(f"VI_BAL {cell['VI_BAL']!r} is not empty, 0 or 1")
    return (
        *(targetid, cell.get("VI_scanner") or user, spectype, z, int(quality), int(bal)),
        *(_issue(cell.get("VI_issue", "")), cell.get("VI_comment", "")),
        *(cell.get("VI_shown", ""), cell.get("VI_time", "")),
    )


def _targetid(cell: dict[str, str]) -> int:
    text = cell["TARGETID"]
    if not re.fullmatch(r"-?[0-9]{1,19}", text) or not -(2**63) <= int(text) < 2**63:
        raise _Refused(f"TARGETID {text!r} is no whole number (did a spreadsheet round it?)")
    return int(text)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII) is not None


def _number(cell: dict[str, str], column: str, empty: float | None = None) -> float:
    text = cell.get(column, "")
    if text in ("", "nan", "NaN", "None", "--") and empty is not None:
        return empty
    # A spreadsheet that writes semicolons between cells writes a comma in numbers.
    number = text.replace(",", ".", 1) if text.count(",") == 1 and "." not in text else text
    if not _is_number(number):
        raise _Refused(f"{column} {text!r} is no number")
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
    path: str | os.PathLike, needed: tuple[str, ...]
) -> tuple[list[str], list[tuple[int, list[str] | str]]]:
    """Return the header and (line number, fields, or why there are none) of each row."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(
            path, f"cannot be read ({error.strerror or error})", "check the name"
        ) from error
    if b"\0" in content:
        raise InputError(path, "is not a text file", "hand in the CSV itself")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    lines = [
        (number, line)
        for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1)
        if line.strip()
    ]
    if not lines:
        raise InputError(path, "is empty", "download the CSV again")
    first = lines[0][1]
    delimiter = max(",;\t", key=first.count)
    try:
        header = [name.strip() for name in split_record(first, delimiter)]
    except ValueError as error:
        raise InputError(path, f"has no header line ({error})", "hand in the CSV itself") from error
    missing = [name for name in needed if name not in header]
    if missing:
        raise InputError(
            path, f"has no column {', '.join(missing)}", "hand in a VI CSV with its header line"
        )
    if len(set(header)) < len(header):
        raise InputError(path, "names a column twice in its header", "correct the header line")
    records: list[tuple[int, list[str] | str]] = []
    for number, line in lines[1:]:
        try:
            records.append((number, split_record(line, delimiter)))
        except ValueError as error:
            records.append((number, str(error)))
    # Surplus fields can only come from a comment that holds bare delimiters.
    if header[-1] == "VI_comment":
        size = len(header)
        for _, fields in records:
            if not isinstance(fields, str) and len(fields) > size:
                fields[size - 1 :] = [delimiter.join(fields[size - 1 :])]
    return header, records


def split_record(line: str, delimiter: str) -> list[str]:
    """Split one line of CSV, proper or as older prospect wrote it.

    Proper: a field in quotes, its quotes doubled. Older prospect: quotes doubled and each
    comma as `","`, with no quotes around the field. Both are read for what was meant.

    Raises
    ------
    ValueError
        A quote is not closed on this line.
    """
    if '"' not in line:
        return line.split(delimiter)
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


def _cells(header: list[str], fields: list[str] | str) -> dict[str, str]:
    if isinstance(fields, str):
        raise _Refused(fields)
    if len(fields) != len(header):
        raise _Refused(f"has {len(fields)} fields, the header {len(header)}")
    return {
        name: _FORMULA.sub("", field.strip(), count=1)
        for name, field in zip(header, fields, strict=True)
    }


def _written_target(header: list[str], fields: list[str] | str) -> str:
    at = header.index("TARGETID")
    return fields[at].strip() if not isinstance(fields, str) and at < len(fields) else ""


def empty_rows() -> pd.DataFrame:
    """Return a table of no answers, with the columns and types of `read_vi`."""
    return _frame([], ROW_COLUMNS)


def conflicts(path: str | os.PathLike) -> set[int]:
    """Return the TARGETIDs of `labels.csv` that wait for adjudication."""
    labels = read_csv(path, ("STATUS",), "make it again")
    return set(labels.loc[labels["STATUS"] == "conflict", "TARGETID"].tolist())
