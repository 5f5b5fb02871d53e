"""The inspection pages of a round: self-contained HTML files and their index.

Nothing on a page is fetched: style, program and spectra are inside, and its content
security policy forbids the browser to load anything or to run any other program.
"""

import base64
import hashlib
import html
import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quasarnet_al.core import files
from quasarnet_al.inspection import merge, vi
from quasarnet_al.inspection.line_lists import ABSORPTION, EMISSION, SKY, TELLURIC
from quasarnet_al.inspection.record import SIZE, STEP, Record, mock_templates, rounded
from quasarnet_al.spectra.grid import BLUE, LOG, Grid
from quasarnet_al.spectra.truth import QUALITY_TOLERANCE, Z_TOLERANCE

_BROWSER = Path(__file__).parent / "browser"
#: The page's program, each module after those that it imports.
MODULES = (
    *("base", "layout", "answers", "spectra", "csv", "store", "match", "features", "document"),
    *("canvas", "state", "actions", "panels", "plot", "mouse", "files", "gallery", "scan"),
    *("ensemble", "side", "keys", "main"),
)
_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)


@dataclass(frozen=True)
class Common:
    """What all pages of a round share.

    Attributes
    ----------
    prefix : of the pages' titles; unique to the round, since browsers keep answers under them
    grid : of the network's pixels
    blind : hide the ensemble until the inspector has answered
    labels_dir : where to put the downloaded CSV files, shown to the inspector
    templates : of `record.template`
    """

    prefix: str
    grid: Grid = LOG
    blind: bool = True
    labels_dir: str = ""
    templates: Sequence[Record] = field(default_factory=mock_templates)


def batch_hash(targetids: list[str], content: bytes = b"") -> str:
    """Return what tells one batch from another of the same name."""
    return hashlib.sha256(",".join(targetids).encode() + content).hexdigest()[:16]


def page_data(title: str, spectra: list[Record], common: Common, part: str = "") -> Record:
    """Return the data of one page.

    Parameters
    ----------
    title : unique among all pages of all runs
    spectra : of `record.spectrum`
    part : such as "minibatch 2 of 4", shown to the inspector
    """
    return {
        "title": title,
        "part": part,
        "hash": batch_hash([spectrum["targetid"] for spectrum in spectra]),
        "blind": common.blind,
        "labels_dir": common.labels_dir,
        "wavelength": {"first": BLUE, "step": STEP, "size": SIZE},
        "grid": {
            "kind": common.grid.kind,
            "size": common.grid.size,
            "step": common.grid.step,
            "first": BLUE,
        },
        "emission": EMISSION,
        "absorption": ABSORPTION,
        "sky": SKY,
        "telluric": TELLURIC,
        "templates": list(common.templates),
        "spectra": spectra,
    }


def render(data: Record) -> str:
    """Return the page of `page_data` as one HTML document."""
    return _document(str(data["title"]), data)


def render_index(data: Record) -> str:
    """Return the index of a round.

    Parameters
    ----------
    data : title, labels_dir, command (the next one to type), inspectors (wanted per
        spectrum), complete (share of a page that counts as all of it), closed (whether no more
        answers are awaited), adjudication (whether there is such a page) and minibatches, each
        with title, href, spectra (without those that are shown again) and answers
        ({inspector: number answered})
    """
    rows, missing = [], []
    for part in data["minibatches"]:
        answers = part["answers"]
        finished = sum(
            merge.is_handed_in(count, part["spectra"], data["complete"])
            for count in answers.values()
        )
        if finished < data["inspectors"]:
            missing.append(part["title"])
        who = ", ".join(f"{name} {count}/{part['spectra']}" for name, count in answers.items())
        state = "closed" if data["closed"] else "waiting"
        if finished >= data["inspectors"]:
            state = "done"
        rows.append(
            f'<tr class="{state}"><td><a href="{_text(part["href"])}">{_text(part["title"])}</a>'
            f"<td>{part['spectra']}<td>{_text(who) or '–'}"
            f"<td>{finished} of {data['inspectors']}<td>{state}"
        )
    left = f"{len(missing)} of {len(rows)} pages wait for labels" if missing else "All are labelled"
    if missing and data["closed"]:
        left = "The round was closed; it waits for no more labels"
    adjudication = "an adjudication page, which that command writes"
    if data["adjudication"]:
        adjudication = "the <a href=adjudication.html>adjudication page</a>"
    body = (
        f"<main><h1>{_text(data['title'])}</h1><p class=lead>{left}. "
        "<a href=../report.html>Report of the round</a></p>"
        "<table><thead><tr><th>page<th>spectra<th>handed in"
        f'<th title="people who answered at least {100 * data["complete"]:.0f} % of the page">'
        "enough<th>state"
        f"<tbody>{''.join(rows)}</table>"
        "<h2>How to hand in labels</h2>"
        "<ol><li>Open a page, label its spectra, and press <kbd>Shift</kbd> <kbd>D</kbd> to save "
        "the CSV file."
        f"<li>Put the file into <code>{_text(data['labels_dir'])}</code> under the name it has."
        f"<li>Then type <code>{_text(data['command'])}</code>."
        f"<li>Where inspectors differ, somebody decides on {adjudication}.</ol></main>"
    )
    return _static(str(data["title"]), body)


def render_note(title: str, text: str) -> str:
    """Return a page that says one thing, such as that nothing waits for adjudication."""
    return _static(title, f"<main><h1>{_text(title)}</h1><p class=lead>{_text(text)}</p></main>")


def _static(title: str, body: str) -> str:
    style = (_BROWSER / "page.css").read_text(encoding="utf-8")
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta http-equiv="
        f"Content-Security-Policy content=\"default-src 'none'; style-src {_hash(style)}\">"
        f"<title>{_text(title)}</title><style>{style}</style>"
        f"<body class=index>{body}</body></html>\n"
    )


def _text(value: object) -> str:
    return html.escape(str(value))


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def program() -> str:
    """Return the page's modules joined to one script, so that the page stays one file."""
    text = "".join((_BROWSER / f"{name}.js").read_text(encoding="utf-8") for name in MODULES)
    return '"use strict";\n' + _EXPORT.sub("", _IMPORT.sub("", text))


def _document(title: str, data: Record) -> str:
    document, style = (
        (_BROWSER / f"page.{kind}").read_text(encoding="utf-8") for kind in ("html", "css")
    )
    script = program()
    # In JSON `<` stands only inside strings, where its escape means the same; without it
    # no text of a file can end the script element.
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    parts = {
        "TITLE": _text(title),
        "POLICY": "default-src 'none'; img-src data:; "
        f"script-src {_hash(script)}; style-src {_hash(style)}",
        "STYLE": style,
        "DATA": text,
        "SCRIPT": script,
    }
    pieces = document.split("@@")
    return "".join(parts[piece] if at % 2 else piece for at, piece in enumerate(pieces))


def earlier(spectrum: Record, rows: pd.DataFrame, page: str = "") -> Record:
    """Return what an adjudicator sees of a spectrum: the answers that count, and how they differ.

    Decisions that were handed in before are not among them: they come back as `decided`, each
    for the person who made it, so that a new file of the page holds them all. `page` is as in
    `merge.merge`.
    """
    rows = rows[rows["TARGETID"] == int(spectrum["targetid"])]
    decides = merge.decisions(rows, page)
    opinions, decisions = (
        merge.opinions(rows[part].itertuples(index=False)) for part in (~decides, decides)
    )
    return {
        "earlier": [_answer(row) for row in opinions],
        "conflict": differences(opinions),
        "decided": [
            _answer(row) | {"issue": row.ISSUE, "shown": row.SHOWN, "time": _page_time(row.TIME)}
            for row in decisions
        ],
    }


def _page_time(text: str) -> str:
    """Return a VI_time as a page writes it, which compares times as text.

    What has no time that can be read is older than any answer of a page.
    """
    time = datetime.fromtimestamp(max(vi.moment(text), 0), UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _answer(row: Any) -> Record:
    return {
        "inspector": row.INSPECTOR,
        "spectype": row.SPECTYPE,
        "comment": row.COMMENT,
        "z": rounded(row.Z, 5),
        "quality": int(row.QUALITY),
        "bal": int(row.BAL),
    }


def differences(rows: Sequence[Any]) -> str:
    """Return in what answers about one spectrum differ, by the rules of the merge, in words."""
    qualities = [row.QUALITY for row in rows]
    found = []
    if len({row.SPECTYPE for row in rows} - {""}) > 1:
        found.append("class")
    if merge.redshift_spread([row.Z for row in rows if not np.isnan(row.Z)]) >= Z_TOLERANCE:
        found.append("redshift")
    if rows and max(qualities) - min(qualities) >= QUALITY_TOLERANCE:
        found.append("quality")
    return " and ".join([", ".join(found[:-1]), *found[-1:]] if len(found) > 1 else found)


def repeats(pages: Sequence[list[Record]], share: float, seed: int) -> list[list[Record]]:
    """Show a share of each page's spectra again on the next, to see who agrees with themselves.

    Which ones depends on TARGETID and `seed` alone; they come last and are not marked. Those
    of the last page come again on the first, where there are two pages or more.
    """
    result = [list(page) for page in pages]
    for number, page in enumerate(pages if len(pages) > 1 else []):
        chance = [np.random.default_rng([seed, abs(int(s["targetid"]))]).random() for s in page]
        chosen = np.sort(np.argsort(chance, kind="stable")[: round(share * len(page))])
        result[(number + 1) % len(pages)] += [page[place] for place in chosen]
    return result


def write_round(
    folder: Path,
    minibatches: Sequence[list[Record]],
    handed_in: pd.DataFrame,
    common: Common,
    *,
    again: float = 0.0,
    seed: int = 0,
    inspectors: int = 1,
    complete: float = 0.5,
    adjudication: bool = False,
    closed: bool = False,
    command: str = "snakemake",
) -> None:
    """Write `minibatch-MM.html` and `index.html` of a round.

    Parameters
    ----------
    minibatches : the spectra of each
    handed_in : `vi.read_vi` of the files that are there so far
    again, seed : share of each that is shown again, see `repeats`
    inspectors : wanted for each spectrum
    complete : share of a page that counts as all of it
    adjudication : whether there is a page for it by now, to which the index leads
    closed : whether people say that the round is closed, which needs an answer
    command : what to type once CSV files were put into `common.labels_dir`
    """
    targets = [[int(s["targetid"]) for s in spectra] for spectra in minibatches]
    given = merge.answered(handed_in, itertools.chain(*targets), common.prefix)
    parts: list[Record] = []
    for number, spectra in enumerate(repeats(minibatches, again, seed), 1):
        title, name = f"{common.prefix}-minibatch-{number:02d}", f"minibatch-{number:02d}.html"
        part = f"minibatch {number} of {len(minibatches)}"
        files.write_text(folder / name, render(page_data(title, spectra, common, part)))
        own = targets[number - 1]
        answers = merge.progress(given, own)
        parts.append({"title": title, "href": name, "spectra": len(own), "answers": answers})
    index: Record = {"title": common.prefix, "labels_dir": common.labels_dir, "command": command}
    index |= {"inspectors": inspectors, "complete": complete, "minibatches": parts}
    index |= {"adjudication": adjudication, "closed": closed and len(given) > 0}
    files.write_text(folder / "index.html", render_index(index))
    files.set_aside(folder, "minibatch-*.html", [part["href"] for part in parts])


def write_adjudication(
    folder: Path,
    spectra: list[Record],
    conflicts: set[int],
    handed_in: pd.DataFrame,
    common: Common,
) -> int:
    """Write `adjudication.html`; return the number of conflicts that wait.

    Conflicts that were decided before stay on the page, last, with the decisions: the file of
    an adjudicator has one name, and what is saved again replaces what was saved before.
    """
    targets = [int(s["targetid"]) for s in spectra]
    rows, _ = merge.of_batch(handed_in, targets, common.prefix)
    shown = [s | earlier(s, rows, common.prefix) for s in spectra]
    open_ = [s for s, target in zip(shown, targets, strict=True) if target in conflicts]
    closed = [
        s
        for s, target in zip(shown, targets, strict=True)
        if s["decided"] and target not in conflicts
    ]
    title = f"{common.prefix}-adjudication"
    text = render_note(title, "No conflict waits for a decision.")
    if open_ or closed:
        part = f"{len(open_)} waiting, {len(closed)} decided"
        text = render(page_data(title, open_ + closed, common, part))
    files.write_text(folder / "adjudication.html", text)
    return len(open_)
