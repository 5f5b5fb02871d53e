"""Merging what inspectors answered into one label per target."""

import math
import os
from collections import Counter
from collections.abc import Iterable

import pandas as pd

from quasarnet_al.inspection import vi
from quasarnet_al.inspection.vi import ISSUES
from quasarnet_al.spectra.tables import read_csv
from quasarnet_al.spectra.truth import MIN_QUALITY

#: A person decides where (max - min) / (1 + min) of the redshifts reaches this, or where
#: the qualities differ by this much (DESI survey validation, Alexander et al. 2023).
Z_TOLERANCE = 0.0033
QUALITY_TOLERANCE = 2
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
    counts : of targets by status, and of the rows about them
    """
    targetids = list(dict.fromkeys(int(targetid) for targetid in targetids))
    rows, refused = of_batch(rows, targetids)
    groups = {int(key): list(group.itertuples(index=False)) for key, group in by_target(rows)}
    labels = [_merge_target(targetid, groups.get(targetid, [])) for targetid in targetids]
    labels = pd.DataFrame(labels, columns=LABEL_COLUMNS)
    status = Counter(labels["STATUS"])
    counts = {
        "targets": len(targetids),
        **{key: status[key] for key in ("accepted", "low quality", "conflict", "not inspected")},
        "rows": len(rows),
        "rows without a quality": int((rows["QUALITY"] < 0).sum()),
    }
    return labels, refused, counts


def of_batch(rows: pd.DataFrame, targetids: Iterable[int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows about a batch, each once and in a fixed order, and the others refused."""
    rows = rows.drop_duplicates().sort_values(["FILE", "LINE"], kind="stable")
    here = rows["TARGETID"].isin(targetids)
    refused = rows.loc[~here, ["FILE", "LINE", "TARGETID"]].assign(
        REASON="TARGETID is not in this batch (another round's page?)"
    )
    return rows[here], refused[REFUSED_COLUMNS].reset_index(drop=True)


def is_adjudication(name: str) -> bool:
    """Return whether a file's name says that it decides conflicts."""
    return vi.title_of(name).endswith("-adjudication")


def is_handed_in(answered: int, spectra: int) -> bool:
    """Return whether an inspector has answered enough of a page: half of its spectra.

    A page may show some of another's spectra again, and a file may be saved halfway.
    """
    return 2 * answered >= spectra


def by_target(rows: pd.DataFrame):
    """Return the rows grouped by TARGETID, in ascending order."""
    return rows.groupby("TARGETID", sort=True)


def opinions(rows: list) -> list:
    """Return the rows that count as opinions, in an order that no file name decides."""
    kept: dict[tuple, list] = {}
    for row in rows:
        if row.QUALITY >= 0:
            kept.setdefault((row.INSPECTOR, vi.title_of(row.FILE)), []).append(row)
    counted = []
    for answers in kept.values():
        if all(row.TIME for row in answers):
            latest = max(row.TIME for row in answers)
            answers = [row for row in answers if latest == row.TIME]
        counted += answers
    distinct = {
        (r.INSPECTOR, r.QUALITY, r.SPECTYPE, "" if math.isnan(r.Z) else repr(r.Z), r.BAL): r
        for r in counted
    }
    return [distinct[key] for key in sorted(distinct)]


def _merge_target(targetid: int, rows: list) -> tuple:
    adjudicated = [row for row in rows if is_adjudication(row.FILE) and row.QUALITY >= 0]
    answers = opinions(adjudicated or rows)
    comments = " | ".join(sorted({row.COMMENT for row in rows if row.COMMENT}))
    issue = "".join(letter for letter in ISSUES if any(letter in row.ISSUE for row in rows))
    inspectors = sorted({row.INSPECTOR for row in opinions(rows)})
    end = ("; ".join(inspectors), issue, comments)
    if not answers:
        return (targetid, "", math.nan, math.nan, -1, 0, 0, "not inspected", *end)
    qualities = [row.QUALITY for row in answers]
    redshifts = [row.Z for row in answers if not math.isnan(row.Z)]
    spectypes = {row.SPECTYPE for row in answers if row.SPECTYPE}
    if (
        max(qualities) - min(qualities) >= QUALITY_TOLERANCE
        or redshift_spread(redshifts) >= Z_TOLERANCE
        or len(spectypes) > 1
    ):
        return (targetid, "", math.nan, math.nan, -1, len(inspectors), 0, "conflict", *end)
    quality = round(math.fsum(qualities) / len(qualities), 4)
    z = round(math.fsum(redshifts) / len(redshifts), 6) if redshifts else math.nan
    bal = Counter(row.BAL for row in answers if row.BAL >= 0)
    bal_state = -1 if bal[0] == bal[1] else int(bal[1] > bal[0])
    accepted = int(quality >= MIN_QUALITY)
    status = "accepted" if accepted else "low quality"
    return (
        *(targetid, "".join(spectypes), z, quality, bal_state),
        *(len(inspectors), accepted, status, *end),
    )


def redshift_spread(redshifts: list[float]) -> float:
    """Return (max - min) / (1 + min) of redshifts, 0 where there are none."""
    if not redshifts:
        return 0.0
    return (max(redshifts) - min(redshifts)) / (1 + min(redshifts))


def conflicts(path: str | os.PathLike) -> set[int]:
    """Return the TARGETIDs of `labels.csv` that wait for adjudication."""
    labels = read_csv(path, ("STATUS",), "make it again")
    return set(labels.loc[labels["STATUS"] == "conflict", "TARGETID"].tolist())
