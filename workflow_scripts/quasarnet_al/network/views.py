"""The lines that a network finds in spectra, from as many positions as its weights ask for.

A spectrum on the log grid that is moved by some pixels is that of the same object at another
redshift, and shows its lines to other pixels of the filters, whose errors are partly independent.
So their mean is more precise (Wang et al. 2019, arXiv 1807.07356, "test-time augmentation").
"""

import numpy as np

from quasarnet_al.network.augmentation import moved
from quasarnet_al.network.inference import Predictor
from quasarnet_al.network.lines import PLAIN, Lines, combined_redshift, line_redshifts
from quasarnet_al.network.weights import Network
from quasarnet_al.spectra.grid import LIGHT_SPEED

#: Pixels between two positions: of five, the further apart the smaller the errors (1 to 6 tried on
#: spectra that chose the epoch), and trainings move spectra by up to 20 pixels.
STEP = 6


def find_lines(network: Network, spectra: np.ndarray, threads: int = 1) -> Lines:
    """Return the lines that a network finds in spectra (n, grid size), by its `viewing`.

    The confidence of a line is the mean over the positions; its redshift is that of the positions
    that agree with the most confident one, as lines are combined.
    """
    predictor, views = Predictor(network), network.viewing.views
    if network.viewing == PLAIN:
        return line_redshifts(*predictor(spectra, threads), network.grid)
    found = []
    for pixels in STEP * (np.arange(views) - views // 2):
        seen = moved(spectra, np.array([pixels]))
        view = line_redshifts(*predictor(seen, threads), network.grid)
        found.append(view._replace(z=(1 + view.z) / 10 ** (pixels * network.grid.step) - 1))
    c, z, c_bal = (np.stack(values, axis=-1) for values in zip(*found, strict=True))
    mean = combined_redshift(c.reshape(-1, views), z.reshape(-1, views)).reshape(z.shape[:-1])
    mean = (1 + mean) * (1 - network.viewing.zero_point / LIGHT_SPEED) - 1
    return Lines(c.mean(axis=-1), mean, c_bal.mean(axis=-1))
