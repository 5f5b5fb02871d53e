"""The columns of all tables: types, defaults, units and meaning."""

from typing import TYPE_CHECKING

import numpy as np

from quasarnet_al.spectra.grid import LINES

if TYPE_CHECKING:
    pass


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
    "FLAW": "roughness at sky lines; 1e6: data missing",
    "LEAST_CONFIDENCE": "1 - largest vote",
    "MARGIN": "1 - (largest vote - next)",
    "ENTROPY": "of the votes",
    "MEAN_LEAST_CONFIDENCE": "of the members' mean probabilities",
    "MEAN_MARGIN": "of the members' mean probabilities",
    "IS_BAL": "whether C_BAL exceeds 0.5",
    "EXPOSURES": "spectra of the object in the tables",
    "SCORE": "what the acquisition function gives",
    "REASON": "why not in the batch; empty where it is",
    "IS_QSO": "enough lines exceed the confidence cut",
    "TARGETID": "survey's identifier of the object",
    "TILEID": "DESI tile, or SDSS plate",
    "TARGET_RA": "right ascension",
    "TARGET_DEC": "declination",
    "CLASS": "of the largest mean probability",
    **{f"VOTE_{digit}": "fraction of the members" for digit in range(10)},
    "MEAN_ENTROPY": "of the members' mean probabilities",
    "MUTUAL_INFORMATION": "of class and member",
    "POSITIVE": "mean probability of not the first class",
    "PREDICTED": "number of the class with most votes",
    "C_BAL": "confidence of the broad absorption line",
    "SNR": "median flux / error per grid pixel",
    "ARMS": "bits 0, 1, 2: the B, R, Z arm has weight",
    "RANDOM": "the baseline, 0 to 1",
}
#: What a label, or the survey's pipeline, may call an object.
SPECTYPES = ("QSO", "GALAXY", "STAR")
#: Columns of CATALOG, with their defaults where a survey does not tell.
CATALOG = {
    "TARGETID": ("i8", -1, "survey's identifier of the object"),
    "TILEID": ("i4", -1, "DESI tile, or SDSS plate"),
    "PETAL_LOC": ("i2", -1, "petal 0-9"),
    "FIBER": ("i4", -1, "fibre number"),
    "TARGET_RA": ("f8", np.nan, "right ascension"),
    "TARGET_DEC": ("f8", np.nan, "declination"),
    "FLUX_G": ("f4", np.nan, "imaging flux"),
    "FLUX_R": ("f4", np.nan, "imaging flux"),
    "FLUX_Z": ("f4", np.nan, "imaging flux"),
    "Z": ("f8", np.nan, "the survey pipeline's redshift"),
    "ZWARN": ("i8", -1, "the survey pipeline's warning bits"),
    "SPECTYPE": ("U6", "", "the survey pipeline's class"),
    "SNR": ("f4", np.nan, "median flux / error per grid pixel"),
    "ARMS": ("i2", 0, "bits 0, 1, 2: the B, R, Z arm has weight"),
    "ROW": ("i4", -1, "row in SOURCE"),
}
LABELS = {
    "TARGETID": ("i8", -1, "as in CATALOG"),
    "SPECTYPE": ("U6", "", "QSO, GALAXY or STAR"),
    "Z": ("f8", np.nan, "redshift"),
    "BAL": ("i2", -1, "broad absorption: 1 yes, 0 no, -1 not looked at"),
    "WEIGHT": ("f4", 1, "weight in training"),
    "OBJECT": ("i8", -1, "one number for all spectra of an object"),
}
#: Units of columns, in FITS' words, wherever they stand.
UNITS = (
    dict.fromkeys(("TARGET_RA", "TARGET_DEC"), "deg")
    | dict.fromkeys(("FLUX_G", "FLUX_R", "FLUX_Z"), "nanomaggy")
    | dict.fromkeys(("ENTROPY", "MEAN_ENTROPY", "MUTUAL_INFORMATION"), "bit")
)
