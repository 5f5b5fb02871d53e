"""The report of a run: its rounds together, as a list of HTML (see `html`)."""

import contextlib
from collections.abc import Iterator, Sequence

import pandas as pd

from quasarnet_al.core.files import UNUSABLE, content_of, read_json
from quasarnet_al.learning import selection
from quasarnet_al.report import html, style
from quasarnet_al.report.tasks import DRAWINGS
from quasarnet_al.tasks.task import Task


def learning_curve(task: Task, rounds: Sequence[dict]) -> pd.DataFrame:
    """Return the headline figures of the rounds, one row each; `rounds` are their metrics."""
    names = ("round", "training_spectra", "labels_of_rounds", *task.headline)
    return pd.DataFrame(
        [{name: entry[name] for name in names} | task.details(entry) for entry in rounds]
    )


@contextlib.contextmanager
def metrics_of(task: Task, paths: Sequence[str], rounds: Sequence[dict]) -> Iterator[None]:
    """Blame a metrics.json, by an `InputError`, for what its values make the block raise.

    `rounds` are the contents of `paths`. What no file causes alone is raised as it is.
    """
    try:
        yield
    except UNUSABLE:
        for path, entry in zip(paths, rounds, strict=True):
            with content_of(path):
                learning_curve(task, [entry])
                for draw, _ in DRAWINGS[task.name].figures:
                    style.draw(draw, [entry], kind="svg")
        raise


def selections(paths: Sequence[str]) -> pd.DataFrame:
    """Return how many exposures each round chose and left out, by its selection.json."""
    found = [selection.read_summary(path) for path in paths]
    return _numbered(
        [{"exposures": f["exposures"], "chosen": f["chosen"], **f["left out"]} for f in found]
    )


def report(
    task: Task,
    rounds: Sequence[dict],
    selected: pd.DataFrame,
    agreements: Sequence[str],
    stopping: Sequence[str],
) -> list[str]:
    """Return the report of a run without its title, links and cost.

    Parameters
    ----------
    rounds : metrics of each round
    selected : of `selections`
    agreements, stopping : paths of agreement.json and stopping.json of the rounds that have them
    """
    figures = [html.figure(text, draw, rounds) for draw, text in DRAWINGS[task.name].figures]
    body = [
        html.heading("Learning curve"),
        html.row_of(figures),
        html.table(learning_curve(task, rounds)),
        html.heading("Selection"),
        html.paragraph("Number of exposures of the pool, and why the others were not chosen."),
        html.table(selected),
    ]
    if agreements:
        body += [html.heading("Labels"), html.table(_flat(agreements))]
    if stopping:
        body += [
            html.heading("When to stop"),
            html.paragraph(
                "For the labels of each round: the share that the ensemble had wrong, with its "
                "95 % interval; the share of the pool on which the members disagreed; by how much "
                "the validation set improved; whether another round is worthwhile."
            ),
            html.table(_flat(stopping)),
        ]
    return body


def _flat(paths: Sequence[str]) -> pd.DataFrame:
    """Return a table of JSON files, one row per round."""
    return _numbered([html.flat(read_json(path)) for path in paths])


def _numbered(rows: Sequence[dict]) -> pd.DataFrame:
    table = pd.DataFrame(rows)
    table.insert(0, "round", range(1, len(table) + 1))
    return table
