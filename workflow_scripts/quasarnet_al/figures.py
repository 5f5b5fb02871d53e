"""Figures in one style: readable in print, in grey and by the colour-blind."""

import base64
import io
from collections.abc import Callable, Sequence

import matplotlib

# Not pyplot: it alone takes as long to start as numpy.
from matplotlib.figure import Figure

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


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
