"""The outlier rule on a mock survey, whose spectra have known flaws."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from quasarnet_al.core.files import InputError
from quasarnet_al.judging import metrics
from quasarnet_al.learning.selection import OUTLIER_REASONS
from quasarnet_al.spectra import desi, hdus, pool

if TYPE_CHECKING:
    import pandas as pd


def flaws(path: str | Path, roots: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the TARGETID (n,) and the flaw, U16 (n,), of each spectrum of a pool file.

    The coadds of the mock survey that it was extracted from name the flaws (MOCK_FLAW; "none"
    where there is none); they lie in one of the folders `roots`.
    """
    catalog = pool.read_catalog(path)
    flaw = np.full(len(catalog), "", "U16")
    for source in np.unique(catalog["SOURCE"]):
        here = catalog["SOURCE"] == source
        coadd = desi.source_path(str(source), roots)
        if coadd is None:
            raise InputError(path, f"names a coadd {source} that is absent", "extract it again")
        what = f"a mock coadd with the flaws of {path}"
        with hdus.opened(coadd, what, "simulate it again") as fits:
            known = fits["FIBERMAP"].read(columns=["MOCK_FLAW"])
            flaw[here] = np.char.strip(known["MOCK_FLAW"][catalog["ROW"][here]])
    return catalog["TARGETID"], flaw


def judge(reason: np.ndarray, flaw: np.ndarray) -> "pd.DataFrame":
    """Return what the outlier rule discarded, by flaw, as `metrics.discards` does.

    `reason` (n,) is why each spectrum was not selected. A spectrum that was left out before
    the rule looked at it (a repeat, one that is labelled) says nothing about the rule.
    """
    seen = np.isin(reason, ["", "less confusing", *OUTLIER_REASONS])
    return metrics.discards(flaw[seen], np.isin(reason[seen], OUTLIER_REASONS))
