"""Reports: self-contained pages of figures and tables, for screens of any width and print."""

import html
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd

from quasarnet_al.report import style

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
th:first-child, td:first-child {{ text-align: left; padding-left: 0; white-space: nowrap }}
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
    """Return a page; its parts are HTML already."""
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
    """Return the figure that `function` draws from `arguments`, and its caption."""
    svg = style.embed(style.draw(function, *arguments, kind="svg"))
    caption = html.escape(caption)
    return f'<figure><img src="{svg}" alt="{caption}"><figcaption>{caption}</figcaption></figure>'


def row_of(parts: Sequence[str]) -> str:
    """Return figures side by side where there is room."""
    return f'<div class="figures">{"".join(parts)}</div>'


def table(rows: pd.DataFrame) -> str:
    """Return a table, numbers with four significant digits; names of columns may wrap."""
    rows = rows.replace({None: np.nan}).rename(
        columns=lambda name: str(name).replace("_kms", " [km/s]").replace("_", " ")
    )
    return rows.to_html(index=False, na_rep="", float_format="{:.4g}".format, border=0)


def flat(content: dict) -> dict:
    """Return what fits into one row of a table: the keys whose values are not collections."""
    return {
        key: value
        for key, value in content.items()
        if not isinstance(value, dict | list) and value is not None
    }


def cost(title: str, jobs: Iterable[dict], spectra: int) -> list[str]:
    """Return the time and memory of the jobs of `cost.read`, by rule, for a pool of `spectra`.

    The list is empty where there are no jobs.
    """
    table_of_jobs = pd.DataFrame(jobs)
    if not len(table_of_jobs):
        return []
    rules = table_of_jobs.groupby("rule", sort=False)
    rows = pd.DataFrame(
        {
            "rule": list(rules.groups),
            "jobs": rules.size().to_numpy(),
            "all jobs, s": rules["seconds"].sum().to_numpy(),
            "longest job, s": rules["seconds"].max().to_numpy(),
            "largest memory, MB": rules["memory"].max().to_numpy(),
            "node hours": [float(f"{x:.2g}") for x in rules["node_hours"].sum()],
        }
    )
    seconds, hours = table_of_jobs["seconds"].sum(), table_of_jobs["node_hours"].sum()
    whole = (
        f"For {spectra} spectra of the pool {len(table_of_jobs)} jobs took {seconds:.4g} s, "
        f"{1000 * seconds / spectra:.3g} s per 1,000 spectra. On Perlmutter they would be charged "
        f"{hours:.2g} node hours: a job is charged for its share of the node's threads or GPUs."
    )
    return [heading(title), paragraph(whole), table(rows)]
