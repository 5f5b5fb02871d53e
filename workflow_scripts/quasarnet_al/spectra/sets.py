"""Training and validation sets: which labelled spectra each round learns from."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from quasarnet_al.core import chance
from quasarnet_al.core.files import InputError
from quasarnet_al.spectra import pool
from quasarnet_al.spectra.tables import read_csv
from quasarnet_al.spectra.truth import Z_RANGE


def in_validation(identity: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Return which objects only serve to judge, bool (n,).

    It depends on the object's identity and the seed alone: all its spectra are on one
    side, in every round and whatever else is in the set.
    """
    return chance.random(identity, seed) < fraction


def held_out(labels: np.ndarray, validation: np.ndarray) -> np.ndarray:
    """Return which labels are of objects of the validation set's labels, bool (n,)."""
    return np.isin(labels["OBJECT"], validation["OBJECT"]) | np.isin(
        labels["TARGETID"], validation["TARGETID"]
    )


def read_labels(path: str | Path, spectypes: Sequence[str]) -> pd.DataFrame:
    """Read the merged labels of a round (`labels.csv`); `spectypes` are those of its task."""
    remedy = "merge the labels again"
    table = read_csv(path, ("SPECTYPE", "Z", "BAL", "ACCEPTED"), remedy)
    accepted = table[table["ACCEPTED"] == 1]
    numbers = all(table[name].dtype.kind in "fi" for name in ("Z", "BAL", "ACCEPTED"))
    if not numbers or not table["ACCEPTED"].isin([0, 1]).all():
        raise InputError(path, "has a Z, BAL or ACCEPTED that is no number or not 0 or 1", remedy)
    if table["TARGETID"].duplicated().any():
        raise InputError(path, "has a TARGETID twice", remedy)
    if not (accepted["SPECTYPE"].isin(spectypes) & accepted["BAL"].isin([-1, 0, 1])).all():
        raise InputError(path, "accepts a SPECTYPE or a BAL that is none", remedy)
    redshifts = accepted["Z"][accepted["SPECTYPE"] == "QSO"]
    if not redshifts.between(*Z_RANGE).all():
        raise InputError(path, f"accepts a quasar's Z outside {Z_RANGE}", remedy)
    return table


def answered(batch: pd.DataFrame, labels: str | Path, spectypes: Sequence[str]) -> pd.DataFrame:
    """Return the rows of a batch that have an accepted label.

    Parameters
    ----------
    batch : of `learning.batch.read_batch`
    labels : the round's labels.csv
    spectypes : that a label of the task may say

    Returns
    -------
    those rows, under their number in the batch, with LABEL and LABEL_Z
    """
    accepted, table = _accepted(batch["TARGETID"], read_labels(labels, spectypes), labels)
    return batch[accepted].assign(
        LABEL=table["SPECTYPE"].astype(str).to_numpy(), LABEL_Z=table["Z"].to_numpy()
    )


def batch_labels(
    catalog: np.ndarray, labels: pd.DataFrame, path: str, origin: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return which spectra of a batch have an accepted label, bool (n,), and those labels."""
    accepted, table = _accepted(catalog["TARGETID"], labels, path)
    rows = pool.labels(len(table), origin)
    rows["TARGETID"] = rows["OBJECT"] = catalog["TARGETID"][accepted]
    rows["SPECTYPE"], rows["Z"], rows["BAL"] = table["SPECTYPE"], table["Z"], table["BAL"]
    return accepted, rows


def _accepted(
    targetid: Sequence[int], labels: pd.DataFrame, path: str | Path
) -> tuple[np.ndarray, pd.DataFrame]:
    """Return which targets of a batch have an accepted label, bool (n,), and those labels."""
    table = labels.set_index("TARGETID").reindex(targetid)
    if table["ACCEPTED"].isna().any():
        raise InputError(
            path, "lacks spectra of its round's batch", "merge the round's labels again"
        )
    accepted = table["ACCEPTED"].to_numpy() == 1
    return accepted, table[accepted]
