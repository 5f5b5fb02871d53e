"""The self-organizing map against MiniSom, xpysom and the machine's float32 product.

    python tests/benchmarks/bench_som.py [--threads 2] [--peers FOLDER] [--pool FILE]

Prints a Markdown table. Rates of one line come from runs that alternate, so that what
else the machine does meets both. All maps have 45 x 45 cells; the errors of all are
computed by the same code, which is first checked against MiniSom's. `--minisom-epochs 10`
compares the two engines of the workflow (`som.engine`) in full, each on a plane and a torus.
"""

import argparse
import contextlib
import functools
import importlib
import io
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from measure import alternate, spread, summary
from minisom import MiniSom
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow_scripts"))
from quasarnet_al.learning import som
from quasarnet_al.spectra import pool
from quasarnet_al.spectra.grid import LINES, LOG

SIDE = 45
PLANE, TORUS = (som.MapOptions(SIDE, SIDE, torus=torus) for torus in (False, True))


def main(argv: list[str] | None = None) -> None:
    """Check agreement, then measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pool", help="pool file to take spectra from instead of simulating")
    parser.add_argument("--spectra", type=int, default=5000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument(
        "--minisom-epochs", type=int, default=2, help="epochs of MiniSom; 0 leaves it out"
    )
    parser.add_argument("--offline-epochs", type=int, default=1, help="train_batch_offline")
    parser.add_argument(
        "--peers", nargs="+", default=[], help="folders that xpysom is in, where not installed"
    )
    arguments = parser.parse_args(argv)

    data = pool.read(arguments.pool)[0] if arguments.pool else simulated(arguments.spectra, 0)
    data = data[: arguments.spectra]
    threads = arguments.threads
    fitted = som.fit(data, PLANE, threads=threads)
    check(fitted, data[:1000])

    source = arguments.pool or "simulated"
    print(f"{len(data)} spectra ({source}) x {data.shape[1]}, {threads} threads\n")
    print(
        "| what | spectra/s (lowest-highest) | ratio | QE | TE |\n| --- | --- | --- | --- | --- |"
    )

    cells = np.ascontiguousarray(fitted.weights.reshape(-1, data.shape[1]).T)

    def product() -> None:
        with threadpool_limits(threads, "blas"):
            data @ cells

    seconds = alternate(
        {"search": lambda: fitted.winners(data, threads), "product": product}, arguments.repeats
    )
    search, limit = (len(data) / taken for taken in seconds.values())
    row("BMU search, of the product", search, f"{np.median(search / limit):.2f}")
    row("one float32 product", limit)
    ratio = f"{np.median(search / limit):.2f}"
    summary(f"BMU search, {threads} threads, of one float32 product", ratio, "0.7", "0.9")

    epochs = PLANE.epochs
    runs = {
        "plane": lambda: som.fit(data, PLANE, threads=threads),
        "torus": lambda: som.fit(data, TORUS, threads=threads),
    }
    xpysom = import_xpysom(arguments.peers)
    if xpysom:
        runs["xpysom"] = lambda: train_xpysom(xpysom, data, epochs, threads)
    seconds = alternate(runs, arguments.repeats)
    ours, on_torus, *theirs = (len(data) * epochs / taken for taken in seconds.values())
    torus = som.fit(data, TORUS, threads=threads)
    row(f"engine batch, plane, {epochs} epochs", ours, "1", errors(fitted, data))
    row(f"engine batch, torus, {epochs} epochs", on_torus, "", errors(torus, data))
    for rates in theirs:
        peer = train_xpysom(xpysom, data, epochs, threads)
        ratio = f"{np.median(ours / rates):.1f}"
        row(f"xpysom, {epochs} epochs", rates, ratio, errors(peer, data))
        summary(f"SOM training, {threads} threads, of xpysom", f"{ratio} x", "2 x")
    if not xpysom:
        print("| xpysom | skipped: not installed, no --peers | | | |")
    if not arguments.minisom_epochs:
        return
    epochs = arguments.minisom_epochs
    online = {"plane": PLANE, "torus": TORUS}
    runs = {
        f"engine minisom, {name}, {epochs} epochs": (
            epochs,
            functools.partial(som.fit, data, replace(each, epochs=epochs, engine="minisom")),
        )
        for name, each in online.items()
    }
    epochs = arguments.offline_epochs
    if epochs:
        what = f"MiniSom's train_batch_offline, {epochs} epochs"
        runs[what] = epochs, functools.partial(train_offline, data, epochs)
    for what, (epochs, run) in runs.items():
        start = time.perf_counter()
        with threadpool_limits(threads, "blas"):
            peer = run()
        rate = np.array([len(data) * epochs / (time.perf_counter() - start)])
        ratio = f"{np.median(ours) / rate[0]:.0f}"
        row(what, rate, ratio, errors(peer, data))
        summary(f"SOM training, {threads} threads, of {what}", f"{ratio} x", "150 x", "1,000 x")


def check(fitted: som.Som, data: np.ndarray) -> None:
    """Assert that BMUs and both errors are MiniSom's for the same weights."""
    reference = MiniSom(SIDE, SIDE, data.shape[1])
    reference._weights = fitted.weights.astype(float)
    winners = reference._distance_from_weights(data.astype(float)).argmin(axis=1)
    assert np.array_equal(fitted.winners(data), winners)
    assert np.isclose(fitted.quantization_error(data), reference.quantization_error(data))
    assert np.isclose(fitted.topographic_error(data), reference.topographic_error(data))


def row(what: str, rates: np.ndarray, ratio: str = "", pair: tuple | None = None) -> None:
    """Print one line of the table."""
    quality = f"{pair[0]:.2f} | {pair[1]:.4f}" if pair else " | "
    print(f"| {what} | {spread(rates, 0)} | {ratio} | {quality} |", flush=True)


def errors(fitted: som.Som, data: np.ndarray) -> tuple[float, float]:
    """Return quantization and topographic error."""
    return fitted.quantization_error(data), fitted.topographic_error(data)


def train_offline(data: np.ndarray, epochs: int) -> som.Som:
    """Train MiniSom's batch algorithm from random spectra with its own schedule."""
    peer = MiniSom(SIDE, SIDE, data.shape[1], sigma=SIDE / 4, learning_rate=0.5, random_seed=0)
    peer.random_weights_init(data)
    peer.train_batch_offline(data, epochs)
    return som.Som(peer.get_weights().astype(np.float32), torus=False)


def import_xpysom(folders: list[str]) -> Callable | None:
    """Return the class XPySom, or None."""
    sys.path += folders
    # It prints that it found no GPU library.
    with contextlib.suppress(ImportError), contextlib.redirect_stdout(io.StringIO()):
        return importlib.import_module("xpysom").XPySom
    return None


def train_xpysom(xpysom: Callable, data: np.ndarray, epochs: int, threads: int) -> som.Som:
    """Train xpysom with its own schedule."""
    with threadpool_limits(threads, "blas"):
        peer = xpysom(SIDE, SIDE, data.shape[1], random_seed=0)
        peer.train(data, epochs)
    return som.Som(np.asarray(peer.get_weights(), np.float32), torus=False)


def simulated(n: int, seed: int) -> np.ndarray:
    """Return normalised spectra of quasars, galaxies and stars, float32 (n, 443).

    Power laws with broad lines and a forest, a break with narrow lines, black bodies;
    noise that grows to the blue and under bands of sky lines. Enough structure for a
    map to find, not a survey.
    """
    rng = np.random.default_rng([seed])
    wave = LOG.wavelength
    z = rng.uniform(0.1, 3.8, (n, 1))
    kind = rng.choice(3, (n, 1), p=[0.65, 0.25, 0.10])
    flux = (wave / 6000) ** rng.normal(-1, 1, (n, 1))
    width = np.where(kind == 0, rng.lognormal(np.log(4000), 0.35, (n, 1)), 300) / 299792.458
    strength = np.where(kind < 2, rng.lognormal(0, 0.5, (n, 1)), 0)
    for line, height in zip(LINES.values(), (3, 1.5, 0.8, 0.8, 0.9, 2.5), strict=True):
        centre = line * (1 + z)
        flux += height * strength * np.exp(-0.5 * ((wave / centre - 1) / width) ** 2)
    forest = (kind == 0) & (wave < LINES["LYA"] * (1 + z))
    flux *= np.where(forest, 0.75 + 0.15 * rng.standard_normal((n, LOG.size)), 1)
    flux *= np.where((kind == 1) & (wave < 4000 * (1 + 0.3 * z)), 0.6, 1)
    heat = 1.438776877e8 / rng.uniform(3500, 12000, (n, 1))
    star = (6000 / wave) ** 5 * np.expm1(heat / 6000) / np.expm1(heat / wave)
    flux = np.where(kind == 2, star, flux)
    sky = 0.5 * ((wave > 8500) & (np.sin(wave / 15) > 0.6))
    noise = flux.mean(axis=1, keepdims=True) / rng.lognormal(np.log(2), 0.8, (n, 1))
    noise = noise * (1 + 0.8 * np.exp(-(wave - 3600) / 400) + sky)
    flux += noise * rng.standard_normal(flux.shape)
    weight = noise**-2 / (noise**-2).sum(axis=1, keepdims=True)
    flux -= (flux * weight).sum(axis=1, keepdims=True)
    return (flux / np.sqrt((flux**2 * weight).sum(axis=1, keepdims=True))).astype(np.float32)


if __name__ == "__main__":
    main()
