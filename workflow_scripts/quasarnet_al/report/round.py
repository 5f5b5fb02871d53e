"""Parts of a round's report, for any task: lists of HTML (see `html`)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from quasarnet_al.judging import stopping
from quasarnet_al.learning.selection import OUTLIER_REASONS, sparse_cells
from quasarnet_al.report import html
from quasarnet_al.report.choice import confusion_matrix, occupancy, score_histogram
from quasarnet_al.report.tasks import DRAWINGS
from quasarnet_al.spectra.grid import Grid
from quasarnet_al.tasks.task import Task

#: Spectra of each kind that are shown.
GALLERY = 6


def ensemble(task: Task, metrics: dict) -> list[str]:
    """How good the ensemble is on the validation set: `metrics` of `Task.evaluate`."""
    # A figure that is not defined (nothing was selected) is null in JSON.
    known = {name: metrics[name] for name in task.headline if metrics[name] is not None}
    told = ", ".join(f"{name} {value:.3f}" for name, value in known.items())
    parts = [
        html.figure(caption, draw, [metrics]) for draw, caption in DRAWINGS[task.name].figures[1:]
    ]
    caption = (
        "Confusion matrix: true classes against those with most votes (a member votes by its own "
        "threshold, not by the cut of the figures above); spectra, and shares of a row."
    )
    matrix = metrics["confusion"]
    parts.append(html.figure(caption, confusion_matrix, matrix, task.classes))
    right, odd = metrics["member_accuracy"], metrics["odd_members"]
    warnings = [
        f"Member {number:02d} classifies {right[number]:.2f} of it right, the members' median is "
        f"{np.median(right):.2f}: look at its training, its votes count like the others'."
        for number in odd
    ]
    return [
        html.heading("The ensemble on the validation set"),
        *map(html.warning, warnings),
        html.paragraph(
            f"{metrics['members']} members, trained on {metrics['training_spectra']} spectra, "
            f"{metrics['labels_of_rounds']} of them labelled in earlier rounds. "
            f"{told.capitalize() or 'Nothing is selected'}"
            f"{' at a cut of {cut}'.format(**metrics) if 'cut' in metrics else ''}."
        ),
        html.row_of(parts),
        *_doubted(metrics),
    ]


def _doubted(metrics: dict) -> list[str]:
    if not metrics["doubted"]:
        return []
    text = (
        f"Of the {metrics['training_spectra']} labels learnt from, no member believes "
        f"{metrics['doubted']}: wrong labels are among them, and odd spectra. First of them:"
    )
    return [html.paragraph(text), html.table(pd.DataFrame(metrics["most_doubted"]))]


def choice(summary: dict) -> list[str]:
    """What was chosen from the pool: the counts that select_batch.py wrote."""
    reasons = pd.DataFrame(summary["left out"].items(), columns=["not chosen", "exposures"])
    return [
        html.heading("The batch"),
        html.paragraph(
            f"{summary['chosen']} of the pool's {summary['exposures']} exposures; the others were "
            "not chosen for the first reason that holds:"
        ),
        html.table(reasons),
    ]


def scores(selection: np.ndarray, measure: str) -> str:
    """The pool and the batch by the acquisition function `measure`."""
    label = measure.replace("_", " ")
    bits = " [bits]" if measure.endswith(("entropy", "information")) else ""
    return html.figure(
        f"Confusion by {label}, of the whole pool (outliers and what is labelled already too) "
        "and of the batch.",
        *(score_histogram, selection["SCORE"].astype(float), selection["REASON"] == ""),
        label + bits,
    )


def cells(
    shape: tuple[int, int], bmu: np.ndarray, chosen: np.ndarray, percentile: float | None
) -> str:
    """The pool on the map.

    Parameters
    ----------
    shape : rows and columns of the map
    bmu : int (n,), cells of the pool's exposures
    chosen : bool (n,), whether in the batch
    percentile : of occupancy that makes a cell sparse; None where no cell is discarded
    """
    counts = [np.bincount(b, minlength=shape[0] * shape[1]) for b in (bmu, bmu[chosen])]
    count, batch = (c.reshape(shape) for c in counts)
    caption = f"The pool's {len(bmu)} exposures on the self-organizing map."
    sparse = np.zeros(shape, bool)
    if percentile is not None:
        sparse = sparse_cells(count, percentile)
        caption += (
            f" Sparse cells hold at most {np.percentile(count, percentile):g} (the "
            f"{percentile:g}th percentile): nothing in them is chosen."
        )
    return html.figure(caption, occupancy, count, sparse, batch)


def prototypes(task: Task, weights: np.ndarray, grid: Grid) -> str:
    """What the cells of the map (rows, columns, p) stand for."""
    caption = "What the map's cells stand for: the weights of each, near the mean of what is in it."
    return html.figure(caption, DRAWINGS[task.name].prototypes, weights, grid)


def discarded(selection: np.ndarray) -> np.ndarray:
    """Return the rows that the outlier rule discarded, the most confusing of them."""
    rows = np.flatnonzero(np.isin(selection["REASON"], OUTLIER_REASONS))
    return rows[np.argsort(-selection["SCORE"][rows], kind="stable")][:GALLERY]


def gallery(
    title: str, task: Task, grid: Grid, rows: pd.DataFrame, spectra: Sequence[np.ndarray]
) -> list[str]:
    """Spectra (m, p) with what the ensemble says of them; m `rows` of scores, maybe of labels."""
    if not len(rows):
        return []
    parts = []
    for row, pixels in zip(rows.to_dict("records"), spectra, strict=True):
        votes = {name: row[f"VOTE_{name}"] for name in task.classes}
        told = ", ".join(f"{n.replace('_', ' ')}: {100 * v:.0f} %" for n, v in votes.items() if v)
        caption = f"{row['TARGETID']}. Votes {told}"
        if task.redshifts:
            caption += f"; ensemble z {row['Z_QN']:.3f}, members ± {row['Z_STD']:.2g}"
        if "LABEL" in row:
            caption += f"; label {row['LABEL']}"
            caption += f" z {row['LABEL_Z']:.3f}" if task.redshifts else ""
        parts.append(
            html.figure(caption, DRAWINGS[task.name].picture, pixels, grid, row.get("Z_QN"))
        )
    note = (
        "Grey: what the network sees; blue: its running mean of 5 pixels; dotted: where "
        "QuasarNET's lines are at the ensemble's redshift."
    ) * task.redshifts
    return [html.heading(title), html.paragraph(note) if note else "", html.row_of(parts)]


def told(labels: pd.DataFrame, batch: int, wrong: int) -> list[str]:
    """What the accepted labels of a batch say (`sets.answered`), how many `wrong` by most votes."""
    counts = labels["LABEL"].value_counts().sort_index()
    classes = ", ".join(f"{name}: {count}" for name, count in counts.items())
    return [
        html.heading("Labels"),
        html.paragraph(
            f"{len(labels)} of {batch} labels are accepted. {classes}. For {wrong} of them "
            "the class with most votes was another."
        ),
    ]


def agreement(content: dict) -> list[str]:
    """How well inspectors agree: `inspection.agreement` and the counts of the merge."""
    whole = pd.DataFrame(
        [(k, v) for k, v in content.items() if isinstance(v, int | float)],
        columns=["labels", "number"],
    ).astype({"number": object})
    each = [{"inspector": name} | row for name, row in content["inspectors"].items()]
    pairs = [pair | {"inspectors": " and ".join(pair["inspectors"])} for pair in content["cohen"]]
    tables = [whole, *(pd.DataFrame(rows) for rows in (each, pairs) if rows)]
    return [
        html.heading("Agreement between inspectors"),
        *map(html.warning, content["doubts"]),
        *map(html.table, tables),
    ]


#: Keys of `stopping.advise` that `changes` tells of.
ADVICE = ("labels", "wrong_share", "low", "high", "disagreement", "gain", "pays")


def changes(task: Task, advice: dict) -> list[str]:
    """What the labels changed: `stopping.advise`."""
    share, low, high = (100 * advice[name] for name in ("wrong_share", "low", "high"))
    text = (
        f"Of {advice['labels']} labels the class with most votes was wrong in {share:.0f} % "
        f"(95 % interval {low:.0f} to {high:.0f} %). The members disagreed on "
        f"{100 * advice['disagreement']:.1f} % of the pool. "
    )
    if advice["gain"] is not None:
        merit = " and ".join(task.headline)
        merit = f"the mean of {merit}" if len(task.headline) > 1 else merit
        text += f"With them {merit} on the validation set changed by {advice['gain']:+.3f}. "
    text += (
        f"Another round {'pays' if advice['pays'] else 'does not pay'}: it does unless the whole "
        f"interval lies below {100 * stopping.WORTH:.0f} % and the validation set gained nothing."
    )
    return [html.heading("What the labels changed"), html.paragraph(text)]
