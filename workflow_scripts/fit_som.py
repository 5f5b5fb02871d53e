"""Fit the self-organizing map to a sample of the pool."""

import time
from pathlib import Path

from quasarnet_al.core import options
from quasarnet_al.core.files import InputError, provenance
from quasarnet_al.core.program import command_line, positive, program
from quasarnet_al.learning import som

#: Spectra of the sample, drawn at random, of which the errors are printed.
ERRORS_OF = 10_000


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--pool", nargs="+", required=True, help="pool files (FITS)")
    options.add_arguments(parser, som.MapOptions)
    parser.add_argument(
        "--seed", type=int, default=0, help="random seed of the sample, and of the engine minisom"
    )
    parser.add_argument("--threads", type=positive, default=1, help="number of threads")
    parser.add_argument("--output", required=True, help="the map (HDF5)")
    args = parser.parse_args(argv)

    wanted = options.from_arguments(som.MapOptions, args)
    spectra = som.sample(args.pool, wanted.sample, args.seed)
    cells = wanted.rows * wanted.columns
    if len(spectra) < cells:
        raise InputError(
            args.pool[0],
            f"and the other pool files give {len(spectra)} spectra for a map of {cells} cells",
            "ask for fewer --rows and --columns, or for a larger --sample",
        )
    start = time.perf_counter()
    fitted = som.fit(spectra, wanted, args.seed, args.threads)
    seconds = time.perf_counter() - start
    record = provenance(
        pool=" ".join(Path(path).name for path in sorted(args.pool)),
        seed=args.seed,
        spectra=len(spectra),
        epochs=wanted.epochs,
        sigma_end=wanted.sigma_end,
        engine=wanted.engine,
    )
    som.write(args.output, fitted, record)
    seen = spectra[:ERRORS_OF]
    print(
        f"{args.output}: {len(spectra)} spectra, engine {wanted.engine}, {seconds:.1f} s; of "
        f"{len(seen)} spectra: quantization error "
        f"{fitted.quantization_error(seen, args.threads):.4f}, topographic error "
        f"{fitted.topographic_error(seen):.4f}"
    )


if __name__ == "__main__":
    program(main)
