"""Fit the self-organizing map to a sample of the pool."""

from pathlib import Path

import numpy as np

from quasarnet_al.core import chance, options
from quasarnet_al.core.files import InputError, provenance
from quasarnet_al.core.program import command_line, positive, program
from quasarnet_al.learning import som
from quasarnet_al.spectra import pool


def main(argv: list[str] | None = None) -> None:
    """Read the pool file by file, keep the sample, fit the map, write it."""
    parser = command_line(__doc__)
    parser.add_argument("--pool", nargs="+", required=True, metavar="FILE", help="pool files")
    options.add_arguments(parser, som.MapOptions)
    parser.add_argument("--seed", type=int, default=0, help="random seed of the sample")
    parser.add_argument("--threads", type=positive, default=1, help="number of threads")
    parser.add_argument("--output", required=True, help="map to write (HDF5)")
    arguments = parser.parse_args(argv)

    spectra = sample_of_files(arguments.pool, arguments.sample, arguments.seed)
    cells = arguments.rows * arguments.columns
    if len(spectra) < cells:
        raise InputError(
            arguments.pool[0],
            f"and the other pool files give {len(spectra)} spectra for a map of {cells} cells",
            "ask for fewer --rows and --columns, or for a larger --sample",
        )
    fitted = som.fit(
        spectra,
        arguments.rows,
        arguments.columns,
        epochs=arguments.epochs,
        sigma_end=arguments.sigma_end,
        torus=arguments.torus,
        threads=arguments.threads,
    )
    record = provenance(
        pool=" ".join(Path(path).name for path in sorted(arguments.pool)),
        seed=arguments.seed,
        spectra=len(spectra),
        epochs=arguments.epochs,
        sigma_end=arguments.sigma_end,
    )
    som.write(arguments.output, fitted, record)


def sample_of_files(paths: list[str], size: int, seed: int) -> np.ndarray:
    """Return `size` spectra (all for 0) of the pool, the same for any order of its files."""
    keys = [chance.sampling_keys(pool.read_catalog(path), seed) for path in paths]
    place = np.argsort(np.concatenate(keys), kind="stable").argsort()
    size = min(size or len(place), len(place))
    sample = np.empty((size, pool.read_grid(paths[0]).size), np.float32)
    places = np.split(place, np.cumsum([len(part) for part in keys])[:-1])
    for path, part in zip(paths, places, strict=True):
        chosen = part < size
        if not chosen.any():
            continue
        spectra = pool.read(path)[0]
        if spectra.shape[1] != sample.shape[1]:
            raise InputError(path, f"is on another grid than {paths[0]}", "give files of one grid")
        sample[part[chosen]] = spectra[chosen]
    return sample


if __name__ == "__main__":
    program(main)
