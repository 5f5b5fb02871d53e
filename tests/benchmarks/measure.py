"""What the benchmarks share: runs that alternate, spreads, lines for the summary."""

import time
from collections.abc import Callable

import numpy as np

#: Seconds before each run: BLAS's threads spin for a while after a product, and would share
#: the cores with what follows.
PAUSE = 0.2


def alternate(runs: dict[str, Callable[[], object]], repeats: int) -> dict[str, np.ndarray]:
    """Return the seconds (repeats,) of each run.

    The runs take turns, so that what else the machine does meets all of them and a ratio
    within a turn is fair; the first turn is the warm-up.
    """
    seconds = {name: np.empty(repeats + 1) for name in runs}
    for turn in range(repeats + 1):
        for name, run in runs.items():
            time.sleep(PAUSE)
            start = time.perf_counter()
            run()
            seconds[name][turn] = time.perf_counter() - start
    return {name: taken[1:] for name, taken in seconds.items()}


def spread(values: np.ndarray, digits: int = 1) -> str:
    """Return "median (lowest-highest)"."""
    low, high = np.min(values), np.max(values)
    return f"{np.median(values):,.{digits}f} ({low:,.{digits}f}-{high:,.{digits}f})"


def summary(what: str, figure: str, asked: str = "", goal: str = "") -> None:
    """Print a row that run_all.py takes into its table."""
    print(f"SUMMARY | {what} | {figure} | {asked} | {goal} |", flush=True)
