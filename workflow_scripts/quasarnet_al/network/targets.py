"""Training targets: the position of each line, and its weight in the loss."""

from collections.abc import Sequence

import numpy as np

from quasarnet_al.spectra.grid import BAL_LINE, BOXES, LINES, Grid


def line_targets(
    is_qso: np.ndarray, redshift: np.ndarray, bal: np.ndarray, grid: Grid
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the targets of the seven outputs (Busca & Balland 2018, section 3).

    Parameters
    ----------
    is_qso : bool (n,)
    redshift : (n,)
    bal : int (n,), 1 broad absorption, 0 none, -1 unknown

    Returns
    -------
    box : float32 (n, 7, 13), 1 in the box that holds the line, zero elsewhere and where
        the line is off the grid or the object is not a quasar
    offset : float32 (n, 7, 13), where in that box the line lies, 0..1
    weight : float32 (n, 7), 0 on the BAL output of quasars whose state is not known
    """
    rest = np.array([*LINES.values(), BAL_LINE])
    present = np.repeat(is_qso[:, None], len(rest), axis=1)
    present[:, -1] &= bal == 1
    redshift = np.where(is_qso, redshift, 0.0)
    pixel = grid.pixel(rest * (1 + redshift[:, None]))
    present &= (pixel >= 0) & (pixel < grid.size)
    position = np.where(present, pixel, 0) * BOXES / grid.size
    index = position.astype(int)
    box = np.zeros((len(is_qso), len(rest), BOXES), np.float32)
    offset = np.zeros_like(box)
    rows, lines = np.nonzero(present)
    boxes = index[rows, lines]
    box[rows, lines, boxes] = 1
    offset[rows, lines, boxes] = (position - index)[rows, lines]
    weight = np.ones((len(is_qso), len(rest)), np.float32)
    weight[:, -1] = ~(is_qso & (bal < 0))
    return box, offset, weight


def bootstrap(count: int, seed: Sequence[int]) -> np.ndarray:
    """Return `count` row numbers drawn with replacement: one member's training set.

    Bagging (Breiman 1996): each member of the ensemble sees its own resampling.
    """
    return np.random.default_rng(seed).integers(count, size=count)
