"""Quasars among DESI's targets, by QuasarNET."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from quasarnet_al.network import lines, targets
from quasarnet_al.spectra.columns import SPECTYPES
from quasarnet_al.spectra.grid import LINES
from quasarnet_al.tasks.task import Task

if TYPE_CHECKING:
    from quasarnet_al.network.weights import Network
    from quasarnet_al.spectra.grid import Grid


def score(
    networks: "Sequence[Network]",
    spectra: np.ndarray,
    targetid: np.ndarray,
    c_thresh: float,
    n_thresh: int,
    z_split: float,
    seed: int,
    threads: int = 1,
) -> dict[str, np.ndarray]:
    """Return the columns of the score table; `seed` is that of the random baseline."""
    from quasarnet_al.learning import acquisition, scores

    c, z, c_bal = scores.lines_of_members(networks, spectra, threads)
    classes, probabilities, best = [], [], []
    for member_c, member_z in zip(c, z, strict=True):
        classes.append(lines.classes(member_c, member_z, c_thresh, n_thresh, z_split))
        probabilities.append(
            lines.class_probabilities(member_c, member_z, c_thresh, n_thresh, z_split)
        )
        best.append(lines.best_redshift(member_c, member_z))
    classes, probabilities, best = np.array(classes), np.array(probabilities), np.array(best)
    votes = acquisition.votes(classes, len(lines.CLASSES))
    columns = {
        f"VOTE_{name}": votes[:, k].astype(np.float32) for k, name in enumerate(lines.CLASSES)
    }
    mean_c, median_z, mean_bal = scores.combine(c, z, c_bal)
    columns["Z_QN"] = lines.best_redshift(mean_c, median_z)
    voters = np.where((classes > 0).any(axis=0), classes > 0, True)
    columns["Z_MEAN"] = np.mean(best, axis=0, where=voters)
    columns["Z_STD"] = np.std(best, axis=0, where=voters).astype(np.float32)
    columns |= {f"C_{name}": mean_c[:, k] for k, name in enumerate(LINES)}
    columns["C_BAL"] = mean_bal
    columns |= acquisition.columns(votes, probabilities, targetid, seed)
    columns["MEMBER_Z"] = best.T.astype(np.float32)
    columns["MEMBER_C"] = c.max(axis=2).T
    return columns


class Quasars(Task):
    """Quasars among DESI's targets, by QuasarNET."""

    name = "quasar"
    classes = lines.CLASSES
    spectypes = SPECTYPES
    needed = ("QSO",)
    redshifts = True
    pages = True
    headline = ("completeness", "purity")

    def train(
        self, spectra, labels, grid, recipe, seed, checkpoint=None, tell=print, validation=None
    ):
        from quasarnet_al.network import training

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
        cuts = (classification.c_thresh, classification.n_thresh, classification.z_split)
        return score(networks, spectra, targetid, *cuts, seed, threads)

    def evaluate(self, networks, spectra, labels, classification, threads=1):
        from quasarnet_al.judging import metrics
        from quasarnet_al.judging import votes as judged
        from quasarnet_al.learning import acquisition, scores

        members = scores.lines_of_members(networks, spectra, threads)
        c, z, c_bal = scores.combine(*members)
        truth = (labels["SPECTYPE"], labels["Z"], labels["BAL"])
        best = lines.best_redshift(c, z)
        found = metrics.evaluate(
            c, classification.n_thresh, best, c_bal, *truth, classification.catalogue_cut
        )
        cuts = (classification.c_thresh, classification.n_thresh, classification.z_split)
        classes = np.array([lines.classes(*each, *cuts) for each in zip(*members[:2], strict=True)])
        votes = acquisition.votes(classes, len(self.classes))
        right = lines.true_classes(*truth[:2], classification.z_split)
        return found | {
            **judged.members(classes, right),
            "calibration": judged.calibration(votes, right),
            "confusion": judged.confusion_matrix(votes, right),
        }

    def true_classes(self, spectype, z, z_split):
        return lines.true_classes(spectype, z, z_split)

    def details(self, metrics):
        redshift, bal = metrics["redshift"], metrics["bal"]
        row = {"average_precision": metrics["average_precision"]}
        row |= {name: redshift[name] for name in ("median_kms", "sigma_nmad_kms", "catastrophic")}
        return row | {f"bal_{name}": bal[name] for name in ("completeness", "purity")}

    @property
    def layout(self):
        from quasarnet_al.network import weights

        return weights.QUASARNP


def _line_targets(labels: np.ndarray, grid: "Grid") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what QuasarNET learns from labels; their weights are in the loss's."""
    box, offset, weight = targets.line_targets(
        labels["SPECTYPE"] == "QSO", labels["Z"], labels["BAL"], grid
    )
    return box, offset, weight * labels["WEIGHT"][:, None]
