"""Tasks: what is classified, by which network, into which classes, and how truth is known.

All rules from scoring on serve every task: programs and rules take an object of
`registry.TASKS` and use its attributes and methods, never its name. Methods import what they need
where they run: rules only read attributes, and only `train` needs TensorFlow.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quasarnet_al.network import targets
from quasarnet_al.network.lines import Classification
from quasarnet_al.network.recipe import Recipe

if TYPE_CHECKING:
    import pandas as pd

    from quasarnet_al.network.training import Session
    from quasarnet_al.network.weights import Layout, Network
    from quasarnet_al.spectra.grid import Grid


@dataclass(frozen=True, eq=False)
class Labelled:
    """Spectra and their labels.

    Attributes
    ----------
    spectra : float32 (n, grid.size)
    labels : LABELS table of n rows (see `pool`)
    grid : of the spectra
    """

    spectra: np.ndarray
    labels: np.ndarray
    grid: "Grid"

    def rows(self, rows: np.ndarray) -> "Labelled":
        """Return some of them, by number or by mask; a number may occur more than once."""
        return Labelled(self.spectra[rows], self.labels[rows], self.grid)


class Task(ABC):
    """A task.

    Attributes
    ----------
    name : in the config
    classes : that the members vote for, columns VOTE_<class> of the scores
    spectypes : values that SPECTYPE of a label may have
    needed : spectypes that a validation set must contain
    redshifts : whether labels have redshifts
    pages : whether there are inspection pages; without them, the oracle answers every round
    headline : the main figures of `evaluate`, from 0 to 1, where more is better
    """

    name: str
    classes: tuple[str, ...]
    spectypes: tuple[str, ...]
    needed: tuple[str, ...]
    redshifts: bool
    pages: bool
    headline: tuple[str, ...]

    @abstractmethod
    def train(
        self,
        training: Sequence[Labelled],
        recipe: Recipe,
        session: "Session",
        validation: Labelled | None = None,
    ) -> list[tuple[Any, list[dict]]]:
        """Train a network on each of `training`, all at once; call `training.configure` first.

        The sets have the same number of spectra. Where `validation` is given, a network is that
        of the epoch with the smallest loss on it.

        Returns
        -------
        list of each network and its history: epoch, loss and validation loss of each epoch
        """

    def train_members(
        self,
        training: Labelled,
        recipe: Recipe,
        seeds: Sequence[Sequence[int]],
        bootstrap: bool = True,
        checkpoint: Path | None = None,
        report: Callable[[int, str], None] = print,
        validation: Labelled | None = None,
        starts: "Sequence[Network]" = (),
    ) -> list[tuple[Any, list[dict]]]:
        """Train members of an ensemble at once, each on a bootstrap sample of the set or on all.

        Each of `seeds` is of the run, the round and the member: the sample and the training
        follow from it. `checkpoint`, `report` and `starts` are those of `training.Session`, the
        rest as in `train`.
        """
        from quasarnet_al.network.training import Session

        count = len(training.spectra)
        samples = [
            training.rows(targets.bootstrap(count, seed)) if bootstrap else training
            for seed in seeds
        ]
        numbers = [int(np.random.SeedSequence(seed).generate_state(1)[0]) for seed in seeds]
        session = Session(numbers, checkpoint, report, starts)
        return self.train(samples, recipe, session, validation)

    @abstractmethod
    def score(
        self,
        networks: Sequence,
        spectra: np.ndarray,
        targetid: np.ndarray,
        classification: Classification,
        seed: int,
        threads: int = 1,
    ) -> dict[str, np.ndarray]:
        """Return the columns of the score table, each acquisition's among them.

        `targetid` and `seed` make the random baseline.
        """

    @abstractmethod
    def evaluate(
        self,
        networks: Sequence,
        spectra: np.ndarray,
        labels: np.ndarray,
        classification: Classification,
        threads: int = 1,
    ) -> dict:
        """Return the metrics of the ensemble on labelled spectra; `headline` are keys of them."""

    def disputed(
        self,
        networks: Sequence,
        spectra: np.ndarray,
        labels: np.ndarray,
        classification: Classification,
        threads: int = 1,
    ) -> np.ndarray:
        """Return the rows of a training set whose label no member agrees with."""
        from quasarnet_al.judging import votes

        scores = self.score(networks, spectra, labels["TARGETID"], classification, 0, threads)
        truth = self.true_classes(labels["SPECTYPE"], labels["Z"], classification.z_split)
        return votes.disputed(self.votes(scores), truth)

    @property
    def vote_columns(self) -> list[str]:
        """Columns of the score table with the fraction of the members for each class."""
        return [f"VOTE_{name}" for name in self.classes]

    def votes(self, table: "Mapping[str, np.ndarray] | np.ndarray | pd.DataFrame") -> np.ndarray:
        """Return the votes (n, K) of a score table or a batch."""
        return np.stack([np.asarray(table[name]) for name in self.vote_columns], axis=1)

    @abstractmethod
    def true_classes(self, spectype: np.ndarray, z: np.ndarray, z_split: float) -> np.ndarray:
        """Return the number in `classes`, int (n,), of objects of known type and redshift."""

    def answered(self, batch: "pd.DataFrame", labels: str | Path, z_split: float) -> "pd.DataFrame":
        """Return the rows of a batch that have an accepted label (see `spectra.sets`).

        TRUTH is the number of the label's class in `classes`, besides LABEL and LABEL_Z.
        """
        from quasarnet_al.spectra import sets

        found = sets.answered(batch, labels, self.spectypes)
        truth = self.true_classes(found["LABEL"].to_numpy(), found["LABEL_Z"].to_numpy(), z_split)
        return found.assign(TRUTH=truth)

    @abstractmethod
    def details(self, metrics: dict) -> dict:
        """Return the figures of `evaluate` that the learning curve has beside the headline."""

    @property
    @abstractmethod
    def layout(self) -> "Layout":
        """How a network is kept in HDF5."""
