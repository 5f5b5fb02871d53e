"""Self-organizing map: which spectra are like each other, and which are like no other.

Two engines fit it: the batch algorithm (Kohonen 2013, Neural Networks 37, 52, section 4)
written as matrix products, which is the default, and MiniSom's online algorithm. A map is
`rows` x `columns` cells, each with a weight vector; cell (row, column) has the index
row * columns + column everywhere.

* The best-matching unit (BMU) of x minimises |x - w|^2 = |x|^2 - 2 (x.w - |w|^2 / 2), so
  it maximises x.w - |w|^2 / 2: one float32 product for a block of spectra. Where the
  best and the next are closer than the product's rounding, the candidates are compared
  in float64, so the answer is that of a float64 search with ties to the lowest index.
* The batch algorithm searches in the leading principal components, where |x - w|^2 is the
  same but for the rest of the variance, which in spectra is noise. Updates are linear, so
  weights in components are all that epochs need; the last one makes them in full. On spectra
  this is several times faster than a search in full and both errors come out smaller.
* The gaussian neighbourhood is separable: exp(-(dr^2 + dc^2) / 2 sigma^2) is one matrix
  over rows times one over columns, so an update is two small products.
* Spectra are processed in blocks of fixed size, whatever the number of threads, and sums
  are added in the order of the blocks: results do not depend on the number of threads.
"""

import functools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from quasarnet_al.core import chance
from quasarnet_al.core.files import InputError, hdf5_file
from quasarnet_al.core.options import option
from quasarnet_al.core.program import progress
from quasarnet_al.spectra import pool
from quasarnet_al.spectra.grid import Grid
from quasarnet_al.spectra.tables import read_table

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

#: Spectra per block: enough that packing the weights for the product is cheap,
#: few enough that the scores (4 MB for 45 x 45 cells) stay in the processor's cache.
BLOCK = 512
#: Principal components that the batch algorithm searches in. 32 to 128 give the same errors on
#: spectra to 1 %; 16 gives a larger topographic error.
COMPONENTS = 64


@dataclass(frozen=True)
class MapOptions:
    """How a map is fitted: the config's `som`."""

    rows: int = option(45, "number of rows of cells", minimum=2)
    columns: int = option(45, "number of columns of cells", minimum=2)
    epochs: int = option(10, "number of passes over the sample", minimum=1)
    sigma_end: float = option(
        1.5,
        "width of the neighbourhood in the last epoch: a narrow one follows the sample, a wide "
        "one keeps neighbouring cells alike",
        unit="cells",
        above=0,
    )
    engine: str = option(
        "batch",
        "algorithm that fits the map: `batch`, or `minisom`, which takes one spectrum after the "
        "other; `batch` is several hundred times faster and does not depend on their order",
        choices=("batch", "minisom"),
    )
    torus: bool = option(True, "whether the map's opposite edges are joined (periodic edges)")
    sample: int = option(
        300000,
        "number of spectra that the map is fitted to, drawn at random from the pool; 0: all",
        minimum=0,
    )


@dataclass(frozen=True)
class Som:
    """A trained map.

    Attributes
    ----------
    weights : float32 (rows, columns, d)
    torus : whether the first and last rows (and columns) are neighbours
    """

    weights: np.ndarray
    torus: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.weights.shape[:2]

    @property
    def size(self) -> int:
        """Number of cells."""
        return self.shape[0] * self.shape[1]

    @property
    def _cells(self) -> np.ndarray:
        return self.weights.reshape(-1, self.weights.shape[2])

    def winners(self, data: np.ndarray, threads: int = 1) -> np.ndarray:
        """Return the BMU index, int32 (n,), of each row of `data` (n, d)."""
        found = _over_blocks(_exact_search(self._cells), _as_float32(data), threads)
        return np.concatenate([np.empty(0, np.int32), *found], dtype=np.int32)

    def distances(self, data: np.ndarray, bmu: np.ndarray) -> np.ndarray:
        """Return the distance, float32 (n,), of each row of `data` from its cell `bmu`."""
        data, distance = _as_float32(data), np.empty(len(bmu), np.float32)
        for start in range(0, len(bmu), BLOCK):
            rows = slice(start, start + BLOCK)
            distance[rows] = np.linalg.norm(data[rows] - self._cells[bmu[rows]], axis=1)
        return distance

    def quantization_error(self, data: np.ndarray, threads: int = 1) -> float:
        """Return the mean distance between the rows of `data` and their BMUs."""
        return float(self.distances(data, self.winners(data, threads)).mean(dtype=float))

    def topographic_error(self, data: np.ndarray) -> float:
        """Return the fraction of `data` whose two best cells do not touch.

        Cells touch along edges and at corners, and across the seams of a torus.
        """
        cells = self._cells.astype(float)
        half = 0.5 * np.einsum("ij,ij->i", cells, cells)
        apart = 0
        for start in range(0, len(data), BLOCK):
            scores = data[start : start + BLOCK] @ cells.T - half
            first = scores.argmax(axis=1)
            scores[np.arange(len(scores)), first] = -np.inf
            second = scores.argmax(axis=1)
            steps = np.abs(
                np.subtract(
                    np.unravel_index(first, self.shape), np.unravel_index(second, self.shape)
                )
            )
            if self.torus:
                steps = np.minimum(steps, np.array(self.shape)[:, None] - steps)
            apart += int(np.count_nonzero(steps.max(axis=0) > 1))
        return apart / len(data)


def sample(paths: Sequence[str], size: int, seed: int) -> np.ndarray:
    """Return a random sample of `size` spectra (0: all) of the pool, float32 (size, p).

    It depends on the spectra and the seed, not on the order of the files. Where the pool has
    fewer spectra, all are returned.
    """
    keys = [chance.sampling_keys(pool.read_catalog(path), seed) for path in paths]
    place = np.argsort(np.concatenate(keys), kind="stable").argsort()
    size = min(size or len(place), len(place))
    found = np.empty((size, pool.read_grid(paths[0]).size), np.float32)
    places = np.split(place, np.cumsum([len(part) for part in keys])[:-1])
    for path, part in zip(paths, places, strict=True):
        chosen = part < size
        if not chosen.any():
            continue
        spectra = pool.read(path)[0]
        if spectra.shape[1] != found.shape[1]:
            raise InputError(path, f"is on another grid than {paths[0]}", "give files of one grid")
        found[part[chosen]] = spectra[chosen]
    return found


def fit(data: np.ndarray, options: MapOptions, seed: int = 0, threads: int = 1) -> Som:
    """Fit a map to `data` (n, d), n at least 1, all finite.

    The width of the gaussian neighbourhood falls geometrically from a quarter of the map's
    longer side to `options.sigma_end`. A wider end gives a smoother map: a larger quantization
    and a smaller topographic error. With ten spectra to a cell 1.5 keeps both below those of
    MiniSom on the spectra that the map is fitted to, 3 on other spectra too.

    Parameters
    ----------
    seed : random seed of the engine `minisom`; in the batch algorithm nothing is random
    threads : of the batch algorithm; they do not change the map
    """
    data = _as_float32(data)
    start = max(options.rows, options.columns) / 4
    if options.engine == "minisom":
        return _fit_minisom(data, options, start, seed)
    return _fit_batch(data, options, start, threads)


def _fit_batch(data: np.ndarray, options: MapOptions, start: float, threads: int) -> Som:
    rows, columns, epochs = options.rows, options.columns, options.epochs
    mean, axes, variance = _principal_components(data, threads)
    low = np.concatenate(list(_over_blocks(lambda x: (x - mean) @ axes.T, data, threads)))
    cells = _initial(variance, rows, columns, options.torus)
    sigmas = np.geomspace(start, options.sigma_end, epochs)
    for epoch, sigma in enumerate(progress(sigmas, "epochs"), start=1):
        bmu = np.concatenate(list(_over_blocks(_search(cells), low, threads)))
        if epoch == epochs:
            # Full weights of the cells that no spectrum reaches: where they were.
            low, cells = data, mean + cells @ axes
        cells = _update(cells, low, bmu, (rows, columns), sigma, options.torus)
    return Som(cells.reshape(rows, columns, -1), options.torus)


def _fit_minisom(data: np.ndarray, options: MapOptions, start: float, seed: int) -> Som:
    """Fit the map online, spectrum by spectrum, by MiniSom (Vettigli 2018).

    From weights of random spectra, with MiniSom's own learning rate (0.5, falling to a third).
    MiniSom has neither periodic edges nor a choice of the last width: it calls our neighbourhood.
    """
    from minisom import MiniSom

    rows, columns = options.rows, options.columns
    updates = options.epochs * len(data)
    widths = iter(progress(np.geomspace(start, options.sigma_end, updates), "updates"))

    def neighbourhood(winner: tuple[int, int], _: float) -> np.ndarray:
        sigma = next(widths)
        along_rows, along_columns = (
            np.exp(-0.5 * (_steps(size, options.torus)[place] / sigma) ** 2)
            for size, place in zip((rows, columns), winner, strict=True)
        )
        return np.outer(along_rows, along_columns)

    # MiniSom computes in float64.
    fitted = MiniSom(rows, columns, data.shape[1], sigma=start, random_seed=seed)
    fitted.neighborhood = neighbourhood
    fitted.random_weights_init(data)
    with _libraries().limit(limits=1, user_api="blas"):
        fitted.train(data, updates, random_order=True)
    return Som(fitted.get_weights().astype(np.float32), options.torus)


def write(path: str | os.PathLike, som: Som, attributes: dict[str, str]) -> None:
    """Write `som` as HDF5: dataset `weights`, attribute `torus`, and `attributes`."""
    with hdf5_file(path) as file:
        file.create_dataset("weights", data=som.weights, dtype="f4")
        for key, value in attributes.items():
            file.attrs[key] = value
        file.attrs["torus"] = np.int8(som.torus)


def read(path: str | os.PathLike, grid: Grid | None = None) -> Som:
    """Read what `write` wrote; raise `InputError` for anything else, or for another `grid`."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            weights = np.asarray(file["weights"][...], dtype=np.float32)
            torus = bool(file.attrs["torus"])
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise InputError(path, f"is not a readable map ({error})", "make it again") from error
    if weights.ndim != 3 or not weights.size:
        raise InputError(path, f"has weights of shape {weights.shape}, not 3-d", "make it again")
    if not np.isfinite(weights).all():
        raise InputError(path, "has weights that are not finite", "make it again")
    if grid and weights.shape[2] != grid.size:
        raise InputError(
            path,
            f"has cells of {weights.shape[2]} pixels, but the spectra have {grid.size}",
            "give the map that was fitted to spectra on this grid",
        )
    return Som(weights, torus)


def read_map(path: str, som: Som, targetid: np.ndarray, of: str) -> np.ndarray:
    """Return the table MAP of the spectra `targetid` of the file `of` on the map `som`.

    BMU and QERR are of the map, FLAW is that of the pool file.
    """
    rows = read_table(path, "MAP", "map_spectra.py", ("TARGETID", "BMU", "QERR", "FLAW"))
    if not np.array_equal(rows["TARGETID"], targetid):
        raise InputError(path, f"is not the map of the spectra in {of}", "make it again")
    if not ((rows["BMU"] >= 0) & (rows["BMU"] < som.size)).all():
        raise InputError(path, "has BMUs outside the map", "make it again")
    return rows


def _as_float32(data: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(data, dtype=np.float32)


@functools.cache
def _libraries() -> "ThreadpoolController":
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _over_blocks(function: Callable, data: np.ndarray, threads: int) -> Iterator:
    """Yield `function(block)` for blocks of `data` in order, BLAS at one thread."""
    blocks = [data[start : start + BLOCK] for start in range(0, len(data), BLOCK)]
    with _libraries().limit(limits=1, user_api="blas"), ThreadPoolExecutor(threads) as workers:
        yield from (map if threads == 1 else workers.map)(function, blocks)


def _scoring(cells: np.ndarray) -> tuple[Callable, np.ndarray]:
    """Return a function of a block (n, d) that gives x.w - |w|^2 / 2, and |w|^2 / 2.

    Each thread has one array (n, cells) of scores, overwritten by the next block: a new
    one of some megabytes would cost as much as a tenth of the product.
    """
    half = 0.5 * np.einsum("ij,ij->i", cells, cells)
    own = threading.local()

    def scores_of(block: np.ndarray) -> np.ndarray:
        if not hasattr(own, "scores"):
            own.scores = np.empty((BLOCK, len(cells)), np.float32)
        scores = np.matmul(block, cells.T, out=own.scores[: len(block)])
        scores -= half
        return scores

    return scores_of, half


def _search(cells: np.ndarray) -> Callable:
    """Return a function of a block (n, d) that gives BMUs (n,) to float32 rounding."""
    scores_of, _ = _scoring(cells)
    return lambda block: scores_of(block).argmax(axis=1)


def _exact_search(cells: np.ndarray) -> Callable:
    """Return a function of a block (n, d) that gives the BMUs a float64 search finds."""
    scores_of, half = _scoring(cells)
    longest = np.sqrt(2 * half.max())

    def search(block: np.ndarray) -> np.ndarray:
        scores = scores_of(block)
        best, each = scores.argmax(axis=1), np.arange(len(block))
        highest = scores[each, best]
        # A float32 sum of d products is off by at most d eps/2 |x| |w| (Higham 2002,
        # section 3.1), |w|^2/2 by the same with |w|; two scores are compared.
        length = np.sqrt(np.einsum("ij,ij->i", block, block))
        rounding = cells.shape[1] * np.finfo(np.float32).eps * longest * (length + longest / 2)
        scores[each, best] = -np.inf
        for row in np.flatnonzero(scores.max(axis=1) >= highest - rounding):
            scores[row, best[row]] = highest[row]
            near = np.flatnonzero(scores[row] >= highest[row] - rounding[row])
            difference = block[row].astype(float) - cells[near]
            best[row] = near[np.einsum("ij,ij->i", difference, difference).argmin()]
        return best

    return search


def _update(
    cells: np.ndarray,
    data: np.ndarray,
    bmu: np.ndarray,
    shape: tuple[int, int],
    sigma: float,
    torus: bool,
) -> np.ndarray:
    """Return new weights (cells, d): means of `data`, weighted by distance on the map."""
    total = np.zeros_like(cells)
    for start in range(0, len(data), 8 * BLOCK):
        block, best = data[start : start + 8 * BLOCK], bmu[start : start + 8 * BLOCK]
        order = np.argsort(best, kind="stable")
        members, first = np.unique(best[order], return_index=True)
        total[members] += np.add.reduceat(block[order], first)
    rows, columns = shape
    count = np.bincount(bmu, minlength=len(cells)).astype(np.float32)
    along_rows = _neighbourhood(rows, sigma, torus)
    along_columns = _neighbourhood(columns, sigma, torus)
    with _libraries().limit(limits=1, user_api="blas"):
        total = (along_rows @ total.reshape(rows, -1)).reshape(rows, columns, -1)
        total = (along_columns @ total).reshape(cells.shape)
        count = (along_rows @ count.reshape(rows, columns) @ along_columns).reshape(-1, 1)
    # A cell out of reach of every spectrum keeps its weights.
    return np.where(count > 1e-30, total / np.maximum(count, 1e-30), cells)


def _neighbourhood(size: int, sigma: float, torus: bool) -> np.ndarray:
    """Return exp(-step^2 / 2 sigma^2) for all pairs of `size` positions, float32."""
    return np.exp(-0.5 * (_steps(size, torus) / sigma) ** 2).astype(np.float32)


@functools.cache
def _steps(size: int, torus: bool) -> np.ndarray:
    """Return the steps between all pairs of `size` positions in a row, or in a ring."""
    step = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    return np.minimum(step, size - step) if torus else step


def _principal_components(data: np.ndarray, threads: int) -> tuple:
    """Return the mean (d,), the leading axes (k, d), float32, and their variances (k,)."""
    mean = data.mean(axis=0, dtype=float).astype(np.float32)

    def product(block: np.ndarray) -> np.ndarray:
        return (block - mean).T @ (block - mean)

    zero = np.zeros((len(mean), len(mean)), np.float32)
    covariance = sum(_over_blocks(product, data, threads), start=zero) / len(data)
    with _libraries().limit(limits=1, user_api="blas"):
        variance, vectors = np.linalg.eigh(covariance.astype(float))
    axes = vectors.T[::-1][:COMPONENTS]
    # The sign of an eigenvector is free: let its largest component be positive.
    largest = np.abs(axes).argmax(axis=1)
    axes = axes * np.sign(axes[np.arange(len(axes)), largest])[:, None]
    return mean, axes.astype(np.float32), np.maximum(variance[::-1][: len(axes)], 0)


def _initial(variance: np.ndarray, rows: int, columns: int, torus: bool) -> np.ndarray:
    """Return first weights, float32 (rows * columns, k), in principal components.

    On a plane rows run along the first component and columns along the second, as in
    MiniSom. On a torus, which has no ends, rows go round an ellipse in the first two
    and columns round one in the next two. They span a standard deviation either way.
    """
    if torus:
        along_rows, along_columns = _circle(rows), _circle(columns)
    else:
        along_rows = np.linspace(-1, 1, rows)[:, None]
        along_columns = np.linspace(-1, 1, columns)[:, None]
    position = np.concatenate(
        [np.repeat(along_rows, columns, axis=0), np.tile(along_columns, (rows, 1))], axis=1
    )
    weights = np.zeros((rows * columns, len(variance)), np.float32)
    spanned = min(position.shape[1], len(variance))
    weights[:, :spanned] = position[:, :spanned] * np.sqrt(variance[:spanned])
    return weights


def _circle(size: int) -> np.ndarray:
    angle = 2 * np.pi * np.arange(size) / size
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)
