"""Training and validation sets: which labelled spectra each round learns from."""

from pathlib import Path

import numpy as np
import pandas as pd

from quasarnet_al import acquisition, pool
from quasarnet_al.files import InputError
from quasarnet_al.inspection import Z_RANGE
from quasarnet_al.tables import read_csv
from quasarnet_al.tasks import TASKS


def in_validation(identity: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Return which objects only serve to judge, bool (n,).

    It depends on the object's identity and the seed alone: all its spectra are on one
    side, in every round and whatever else is in the set.
    """
    return acquisition.random(identity, seed) < fraction


def held_out(labels: np.ndarray, validation: np.ndarray) -> np.ndarray:
    """Return which labels are of objects of the validation set's labels, bool (n,)."""
    return np.isin(labels["OBJECT"], validation["OBJECT"]) | np.isin(
        labels["TARGETID"], validation["TARGETID"]
    )


def read_labels(path: str | Path) -> pd.DataFrame:
    """Read the merged labels of a round (`labels.csv`)."""
    remedy = "merge the labels again"
    table = read_csv(path, ("SPECTYPE", "Z", "BAL", "ACCEPTED"), remedy)
    accepted = table[table["ACCEPTED"] == 1]
    spectypes = {name for task in TASKS.values() for name in task.spectypes}
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


def batch_labels(
    catalog: np.ndarray, labels: pd.DataFrame, path: str, origin: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return which spectra of a batch have an accepted label, bool (n,), and those labels."""
    table = labels.set_index("TARGETID").reindex(catalog["TARGETID"])
    if table["ACCEPTED"].isna().any():
        raise InputError(
            path, "lacks spectra of its round's batch", "merge the round's labels again"
        )
    accepted = table["ACCEPTED"].to_numpy() == 1
    table = table[accepted]
    rows = pool.labels(len(table), origin)
    rows["TARGETID"] = rows["OBJECT"] = catalog["TARGETID"][accepted]
    rows["SPECTYPE"], rows["Z"], rows["BAL"] = table["SPECTYPE"], table["Z"], table["BAL"]
    return accepted, rows
