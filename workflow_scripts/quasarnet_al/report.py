"""Reports: self-contained pages of figures and tables, for screens of any width and print."""

import html
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from quasarnet_al import figures
from quasarnet_al.files import InputError

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 66rem; margin: auto; padding: 1rem }}
h2 {{ margin: 2.5rem 0 .5rem }}
p, figcaption {{ max-width: 44rem }}
.warning {{ border-left: .3rem solid #d55e00; padding-left: .7rem; font-weight: 600 }}
table {{ border-collapse: collapse; display: block; overflow-x: auto; margin: 1rem 0 }}
th, td {{ padding: .25rem .5rem; border-bottom: 1px solid #8884;
  text-align: right; vertical-align: bottom }}
th:first-child, td:first-child {{ text-align: left; padding-left: 0 }}
.figures {{ display: grid; gap: 1.5rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 26rem), 1fr)) }}
figure {{ margin: 0; break-inside: avoid }}
img {{ max-width: 100%; background: white }}
figcaption, footer {{ font-size: .85em; opacity: .85; overflow-wrap: anywhere }}
footer {{ margin-top: 3rem }}
@media print {{ body {{ font-size: 11px }} h2 {{ break-after: avoid }} a {{ color: inherit }}
  .figures {{ grid-template-columns: 1fr 1fr }} }}
</style>
<h1>{title}</h1>
{body}
<footer>{footer}</footer>
</html>
"""


def page(title: str, body: Sequence[str], provenance: dict[str, str]) -> str:
    """Return a page of parts that are HTML already."""
    footer = ", ".join(f"{key} {value}" for key, value in provenance.items())
    return PAGE.format(
        title=html.escape(title), body="\n".join(filter(None, body)), footer=html.escape(footer)
    )


def paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"


def warning(text: str) -> str:
    """Return a paragraph that must not be overlooked."""
    return f'<p class="warning">{html.escape(text)}</p>'


def heading(text: str) -> str:
    return f"<h2>{html.escape(text)}</h2>"


def link(address: str, text: str) -> str:
    return f'<a href="{html.escape(address)}">{html.escape(text)}</a>'


def figure(caption: str, function: Callable, *arguments: object) -> str:
    """Return a figure that `function` draws of `arguments`, and its caption."""
    svg = figures.embed(figures.draw(function, *arguments, kind="svg"))
    caption = html.escape(caption)
    return f'<figure><img src="{svg}" alt="{caption}"><figcaption>{caption}</figcaption></figure>'


def row_of(parts: Sequence[str]) -> str:
    """Return figures side by side where there is room."""
    return f'<div class="figures">{"".join(parts)}</div>'


def table(rows: pd.DataFrame) -> str:
    """Return a table, numbers with four digits that count; names of columns may wrap."""
    rows = rows.replace({None: np.nan}).rename(columns=lambda name: str(name).replace("_", " "))
    return rows.to_html(index=False, na_rep="", float_format="{:.4g}".format, border=0)


def flat(content: dict) -> dict:
    """Return what stands in one row of a table: the keys that hold no others."""
    return {
        key: value
        for key, value in content.items()
        if not isinstance(value, dict | list) and value is not None
    }


def surprises(votes: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the rows whose label is not the class with most votes, the worst first.

    The worst is the label that the fewest members voted for, then the one whose wrong
    class has the most votes. `votes` is (n, K), `truth` int (n,).
    """
    wrong = np.flatnonzero(votes.argmax(axis=1) != truth)
    own, most = votes[wrong, truth[wrong]], votes[wrong].max(axis=1)
    return wrong[np.lexsort((-most, own))]


def cost(folder: str | Path) -> pd.DataFrame:
    """Return what the jobs under a folder of Snakemake's benchmark files took, by rule."""
    rows = []
    for path in sorted(Path(folder).rglob("*.tsv")):
        # A job shorter than Snakemake's first look has no memory: "-" or "NA".
        try:
            measured = pd.read_csv(path, sep="\t", na_values="-")[["s", "max_rss"]]
        except (OSError, ValueError, KeyError) as error:
            raise InputError(path, f"is no benchmark ({error})", "remove it") from error
        # round-NN/<rule>/..., <rule>/..., or <rule>.tsv
        parts = path.relative_to(folder).parts
        rule = parts[1] if parts[0].startswith("round-") else parts[0]
        measured["rule"] = rule.removesuffix(".tsv")
        rows.append(measured)
    if not rows:
        return pd.DataFrame()
    jobs = pd.concat(rows).groupby("rule", sort=False)
    return pd.DataFrame(
        {
            "rule": list(jobs.groups),
            "jobs": jobs.size().to_numpy(),
            "hours, all jobs": jobs["s"].sum().to_numpy() / 3600,
            "longest job, s": jobs["s"].max().to_numpy(),
            "largest memory, MB": jobs["max_rss"].max().to_numpy(),
        }
    )
