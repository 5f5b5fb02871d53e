"""The report of a round, for any task; its parts are lists of HTML (see `html`)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quasarnet_al.core.files import content_of, read_json
from quasarnet_al.judging import stopping
from quasarnet_al.judging.votes import mispredicted
from quasarnet_al.learning import selection, som
from quasarnet_al.learning.batch import read_batch, read_exposures
from quasarnet_al.learning.selection import OUTLIER_REASONS, sparse_cells
from quasarnet_al.report import html
from quasarnet_al.report.choice import confusion_matrix, occupancy, score_histogram
from quasarnet_al.report.sets import read_and_left_out
from quasarnet_al.report.tasks import DRAWINGS
from quasarnet_al.spectra import pool
from quasarnet_al.spectra.grid import Grid
from quasarnet_al.spectra.tables import read_any_csv
from quasarnet_al.tasks.task import Task

#: Number of spectra of each kind that are shown.
GALLERY = 6


@dataclass(frozen=True)
class Files:
    """The files of a round.

    Attributes
    ----------
    metrics, summary, selection : metrics.json, selection.json, selection.fits
    scores, map, pool : the score tables, the cells and the pool files, in the same order
    som : the map
    batch, batch_pool : batch.csv, batch.fits
    sets : the sets that the round learns from and is judged on
    labels, agreement, stopping, flaws : labels.csv, agreement.json, stopping.json, outliers.csv;
        each is empty where the file does not exist yet
    """

    metrics: str
    summary: str
    selection: str
    scores: Sequence[str]
    map: Sequence[str]
    pool: Sequence[str]
    som: str
    batch: str
    batch_pool: str
    sets: Sequence[str] = ()
    labels: Sequence[str] = ()
    agreement: Sequence[str] = ()
    stopping: Sequence[str] = ()
    flaws: Sequence[str] = ()


@dataclass(frozen=True)
class _Batch:
    """What people were asked to label: a row and a spectrum each."""

    table: pd.DataFrame
    spectra: np.ndarray
    grid: Grid


def report(
    task: Task, files: Files, metrics: dict, percentile: float | None, z_split: float
) -> list[str]:
    """Return the report of a round without its title, links and cost.

    Parameters
    ----------
    metrics : the content of `files.metrics`
    percentile : of occupancy that makes a cell sparse; None where no cell is discarded
    z_split : redshift between the two classes of quasars
    """
    batch = _Batch(
        read_batch(files.batch), pool.read(files.batch_pool)[0], pool.read_grid(files.batch_pool)
    )
    # Small files first: the figures take seconds.
    flaws = [read_any_csv(path, ("flaw",), "judge the outliers again") for path in files.flaws]
    agreements, advice = [], []
    for path in files.agreement:
        with content_of(path):
            agreements += agreement(read_json(path, "inspectors", "cohen", "doubts"))
    for path in files.stopping:
        with content_of(path):
            advice += changes(task, read_json(path, *ADVICE))
    with content_of(files.metrics):
        parts = ensemble(task, metrics)
    parts += _choice(task, files, batch, percentile)
    for table in flaws:
        parts += [html.heading("Flaws of the mock spectra"), html.table(table)]
    parts += [*_labels(task, files, batch, z_split), *agreements, *advice]
    return [*parts, *read_and_left_out(files.pool, files.sets)]


def _choice(task: Task, files: Files, batch: _Batch, percentile: float | None) -> list[str]:
    """Return what was chosen from the pool and what was not."""
    reasons = selection.read_selection(files.selection, "SCORE")
    names = [*task.vote_columns, *(["Z_QN", "Z_STD"] if task.redshifts else [])]
    fitted = som.read(files.som, batch.grid)
    exposures = read_exposures(files.scores, files.map, files.pool, fitted, names)
    rows = exposures.scores
    of, _ = exposures.locate(np.arange(len(rows)))
    selection.check_spectra(files.selection, reasons, rows["TARGETID"], files.scores, of)
    left = discarded(reasons)
    place, row = exposures.locate(left)
    images = {n: exposures.read_pool(n, batch.grid)[0] for n in np.unique(place)}
    outliers = [images[number][r] for number, r in zip(place, row, strict=True)]
    figures = [
        scores(reasons, batch.table["ACQUISITION"][0]),
        cells(fitted.shape, exposures.cells["BMU"], reasons["REASON"] == "", percentile),
        prototypes(task, fitted.weights, batch.grid),
    ]
    discarded_rows = pd.DataFrame(rows[left])
    return [
        *choice(selection.read_summary(files.summary)),
        html.row_of(figures),
        *_most_uncertain(task, files, batch),
        *gallery(
            "Discarded as outliers, the most uncertain", task, batch.grid, discarded_rows, outliers
        ),
    ]


def _most_uncertain(task: Task, files: Files, batch: _Batch) -> list[str]:
    """Return what the ensemble says of the batch, which inspectors may not know beforehand."""
    if not files.labels:
        return [html.paragraph("Its most uncertain spectra are shown once the labels are there.")]
    return gallery("Most uncertain", task, batch.grid, batch.table[:GALLERY], batch.spectra)


def _labels(task: Task, files: Files, batch: _Batch, z_split: float) -> list[str]:
    """Return what people, or the oracle, said about the batch."""
    if not files.labels:
        return [html.heading("Labels"), html.paragraph("The round waits for its labels.")]
    labels = task.answered(batch.table, files.labels[0], z_split)
    wrong = mispredicted(task.votes(labels), labels["TRUTH"].to_numpy())
    shown = labels.iloc[wrong[:GALLERY]]
    return [
        *label_summary(labels, len(batch.table), len(wrong)),
        *gallery("Labels against most votes", task, batch.grid, shown, batch.spectra[shown.index]),
    ]


def ensemble(task: Task, metrics: dict) -> list[str]:
    """How good the ensemble is on the validation set: `metrics` of `Task.evaluate`."""
    # A figure that is not defined (nothing was selected) is null in JSON.
    known = {name: metrics[name] for name in task.headline if metrics[name] is not None}
    headline = ", ".join(f"{name} {value:.3f}" for name, value in known.items())
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
        f"Member {number:02d} classifies {100 * right[number]:.0f} % of it correctly, and the "
        f"median member {100 * np.median(right):.0f} %: check its training, since its votes "
        "count like those of the others."
        for number in odd
    ]
    return [
        html.heading("The ensemble on the validation set"),
        *map(html.warning, warnings),
        html.paragraph(
            f"{metrics['members']} members, trained on {metrics['training_spectra']} spectra, "
            f"{metrics['labels_of_rounds']} of them labelled in earlier rounds. "
            f"{headline.capitalize() or 'Nothing is selected'}"
            f"{' at a cut of {cut}'.format(**metrics) if 'cut' in metrics else ''}."
        ),
        html.row_of(parts),
        *_disputed(metrics),
    ]


def _disputed(metrics: dict) -> list[str]:
    if not metrics["doubted"]:
        return []
    text = (
        f"No member agrees with {metrics['doubted']} of the {metrics['training_spectra']} labels "
        "of the training set. Some of these labels may be wrong, others belong to unusual "
        "spectra. The first are:"
    )
    return [html.paragraph(text), html.table(pd.DataFrame(metrics["most_doubted"]))]


def choice(summary: dict) -> list[str]:
    """The number of exposures chosen, and why the others were not (of select_batch.py)."""
    reasons = pd.DataFrame(summary["left out"].items(), columns=["not chosen", "exposures"])
    return [
        html.heading("The batch"),
        html.paragraph(
            f"{summary['chosen']} of the pool's {summary['exposures']} exposures are in the batch. "
            "The others are counted by the first reason against them that applies:"
        ),
        html.table(reasons),
    ]


def scores(reasons: np.ndarray, measure: str) -> str:
    """The pool and the batch by the acquisition function `measure`."""
    label = measure.replace("_", " ")
    bits = " [bits]" if measure.endswith(("entropy", "information")) else ""
    return html.figure(
        f"Uncertainty by {label}, of the whole pool (including outliers and labelled spectra) "
        "and of the batch.",
        *(score_histogram, reasons["SCORE"].astype(float), reasons["REASON"] == ""),
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
            f"{percentile:g}th percentile) and cannot be selected."
        )
    return html.figure(caption, occupancy, count, sparse, batch)


def prototypes(task: Task, weights: np.ndarray, grid: Grid) -> str:
    """The weights of the map's cells (rows, columns, p)."""
    caption = "The weights of each cell of the map, close to the mean of the spectra in it."
    return html.figure(caption, DRAWINGS[task.name].prototypes, weights, grid)


def discarded(reasons: np.ndarray) -> np.ndarray:
    """Return the rows that the outlier rule discarded, the most uncertain of them."""
    rows = np.flatnonzero(np.isin(reasons["REASON"], OUTLIER_REASONS))
    return rows[np.argsort(-reasons["SCORE"][rows], kind="stable")][:GALLERY]


def gallery(
    title: str, task: Task, grid: Grid, rows: pd.DataFrame, spectra: Iterable[np.ndarray]
) -> list[str]:
    """Spectra (p,) with what the ensemble says of them, by `rows` of scores, maybe of labels."""
    if not len(rows):
        return []
    parts = []
    for row, pixels in zip(rows.to_dict("records"), spectra, strict=False):
        votes = {name: row[f"VOTE_{name}"] for name in task.classes}
        shares = [f"{n.replace('_', ' ')}: {100 * v:.0f} %" for n, v in votes.items() if v]
        caption = f"{row['TARGETID']}. Votes {', '.join(shares)}"
        if task.redshifts:
            caption += f"; ensemble z {row['Z_QN']:.3f}, members ± {row['Z_STD']:.2g}"
        if "LABEL" in row:
            caption += f"; label {row['LABEL']}"
            caption += f" z {row['LABEL_Z']:.3f}" if np.isfinite(row["LABEL_Z"]) else ""
        parts.append(
            html.figure(caption, DRAWINGS[task.name].picture, pixels, grid, row.get("Z_QN"))
        )
    note = (
        "Grey: the spectrum that the network sees; blue: its running mean over 5 pixels; dotted: "
        "the positions of QuasarNET's lines at the ensemble's redshift."
    ) * task.redshifts
    return [html.heading(title), html.paragraph(note) if note else "", html.row_of(parts)]


def label_summary(labels: pd.DataFrame, batch: int, wrong: int) -> list[str]:
    """Counts of the accepted labels of a batch (`sets.answered`), of which most votes had
    `wrong` ones."""
    counts = labels["LABEL"].value_counts().sort_index()
    classes = ", ".join(f"{name}: {count}" for name, count in counts.items())
    text = f"{len(labels)} of {batch} labels are accepted."
    if len(labels):
        text += f" {classes}. For {wrong} of them the class with most votes differs from the label."
    return [html.heading("Labels"), html.paragraph(text)]


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
        *_adjudication(content.get("conflict", 0)),
        *map(html.warning, content["doubts"]),
        *map(html.table, tables),
    ]


def _adjudication(conflicts: int) -> list[str]:
    """Where conflicts are decided; nothing where there are none."""
    if not conflicts:
        return []
    link = html.link("inspect/adjudication.html", "adjudication page")
    spectra = "1 spectrum waits" if conflicts == 1 else f"{conflicts} spectra wait"
    return [f"<p>{spectra} for a decision on the {link}.</p>"]


#: Keys of `stopping.advise` that `changes` tells of.
ADVICE = ("labels", "wrong_share", "low", "high", "disagreement", "gain", "pays")


def changes(task: Task, advice: dict) -> list[str]:
    """What the labels changed: `stopping.advise`."""
    text = "No label of the batch is accepted, so no share of wrong votes is known. "
    if advice["labels"]:
        share, low, high = (100 * advice[name] for name in ("wrong_share", "low", "high"))
        text = (
            f"The class with most votes was wrong for {share:.0f} % of {advice['labels']} labels "
            f"(95 % interval {low:.0f} to {high:.0f} %). "
        )
    text += f"The members disagreed on {100 * advice['disagreement']:.1f} % of the pool. "
    if advice["gain"] is not None:
        merit = " and ".join(task.headline)
        merit = f"the mean of {merit}" if len(task.headline) > 1 else merit
        text += (
            f"With these labels {merit} on the validation set changed by {advice['gain']:+.3f}. "
        )
    text += (
        f"Another round {'is' if advice['pays'] else 'is not'} worthwhile: it is unless the whole "
        f"interval lies below {100 * stopping.WORTH:.0f} % and the validation set did not improve."
    )
    return [html.heading("What the labels changed"), html.paragraph(text)]
