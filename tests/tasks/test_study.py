"""The study of query strategies: what it takes from a truth table."""

import numpy as np
import pandas as pd
import pytest

from quasarnet_al.core.files import InputError
from quasarnet_al.network.lines import Classification
from quasarnet_al.network.recipe import Recipe
from quasarnet_al.spectra import pool
from quasarnet_al.tasks.study import Study

STUDY = Study("quasar", Classification(), Recipe(), 1)


def catalog(targets):
    table = pool.catalog(len(targets), "x")
    table["TARGETID"] = targets
    return table


def test_spectra_without_a_label_are_left_out(tmp_path, capsys):
    """A merged table of inspections has unresolved rows, and a pool has other targets."""
    truth = tmp_path / "truth.csv"
    pd.DataFrame(
        {
            "TARGETID": [1, 2, 3],
            "BEST_Z": [2.1, 0.5, 0.0],
            "BEST_SPECTYPE": ["QSO", "GALAXY", "STAR"],
            "BEST_QUALITY": [4, 999, 3],
        }
    ).to_csv(truth, index=False)
    judged = np.zeros(0, int)
    labels, known = STUDY._labels(str(truth), catalog([9, 3, 2, 1]), judged)
    np.testing.assert_array_equal(known, [False, True, False, True])
    assert labels["SPECTYPE"].tolist() == ["STAR", "QSO"] and labels["Z"].tolist() == [0.0, 2.1]
    assert "2 of 4 spectra" in capsys.readouterr().out
    with pytest.raises(InputError, match="no label for any target"):
        STUDY._labels(str(truth), catalog([8, 9]), judged)
    # Nobody may buy what the networks are judged on.
    labels, known = STUDY._labels(str(truth), catalog([1, 3, 1]), np.array([1, 7]))
    np.testing.assert_array_equal(known, [False, True, False])
    assert labels["TARGETID"].tolist() == [3]
    assert "2 of 3 spectra are of objects to judge on" in capsys.readouterr().out
    with pytest.raises(InputError, match="not judged on"):
        STUDY._labels(str(truth), catalog([1]), np.array([1]))
