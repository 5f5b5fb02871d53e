"""Training and validation sets, and the labels of a batch."""

import numpy as np
import pandas as pd
import pytest

from quasarnet_al.core.files import InputError
from quasarnet_al.spectra import pool, sets
from quasarnet_al.tasks.registry import TASKS


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


def test_answered_rows_keep_their_place_in_the_batch(tmp_path):
    labels().to_csv(tmp_path / "labels.csv", index=False)
    batch = pd.DataFrame({"TARGETID": [11, 12, 13], "VOTE_NOT_QSO": [0.1, 0.2, 0.3]})
    found = TASKS["quasar"].answered(batch, tmp_path / "labels.csv", z_split=1.5)
    assert found.index.tolist() == [0, 2]  # the label of 12 is not accepted
    assert found["VOTE_NOT_QSO"].tolist() == [0.1, 0.3]
    assert found["LABEL_Z"].tolist() == [1.0, 2.0]
    assert found["TRUTH"].tolist() == [1, 2]
    with pytest.raises(InputError, match="lacks spectra"):
        TASKS["quasar"].answered(batch.replace(12, 99), tmp_path / "labels.csv", 1.5)
