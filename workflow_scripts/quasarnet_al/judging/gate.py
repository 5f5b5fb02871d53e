"""The gate: a candidate's weights against the weights in use, before they replace them.

Both networks see the same spectra, so every difference is one of pairs, and its error
comes from resampling the objects (Efron & Tibshirani 1993, chapter 8). A row of the
comparison violates its threshold only where the loss is beyond it with statistical
significance: `verdict` has the rule, and says for each row the smallest loss that the
sample at hand would reveal.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pandas as pd

from quasarnet_al.core.files import InputError
from quasarnet_al.judging.metrics import BAL_CUT, CATASTROPHIC
from quasarnet_al.judging.statistics import sigma_nmad, velocity
from quasarnet_al.network.lines import CLASSES, Z_SPLIT, Lines, best_redshift, classes
from quasarnet_al.spectra.grid import BOXES, LINES, Grid

#: How much worse than the incumbent the candidate may be: shares, and km/s for
#: sigma_nmad, offset and shift. By the same names, how much in a bin of redshift or S/N, or of
#: the redshifts of one line.
ALLOWED = {
    "completeness": 0.01,
    "purity": 0.01,
    "catastrophic": 0.01,
    "sigma_nmad": 100.0,
    "offset": 100.0,
    "shift": 100.0,
    "pool_shift": 100.0,
    "bal_completeness": 0.05,
    "bal_purity": 0.05,
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
    "shift": 200.0,
    "pool_shift": 200.0,
}
#: Of the other checks, less is better.
MORE_IS_BETTER = (
    *("completeness", "purity", "completeness_at_purity"),
    *("bal_completeness", "bal_purity", "repeat_class", "repeat_redshift"),
)
#: Checks of what changes, for the better or for the worse: a person has to want it.
CHANGES = ("class_changed", "shift", "pool_shift")
#: Checks of redshift errors, km/s.
VELOCITIES = ("sigma_nmad", "offset", "shift", "pool_shift")
#: The bin of a row that stands for the whole sample.
WHOLE = "all"
#: Below the split of the classes and near z 3.7, where new weights once lost quasars.
REDSHIFT_EDGES = (0, 0.8, 1.5, 2.1, 2.6, 3.1, 3.5, 3.9, 5)
#: Quasars in a narrow bin of redshift, where only the shift is judged, and the most such bins:
#: networks go wrong in ranges that hardly move the median of a wider bin.
NARROW, MOST_NARROW = 100, 30
#: Of the bins of a line's position in its box, 0 to 1.
BOX_EDGES = (0, 0.25, 0.5, 0.75, 1)
#: Minimum number of objects (of both networks) for a row to be judged.
LEAST = 30
#: Confidence of the intervals, and of all judged rows together.
CONFIDENCE = 0.95
#: The smallest loss that a row reveals is the one found in this share of samples like this one.
POWER = 0.9
#: Samples of shares, which are drawn by counts alone, and of statistics that are computed anew.
SAMPLES, REDRAWS = 2000, 300


@dataclass(frozen=True)
class Settings:
    """How two networks are compared and judged: the config's `gate` and `classification`.

    Attributes
    ----------
    cut : confidence above which a line is seen
    n_thresh : number of lines seen that make a quasar
    z_split : redshift between the two classes of quasars
    wanted_purity : at which both networks' cuts are derived
    redshift_edges : of the bins of redshift
    snr_edges : between the bins of S/N; where empty, the quartiles of the quasars
    least : minimum number of objects for a row to be judged
    allowed, allowed_in_bins : largest allowed loss by check, of the whole and in a bin, where
        it is not that of `ALLOWED` and `ALLOWED_IN_BINS`
    seed : random seed of the resampling
    """

    cut: float = 0.95
    n_thresh: int = 1
    z_split: float = Z_SPLIT
    wanted_purity: float = 0.99
    redshift_edges: Sequence[float] = REDSHIFT_EDGES
    snr_edges: Sequence[float] = ()
    least: int = LEAST
    allowed: dict[str, float] = field(default_factory=dict)
    allowed_in_bins: dict[str, float] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what would let every network pass, or none."""
        for name, known in (("allowed", ALLOWED), ("allowed_in_bins", ALLOWED_IN_BINS)):
            for check, loss in getattr(self, name).items():
                # Written so that NaN is refused: nothing would ever violate it.
                if check not in known or not 0 <= loss < np.inf:
                    raise InputError(
                        f"gate.{name}",
                        f"{check} = {loss} is not a loss that can be allowed",
                        f"give numbers of at least 0 for some of {', '.join(known)}",
                    )
        for name in ("redshift_edges", "snr_edges"):
            edges = np.asarray(getattr(self, name), float)
            if not np.isfinite(edges).all() or (np.diff(edges) <= 0).any():
                raise InputError(f"gate.{name}", "does not increase", "sort the edges of the bins")


@dataclass(frozen=True)
class Answers:
    """What a network says of n spectra.

    Attributes
    ----------
    kind : int (n,), class as of `lines.classes`
    z : (n,), redshift of the most confident line, as QuasarNP gives it to the pipeline
    confidence : (n,), of that line
    strength : (n,), of the last line that makes a quasar: what the cut is on
    bal : bool (n,), whether the BAL output sees broad absorption
    seen, line_z : bool and float (n, 6), of each line whether it is above the cut, its redshift
    """

    kind: np.ndarray
    z: np.ndarray
    confidence: np.ndarray
    strength: np.ndarray
    bal: np.ndarray
    seen: np.ndarray
    line_z: np.ndarray

    @property
    def found(self) -> np.ndarray:
        """Which spectra it takes for quasars, bool (n,)."""
        return self.kind > 0


def answers(lines: Lines, settings: Settings) -> Answers:
    """Return the answers of a network that sees `lines`."""
    c, z, c_bal = lines
    cut, n_thresh = settings.cut, settings.n_thresh
    return Answers(
        kind=classes(c, z, cut, n_thresh, settings.z_split),
        z=best_redshift(c, z),
        confidence=c.max(axis=1),
        strength=np.sort(c, axis=1)[:, -n_thresh],
        bal=c_bal > BAL_CUT,
        seen=c > cut,
        line_z=z,
    )


def join(parts: Sequence[Answers]) -> Answers:
    """Return the answers to the spectra of several files."""
    names = [field.name for field in fields(Answers)]
    return Answers(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def identity(number: np.ndarray) -> np.ndarray:
    """Return a number for each object, int (n,); -1 is unknown, so an object of its own."""
    unique, inverse = np.unique(number, return_inverse=True)
    return np.where(number == -1, len(unique) + np.arange(len(number)), inverse)


def bins(
    values: np.ndarray, edges: Sequence[float] | np.ndarray, name: str
) -> list[tuple[str, np.ndarray]]:
    """Return each bin's label and which of the `values` (n,) lie in it, bool (n,)."""
    found = []
    for low, high in pairwise(edges):
        label = f"{name} {low:.3g}-{high:.3g}"
        if np.isinf(low) or np.isinf(high):
            label = f"{name} < {high:.3g}" if np.isinf(low) else f"{name} >= {low:.3g}"
        found.append((label, (values >= low) & (values < high)))
    return found


def narrow_bins(z: np.ndarray, quasar: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Return `bins` of the redshifts `z` (n,) that hold equally many `quasar`s, bool (n,)."""
    count = min(int(quasar.sum()) // NARROW, MOST_NARROW)
    if not count:
        return []
    edges = np.unique(np.quantile(z[quasar], np.linspace(0, 1, count + 1)))
    return [(label, inside & quasar) for label, inside in bins(z, edges, "narrow z")]


def snr_bins(snr: np.ndarray, edges: Sequence[float] = ()) -> np.ndarray:
    """Return the edges of S/N bins without an end; by default the quartiles of `snr`."""
    between = np.asarray(edges, float)
    known = snr[np.isfinite(snr)]
    if not len(between) and len(known):
        between = np.unique(np.quantile(known, [0.25, 0.5, 0.75]))
    return np.concatenate([[-np.inf], between, [np.inf]])


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


def compare_labelled(
    candidate: Answers,
    incumbent: Answers,
    labels: np.ndarray,
    snr: np.ndarray,
    grid: Grid,
    settings: Settings,
) -> list[dict]:
    """Compare two networks where the truth is known.

    The bins of redshift are of the true one, but for purity of the network's own, since what
    is not a quasar has no other.

    Parameters
    ----------
    candidate, incumbent : answers to the n spectra
    labels : table with SPECTYPE, Z, BAL and OBJECT, (n,)
    snr : (n,)
    grid : of the spectra

    Returns
    -------
    rows of the comparison:

    * completeness, purity (`metrics.completeness_purity`), share of catastrophic redshifts,
      sigma_NMAD and median (offset) of the redshift error, and the median of the differences
      between the networks (shift), km/s, of quasars found: whole and in bins, the shift also in
      narrow ones;
    * by line, the completeness (seen at the right redshift, of the quasars that have it on the
      grid), and the latter three of the line's own redshift where it is seen;
    * these three of all lines together by their true position in the box, where a network whose
      offsets are not rescaled is off by thousands of km/s in opposite directions at both ends;
    * completeness and purity of the BAL output on quasars whose BAL state is known; the purity
      rests on no more objects than the rarer state has;
    * cut and completeness at the wanted purity
    """
    rng = np.random.default_rng([settings.seed, 1])
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
    by_true_z = bins(np.where(is_qso, z_true, np.nan), settings.redshift_edges, "z")
    by_own_z = [bins(network.z, settings.redshift_edges, "z") for network in networks]
    by_snr = bins(snr, snr_bins(snr[is_qso], settings.snr_edges), "S/N")
    places = [(WHOLE, every, [every, every])]
    places += [
        (label, inside, [own[number][1] for own in by_own_z])
        for number, (label, inside) in enumerate(by_true_z)
    ]
    places += [(label, inside, [inside, inside]) for label, inside in by_snr]
    rows: list[dict] = []
    for label, inside, own in places:
        parts = {
            "completeness": [(r & inside, is_qso & inside) for r in right],
            "purity": [(r & o, f & o) for r, f, o in zip(right, found, own, strict=True)],
            "catastrophic": [
                (s & ~g & inside, s & inside) for s, g in zip(seen, good, strict=True)
            ],
        }
        rows += [_share(check, label, objects, part, rng) for check, part in parts.items()]
        rows += _redshift_errors(label, objects, errors, [r & inside for r in right], rng)
    both = right[0] & right[1]
    rows += [
        _shift("shift", label, objects, errors[0] - errors[1], both & inside, rng)
        for label, inside in narrow_bins(z_true, is_qso)
    ]
    of_lines = [velocity(network.line_z, z_true[:, None]) for network in networks]
    counted = [
        is_qso[:, None] & network.seen & (np.abs(error) < CATASTROPHIC)
        for network, error in zip(networks, of_lines, strict=True)
    ]
    pixel = grid.pixel(np.array([*LINES.values()]) * (1 + z_true[:, None]))
    there = is_qso[:, None] & (pixel >= 0) & (pixel < grid.size)
    for number, name in enumerate(LINES):
        label, whole = f"line {name}", there[:, number]
        here, kept = ([array[:, number] for array in arrays] for arrays in (of_lines, counted))
        share = [(each & whole, whole) for each in kept]
        rows.append(_share("completeness", label, objects, share, rng))
        rows += _redshift_errors(label, objects, here, kept, rng)
    place = pixel * BOXES / grid.size % 1
    flat = [error.ravel() for error in of_lines]
    for label, inside in bins(place.ravel(), BOX_EDGES, "box"):
        masks = [each.ravel() & inside for each in counted]
        rows += _redshift_errors(label, np.repeat(objects, len(LINES)), flat, masks, rng)
    known = is_qso & (labels["BAL"] >= 0)
    is_bal, called = known & (labels["BAL"] == 1), [known & network.bal for network in networks]
    rows += [
        _share("bal_completeness", WHOLE, objects, [(is_bal & c, is_bal) for c in called], rng),
        _share("bal_purity", WHOLE, objects, [(is_bal & c, c) for c in called], rng),
    ]
    # Without quasars of both states every network has one purity, 0 or 1.
    states = (is_bal, known & ~is_bal)
    rows[-1]["n"] = min(rows[-1]["n"], *(_count(objects, state) for state in states))
    strengths = [network.strength for network in networks]
    return rows + _at_purity(objects, strengths, good, is_qso, settings.wanted_purity, rng)


def compare_pool(
    candidate: Answers, incumbent: Answers, targetid: np.ndarray, seed: int = 0
) -> list[dict]:
    """Compare two networks on unlabelled exposures.

    Returns
    -------
    rows of the comparison: the share of exposures whose class changes, also by the two
    classes; and of pairs of exposures of one TARGETID, one after the other in the order
    of the files, the share that agrees in class, and of pairs that are both taken for
    quasars, the share that agrees in redshift (to 6000 km/s); the median by which the redshifts
    differ between the networks (km/s) where both see a quasar, also in narrow bins of the
    incumbent's redshift, and by line where both see it
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
        _share("class_changed", label, objects, [(changed, every), (none, every)], rng)
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
    rows.append(_share("repeat_class", WHOLE, objects[first], of_class, rng))
    rows.append(_share("repeat_redshift", WHOLE, objects[first], of_redshift, rng))
    both = candidate.found & incumbent.found
    shifts = [
        (label, candidate.z, incumbent.z, inside)
        for label, inside in [(WHOLE, both), *narrow_bins(incumbent.z, both)]
    ]
    shifts += [
        (
            f"line {name}",
            candidate.line_z[:, number],
            incumbent.line_z[:, number],
            candidate.seen[:, number] & incumbent.seen[:, number],
        )
        for number, name in enumerate(LINES)
    ]
    for label, z, reference, both in shifts:
        moved = velocity(z, reference)
        both = both & (np.abs(moved) < CATASTROPHIC)
        rows.append(_shift("pool_shift", label, objects, moved, both, rng))
    return rows


def compare_sky(
    candidate: Answers, incumbent: Answers, targetid: np.ndarray, seed: int = 0
) -> list[dict]:
    """Compare the shares of sky fibres that two networks take for quasars."""
    rng = np.random.default_rng([seed, 3])
    every = np.ones(len(targetid), bool)
    parts = [(network.found, every) for network in (candidate, incumbent)]
    return [_share("sky", WHOLE, identity(targetid), parts, rng)]


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


def verdict(rows: list[dict], settings: Settings) -> pd.DataFrame:
    """Judge the rows of the comparisons.

    A row violates its threshold where the lower bound of its loss is beyond it, the bound
    that is q = z(1 - 0.025 / number of rows judged) standard errors e below the loss: then
    noise violates any of the rows in at most one of forty comparisons (Bonferroni), however
    many bins there are. Rows of less than `least` objects, and those without a threshold, are
    not judged.

    Returns
    -------
    table with the columns of the rows and: bound (of the loss), threshold, smallest (loss
    that would be found in nine of ten samples like this one: threshold + (q + z(0.9)) e),
    passed (True, False, or None where it is not judged)
    """
    table = pd.DataFrame(rows)
    whole = table["bin"] == WHOLE
    table["threshold"] = np.where(
        whole,
        table["check"].map(ALLOWED | settings.allowed),
        table["check"].map(ALLOWED_IN_BINS | settings.allowed_in_bins),
    ).astype(float)
    judged = np.isfinite(table["threshold"] + table["loss"] + table["error"])
    judged &= table["n"] >= settings.least
    normal = NormalDist()
    quantile = normal.inv_cdf(1 - (1 - CONFIDENCE) / 2 / max(judged.sum(), 1))
    table["bound"] = (table["loss"] - quantile * table["error"]).where(judged)
    smallest = table["threshold"] + (quantile + normal.inv_cdf(POWER)) * table["error"]
    table["smallest"] = smallest.where(judged)
    table["passed"] = (table["bound"] <= table["threshold"]).astype(object).where(judged, None)
    return table


def summary(table: pd.DataFrame, cut: float) -> dict:
    """Return the verdict in short: violated thresholds in words, and what could not be judged.

    Where nothing could be judged, nothing has passed. `reveals` gives for each check the
    smallest loss that this sample would reveal: of the whole, and of the best and the worst bin.
    """
    whole = table[table["bin"] == WHOLE].set_index("check")
    judged = table["passed"].notna()
    violated = table["passed"].eq(False)
    unjudged = ~judged & np.isfinite(table["threshold"])
    derived = whole.loc["cut_at_purity"]
    return {
        "passed": bool(judged.any() and not violated.any()),
        "broken": [_describe(row) for row in table[violated].to_dict("records")],
        "judged": int(judged.sum()),
        "not judged": [
            *(f"{row.check} ({row.bin})" for row in table[unjudged].itertuples(index=False)),
            # Of spectra that were not given: the pool, sky fibres.
            *(f"{check} ({WHOLE})" for check in ALLOWED if check not in whole.index),
        ],
        "reveals": [
            _reveals(str(check), rows) for check, rows in table[judged].groupby("check", sort=False)
        ],
        "cut": cut,
        "cut at the wanted purity": {
            "incumbent": derived["incumbent"],
            "candidate": derived["candidate"],
        },
    }


def _unit(check: str) -> str:
    return " km/s" if check in VELOCITIES else ""


def _reveals(check: str, rows: pd.DataFrame) -> str:
    """Return in words the smallest losses that the judged rows of a check would reveal."""
    binned = rows.loc[rows["bin"] != WHOLE, ["smallest", "bin"]].sort_values("smallest")
    parts = [f"{value:.2g}" for value in rows.loc[rows["bin"] == WHOLE, "smallest"]]
    if len(binned):
        low, high = (f"{row['smallest']:.2g}" for _, row in binned.iloc[[0, -1]].iterrows())
        parts.append(
            f"in bins {low} ({binned['bin'].iloc[0]}) to {high} ({binned['bin'].iloc[-1]})"
        )
    return f"{check}: a loss of {', '.join(parts)}{_unit(check)}"


def _describe(row: dict) -> str:
    """Return a row that violates its threshold as a line for people."""
    unit = _unit(row["check"])
    place = "" if row["bin"] == WHOLE else f" ({row['bin']})"
    how = "changed" if row["check"] in CHANGES else "worse"
    return (
        f"{row['check']}{place}: incumbent {row['incumbent']:.4g}{unit}, candidate "
        f"{row['candidate']:.4g}{unit}; {how} by at least {row['bound']:.2g}{unit}, "
        f"allowed {row['threshold']:.4g}{unit}; n = {row['n']}"
    )


def _count(objects: np.ndarray, counted: np.ndarray) -> int:
    """Return the number of objects that have spectra among the `counted`, bool (n,)."""
    return len(np.unique(objects[counted]))


def _share(
    check: str,
    label: str,
    objects: np.ndarray,
    parts: Sequence[tuple[np.ndarray, np.ndarray]],
    rng: np.random.Generator,
) -> dict:
    """Return the row of a share for both networks; `parts` are part and whole, bool (n,) each,
    of the candidate and of the incumbent.

    Resampling objects only changes how often each combination of outcomes occurs, so a
    sample is one draw of these counts, however many objects there are. To the data come
    two objects on which the networks contradict each other, one for each: else the error
    of a small bin where they happen to agree would be zero (Bonett & Price 2012,
    J. Educ. Behav. Stat. 37, 479, for the difference of paired shares).
    """
    outcome = np.stack([*parts[0], *parts[1]], axis=1)
    counted = outcome[:, 1] | outcome[:, 3]
    outcome, objects = outcome[counted], objects[counted]
    total = outcome.sum(axis=0)
    n = min(_count(objects, outcome[:, 1]), _count(objects, outcome[:, 3]))
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
    both = right[0] & right[1]
    moved = _shift("shift", label, objects, errors[0] - errors[1], both, rng)
    counted = right[0] | right[1]
    n = min(_count(objects, each) for each in right)
    errors, masks = [error[counted] for error in errors], [each[counted] for each in right]

    def statistics(rows: np.ndarray) -> np.ndarray:
        kept = [error[rows][mask[rows]] for error, mask in zip(errors, masks, strict=True)]
        if not all(map(len, kept)):
            return np.full((2, 2), np.nan)
        return np.array([[sigma_nmad(e) for e in kept], [np.median(e) for e in kept]])

    estimate = statistics(np.arange(counted.sum()))
    samples = _redraw(objects[counted], statistics, rng) if n else np.full((1, 2, 2), np.nan)
    rows = [
        _row(check, label, n, estimate[i], samples[:, i])
        for i, check in enumerate(("sigma_nmad", "offset"))
    ]
    return [*rows, moved]


def _shift(
    check: str,
    label: str,
    objects: np.ndarray,
    difference: np.ndarray,
    both: np.ndarray,
    rng: np.random.Generator,
) -> dict:
    """Return the row of the median `difference` of two networks' redshifts (km/s), of `both`.

    The median over pairs is more precise than the difference of two medians. Like a change of
    class it counts as a loss whether or not it is for the better.
    """
    values, n = difference[both], _count(objects, both)

    def statistics(rows: np.ndarray) -> np.ndarray:
        return np.array([np.median(values[rows]), 0.0])

    if not n:
        return _row(check, label, n, np.array([np.nan, 0.0]), np.full((1, 2), np.nan))
    samples = _redraw(objects[both], statistics, rng)
    return _row(check, label, n, statistics(np.arange(len(values))), samples)


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
        _row(check, WHOLE, _count(objects, is_qso), estimate[i], samples[:, i])
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


def _loss(check: str, candidate: np.ndarray, incumbent: np.ndarray) -> np.ndarray:
    """Return by how much the candidate is worse.

    An offset is signed. Between zero and the incumbent's it is no loss; else the loss is the
    distance from there, so that an offset that changes its sign does not go unnoticed.
    """
    if check in CHANGES:
        return np.abs(candidate)
    if check == "offset":
        return np.abs(candidate) - np.maximum(incumbent * np.sign(candidate), 0)
    return (incumbent - candidate) if check in MORE_IS_BETTER else (candidate - incumbent)


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
        "loss": _loss(check, *estimate),
        # An absolute value scatters less near zero: it would look too certain.
        "error": max(_loss(check, *samples.T).std(), values[:, 2].std()),
    }
