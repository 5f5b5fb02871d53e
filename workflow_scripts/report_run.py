"""Draw the learning curve of a run and write its report, one self-contained page."""

import argparse
import html
from pathlib import Path

import pandas as pd

from quasarnet_al import figures
from quasarnet_al.files import program, provenance, read_json, replacing, write_text
from quasarnet_al.tasks import TASKS, Task

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: auto; padding: 1rem }}
table {{ border-collapse: collapse; display: block; overflow-x: auto }}
th, td {{ padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #8884 }}
img {{ max-width: 100%; background: white }}
figcaption, footer {{ font-size: .85rem; opacity: .8 }}
</style>
<h1>{title}</h1>
{body}
<footer>{footer}</footer>
</html>
"""


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=TASKS, default="quasar")
    parser.add_argument("--run", required=True)
    parser.add_argument("--metrics", nargs="+", required=True, help="metrics.json, round by round")
    parser.add_argument("--summaries", nargs="+", required=True, help="selection.json, likewise")
    parser.add_argument("--agreements", nargs="*", default=[], help="agreement.json, likewise")
    parser.add_argument("--curve", required=True, help="the learning curve (CSV)")
    parser.add_argument("--figure", required=True, help="the learning curve (PNG)")
    parser.add_argument("--report", required=True, help="the report (HTML)")
    args = parser.parse_args(argv)

    rounds = [read_json(path) for path in args.metrics]
    task = TASKS[args.task]
    curve = pd.DataFrame([_row(task, entry) for entry in rounds])
    with replacing(args.curve) as temporary:
        curve.to_csv(temporary, index=False, float_format="%.5g", lineterminator="\n")
    drawn = [(figures.draw(draw, rounds), caption) for draw, caption in task.figures()]
    with replacing(args.figure) as temporary:
        Path(temporary).write_bytes(drawn[0][0])
    summaries = pd.DataFrame([_summary(read_json(path)) for path in args.summaries])
    summaries.insert(0, "round", range(1, len(summaries) + 1))
    agreements = pd.DataFrame([_flat(read_json(path)) for path in args.agreements])
    body = [
        "<h2>Learning curve</h2>",
        _figure(*drawn[0]),
        curve.to_html(index=False, na_rep="", float_format="{:.4g}".format, border=0),
        *(_figure(*figure) for figure in drawn[1:]),
        "<h2>Selection</h2>",
        "<p>Exposures of the pool, and why the others were not chosen.</p>",
        summaries.to_html(index=False, border=0),
    ]
    if len(agreements):
        agreements.insert(0, "round", range(1, len(agreements) + 1))
        body += ["<h2>Labels</h2>", agreements.to_html(index=False, na_rep="", border=0)]
    footer = ", ".join(f"{key} {value}" for key, value in provenance().items())
    title = f"{args.run}: {len(rounds)} rounds"
    page = PAGE.format(title=html.escape(title), body="\n".join(body), footer=html.escape(footer))
    write_text(args.report, page)
    print(args.report)


def _row(task: Task, entry: dict) -> dict:
    names = ("round", "training_spectra", "labels_of_rounds", *task.headline)
    return {name: entry[name] for name in names} | task.details(entry)


def _summary(summary: dict) -> dict:
    return {"exposures": summary["exposures"], "chosen": summary["chosen"], **summary["left out"]}


def _flat(agreement: dict) -> dict:
    return {key: value for key, value in agreement.items() if not isinstance(value, dict | list)}


def _figure(png: bytes, caption: str) -> str:
    return (
        f'<figure><img src="{figures.embed(png)}" alt="{html.escape(caption)}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


if __name__ == "__main__":
    program(main)
