"""Training and validation sets; lists of TARGETIDs."""

import numpy as np
import pandas as pd
import pytest

from quasarnet_al import pool, sets, tables
from quasarnet_al.files import InputError


def test_validation_does_not_depend_on_what_else_is_there():
    targetid = np.arange(2000) + 39627634556011093
    chosen = sets.in_validation(targetid, 0.3, seed=4)
    assert chosen.mean() == pytest.approx(0.3, abs=0.04)
    some = np.array([1500, 3, 3, 77])
    np.testing.assert_array_equal(sets.in_validation(targetid[some], 0.3, 4), chosen[some])
    assert not sets.in_validation(targetid, 0, 4).any()
    assert sets.in_validation(targetid, 1, 4).all()


def batch():
    catalog = pool.catalog(3)
    catalog["TARGETID"] = [11, 12, 13]
    return catalog


def labels(**columns):
    table = {"TARGETID": [13, 12, 11], "SPECTYPE": ["QSO", "STAR", "QSO"], "Z": [2.0, 0.0, 1.0]}
    return pd.DataFrame(table | {"BAL": [1, 0, -1], "ACCEPTED": [1, 0, 1]} | columns)


def test_only_accepted_labels_count():
    accepted, rows = sets.batch_labels(batch(), labels(), "labels.csv", "inspection")
    assert accepted.tolist() == [True, False, True]
    assert rows["TARGETID"].tolist() == [11, 13]
    assert rows["Z"].tolist() == [1.0, 2.0]
    assert rows["BAL"].tolist() == [-1, 1]


def test_labels_of_another_batch_are_refused():
    with pytest.raises(InputError, match="lacks spectra"):
        sets.batch_labels(batch(), labels(TARGETID=[13, 12, 99]), "labels.csv", "inspection")


def test_lists_of_targets(tmp_path):
    (tmp_path / "plain.txt").write_text("39627634556011093\n-5\n")
    (tmp_path / "labels.csv").write_text(
        "TARGETID,STATUS\n7,accepted\n8,not inspected\n9,low quality\n"
    )
    found = tables.read_targetids([tmp_path / "plain.txt", tmp_path / "labels.csv"])
    assert found.tolist() == [-5, 7, 9, 39627634556011093]
    assert tables.read_targetids([]).dtype == np.int64


def test_a_targetid_that_a_spreadsheet_mangled(tmp_path):
    (tmp_path / "list.txt").write_text("3.96276E+16\n")
    with pytest.raises(InputError, match="no whole number"):
        tables.read_targetids([tmp_path / "list.txt"])
