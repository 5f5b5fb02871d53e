"""The gate: a candidate's weights against the weights in use, before they replace them.

Both networks see the same spectra, so every difference is one of pairs, and its error
comes from resampling the objects (Efron & Tibshirani 1993, chapter 8). A row of the
comparison breaks its threshold only where the loss that the data leave no doubt of is
beyond it: `verdict` has the rule.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pandas as pd

from quasarnet_al.judging.metrics import CATASTROPHIC
from quasarnet_al.judging.statistics import sigma_nmad, velocity
from quasarnet_al.network.lines import CLASSES, Z_SPLIT, best_redshift, classes

#: How much worse than the incumbent the candidate may be: shares, and km/s for
#: sigma_nmad and offset. By the same names, how much in a bin of redshift or S/N.
ALLOWED = {
    "completeness": 0.01,
    "purity": 0.01,
    "catastrophic": 0.01,
    "sigma_nmad": 100.0,
    "offset": 100.0,
    "completeness_at_purity": 0.01,
    "class_changed": 0.01,
    "repeat_class": 0.01,
    "repeat_redshift": 0.01,
    "sky": 0.005,
}
ALLOWED_IN_BINS = {
    "completeness": 0.03,
    "purity": 0.03,
    "catastrophic": 0.03,
    "sigma_nmad": 200.0,
    "offset": 200.0,
}
#: Of the other checks, less is better.
MORE_IS_BETTER = (
    *("completeness", "purity", "completeness_at_purity"),
    *("repeat_class", "repeat_redshift"),
)
#: The bin of a row that stands for the whole sample.
WHOLE = "all"
#: Below the split of the classes and near z 3.7, where new weights once lost quasars.
REDSHIFT_EDGES = (0, 0.8, 1.5, 2.1, 2.6, 3.1, 3.5, 3.9, 5)
#: Objects (of both networks) that a row needs to be judged.
LEAST = 30
#: Confidence of the intervals, and of all judged rows together.
CONFIDENCE = 0.95
#: Samples of shares, which are drawn by counts alone, and of statistics that are computed anew.
SAMPLES, REDRAWS = 2000, 300


@dataclass(frozen=True)
class Answers:
    """What a network says of n spectra.

    Attributes
    ----------
    kind : int (n,), class as of `classify.classes`
    z : (n,), redshift of the most confident line
    confidence : (n,), of that line
    strength : (n,), of the last line that makes a quasar: what the cut is on
    """

    kind: np.ndarray
    z: np.ndarray
    confidence: np.ndarray
    strength: np.ndarray

    @property
    def found(self) -> np.ndarray:
        """Which spectra it takes for quasars, bool (n,)."""
        return self.kind > 0


def answers(
    c: np.ndarray,
    z: np.ndarray,
    cut: float,
    n_thresh: int = 1,
    z_split: float = Z_SPLIT,
) -> Answers:
    """Return the answers at a confidence cut; `c` and `z` (n, 6) of `line_redshifts`."""
    return Answers(
        classes(c, z, cut, n_thresh, z_split),
        best_redshift(c, z),
        c.max(axis=1),
        np.sort(c, axis=1)[:, -n_thresh],
    )


def join(parts: list[Answers]) -> Answers:
    """Return the answers to the spectra of several files."""
    names = [field.name for field in fields(Answers)]
    return Answers(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def identity(number: np.ndarray) -> np.ndarray:
    """Return a number for each object, int (n,); -1 is unknown, so an object of its own."""
    unique, inverse = np.unique(number, return_inverse=True)
    return np.where(number == -1, len(unique) + np.arange(len(number)), inverse)


def bins(values: np.ndarray, edges: np.ndarray, name: str) -> list[tuple[str, np.ndarray]]:
    """Return each bin's label and which of the `values` (n,) lie in it, bool (n,)."""
    found = []
    for low, high in pairwise(edges):
        label = f"{name} {low:.3g}-{high:.3g}"
        if np.isinf(low) or np.isinf(high):
            label = f"{name} < {high:.3g}" if np.isinf(low) else f"{name} >= {low:.3g}"
        found.append((label, (values >= low) & (values < high)))
    return found


def snr_edges(snr: np.ndarray, edges: list[float] | None = None) -> np.ndarray:
    """Return the edges of S/N bins without an end; by default the quartiles of `snr`."""
    if not edges:
        known = snr[np.isfinite(snr)]
        edges = np.unique(np.quantile(known, [0.25, 0.5, 0.75])) if len(known) else []
    return np.array([-np.inf, *edges, np.inf])


def cut_at_purity(strength: np.ndarray, right: np.ndarray, wanted: float) -> float:
    """Return the lowest cut above which a share `wanted` of the spectra is right, else NaN.

    Parameters
    ----------
    strength : (n,), a spectrum is selected where it exceeds the cut
    right : bool (n,), whether it is a quasar at the right redshift
    """
    order = np.argsort(-strength, kind="stable")
    ranked = strength[order]
    below = np.append(ranked[1:], 0.0)
    purity = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    # A cut takes all spectra of equal strength, or none.
    reached = np.flatnonzero((purity >= wanted) & (below < ranked))
    return float(below[reached[-1]]) if len(reached) else np.nan


def compare_validation(
    candidate: Answers,
    incumbent: Answers,
    labels: np.ndarray,
    snr: np.ndarray,
    wanted_purity: float,
    redshift_edges: tuple[float, ...] = REDSHIFT_EDGES,
    edges_of_snr: list[float] | None = None,
    seed: int = 0,
) -> list[dict]:
    """Compare two networks where the truth is known.

    Parameters
    ----------
    candidate, incumbent : answers to the n spectra
    labels : table with SPECTYPE, Z and OBJECT, (n,)
    snr : (n,)
    wanted_purity : at which both networks' cuts are derived
    redshift_edges : of the bins; true redshift, but for purity the network's own, since
        what is no quasar has no other
    edges_of_snr : between the bins of S/N; by default the quartiles of the quasars

    Returns
    -------
    rows of the comparison: completeness, purity (`metrics.completeness_purity`), share
    of catastrophic redshifts, sigma_NMAD and absolute median of the redshift error (km/s)
    of quasars found, whole and in bins; cut and completeness at the wanted purity
    """
    rng = np.random.default_rng([seed, 1])
    objects = identity(labels["OBJECT"])
    is_qso = labels["SPECTYPE"] == "QSO"
    z_true = np.where(is_qso, labels["Z"], 0)
    networks = (candidate, incumbent)
    errors = [velocity(network.z, z_true) for network in networks]
    good = [is_qso & (np.abs(error) < CATASTROPHIC) for error in errors]
    found = [network.found for network in networks]
    seen = [is_qso & each for each in found]
    right = [a & b for a, b in zip(good, found, strict=True)]

    every = np.ones(len(is_qso), bool)
    edges = snr_edges(snr[is_qso], edges_of_snr)
    of_snr = [(label, inside, (inside, inside)) for label, inside in bins(snr, edges, "S/N")]
    of_z = zip(
        bins(np.where(is_qso, z_true, np.nan), redshift_edges, "z"),
        *(bins(network.z, redshift_edges, "z") for network in networks),
        strict=True,
    )
    of_z = [(label, inside, (one, two)) for (label, inside), (_, one), (_, two) in of_z]
    rows = []
    for label, inside, own in [(WHOLE, every, (every, every)), *of_z, *of_snr]:
        parts = {
            "completeness": [(r & inside, is_qso & inside) for r in right],
            "purity": [(r & o, f & o) for r, f, o in zip(right, found, own, strict=True)],
            "catastrophic": [
                (s & ~g & inside, s & inside) for s, g in zip(seen, good, strict=True)
            ],
        }
        rows += [_share(check, label, objects, *two, rng) for check, two in parts.items()]
        rows += _redshift_errors(label, objects, errors, [r & inside for r in right], rng)
    strengths = [network.strength for network in networks]
    return rows + _at_purity(objects, strengths, good, is_qso, wanted_purity, rng)


def compare_pool(
    candidate: Answers, incumbent: Answers, targetid: np.ndarray, seed: int = 0
) -> list[dict]:
    """Compare two networks on unlabelled exposures.

    Returns
    -------
    rows of the comparison: the share of exposures whose class changes, also by the two
    classes; and of pairs of exposures of one TARGETID, one after the other in the order
    of the files, the share that agrees in class, and of pairs that are both taken for
    quasars, the share that agrees in redshift (to 6000 km/s)
    """
    rng = np.random.default_rng([seed, 2])
    objects = identity(targetid)
    every, none = np.ones(len(objects), bool), np.zeros(len(objects), bool)
    changes = [(WHOLE, candidate.kind != incumbent.kind)]
    changes += [
        (f"{one} to {two}", (incumbent.kind == i) & (candidate.kind == j))
        for i, one in enumerate(CLASSES)
        for j, two in enumerate(CLASSES)
        if i != j
    ]
    rows = [
        _share("class_changed", label, objects, (changed, every), (none, every), rng)
        for label, changed in changes
    ]
    order = np.argsort(objects, kind="stable")
    pair = objects[order][1:] == objects[order][:-1]
    first, second = order[:-1][pair], order[1:][pair]
    of_class, of_redshift = [], []
    for network in (candidate, incumbent):
        both = network.found[first] & network.found[second]
        close = np.abs(velocity(network.z[first], network.z[second])) < CATASTROPHIC
        of_class.append((network.kind[first] == network.kind[second], np.ones(len(first), bool)))
        of_redshift.append((both & close, both))
    rows.append(_share("repeat_class", WHOLE, objects[first], *of_class, rng))
    rows.append(_share("repeat_redshift", WHOLE, objects[first], *of_redshift, rng))
    return rows


def compare_sky(
    candidate: Answers, incumbent: Answers, targetid: np.ndarray, seed: int = 0
) -> list[dict]:
    """Compare the shares of sky fibres that two networks take for quasars."""
    rng = np.random.default_rng([seed, 3])
    every = np.ones(len(targetid), bool)
    parts = [(network.found, every) for network in (candidate, incumbent)]
    return [_share("sky", WHOLE, identity(targetid), *parts, rng)]


def changes(candidate: Answers, incumbent: Answers, catalog: np.ndarray) -> pd.DataFrame:
    """Return the exposures of a pool file whose class changes, with what both say."""
    changed = candidate.kind != incumbent.kind
    names = ("TARGETID", "TILEID", "SOURCE", "ROW", "SNR")
    table = pd.DataFrame({name: catalog[name][changed] for name in names})
    for network, name in ((incumbent, "INCUMBENT"), (candidate, "CANDIDATE")):
        table[f"CLASS_{name}"] = np.array(CLASSES)[network.kind[changed]]
        table[f"Z_{name}"] = network.z[changed]
        table[f"C_{name}"] = network.confidence[changed]
    return table


def verdict(
    rows: list[dict],
    allowed: dict[str, float] = ALLOWED,
    allowed_in_bins: dict[str, float] = ALLOWED_IN_BINS,
    least: int = LEAST,
) -> pd.DataFrame:
    """Judge the rows of the comparisons.

    The loss of a row is its difference, in the direction that is worse. It breaks its
    threshold where the lower bound of the loss is beyond it, the bound that is
    z(1 - 0.025 / rows judged) standard errors below: then noise breaks any of the rows
    in at most one of forty comparisons (Bonferroni), however many bins there are. Rows
    of less than `least` objects, and those without a threshold, are not judged.

    Returns
    -------
    table with the columns of the rows and: bound (of the loss), threshold, passed
    (True, False, or None where it is not judged)
    """
    table = pd.DataFrame(rows)
    whole = table["bin"] == WHOLE
    table["threshold"] = np.where(
        whole, table["check"].map(allowed), table["check"].map(allowed_in_bins)
    ).astype(float)
    judged = np.isfinite(table["threshold"] + table["difference"] + table["error"])
    judged &= table["n"] >= least
    sign = np.where(table["check"].isin(MORE_IS_BETTER), -1, 1)
    quantile = NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / 2 / max(judged.sum(), 1))
    bound = (sign * table["difference"] - quantile * table["error"]).where(judged)
    table.insert(table.columns.get_loc("threshold"), "bound", bound)
    table["passed"] = (bound <= table["threshold"]).astype(object).where(judged, None)
    return table


def summary(table: pd.DataFrame, cut: float) -> dict:
    """Return the verdict in short: what is broken, in words, and what could not be judged."""
    whole = table[table["bin"] == WHOLE].set_index("check")
    judged = table["passed"].notna()
    unjudged = ~judged & np.isfinite(table["threshold"])
    derived = whole.loc["cut_at_purity"]
    return {
        "passed": not table["passed"].eq(False).any(),
        "broken": [_describe(row) for row in table[table["passed"].eq(False)].to_dict("records")],
        "judged": int(judged.sum()),
        "not judged": [
            f"{row.check} ({row.bin})" for row in table[unjudged].itertuples(index=False)
        ],
        "cut": cut,
        "cut at the wanted purity": {
            "incumbent": derived["incumbent"],
            "candidate": derived["candidate"],
        },
    }


def _describe(row: dict) -> str:
    """Return a row that breaks its threshold as a line for people."""
    unit = " km/s" if row["check"] in ("sigma_nmad", "offset") else ""
    place = "" if row["bin"] == WHOLE else f" ({row['bin']})"
    return (
        f"{row['check']}{place}: incumbent {row['incumbent']:.4g}{unit}, candidate "
        f"{row['candidate']:.4g}{unit}; worse by at least {row['bound']:.2g}{unit}, "
        f"allowed {row['threshold']:.4g}{unit}; n = {row['n']}"
    )


def _share(
    check: str,
    label: str,
    objects: np.ndarray,
    candidate: tuple[np.ndarray, np.ndarray],
    incumbent: tuple[np.ndarray, np.ndarray],
    rng: np.random.Generator,
) -> dict:
    """Return the row of a share, part / whole (each bool (n,)), for both networks.

    Resampling objects only changes how often each combination of outcomes occurs, so a
    sample is one draw of these counts, however many objects there are. To the data come
    two objects on which the networks contradict each other, one for each: else the error
    of a small bin where they happen to agree would be zero (Bonett & Price 2012,
    J. Educ. Behav. Stat. 37, 479, for the difference of paired shares).
    """
    outcome = np.stack([*candidate, *incumbent], axis=1)
    counted = outcome[:, 1] | outcome[:, 3]
    outcome, objects = outcome[counted], objects[counted]
    total = outcome.sum(axis=0)
    n = int(min(total[1], total[3]))
    with np.errstate(invalid="ignore", divide="ignore"):
        estimate = total[[0, 2]] / total[[1, 3]]
        if not n:
            return _row(check, label, n, estimate, np.full((1, 2), np.nan))
        _, inverse = np.unique(objects, return_inverse=True)
        sums = np.stack([np.bincount(inverse, column) for column in outcome.T], axis=1)
        patterns, counts = np.unique(sums, axis=0, return_counts=True)
        patterns = np.vstack([patterns, [[1, 1, 0, 1], [0, 1, 1, 1]]])
        counts = np.append(counts, [1, 1])
        size = counts.sum()
        drawn = rng.multinomial(size, counts / size, SAMPLES) @ patterns
        return _row(check, label, n, estimate, drawn[:, [0, 2]] / drawn[:, [1, 3]])


def _redshift_errors(
    label: str,
    objects: np.ndarray,
    errors: list[np.ndarray],
    right: list[np.ndarray],
    rng: np.random.Generator,
) -> list[dict]:
    """Return the rows of the redshift errors (km/s) of the quasars found, `right` of both."""
    counted = right[0] | right[1]
    errors, masks = [error[counted] for error in errors], [each[counted] for each in right]
    n = int(min(mask.sum() for mask in masks))

    def statistics(rows: np.ndarray) -> np.ndarray:
        kept = [error[rows][mask[rows]] for error, mask in zip(errors, masks, strict=True)]
        if not all(map(len, kept)):
            return np.full((2, 2), np.nan)
        return np.array([[sigma_nmad(e) for e in kept], [abs(np.median(e)) for e in kept]])

    estimate = statistics(np.arange(counted.sum()))
    samples = _redraw(objects[counted], statistics, rng) if n else np.full((1, 2, 2), np.nan)
    return [
        _row(check, label, n, estimate[i], samples[:, i])
        for i, check in enumerate(("sigma_nmad", "offset"))
    ]


def _at_purity(
    objects: np.ndarray,
    strengths: list[np.ndarray],
    good: list[np.ndarray],
    is_qso: np.ndarray,
    wanted: float,
    rng: np.random.Generator,
) -> list[dict]:
    """Return the rows of the cuts at the wanted purity, and of the completeness there.

    The cut is derived anew in each sample. A purity that is never reached leaves no
    quasars: its completeness is 0.
    """

    def statistics(rows: np.ndarray) -> np.ndarray:
        cuts, shares = [], []
        for strength, right in zip(strengths, good, strict=True):
            cuts.append(cut_at_purity(strength[rows], right[rows], wanted))
            above = right[rows] & (strength[rows] > cuts[-1])
            shares.append(above.sum() / max(is_qso[rows].sum(), 1))
        return np.array([shares, cuts])

    estimate = statistics(np.arange(len(objects)))
    samples = _redraw(objects, statistics, rng) if len(objects) else np.full((1, 2, 2), np.nan)
    return [
        _row(check, WHOLE, int(is_qso.sum()), estimate[i], samples[:, i])
        for i, check in enumerate(("completeness_at_purity", "cut_at_purity"))
    ]


def _redraw(
    objects: np.ndarray, statistics: Callable[[np.ndarray], np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """Return `statistics` of the rows of resampled objects, (REDRAWS, ...)."""
    unique, inverse = np.unique(objects, return_inverse=True)
    samples = []
    for _ in range(REDRAWS):
        drawn = np.bincount(rng.integers(len(unique), size=len(unique)), minlength=len(unique))
        samples.append(statistics(np.repeat(np.arange(len(objects)), drawn[inverse])))
    return np.array(samples)


def _row(check: str, label: str, n: int, estimate: np.ndarray, samples: np.ndarray) -> dict:
    """Return a row: estimates (candidate, incumbent) and intervals of `samples` (k, 2)."""
    samples = samples[np.isfinite(samples).all(axis=1)]
    if len(samples) < 2:
        samples = np.full((2, 2), np.nan)
    values = np.column_stack([samples, samples[:, 0] - samples[:, 1]])
    ends = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    low, high = np.quantile(values, ends, axis=0)
    return {
        "check": check,
        "bin": label,
        "n": n,
        "incumbent": estimate[1],
        "incumbent_low": low[1],
        "incumbent_high": high[1],
        "candidate": estimate[0],
        "candidate_low": low[0],
        "candidate_high": high[0],
        "difference": estimate[0] - estimate[1],
        "low": low[2],
        "high": high[2],
        "error": values[:, 2].std(),
    }
