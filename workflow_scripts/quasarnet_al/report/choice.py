"""Figures of what a round chose and of how good its votes are."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from quasarnet_al.report.style import COLOURS, MARKERS, WIDTH, blank

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Caption of `reliability`.
RELIABILITY = (
    "Reliability: how often the class with most votes is right, by its share of the votes; error: "
    "the expected calibration error. If one round is shown, the numbers are those of spectra, and "
    "lines show the mean class probabilities, raw and calibrated on half of the validation set; "
    "both are judged on the other half."
)


def confusion_matrix(matrix: Sequence[Sequence[int]], names: Sequence[str]) -> "Figure":
    """Counts of the classes by votes (columns) against the true ones (rows)."""
    counts = np.array(matrix)
    share = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    figure = blank(WIDTH, 0.85 * WIDTH)
    axis = figure.subplots()
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    small = len(names) > 5
    for (row, column), count in np.ndenumerate(counts):
        part = share[row, column]
        text = f"{count}" if small else f"{count}\n{100 * part:.0f} %"
        colour = "white" if part > 0.5 else "black"
        size = 8 if small else 10
        axis.text(column, row, text, ha="center", va="center", color=colour, fontsize=size)
    labels = [name.replace("_", " ") for name in names]
    axis.set_xticks(range(len(names)), labels)
    axis.set_yticks(range(len(names)), labels, rotation=90, va="center")
    axis.set(xlabel="class with most votes", ylabel="true class")
    axis.grid(False)
    return figure


def score_histogram(score: np.ndarray, chosen: np.ndarray, label: str) -> "Figure":
    """Distribution of the uncertainty (n,) in the pool, and in the batch `chosen`."""
    figure = blank(WIDTH, 3.2)
    axis = figure.subplots()
    edges = np.linspace(score.min(), max(score.max(), score.min() + 1e-6), 41).tolist()
    axis.hist(score, edges, histtype="step", color=COLOURS[0], label=f"pool ({len(score)})")
    axis.hist(score[chosen], edges, color=COLOURS[1], label=f"batch ({chosen.sum()})")
    cut = score[chosen].min()
    axis.axvline(cut, color="black", linestyle=":", label=f"lowest of the batch: {cut:.3g}")
    axis.set(xlabel=label, ylabel="exposures", yscale="log")
    axis.set_ylim(bottom=0.7)  # a bin of one is visible
    axis.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
    return figure


def occupancy(count: np.ndarray, sparse: np.ndarray, batch: np.ndarray) -> "Figure":
    """Exposures in each cell of the map; sparse cells and cells of the batch are marked.

    All are (rows, columns): counts of the pool, bool, counts of the batch.
    """
    from matplotlib.colors import LinearSegmentedColormap

    figure = blank(WIDTH, 0.9 * WIDTH)
    axis = figure.subplots()
    # No black, so that the marks are visible on every cell.
    shown = axis.imshow(count, cmap=LinearSegmentedColormap.from_list("", ["1.0", "0.45"]))
    # Marks shrink with the cells; large ones would not fit into the legend.
    size = min(12, 0.55 * 72 * 0.75 * WIDTH / max(count.shape))
    for cells, marker, colour, label in (
        (sparse, "x", COLOURS[1], "sparse"),
        (batch > 0, "o", COLOURS[0], "in the batch"),
    ):
        row, column = np.nonzero(cells)
        axis.plot(
            column, row, marker, color=colour, markersize=size, fillstyle="none",
            label=f"{label} ({len(row)} cells)",
        )  # fmt: skip
    axis.set(xlabel="column", ylabel="row")
    axis.locator_params(integer=True)
    axis.grid(False)
    axis.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    figure.colorbar(shown, ax=axis, label="exposures", shrink=0.8)
    return figure


def reliability(rounds: Sequence[dict]) -> "Figure":
    """Reliability diagram of the votes, one line per round."""
    figure = blank(4.8, 4.4)
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color="0.6", linestyle=":", label="perfect")
    for number, entry in enumerate(rounds):
        bins = entry["calibration"]["bins"]
        error = entry["calibration"]["expected_error"]
        axis.plot(
            [b["vote"] for b in bins],
            [b["right"] for b in bins],
            marker=MARKERS[number % len(MARKERS)],
            label=f"votes of round {entry['round']}: error {error:.3f}",
        )
        # Where several rounds are shown, theirs alone.
        known = entry.get("probabilities", {}) if len(rounds) == 1 else {}
        for name, style in (("raw", ":"), ("calibrated", "--")):
            if name in known and known[name]["bins"]:
                points, error = known[name]["bins"], known[name]["expected_error"]
                axis.plot(
                    [b["vote"] for b in points],
                    [b["right"] for b in points],
                    linestyle=style,
                    label=f"{name} probabilities: error {error:.3f}",
                )
    axis.set(xlabel="share of the votes, or probability", ylabel="share that is correct")
    lowest = min((b["vote"] for e in rounds for b in e["calibration"]["bins"]), default=1)
    axis.set(xlim=(min(0.3, lowest - 0.03), 1.02), ylim=(0, 1.02))
    if len(rounds) == 1:
        for b in rounds[0]["calibration"]["bins"]:
            place = (0, -14) if b["right"] > 0.1 else (0, 7)  # clear of the axis
            axis.annotate(
                b["n"], (b["vote"], b["right"]), place, textcoords="offset points", fontsize=8
            )
    axis.legend()
    return figure
