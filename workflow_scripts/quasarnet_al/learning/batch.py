"""batch.csv: the spectra that people are asked to label."""

import os

import pandas as pd

from quasarnet_al.core.files import InputError
from quasarnet_al.spectra.tables import read_csv


def read_batch(path: str | os.PathLike) -> pd.DataFrame:
    """Read `batch.csv`; TARGETID and MINIBATCH are int64."""
    table = read_csv(path, ("MINIBATCH",), "make it again")
    if not len(table) or table["TARGETID"].duplicated().any():
        raise InputError(path, "has no rows, or a TARGETID twice", "make it again")
    if table["MINIBATCH"].dtype.kind != "i":
        raise InputError(path, "has a MINIBATCH that is no whole number", "make it again")
    return table
