"""Write the inspection pages of a round: one HTML file a minibatch, and an index."""

from pathlib import Path

import numpy as np

from quasarnet_al.core import files
from quasarnet_al.core.program import command_line, program
from quasarnet_al.inspection import merge, prospect, vi
from quasarnet_al.inspection.pages import (
    earlier,
    minibatch,
    progress,
    render,
    render_index,
    render_note,
    repeats,
)
from quasarnet_al.inspection.record import mock_templates, read_spectra
from quasarnet_al.learning import som
from quasarnet_al.learning.batch import read_batch
from quasarnet_al.spectra import pool


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--batch", required=True, help="batch.csv of the round")
    parser.add_argument("--batch-pool", required=True, help="its spectra, a pool file (FITS)")
    parser.add_argument(
        "--input-root", nargs="+", default=["."], help="folders that hold the pool's coadds"
    )
    parser.add_argument("--som", help="map of fit_som.py (HDF5): shows the neighbours")
    parser.add_argument("--title-prefix", required=True, help="of the pages; unique to the round")
    parser.add_argument(
        "--blind",
        choices=("yes", "no"),
        default="yes",
        help="hide what the ensemble says until there is an answer",
    )
    parser.add_argument("--labels-dir", default="", help="where inspectors put their CSV files")
    parser.add_argument("--command", default="snakemake", help="what to type then")
    parser.add_argument("--inspectors", type=int, default=1, help="wanted for each spectrum")
    parser.add_argument(
        "--repeats", type=float, default=0.0, help="share shown again on the next page"
    )
    parser.add_argument("--seed", type=int, default=0, help="which ones are shown again")
    parser.add_argument("--vi", nargs="*", default=[], help="CSV files handed in so far")
    parser.add_argument("--adjudicate", help="labels.csv: one page of its conflicts instead")
    parser.add_argument("--prospect", help="folder for the batch as prospect opens it")
    parser.add_argument("--output-dir", required=True, help="folder of the HTML files")
    args = parser.parse_args(argv)

    batch = read_batch(args.batch)
    handed_in, *_ = vi.read_answers(args.vi)
    pixels, catalog = pool.read(args.batch_pool)
    cells = som.read(args.som) if args.som else None
    if cells and cells.weights.shape[2] != pixels.shape[1]:
        raise files.InputError(args.som, f"has another grid than {args.batch_pool}", "fit it again")
    if not np.array_equal(batch["TARGETID"], catalog["TARGETID"]):
        raise files.InputError(
            args.batch, f"differs from its pool file {args.batch_pool}", "make both again"
        )
    try:
        grid = pool.read_grid(args.batch_pool)
        spectra = read_spectra(batch, pixels, catalog, grid, args.input_root, cells)
    except (ValueError, TypeError) as error:
        raise files.InputError(
            args.batch, f"has a value that is none ({error})", "select it again"
        ) from error
    if args.prospect:
        prospect.write(args.prospect, catalog, args.input_root)
    common = {
        "grid": grid,
        "templates": mock_templates(),
        "labels_dir": args.labels_dir,
    }
    folder = Path(args.output_dir)
    if args.adjudicate:
        conflicts = merge.conflicts(args.adjudicate)
        chosen = [s | earlier(s, handed_in) for s in spectra if int(s["targetid"]) in conflicts]
        title = f"{args.title_prefix}-adjudication"
        text = render_note(title, "No conflict waits for a decision.")
        if chosen:
            text = render(minibatch(title, chosen, blind=args.blind == "yes", **common))
        files.write_text(folder / "adjudication.html", text)
        print(f"{folder / 'adjudication.html'}: {len(chosen)} conflicts")
        return
    numbers = sorted(batch["MINIBATCH"].unique())
    pages = [[spectra[k] for k in np.flatnonzero(batch["MINIBATCH"] == m)] for m in numbers]
    parts = []
    for number, here in zip(numbers, repeats(pages, args.repeats, args.seed), strict=True):
        title, name = f"{args.title_prefix}-minibatch-{number:02d}", f"minibatch-{number:02d}.html"
        data = minibatch(
            title,
            here,
            blind=args.blind == "yes",
            part=f"minibatch {number} of {len(numbers)}",
            **common,
        )
        files.write_text(folder / name, render(data))
        parts.append(progress(title, name, here, handed_in))
    pattern = "minibatch-{}.html"
    files.set_aside(folder, pattern.format("*"), [pattern.format(f"{n:02d}") for n in numbers])
    index = {"title": args.title_prefix, "labels_dir": args.labels_dir, "command": args.command}
    index |= {"inspectors": args.inspectors, "minibatches": parts}
    files.write_text(folder / "index.html", render_index(index))
    print(f"{folder}: {len(parts)} pages, {len(spectra)} spectra")


if __name__ == "__main__":
    program(main)
