"""Training and validation sets: which labelled spectra each round learns from."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pandas as pd

from quasarnet_al.core import chance
from quasarnet_al.core.files import InputError
from quasarnet_al.spectra import pool
from quasarnet_al.spectra.columns import Z_RANGE
from quasarnet_al.spectra.grid import Grid
from quasarnet_al.spectra.tables import read_csv, stack

#: Spectra within this angle are of one object, whatever survey took them, in arcseconds
#: (a DESI fibre sees 1.5 arcseconds, a BOSS fibre 2).
SAME_PLACE = 1.0
#: Redshifts of one quasar contradict each other where (max - min) / (1 + min) reaches this.
#: Surveys measure the same broad lines to 0.003; a line taken for another is off by more.
CONTRADICTION = 0.01
CONTRADICTING = "contradicting labels"


@dataclass
class Labelled:
    """Labelled spectra.

    Attributes
    ----------
    spectra : float32 (n, p)
    catalog, labels : CATALOG and LABELS, structured arrays of n rows
    """

    spectra: np.ndarray
    catalog: np.ndarray
    labels: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> "Labelled":
        return Labelled(self.spectra[rows], self.catalog[rows], self.labels[rows])

    @classmethod
    def read(cls, path: str | Path, grid: Grid | None = None) -> "Labelled":
        """Read a labelled set, on `grid`."""
        return cls(*pool.read_labelled(path, grid))

    @classmethod
    def without_spectra(cls, path: str | Path) -> "Labelled":
        """Read which objects are in a labelled set; `spectra` has no rows."""
        return cls(*pool.read_labelled(path, spectra=False))

    @classmethod
    def join(cls, parts: Sequence["Labelled"]) -> "Labelled":
        return cls(
            np.concatenate([part.spectra for part in parts]),
            stack([part.catalog for part in parts]),
            stack([part.labels for part in parts]),
        )


def objects(catalog: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Number the objects behind labelled spectra, int (n,).

    Spectra are of one object where they share TARGETID or OBJECT, or lie within
    `SAME_PLACE` of each other: an object that SDSS and DESI observed has two identifiers
    and one place on the sky. A place counts where both coordinates are known; 0, 0 is not.
    """
    from scipy.sparse import coo_array  # scipy takes longer to start than the rest
    from scipy.sparse.csgraph import connected_components

    links = [
        _equal(labels["TARGETID"]),
        _equal(labels["OBJECT"]),
        _near(catalog["TARGET_RA"], catalog["TARGET_DEC"]),
    ]
    one, other = np.concatenate(links, axis=1)
    count = len(labels)
    graph = coo_array((np.ones(len(one), bool), (one, other)), shape=(count, count))
    return connected_components(graph, directed=False)[1]


def unlearned(spectra: Labelled, learned: Sequence[Labelled]) -> np.ndarray:
    """Return which spectra are of objects that are not among those `learned`, bool (n,)."""
    every = [spectra, *learned]
    number = objects(stack([e.catalog for e in every]), stack([e.labels for e in every]))
    count = len(spectra.labels)
    return ~np.isin(number[:count], number[count:])


def _equal(values: np.ndarray) -> np.ndarray:
    """Return pairs of rows (2, m) that link all rows of equal value."""
    order = np.argsort(values, kind="stable")
    same = np.flatnonzero(values[order][1:] == values[order][:-1])
    return np.stack([order[same], order[same + 1]])


def _near(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Return pairs of rows (2, m) that link all rows whose places are as near as `SAME_PLACE`."""
    from scipy.spatial import cKDTree

    known = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec) & ((ra != 0) | (dec != 0)))
    # Repeated observations of a target have one place: each place is looked at once.
    place, row, number = np.unique(
        np.stack([ra[known], dec[known]], axis=1), axis=0, return_index=True, return_inverse=True
    )
    alpha, delta = np.radians(place.astype(np.float64)).T
    vectors = np.stack(
        [np.cos(delta) * np.cos(alpha), np.cos(delta) * np.sin(alpha), np.sin(delta)], axis=1
    )
    chord = 2 * np.sin(np.radians(SAME_PLACE / 3600) / 2)
    pairs = cKDTree(vectors).query_pairs(chord, output_type="ndarray")
    same = _equal(number.ravel())
    return np.concatenate([known[row[pairs]].T.reshape(2, -1), known[same]], axis=1)


def contradicting(labels: np.ndarray, number: np.ndarray, inspected: np.ndarray) -> np.ndarray:
    """Return which labels cannot be kept because others of their object say otherwise, bool (n,).

    Labels of a round were given by people who had the spectrum before them: they overrule
    those of the labelled sets. Labels of equal standing that contradict each other are all
    left out, since nobody here can say which is right.

    Parameters
    ----------
    labels : LABELS of n rows
    number : of their objects, of `objects`
    inspected : bool (n,), whether a label is of a round

    Returns
    -------
    bool (n,)
    """
    wrong = _disagree(labels, number)
    overruled = wrong & ~inspected & np.isin(number, number[inspected])
    return overruled | _disagree(labels, np.where(overruled, -1 - np.arange(len(number)), number))


def _disagree(labels: np.ndarray, number: np.ndarray) -> np.ndarray:
    quasar = labels["SPECTYPE"] == "QSO"
    z = np.where(quasar, labels["Z"].astype(np.float64), np.nan)
    group = pd.DataFrame({"spectype": labels["SPECTYPE"], "z": z}).groupby(number)
    low, high = group["z"].transform("min"), group["z"].transform("max")
    classes = group["spectype"].transform("nunique")
    return ((classes > 1) | ((high - low) / (1 + low) >= CONTRADICTION)).to_numpy()


def repeated(spectra: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return which spectra are there already, bool (n,): a set that is given twice."""
    seen: set[bytes] = set()
    result = np.zeros(len(spectra), bool)
    for row, (targetid, pixels) in enumerate(
        zip(labels["TARGETID"], np.ascontiguousarray(spectra), strict=True)
    ):
        key = blake2b(targetid.tobytes() + pixels.tobytes(), digest_size=16).digest()
        result[row] = key in seen
        seen.add(key)
    return result


def in_validation(
    identity: np.ndarray, fraction: float, seed: int, after: float = 0.0
) -> np.ndarray:
    """Return which objects only serve to judge, bool (n,).

    It depends on the object's identity and the seed alone: all its spectra are on one
    side, in every round and whatever else is in the set. Shares that begin `after` one
    another have no object in common.
    """
    place = chance.random(identity, seed)
    return (place >= after) & (place < after + fraction)


def training(
    parts: Sequence[Labelled], rounds: Sequence[Labelled], judged: Sequence[Labelled]
) -> tuple[Labelled, dict[str, int], np.ndarray]:
    """Join labelled sets and the labels of rounds into a training set.

    Parameters
    ----------
    parts, rounds : labelled sets, and the inspected spectra of earlier rounds
    judged : the validation set, and that of the gate: none of their objects is trained on

    Returns
    -------
    the training set, how many spectra were left out by reason, and the TARGETIDs whose
    labels contradict each other
    """
    every = Labelled.join([*parts, *rounds])
    catalog = stack([every.catalog, *(part.catalog for part in judged)])
    labels = stack([every.labels, *(part.labels for part in judged)])
    count, taught = len(every.labels), sum(len(part.labels) for part in parts)
    number = objects(catalog, labels)
    reason = np.full(count, "", dtype="U24")
    inspected = np.arange(count) >= taught
    reason[contradicting(every.labels, number[:count], inspected)] = CONTRADICTING
    reason[np.isin(number[:count], number[count:])] = "in validation"
    return _without(every, reason)


@dataclass(frozen=True)
class Share:
    """A share of the objects of each labelled set, that only serve to judge.

    Attributes
    ----------
    fractions, after : share of each set's objects, and where it begins
    seed : of the draw
    """

    fractions: Sequence[float]
    after: Sequence[float]
    seed: int


def judging(
    paths: Sequence[str | Path], share: Share, apart: Sequence[Labelled] = ()
) -> tuple[Labelled, dict[str, int], np.ndarray]:
    """Draw a validation set from labelled sets; it has no object of the sets `apart`.

    Returns
    -------
    as `training`
    """
    drawn, catalogs, tables, chosen = [], [], [], []
    for path, fraction, after in zip(paths, share.fractions, share.after, strict=True):
        part = Labelled.read(path)
        rows = in_validation(part.labels["OBJECT"], fraction, share.seed, after)
        drawn.append(part[rows])
        catalogs.append(part.catalog)
        tables.append(part.labels)
        chosen.append(rows)
    labels = stack(tables)
    number = objects(
        stack([*catalogs, *(part.catalog for part in apart)]),
        stack([labels, *(part.labels for part in apart)]),
    )
    ours, theirs = number[: len(labels)], number[len(labels) :]
    rows = np.concatenate(chosen)
    every = Labelled.join(drawn)
    reason = np.full(len(every.labels), "", dtype="U24")
    reason[contradicting(labels, ours, np.zeros(len(labels), bool))[rows]] = CONTRADICTING
    reason[np.isin(ours[rows], theirs)] = "in another share"
    return _without(every, reason)


def _without(every: Labelled, reason: np.ndarray) -> tuple[Labelled, dict[str, int], np.ndarray]:
    """Leave out the spectra that there is a reason to, and what is there twice."""
    again = np.flatnonzero(reason == "")
    again = again[repeated(every.spectra[again], every.labels[again])]
    reason[again] = "given twice"
    counts = dict(sorted(Counter(reason[reason != ""].tolist()).items()))
    wrong = np.unique(every.labels["TARGETID"][reason == CONTRADICTING])
    return every[reason == ""], counts, wrong


def described(names: Iterable[str]) -> str:
    """Say how many of each name there are."""
    return ", ".join(f"{count} {name}" for name, count in sorted(Counter(names).items())) or "none"


def report(
    path: str | Path, kept: Iterable[str], dropped: dict[str, int], wrong: np.ndarray
) -> str:
    """Say what a set consists of, what was left out of it, and whose labels contradict.

    Parameters
    ----------
    kept : a word for each spectrum that is in the set, which are counted
    dropped, wrong : as `training` returns them
    """
    kept = list(kept)
    left_out = ", ".join(f"{count} {name}" for name, count in dropped.items()) or "none"
    line = f"{path}: {len(kept)} spectra ({described(kept)}); left out: {left_out}"
    if len(wrong):
        more = " ..." if len(wrong) > 20 else ""
        line += f"\nlabels contradict each other: TARGETID {' '.join(map(str, wrong[:20]))}{more}"
    return line


def read_labels(path: str | Path, spectypes: Sequence[str]) -> pd.DataFrame:
    """Read the merged labels of a round (`labels.csv`); `spectypes` are those of its task."""
    remedy = "merge the labels again"
    table = read_csv(path, ("SPECTYPE", "Z", "BAL", "ACCEPTED"), remedy)
    accepted = table[table["ACCEPTED"] == 1]
    numbers = all(table[name].dtype.kind in "fi" for name in ("Z", "BAL", "ACCEPTED"))
    if not numbers or not table["ACCEPTED"].isin([0, 1]).all():
        raise InputError(
            path, "has a Z or BAL that is not a number, or an ACCEPTED that is not 0 or 1", remedy
        )
    if table["TARGETID"].duplicated().any():
        raise InputError(path, "has a TARGETID twice", remedy)
    if not (accepted["SPECTYPE"].isin(spectypes) & accepted["BAL"].isin([-1, 0, 1])).all():
        raise InputError(path, "accepts a SPECTYPE or a BAL that does not exist", remedy)
    redshifts = accepted["Z"][accepted["SPECTYPE"] == "QSO"]
    if not redshifts.between(*Z_RANGE).all():
        raise InputError(path, f"accepts a quasar's Z outside {Z_RANGE}", remedy)
    return table


def answered(batch: pd.DataFrame, labels: str | Path, spectypes: Sequence[str]) -> pd.DataFrame:
    """Return the rows of a batch that have an accepted label.

    Parameters
    ----------
    batch : of `learning.batch.read_batch`
    labels : the round's labels.csv
    spectypes : that a label of the task may say

    Returns
    -------
    those rows, under their number in the batch, with LABEL and LABEL_Z
    """
    accepted, table = _accepted(
        batch["TARGETID"].to_numpy(), read_labels(labels, spectypes), labels
    )
    return batch[accepted].assign(
        LABEL=table["SPECTYPE"].astype(str).to_numpy(), LABEL_Z=table["Z"].to_numpy()
    )


def batch_labels(
    catalog: np.ndarray, labels: pd.DataFrame, path: str, origin: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return which spectra of a batch have an accepted label, bool (n,), and those labels."""
    accepted, table = _accepted(catalog["TARGETID"], labels, path)
    rows = pool.labels(len(table), origin)
    rows["TARGETID"] = rows["OBJECT"] = catalog["TARGETID"][accepted]
    rows["SPECTYPE"], rows["Z"], rows["BAL"] = table["SPECTYPE"], table["Z"], table["BAL"]
    return accepted, rows


def _accepted(
    targetid: np.ndarray, labels: pd.DataFrame, path: str | Path
) -> tuple[np.ndarray, pd.DataFrame]:
    """Return which targets of a batch have an accepted label, bool (n,), and those labels."""
    table = labels.set_index("TARGETID").reindex(targetid)
    if table["ACCEPTED"].isna().any():
        raise InputError(
            path, "lacks spectra of its round's batch", "merge the round's labels again"
        )
    accepted = table["ACCEPTED"].to_numpy() == 1
    return accepted, table[accepted]
