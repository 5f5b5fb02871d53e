"""The study of query strategies for a task: reading its files, training and judging its rounds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quasarnet_al.core.files import InputError
from quasarnet_al.network.lines import Classification
from quasarnet_al.network.recipe import Recipe
from quasarnet_al.spectra import pool, truth
from quasarnet_al.spectra.tables import stack
from quasarnet_al.tasks.registry import TASKS
from quasarnet_al.tasks.task import Labelled
from quasarnet_al.tasks.team import groups


@dataclass(frozen=True)
class Files:
    """The files of a study.

    Attributes
    ----------
    start : the ensemble of the initial labels
    training, validation : the initial labels, and the set on which ensembles are judged
    pool, maps : pool files, and the cells of their spectra, in the same order
    som : the self-organizing map
    truth : a truth table of the pool
    """

    start: str
    training: str
    validation: str
    pool: Sequence[str]
    maps: Sequence[str]
    som: str
    truth: str


@dataclass(frozen=True)
class Study:
    """How a study trains and scores.

    Attributes
    ----------
    task : name of the task
    classification, recipe : of its networks
    seed : random seed of the trainings and choices
    warm : whether a member goes on from its weights of the round before
    at_once : number of members that are trained in the same steps
    """

    task: str
    classification: Classification
    recipe: Recipe
    seed: int
    warm: bool = False
    at_once: int = 1

    def read(self, files: Files) -> Any:
        """Return the `experiment.Start` that all strategies of this seed share.

        Spectra of the pool are left out that the truth gives no label, since nobody could answer
        for them, and those of objects that the ensembles are judged on; a line says how many.
        """
        from quasarnet_al.judging import experiment
        from quasarnet_al.learning import som
        from quasarnet_al.network.weights import read_ensemble

        task = TASKS[self.task]
        start = read_ensemble(files.start, task.layout)
        grid = pool.read_grid(files.training, files.validation, *files.pool)
        fitted = som.read(files.som, grid)
        parts = [pool.read(path) for path in files.pool]
        cells = [
            som.read_map(path, fitted, part[1]["TARGETID"], name)
            for path, part, name in zip(files.maps, parts, files.pool, strict=True)
        ]
        spectra = np.concatenate([part[0] for part in parts])
        catalog = stack([part[1] for part in parts])
        first, _, first_labels = pool.read_labelled(files.training)
        judged, _, answers = pool.read_labelled(files.validation)
        labels, known = self._labels(files.truth, catalog, answers["TARGETID"])
        spectra, catalog = spectra[known], catalog[known]

        def train(rows: np.ndarray, number: int, previous: list) -> list:
            from quasarnet_al.network import training

            training.configure(self.recipe.threads)
            data = Labelled(
                np.concatenate([first, spectra[rows]]), stack([first_labels, labels[rows]]), grid
            )
            # Hundreds of trainings: the figures of each round are progress enough.
            return [
                network
                for group in groups(range(len(previous)), self.at_once)
                for network, _ in task.train_members(
                    data,
                    self.recipe,
                    [[self.seed, number, member] for member in group],
                    report=lambda *line: None,
                    starts=[previous[member] for member in group] if self.warm else (),
                )
            ]

        def score(networks: list) -> dict[str, np.ndarray]:
            return task.score(
                networks, spectra, catalog["TARGETID"], self.classification, self.seed
            )

        def judge(networks: list) -> dict:
            found = experiment.figures(
                task.evaluate(networks, judged, answers, self.classification)
            )
            print(found, flush=True)
            return found

        return experiment.Start(
            catalog, np.concatenate(cells)[known], fitted, start, score, train, judge
        )

    def _labels(
        self, path: str, catalog: np.ndarray, judged: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the labels of the spectra to buy, and which these are, bool (n,)."""
        table = truth.read(path).reindex(catalog["TARGETID"])
        is_class = table["SPECTYPE"].isin(TASKS[self.task].spectypes)
        known: np.ndarray = np.asarray(is_class & (table["REASON"] == ""), dtype=bool)
        seen = np.isin(catalog["TARGETID"], judged)
        if seen.any():
            print(f"{seen.sum()} of {len(seen)} spectra are of objects to judge on", flush=True)
        known = known & ~seen
        if not known.any():
            raise InputError(
                path,
                "has no label for any target of the pool that is not judged on",
                "give the truth of the pool, and judge on other objects",
            )
        if not known.all():
            print(f"{known.sum()} of {len(known)} spectra can be bought by {path}", flush=True)
        labels = pool.labels(int(known.sum()), "inspection")
        labels["TARGETID"] = labels["OBJECT"] = catalog["TARGETID"][known]
        for name in ("SPECTYPE", "Z", "BAL"):
            labels[name] = np.asarray(table[name])[known]
        return labels, known
