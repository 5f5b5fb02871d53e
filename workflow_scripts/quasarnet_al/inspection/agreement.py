"""Agreement between inspectors, and whose answers look like chance."""

import itertools
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from quasarnet_al.inspection.merge import (
    by_target,
    decisions,
    opinions,
    redshift_spread,
)
from quasarnet_al.spectra.truth import Z_TOLERANCE

#: Inspectors with a smaller AC1 agree at most fairly (the scale of Landis & Koch 1977,
#: Biometrics 33, 159), and one with a smaller share of equal answers to the same spectrum is
#: not consistent; both are judged on at least this many spectra.
FAIR, STEADY, FEW = 0.4, 0.7, 10


def agreement(rows: pd.DataFrame, page: str = "", classes: int = 3) -> dict[str, object]:
    """Say how well inspectors agree, before adjudication.

    Parameters
    ----------
    rows : answers about one batch (`merge.of_batch`)
    page : as in `merge`
    classes : number of classes that an answer may have

    Returns
    -------
    dict with `fleiss kappa` of the class over all targets seen by two or more (Fleiss
    1971, with the number of inspectors free to vary), `cohen` for each pair (Cohen 1960:
    kappa of the class; Gwet's AC1, which also holds where nearly all spectra are of one
    class; the share of equal classes, and of redshifts within `Z_TOLERANCE`), `redshift
    agreement` over all pairs, and per inspector the answers, mean quality, the share
    answered after looking at the ensemble, and the share of their own repeats with the
    same class. A share or coefficient that is not defined is None. `doubts` says in words
    whose answers look like chance, judged by AC1.
    """
    rows = rows[~decisions(rows, page)]
    # Where an inspector has several opinions of a spectrum the first represents them: a
    # repeated look measures consistency and not agreement.
    answers: dict[str, dict[int, Any]] = {}
    repeats: dict[str, list[bool]] = {}
    for targetid, group in by_target(rows):
        for row in opinions(list(group.itertuples(index=False))):
            mine = answers.setdefault(row.INSPECTOR, {})
            if targetid in mine:
                same = mine[targetid].SPECTYPE == row.SPECTYPE
                repeats.setdefault(row.INSPECTOR, []).append(same)
            mine.setdefault(targetid, row)
    pairs, all_close = [], []
    for one, two in itertools.combinations(sorted(answers), 2):
        common = sorted(answers[one].keys() & answers[two].keys())
        if not common:
            continue
        a = [answers[one][targetid] for targetid in common]
        b = [answers[two][targetid] for targetid in common]
        close = [
            redshift_spread([x.Z, y.Z]) < Z_TOLERANCE
            for x, y in zip(a, b, strict=True)
            if np.isfinite([x.Z, y.Z]).all()
        ]
        all_close += close
        given = [row.SPECTYPE for row in a], [row.SPECTYPE for row in b]
        pairs.append(
            {
                "inspectors": [one, two],
                "targets": len(common),
                "kappa": cohen_kappa(*given),
                "AC1": gwet_ac1(*given, classes),
                "same class": _share([x == y for x, y in zip(*given, strict=True)]),
                "same redshift": _share(close),
            }
        )
    ratings: dict[int, list[str]] = {}
    for mine in answers.values():
        for targetid, row in mine.items():
            ratings.setdefault(targetid, []).append(row.SPECTYPE)
    own = {
        inspector: {
            "answers": len(mine),
            "mean quality": round(float(np.mean([r.QUALITY for r in mine.values()])), 4),
            "saw the ensemble first": _share(["ensemble" in r.SHOWN for r in mine.values()]),
            "repeats with the same class": _share(repeats.get(inspector, [])),
        }
        for inspector, mine in sorted(answers.items())
    }
    return {
        "doubts": _doubts(pairs, own, repeats),
        "seen by two or more": sum(len(classes) > 1 for classes in ratings.values()),
        "fleiss kappa": fleiss_kappa(ratings.values()),
        "redshift agreement": _share(all_close),
        "cohen": pairs,
        "inspectors": own,
    }


def _doubts(pairs: list[dict], own: dict[str, dict], repeats: dict[str, list]) -> list[str]:
    """Say whose answers look like chance; a person decides what to do about it."""
    doubts = [
        f"{' and '.join(pair['inspectors'])} agree hardly more than by chance (AC1 "
        f"{pair['AC1']:.2f} on {pair['targets']} targets): check their answers."
        for pair in pairs
        if pair["targets"] >= FEW and pair["AC1"] < FAIR
    ]
    doubts += [
        f"{inspector} gave another class to {len(same) - sum(same)} of {len(same)} spectra seen "
        "twice: check the answers."
        for inspector, same in sorted(repeats.items())
        if len(same) >= FEW and own[inspector]["repeats with the same class"] < STEADY
    ]
    return doubts


def gwet_ac1(one: list[str], two: list[str], classes: int) -> float | None:
    """Return Gwet's AC1 of two equally long lists of classes; None where undefined.

    (p_a - p_e) / (1 - p_e) with the share p_a of equal answers and the agreement by chance
    p_e = sum_k q_k (1 - q_k) / (K - 1), where q_k is the mean share of class k and K the
    number of classes (Gwet 2008, Br. J. Math. Stat. Psychol. 61, 29, equations 5 and 6).
    Where nearly all are of one class p_e is small, while that of kappa comes close to 1.

    Parameters
    ----------
    classes : number of classes that an answer may have, K where no others occur
    """
    if not one:
        return None
    n = len(one)
    shares = Counter(one + two)
    size = max(classes, len(shares), 2)
    observed = sum(a == b for a, b in zip(one, two, strict=True)) / n
    chance = sum(k / (2 * n) * (1 - k / (2 * n)) for k in shares.values()) / (size - 1)
    return round((observed - chance) / (1 - chance), 4)


def cohen_kappa(one: list[str], two: list[str]) -> float | None:
    """Return Cohen's kappa of two equally long lists of classes; None where undefined."""
    if not one:
        return None
    n = len(one)
    observed = sum(a == b for a, b in zip(one, two, strict=True)) / n
    counts = Counter(one), Counter(two)
    expected = sum(counts[0][key] * counts[1][key] for key in counts[0]) / n**2
    return None if expected == 1 else round((observed - expected) / (1 - expected), 4)


def fleiss_kappa(ratings: Iterable[list[str]]) -> float | None:
    """Return Fleiss' kappa of the classes of each target; targets with one rating don't count."""
    counts = [Counter(classes) for classes in ratings if len(classes) > 1]
    if not counts:
        return None
    observed = np.mean(
        [sum(k * (k - 1) for k in c.values()) / (c.total() * (c.total() - 1)) for c in counts]
    )
    total = sum(counts, Counter())
    expected = sum((k / total.total()) ** 2 for k in total.values())
    return None if expected == 1 else round(float((observed - expected) / (1 - expected)), 4)


def _share(flags: list[bool]) -> float | None:
    return round(sum(flags) / len(flags), 4) if flags else None
