"""Figures of the gate and of the studies."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from quasarnet_al.judging.statistics import mean_interval
from quasarnet_al.report.style import COLOURS, MARKERS, blank

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colour, marker and place beside the tick of the two networks of the gate.
NETWORKS = {"incumbent": (COLOURS[0], "o", -0.13), "candidate": (COLOURS[1], "s", 0.13)}


def gate(table: "pd.DataFrame", cut: float) -> "Figure":
    """The gate's checks of both networks with 95 % intervals; crosses where one is violated."""
    figure = blank(15, 10.8)
    axes = figure.subplots(3, 3, width_ratios=(1.4, 0.9, 1.4))
    speed = "redshift error, {} [km/s]"
    panels = (
        (axes[0, 0], "completeness", "z", "true redshift", "completeness"),
        (axes[0, 1], "completeness", "S/N", "median S/N per pixel", ""),
        (axes[1, 0], "purity", "z", "redshift of the network", "purity"),
        (axes[1, 1], "purity", "S/N", "median S/N per pixel", ""),
        (axes[1, 2], "sigma_nmad", "z", "true redshift", speed.format("$\\sigma_{NMAD}$")),
        (axes[2, 0], "offset", "z", "true redshift", speed.format("median")),
        (axes[2, 1], "offset", "line", "line", ""),
        (axes[2, 2], "sigma_nmad", "line", "line", speed.format("$\\sigma_{NMAD}$")),
    )
    for axis, check, name, label, unit in panels:
        _gate_bins(axis, table, check, name)
        axis.set(xlabel=label, ylabel=unit)
        if check == "sigma_nmad":
            axis.set_ylim(bottom=0)
        if check == "offset":
            axis.axhline(0, color="0.7", linewidth=1)
    _gate_shares(axes[0, 2], table)
    key = axes[0, 0]
    for network, (colour, marker, _) in NETWORKS.items():
        key.plot([], [], marker, color=colour, label=network)
    key.plot([], [], "o", color="0.4", markerfacecolor="white", label="too few to judge")
    key.plot([], [], "kx", markersize=9, markeredgewidth=2, label="threshold violated")
    figure.legend(*key.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    violated = table["passed"].eq(False).sum()
    figure.suptitle(
        f"confidence cut {cut:g}; right redshift: within 6000 km/s; bars: 95 % intervals; "
        "in brackets: sample sizes\n"
        f"{violated} threshold{'' if violated == 1 else 's'} violated; all checks: gate.csv",
        fontsize=10,
    )
    return figure


def _gate_bins(axis: "Axes", table: "pd.DataFrame", check: str, name: str) -> None:
    """A check in the bins of redshift, of S/N or by line, after its value in the whole sample."""
    selected = table[table["check"] == check]
    binned = selected[selected["bin"].str.startswith(f"{name} ")]
    rows = selected[selected["bin"] == "all"].to_dict("records") + binned.to_dict("records")
    for network, (colour, marker, shift) in NETWORKS.items():
        for place, row in enumerate(rows):
            value, low, high = (row[network + end] for end in ("", "_low", "_high"))
            fill = "white" if row["passed"] is None else colour
            axis.vlines(place + shift, low, high, color=colour, linewidth=1.5)
            axis.plot(place + shift, value, marker, color=colour, markerfacecolor=fill)
    for place, row in enumerate(rows):
        if row["passed"] is False:
            # Drawn so that it is distinguishable from the markers, also in grey.
            axis.plot(
                place + 0.13, row["candidate"], "kx", markersize=11, markeredgewidth=2, zorder=5
            )
    axis.axvline(0.5, color="0.7", linewidth=1)
    ticks = [row["bin"].removeprefix(f"{name} ") + f"\n({row['n']})" for row in rows]
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
        "bal_completeness": ("BAL quasars missed", -1),
        "bal_purity": ("wrong BAL quasars", -1),
    }
    rows = {row["check"]: row for row in table[table["bin"] == "all"].to_dict("records")}
    ticks = []
    for place, (check, (label, sign)) in enumerate(shares.items()):
        if check not in rows:
            ticks.append(f"{label}\n(no data)")
            continue
        row = rows[check]
        ticks.append(f"{label} ({row['n']})")
        for network, (colour, marker, shift) in NETWORKS.items():
            if check == "class_changed" and network == "incumbent":
                continue
            values = [row[network + end] for end in ("", "_low", "_high")]
            value, low, high = (100 * (v if sign > 0 else 1 - v) for v in values)
            axis.hlines(place + shift, low, high, color=colour, linewidth=1.5)
            fill = "white" if row["passed"] is None else colour
            axis.plot(value, place + shift, marker, color=colour, markerfacecolor=fill)
            if np.isfinite(value):
                axis.annotate(
                    f"{value:.3g} %",
                    (max(low, high, value), place + shift),
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


def variants(seeds: "pd.DataFrame", names: Sequence[str]) -> "Figure":
    """Figures of merit of every network: a row per variant, a column per figure of `names`."""
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
    figure.suptitle(f"dots: {count} networks per recipe; bars: their means", fontsize=10)
    return figure


def strategies(curves: "pd.DataFrame", ratios: "pd.DataFrame") -> "Figure":
    """Learning curves of query strategies in each figure of merit of `ratios`, with 95 % bands.

    A band is that of the mean over seeds (Student's t); `curves` and `ratios` as in
    `judging.experiment.compare`.
    """
    names = list(dict.fromkeys(ratios["figure"]))
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure = blank(4.6 * columns + 1, 3.6 * rows + 0.9)
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat[len(names) :]:
        axis.set_axis_off()
    for axis, name in zip(axes.flat, names, strict=False):
        for number, (arm, each) in enumerate(curves.groupby("arm", sort=False)):
            table = each.pivot(index="seed", columns="labels", values=name)
            mean, half = np.array([mean_interval(table[n].to_numpy()) for n in table]).T
            colour = COLOURS[number % len(COLOURS)]
            marker = MARKERS[number % len(MARKERS)]
            # Batches differ in size: of five times the labels by chance, the curve is a bound.
            batches = np.arange(len(mean))
            label = f"{arm} ({table.columns[-1] / max(1, batches[-1]):.0f} per batch)"
            axis.plot(batches, mean, marker=marker, color=colour, label=label)
            axis.fill_between(
                batches, mean - half, mean + half, alpha=0.12, linewidth=0, color=colour
            )
        axis.set(xlabel="batches bought", ylabel=name.replace("_", " "), xticks=batches)
    seeds = ratios["seeds"].max()
    figure.suptitle(f"mean of {seeds} seeds, band: its 95 % interval", fontsize=10)
    figure.legend(
        *axes.flat[0].get_legend_handles_labels(), title="strategy", loc="outside lower center",
        ncols=4, fontsize=9,
    )  # fmt: skip
    return figure
