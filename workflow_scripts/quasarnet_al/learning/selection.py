"""Selection: which spectra people are asked to label, and why not the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quasarnet_al.core import chance
from quasarnet_al.core.files import InputError, read_json
from quasarnet_al.core.options import option
from quasarnet_al.learning import acquisition
from quasarnet_al.spectra.pool import ALL_ARMS
from quasarnet_al.spectra.tables import read_table

#: Why a spectrum is an outlier (see `outliers`).
OUTLIER_REASONS = ("sparse cell", "far from cell", "flawed")
#: Why a spectrum is not in the batch, the first that holds; '' where it is.
REASONS = (
    "repeat exposure",
    "labelled",
    "excluded",
    "missing arm",
    *OUTLIER_REASONS,
    "less confusing",
)


def _percentile(default: float, meaning: str) -> Any:
    return option(default, meaning, minimum=0, maximum=100)


@dataclass(frozen=True)
class Strategy:
    """A query strategy: which spectra are worth a label. A strategy of a study is one."""

    acquisition: str = option(
        "entropy",
        "acquisition function: of the members' votes (`entropy`), of their mean probabilities "
        "(`mean_entropy`), of each one's probabilities (`mutual_information`); likeness to quasars "
        "(`positive`); or chance (`random`)",
        choices=acquisition.NAMES,
    )
    outliers: str = option(
        "flaws",
        "which spectra cannot be selected: those with spikes of sky lines and cosmic rays, missing "
        "data or arms that do not fit together (`flaws`; digits have none), those in sparse cells "
        "of the map (`occupancy`, published), those far from their cell (`error`), `both` of the "
        "map's, or `none`",
        choices=("flaws", "occupancy", "error", "both", "none"),
    )
    percentile: float = _percentile(
        15, "cells at or below this percentile of the cells' occupancies are sparse"
    )
    error_percentile: float = _percentile(
        99, "spectra above this percentile of the quantization errors are far from their cell"
    )
    diversity: float = option(
        0,
        "the k-th spectrum selected from a cell counts as score x (1 - diversity)^k, k = 0, 1, 2 "
        "...: it spreads the batch over the map; 0 (published) turns it off",
        minimum=0,
        below=1,
    )
    balance: bool = option(
        False,
        "whether the batch has equal numbers from each class that the ensemble predicts, where the "
        "pool has enough",
    )


@dataclass(frozen=True)
class Selection(Strategy):
    """The selection of a batch: the config's `batch`."""

    size: int = option(100, "number of spectra that people are asked to label per round", minimum=1)
    minibatch: int = option(
        50, "number of spectra per inspection page; `batch.size` is a multiple of it", minimum=1
    )


@dataclass(frozen=True)
class Candidates:
    """What is known of every exposure of the pool.

    Attributes
    ----------
    score : (n,), larger is more uncertain
    targetid : int64 (n,)
    arms : (n,) bits of the spectrograph's arms that have weight
    bmu : (n,), each one's cell of the map
    qerr : (n,), quantization error
    flaw : (n,), above 1: flawed, see `spectra.flaws`
    cells : number of cells of the map
    predicted : (n,), number of the class with most votes
    """

    score: np.ndarray
    targetid: np.ndarray
    arms: np.ndarray
    bmu: np.ndarray
    qerr: np.ndarray
    flaw: np.ndarray
    cells: int
    predicted: np.ndarray


def sparse_cells(occupancy: np.ndarray, percentile: float) -> np.ndarray:
    """Return which cells are sparse, bool, of the shape of `occupancy`.

    The published rule: a cell is sparse whose occupancy is at or below the 15th percentile
    of the occupancies of all cells, empty ones included. Where all occupancies are equal
    all cells are sparse.
    """
    return occupancy <= np.percentile(occupancy, percentile)


def above(values: np.ndarray, percentile: float) -> np.ndarray:
    """Return which values, bool (n,), lie above their `percentile`, which is one of them."""
    return values > np.percentile(values, percentile, method="lower") if len(values) else values > 0


def outliers(candidates: Candidates, strategy: Strategy) -> dict[str, np.ndarray]:
    """Return which spectra are outliers, bool (n,), by the reason in `OUTLIER_REASONS`."""
    found = {}
    if strategy.outliers in ("occupancy", "both"):
        occupancy = np.bincount(candidates.bmu, minlength=candidates.cells)
        sparse = sparse_cells(occupancy, strategy.percentile)
        found["sparse cell"] = sparse[candidates.bmu]
    if strategy.outliers in ("error", "both"):
        found["far from cell"] = above(candidates.qerr, strategy.error_percentile)
    if strategy.outliers == "flaws":
        found["flawed"] = candidates.flaw > 1
    return found


def read_summary(path: str | Path) -> dict:
    """Read what `select_batch.py` counted: exposures, chosen, and "left out" by reason."""
    return read_json(path, "exposures", "chosen", "left out")


def tie_breaker(targetid: np.ndarray, seed: int) -> np.ndarray:
    """Return numbers (n,) in [0, 1) that order equal scores, the smallest first.

    Votes tie often, and an order by TARGETID or by file would favour a part of the sky.
    """
    # The next seed: with the same one, ties would be broken by the random baseline.
    return chance.random(targetid, seed + 1)


def read_selection(path: str, *more: str) -> np.ndarray:
    """Read TARGETID, REASON (why an exposure was not chosen) and `more` columns of SELECTION."""
    rows = read_table(path, "SELECTION", "select_batch.py", ("TARGETID", *more), ("REASON",))
    if rows.dtype["REASON"].kind not in "US":
        raise InputError(path, "has a REASON that is not text", "make it with select_batch.py")
    return rows


def check_spectra(
    path: str,
    rows: np.ndarray,
    targetid: np.ndarray,
    files: Sequence[str],
    place: np.ndarray,
) -> None:
    """Raise `InputError` where a selection does not list the spectra of some files.

    Parameters
    ----------
    path, rows : the selection, and its content
    targetid, place : TARGETID (n,) of the spectra of `files`, in their order, and the number of
        the file of each
    """
    both = min(len(rows), len(targetid))
    differ = np.flatnonzero(rows["TARGETID"][:both] != targetid[:both])
    if differ.size or len(rows) != len(targetid):
        other = files[place[differ[0]]] if differ.size else files[-1]
        raise InputError(path, f"does not list the spectra of {other}", "select the batch again")


def select(
    candidates: Candidates,
    strategy: Strategy,
    size: int,
    seed: int,
    labelled: np.ndarray,
    excluded: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Select the `size` targets that the ensemble is most uncertain about.

    Of a target's exposures only the most uncertain one may be selected. A spectrum in which
    a whole arm of the spectrograph is missing cannot be (46 of the published top 1,000 were
    dropped for this).

    Parameters
    ----------
    seed : random seed of the order of equal scores
    labelled, excluded : TARGETIDs that cannot be selected

    Returns
    -------
    chosen : row numbers, most uncertain first (balanced: class by class in turns); fewer than
        `size` where the pool has fewer
    reason : U16 (n,), see REASONS
    """
    score, targetid = candidates.score.astype(float), candidates.targetid
    tie = tie_breaker(targetid, seed)
    reason = np.full(len(score), "", dtype="U16")

    def drop(rows: np.ndarray, why: str) -> None:
        reason[rows & (reason == "")] = why

    # The most uncertain exposure of each target comes first in its group.
    order = np.lexsort((tie, -score, targetid))
    first = np.ones(len(order), bool)
    first[1:] = targetid[order][1:] != targetid[order][:-1]
    repeat = np.ones(len(score), bool)
    repeat[order[first]] = False
    drop(repeat, "repeat exposure")
    drop(np.isin(targetid, labelled), "labelled")
    drop(np.isin(targetid, excluded), "excluded")
    drop(candidates.arms & ALL_ARMS != ALL_ARMS, "missing arm")
    for why, rows in outliers(candidates, strategy).items():
        drop(rows, why)

    left = np.flatnonzero(reason == "")
    if strategy.diversity:
        rank = _rank_in_group(score, tie, candidates.bmu, left)
        score = score * (1 - strategy.diversity) ** rank
    turn = np.zeros(len(score))
    if strategy.balance:
        # The best of each class come first, then the second of each, and so on.
        turn = _rank_in_group(score, tie, candidates.predicted, left)
    ranked = left[np.lexsort((tie[left], -score[left], turn[left]))]
    chosen = ranked[:size]
    reason[ranked[size:]] = "less confusing"
    return chosen, reason


def _rank_in_group(
    score: np.ndarray, tie: np.ndarray, group: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Return how many of `rows` with a higher score share each one's group, (n,)."""
    rank = np.zeros(len(score))
    order = rows[np.lexsort((tie[rows], -score[rows], group[rows]))]
    if len(order):
        starts = np.flatnonzero(np.diff(group[order], prepend=group[order][0] - 1))
        sizes = np.diff(starts, append=len(order))
        rank[order] = np.arange(len(order)) - np.repeat(starts, sizes)
    return rank
