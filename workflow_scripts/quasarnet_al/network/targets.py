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


def shift(
    spectra: np.ndarray, redshift: np.ndarray, most: int, grid: Grid, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Move spectra by whole pixels to other redshifts, which gives more training examples.

    A pixel of the log grid is a factor in wavelength, so a moved spectrum is that of the same
    object at 1 + z times a power of this factor. The sky's lines and the arms' edges move
    with it; a shift by a few pixels leaves them where they might be.

    Parameters
    ----------
    spectra : float32 (n, grid.size)
    redshift : (n,)
    most : largest shift in pixels, in either direction
    grid : the log grid, the only one on which a redshift is a shift

    Returns
    -------
    spectra, redshift : each moved by its own number of pixels; the pixel at the end is repeated
        where nothing is known
    """
    if grid.kind != "log":
        raise ValueError(f"spectra on a {grid.kind} grid cannot be moved to other redshifts")
    pixels = rng.integers(-most, most, len(spectra), endpoint=True)
    source = np.clip(np.arange(grid.size) - pixels[:, None], 0, grid.size - 1)
    moved = np.take_along_axis(spectra, source, axis=1)
    return moved, (1 + redshift) * 10 ** (pixels * grid.step) - 1


def bootstrap(count: int, seed: Sequence[int]) -> np.ndarray:
    """Return `count` row numbers drawn with replacement: one member's training set.

    Bagging (Breiman 1996): each member of the ensemble sees its own resampling.
    """
    return np.random.default_rng(seed).integers(count, size=count)
