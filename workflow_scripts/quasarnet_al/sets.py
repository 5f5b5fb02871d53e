"""Training and validation sets: which labelled spectra each round learns from."""

from pathlib import Path

import numpy as np
import pandas as pd

from quasarnet_al import acquisition, pool
from quasarnet_al.files import InputError


def in_validation(targetid: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Return which targets only serve to judge, bool (n,).

    It depends on TARGETID and seed alone: all exposures of a target are on one side, in
    every round and whatever else is in the set.
    """
    return acquisition.random(targetid, seed) < fraction


def read_labels(path: str | Path) -> pd.DataFrame:
    """Read the merged labels of a round (`labels.csv`)."""
    try:
        labels = pd.read_csv(path, dtype={"TARGETID": np.int64})
        return labels[["TARGETID", "SPECTYPE", "Z", "BAL", "ACCEPTED"]]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(path, f"is not a table of labels ({error})", "merge them again") from error


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
    rows["TARGETID"] = catalog["TARGETID"][accepted]
    rows["SPECTYPE"], rows["Z"], rows["BAL"] = table["SPECTYPE"], table["Z"], table["BAL"]
    return accepted, rows
