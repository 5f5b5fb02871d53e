"""A small labelled set of each task."""

import numpy as np

from quasarnet_al.network.recipe import Recipe
from quasarnet_al.spectra import pool
from quasarnet_al.spectra.grid import DIGIT, LOG
from quasarnet_al.tasks.registry import TASKS

RECIPE = {
    "quasar": Recipe(layers=4, filters=2, epochs=1, batch_size=16),
    "mnist": Recipe(layers=1, filters=16, epochs=15, batch_size=16, learning_rate=0.01),
}


def examples(name, count=60):
    """Spectra, or images, of noise with one bright place that tells the class."""
    rng = np.random.default_rng(0)
    task, grid = TASKS[name], LOG if name == "quasar" else DIGIT
    spectra = rng.normal(0, 0.3, (count, grid.size)).astype(np.float32)
    number = np.arange(count) % len(task.spectypes)
    for row, place in zip(spectra, 40 * number + 20, strict=True):
        row[place : place + 10] += 3
    labels = pool.labels(count, "test")
    labels["TARGETID"] = labels["OBJECT"] = np.arange(count)
    labels["SPECTYPE"] = np.array(task.spectypes)[number]
    labels["Z"] = 2.5
    return task, grid, spectra, labels
