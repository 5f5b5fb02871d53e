"""Rebin and normalise spectra into a pool file, or into a labelled set.

Sources: DESI coadds (--coadd, or whole tiles with --tile), BOSS/SDSS spec files
(--boss), QuasarNET's training pair (--training-data with --truth).
"""

from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from threadpoolctl import threadpool_limits

from quasarnet_al.core.program import command_line, positive, program, progress
from quasarnet_al.spectra import boss, desi, pool
from quasarnet_al.spectra.grid import GRIDS


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--coadd", nargs="+", help="DESI coadd files")
    source.add_argument(
        "--tile", nargs="+", help="tiles of --input-root: TILEID/NIGHT, TILEID/EXPID or "
        "SURVEY/PROGRAM/PIXEL, by --layout"
    )  # fmt: skip
    source.add_argument("--boss", nargs="+", help="BOSS/SDSS spec-*.fits files: a labelled set")
    source.add_argument("--training-data", help="data_dr12.fits; its truth by --truth")
    parser.add_argument("--input-root", default="", help="folder of the production")
    parser.add_argument(
        "--layout", choices=desi.LAYOUTS, default="cumulative", help="of the production's folders"
    )
    parser.add_argument(
        "--targets", choices=desi.TARGETS, default="qso", help="quasar targets, all targets, or "
        "sky fibres"
    )  # fmt: skip
    parser.add_argument("--grid", choices=GRIDS, default="log", help="of wavelengths")
    parser.add_argument("--truth", help="truth table: keep its objects, with their labels")
    parser.add_argument("--origin", default="", help="name of the labelled set")
    parser.add_argument("--threads", type=positive, default=1, help="coadds read side by side")
    parser.add_argument("--output", required=True, help="pool file (FITS)")
    args = parser.parse_args(argv)
    grid = GRIDS[args.grid]

    labels = None
    if args.boss:
        extraction, labels = boss.extract_spec(args.boss, grid)
    elif args.training_data:
        if not args.truth or args.grid != "log":
            parser.error("--training-data needs --truth, and the log grid that it was made on")
        extraction, labels = boss.extract_training(args.training_data, args.truth)
    else:
        coadds = args.coadd or [
            path for tile in args.tile for path in desi.coadds(args.input_root, args.layout, tile)
        ]
        work = partial(desi.extract, grid=grid, targets=args.targets)
        if args.threads > 1 and len(coadds) > 1:
            # A process is one thread: BLAS's own would be threads x threads.
            with ProcessPoolExecutor(
                min(args.threads, len(coadds)), initializer=threadpool_limits, initargs=(1,)
            ) as processes:
                parts = list(progress(processes.map(work, coadds), "coadds", len(coadds)))
        else:
            parts = [work(path) for path in progress(coadds, "coadds")]
        extraction = desi.concatenate(parts)
    dropped, record = Counter(extraction.dropped), {}
    spectra, catalog = extraction.spectra, extraction.catalog
    if args.truth and not args.training_data:
        from quasarnet_al.spectra import truth  # pandas takes longer to start than the rest

        known = truth.read(args.truth)
        spectra, catalog, labels, more = truth.label(spectra, catalog, known, args.origin)
        dropped.update(more)
        record["truth"] = f"{Path(args.truth).name}: {known.attrs['taken']}"
        print(f"labels, rows by judge: {record['truth']}")
    pool.write(args.output, spectra, catalog, grid, labels, dict(sorted(dropped.items())), record)
    left_out = ", ".join(f"{count} {reason}" for reason, count in sorted(dropped.items()))
    print(f"{args.output}: {len(spectra)} spectra; left out: {left_out or 'none'}")


if __name__ == "__main__":
    program(main)
