"""Scores: what an ensemble says of each spectrum, and how much its members disagree."""

from collections.abc import Sequence

import fitsio
import numpy as np

from quasarnet_al import acquisition, classify
from quasarnet_al.files import InputError
from quasarnet_al.grid import LINES
from quasarnet_al.inference import predict
from quasarnet_al.progress import progress
from quasarnet_al.tables import write_fits
from quasarnet_al.weights import Network

#: Acquisition functions by their name in the config: the column of the score table.
#: Those on votes are the published ones; `mean_` takes the members' mean probabilities.
ACQUISITIONS = {
    name: name.upper()
    for name in (
        *acquisition.METHODS,
        *(f"mean_{name}" for name in acquisition.METHODS),
        "mutual_information",
        "random",
    )
}
#: What columns of the tables SCORES and QN are.
COMMENTS = {
    **{f"C_{name}": f"confidence of {name}, 0 to 1" for name in LINES},
    **{f"Z_{name}": f"redshift if {name} is where it is surest" for name in LINES},
    "VOTE_NOT_QSO": "fraction of the members",
    "VOTE_QSO_LOWZ": "fraction of the members",
    "VOTE_QSO_HIGHZ": "fraction of the members",
    "Z_QN": "the ensemble's, of its surest line",
    "Z_MEAN": "mean over members that see a quasar, or all",
    "Z_STD": "standard deviation over the same members",
    "MEMBER_Z": "redshift of each member's best line",
    "MEMBER_C": "confidence of each member's best line",
    "BMU": "best-matching unit, row x columns + column",
    "QERR": "distance to the BMU's weights",
    "LEAST_CONFIDENCE": "1 - largest vote",
    "MARGIN": "1 - (largest vote - next)",
    "ENTROPY": "of the votes",
    "MEAN_LEAST_CONFIDENCE": "of the members' mean probabilities",
    "MEAN_MARGIN": "of the members' mean probabilities",
    "IS_QSO": "enough lines exceed the confidence cut",
    "TARGETID": "survey's identifier of the object",
    "TILEID": "DESI tile, or SDSS plate",
    "TARGET_RA": "right ascension",
    "TARGET_DEC": "declination",
    "CLASS": "of the largest mean probability",
    **{f"VOTE_{digit}": "fraction of the members" for digit in range(10)},
    "MEAN_ENTROPY": "of the members' mean probabilities",
    "MUTUAL_INFORMATION": "of class and member",
    "C_BAL": "confidence of the broad absorption line",
    "SNR": "median flux / error per grid pixel",
    "ARMS": "bits 0, 1, 2: the B, R, Z arm has weight",
    "RANDOM": "the baseline, 0 to 1",
}


def lines_of_members(
    networks: Sequence[Network], spectra: np.ndarray, threads: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what each member sees.

    Returns
    -------
    c, z : (members, n, 6), confidence and redshift of each line
    c_bal : (members, n)
    """
    found = [
        classify.line_redshifts(*predict(network, spectra, threads), network.grid)
        for network in progress(networks, "members")
    ]
    c, z, c_bal = (np.array(values) for values in zip(*found, strict=True))
    return c, z, c_bal


def combine(
    c: np.ndarray, z: np.ndarray, c_bal: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the ensemble's lines: mean confidences, and redshifts that the members share.

    A line's redshift is the median of the members', each weighted by its confidence: the
    redshift of one of them (never a mean of two that contradict each other), on the side
    that has more confidence. Arguments as from `lines_of_members`; returns c (n, 6),
    z (n, 6), c_bal (n,).
    """
    order = np.argsort(z, axis=0, kind="stable")
    weight = np.cumsum(np.take_along_axis(c, order, axis=0), axis=0, dtype=np.float64)
    middle = (weight >= weight[-1] / 2).argmax(axis=0)[None]
    median = np.take_along_axis(np.take_along_axis(z, order, axis=0), middle, axis=0)[0]
    return c.mean(axis=0), median, c_bal.mean(axis=0)


def score(
    networks: Sequence[Network],
    spectra: np.ndarray,
    targetid: np.ndarray,
    c_thresh: float,
    n_thresh: int,
    z_split: float,
    seed: int,
    threads: int = 1,
) -> dict[str, np.ndarray]:
    """Return the columns of the score table; `seed` is that of the random baseline."""
    c, z, c_bal = lines_of_members(networks, spectra, threads)
    classes, probabilities, best = [], [], []
    for member_c, member_z in zip(c, z, strict=True):
        classes.append(classify.classes(member_c, member_z, c_thresh, n_thresh, z_split))
        probabilities.append(
            classify.class_probabilities(member_c, member_z, c_thresh, n_thresh, z_split)
        )
        best.append(classify.best_redshift(member_c, member_z))
    classes, probabilities, best = np.array(classes), np.array(probabilities), np.array(best)
    votes = acquisition.votes(classes, len(classify.CLASSES))
    columns = {
        f"VOTE_{name}": votes[:, k].astype(np.float32) for k, name in enumerate(classify.CLASSES)
    }
    mean_c, median_z, mean_bal = combine(c, z, c_bal)
    columns["Z_QN"] = classify.best_redshift(mean_c, median_z)
    voters = np.where((classes > 0).any(axis=0), classes > 0, True)
    columns["Z_MEAN"] = np.mean(best, axis=0, where=voters)
    columns["Z_STD"] = np.std(best, axis=0, where=voters).astype(np.float32)
    columns |= {f"C_{name}": mean_c[:, k] for k, name in enumerate(LINES)}
    columns["C_BAL"] = mean_bal
    columns |= confusion(votes, probabilities, targetid, seed)
    columns["MEMBER_Z"] = best.T.astype(np.float32)
    columns["MEMBER_C"] = c.max(axis=2).T
    return columns


def confusion(
    votes: np.ndarray, probabilities: np.ndarray, targetid: np.ndarray, seed: int
) -> dict[str, np.ndarray]:
    """Return a column of each acquisition of `ACQUISITIONS`.

    Parameters
    ----------
    votes : (n, K), fraction of the members for each class
    probabilities : (members, n, K)
    targetid, seed : of the random baseline
    """
    columns, mean = {}, probabilities.mean(axis=0)
    for name, measure in acquisition.METHODS.items():
        columns[ACQUISITIONS[name]] = measure(votes).astype(np.float32)
        columns[ACQUISITIONS[f"mean_{name}"]] = measure(mean).astype(np.float32)
    columns["MUTUAL_INFORMATION"] = acquisition.mutual_information(probabilities).astype(np.float32)
    columns["RANDOM"] = acquisition.random(targetid, seed)
    return columns


def write_scores(path: str, columns: dict[str, np.ndarray], attributes: dict) -> None:
    """Write the table SCORES, one row a spectrum of the pool file."""
    write_fits(path, "SCORES", columns, COMMENTS, attributes)


def read_scores(path: str, columns: Sequence[str] | None = None) -> np.ndarray:
    """Return the score table, or some of its columns."""
    return read_table(path, "SCORES", "score_spectra.py", columns)


def read_map(path: str, catalog: np.ndarray, pool: str) -> np.ndarray:
    """Return the BMUs and quantization errors of the pool file `pool` with this `catalog`."""
    units = read_table(path, "MAP", "map_spectra.py", ("TARGETID", "BMU", "QERR"))
    if len(units) != len(catalog) or (units["TARGETID"] != catalog["TARGETID"]).any():
        raise InputError(path, f"is not the map of {pool}", "make it again")
    return units


def members(scores: np.ndarray, name: str) -> np.ndarray:
    """Return a column with a value a member, (n, members), of a score table."""
    # FITS drops the second axis of an ensemble of one.
    return scores[name][:, None] if scores[name].ndim == 1 else scores[name]


def read_table(
    path: str,
    extension: str,
    maker: str,
    columns: Sequence[str] | None = None,
    others: Sequence[str] = (),
) -> np.ndarray:
    """Read a FITS table in the machine's byte order; `maker` is the program to run again.

    Where `columns` are named, all of their values must be finite numbers; those of `others`,
    which are read beside them, may be anything.
    """
    try:
        with fitsio.FITS(str(path)) as fits:
            wanted = [*columns, *others] if columns else None
            missing = set(wanted or ()) - set(fits[extension].get_colnames())
            if missing:
                raise ValueError(f"it has no column {', '.join(sorted(missing))}")
            rows = fits[extension].read(columns=wanted)
        for name in columns or ():
            if rows.dtype[name].kind not in "fiu" or not np.isfinite(rows[name]).all():
                raise ValueError(f"{name} has values that are no finite numbers")
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(
            path, f"has no readable table {extension} ({error})", f"make it with {maker}"
        ) from error
    return rows.astype(rows.dtype.newbyteorder("="))
