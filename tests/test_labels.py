"""Whatever people put into the folder of a round: no label is lost or changes hands unsaid."""

import pytest

from helpers.label_cases import CASES, fault_of


@pytest.mark.parametrize("name", CASES)
def test_labels_of_people(name, tmp_path):
    assert fault_of(name, tmp_path / "case") == ""
