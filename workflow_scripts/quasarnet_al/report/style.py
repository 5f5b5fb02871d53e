"""Figures in one style: readable in print, in grey and by the colour-blind."""

import base64
import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from quasarnet_al.judging.statistics import wilson

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Okabe & Ito (2008): distinguishable with every kind of colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
#: Markers distinguish the lines in grey too.
MARKERS = "osD^vPX*"
#: Width of a figure of a report, inches: its letters can be read on a telephone too.
WIDTH = 4.8
STYLE: dict[Any, Any] = {
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


def blank(
    width: float, height: float, layout: Literal["constrained"] | None = "constrained"
) -> "Figure":
    """Return an empty figure, inches."""
    # Not pyplot: it alone takes as long to start as numpy.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout=layout)


def embed(svg: bytes) -> str:
    """Return an SVG as a data address for an HTML page."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode()


def shares(
    axis: "Axes", x: Sequence[float], parts: Sequence[tuple[float | None, int]], **style: Any
) -> None:
    """Draw shares, and their 95 % intervals as a band.

    `parts` are each share and the number that it is a share of; None where that is 0.
    """
    values = [significant(share) for share, _ in parts]
    (line,) = axis.plot(x, values, **style)
    ends = [wilson(v * n, n) for v, (_, n) in zip(values, parts, strict=True)]
    axis.fill_between(x, *np.transpose(ends), color=line.get_color(), alpha=0.15, linewidth=0)


def significant(value: float | None) -> float:
    return float("nan") if value is None else value
