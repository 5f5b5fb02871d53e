"""The figure of the study of query strategies."""

import numpy as np
import pandas as pd

from quasarnet_al.judging import experiment
from quasarnet_al.report import studies


def test_every_figure_of_merit_has_an_axis_and_every_strategy_a_curve():
    rows = [
        {"arm": arm, "seed": seed, "labels": size * batch, "average_precision": 0.5 + 0.1 * batch,
         "redshift_catastrophic": 0.3 - 0.05 * batch + 0.01 * seed}
        for arm, size in (("random", 10), ("bound", 50)) for seed in (1, 2) for batch in range(3)
    ]  # fmt: skip
    curves = pd.DataFrame(rows)
    names = ("average_precision", "redshift_catastrophic")
    ratios = pd.concat(experiment.compare(curves, name, "random", 1) for name in names)
    figure = studies.strategies(curves, ratios)
    axes = [axis for axis in figure.axes if axis.lines]
    assert [axis.get_ylabel() for axis in axes] == [name.replace("_", " ") for name in names]
    labels = [line.get_label() for line in axes[0].lines]
    assert labels == ["random (10 per batch)", "bound (50 per batch)"]
    for line in axes[1].lines:
        np.testing.assert_allclose(line.get_ydata(), [0.315, 0.265, 0.215])
        np.testing.assert_allclose(line.get_xdata(), [0, 1, 2])
