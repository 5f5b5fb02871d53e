"""Rebin and normalise spectra into a pool file, or into a labelled set.

Sources: DESI coadds (--coadd, or whole tiles with --tile), BOSS/SDSS spec files
(--boss), QuasarNET's training pair (--training-data with --truth). A long list of files
comes from a file: --boss @files.txt, one path per line.
"""

import json
from collections import Counter
from functools import partial
from pathlib import Path

from quasarnet_al.core.program import command_line, fraction, positive, program, progress
from quasarnet_al.spectra import boss, desi, pool
from quasarnet_al.spectra.extraction import extract_all
from quasarnet_al.spectra.grid import GRIDS


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    add = parser.add_argument
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--coadd", nargs="+", help="DESI coadd files")
    source.add_argument("--tile", nargs="+", help="tiles of --input-root, as --layout names them")
    source.add_argument("--boss", nargs="+", help="BOSS/SDSS spec-*.fits files: a labelled set")
    source.add_argument("--training-data", help="data_dr12.fits; its truth is given by --truth")
    add("--input-root", default="", help="folder of the production")
    add(
        "--layout", choices=desi.LAYOUTS, default="cumulative", help="layout of the production: "
        "its tiles are TILEID/NIGHT, TILEID/EXPID or SURVEY/PROGRAM/PIXEL"
    )  # fmt: skip
    add("--targets", choices=desi.TARGETS, default="qso", help="which fibres of the coadds")
    add("--grid", choices=GRIDS, default="log", help="grid of wavelengths")
    add("--truth", help="truth table: keep its objects, with their labels")
    add("--origin", default="", help="name of the labelled set")
    add(
        "--broken", type=fraction, default=0.0, help="largest fraction of the files that may be "
        "broken or absent: they are left out, named and counted"
    )  # fmt: skip
    add("--threads", type=positive, default=1, help="number of coadds read at once")
    add("--output", required=True, help="pool file (FITS)")
    args = parser.parse_args(argv)
    grid, labels = GRIDS[args.grid], None
    tell = partial(progress, unit="files")
    if args.boss:
        extraction, labels = boss.extract_spec(args.boss, grid, args.broken, not args.truth, tell)
    elif args.training_data:
        if not args.truth or args.grid != "log":
            parser.error("--training-data needs --truth, and the log grid that it was made on")
        extraction = boss.extract_training(args.training_data)
    else:
        found = desi.find_all(args.input_root, args.layout, args.tile or ())
        read = partial(desi.extract, targets=args.targets, flaws=True)
        paths = args.coadd or found.coadds
        extraction = extract_all(read, paths, grid, args.broken, args.threads, found.absent, tell)
        extraction.notes |= found.notes
    dropped, record = Counter(extraction.dropped), {"files": json.dumps(extraction.counts())}
    spectra, catalog = extraction.spectra, extraction.catalog
    if args.truth:
        from quasarnet_al.spectra import truth  # pandas takes longer to start than the rest

        identities = truth.OF_PAIR if args.training_data else truth.IDENTITIES
        known = truth.read(args.truth, identities)
        objects = None if labels is None else labels["OBJECT"]
        spectra, catalog, labels, more = truth.label(spectra, catalog, known, args.origin, objects)
        dropped.update(more)
        record["truth"] = f"{Path(args.truth).name}: {known.attrs['taken']}"
        print(f"labels, rows by judge: {record['truth']}")
    if extraction.notes:
        print(extraction.report())
    left_out = ", ".join(f"{count} {reason}" for reason, count in sorted(dropped.items())) or "none"
    if labels is not None:
        inputs = args.boss or args.coadd or args.tile or [args.training_data]
        pool.need_labels(labels, inputs[0], args.origin, left_out)
    pool.write(args.output, spectra, catalog, grid, labels, dict(sorted(dropped.items())), record)
    print(f"{args.output}: {len(spectra)} spectra; left out: {left_out}")


if __name__ == "__main__":
    program(main)
