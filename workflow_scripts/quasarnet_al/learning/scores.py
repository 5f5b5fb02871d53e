"""Scores: what an ensemble finds in each spectrum, and how much its members disagree."""

from collections.abc import Sequence

import numpy as np

from quasarnet_al.core.program import progress
from quasarnet_al.network.lines import Lines
from quasarnet_al.network.views import find_lines
from quasarnet_al.network.weights import Network
from quasarnet_al.spectra.tables import read_table, write_fits


def lines_of_members(networks: Sequence[Network], spectra: np.ndarray, threads: int = 1) -> Lines:
    """Return the lines that each member finds: c, z (members, n, 6) and c_bal (members, n)."""
    found = [find_lines(network, spectra, threads) for network in progress(networks, "members")]
    return Lines(*(np.array(values) for values in zip(*found, strict=True)))


def combine(members: Lines) -> Lines:
    """Return the ensemble's lines (n, ...): mean confidences and median redshifts.

    A line's redshift is the median of the members' redshifts, weighted by their confidences.
    So it is the redshift of one member, on the side with more confidence, and never a mean of
    two redshifts that contradict each other. `members` is what `lines_of_members` returns.
    """
    c, z, c_bal = members
    order = np.argsort(z, axis=0, kind="stable")
    weight = np.cumsum(np.take_along_axis(c, order, axis=0), axis=0, dtype=np.float64)
    middle = (weight >= weight[-1] / 2).argmax(axis=0)[None]
    median = np.take_along_axis(np.take_along_axis(z, order, axis=0), middle, axis=0)[0]
    return Lines(c.mean(axis=0), median, c_bal.mean(axis=0))


def write_scores(path: str, columns: dict[str, np.ndarray], attributes: dict) -> None:
    """Write the table SCORES, one row per spectrum of the pool file."""
    write_fits(path, "SCORES", columns, attributes=attributes)


def read_scores(path: str, columns: Sequence[str] | None = None) -> np.ndarray:
    """Return the score table, or some of its columns, whose values are then finite."""
    return read_table(path, "SCORES", "score_spectra.py", columns)


def member_values(scores: np.ndarray, name: str) -> np.ndarray:
    """Return a column of a score table that has a value per member, (n, members)."""
    # FITS drops the second axis of an ensemble of one.
    return scores[name][:, None] if scores[name].ndim == 1 else scores[name]
