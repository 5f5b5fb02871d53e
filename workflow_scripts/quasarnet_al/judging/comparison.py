"""The comparison of two weights files on files of spectra: what the gate judges."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quasarnet_al.core.files import InputError
from quasarnet_al.core.program import progress
from quasarnet_al.judging import gate
from quasarnet_al.network.views import find_lines
from quasarnet_al.network.weights import Network, read_network
from quasarnet_al.spectra import pool
from quasarnet_al.spectra.grid import Grid


@dataclass(frozen=True)
class Files:
    """What two networks are compared on.

    Attributes
    ----------
    labelled : path of labelled spectra, of which none chose anything of the candidate
    pool, sky : paths of pool files of unlabelled exposures, and of sky fibres
    """

    labelled: str
    pool: Sequence[str] = ()
    sky: Sequence[str] = ()


def compare(
    candidate: str, incumbent: str, files: Files, settings: gate.Settings, threads: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the judged checks (`gate.verdict`) and the exposures of the pool whose class changes.

    Raises `InputError` where the networks and the spectra are not on one grid, or where there
    are fewer quasars, or others, than a check needs: what cannot be judged must not pass. A line
    says so where both networks are the same: that passes, and shows nothing.
    """
    grid = pool.read_grid(files.labelled, *files.pool, *files.sky)
    networks = [_network(path, grid) for path in (candidate, incumbent)]

    def answers(spectra: np.ndarray) -> tuple[gate.Answers, gate.Answers]:
        one, two = (
            gate.answers(find_lines(network, spectra, threads), settings) for network in networks
        )
        return one, two

    spectra, catalog, labels = pool.read_labelled(files.labelled)
    quasar = labels["SPECTYPE"] == "QSO"
    for kind, count in (("quasars", quasar.sum()), ("spectra of other classes", (~quasar).sum())):
        if count < settings.least:
            raise InputError(
                files.labelled, f"has {count} {kind}, but {settings.least} are needed", "label more"
            )
    both = answers(spectra)
    if np.array_equal(both[0].strength, both[1].strength) and np.array_equal(both[0].z, both[1].z):
        print(f"{incumbent} is the network of {candidate}: the comparison shows nothing")
    rows = gate.compare_labelled(*both, labels, catalog["SNR"], grid, settings)
    changed = [pd.DataFrame(columns=["TARGETID"])]
    for paths, compare_files in ((files.pool, gate.compare_pool), (files.sky, gate.compare_sky)):
        parts = []
        for path in progress(paths, "files"):
            spectra, catalog = pool.read(path)
            both = answers(spectra)
            parts.append((*both, catalog["TARGETID"]))
            if paths is files.pool:
                changed.append(gate.changes(*both, catalog))
        rows += _joined(parts, compare_files, settings.seed)
    return gate.verdict(rows, settings), pd.concat(changed[1:] or changed)


def _network(path: str, grid: Grid) -> Network:
    network = read_network(path)
    if network.grid != grid:
        raise InputError(
            path,
            f"is on the {network.grid.kind} grid, the spectra are on the {grid.kind} grid",
            "compare weights of one grid, on spectra of that grid",
        )
    return network


def _joined(
    parts: Sequence[tuple[gate.Answers, gate.Answers, np.ndarray]],
    compare_files: Callable[..., list[dict]],
    seed: int,
) -> list[dict]:
    """Return the rows of the comparison on several files together."""
    if not parts:
        return []
    candidate, incumbent, targetid = zip(*parts, strict=True)
    return compare_files(gate.join(candidate), gate.join(incumbent), np.concatenate(targetid), seed)
