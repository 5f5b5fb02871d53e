"""The inspection pages of a round: self-contained HTML files and their index.

Nothing on a page is fetched: style, program and spectra are inside, and its content
security policy forbids the browser to load anything or to run any other program.
"""

import base64
import hashlib
import html
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd

from quasarnet_al.inspection import merge, vi
from quasarnet_al.inspection.line_lists import ABSORPTION, EMISSION, SKY, TELLURIC
from quasarnet_al.inspection.record import SIZE, STEP, rounded
from quasarnet_al.spectra.grid import BLUE, LOG, Grid

_BROWSER = Path(__file__).parent / "browser"
#: The page's program, each module after those that it imports.
MODULES = (
    *("base", "answers", "spectra", "csv", "store", "match", "features", "document", "canvas"),
    *("state", "actions", "panels", "plot", "mouse", "files", "gallery", "side", "keys", "main"),
)
_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)


def batch_hash(targetids: list[str], content: bytes = b"") -> str:
    """Return what tells one batch from another of the same name."""
    return hashlib.sha256(",".join(targetids).encode() + content).hexdigest()[:16]


def minibatch(
    title: str,
    spectra: list[dict],
    *,
    grid: Grid = LOG,
    blind: bool = True,
    templates: list[dict] = (),
    labels_dir: str = "",
    part: str = "",
) -> dict[str, object]:
    """Return the data of one page.

    Parameters
    ----------
    title : unique among all pages of all runs: the browser keeps answers under it
    spectra : of `spectrum`
    grid : of the 443 pixels
    blind : hide the ensemble until the inspector has answered
    templates : of `template`
    labels_dir : where to put the downloaded CSV, told to the inspector
    part : "minibatch 2 of 4", told to the inspector
    """
    return {
        "title": title,
        "part": part,
        "hash": batch_hash([spectrum["targetid"] for spectrum in spectra]),
        "blind": blind,
        "labels_dir": labels_dir,
        "wavelength": {"first": BLUE, "step": STEP, "size": SIZE},
        "grid": {"kind": grid.kind, "size": grid.size, "step": grid.step, "first": BLUE},
        "emission": EMISSION,
        "absorption": ABSORPTION,
        "sky": SKY,
        "telluric": TELLURIC,
        "templates": list(templates),
        "spectra": spectra,
    }


def render(data: dict[str, object]) -> str:
    """Return the page of `minibatch` as one HTML document."""
    return _document(str(data["title"]), data)


def render_index(data: dict[str, object]) -> str:
    """Return the index of a round.

    Parameters
    ----------
    data : title, labels_dir, command (the next one to type), inspectors (wanted a
        spectrum) and minibatches, each with title, href, spectra and answers
        ({inspector: number answered})
    """
    rows, missing = [], []
    for part in data["minibatches"]:
        answers = part["answers"]
        finished = sum(merge.is_handed_in(count, part["spectra"]) for count in answers.values())
        if finished < data["inspectors"]:
            missing.append(part["title"])
        who = ", ".join(f"{name} {count}/{part['spectra']}" for name, count in answers.items())
        state = "done" if finished >= data["inspectors"] else "waits"
        rows.append(
            f'<tr class="{state}"><td><a href="{_text(part["href"])}">{_text(part["title"])}</a>'
            f"<td>{part['spectra']}<td>{_text(who) or '–'}"
            f"<td>{finished} of {data['inspectors']}<td>{state}"
        )
    left = f"{len(missing)} of {len(rows)} pages wait for labels" if missing else "All are labelled"
    body = (
        f"<main><h1>{_text(data['title'])}</h1><p class=lead>{left}. "
        "<a href=../report.html>Report of the round</a></p>"
        "<table><thead><tr><th>page<th>spectra<th>handed in"
        '<th title="answers to at least half of the page">enough<th>state'
        f"<tbody>{''.join(rows)}</table>"
        "<h2>How</h2><ol><li>Open a page, label, press <kbd>Shift</kbd> <kbd>D</kbd> for its CSV."
        f"<li>Put it into <code>{_text(data['labels_dir'])}</code> under the name it has."
        f"<li>Then type <code>{_text(data['command'])}</code></ol></main>"
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


def _document(title: str, data: dict[str, object]) -> str:
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
        "POLICY": f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}",
        "STYLE": style,
        "DATA": text,
        "SCRIPT": script,
    }
    pieces = document.split("@@")
    return "".join(parts[piece] if at % 2 else piece for at, piece in enumerate(pieces))


def earlier(spectrum: dict, rows: pd.DataFrame) -> dict[str, list[dict]]:
    """Return the answers about a spectrum that an adjudicator sees."""
    rows = rows[(rows["TARGETID"] == int(spectrum["targetid"])) & (rows["QUALITY"] >= 0)]
    answers = rows.drop(columns=["FILE", "LINE", "TIME"]).drop_duplicates()
    return {
        "earlier": [
            {
                **{
                    key.lower(): getattr(answer, key)
                    for key in ("INSPECTOR", "SPECTYPE", "COMMENT")
                },
                "z": rounded(answer.Z, 5),
                "quality": int(answer.QUALITY),
                "bal": int(answer.BAL),
            }
            for answer in answers.sort_values("INSPECTOR").itertuples()
        ]
    }


def repeats(pages: list[list[dict]], share: float, seed: int) -> list[list[dict]]:
    """Show a share of each page's spectra again on the next one, to see who agrees with himself.

    Which ones depends on TARGETID and `seed` alone; they come last and are not marked. The
    last page's come again on the first, where there are two or more.
    """
    result = [list(page) for page in pages]
    for number, page in enumerate(pages if len(pages) > 1 else []):
        chance = [np.random.default_rng([seed, abs(int(s["targetid"]))]).random() for s in page]
        chosen = np.sort(np.argsort(chance, kind="stable")[: round(share * len(page))])
        result[(number + 1) % len(pages)] += [page[place] for place in chosen]
    return result


def progress(title: str, href: str, spectra: list[dict], rows: pd.DataFrame) -> dict[str, object]:
    """Return a page's line of the index: who answered how many of its spectra.

    A row counts where its file's name has the page's title, or no page's (renamed files).
    """
    titles = rows["FILE"].map(vi.title_of).astype(str)
    elsewhere = (titles != title) & titles.str.startswith(title.rsplit("-", 1)[0] + "-")
    here = rows["TARGETID"].isin([int(s["targetid"]) for s in spectra])
    here = rows[here & (rows["QUALITY"] >= 0) & ~elsewhere.astype(bool)]
    answers = here.groupby("INSPECTOR")["TARGETID"].nunique()
    return {
        "title": title,
        "href": href,
        "spectra": len(spectra),
        "answers": {str(name): int(count) for name, count in answers.items()},
    }
