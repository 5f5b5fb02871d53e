"""Figures in one style: readable in print, in grey and by the colour-blind."""

import base64
import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import matplotlib
import numpy as np

# Not pyplot: it alone takes as long to start as numpy.
from matplotlib.figure import Figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

#: Okabe & Ito (2008): distinguishable with every kind of colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLE = {
    "figure.dpi": 110,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "axes.prop_cycle": matplotlib.cycler(color=COLOURS),
    "legend.frameon": False,
    "svg.hashsalt": "quasarnet-al",
}


def draw(function: Callable, *arguments: object, **options: object) -> bytes:
    """Return the PNG of a figure that `function` makes in the project's style."""
    with matplotlib.rc_context(STYLE):
        figure = function(*arguments, **options)
        buffer = io.BytesIO()
        # No date and no version: the same data give the same bytes.
        figure.savefig(buffer, format="png", bbox_inches="tight", metadata={"Software": None})
    return buffer.getvalue()


def embed(png: bytes) -> str:
    """Return a PNG as a data address for an HTML page."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def learning_curve(rounds: Sequence[dict]) -> Figure:
    """Completeness, purity and catastrophic redshifts against the labels of the rounds."""
    labels = [entry["labels_of_rounds"] for entry in rounds]
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, marker in (("completeness", "o"), ("purity", "s")):
        left.plot(labels, [_number(entry[name]) for entry in rounds], marker=marker, label=name)
    left.set(xlabel="labels bought in the rounds", ylabel="share")
    left.legend()
    share = [_number(entry["redshift"]["catastrophic"]) for entry in rounds]
    right.plot(labels, share, marker="o", color=COLOURS[2])
    right.set(xlabel="labels bought in the rounds", ylabel="redshifts off by > 6000 km/s")
    right.set_ylim(bottom=0)
    first = rounds[0]
    figure.suptitle(
        f"validation: {first['spectra']} spectra, {first['quasars']} quasars; cut {first['cut']}",
        fontsize=10,
    )
    return figure


def cut_curves(rounds: Sequence[dict]) -> Figure:
    """Purity and completeness against the confidence cut, a line a round."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for axis, name in zip(axes, ("completeness", "purity"), strict=True):
        for entry in rounds:
            cuts = [point["cut"] for point in entry["curve"]]
            axis.plot(
                cuts, [_number(p[name]) for p in entry["curve"]], label=f"round {entry['round']}"
            )
        axis.set(xlabel="confidence cut", title=name)
    axes[0].legend()
    return figure


#: Colour, marker and place beside the tick of the two networks of the gate.
NETWORKS = {"incumbent": (COLOURS[0], "o", -0.13), "candidate": (COLOURS[1], "s", 0.13)}


def gate(table: "pd.DataFrame", cut: float) -> Figure:
    """The gate's checks of both networks with 95 % intervals; crosses where one is broken."""
    figure = Figure(figsize=(15, 7.2), layout="constrained")
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
        "in brackets: sample sizes",
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
                    f"{value:.2g} %",
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


def arms(curves: "pd.DataFrame", metric: str, ratios: "pd.DataFrame") -> Figure:
    """Learning curves of the arms of the experiment: mean over seeds, and its error."""
    figure = Figure(figsize=(7, 4.4), layout="constrained")
    axis = figure.subplots()
    ratio = dict(zip(ratios["arm"], ratios["label_ratio"], strict=True))
    markers = "osD^vPX*"
    for number, (arm, rows) in enumerate(curves.groupby("arm", sort=False)):
        table = rows.pivot(index="seed", columns="labels", values=metric)
        mean, error = table.mean(), table.std(ddof=1) / len(table) ** 0.5
        axis.plot(
            mean.index,
            mean,
            marker=markers[number % len(markers)],
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
    axis.legend(title="arm: label ratio", fontsize=9)
    return figure


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
