"""Compare rules for outliers on the flaws of a mock survey, as docs/science.md tells.

Each rule orders the spectra, the most suspicious first. Printed: the precision where a quarter and
half of the flawed spectra are found, over the base (their share of all).

    python tests/benchmarks/compare_outliers.py [--seed N] [--tiles N]
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow_scripts"))

from quasarnet_al.judging import outliers
from quasarnet_al.learning import som
from quasarnet_al.mock import survey
from quasarnet_al.network.augmentation import ARM_EDGES
from quasarnet_al.network.inference import reference_features
from quasarnet_al.network.weights import read_network
from quasarnet_al.spectra import desi, pool
from quasarnet_al.spectra.extraction import concatenate
from quasarnet_al.spectra.grid import LOG

NIGHT = 20260101
WEIGHTS = Path(__file__).parents[2] / "weights" / "quasarnet-mock.h5"
#: Pixels on either side of the wavelengths where DESI's arms meet.
SIDE = 8
#: Nearest neighbours, the spectrum itself among them, and spectra compared at a time.
NEIGHBOURS, BLOCK = 11, 300


def read(folder: Path, seed: int, tiles: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the spectra of a mock survey that have all arms, their CATALOG, and their flaws."""
    design = survey.Design(seed, survey.MIXES["survey"])
    for tile in range(5001, 5001 + tiles):
        survey.simulate_petal(folder, design, tile, NIGHT, 0, 500)
    coadds = [
        path
        for tile in range(5001, 5001 + tiles)
        for path in desi.coadds(folder, "cumulative", f"{tile}/{NIGHT}")
    ]
    found = concatenate([desi.extract(path, LOG, "all", flaws=True) for path in coadds])
    pool.write(folder / "pool.fits", found.spectra, found.catalog, LOG)
    _, flaw = outliers.flaws(folder / "pool.fits", [str(folder)])
    whole = found.catalog["ARMS"] == pool.ALL_ARMS
    return found.spectra[whole], found.catalog[whole], flaw[whole]


def isolation(spectra: np.ndarray) -> np.ndarray:
    """Return the mean distance (n,) from the nearest spectra in the features of a network."""
    network = read_network(str(WEIGHTS))
    starts = range(0, len(spectra), BLOCK)
    features = np.concatenate(
        [reference_features(network, spectra[start : start + BLOCK]) for start in starts]
    )
    features /= features.std(axis=0) + 1e-6
    square = (features**2).sum(axis=1)
    found = []
    for start in starts:
        rows = slice(start, start + BLOCK)
        distance2 = square[rows, None] + square - 2 * features[rows] @ features.T
        nearest = np.partition(distance2, NEIGHBOURS, axis=1)[:, 1:NEIGHBOURS]
        found.append(np.sqrt(nearest.clip(0)).mean(axis=1))
    return np.concatenate(found)


def steps(spectra: np.ndarray) -> np.ndarray:
    """Return the largest step (n,) where two arms meet, over the usual one of a spectrum."""

    def step(place: int) -> np.ndarray:
        left, right = spectra[:, place - SIDE : place], spectra[:, place : place + SIDE]
        return np.abs(np.median(right, axis=1) - np.median(left, axis=1))

    usual = np.median([step(place) for place in range(40, LOG.size - 40, 15)], axis=0)
    met = [step(int(np.searchsorted(LOG.wavelength, wavelength))) for wavelength in ARM_EDGES]
    return np.max(met, axis=0) / usual


def rules(spectra: np.ndarray, catalog: np.ndarray) -> dict[str, np.ndarray]:
    """Return how suspicious each spectrum is, (n,), by each rule."""
    fitted = som.fit(spectra, som.MapOptions(20, 20))
    bmu = fitted.winners(spectra)
    error = fitted.distances(spectra, bmu)
    # The continuum over S/N per pixel is the noise of a spectrum.
    noise = np.abs(np.median(spectra, axis=1)) / np.maximum(catalog["SNR"], 0.05)
    residual = spectra - fitted.weights.reshape(fitted.size, -1)[bmu]
    mean = spectra.mean(axis=0)
    axes = np.linalg.svd(spectra - mean, full_matrices=False)[2][:20]
    rest = spectra - mean - (spectra - mean) @ axes.T @ axes
    scatter = np.median(np.abs(rest), axis=1, keepdims=True)
    return {
        "sparse cell (published)": -np.bincount(bmu, minlength=fitted.size)[bmu].astype(float),
        "quantization error": error,
        "quantization error over noise": error / noise,
        "largest pixel's distance from the cell, over its scatter": np.abs(residual).max(axis=1)
        / np.median(np.abs(residual), axis=1),
        "residual of 20 principal components": np.linalg.norm(rest, axis=1),
        "largest pixel of this residual, over its scatter": (np.abs(rest) / scatter).max(axis=1),
        "isolation in the features of the box's network": isolation(spectra),
        "step where two arms meet, over the spectrum's usual one": steps(spectra),
        "flaws": catalog["FLAW"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=31, help="random seed of the survey")
    parser.add_argument("--tiles", type=int, default=14, help="number of tiles, 500 fibres each")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        spectra, catalog, flaw = read(Path(folder), args.seed, args.tiles)
    flawed = flaw != "none"
    base = flawed.mean()
    print(f"{len(spectra)} spectra, {flawed.sum()} flawed: base {base:.3f}")
    print("precision over the base where 1/4, 1/2 of the flawed spectra are found")
    for name, suspicion in rules(spectra, catalog).items():
        found = np.cumsum(flawed[np.argsort(-suspicion, kind="stable")])
        places = np.searchsorted(found, [flawed.sum() / 4, flawed.sum() / 2])
        print(f"{name:58s}" + "".join(f"{x:6.2f}" for x in found[places] / (places + 1) / base))
    flagged = catalog["FLAW"] > 1
    shares = {str(name): float(flagged[flaw == name].mean().round(2)) for name in np.unique(flaw)}
    print(
        f"flaws above 1: precision {flawed[flagged].mean():.2f}, "
        f"recall {flagged[flawed].mean():.2f}, by flaw",
        shares,
    )


if __name__ == "__main__":
    main()
