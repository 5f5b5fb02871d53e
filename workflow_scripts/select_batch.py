"""Select the batch of a round: the spectra most worth a label, by a query strategy."""

import json

from quasarnet_al.core import options
from quasarnet_al.core.files import InputError, write_json
from quasarnet_al.core.program import command_line, program
from quasarnet_al.learning import acquisition, batch, selection, som
from quasarnet_al.spectra import pool
from quasarnet_al.spectra.tables import read_targetids, write_fits


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--scores", nargs="+", required=True, help="score tables (FITS)")
    parser.add_argument(
        "--map", nargs="+", required=True, help="their cells, by map_spectra.py, same order (FITS)"
    )
    parser.add_argument("--pool", nargs="+", required=True, help="their pool files, same order")
    parser.add_argument("--som", required=True, help="the self-organizing map (HDF5)")
    parser.add_argument(
        "--labelled", nargs="*", default=[], help="labels (CSV) and labelled sets (FITS)"
    )
    parser.add_argument("--exclude", nargs="*", default=[], help="lists of TARGETIDs (text, CSV)")
    options.add_arguments(parser, selection.Selection)
    parser.add_argument(
        "--seed", type=int, default=0, help="random seed of the order of equal scores"
    )
    parser.add_argument("--batch", required=True, help="the batch (CSV)")
    parser.add_argument("--batch-pool", required=True, help="its spectra (pool file, FITS)")
    parser.add_argument(
        "--selection", required=True, help="why each exposure was selected or not (FITS)"
    )
    parser.add_argument("--summary", required=True, help="counts (JSON)")
    args = parser.parse_args(argv)

    wanted = options.from_arguments(selection.Selection, args)
    column = acquisition.column(wanted.acquisition)
    grid = pool.read_grid(*args.pool)
    fitted = som.read(args.som, grid)
    exposures = batch.read_exposures(
        args.scores, args.map, args.pool, fitted, ("TILEID", "ARMS", "PREDICTED", column)
    )
    chosen, reason = selection.select(
        batch.candidates(exposures, column, fitted),
        wanted,
        wanted.size,
        args.seed,
        labelled=read_targetids(args.labelled),
        excluded=read_targetids(args.exclude),
    )
    counts = {why: int((reason == why).sum()) for why in selection.REASONS}
    if len(chosen) < wanted.size:
        raise InputError(
            "the pool",
            f"has only {len(chosen)} spectra left to select, but {wanted.size} are wanted; left "
            "out: " + (", ".join(f"{n} {why}" for why, n in counts.items() if n) or "none"),
            "add tiles, or lower batch.size",
        )
    table, spectra, catalog = batch.make(exposures, chosen, wanted)
    columns = {name: exposures.scores[name] for name in ("TARGETID", "TILEID")}
    columns |= {"SCORE": exposures.scores[column], "REASON": reason}
    write_fits(args.selection, "SELECTION", columns, attributes={"acquisition": wanted.acquisition})
    summary = {"exposures": len(reason), "chosen": len(chosen), "left out": counts}
    write_json(args.summary, summary)
    pool.write(args.batch_pool, spectra, catalog, grid)
    batch.write(args.batch, table)
    print(f"{args.batch}: {json.dumps(summary)}")


if __name__ == "__main__":
    program(main)
