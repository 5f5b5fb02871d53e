"""The columns of all tables: type, default, unit and meaning, each in one place."""

from dataclasses import dataclass

import numpy as np

from quasarnet_al.spectra.grid import LINES


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    kind : its type, as numpy has it
    meaning : at most 47 characters, so that it fits beside the name in a FITS header
    default : value where nothing is known
    unit : in FITS' words, empty where it has none
    """

    kind: str
    meaning: str = ""
    default: float | str = 0
    unit: str = ""


#: What a label, or the survey's pipeline, may call an object.
SPECTYPES = ("QSO", "GALAXY", "STAR")
#: Redshifts that a label can have: no star is bluer, and Lya leaves the grid at 7.2.
Z_RANGE = (-0.01, 7.2)
#: A star's redshift is a velocity below 3000 km/s, and no quasar is as close.
STAR_Z = 0.01


def impossible(spectype: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return which objects are not at a redshift that their class can have, bool (n,).

    Digits, and other classes, have none.
    """
    contradicting = ((spectype == "QSO") & (z < STAR_Z)) | (
        (spectype == "STAR") & (np.abs(z) > STAR_Z)
    )
    inside = (z >= Z_RANGE[0]) & (z <= Z_RANGE[1])
    return np.isin(spectype, SPECTYPES) & (contradicting | ~inside)


_OF_MEMBERS = "of the members' mean probabilities"
#: Every column, by name. Z, and what stands for an object, are of the table that they are in.
COLUMNS = {
    # Who it is, and where
    "TARGETID": Column("i8", "survey's identifier of the object", -1),
    "TILEID": Column("i4", "DESI tile, or SDSS plate", -1),
    "PETAL_LOC": Column("i2", "petal 0-9", -1),
    "FIBER": Column("i4", "fibre number", -1),
    "TARGET_RA": Column("f8", "right ascension", np.nan, "deg"),
    "TARGET_DEC": Column("f8", "declination", np.nan, "deg"),
    "FLUX_G": Column("f4", "imaging flux", np.nan, "nanomaggy"),
    "FLUX_R": Column("f4", "imaging flux", np.nan, "nanomaggy"),
    "FLUX_Z": Column("f4", "imaging flux", np.nan, "nanomaggy"),
    "SNR": Column("f4", "median flux / error per grid pixel", np.nan),
    "ARMS": Column("i2", "bits 0, 1, 2: the B, R, Z arm has weight", 0),
    "ROW": Column("i4", "row in SOURCE", -1),
    "SOURCE": Column("U", "file it was read from"),
    "EXPOSURES": Column("i4", "spectra of the object in the tables"),
    # What it is
    "Z": Column("f8", "redshift", np.nan),
    "ZWARN": Column("i8", "the survey pipeline's warning bits", -1),
    "SPECTYPE": Column("U6", "QSO, GALAXY or STAR", ""),
    "BAL": Column("i2", "broad absorption: 1 yes, 0 no, -1 not looked at", -1),
    "WEIGHT": Column("f4", "weight in training", 1),
    "OBJECT": Column("i8", "one number for all spectra of an object", -1),
    "ORIGIN": Column("U", "where the label comes from"),
    # What the networks say
    **{f"C_{name}": Column("f4", f"confidence of {name}, 0 to 1") for name in LINES},
    "C_BAL": Column("f4", "confidence of the broad absorption line"),
    **{f"Z_{name}": Column("f4", f"redshift if the line is {name}") for name in LINES},
    "Z_QN": Column("f4", "mean redshift of the lines that agree"),
    "Z_ERR": Column("f4", "1 sigma, if the lines are right; NaN: not known"),
    "P_QSO": Column("f4", "calibrated probability; NaN: not known"),
    "Z_MEAN": Column("f4", "mean over members that see a quasar, or all"),
    "Z_STD": Column("f4", "standard deviation over the same members"),
    "IS_QSO": Column("?", "enough lines exceed the confidence cut"),
    "IS_BAL": Column("?", "whether C_BAL exceeds 0.5"),
    "MEMBER_Z": Column("f4", "redshift of each member's best line"),
    "MEMBER_C": Column("f4", "confidence of each member's best line"),
    "VOTE_NOT_QSO": Column("f4", "fraction of the members"),
    "VOTE_QSO_LOWZ": Column("f4", "fraction of the members"),
    "VOTE_QSO_HIGHZ": Column("f4", "fraction of the members"),
    **{f"VOTE_{digit}": Column("f4", "fraction of the members") for digit in range(10)},
    "CLASS": Column("U", "class of the largest mean probability"),
    # How uncertain the ensemble is, and what was selected
    "LEAST_CONFIDENCE": Column("f4", "1 - largest vote"),
    "MARGIN": Column("f4", "1 - (largest vote - next)"),
    "ENTROPY": Column("f4", "of the votes", unit="bit"),
    "MEAN_LEAST_CONFIDENCE": Column("f4", _OF_MEMBERS),
    "MEAN_MARGIN": Column("f4", _OF_MEMBERS),
    "MEAN_ENTROPY": Column("f4", _OF_MEMBERS, unit="bit"),
    "MUTUAL_INFORMATION": Column("f4", "of class and member", unit="bit"),
    "RANDOM": Column("f4", "random score of the baseline, 0 to 1"),
    "BMU": Column("i4", "best-matching unit, row x columns + column"),
    "QERR": Column("f4", "distance to the BMU's weights"),
    "FLAW": Column("f4", "above 1: flawed; of coadds alone"),
    "POSITIVE": Column("f4", "mean probability of not the first class"),
    "PREDICTED": Column("i4", "number of the class with most votes"),
    "SCORE": Column("f4", "value of the acquisition function"),
    "REASON": Column("U", "why not in the batch; empty where it is"),
}


def _table(*names: str, **others: Column) -> dict[str, Column]:
    """Return the columns of a table, in its order; `others` replace some."""
    return {name: others.get(name, COLUMNS[name]) for name in names}


#: A pool file's table of spectra, beside SOURCE; what a survey does not say has its default.
CATALOG = _table(
    *("TARGETID", "TILEID", "PETAL_LOC", "FIBER", "TARGET_RA", "TARGET_DEC"),
    *("FLUX_G", "FLUX_R", "FLUX_Z", "Z", "ZWARN", "SPECTYPE", "SNR", "FLAW", "ARMS", "ROW"),
    Z=Column("f8", "the survey pipeline's redshift", np.nan),
    SPECTYPE=Column("U6", "the survey pipeline's class", ""),
)
#: The labels of a labelled set, beside ORIGIN.
LABELS = _table(
    *("TARGETID", "SPECTYPE", "Z", "BAL", "WEIGHT", "OBJECT"),
    TARGETID=Column("i8", "as in CATALOG", -1),
)
