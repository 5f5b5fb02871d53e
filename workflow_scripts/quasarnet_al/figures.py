"""Figures in one style: readable in print, in grey and by the colour-blind."""

import base64
import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from quasarnet_al import metrics
from quasarnet_al.grid import LINES, Grid

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Okabe & Ito (2008): distinguishable with every kind of colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
#: Lines are told apart by these too, in grey.
MARKERS = "osD^vPX*"
#: Inches of a figure of a report: its letters are read on a telephone too.
WIDTH = 4.8
#: Rows and columns of a map whose spectra can be told apart, and points of each of them.
PROTOTYPES, PROTOTYPE_POINTS = 15, 74
#: Pixels of the running mean over a spectrum.
SMOOTH = 5
STYLE = {
    "figure.dpi": 110,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "axes.prop_cycle": f"cycler('color', {list(COLOURS)})",
    "legend.frameon": False,
    "svg.hashsalt": "quasarnet-al",
}


def draw(function: Callable, *arguments: object, kind: str = "png", **options: object) -> bytes:
    """Return the PNG or SVG (`kind`) of a figure that `function` makes in the project's style."""
    import matplotlib  # takes three times as long to start as numpy

    with matplotlib.rc_context(STYLE):
        figure = function(*arguments, **options)
        buffer = io.BytesIO()
        # No date and no version: the same data give the same bytes.
        absent = dict.fromkeys({"png": ["Software"], "svg": ["Date", "Creator"]}[kind])
        # On a page figures stand in columns: their width is the one they ask for.
        box = "tight" if kind == "png" else None
        figure.savefig(buffer, format=kind, bbox_inches=box, metadata=absent)
    return buffer.getvalue()


def blank(width: float, height: float, layout: str | None = "constrained") -> "Figure":
    """Return an empty figure, inches."""
    # Not pyplot: it alone takes as long to start as numpy.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout=layout)


def embed(svg: bytes) -> str:
    """Return an SVG as a data address for an HTML page."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode()


def learning_curve(rounds: Sequence[dict]) -> "Figure":
    """Completeness, purity and catastrophic redshifts against the labels of the rounds."""
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
    below.set(xlabel="labels bought in the rounds", ylabel="share of redshifts\noff by > 6000 km/s")
    below.set_ylim(bottom=0)
    first = rounds[0]
    figure.suptitle(
        f"validation: {first['spectra']} spectra, {first['quasars']} quasars; cut {first['cut']}; "
        "bands: 95 %",
        fontsize=10,
    )
    return figure


def shares(
    axis: "Axes", x: Sequence[float], parts: Sequence[tuple[float | None, int]], **style: object
) -> None:
    """Draw shares, and their 95 % intervals as a band.

    `parts` are each share and what it is a share of; None where that is nothing.
    """
    values = [_number(share) for share, _ in parts]
    (line,) = axis.plot(x, values, **style)
    ends = [metrics.wilson(v * n, n) for v, (_, n) in zip(values, parts, strict=True)]
    axis.fill_between(x, *np.transpose(ends), color=line.get_color(), alpha=0.15, linewidth=0)


def cut_curves(rounds: Sequence[dict]) -> "Figure":
    """Purity and completeness against the confidence cut, a line a round."""
    figure = blank(WIDTH, 4.8)
    axes = figure.subplots(2, 1, sharex=True)
    for axis, name in zip(axes, ("completeness", "purity"), strict=True):
        for number, entry in enumerate(rounds):
            cuts = [point["cut"] for point in entry["curve"]]
            axis.plot(
                cuts,
                [_number(p[name]) for p in entry["curve"]],
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
            low, value, high = (_number(row[n]) for n in ("low_kms", "median_kms", "high_kms"))
            middle.vlines(place, low, high, color=COLOURS[0])
            middle.plot(place, value, "o", color=COLOURS[0])
            low, high = metrics.wilson(row["catastrophic"], row["quasars"])
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


def scores(score: np.ndarray, chosen: np.ndarray, label: str) -> "Figure":
    """Distribution of the measure of confusion (n,) in the pool, and in the batch `chosen`."""
    figure = blank(WIDTH, 3.2)
    axis = figure.subplots()
    edges = np.linspace(score.min(), max(score.max(), score.min() + 1e-6), 41)
    axis.hist(score, edges, histtype="step", color=COLOURS[0], label=f"pool ({len(score)})")
    axis.hist(score[chosen], edges, color=COLOURS[1], label=f"batch ({chosen.sum()})")
    cut = score[chosen].min()
    axis.axvline(cut, color="black", linestyle=":", label=f"least of the batch: {cut:.3g}")
    axis.set(xlabel=label, ylabel="exposures", yscale="log")
    axis.set_ylim(bottom=0.7)  # a bin of one is seen
    axis.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
    return figure


def occupancy(count: np.ndarray, sparse: np.ndarray, batch: np.ndarray) -> "Figure":
    """Exposures in each cell of the map; cells that are sparse and those of the batch marked.

    All are (rows, columns): counts of the pool, bool, counts of the batch.
    """
    from matplotlib.colors import LinearSegmentedColormap

    figure = blank(WIDTH, 0.9 * WIDTH)
    axis = figure.subplots()
    # No black: the marks are seen on every cell.
    shown = axis.imshow(count, cmap=LinearSegmentedColormap.from_list("", ["1.0", "0.45"]))
    # Marks shrink with the cells; large ones would not fit into the legend.
    size = min(12, 0.55 * 72 * 0.75 * WIDTH / max(count.shape))
    for cells, marker, colour, label in (
        (sparse, "x", COLOURS[1], "sparse"),
        (batch > 0, "o", COLOURS[0], "of the batch"),
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


def prototypes(weights: np.ndarray, grid: Grid) -> "Figure":
    """What the cells of a map (rows, columns, p) stand for: near the mean of their spectra.

    Of a large map every second, third ... row and column.
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
    # The last point of each is none, so that one line draws them all.
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
    axis.set_title(f"each from {first:.0f} to {last:.0f} Å, all on one scale", fontsize=10)
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
    # A cosmic ray or two, and the noise at the blue end, must not flatten the rest.
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


#: Colour, marker and place beside the tick of the two networks of the gate.
NETWORKS = {"incumbent": (COLOURS[0], "o", -0.13), "candidate": (COLOURS[1], "s", 0.13)}


def gate(table: "pd.DataFrame", cut: float) -> "Figure":
    """The gate's checks of both networks with 95 % intervals; crosses where one is broken."""
    figure = blank(15, 7.2)
    axes = figure.subplots(2, 3, width_ratios=(1.4, 0.9, 1.4))
    for row, check in zip(axes, ("completeness", "purity"), strict=True):
        for axis, name in zip(row, ("z", "S/N"), strict=False):
            _gate_bins(axis, table, check, name)
            axis.set_ylabel(check if name == "z" else "")
    axes[0, 0].set_xlabel("true redshift")
    axes[1, 0].set_xlabel("redshift of the network")
    for axis in axes[:, 1]:
        axis.set_xlabel("median S/N per pixel")
    _gate_shares(axes[0, 2], table)
    _gate_bins(axes[1, 2], table, "sigma_nmad", "z")
    axes[1, 2].set(xlabel="true redshift", ylabel="redshift error, $\\sigma_{NMAD}$ [km/s]")
    axes[1, 2].set_ylim(bottom=0)
    key = axes[0, 0]
    for network, (colour, marker, _) in NETWORKS.items():
        key.plot([], [], marker, color=colour, label=network)
    key.plot([], [], "o", color="0.4", markerfacecolor="white", label="too few to judge")
    key.plot([], [], "kx", markersize=9, markeredgewidth=2, label="threshold broken")
    figure.legend(*key.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.suptitle(
        f"confidence cut {cut:g}; right redshift: within 6000 km/s; bars: 95 % intervals; "
        "in brackets: sample sizes\n"
        f"{table['passed'].eq(False).sum()} thresholds are broken, all checks: gate.csv",
        fontsize=10,
    )
    return figure


def _gate_bins(axis: "Axes", table: "pd.DataFrame", check: str, name: str) -> None:
    """A check in the bins of redshift or S/N, after its value in the whole sample."""
    rows = table[table["check"] == check]
    binned = rows[rows["bin"].str.startswith(f"{name} ")]
    rows = [*rows[rows["bin"] == "all"].itertuples(), *binned.itertuples()]
    for network, (colour, marker, shift) in NETWORKS.items():
        for place, row in enumerate(rows):
            value, low, high = (getattr(row, network + end) for end in ("", "_low", "_high"))
            fill = "white" if row.passed is None else colour
            axis.vlines(place + shift, low, high, color=colour, linewidth=1.5)
            axis.plot(place + shift, value, marker, color=colour, markerfacecolor=fill)
    for place, row in enumerate(rows):
        if row.passed is False:
            # Drawn where it can be told from the markers, also in grey.
            axis.plot(place + 0.13, row.candidate, "kx", markersize=11, markeredgewidth=2, zorder=5)
    axis.axvline(0.5, color="0.7", linewidth=1)
    ticks = [row.bin.removeprefix(f"{name} ") + f"\n({row.n})" for row in rows]
    axis.set_xticks(range(len(rows)), ticks, fontsize=8)
    axis.set_xlim(-0.5, len(rows) - 0.5)
    axis.grid(axis="x", visible=False)


def _gate_shares(axis: "Axes", table: "pd.DataFrame") -> None:
    """The shares of what should not be, in per cent."""
    shares = {
        "class_changed": ("class changes", 1),
        "sky": ("sky taken for quasars", 1),
        "catastrophic": ("redshift off by\n> 6000 km/s", 1),
        "repeat_class": ("repeats differ\nin class", -1),
        "repeat_redshift": ("repeats differ\nin redshift", -1),
    }
    whole = table[table["bin"] == "all"].set_index("check")
    ticks = []
    for place, (check, (label, sign)) in enumerate(shares.items()):
        if check not in whole.index:
            ticks.append(f"{label}\n(no data)")
            continue
        row = whole.loc[check]
        ticks.append(f"{label} ({row['n']})")
        for network, (colour, marker, shift) in NETWORKS.items():
            if check == "class_changed" and network == "incumbent":
                continue
            values = [row[network + end] for end in ("", "_low", "_high")]
            value, *ends = (100 * (v if sign > 0 else 1 - v) for v in values)
            axis.hlines(place + shift, *ends, color=colour, linewidth=1.5)
            fill = "white" if row["passed"] is None else colour
            axis.plot(value, place + shift, marker, color=colour, markerfacecolor=fill)
            if np.isfinite(value):
                axis.annotate(
                    f"{value:.3g} %",
                    (max(*ends, value), place + shift),
                    (4, 0),
                    textcoords="offset points",
                    fontsize=8,
                    va="center",
                )
            if network == "candidate" and row["passed"] is False:
                axis.plot(value, place + shift, "kx", markersize=11, markeredgewidth=2, zorder=5)
    axis.set_yticks(range(len(shares)), ticks, fontsize=8)
    axis.set_ylim(len(shares) - 0.5, -0.5)
    axis.set_xlim(left=0)
    axis.margins(x=0.18)
    axis.set_xlabel("share [%]")
    axis.grid(axis="y", visible=False)


def reliability(rounds: Sequence[dict]) -> "Figure":
    """Reliability diagram of the votes, a line a round."""
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
            label=f"round {entry['round']}: error {error:.3f}",
        )
    axis.set(xlabel="votes for the class, share of the members", ylabel="share that is right")
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


def variants(seeds: "pd.DataFrame", names: Sequence[str]) -> "Figure":
    """Figures of merit of every network, a row a variant, a column a figure of `names`."""
    order = list(dict.fromkeys(seeds["variant"]))
    figure = blank(3.6 * len(names) + 1.5, 0.5 * len(order) + 1.4)
    axes = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axis, name in zip(axes, names, strict=True):
        for row, variant in enumerate(order):
            values = seeds.loc[seeds["variant"] == variant, name]
            axis.plot(values, [row] * len(values), "o", color=COLOURS[0], alpha=0.5)
            axis.plot(values.mean(), row, "|", color=COLOURS[1], markersize=18, markeredgewidth=2)
        axis.set(xlabel=name.replace("_", " "))
    axes[0].set_yticks(range(len(order)), order)
    axes[0].invert_yaxis()
    count = seeds.groupby("variant").size().max()
    figure.suptitle(f"dots: {count} seeds each; bar: their mean", fontsize=10)
    return figure


def arms(curves: "pd.DataFrame", metric: str, ratios: "pd.DataFrame") -> "Figure":
    """Learning curves of the arms of the experiment: mean over seeds, and its error."""
    figure = blank(9, 4.4)
    axis = figure.subplots()
    ratio = dict(zip(ratios["arm"], ratios["label_ratio"], strict=True))
    for number, (arm, rows) in enumerate(curves.groupby("arm", sort=False)):
        table = rows.pivot(index="seed", columns="labels", values=metric)
        mean, error = table.mean(), table.std(ddof=1) / len(table) ** 0.5
        axis.plot(
            mean.index,
            mean,
            marker=MARKERS[number % len(MARKERS)],
            color=COLOURS[number % len(COLOURS)],
            label=f"{arm}: {ratio[arm]:.2f}",
        )
        axis.fill_between(
            mean.index, mean - error, mean + error, alpha=0.15, linewidth=0,
            color=COLOURS[number % len(COLOURS)],
        )  # fmt: skip
    seeds = ratios["seeds"].max()
    axis.set(xlabel="labels bought", ylabel=metric.replace("_", " "))
    axis.set_title(f"mean of {seeds} seeds, band: its standard error", fontsize=10)
    figure.legend(title="arm: label ratio", fontsize=9, loc="outside right upper")
    return figure


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
