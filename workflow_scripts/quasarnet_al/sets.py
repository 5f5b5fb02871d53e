"""Training and validation sets: which labelled spectra each round learns from."""

from pathlib import Path

import numpy as np
import pandas as pd

from quasarnet_al import acquisition, pool
from quasarnet_al.files import InputError
from quasarnet_al.tables import read_csv


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
    return read_csv(path, ("SPECTYPE", "Z", "BAL", "ACCEPTED"), "merge the labels again")


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
