"""Lists of TARGETIDs."""

import numpy as np
import pytest

from quasarnet_al import tables
from quasarnet_al.files import InputError


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
