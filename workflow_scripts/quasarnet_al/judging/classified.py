"""The table QN: what networks find in spectra, and how far it can be trusted."""

from collections.abc import Sequence

import numpy as np

from quasarnet_al.judging import calibration
from quasarnet_al.network.lines import Lines, combined_redshift
from quasarnet_al.network.weights import Network
from quasarnet_al.spectra.grid import LINES

#: Columns of the spectra's catalogue that the table has too.
KEPT = ("TARGETID", "TILEID", "TARGET_RA", "TARGET_DEC", "SNR", "ARMS")


def columns(
    catalog: np.ndarray, networks: Sequence[Network], found: Lines
) -> dict[str, np.ndarray]:
    """Return the columns of the table, (n,) each.

    Parameters
    ----------
    catalog : CATALOG of n spectra
    networks : one network, or the members of an ensemble
    found : the lines that they see, combined
    """
    table = {name: catalog[name] for name in KEPT}
    for number, line in enumerate(LINES):
        table |= {f"C_{line}": found.c[:, number], f"Z_{line}": found.z[:, number]}
    table |= {"Z_QN": combined_redshift(found.c, found.z), "C_BAL": found.c_bal}
    return table | reliability(networks, found)


def reliability(networks: Sequence[Network], found: Lines) -> dict[str, np.ndarray]:
    """Return the columns P_QSO and Z_ERR, float32 (n,).

    They are NaN where nobody has measured the reliability: in other weights, and in an ensemble,
    whose members are each calibrated for themselves.
    """
    known = calibration.of_network(networks[0].attributes) if len(networks) == 1 else None
    if known is None:
        unknown = np.full(len(found.c), np.nan, np.float32)
        return {"P_QSO": unknown, "Z_ERR": unknown}
    return {
        "P_QSO": known.probability(found).astype(np.float32),
        "Z_ERR": known.redshift_error(found).astype(np.float32),
    }
