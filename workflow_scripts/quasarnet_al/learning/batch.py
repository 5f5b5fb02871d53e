"""The batch, batch.csv: the spectra that people are asked to label; made, written and read."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quasarnet_al.core.files import InputError
from quasarnet_al.learning import acquisition, som
from quasarnet_al.learning.scores import member_values, read_scores
from quasarnet_al.learning.selection import Candidates, Selection
from quasarnet_al.spectra import pool
from quasarnet_al.spectra.grid import Grid
from quasarnet_al.spectra.tables import read_csv, stack, write_csv

#: Columns of the pool's catalogue that the batch has; those of the survey's pipeline are renamed.
_CATALOG = {name: name for name in ("TARGET_RA", "TARGET_DEC", "SOURCE", "ROW")} | {
    name: f"REDROCK_{name}" for name in ("Z", "SPECTYPE", "ZWARN")
}


@dataclass(frozen=True)
class Exposures:
    """All exposures of the pool, in the order of the files.

    Attributes
    ----------
    scores : (n,), some columns of the score tables
    cells : (n,), BMU, QERR and FLAW (see `som.read_map`)
    files : the score table and the pool file of each chunk
    lengths : number of exposures in each
    """

    scores: np.ndarray
    cells: np.ndarray
    files: list[tuple[str, str]]
    lengths: list[int]

    def locate(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the number of the file, and the row in it, of some of the exposures."""
        starts = np.cumsum([0, *self.lengths])
        place = np.searchsorted(starts, rows, side="right") - 1
        return place, rows - starts[place]

    def read_pool(self, number: int, grid: Grid | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return spectra and catalogue of the pool file `number`, as `pool.read` does.

        Raises `InputError` where it is not that of the score table beside it.
        """
        table, path = self.files[number]
        spectra, catalog = pool.read(path, grid)
        start = sum(self.lengths[:number])
        scored = self.scores["TARGETID"][start : start + self.lengths[number]]
        if not np.array_equal(catalog["TARGETID"], scored):
            raise InputError(
                path,
                f"is not the pool file of {table}",
                "give both in the same order, or score the pool file again",
            )
        return spectra, catalog


def read_exposures(
    scores: Sequence[str],
    maps: Sequence[str],
    pools: Sequence[str],
    fitted: som.Som,
    columns: Sequence[str],
) -> Exposures:
    """Read the score tables of the pool, and the cells of the same spectra on the map `fitted`.

    Parameters
    ----------
    scores, maps, pools : the files of the same chunks in the same order; pool files are not
        read here
    columns : of the score tables, besides TARGETID
    """
    if not len(scores) == len(maps) == len(pools):
        raise InputError(
            f"{len(scores)} score tables, {len(maps)} maps and {len(pools)} pool files",
            "do not belong together",
            "give those of the same tiles in the same order",
        )
    parts = [read_scores(path, list(dict.fromkeys(("TARGETID", *columns)))) for path in scores]
    cells = [
        som.read_map(path, fitted, part["TARGETID"], table)
        for path, part, table in zip(maps, parts, scores, strict=True)
    ]
    lengths = [len(part) for part in parts]
    files = list(zip(scores, pools, strict=True))
    return Exposures(np.concatenate(parts), np.concatenate(cells), files, lengths)


def candidates(exposures: Exposures, column: str, fitted: som.Som) -> Candidates:
    """Return what the selection looks at; `column` of the score tables holds the score."""
    return Candidates(
        exposures.scores[column],
        exposures.scores["TARGETID"],
        exposures.scores["ARMS"],
        exposures.cells["BMU"],
        exposures.cells["QERR"],
        exposures.cells["FLAW"],
        cells=fitted.size,
        predicted=exposures.scores["PREDICTED"],
    )


def make(
    exposures: Exposures, chosen: np.ndarray, selection: Selection
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Read the batch from its score tables and pool files.

    Parameters
    ----------
    chosen : (m,), rows of `exposures`, most uncertain first

    Returns
    -------
    batch : the table that `write` writes, m rows
    spectra : float32 (m, p)
    catalog : (m,), as in a pool file
    """
    place, row = exposures.locate(chosen)
    frames, spectra, catalogs, order = [], [], [], []
    for number in np.unique(place):
        here = np.flatnonzero(place == number)
        scores = read_scores(exposures.files[number][0])
        image, catalog = exposures.read_pool(number)
        spectra.append(image[row[here]])
        catalogs.append(catalog[row[here]])
        cells = exposures.cells[chosen[here]]
        frames.append(_frame(scores[row[here]], cells, catalogs[-1]))
        order.append(here)
    back = np.argsort(np.concatenate(order))
    batch = pd.concat(frames, ignore_index=True).iloc[back].reset_index(drop=True)
    batch.insert(0, "RANK", np.arange(1, len(batch) + 1))
    batch.insert(1, "MINIBATCH", (batch["RANK"] - 1) // selection.minibatch + 1)
    batch.insert(3, "SCORE", batch[acquisition.column(selection.acquisition)])
    batch.insert(4, "ACQUISITION", selection.acquisition)
    return batch, np.concatenate(spectra)[back], stack(catalogs)[back]


def _frame(scores: np.ndarray, cells: np.ndarray, catalog: np.ndarray) -> pd.DataFrame:
    names = scores.dtype.names or ()
    members = [name for name in names if name.startswith("MEMBER_")]
    columns: dict[str, Any] = {name: scores[name] for name in names if name not in members}
    columns |= {name: cells[name] for name in ("BMU", "QERR", "FLAW")}
    columns |= {name: catalog[column] for column, name in _CATALOG.items()}
    for member in members:
        values = member_values(scores, member)
        columns[member] = [" ".join(f"{value:.4f}" for value in each) for each in values]
    return pd.DataFrame(columns)


def write(path: str | Path, batch: pd.DataFrame) -> None:
    """Write batch.csv, a row per target."""
    write_csv(path, batch, "%.7g")


def read_batch(path: str | Path) -> pd.DataFrame:
    """Read batch.csv; TARGETID and MINIBATCH are int64."""
    table = read_csv(path, ("MINIBATCH",), "make it again")
    if not len(table) or table["TARGETID"].duplicated().any():
        raise InputError(path, "has no rows, or a TARGETID twice", "make it again")
    if table["MINIBATCH"].dtype.kind != "i":
        raise InputError(path, "has a MINIBATCH that is not a whole number", "make it again")
    if np.isinf(table.select_dtypes("number").to_numpy(dtype=float)).any():
        raise InputError(path, "has a number that is infinite", "make it again")
    return table
