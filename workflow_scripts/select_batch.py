"""Select the batch of a round: the most confusing spectra that are worth a label."""

import argparse
import json

import numpy as np
import pandas as pd

from quasarnet_al.core import chance
from quasarnet_al.core.files import InputError, write_json
from quasarnet_al.core.program import command_line, positive, program
from quasarnet_al.learning import selection, som
from quasarnet_al.learning.scores import ACQUISITIONS, member_values, read_scores
from quasarnet_al.spectra import pool
from quasarnet_al.spectra.columns import COMMENTS
from quasarnet_al.spectra.tables import read_targetids, stack, write_csv, write_fits

PAIRS = "give both in the same order, or score the pool again"
SCORE_COLUMNS = ("TARGETID", "TILEID", "ARMS", "BMU", "QERR")


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--scores", nargs="+", required=True, help="score tables (FITS)")
    parser.add_argument("--pool", nargs="+", required=True, help="their pool files, same order")
    parser.add_argument("--som", required=True, help="the map (HDF5)")
    parser.add_argument(
        "--labelled", nargs="*", default=[], help="labels (CSV) and labelled sets (FITS)"
    )
    parser.add_argument("--exclude", nargs="*", default=[], help="lists of TARGETIDs (text, CSV)")
    selection.add_arguments(parser)
    parser.add_argument("--seed", type=int, default=0, help="of the order of equal scores")
    parser.add_argument("--size", type=positive, default=100, help="spectra of the batch")
    parser.add_argument("--minibatch", type=positive, default=50, help="spectra of a minibatch")
    parser.add_argument("--batch", required=True, help="the batch (CSV)")
    parser.add_argument("--batch-pool", required=True, help="its spectra (pool file, FITS)")
    parser.add_argument("--selection", required=True, help="why each spectrum or not (FITS)")
    parser.add_argument("--summary", required=True, help="counts (JSON)")
    args = parser.parse_args(argv)

    if len(args.scores) != len(args.pool):
        parser.error("--scores and --pool go in pairs")
    column = ACQUISITIONS[args.acquisition]
    names = list(dict.fromkeys((*SCORE_COLUMNS, column)))
    parts = [read_scores(path, names) for path in args.scores]
    fitted = som.read(args.som)
    for path, part in zip(args.scores, parts, strict=True):
        if not ((part["BMU"] >= 0) & (part["BMU"] < np.prod(fitted.shape))).all():
            raise InputError(path, f"has BMUs that {args.som} has not", "score the pool again")
    rows = np.concatenate(parts)
    outlier = som.outliers(
        args.outliers,
        fitted,
        rows["BMU"],
        rows["QERR"],
        args.percentile,
        args.error_percentile,
    )
    labelled = read_targetids(args.labelled)
    chosen, reason = selection.select(
        rows[column].astype(float),
        rows["TARGETID"],
        rows["ARMS"],
        tie=chance.random(rows["TARGETID"], args.seed + 1),
        cell=rows["BMU"],
        outlier=outlier,
        size=args.size,
        labelled=labelled,
        excluded=read_targetids(args.exclude),
        diversity=args.diversity,
    )
    counts = {why: int((reason == why).sum()) for why in selection.REASONS}
    if len(chosen) < args.size:
        raise InputError(
            "the pool",
            f"has {len(chosen)} spectra left to choose, {args.size} are asked for; left out: "
            + (", ".join(f"{count} {why}" for why, count in counts.items() if count) or "none"),
            "add tiles, or lower batch.size",
        )
    place, row = selection.locate(chosen, [len(part) for part in parts])
    batch, spectra, catalog = _gather(args, column, row, place)
    grid = pool.read_grid(*args.pool)
    write_fits(
        args.selection,
        "SELECTION",
        {
            "TARGETID": rows["TARGETID"],
            "TILEID": rows["TILEID"],
            "SCORE": rows[column],
            "REASON": reason,
        },
        COMMENTS,
        {"acquisition": args.acquisition},
    )
    write_json(args.summary, {"exposures": len(rows), "chosen": len(chosen), "left out": counts})
    pool.write(args.batch_pool, spectra, catalog, grid)
    write_csv(args.batch, batch, "%.7g")
    print(f"{args.batch}: {len(chosen)} of {len(rows)} exposures; left out: {json.dumps(counts)}")


def _gather(args: argparse.Namespace, column: str, row: np.ndarray, place: np.ndarray) -> tuple:
    """Read the chosen rows from their score tables and pool files, in the order of choice."""
    frames, spectra, catalogs, order = [], [], [], []
    for number in np.unique(place):
        here = np.flatnonzero(place == number)
        scores = read_scores(args.scores[number])
        image, catalog = pool.read(args.pool[number])
        if not np.array_equal(catalog["TARGETID"], scores["TARGETID"]):
            raise InputError(args.pool[number], f"is not the pool of {args.scores[number]}", PAIRS)
        spectra.append(image[row[here]])
        catalogs.append(catalog[row[here]])
        frames.append(_frame(scores[row[here]], catalogs[-1]))
        order.append(here)
    back = np.argsort(np.concatenate(order))
    batch = pd.concat(frames, ignore_index=True).iloc[back].reset_index(drop=True)
    batch.insert(0, "RANK", np.arange(1, len(batch) + 1))
    batch.insert(1, "MINIBATCH", (batch["RANK"] - 1) // args.minibatch + 1)
    batch.insert(3, "SCORE", batch[column])
    batch.insert(4, "ACQUISITION", args.acquisition)
    return batch, np.concatenate(spectra)[back], stack(catalogs)[back]


def _frame(scores: np.ndarray, catalog: np.ndarray) -> pd.DataFrame:
    members = [name for name in scores.dtype.names if name.startswith("MEMBER_")]
    frame = pd.DataFrame({n: scores[n] for n in scores.dtype.names if n not in members})
    for name in ("TARGET_RA", "TARGET_DEC", "SOURCE", "ROW"):
        frame[name] = catalog[name]
    for name in ("Z", "SPECTYPE", "ZWARN"):
        frame[f"REDROCK_{name}"] = catalog[name]
    for name in members:
        values = member_values(scores, name)
        frame[name] = [" ".join(f"{value:.4f}" for value in row) for row in values]
    return frame


if __name__ == "__main__":
    program(main)
