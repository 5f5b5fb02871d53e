"""Quasars among DESI's targets, by QuasarNET."""

from typing import TYPE_CHECKING

import numpy as np

from quasarnet_al.network import augmentation, lines, targets
from quasarnet_al.spectra.columns import SPECTYPES
from quasarnet_al.spectra.grid import LINES
from quasarnet_al.tasks.task import Labelled, Task

if TYPE_CHECKING:
    from quasarnet_al.spectra.grid import Grid


class Quasars(Task):
    """Quasars among DESI's targets, by QuasarNET."""

    name = "quasar"
    classes = lines.CLASSES
    spectypes = SPECTYPES
    needed = ("QSO",)
    redshifts = True
    pages = True
    headline = ("completeness", "purity")

    def train(self, training, recipe, session, validation=None):
        from quasarnet_al.network.training import Examples, train

        def examples(known: Labelled) -> Examples:
            return Examples(known.spectra, _line_targets(known.labels, known.grid))

        def varied(number: int, rng: np.random.Generator) -> Examples:
            known = training[number]
            labels = known.labels.copy()
            spectra, labels["Z"] = augmentation.vary(
                known.spectra, labels["Z"], recipe, known.grid, rng
            )
            return examples(Labelled(spectra, labels, known.grid))

        return train(
            [examples(known) for known in training],
            training[0].grid,
            recipe,
            session,
            None if validation is None else examples(validation),
            varied if recipe.varies else None,
        )

    def score(self, networks, spectra, targetid, classification, seed, threads=1):
        from quasarnet_al.learning import acquisition, scores

        seen = scores.lines_of_members(networks, spectra, threads)
        cuts = (classification.c_thresh, classification.n_thresh, classification.z_split)
        members = list(zip(seen.c, seen.z, strict=True))
        classes = np.array([lines.classes(*member, *cuts) for member in members])
        best = np.array([lines.best_redshift(*member) for member in members])
        probabilities = np.array([lines.class_probabilities(*member, *cuts) for member in members])
        votes = acquisition.votes(classes, len(lines.CLASSES))
        columns = {name: votes[:, k].astype(np.float32) for k, name in enumerate(self.vote_columns)}
        combined = scores.combine(seen)
        columns["Z_QN"] = lines.combined_redshift(combined.c, combined.z)
        voters = np.where((classes > 0).any(axis=0), classes > 0, True)
        columns["Z_MEAN"] = np.mean(best, axis=0, where=voters)
        columns["Z_STD"] = np.std(best, axis=0, where=voters).astype(np.float32)
        columns |= {f"C_{name}": combined.c[:, k] for k, name in enumerate(LINES)}
        columns["C_BAL"] = combined.c_bal
        columns |= acquisition.columns(votes, probabilities, targetid, seed)
        columns["MEMBER_Z"] = best.T.astype(np.float32)
        columns["MEMBER_C"] = seen.c.max(axis=2).T
        return columns

    def evaluate(self, networks, spectra, labels, classification, threads=1):
        from quasarnet_al.judging import calibration, metrics
        from quasarnet_al.judging import votes as judged
        from quasarnet_al.learning import acquisition, scores

        members = scores.lines_of_members(networks, spectra, threads)
        found = metrics.evaluate(scores.combine(members), labels, classification)
        cuts = (classification.c_thresh, classification.n_thresh, classification.z_split)
        classes = np.array(
            [lines.classes(*member, *cuts) for member in zip(members.c, members.z, strict=True)]
        )
        votes = acquisition.votes(classes, len(self.classes))
        each = [
            lines.class_probabilities(*member, *cuts)
            for member in zip(members.c, members.z, strict=True)
        ]
        right = lines.true_classes(labels["SPECTYPE"], labels["Z"], classification.z_split)
        return found | {
            **judged.members(classes, right),
            "calibration": judged.calibration(votes, right),
            "probabilities": calibration.judge(np.mean(each, axis=0), right, labels["OBJECT"]),
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
