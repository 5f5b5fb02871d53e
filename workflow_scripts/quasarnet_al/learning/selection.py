"""Selection: which spectra people are asked to label, and why not the others."""

import argparse
from pathlib import Path

import numpy as np

from quasarnet_al.core.files import read_json
from quasarnet_al.learning import scores, som
from quasarnet_al.spectra.pool import ALL_ARMS

#: Those of the outlier rule (`som.outliers`).
OUTLIER_REASONS = ("sparse cell", "far from cell")
#: Why a spectrum is not asked for, the first that holds; '' where it is in the batch.
REASONS = (
    "repeat exposure",
    "labelled",
    "excluded",
    "missing arm",
    *OUTLIER_REASONS,
    "less confusing",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add an option for each key of the config's `batch` that says which spectra to choose."""
    parser.add_argument(
        "--acquisition",
        choices=scores.ACQUISITIONS,
        default="entropy",
        help="what makes a spectrum worth a label",
    )
    add_occupancy_arguments(parser)
    parser.add_argument(
        "--error-percentile", type=float, default=99, help="quantization errors above are outliers"
    )
    parser.add_argument("--diversity", type=float, default=0, help="0 off, towards 1 spread")


def add_occupancy_arguments(parser: argparse.ArgumentParser) -> None:
    """Add an option for each key of them that says which cells are sparse."""
    parser.add_argument(
        "--outliers", choices=som.OUTLIERS, default="occupancy", help="rule for outliers"
    )
    parser.add_argument(
        "--percentile",
        type=float,
        default=15,
        help="of the cells' occupancy; up to it a cell is sparse",
    )


def locate(rows: np.ndarray, lengths: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the table, and the row in it, of `rows` of tables of `lengths` joined in order."""
    starts = np.cumsum([0, *lengths])
    place = np.searchsorted(starts, rows, side="right") - 1
    return place, rows - starts[place]


def read_summary(path: str | Path) -> dict:
    """Read what `select_batch.py` counted: exposures, chosen, and "left out" by reason."""
    return read_json(path, "exposures", "chosen", "left out")


def select(
    score: np.ndarray,
    targetid: np.ndarray,
    arms: np.ndarray,
    tie: np.ndarray,
    cell: np.ndarray,
    outlier: dict[str, np.ndarray],
    size: int,
    labelled: np.ndarray,
    excluded: np.ndarray,
    diversity: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Choose the `size` most confusing targets.

    Parameters
    ----------
    score : (n,) of each exposure, larger is more confusing
    targetid : int64 (n,); of a target's exposures only the most confusing may be chosen
    arms : (n,) bits of the arms that have weight; a spectrum without a whole arm is no
        choice (46 of the published top 1,000 were dropped for this)
    tie : (n,) numbers that order equal scores; votes tie often, and an order by
        TARGETID or by file would favour a part of the sky
    cell : (n,) BMU
    outlier : bool (n,) arrays by reason ("sparse cell", "far from cell")
    labelled, excluded : TARGETIDs that are no choice
    diversity : the k-th choice from one cell counts as score x (1 - diversity)^k, k = 0,
        1, 2 ...: it spreads the batch over the map; 0 is the published choice

    Returns
    -------
    chosen : row numbers, most confusing first; fewer than `size` where the pool has fewer
    reason : U16 (n,), see REASONS
    """
    reason = np.full(len(score), "", dtype="U16")

    def drop(rows: np.ndarray, why: str) -> None:
        reason[rows & (reason == "")] = why

    # The most confusing exposure of each target comes first in its group.
    order = np.lexsort((tie, -score, targetid))
    first = np.ones(len(order), bool)
    first[1:] = targetid[order][1:] != targetid[order][:-1]
    repeat = np.ones(len(score), bool)
    repeat[order[first]] = False
    drop(repeat, "repeat exposure")
    drop(np.isin(targetid, labelled), "labelled")
    drop(np.isin(targetid, excluded), "excluded")
    drop(arms & ALL_ARMS != ALL_ARMS, "missing arm")
    for why, rows in outlier.items():
        drop(rows, why)

    candidates = np.flatnonzero(reason == "")
    if diversity:
        score = score * (1 - diversity) ** _rank_in_cell(score, tie, cell, candidates)
    ranked = candidates[np.lexsort((tie[candidates], -score[candidates]))]
    chosen = ranked[:size]
    reason[ranked[size:]] = "less confusing"
    return chosen, reason


def _rank_in_cell(
    score: np.ndarray, tie: np.ndarray, cell: np.ndarray, candidates: np.ndarray
) -> np.ndarray:
    """How many more confusing candidates share each one's cell, (n,); 0 for the others."""
    rank = np.zeros(len(score))
    order = candidates[np.lexsort((tie[candidates], -score[candidates], cell[candidates]))]
    if len(order):
        starts = np.flatnonzero(np.diff(cell[order], prepend=cell[order][0] - 1))
        sizes = np.diff(starts, append=len(order))
        rank[order] = np.arange(len(order)) - np.repeat(starts, sizes)
    return rank
