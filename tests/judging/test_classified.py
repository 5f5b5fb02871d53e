"""The table of what networks find in spectra."""

import dataclasses

import numpy as np

from helpers.networks import random_network
from quasarnet_al.judging import calibration, classified
from quasarnet_al.network.lines import Lines
from quasarnet_al.spectra import pool
from quasarnet_al.spectra.grid import LINES

KNOWN = calibration.Reliability(
    0.95, 1, 2.1, calibration.Calibration(1.0, (0.0, 0.0, 0.0)), (1500.0, 900, 500, 400, 300)
)


def found(count=3):
    c = np.zeros((count, 6))
    c[:, 1], c[:, 2] = 0.9, 0.3
    z = np.full((count, 6), 2.0)
    z[:, 2] = 2.01
    return Lines(c, z, np.full(count, 0.2))


def test_columns():
    seen, catalog = found(), pool.catalog(3, "x")
    catalog["TARGETID"], catalog["ARMS"] = [5, 6, 7], [7, 7, 1]
    table = classified.columns(catalog, [random_network(layers=3)], seen)
    assert table["TARGETID"].tolist() == [5, 6, 7]
    assert table["ARMS"].tolist() == [7, 7, 1]
    assert [name for name in table if name.startswith("C_")] == [
        *(f"C_{line}" for line in LINES), "C_BAL"
    ]  # fmt: skip
    # The mean of two lines that agree, weighted by their confidences, in ln(1 + z).
    expected = 3.0 * np.exp(0.3 / 1.2 * np.log(3.01 / 3.0)) - 1
    np.testing.assert_allclose(table["Z_QN"], expected)


def test_reliability_is_that_of_one_network_that_has_it():
    network = random_network(layers=3)
    known = dataclasses.replace(network, attributes=KNOWN.attribute())
    for networks in ([network], [known, known]):
        table = classified.reliability(networks, found())
        assert np.isnan(table["P_QSO"]).all() and np.isnan(table["Z_ERR"]).all()
    table = classified.reliability([known], found())
    # A line of 0.9 has a logit of 2.2, in the first bin.
    np.testing.assert_allclose(table["Z_ERR"], 1500 * 3.0025 / 299792.458, rtol=1e-3)
    # A quasar's odds are 9, those of none 19.
    np.testing.assert_allclose(table["P_QSO"], 9 / 28, rtol=1e-5)
