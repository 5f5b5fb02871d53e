"""What is known about objects: class, redshift and quality, all from the same judge.

A table that people have may hold the words of several judges: inspectors, a quasar
catalogue, the survey's pipeline. `JUDGES` lists them; docs/formats.md has the table of
published forms.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from quasarnet_al.core.files import InputError
from quasarnet_al.spectra import boss, pool
from quasarnet_al.spectra.columns import SPECTYPES, STAR_Z, impossible
from quasarnet_al.spectra.tables import (
    DECIMAL_COMMA,
    NOTHING,
    identifiers,
    read_columns,
    rounded,
)

#: Labels count when the mean quality of their inspections is at least this
#: (Alexander et al. 2023, section 3).
MIN_QUALITY = 2.5
#: Redshifts agree where (max - min) / (1 + min) is below this, and qualities where they
#: differ by less than that (DESI survey validation, Alexander et al. 2023).
Z_TOLERANCE = 0.0033
QUALITY_TOLERANCE = 2
#: Largest redshifts at which a pipeline fits a star (redrock 0.002, SDSS 0.004) and a galaxy
#: (redrock 1.7, SDSS 2): beyond them class and redshift are not from one fit.
LARGEST_Z = {"STAR": STAR_Z, "GALAXY": 2.0}
#: SDSS's codes of a class that a person gave: star, quasar, galaxy, BAL quasar
#: (Paris et al. 2017, DR12Q superset; Lyke et al. 2020, DR16Q superset).
CLASS_PERSON = {1: "STAR", 3: "QSO", 4: "GALAXY", 30: "QSO"}
REMEDY = "see the truth tables in docs/formats.md"

#: Who judges, in the order in which they are asked. A pipeline, or a table that does not
#: say who filled it, counts only where neither inspectors nor a catalogue did.
INSPECTORS, CATALOGUE, PIPELINE, TABLE = range(4)

Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class Judge:
    """Somebody whose class, redshift and quality belong together.

    Attributes
    ----------
    name : as it is printed
    rank : `INSPECTORS`, `CATALOGUE`, `PIPELINE` or `TABLE`
    marks : columns any of which says that this judge's word is in the table
    unless : columns any of which says that it is not
    redshift, spectype, quality : names of the column in different releases, the first that
        is there counts; without `spectype` every object is a quasar, without `quality` sure
    grade : maps the quality column to 0-4: NaN where the judge gave none, infinity where
        inspectors did not agree
    listed : columns, and which of their values say that the object is in the catalogue
    accepts : columns of class and redshift that an empty entry confirms
    optional : whether the quality may be absent
    """

    name: str
    rank: int
    marks: tuple[str, ...]
    redshift: tuple[str, ...]
    spectype: tuple[str, ...] = ()
    quality: tuple[str, ...] = ()
    grade: Callable[[np.ndarray], np.ndarray] = field(default=lambda values: values)
    unless: tuple[str, ...] = ()
    listed: Mapping[str, Callable[[np.ndarray], np.ndarray]] = field(default_factory=dict)
    accepts: tuple[str, str] | None = None
    optional: bool = False

    def columns(self) -> set[str]:
        words = {*self.marks, *self.redshift, *self.spectype, *self.quality}
        return words | {*self.unless, *(self.accepts or ()), *self.listed}


def _vi_quality(values: np.ndarray) -> np.ndarray:
    """0 to 4; -1 is not set (prospect); the published merge gives 999 to unresolved rows."""
    return np.select([values > 4, values >= 0], [np.inf, values], np.nan)


def _sdss_confidence(values: np.ndarray) -> np.ndarray:
    """3 is sure, 2 and 1 are not, 0 is not inspected (Lyke et al. 2020, table D1)."""
    return np.select([values == 3, (values == 1) | (values == 2)], [4, values], np.nan)


def _zwarn(values: np.ndarray) -> np.ndarray:
    """A pipeline's word counts where it has no warning."""
    return np.where(values == 0, 4.0, np.nan)


VI = ("VI_Z", "VI_QUALITY", "VI_SPECTYPE", "VI_CLASS")
SDSS = ("CLASS_PERSON", "Z_CONF", "Z_CONF_PERSON", "Z_PERSON")
CLASSES, WARNINGS = ("SPECTYPE", "CLASS"), ("ZWARN", "ZWARNING")
#: Stand for a table that is named QSO_CAT, or as one of quasars, by its HDU or its file.
QSO_CAT, QUASARS = "QSO_CAT", "QUASARS"
#: What a name says of a list of quasars, and of a list of what may not be any.
LISTS_QUASARS = "QSO|QUASAR"
LISTS_OTHERS = f"TARG|CAND|(NO|NON|NOT)[-_. ]?({LISTS_QUASARS})"

JUDGES = (
    Judge(
        "the merge of inspections",
        INSPECTORS,
        marks=("BEST_Z", "BEST_QUALITY", "BEST_SPECTYPE", "BEST_CLASS"),
        redshift=("BEST_Z",),
        spectype=("BEST_SPECTYPE", "BEST_CLASS"),
        quality=("BEST_QUALITY",),
        grade=_vi_quality,
    ),
    Judge(
        "inspectors",
        INSPECTORS,
        marks=VI,
        redshift=("VI_Z",),
        spectype=("VI_SPECTYPE", "VI_CLASS"),
        quality=("VI_QUALITY",),
        grade=_vi_quality,
        accepts=("REDROCK_SPECTYPE", "REDROCK_Z"),
    ),
    Judge(
        "SDSS's inspectors",
        INSPECTORS,
        marks=SDSS,
        redshift=("Z_VI", "Z_PERSON"),
        spectype=("CLASS_PERSON",),
        quality=("Z_CONF", "Z_CONF_PERSON"),
        grade=_sdss_confidence,
    ),
    Judge(
        "SDSS's quasar catalogue",
        CATALOGUE,
        marks=("IS_QSO_FINAL",),
        redshift=("Z",),
        listed={"IS_QSO_FINAL": lambda flag: flag == 1},
    ),
    Judge(
        "SDSS's quasar catalogue",
        CATALOGUE,
        marks=("SOURCE_Z",),
        redshift=("Z",),
        unless=("IS_QSO_FINAL",),
    ),
    Judge(
        "SDSS's quasar catalogue",
        CATALOGUE,
        marks=("Z_PIPE",),
        redshift=("Z_VI",),
        unless=("Z", "SOURCE_Z", "IS_QSO_FINAL", *SDSS, *CLASSES),
    ),
    Judge(
        "a quasar catalogue",
        CATALOGUE,
        marks=(QSO_CAT, "QSO_MASKBITS"),
        redshift=("Z",),
        listed={"QSO_MASKBITS": lambda bits: bits > 0, "IS_QSO": lambda flag: flag == 1},
    ),
    Judge(
        "the pipeline, where it has no redshift warning",
        PIPELINE,
        marks=WARNINGS,
        redshift=("Z",),
        spectype=CLASSES,
        quality=WARNINGS,
        grade=_zwarn,
    ),
    Judge(
        "the table itself",
        TABLE,
        marks=("SPECTYPE",),
        redshift=("Z",),
        spectype=("SPECTYPE",),
        quality=("QUALITY",),
        grade=_vi_quality,
        unless=(*WARNINGS, "CLASS"),
        optional=True,
    ),
    Judge(
        "the table itself, which has no class and is named as one of quasars",
        TABLE,
        marks=(QUASARS,),
        redshift=("Z",),
        quality=("QUALITY",),
        grade=_vi_quality,
        unless=(*CLASSES, *WARNINGS),
        listed={"IS_QSO": lambda flag: flag == 1},
        optional=True,
    ),
)
#: Redshifts of others than the judge of `Z`: beside them a class may be of either.
OTHER_REDSHIFTS = (
    *("Z_RR", "Z_QN", "Z_VI", "Z_PIPE", "Z_PCA", "Z_NEW", "Z_QSO", "Z_BEST", "Z_TRUE"),
    "REDROCK_Z",
)
#: Identifiers of a spectrum or of its object, in the order of preference.
IDENTITIES = (("TARGETID",), ("PLATE", "MJD", "FIBERID"), ("CATALOGID",))
#: That of QuasarNET's training pair, whose two files are of one release.
OF_PAIR = (("THING_ID",),)
#: Says which of an object's rows in a production's catalogue is the best.
PRIMARY = "ZCAT_PRIMARY"
OTHERS = {
    "BAL",
    "BAL_FLAG_VI",
    "BI_CIV",
    PRIMARY,
    *OTHER_REDSHIFTS,
    *(name for names in IDENTITIES + OF_PAIR for name in names),
}
WANTED = frozenset(OTHERS.union(*(judge.columns() for judge in JUDGES)))
#: Tables of a FITS file that are read rather than its first.
TABLES = ("LABELS", QSO_CAT, "ZCATALOG", "REDSHIFTS")


def read(path: str | Path, identities: Sequence[Sequence[str]] = IDENTITIES) -> pd.DataFrame:
    """Read a truth table, text or FITS; column names are compared without case.

    Parameters
    ----------
    identities : columns that say which spectrum, or which object, a row is about, best first

    Returns
    -------
    DataFrame, one row per TARGETID (int64, the index), with SPECTYPE (QSO, GALAXY, STAR),
    Z, BAL (1, 0, -1 unknown), QUALITY (0 to 4, NaN where there is none) and REASON, which
    is empty where the row is a label and else says why it is not. `attrs` has the `path`, and
    what was `taken` from which column. Whether a quasar has broad absorption lines is known
    only where a column BAL says so, or SDSS's flag and balnicity agree: comments are not
    read.

    Raises
    ------
    InputError for a table whose class, redshift and quality are not of one judge
    """
    name, columns = read_columns(path, WANTED, TABLES, REMEDY)
    if name == QSO_CAT or Path(path).name.upper().startswith(QSO_CAT):
        columns[QSO_CAT] = np.ones(0)
    words = f"{name} {Path(path).name.upper()}"
    if re.search(LISTS_QUASARS, words) and not re.search(LISTS_OTHERS, words):
        columns[QUASARS] = np.ones(0)
    identity = _identity(path, columns, identities)
    rows = pd.DataFrame({"TARGETID": identity})
    rows["SPECTYPE"], rows["Z"], rows["QUALITY"] = "", np.nan, np.nan
    rows["REASON"] = "not inspected"
    taken = []
    for judge in _judges(path, columns):
        word = _word(path, judge, columns, len(rows))
        mine = (rows["REASON"] == "not inspected") & (word["REASON"] != "not inspected")
        rows.loc[mine, list(word)] = word[mine]
        taken.append(f"{int(mine.sum())} of {_described(judge, columns)}")
    rows["BAL"] = _bal(path, columns, rows["SPECTYPE"])
    if PRIMARY in columns:
        primary = _numbers(path, PRIMARY, columns[PRIMARY]) != 0
        rows = rows[primary | ~rows["TARGETID"].isin(rows["TARGETID"][primary])]
    table = _one_per_object(rows)
    unsure = (table["REASON"] == "") & ~(table["QUALITY"] >= MIN_QUALITY)
    table.loc[unsure, "REASON"] = "unsure label"
    wrong = impossible(table["SPECTYPE"].to_numpy(), table["Z"].to_numpy())
    table.loc[(table["REASON"] == "") & wrong, "REASON"] = "impossible redshift"
    table.attrs |= {"taken": "; ".join(taken), "path": str(path)}
    return table


def read_all(paths: Sequence[str | Path]) -> pd.DataFrame:
    """Return the labels of several truth tables, as `read` does: one row per object.

    Labels of one object join or contradict each other as rows of one table do, whatever the
    order of the tables.
    """
    every = pd.concat([table[table["REASON"] == ""] for table in map(read, paths)])
    table = _one_per_object(every.reset_index())
    return table[table["REASON"] == ""]


def _judges(path: str | Path, columns: Mapping) -> list[Judge]:
    """Return the judges whose word counts; refuse a table whose words are mixed."""
    meant = [
        judge
        for judge in JUDGES
        if any(name in columns for name in judge.marks)
        and not any(name in columns for name in judge.unless)
    ]
    complete = [judge for judge in meant if not _missing(judge, columns)]
    found = [judge for judge in complete if judge.rank in (INSPECTORS, CATALOGUE)]
    inspected = any(judge.rank == INSPECTORS for judge in found)
    for judge in meant:
        if judge.rank == INSPECTORS and judge not in complete and not inspected:
            marks = ", ".join(name for name in judge.marks if name in columns)
            raise InputError(
                path,
                f"has {marks}, but no {' and no '.join(_missing(judge, columns))}: class, redshift "
                "and quality must be of the same judge",
                "add that column, or leave out the others of its judge",
            )
    found = found or complete[:1]
    if not found:
        known = ", ".join(sorted(columns.keys() - OTHERS - {QSO_CAT, QUASARS})) or "none"
        raise InputError(
            path,
            f"has no class and redshift of one judge (known columns: {known})",
            f"{REMEDY}; a table without a class is one of quasars if its name says QSO, and not "
            "that they are targets or candidates",
        )
    if found[0].rank == PIPELINE:
        for names in (CLASSES, WARNINGS, (*WARNINGS, "QUALITY")):
            there = [name for name in names if name in columns]
            if len(there) > 1:
                raise InputError(
                    path,
                    f"has {' and '.join(there)}, of two judges, and one Z",
                    "leave out the columns of one of them",
                )
    others = [name for name in OTHER_REDSHIFTS if name in columns]
    if found[0].rank in (PIPELINE, TABLE) and found[0].spectype and others:
        spectype = _first(found[0].spectype, columns)
        raise InputError(
            path,
            f"has Z, {' and '.join(others)}, and {spectype}, which may belong to either",
            f"leave out {' and '.join(others)} if {spectype} and Z are of the same judge; begin a "
            "quasar catalogue's name with QSO_cat",
        )
    return found


def _missing(judge: Judge, columns: Mapping) -> list[str]:
    wanted = [judge.redshift, judge.spectype, () if judge.optional else judge.quality]
    return [
        " or ".join(names)
        for names in wanted
        if names and not any(name in columns for name in names)
    ]


def _first(names: Sequence[str], columns: Mapping) -> str:
    return next((name for name in names if name in columns), "")


def _described(judge: Judge, columns: Mapping) -> str:
    """Say whose word is taken from which columns."""
    names = [
        f"{what} {_first(names, columns)}"
        for what, names in (
            ("class", judge.spectype),
            ("redshift", judge.redshift),
            ("quality", judge.quality),
        )
        if _first(names, columns)
    ]
    if not judge.spectype:
        names.insert(0, "class QSO")
    return f"{judge.name} ({', '.join(names)})"


def _word(path: str | Path, judge: Judge, columns: Columns, count: int) -> pd.DataFrame:
    """Return what a judge says of each row: SPECTYPE, Z, QUALITY, REASON."""
    redshift = _first(judge.redshift, columns)
    z = _numbers(path, redshift, columns[redshift])
    spectype = np.full(count, "QSO", dtype=object)
    if judge.spectype:
        name = _first(judge.spectype, columns)
        spectype = _spectypes(path, name, columns[name])
    if judge.accepts:
        confirmed, confirmed_z = judge.accepts
        empty = np.isnan(z)
        if confirmed in columns:
            there = _spectypes(path, confirmed, columns[confirmed])
            spectype = np.where(spectype == "", there, spectype)
        if confirmed_z in columns:
            z = np.where(empty, _numbers(path, confirmed_z, columns[confirmed_z]), z)
        # Redrock's redshift is that of redrock's class.
        z = np.where(empty & (spectype == "STAR") & ~(np.abs(z) <= STAR_Z), 0.0, z)
    quality, reason = np.full(count, 4.0), np.full(count, "", dtype=object)
    graded = _first(judge.quality, columns)
    if graded:
        quality = judge.grade(_numbers(path, graded, columns[graded]))
        none = "redshift warning" if judge.rank == PIPELINE else "not inspected"
        reason[np.isnan(quality)] = none
        reason[np.isinf(quality)] = "unresolved label"
        quality[np.isinf(quality)] = np.nan
    if "CLASS_PERSON" in judge.spectype:
        reason[spectype == ""] = "not inspected"
    for name, is_listed in judge.listed.items():
        if name in columns:
            reason[~is_listed(_numbers(path, name, columns[name]))] = "not inspected"
    if judge.rank in (PIPELINE, TABLE) and judge.spectype:
        if "IS_QSO" in columns:
            flag = _numbers(path, "IS_QSO", columns["IS_QSO"]) == 1
            other = (flag != (spectype == "QSO")) & (reason == "")
            if other.any():
                raise InputError(
                    path,
                    f"{_first(judge.spectype, columns)} says {spectype[other][0]} where IS_QSO is "
                    f"{int(flag[other][0])}: they are not of the same judge",
                    "leave out one of the columns",
                )
        for name, largest in LARGEST_Z.items():
            beyond = (spectype == name) & (np.abs(z) > largest) & (reason == "")
            if beyond.any():
                raise InputError(
                    path,
                    f"{_first(judge.spectype, columns)} says {name} where {redshift} is "
                    f"{z[beyond][0]:g}: they are not of the same judge",
                    "leave out one of the columns, or begin a quasar catalogue's name with QSO_cat",
                )
    known = np.isin(spectype, SPECTYPES)
    if judge.rank != TABLE and count and not known.any() and (spectype != "").any():
        raise InputError(
            path,
            f"column {_first(judge.spectype, columns)} holds no class ({spectype[0]!r})",
            f"it must say {', '.join(SPECTYPES)}",
        )
    return pd.DataFrame({"SPECTYPE": spectype, "Z": z, "QUALITY": quality, "REASON": reason})


def _one_per_object(rows: pd.DataFrame) -> pd.DataFrame:
    """Join the rows of an object, as the merge of inspections does.

    Rows without an opinion do not count beside rows with one. Of the others the redshift
    and the quality are means where the class is one, the redshifts agree within
    `Z_TOLERANCE` and the qualities within `QUALITY_TOLERANCE`; else there is no label.
    """
    silent = rows["REASON"].isin(["not inspected", "redshift warning"])
    rows = rows[~silent | ~rows["TARGETID"].isin(rows["TARGETID"][~silent])]
    repeated = rows["TARGETID"].duplicated(keep=False)
    result = rows.drop_duplicates("TARGETID").set_index("TARGETID")
    groups = rows[repeated].groupby("TARGETID")
    if not len(groups):
        return result
    z, quality, bal = groups["Z"], groups["QUALITY"], groups["BAL"]
    together = pd.DataFrame({"Z": z.mean().where(z.max() > z.min(), z.min())})
    together["QUALITY"] = quality.mean().where(quality.max() > quality.min(), quality.min())
    together["BAL"] = bal.min().where(bal.max() == bal.min(), -1)
    spread = (z.max() - z.min()) / (1 + z.min())
    reasons = groups["REASON"]
    contradicting = (
        (groups["SPECTYPE"].nunique() > 1)
        | (spread >= Z_TOLERANCE)
        | (spread < 0)  # below z = -1, as -9 for none
        | (z.count().between(1, groups.size() - 1))
        | (quality.max() - quality.min() >= QUALITY_TOLERANCE)
    )
    together["REASON"] = reasons.max()
    together.loc[contradicting & (reasons.max() == ""), "REASON"] = "contradicting labels"
    together.loc[together["REASON"] != "", "QUALITY"] = np.nan
    for name in together:
        result.loc[together.index, name] = together[name]
    return result.astype({"BAL": int})


def _identity(
    path: str | Path, columns: Columns, identities: Sequence[Sequence[str]]
) -> np.ndarray:
    for names in identities:
        if all(name in columns for name in names):
            try:
                numbers = [identifiers(columns[name], name) for name in names]
            except ValueError as error:
                raise InputError(path, str(error), REMEDY) from error
            return boss.targetid(*numbers) if len(numbers) == 3 else numbers[0]
    wanted = ", nor ".join(" and ".join(names) for names in identities)
    raise InputError(path, f"has no column {wanted}", REMEDY)


#: Yes and no in tables of text: as pandas, TOPCAT, R and astropy write them.
WORDS = {"true": "1", "t": "1", "false": "0", "f": "0"}


def _numbers(path: str | Path, name: str, values: np.ndarray) -> np.ndarray:
    """Return a column as float64, NaN where it is empty."""
    if values.dtype.kind in "biuf" and values.ndim == 1:
        return values.astype(np.float64)
    try:
        text = pd.Series(values, dtype=object).str.strip().str.lower()
        text = text.mask(text.isin(NOTHING)).replace(WORDS)
        text = text.str.replace(DECIMAL_COMMA, r"\1.\2", regex=True)
        return pd.to_numeric(text).to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise InputError(
            path, f"{name} holds something other than numbers ({error})", REMEDY
        ) from (error)


def _spectypes(path: str | Path, name: str, values: np.ndarray) -> np.ndarray:
    """Return a column of classes, in capitals; '' where it is empty."""
    if name == "CLASS_PERSON":
        codes = _numbers(path, name, values)
        given = np.array([CLASS_PERSON.get(code, str(code)) for code in codes], dtype=object)
        return np.where((codes == 0) | np.isnan(codes), "", given)
    text = pd.Series(values).fillna("").astype(str).str.strip()
    return text.mask(text.str.lower().isin(NOTHING), "").str.upper().to_numpy(dtype=object)


def _bal(path: str | Path, columns: Columns, spectype: pd.Series) -> np.ndarray:
    """Return whether broad absorption lines are known: 1 yes, 0 no, -1 unknown."""
    unknown = np.where(spectype == "QSO", -1, 0)
    if "BAL" in columns:
        bal = _numbers(path, "BAL", columns["BAL"])
        bal = np.where(np.isnan(bal), unknown, bal)
        if not np.isin(bal, (-1, 0, 1)).all():
            raise InputError(path, "has a BAL that is not 1, 0 or -1", REMEDY)
        return bal.astype(int)
    if {"BAL_FLAG_VI", "BI_CIV"} <= columns.keys():
        flag, index = (_numbers(path, name, columns[name]) for name in ("BAL_FLAG_VI", "BI_CIV"))
        return np.select([(flag == 1) & (index > 0), (flag == 0) & (index == 0)], [1, 0], unknown)
    return unknown


def label(
    spectra: np.ndarray,
    catalog: np.ndarray,
    truth: pd.DataFrame,
    origin: str,
    objects: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, int]]:
    """Join a pool with a truth table; keep the spectra that have an accepted label.

    Parameters
    ----------
    truth : of `read`
    origin : name of the labelled set
    objects : int64 (n,), one number for all spectra of an object; TARGETID where absent

    Returns
    -------
    spectra, catalog, labels of the labelled spectra, and how many were left out by reason

    Raises
    ------
    InputError where there are spectra and none gets a label
    """
    row = truth.reindex(catalog["TARGETID"])
    reason = row["REASON"].fillna("not in truth").to_numpy(dtype=object)
    reason[(reason == "") & ~row["SPECTYPE"].isin(SPECTYPES).to_numpy()] = "unknown class"
    accepted = reason == ""
    row = row[accepted]
    labels = pool.labels(len(row), origin)
    labels["TARGETID"] = labels["OBJECT"] = catalog["TARGETID"][accepted]
    if objects is not None:
        labels["OBJECT"] = objects[accepted]
    labels["SPECTYPE"], labels["Z"] = row["SPECTYPE"].to_numpy(), row["Z"].to_numpy()
    labels["BAL"] = row["BAL"].to_numpy()
    names, counts = np.unique(reason[~accepted].astype(str), return_counts=True)
    dropped = dict(zip(names.tolist(), counts.tolist(), strict=True))
    if len(catalog) and not accepted.any():
        left_out = ", ".join(f"{count} {name}" for name, count in dropped.items())
        raise InputError(
            truth.attrs["path"],
            f"has a label for none of the {len(catalog)} spectra of {origin or 'the set'} "
            f"({left_out}){_why_none(catalog['TARGETID'], truth.index.to_numpy())}",
            REMEDY,
        )
    return spectra[accepted], catalog[accepted], labels, dropped


def _why_none(targetids: np.ndarray, known: np.ndarray) -> str:
    """Say why a truth table probably has none of the targets; '' where it has some."""
    if np.isin(targetids, known).any():
        return ""
    if np.isin(rounded(targetids), known).any():
        return ": its TARGETIDs are rounded"
    sdss, desi = "numbers of SDSS spectra or objects", "DESI's TARGETIDs"
    ours, theirs = (
        sdss if 0 < np.median(ids) < boss.LARGEST else desi for ids in (targetids, known)
    )
    if len(known) and ours != theirs:
        return f": its identifiers are {theirs}, those of the spectra {ours}"
    return f": its {len(known)} targets are of another survey, program or tile"
