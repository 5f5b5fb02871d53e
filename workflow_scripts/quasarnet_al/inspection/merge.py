"""Merging what inspectors answered into one label per target."""

import math
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from quasarnet_al.core.files import InputError
from quasarnet_al.inspection import vi
from quasarnet_al.inspection.vi import ISSUES
from quasarnet_al.spectra.tables import read_csv, rounded, rounding
from quasarnet_al.spectra.truth import MIN_QUALITY, QUALITY_TOLERANCE, Z_TOLERANCE

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
    rows: pd.DataFrame, targetids: Iterable[int], page: str = ""
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, object]]:
    """Merge what inspectors handed in for one batch.

    The result depends on what was answered, not on the order or number of the files that
    say it. Per target:

    * The opinions are the rows with a quality set. Equal opinions of one inspector count
      once. Of one inspector's answers on one page (the title in the file's name) the latest
      by VI_time counts, and where it has no quality (-1) it withdraws the earlier ones. An
      answer without a time is older than any with one; one that may be the latest, as far as
      its time can be read, counts beside it; answers of one time, or without times, or on two
      pages, all count.
    * Rows of this round's adjudication page replace all other opinions.
    * Qualities that differ by 2 or more, redshifts with (max - min) / (1 + min) >= 0.0033
      or different classes are a conflict: no class and no redshift until adjudicated.
    * Else redshift and quality are means, the class is the common one, BAL the majority
      of those who set it (-1 on a tie); accepted from quality 2.5 on.

    Parameters
    ----------
    rows : `read_vi` of all files, concatenated
    targetids : the batch
    page : how the titles of the round's pages begin (`<run>-round-NN`); empty: anyhow

    Returns
    -------
    labels : `LABEL_COLUMNS`, one row per target in the order of the batch
    refused : `REFUSED_COLUMNS`: rows about targets that are not in the batch
    counts : of targets by status, and of the rows about them
    """
    targetids = list(dict.fromkeys(int(targetid) for targetid in targetids))
    rows, refused = of_batch(rows, targetids, page)
    groups = {int(key): list(group.itertuples(index=False)) for key, group in by_target(rows)}
    merged = [_merge_target(targetid, groups.get(targetid, []), page) for targetid in targetids]
    labels = pd.DataFrame(merged, columns=LABEL_COLUMNS)
    status = Counter(labels["STATUS"])
    counts: dict[str, object] = {
        "targets": len(targetids),
        **{key: status[key] for key in ("accepted", "low quality", "conflict", "not inspected")},
        "rows": len(rows),
        "rows without a quality": int((rows["QUALITY"] < 0).sum()),
    }
    return labels, refused, counts


def of_batch(
    rows: pd.DataFrame, targetids: Iterable[int], page: str = ""
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows about a batch, each once and in a fixed order, and the others refused."""
    rows = rows.drop_duplicates().sort_values(["FILE", "LINE"], kind="stable")
    ids = np.array(list(targetids), dtype=np.int64)
    here = rows["TARGETID"].isin(ids)
    for name in rows["FILE"][~here].unique():
        # A rounded TARGETID may be that of another target of the batch.
        file = rows["FILE"] == name
        here &= ~file | (rounding(rows["TARGETID"][file].to_numpy()) == "")
    refused = rows.loc[~here, ["FILE", "LINE", "TARGETID"]].copy()
    made = set(rounded(ids).tolist())
    refused["REASON"] = [
        f"TARGETID is not in this batch: {_why_elsewhere(targetid, name, made, page)}"
        for targetid, name in zip(refused["TARGETID"], refused["FILE"], strict=True)
    ]
    return rows[here], refused[REFUSED_COLUMNS].reset_index(drop=True)


def _why_elsewhere(targetid: int, name: str, made: set[int], page: str) -> str:
    """Say why a row is probably not about the batch."""
    title = vi.title_of(name)
    if targetid in made:
        return "a spreadsheet has rounded it; hand in the CSV as the page saved it"
    if page and title and not title.startswith(f"{page}-"):
        return f"the file is of the page {title}"
    return "is the file of another round's page?"


def is_adjudication(name: str, page: str = "") -> bool:
    """Return whether a file's name says that it decides conflicts of the round of `page`."""
    match = re.fullmatch(r"(.*)-adjudication(-\d+)?", vi.title_of(name), re.DOTALL)
    return match is not None and page in ("", match[1])


def decisions(rows: pd.DataFrame, page: str = "") -> pd.Series:
    """Return which rows are of the adjudication page of the round of `page`."""
    return rows["FILE"].map(lambda name: is_adjudication(name, page)).astype(bool)


def answered(rows: pd.DataFrame, targetids: Iterable[int], page: str = "") -> pd.DataFrame:
    """Return who has answered what of a batch: INSPECTOR and TARGETID, each pair once.

    These are the answers that `merge` takes, on whatever page: none that was withdrawn, none
    of a file whose TARGETIDs were rounded. Decisions of the adjudication page are not counted.
    """
    rows, _ = of_batch(rows, targetids, page)
    rows, pair = rows[~decisions(rows, page)], ["INSPECTOR", "TARGETID"]
    # Most answers are the only one of their kind; to look at each takes a while.
    several = rows.duplicated(pair, keep=False)
    counted = [
        (answer.INSPECTOR, targetid)
        for targetid, group in by_target(rows[several])
        for answer in opinions(group.itertuples(index=False))
    ]
    given = [rows.loc[~several & (rows["QUALITY"] >= 0), pair], pd.DataFrame(counted, columns=pair)]
    return pd.concat(given).drop_duplicates()


def progress(given: pd.DataFrame, targetids: Iterable[int]) -> dict[str, int]:
    """Return how many spectra of a minibatch each person has answered, of `answered`."""
    here = given[given["TARGETID"].isin(list(targetids))]
    return {str(name): int(count) for name, count in here.groupby("INSPECTOR").size().items()}


def is_handed_in(answered: int, spectra: int, complete: float = 0.5) -> bool:
    """Return whether an inspector has answered enough of a page.

    A file may be saved halfway: the share `complete` of a page's spectra counts as all.
    """
    return answered >= complete * spectra


def refuse_incomplete(
    batch: pd.DataFrame, rows: pd.DataFrame, paths: list[str], share: float, page: str = ""
) -> None:
    """Raise `InputError` where a minibatch was not handed in: the files are of other pages.

    Parameters
    ----------
    batch : of `learning.batch.read_batch`
    rows : the answers, of all files
    paths : those files
    share : of a minibatch's spectra that counts as all of them
    page : as in `merge`
    """
    seen = batch["TARGETID"].isin(answered(rows, batch["TARGETID"], page)["TARGETID"])
    for minibatch, known in seen.groupby(batch["MINIBATCH"]):
        if not is_handed_in(known.sum(), len(known), share):
            raise InputError(
                Path(paths[0]).parent,
                f"minibatch {minibatch} has answers to {known.sum()} of {len(known)} spectra",
                "the batch differs from the one that was inspected: hand in this round's pages",
            )


def by_target(rows: pd.DataFrame) -> Iterable[tuple[int, pd.DataFrame]]:
    """Yield each TARGETID, ascending, with its rows."""
    for targetid, group in rows.groupby("TARGETID", sort=True):
        yield cast(int, targetid), group


def opinions(rows: Iterable[Any]) -> list[Any]:
    """Return the rows that count as opinions, in an order that no file name decides.

    See `merge`: of one inspector's answers on one page the latest counts.
    """
    kept: dict[tuple, list] = {}
    for row in rows:
        # Adjudication may go on, on a second page of the round.
        title = re.sub(r"-adjudication-\d+$", "-adjudication", row.PAGE)
        kept.setdefault((row.INSPECTOR, title), []).append(row)
    counted = []
    for answers in kept.values():
        newest = max(vi.moment(row.TIME) for row in answers)
        counted += [r for r in answers if r.QUALITY >= 0 and vi.latest(r.TIME) >= newest]
    distinct = {
        (r.INSPECTOR, r.QUALITY, r.SPECTYPE, "" if math.isnan(r.Z) else repr(r.Z), r.BAL): r
        for r in counted
    }
    return [distinct[key] for key in sorted(distinct)]


def withdrawals(rows: pd.DataFrame) -> list[tuple[str, int]]:
    """Return file and line of each row without a quality that takes back an earlier answer."""
    found, kind = [], ["TARGETID", "INSPECTOR", "PAGE"]
    for _, group in rows[rows.duplicated(kind, keep=False)].groupby(kind):
        answers: list[Any] = list(group.itertuples(index=False))
        if (group["QUALITY"] >= 0).any() and not opinions(answers):
            last = max(answers, key=lambda row: vi.moment(row.TIME))
            found.append((last.FILE, last.LINE))
    return sorted(found)


def unsaid(rows: pd.DataFrame, now: pd.DataFrame) -> set[int]:
    """Return the TARGETIDs of the answers in `rows`, of one file as it was, that are no more.

    Among the answers of now there is neither the same, in that file or of that inspector, nor one
    of that inspector that may be as late. What withdrew no answer of now is none. An inspector
    whose name was corrected in the file is known by the times of answers.
    """
    said, dated = ["TARGETID", "SPECTYPE", "Z", "QUALITY", "BAL"], ["TARGETID", "TIME"]
    here, people = now["FILE"].isin(rows["FILE"]), _people(now)
    renamed = here & (now["TIME"] != "") & _among(now[dated], rows[dated])
    own = people.isin([*_people(rows), *people[renamed]])
    given = rows[~_among(rows[said], now.loc[own | here, said])]
    latest = now["TIME"][own].map(vi.latest).groupby(now["TARGETID"]).max()
    times = given["TARGETID"].map(latest)
    missing = times.isna() & (given["QUALITY"] >= 0)
    return set(given["TARGETID"][missing | (given["TIME"].map(vi.moment) > times)])


def _among(rows: pd.DataFrame, others: pd.DataFrame) -> np.ndarray:
    return pd.MultiIndex.from_frame(rows).isin(pd.MultiIndex.from_frame(others))


def _people(rows: pd.DataFrame) -> pd.Series:
    """Return who gave each answer, without what `vi.collect` tells people of one name apart by."""
    return rows["INSPECTOR"].str.replace(r" \(\d+\)$", "", regex=True).str.casefold()


def _merge_target(targetid: int, rows: list, page: str) -> tuple:
    answers = opinions([row for row in rows if is_adjudication(row.FILE, page)]) or opinions(rows)
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


def conflicts(path: str | Path) -> set[int]:
    """Return the TARGETIDs of `labels.csv` that wait for adjudication."""
    labels = read_csv(path, ("STATUS",), "make it again")
    return set(labels.loc[labels["STATUS"] == "conflict", "TARGETID"].tolist())
