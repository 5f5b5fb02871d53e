"""The check of a release: what networks find in spectra of known class and redshift."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from quasarnet_al.judging import calibration, votes
from quasarnet_al.judging.metrics import (
    BAL_CUT,
    CATASTROPHIC,
    WANTED_PURITY,
    completeness_at_purity,
)
from quasarnet_al.judging.statistics import ratio, sigma_nmad, velocity, wilson
from quasarnet_al.learning import scores
from quasarnet_al.network import lines
from quasarnet_al.network.weights import Network
from quasarnet_al.spectra import sets
from quasarnet_al.spectra.grid import LIGHT_SPEED

if TYPE_CHECKING:
    import pandas as pd

#: A redshift of the check of a release is right within this, |dz| / (1 + z).
RIGHT = 0.01
#: Edges of bins: S/N per pixel of the grid, and redshift.
SNR_EDGES = (1.0, 3.0, 10.0)
Z_EDGES = (1.0, 1.5, 2.1, 3.0)


def spectra(
    networks: Mapping[str, Network],
    paths: Sequence[str],
    learned: Sequence[sets.Labelled],
    n_thresh: int,
) -> "pd.DataFrame":
    """Return a row per network and spectrum of labelled sets, as `check` takes them.

    Parameters
    ----------
    networks : by the name that the table has for each; all of one grid
    paths : of the sets, which give them their names
    learned : what the networks learned from: the same objects are left out, also those that
        another survey has observed (`sets.objects`)
    n_thresh : number of lines that make a quasar; CONFIDENCE is that of the last of them

    Raises
    ------
    InputError for a set that is on another grid
    """
    import pandas as pd  # takes longer to start than the rest

    tables = []
    grid = next(iter(networks.values())).grid
    known = {path: sets.Labelled.read(path, grid) for path in paths}
    new = {path: each[sets.unlearned(each, learned)] for path, each in known.items()}
    for name, network in networks.items():
        reliability = calibration.of_network(network.attributes)
        for path, each in new.items():
            found = scores.combine(scores.lines_of_members([network], each.spectra))
            table = pd.DataFrame({"WEIGHTS": name, "SET": Path(path).stem}, range(len(each.labels)))
            for column in ("TARGETID", "OBJECT", "SPECTYPE", "Z", "BAL"):
                table[column] = each.labels[column]
            table["SNR"] = each.catalog["SNR"]
            # The strongest line decides at n_thresh 1, the second strongest at 2 ...
            table["CONFIDENCE"] = np.sort(found.c, axis=1)[:, -n_thresh]
            table["C_BAL"] = found.c_bal
            table["Z_QN"] = lines.combined_redshift(found.c, found.z)
            table["Z_ERR"] = reliability.redshift_error(found) if reliability else np.nan
            table["P_QSO"] = reliability.probability(found) if reliability else np.nan
            table["DZ"] = velocity(table["Z_QN"].to_numpy(), each.labels["Z"]) / LIGHT_SPEED
            tables.append(table)
    return pd.concat(tables, ignore_index=True)


def check(spectra: "pd.DataFrame", cuts: Sequence[float]) -> "pd.DataFrame":
    """Return what networks find in known spectra: a row per network, group of spectra and cut.

    The groups are the sets, then all spectra, and all in bins of S/N and of redshift.

    Parameters
    ----------
    spectra : a row per network and spectrum: WEIGHTS, SET, SPECTYPE, Z, BAL, SNR, CONFIDENCE,
        C_BAL, DZ = (Z_QN - Z) / (1 + Z), Z_ERR and P_QSO (NaN where the network does not know them)
    cuts : confidences above which a spectrum is taken for a quasar

    Returns
    -------
    DataFrame : weights, group, cut; quasars, found, right (found, with |DZ| < `RIGHT`);
        completeness = right / quasars and its 95 % interval; others, and how many of them are taken
        for quasars; of the quasars found: catastrophic (how many redshifts are off by more than
        `CATASTROPHIC`), of the rest the median and scatter of the redshift error, and the shares
        within one and two Z_ERR; completeness_at_purity (whatever the cut, redshifts off by less
        than `CATASTROPHIC`); the mean of P_QSO, which should be quasars / (quasars + others), and
        its calibration error (`votes.calibration`), in groups of both kinds; completeness and
        purity of the BAL output. NaN where a group has nothing to judge
    """
    import pandas as pd  # takes longer to start than the rest

    rows = []
    for weights, each in spectra.groupby("WEIGHTS", sort=False):
        for group, here in _groups(each):
            known = each[here]
            rows += [
                {"weights": weights, "group": group, "cut": cut} | _found(known, cut)
                for cut in cuts
                if len(known)
            ]
    return pd.DataFrame(rows)


def _groups(spectra: "pd.DataFrame") -> list[tuple[str, np.ndarray]]:
    names = spectra["SET"].unique()
    groups = [(str(name), (spectra["SET"] == name).to_numpy()) for name in names]
    groups.append(("all", np.ones(len(spectra), bool)))
    for column, label, edges in (("SNR", "S/N", SNR_EDGES), ("Z", "z", Z_EDGES)):
        values = spectra[column].to_numpy()
        # Only quasars have a redshift that the networks should find.
        kind = np.ones(len(spectra), bool) if column == "SNR" else spectra["SPECTYPE"] == "QSO"
        for low, high in itertools.pairwise((-np.inf, *edges, np.inf)):
            name = f"{low:g}–{high:g}" if np.isfinite([low, high]).all() else f"below {high:g}"
            name = f"from {low:g}" if np.isinf(high) else name
            groups.append((f"{label} {name}", np.asarray(kind & (values >= low) & (values < high))))
    return groups


def _found(known: "pd.DataFrame", cut: float) -> dict:
    """Return the row of `check` for some spectra of one network."""
    quasar = (known["SPECTYPE"] == "QSO").to_numpy()
    strength, error = known["CONFIDENCE"].to_numpy(), known["DZ"].to_numpy() * LIGHT_SPEED
    taken = strength > cut
    right = int((quasar & taken & (np.abs(known["DZ"]) < RIGHT)).sum())
    found = quasar & taken
    precise = found & (np.abs(error) < CATASTROPHIC)
    sigma = known["Z_ERR"].to_numpy() * LIGHT_SPEED / (1 + known["Z"].to_numpy())
    sure = precise & np.isfinite(sigma)
    low, high = wilson(right, int(quasar.sum()))
    bal_known = quasar & (known["BAL"] >= 0).to_numpy()
    bal, called = bal_known & (known["BAL"] == 1), bal_known & (known["C_BAL"] > BAL_CUT)

    p, p_error = known["P_QSO"].to_numpy(float), np.nan
    if np.isfinite(p).all() and quasar.any() and not quasar.all():
        p_error = votes.calibration(np.stack([1 - p, p], axis=1), quasar)["expected_error"]

    def within(deviations: float) -> float:
        return ratio(int((np.abs(error) < deviations * sigma)[sure].sum()), int(sure.sum()))

    return {
        "quasars": int(quasar.sum()),
        "found": int(found.sum()),
        "right": right,
        "completeness": ratio(right, int(quasar.sum())),
        "completeness_low": low,
        "completeness_high": high,
        "others": int((~quasar).sum()),
        "others_taken": int((~quasar & taken).sum()),
        "catastrophic": int((found & ~precise).sum()),
        "median_kms": float(np.median(error[precise])) if precise.any() else np.nan,
        "sigma_nmad_kms": sigma_nmad(error[precise]),
        "within_1_sigma": within(1),
        "within_2_sigma": within(2),
        "completeness_at_purity": completeness_at_purity(
            quasar & (np.abs(error) < CATASTROPHIC), strength, int(quasar.sum()), WANTED_PURITY
        ),
        "p_qso": p.mean() if np.isfinite(p_error) else np.nan,
        "p_qso_error": p_error,
        "bal_completeness": ratio(int((bal & called).sum()), int(bal.sum())),
        "bal_purity": ratio(int((bal & called).sum()), int(called.sum())),
    }


def repeats(spectra: "pd.DataFrame", cut: float) -> dict:
    """Return how far a network agrees with itself on objects that have more than one spectrum.

    Parameters
    ----------
    spectra : a row per spectrum of one network: OBJECT, CONFIDENCE, Z_QN

    Returns
    -------
    objects : with more than one spectrum
    same_class : of them, those whose spectra are all taken for quasars, or none is
    pairs : of spectra of one object, both taken
    apart_kms : median difference of their redshifts, NaN without pairs
    """
    groups = [group for _, group in spectra.groupby("OBJECT") if len(group) > 1]
    apart: list[float] = []
    for group in groups:
        z = group.loc[group["CONFIDENCE"] > cut, "Z_QN"]
        apart += [abs(float(velocity(a, b))) for a, b in itertools.combinations(z, 2)]
    same = sum((group["CONFIDENCE"] > cut).nunique() == 1 for group in groups)
    return {
        "objects": len(groups),
        "same_class": same,
        "pairs": len(apart),
        "apart_kms": float(np.median(apart)) if apart else np.nan,
    }
