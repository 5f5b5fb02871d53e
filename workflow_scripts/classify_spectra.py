"""Run QuasarNET on coadds, SDSS spectra or a pool file: redshifts, confidences, classes.

Several networks are taken as an ensemble: mean confidences, median redshifts. The table QN has a
row per spectrum that was classified; `--format afterburner` writes the table that DESI's pipeline
has of a coadd (qso_qn-*.fits), with NaN where nothing was classified.
"""

import json
from functools import partial
from pathlib import Path

import numpy as np

from quasarnet_al.core import options
from quasarnet_al.core.files import InputError, content_of
from quasarnet_al.core.program import command_line, positive, program, progress
from quasarnet_al.judging import classified
from quasarnet_al.learning import scores
from quasarnet_al.network.lines import Classification, best_redshift, is_qso
from quasarnet_al.network.weights import read_networks
from quasarnet_al.spectra import afterburner, boss, desi, pool
from quasarnet_al.spectra.extraction import extract_all
from quasarnet_al.spectra.tables import write_fits

#: The network that comes with the programs, see docs/model-card.md.
WEIGHTS = str(Path(__file__).parents[1] / "weights/quasarnet-mock.h5")


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    add = parser.add_argument
    add("--weights", nargs="+", default=[WEIGHTS], help="networks, or an ensemble.h5 (HDF5)")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--coadd", nargs="+", help="DESI coadd files")
    source.add_argument("--boss", nargs="+", help="SDSS spec-*.fits files")
    source.add_argument("--pool", help="pool file (FITS)")
    add("--targets", choices=desi.TARGETS, default="qso", help="which fibres of the coadds")
    cut = options.reader(Classification, "c_thresh")
    add(
        "--c-thresh", type=cut, help="confidence above which a line counts, for a column IS_QSO; "
        "without it the table has none"
    )  # fmt: skip
    options.add_arguments(parser, Classification, "n_thresh")
    add("--format", choices=("table", "afterburner"), default="table", help="columns of the output")
    add("--threads", type=positive, default=1, help="number of threads")
    add("--output", required=True, help="table QN, or QN_RR (FITS)")
    args = parser.parse_args(argv)
    if args.format == "afterburner" and len(args.coadd or ()) != 1:
        raise InputError("--format afterburner", "is a table of one coadd", "give one --coadd")

    networks = read_networks(args.weights)
    grid = networks[0].grid
    if args.pool:
        spectra, catalog = pool.read(args.pool, grid)
    else:
        alone, tell = len(args.coadd or ()) == 1, partial(progress, unit="files")
        read = partial(desi.extract, targets=args.targets, unnamed=alone)
        if args.boss:
            found, _ = boss.extract_spec(args.boss, grid, pipeline=False, tell=tell)
        else:
            found = extract_all(read, args.coadd, grid, 0, args.threads, tell=tell)
        spectra, catalog = found.spectra, found.catalog
        print("left out:", json.dumps(dict(sorted(found.dropped.items()))), found.report())
    seen = scores.combine(scores.lines_of_members(networks, spectra, args.threads))
    cuts = {} if args.c_thresh is None else {"c_thresh": args.c_thresh, "n_thresh": args.n_thresh}
    quasar = is_qso(seen.c, **cuts) if cuts else None
    if args.format == "afterburner":
        name = afterburner.EXTENSION
        best = best_redshift(seen.c, seen.z)
        columns = afterburner.columns(args.coadd[0], catalog["ROW"], seen.c, seen.z, best)
    else:
        with content_of(args.weights[0], "release the weights again"):
            name, columns = "QN", classified.columns(catalog, networks, seen)
        columns |= {} if quasar is None else {"IS_QSO": quasar}
    write_fits(args.output, name, columns, attributes={"weights": " ".join(args.weights)} | cuts)
    count = "" if quasar is None else f", {int(np.sum(quasar))} quasars"
    print(f"{args.output}: {len(catalog)} spectra{count}")


if __name__ == "__main__":
    program(main)
