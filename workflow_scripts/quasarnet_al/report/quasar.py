"""Figures of QuasarNET's redshifts and of spectra."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from quasarnet_al.judging.statistics import wilson
from quasarnet_al.report.choice import RELIABILITY, reliability
from quasarnet_al.report.style import COLOURS, MARKERS, WIDTH, blank, shares, significant
from quasarnet_al.spectra.grid import LINES, Grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Largest number of rows and columns of a map whose spectra are distinguishable, and their points.
PROTOTYPES, PROTOTYPE_POINTS = 15, 74
#: Pixels of the running mean over a spectrum.
SMOOTH = 5


def learning_curve(rounds: Sequence[dict]) -> "Figure":
    """Completeness, purity and catastrophic redshifts against the number of labels."""
    labels = [entry["labels_of_rounds"] for entry in rounds]
    figure = blank(WIDTH, 4.8)
    above, below = figure.subplots(2, 1, sharex=True)
    for name, whole, marker in (("completeness", "quasars", "o"), ("purity", "selected", "s")):
        parts = [(entry[name], entry[whole]) for entry in rounds]
        shares(above, labels, parts, marker=marker, label=name)
    above.set(ylabel="share")
    above.legend()
    redshifts = [entry["redshift"] for entry in rounds]
    parts = [(redshift["catastrophic"], redshift["quasars"]) for redshift in redshifts]
    shares(below, labels, parts, marker="o", color=COLOURS[2])
    below.set(
        xlabel="labels acquired in the rounds", ylabel="share of redshifts\noff by > 6000 km/s"
    )
    below.set_ylim(bottom=0)
    first = rounds[0]
    figure.suptitle(
        f"validation: {first['spectra']} spectra, {first['quasars']} quasars; cut {first['cut']}; "
        "bands: 95 %",
        fontsize=10,
    )
    return figure


def cut_curves(rounds: Sequence[dict]) -> "Figure":
    """Purity and completeness against the confidence cut, one line per round."""
    figure = blank(WIDTH, 4.8)
    axes = figure.subplots(2, 1, sharex=True)
    for axis, name in zip(axes, ("completeness", "purity"), strict=True):
        for number, entry in enumerate(rounds):
            cuts = [point["cut"] for point in entry["curve"]]
            axis.plot(
                cuts,
                [significant(p[name]) for p in entry["curve"]],
                marker=MARKERS[number % len(MARKERS)],
                markersize=4,
                label=f"round {entry['round']}",
            )
        axis.axvline(rounds[-1]["cut"], color="0.5", linestyle=":")
        axis.set(ylabel=name)
    axes[1].set(xlabel="confidence cut (dotted: the catalogue's)")
    axes[0].legend()
    last = rounds[-1]
    figure.suptitle(f"{last['spectra']} spectra, {last['quasars']} quasars", fontsize=10)
    return figure


def redshift_errors(rounds: Sequence[dict]) -> "Figure":
    """Redshift errors of the last round, by true redshift and by the line that gave it."""
    redshift = rounds[-1]["redshift"]
    figure = blank(WIDTH, 5.6)
    axes = figure.subplots(2, 2, sharex="col", sharey="row", width_ratios=(1.6, 1))
    for column, bins in zip(axes.T, (redshift["by_redshift"], redshift["by_line"]), strict=True):
        middle, share = column
        for place, row in enumerate(bins):
            low, value, high = (significant(row[n]) for n in ("low_kms", "median_kms", "high_kms"))
            middle.vlines(place, low, high, color=COLOURS[0])
            middle.plot(place, value, "o", color=COLOURS[0])
            low, high = wilson(row["catastrophic"], row["quasars"])
            share.vlines(place, 100 * low, 100 * high, color=COLOURS[1])
            part = 100 * row["catastrophic"] / row["quasars"]
            share.plot(place, part, "s", color=COLOURS[1], clip_on=False)
        ticks = [f"{row['bin']} ({row['quasars']})" for row in bins]
        share.set_xticks(range(len(bins)), ticks, rotation=90, fontsize=8)
        for axis in column:
            axis.grid(axis="x", visible=False)
    axes[0, 0].set_ylabel("error within 6000 km/s\n[km/s]")
    axes[1, 0].set_ylabel("off by > 6000 km/s [%]")
    axes[1, 0].set_xlabel("true redshift (quasars)")
    axes[1, 1].set_xlabel("line (quasars)")
    axes[0, 0].margins(y=0.12)
    axes[1, 0].set_ylim(bottom=0)
    return figure


def prototypes(weights: np.ndarray, grid: Grid) -> "Figure":
    """The weights of the cells of a map (rows, columns, p), close to the mean of their spectra.

    Of a large map only every second, third ... row and column is drawn.
    """
    step = -(-max(weights.shape[:2]) // PROTOTYPES)
    shown = weights[::step, ::step]
    rows, columns, pixels = shown.shape
    # Means of some pixels: a cell is narrower than a spectrum has pixels.
    width = -(-pixels // PROTOTYPE_POINTS)
    points = pixels // width
    height = shown[..., : points * width].reshape(rows, columns, points, width).mean(axis=3)
    low, high = np.percentile(height, [0.5, 99.5])
    height = 0.84 * (np.clip((height - low) / (high - low or 1), 0, 1) - 0.5)
    # The last point of each is NaN, so that one line draws them all.
    gap = [(0, 0), (0, 0), (0, 1)]
    x = np.arange(columns)[:, None] + np.linspace(-0.42, 0.42, points)
    x = np.pad(np.broadcast_to(x, height.shape), gap, constant_values=np.nan)
    y = np.pad(np.arange(rows)[:, None, None] - height, gap, constant_values=np.nan)
    figure = blank(WIDTH, 0.95 * WIDTH)
    axis = figure.subplots()
    axis.plot(step * x.ravel(), step * y.ravel(), linewidth=0.7)
    axis.set(
        xlabel="column",
        ylabel="row",
        xlim=(-0.5 * step, (columns - 0.5) * step),
        ylim=((rows - 0.5) * step, -0.5 * step),
        aspect="equal",
    )
    axis.locator_params(integer=True)
    axis.grid(False)
    first, last = grid.wavelength[[0, -1]]
    axis.set_title(f"each from {first:.0f} to {last:.0f} Å, on a common scale", fontsize=10)
    return figure


def spectrum(pixels: np.ndarray, grid: Grid, z: float) -> "Figure":
    """A normalised spectrum (p,), and where QuasarNET's lines are at redshift `z`."""
    figure = blank(WIDTH, 2.2, layout=None)
    # A page holds many: no layout engine, which takes longer than the drawing.
    figure.subplots_adjust(left=0.13, right=0.98, bottom=0.22, top=0.97)
    axis = figure.subplots()
    smooth = np.convolve(pixels, np.ones(SMOOTH) / SMOOTH, "valid")
    half = SMOOTH // 2
    axis.plot(grid.wavelength, pixels, color="0.75", linewidth=0.6)
    axis.plot(grid.wavelength[half:-half], smooth, color=COLOURS[0], linewidth=1)
    # Cosmic rays and the noise at the blue end must not flatten the rest.
    low, high = np.percentile(pixels, [1, 99])
    low, high = min(low, smooth.min()), max(high, smooth.max())
    space = 0.15 * (high - low)
    axis.set(xlim=grid.wavelength[[0, -1]], ylim=(low, high + space))
    for name, rest in LINES.items():
        if grid.wavelength[0] < rest * (1 + z) < grid.wavelength[-1]:
            axis.axvline(rest * (1 + z), color=COLOURS[1], linestyle=":", linewidth=1)
            axis.annotate(
                name, (rest * (1 + z), 1), (2, -2), fontsize=8, rotation=90, va="top",
                xycoords=("data", "axes fraction"), textcoords="offset points",
            )  # fmt: skip
    axis.set(xlabel="observed wavelength [Å]", ylabel="flux, normalised")
    return figure


#: What draws the metrics of the rounds, and its captions; the learning curve first.
FIGURES = [
    (learning_curve, "Quasars found with the right redshift (within 6000 km/s)."),
    (
        cut_curves,
        "Completeness and purity against the confidence cut; a quasar counts only with the right "
        "redshift.",
    ),
    (
        redshift_errors,
        "Redshift errors c Δz / (1 + z) of the quasars found, in the last round shown: medians "
        "and 16th to 84th percentiles, shares with 95 % intervals; numbers of quasars in "
        "brackets.",
    ),
    (reliability, RELIABILITY),
]
