"""Lists of TARGETIDs."""

import numpy as np
import pytest

from quasarnet_al.core.files import InputError
from quasarnet_al.spectra.tables import read_targetids


def test_lists_of_targets(tmp_path):
    (tmp_path / "plain.txt").write_text("39627634556011093\n-5\n")
    (tmp_path / "labels.csv").write_text(
        "TARGETID,STATUS\n7,accepted\n8,not inspected\n9,low quality\n"
    )
    found = read_targetids([tmp_path / "plain.txt", tmp_path / "labels.csv"])
    assert found.tolist() == [-5, 7, 9, 39627634556011093]
    assert read_targetids([]).dtype == np.int64


def test_a_targetid_that_a_spreadsheet_mangled(tmp_path):
    (tmp_path / "list.txt").write_text("3.96276E+16\n")
    with pytest.raises(InputError, match="not a whole number"):
        read_targetids([tmp_path / "list.txt"])
