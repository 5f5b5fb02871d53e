"""Scores: what an ensemble says of each spectrum, and how much its members disagree."""

from collections.abc import Sequence

import numpy as np

from quasarnet_al.core.program import progress
from quasarnet_al.network.inference import predict
from quasarnet_al.network.lines import line_redshifts
from quasarnet_al.network.weights import Network
from quasarnet_al.spectra.tables import read_table, write_fits


def lines_of_members(
    networks: Sequence[Network], spectra: np.ndarray, threads: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what each member sees.

    Returns
    -------
    c, z : (members, n, 6), confidence and redshift of each line
    c_bal : (members, n)
    """
    found = [
        line_redshifts(*predict(network, spectra, threads), network.grid)
        for network in progress(networks, "members")
    ]
    c, z, c_bal = (np.array(values) for values in zip(*found, strict=True))
    return c, z, c_bal


def combine(
    c: np.ndarray, z: np.ndarray, c_bal: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the ensemble's lines: mean confidences, and redshifts that the members share.

    A line's redshift is the median of the members', each weighted by its confidence: the
    redshift of one of them (never a mean of two that contradict each other), on the side
    that has more confidence. Arguments as from `lines_of_members`; returns c (n, 6),
    z (n, 6), c_bal (n,).
    """
    order = np.argsort(z, axis=0, kind="stable")
    weight = np.cumsum(np.take_along_axis(c, order, axis=0), axis=0, dtype=np.float64)
    middle = (weight >= weight[-1] / 2).argmax(axis=0)[None]
    median = np.take_along_axis(np.take_along_axis(z, order, axis=0), middle, axis=0)[0]
    return c.mean(axis=0), median, c_bal.mean(axis=0)


def write_scores(path: str, columns: dict[str, np.ndarray], attributes: dict) -> None:
    """Write the table SCORES, one row a spectrum of the pool file."""
    write_fits(path, "SCORES", columns, attributes=attributes)


def read_scores(path: str, columns: Sequence[str] | None = None) -> np.ndarray:
    """Return the score table, or some of its columns."""
    return read_table(path, "SCORES", "score_spectra.py", columns)


def member_values(scores: np.ndarray, name: str) -> np.ndarray:
    """Return a column with a value a member, (n, members), of a score table."""
    # FITS drops the second axis of an ensemble of one.
    return scores[name][:, None] if scores[name].ndim == 1 else scores[name]
