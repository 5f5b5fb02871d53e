"""Figures of the task `mnist`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from quasarnet_al.report.choice import RELIABILITY, reliability
from quasarnet_al.report.style import WIDTH, blank, shares
from quasarnet_al.spectra.grid import Grid
from quasarnet_al.tasks.digits import CLASSES, SIDE

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def learning_curve(rounds: Sequence[dict]) -> "Figure":
    """Accuracy of the ensemble and of its members against the training set's size."""
    size = [entry["training_spectra"] for entry in rounds]
    figure = blank(5, 3.4)
    axis = figure.subplots()
    members = [np.mean(entry["member_accuracy"]) for entry in rounds]
    parts = [(entry["accuracy"], entry["digits"]) for entry in rounds]
    shares(axis, size, parts, marker="o", label="ensemble (band: 95 % interval)")
    axis.plot(size, members, marker="s", label="mean of its members")
    axis.set(xlabel="labelled digits", ylabel="accuracy")
    axis.legend()
    figure.suptitle(f"validation: {rounds[0]['digits']} digits", fontsize=10)
    return figure


def accuracy_of_classes(rounds: Sequence[dict]) -> "Figure":
    """Accuracy of each class, one line per round."""
    figure = blank(5, 3.4)
    axis = figure.subplots()
    for entry in rounds:
        share = [entry["classes"][name]["accuracy"] for name in CLASSES]
        share = [np.nan if value is None else value for value in share]
        axis.plot(CLASSES, share, marker="o", label=f"round {entry['round']}")
    axis.set(xlabel="digit", ylabel="accuracy")
    axis.legend()
    return figure


def digit(pixels: np.ndarray, grid: Grid, z: float) -> "Figure":
    """A digit (784,); it has no redshift."""
    figure = blank(1.6, 1.6, layout=None)
    axis = figure.subplots()
    axis.imshow(pixels.reshape(SIDE, SIDE), cmap="gray_r", vmin=0, vmax=1)
    axis.set_axis_off()
    return figure


def confusing_digits(images: np.ndarray, table: pd.DataFrame) -> "Figure":
    """The most uncertain digit by each measure, and how the members voted on it.

    Parameters
    ----------
    images : (n, 784)
    table : n rows with MEASURE, TRUTH, VALUE, ENTROPY and VOTE_0 ... VOTE_9
    """
    figure = blank(3 * len(table), 4.6)
    above, below = figure.subplots(2, len(table), height_ratios=(3, 1.3), squeeze=False)
    for image, row, picture, bars in zip(
        images, table.to_dict("records"), above, below, strict=True
    ):
        picture.imshow(image.reshape(SIDE, SIDE), cmap="gray_r", vmin=0, vmax=1)
        picture.set_axis_off()
        measure = row["MEASURE"].replace("_", " ")
        picture.set_title(
            f"{measure}: {row['VALUE']:.4f}\nentropy {row['ENTROPY']:.4f} bits; a {row['TRUTH']}"
        )
        votes = [100 * row[f"VOTE_{name}"] for name in CLASSES]
        drawn = bars.bar(CLASSES, votes, width=0.8)
        labels = [f"{vote:.0f}" if vote else "" for vote in votes]
        bars.bar_label(drawn, labels, fontsize=8)
        bars.set(ylim=(0, 75), xlabel="class")
        bars.grid(False)
    below[0].set_ylabel("votes, %")
    return figure


def prototypes(weights: np.ndarray, grid: Grid) -> "Figure":
    """The weights of the cells of a map (rows, columns, 784)."""
    rows, columns, _ = weights.shape
    images = weights.reshape(rows, columns, SIDE, SIDE).swapaxes(1, 2)
    figure = blank(WIDTH, 0.95 * WIDTH)
    axis = figure.subplots()
    edges = (-0.5, columns - 0.5, rows - 0.5, -0.5)
    mosaic = images.reshape(rows * SIDE, columns * SIDE)
    axis.imshow(mosaic, cmap="gray_r", vmin=0, vmax=1, extent=edges)
    axis.set(xlabel="column", ylabel="row")
    axis.locator_params(integer=True)
    axis.grid(False)
    return figure


#: What draws the metrics of the rounds, and its captions; the learning curve first.
FIGURES = [
    (learning_curve, "Share of the validation set's digits that are classified correctly."),
    (accuracy_of_classes, "Accuracy of each class, round by round."),
    (reliability, RELIABILITY),
]
