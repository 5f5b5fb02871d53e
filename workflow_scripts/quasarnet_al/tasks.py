"""Tasks: what is classified, by which network, into which classes, known by which truth.

From the score on every rule serves all tasks: programs and rules take an object of
`TASKS` and ask it, never for its name. What the methods need is imported where they run:
rules ask for properties alone, and nothing but `train` needs TensorFlow.
"""

import argparse
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quasarnet_al import classify, targets
from quasarnet_al.files import positive
from quasarnet_al.recipe import Recipe

if TYPE_CHECKING:
    from quasarnet_al.grid import Grid
    from quasarnet_al.weights import Layout


RELIABILITY = (
    "Reliability: how often the class with most votes is right, by its share of the votes; error: "
    "the expected calibration error. Where one round is shown, beside the points: how many spectra."
)


@dataclass(frozen=True)
class Classification:
    """From line confidences to classes: the config's `classification`.

    Attributes
    ----------
    c_thresh : a line is seen above this, in the members' votes
    n_thresh : lines that make a quasar
    z_split : redshift between the two classes of quasars
    catalogue_cut : confidence cut of the figures that stand for the whole
    """

    c_thresh: float = 0.95
    n_thresh: int = 1
    z_split: float = 2.1
    catalogue_cut: float = 0.5

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Add an option for each of them."""
        told = "a line is seen above this, in the votes"
        parser.add_argument("--c-thresh", type=float, default=cls.c_thresh, help=told)
        told = "lines that make a quasar"
        parser.add_argument("--n-thresh", type=positive, default=cls.n_thresh, help=told)
        cls.add_z_split(parser)
        told = "confidence cut of the metrics"
        parser.add_argument("--cut", type=float, default=cls.catalogue_cut, help=told)

    @classmethod
    def add_z_split(cls, parser: argparse.ArgumentParser) -> None:
        """Add the option of a program that has classes from labels or networks alone."""
        told = "redshift between the quasars' classes"
        parser.add_argument("--z-split", type=float, default=cls.z_split, help=told)

    @classmethod
    def from_arguments(cls, args: argparse.Namespace) -> "Classification":
        """Return what the options of `add_arguments` give."""
        return cls(args.c_thresh, args.n_thresh, args.z_split, args.cut)


class Task(ABC):
    """A task.

    Attributes
    ----------
    name : in the config
    classes : that the members vote for, columns VOTE_<class> of the scores
    spectypes : that a label may say, in SPECTYPE
    needed : spectypes without which nothing can be validated
    redshifts : whether a label says a redshift
    pages : whether there are inspection pages; without, the oracle answers every round
    headline : figures of `evaluate` that stand for the whole, from 0 to 1, more is better
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
        spectra: np.ndarray,
        labels: np.ndarray,
        grid: "Grid",
        recipe: Recipe,
        seed: int,
        checkpoint: Path | None = None,
        tell: Callable[[str], None] = print,
        validation: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> tuple[Any, list[dict]]:
        """Train one network; call `training.configure` first.

        Parameters
        ----------
        spectra : float32 (n, grid.size)
        labels : LABELS table of n rows (see `pool`)
        seed, checkpoint, tell : see `training.fit`
        validation : spectra and labels; the network is then that of the epoch with the
            smallest loss on them

        Returns
        -------
        network, history : the network, and epoch, loss and validation loss of each epoch
        """

    def train_member(
        self,
        spectra: np.ndarray,
        labels: np.ndarray,
        grid: "Grid",
        recipe: Recipe,
        seed: Sequence[int],
        bootstrap: bool = True,
        checkpoint: Path | None = None,
        tell: Callable[[str], None] = print,
        validation: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> tuple[Any, list[dict]]:
        """Train one member of an ensemble, on a bootstrap sample of the set or on all of it.

        `seed` is of the run, the round and the member: the sample and the training follow
        from it. The rest as in `train`.
        """
        if bootstrap:
            rows = targets.bootstrap(len(spectra), seed)
            spectra, labels = spectra[rows], labels[rows]
        number = int(np.random.SeedSequence(seed).generate_state(1)[0])
        return self.train(spectra, labels, grid, recipe, number, checkpoint, tell, validation)

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
        """Return how good the ensemble is on labelled spectra; `headline` are keys of it."""

    def doubted(
        self,
        networks: Sequence,
        spectra: np.ndarray,
        labels: np.ndarray,
        classification: Classification,
        threads: int = 1,
    ) -> np.ndarray:
        """Return the rows of a training set whose label no member believes (see `metrics`)."""
        from quasarnet_al import metrics

        scores = self.score(networks, spectra, labels["TARGETID"], classification, 0, threads)
        truth = self.true_classes(labels["SPECTYPE"], labels["Z"], classification.z_split)
        return metrics.doubted(self.votes(scores), truth)

    @property
    def vote_columns(self) -> list[str]:
        """Columns of the score table with the fraction of the members for each class."""
        return [f"VOTE_{name}" for name in self.classes]

    def votes(self, table: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the votes (n, K) of a score table or a batch."""
        return np.stack([np.asarray(table[name]) for name in self.vote_columns], axis=1)

    @abstractmethod
    def true_classes(self, spectype: np.ndarray, z: np.ndarray, z_split: float) -> np.ndarray:
        """Return the number in `classes`, int (n,), of objects of known type and redshift."""

    @abstractmethod
    def details(self, metrics: dict) -> dict:
        """Return figures of `evaluate` that the learning curve's table has beside the headline."""

    @abstractmethod
    def figures(self) -> list[tuple[Callable, str]]:
        """Return what draws the metrics of the rounds, and captions; the learning curve first."""

    @abstractmethod
    def picture(self) -> Callable:
        """Return what draws one spectrum of its pixels (p,), its grid and its redshift."""

    @abstractmethod
    def prototypes(self) -> Callable:
        """Return what draws the weights (rows, columns, p) of a map, of its grid."""

    @property
    @abstractmethod
    def layout(self) -> "Layout":
        """How a network is kept in HDF5."""


class Quasars(Task):
    """Quasars among DESI's targets, by QuasarNET."""

    name = "quasar"
    classes = classify.CLASSES
    spectypes = classify.SPECTYPES
    needed = ("QSO",)
    redshifts = True
    pages = True
    headline = ("completeness", "purity")

    def train(
        self, spectra, labels, grid, recipe, seed, checkpoint=None, tell=print, validation=None
    ):
        from quasarnet_al import training

        if validation is not None:
            validation = validation[0], _line_targets(validation[1], grid)

        def moved(rng):
            other = labels.copy()
            elsewhere, other["Z"] = targets.shift(spectra, labels["Z"], recipe.shift, grid, rng)
            return elsewhere, _line_targets(other, grid)

        return training.train(
            spectra,
            _line_targets(labels, grid),
            grid,
            recipe,
            seed,
            checkpoint,
            tell,
            validation,
            moved if recipe.shift else None,
        )

    def score(self, networks, spectra, targetid, classification, seed, threads=1):
        from quasarnet_al import scoring

        cuts = (classification.c_thresh, classification.n_thresh, classification.z_split)
        return scoring.score(networks, spectra, targetid, *cuts, seed, threads)

    def evaluate(self, networks, spectra, labels, classification, threads=1):
        from quasarnet_al import acquisition, metrics, scoring

        members = scoring.lines_of_members(networks, spectra, threads)
        c, z, c_bal = scoring.combine(*members)
        truth = (labels["SPECTYPE"], labels["Z"], labels["BAL"])
        best = classify.best_redshift(c, z)
        found = metrics.evaluate(
            c, classification.n_thresh, best, c_bal, *truth, classification.catalogue_cut
        )
        cuts = (classification.c_thresh, classification.n_thresh, classification.z_split)
        classes = np.array(
            [classify.classes(*lines, *cuts) for lines in zip(*members[:2], strict=True)]
        )
        votes = acquisition.votes(classes, len(self.classes))
        right = classify.true_classes(*truth[:2], classification.z_split)
        return found | {
            **metrics.members(classes, right),
            "calibration": metrics.calibration(votes, right),
            "confusion": metrics.confusion_matrix(votes, right),
        }

    def true_classes(self, spectype, z, z_split):
        return classify.true_classes(spectype, z, z_split)

    def details(self, metrics):
        redshift, bal = metrics["redshift"], metrics["bal"]
        row = {"average_precision": metrics["average_precision"]}
        row |= {name: redshift[name] for name in ("median_kms", "sigma_nmad_kms", "catastrophic")}
        return row | {f"bal_{name}": bal[name] for name in ("completeness", "purity")}

    def figures(self):
        from quasarnet_al import figures

        return [
            (figures.learning_curve, "Quasars found with the right redshift (within 6000 km/s)."),
            (
                figures.cut_curves,
                "Completeness and purity against the cut on the strongest line; a quasar counts "
                "with the right redshift.",
            ),
            (
                figures.redshift_errors,
                "Redshift errors c Δz / (1 + z) of the quasars found (of several rounds: in the "
                "last): medians and 16th to 84th percentiles, shares with 95 % intervals; in "
                "brackets how many.",
            ),
            (figures.reliability, RELIABILITY),
        ]

    def picture(self):
        from quasarnet_al import figures

        return figures.spectrum

    def prototypes(self):
        from quasarnet_al import figures

        return figures.prototypes

    @property
    def layout(self):
        from quasarnet_al import weights

        return weights.QUASARNP


class Digits(Task):
    """Handwritten digits (MNIST), by a small dense network: the worked example of the method."""

    name = "mnist"
    classes = spectypes = needed = tuple("0123456789")
    redshifts = False
    pages = False
    headline = ("accuracy",)

    def train(
        self, spectra, labels, grid, recipe, seed, checkpoint=None, tell=print, validation=None
    ):
        from quasarnet_al import digits, training

        if validation is not None:
            validation = validation[0], *digits.targets(validation[1])
        layers, history = training.train_classifier(
            spectra,
            digits.targets(labels),
            recipe,
            seed,
            checkpoint,
            tell,
            validation,
        )
        return digits.Network(layers), history

    def score(self, networks, spectra, targetid, classification, seed, threads=1):
        from quasarnet_al import digits

        return digits.score(networks, spectra, targetid, seed, threads)

    def evaluate(self, networks, spectra, labels, classification, threads=1):
        from quasarnet_al import digits

        return digits.evaluate(networks, spectra, labels["SPECTYPE"], threads)

    def true_classes(self, spectype, z, z_split):
        return np.searchsorted(self.classes, spectype)

    def details(self, metrics):
        return {"member_accuracy": float(np.mean(metrics["member_accuracy"]))}

    def figures(self):
        from quasarnet_al import digit_figures, figures

        return [
            (digit_figures.learning_curve, "Digits of the validation set named right."),
            (digit_figures.accuracy_of_classes, "Accuracy of each class, round by round."),
            (figures.reliability, RELIABILITY),
        ]

    def picture(self):
        from quasarnet_al import digit_figures

        return digit_figures.digit

    def prototypes(self):
        from quasarnet_al import digit_figures

        return digit_figures.prototypes

    @property
    def layout(self):
        from quasarnet_al import digits

        return digits.LAYOUT


def _line_targets(labels: np.ndarray, grid: "Grid") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what QuasarNET learns from labels; their weights are in the loss's."""
    box, offset, weight = targets.line_targets(
        labels["SPECTYPE"] == "QSO", labels["Z"], labels["BAL"], grid
    )
    return box, offset, weight * labels["WEIGHT"][:, None]


#: The tasks by the config's key `task`.
TASKS: dict[str, Task] = {task.name: task for task in (Quasars(), Digits())}
