"""What was read, taught and left out: a table for the reports of a round and of a run."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from quasarnet_al.report import html
from quasarnet_al.spectra import counts
from quasarnet_al.spectra.counts import Counts


def read_and_left_out(pool: Sequence[str], sets: Sequence[str]) -> list[str]:
    """Return the table, as HTML.

    Parameters
    ----------
    pool : pool files, which are one row together
    sets : labelled, judging and training sets, a row each
    """
    found = [("pool", sum(map(counts.read, pool), Counts(Counter(), Counter(), Counter())))]
    found += [(_name(path), counts.read(path)) for path in sets]
    rows = [
        {
            "set": name,
            "files": _listed(each.files),
            "spectra": each.spectra.total(),
            "by origin": _listed(each.spectra) if name != "pool" else "",
            "left out": _listed(each.left_out),
        }
        for name, each in found
    ]
    text = (
        "Files, and spectra of each set, by where their labels come from; and spectra that were "
        "left out, by reason. A round is taught by its training set."
    )
    return [
        html.heading("What was read, taught and left out"),
        html.paragraph(text),
        html.table(pd.DataFrame(rows)),
    ]


def _name(path: str) -> str:
    """Return what a set is called: as its file, and of which round it is."""
    folder, name = Path(path).parent.name, Path(path).stem
    return f"{name} of {folder}" if folder.startswith("round-") else name


def _listed(numbers: Counter) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(numbers.items()))
