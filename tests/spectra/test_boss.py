"""BOSS spectra and QuasarNET's training pair become labelled sets."""

import numpy as np
import pytest

from helpers import samples
from quasarnet_al.core.files import InputError
from quasarnet_al.spectra import boss, grid, sets


def test_real_spectra(shared_data):
    paths = sorted((shared_data / "boss").glob("spec-*.fits"))
    extraction, labels = boss.extract_spec(paths, grid.LOG)
    assert len(labels) + sum(extraction.dropped.values()) == len(paths) == 40
    assert extraction.dropped == {"redshift warning": 1}
    first = labels[0]
    assert first["TARGETID"] == 3655552400002
    assert first["SPECTYPE"] == "QSO"
    assert first["BAL"] == -1
    assert first["Z"] == pytest.approx(2.3552, abs=1e-3)
    assert np.isfinite(extraction.spectra).all()


def test_two_spectra_of_an_object_are_one_object(shared_data):
    """Plate 3655 fibre 186 and plate 9367 fibre 386 saw the same quasar."""
    names = ("spec-3655-55240-0186.fits", "spec-9367-57758-0386.fits")
    extraction, labels = boss.extract_spec(
        [shared_data / "boss" / name for name in names], grid.LOG
    )
    assert labels["TARGETID"][0] != labels["TARGETID"][1]
    assert labels["OBJECT"][0] == labels["OBJECT"][1]
    assert len(set(sets.objects(extraction.catalog, labels))) == 1


def test_targetid_can_be_read_back():
    identifier = int(boss.targetid(9367, 57758, 386))
    assert (identifier // 10**9, identifier // 10**4 % 10**5, identifier % 10**4) == (
        9367,
        57758,
        386,
    )


def test_training_pair(tmp_path):
    extraction, labels = boss.extract_training(*samples.write_training_pair(tmp_path))
    assert labels["TARGETID"].tolist() == [11, 12, 13, 14, 15]
    assert labels["SPECTYPE"].tolist() == ["QSO", "QSO", "QSO", "STAR", "GALAXY"]
    assert labels["BAL"].tolist() == [0, 1, -1, 0, 0]
    assert extraction.dropped == {"not in truth": 2, "unsure label": 1}
    weight = np.ones(443)
    for spectrum in extraction.spectra:
        assert np.average(spectrum, weights=weight) == pytest.approx(0, abs=1e-5)
        assert np.average(spectrum**2, weights=weight) == pytest.approx(1, abs=1e-5)


def test_training_pair_of_another_shape_is_refused(tmp_path):
    data, table = samples.write_training_pair(tmp_path)
    with pytest.raises(InputError, match="training pair"):
        boss.extract_training(table, data)
