"""The check of a release: its table against counts by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import check_release
from helpers.networks import random_network
from quasarnet_al.core.files import InputError
from quasarnet_al.judging import check
from quasarnet_al.judging.statistics import LIGHT_SPEED
from quasarnet_al.network import weights
from quasarnet_al.spectra import pool, sets
from quasarnet_al.spectra.grid import LOG

KMS = 1 / LIGHT_SPEED


def spectra(**changes):
    """Six spectra of two sets, seen by one network."""
    columns = {
        "WEIGHTS": "ours.h5",
        "SET": ["b"] * 4 + ["a"] * 2,
        "SPECTYPE": ["QSO", "QSO", "QSO", "STAR", "QSO", "GALAXY"],
        "Z": [1.2, 2.2, 3.2, 0.0, 0.5, 0.7],
        "BAL": [1, 0, 1, 0, -1, 0],
        "SNR": [0.5, 2.0, 5.0, 20.0, 2.0, 0.5],
        "CONFIDENCE": [0.99, 0.7, 0.99, 0.6, 0.4, 0.1],
        "C_BAL": [0.9, 0.8, 0.1, 0.9, 0.9, 0.0],
        "DZ": [-900 * KMS, 100 * KMS, 0.03, 0.0, 0.0, 0.0],
        "Z_ERR": [2.2 * 600 * KMS, 3.2 * 600 * KMS, np.nan, np.nan, 0.1, np.nan],
        "P_QSO": [0.9, 0.7, 0.9, 0.6, 0.6, 0.1],
    }
    return pd.DataFrame(columns | changes)


def test_counts_by_set_and_cut():
    table = check.check(spectra(), [0.5, 0.95]).set_index(["weights", "group", "cut"])
    columns = ["quasars", "found", "right", "completeness", "others", "others_taken"]
    counts = table[columns].loc["ours.h5"]
    assert counts.loc[("b", 0.5)].tolist() == [3, 3, 2, pytest.approx(2 / 3), 1, 1]
    assert counts.loc[("b", 0.95)].tolist() == [3, 2, 1, pytest.approx(1 / 3), 1, 0]
    assert counts.loc[("a", 0.5)].tolist() == [1, 0, 0, 0, 1, 0]
    assert counts.loc[("all", 0.5)].tolist() == [4, 3, 2, 0.5, 2, 1]


def test_redshifts_and_their_errors():
    row = check.check(spectra(), [0.5]).set_index("group").loc["b"]
    assert row["catastrophic"] == 1
    assert row["median_kms"] == pytest.approx(-400)
    # 100 km/s is within one sigma of 600, 900 within two; the third has no error.
    assert row["within_1_sigma"] == 0.5
    assert row["within_2_sigma"] == 1


def test_broad_absorption_and_purity():
    row = check.check(spectra(), [0.5]).set_index("group").loc["all"]
    # Of two with broad absorption one is called so, with one that has none.
    assert row["bal_completeness"] == 0.5
    assert row["bal_purity"] == 0.5
    # The strongest cut with a purity of 0.99 would need both at 0.99 to be right.
    assert row["completeness_at_purity"] == 0


def test_probabilities():
    table = check.check(spectra(), [0.5]).set_index("group")
    assert table.loc["all", "p_qso"] == pytest.approx(3.8 / 6)
    # One of two of 0.6 is right, that of 0.7, and all three of 0.9 (one says 0.1, for a galaxy).
    assert table.loc["all", "p_qso_error"] == pytest.approx((0.2 + 0.3 + 0.3) / 6)
    # Quasars alone say nothing of a probability.
    assert np.isnan(table.loc["z below 1", "p_qso"])
    halved = spectra(P_QSO=[0.45, 0.35, 0.45, 0.3, 0.3, 0.05])
    worse = check.check(halved, [0.5]).set_index("group")
    assert worse.loc["all", "p_qso_error"] > 2 * table.loc["all", "p_qso_error"]
    unknown = check.check(spectra(P_QSO=np.nan), [0.5]).set_index("group")
    assert unknown[["p_qso", "p_qso_error"]].isna().all(axis=None)


def test_objects_that_another_survey_taught_are_left_out(tmp_path):
    """The TARGETIDs of SDSS and DESI differ; the place on the sky does not."""
    labels, catalog = pool.labels(3, "desi"), pool.catalog(3)
    labels["TARGETID"] = labels["OBJECT"] = catalog["TARGETID"] = [1, 2, 3]
    labels["SPECTYPE"], labels["Z"] = "QSO", 2.0
    catalog["TARGET_RA"], catalog["TARGET_DEC"] = [10.0, 20.0, 30.0], 5.0
    flux = np.zeros((3, LOG.size), np.float32)
    pool.write(tmp_path / "desi.fits", flux, catalog, LOG, labels)
    learned = sets.Labelled(flux[:2], catalog[1:].copy(), labels[1:].copy())
    learned.labels["TARGETID"] = learned.labels["OBJECT"] = [77, 3]
    learned.catalog["TARGET_RA"] = [20.0001, 99.0]
    network = {"a.h5": random_network()}
    table = check.spectra(network, [str(tmp_path / "desi.fits")], [learned], 1)
    assert table["TARGETID"].tolist() == [1]


def test_bins_of_signal_to_noise_and_of_redshift():
    table = check.check(spectra(), [0.5]).set_index("group")
    counts = table[["quasars", "others"]]
    assert counts.loc["S/N below 1"].tolist() == [1, 1]
    assert counts.loc["S/N 1–3"].tolist() == [2, 0]
    assert counts.loc["S/N from 10"].tolist() == [0, 1]
    # What is no quasar has no redshift to find.
    assert counts.loc["z below 1"].tolist() == [1, 0]
    assert counts.loc["z from 3"].tolist() == [1, 0]
    assert "z 1.5–2.1" not in counts.index


def test_networks_are_compared_in_their_order():
    both = pd.concat([spectra(WEIGHTS="z.h5"), spectra(WEIGHTS="a.h5", CONFIDENCE=0.0)])
    table = check.check(both, [0.5])
    assert table["weights"].unique().tolist() == ["z.h5", "a.h5"]
    assert table[(table["weights"] == "a.h5") & (table["group"] == "all")]["found"].item() == 0


def test_repeats():
    """Pairs of one object: how often the class agrees, how far the redshifts are apart."""
    seen = pd.DataFrame(
        {
            "OBJECT": [1, 1, 1, 2, 2, 3],
            "CONFIDENCE": [0.9, 0.9, 0.9, 0.9, 0.1, 0.9],
            "Z_QN": [2.0, 2.0, 2.0 + 3 * 300 * KMS, 1.0, 1.1, 0.3],
        }
    )
    found = check.repeats(seen, 0.5)
    assert (found["objects"], found["same_class"], found["pairs"]) == (2, 1, 3)
    assert found["apart_kms"] == pytest.approx(300, rel=0.01)
    assert np.isnan(check.repeats(seen[3:], 0.5)["apart_kms"])


def test_an_ensemble_is_refused(tmp_path):
    """It would be a network of many, and the table has a row for each file."""
    weights.pack(tmp_path / "e.h5", [replace(random_network(), name=name) for name in "ab"], {})
    words = ["--weights", str(tmp_path / "e.h5"), "--labelled", "a.fits"]
    words += ["--table", str(tmp_path / "t.csv"), "--spectra", str(tmp_path / "s.csv")]
    with pytest.raises(InputError, match=r"e\.h5: an ensemble is among them; give networks"):
        check_release.main(words)
