"""BOSS spectra and QuasarNET's training pair become labelled sets."""

import numpy as np
import pytest

import samples
from quasarnet_al import boss, grid, sets, truth
from quasarnet_al.files import InputError


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
    _, labels = boss.extract_spec([shared_data / "boss" / name for name in names], grid.LOG)
    assert labels["TARGETID"][0] != labels["TARGETID"][1]
    assert labels["OBJECT"][0] == labels["OBJECT"][1]
    assert sets.held_out(labels[:1], labels[1:]).tolist() == [True]


def test_a_rounded_targetid_is_no_label(tmp_path):
    """Read through a double, 39627634556011093 would label another object."""
    path = tmp_path / "truth.csv"
    for text in ("39627634556011093.0", "3.9627634556011093e16", "3.96276E+16"):
        path.write_text(f"TARGETID,Z\n{text},2.1\n")
        with pytest.raises(InputError, match="no whole number"):
            truth.read(path)


@pytest.mark.parametrize("z", ["", "-5", "40"])
def test_a_label_without_a_redshift_is_none(tmp_path, z):
    path = tmp_path / "truth.csv"
    path.write_text(f"TARGETID,Z,SPECTYPE,BAL\n5,{z},QSO,\n6,2.0,QSO,\n7,0.1,STAR,\n")
    table = truth.read(path)
    assert table["BAL"].tolist() == [-1, -1, 0]
    catalog = np.zeros(3, dtype=[("TARGETID", "i8")])
    catalog["TARGETID"] = [5, 6, 7]
    _, _, labels, dropped = truth.label(np.zeros((3, 443)), catalog, table, "vi")
    assert labels["TARGETID"].tolist() == [6, 7]
    assert dropped == {"unsure label": 1}


@pytest.mark.parametrize(
    "text", ["TARGETID,Z\n5,abc\n", "TARGETID,Z,BAL\n5,2,7\n", "Z\n2\n", "", "TARGETID\n5\n"]
)
def test_bad_truth_tables_get_one_line(tmp_path, text):
    (tmp_path / "truth.csv").write_text(text)
    with pytest.raises(InputError):
        truth.read(tmp_path / "truth.csv")


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


def test_vi_truth(shared_data):
    """Sixteen rows of the published VI table: quality 2.5 and above counts."""
    table = truth.read(shared_data / "vi" / "desi_truth_sample.csv")
    assert len(table) == 16
    assert table.index.dtype == np.int64
    assert 39627634556011093 in table.index
    assert table.loc[39627634564404995, "SPECTYPE"] == "STAR"
    assert (table["BAL"][table["SPECTYPE"] == "QSO"] == -1).all()
    catalog = np.zeros(2, dtype=[("TARGETID", "i8")])
    catalog["TARGETID"] = [39627634556011093, 39627634556011094]  # quality 1 and 3
    _, _, labels, dropped = truth.label(np.zeros((2, 443)), catalog, table, "vi")
    assert labels["TARGETID"].tolist() == [39627634556011094]
    assert labels["Z"][0] == pytest.approx(1.3932)
    assert dropped == {"unsure label": 1}


def test_quasar_catalogue_is_a_truth(shared_data):
    table = truth.read(shared_data / "desi" / "QSO_cat_fuji_dark_tile.fits.gz")
    assert len(table) == 10
    assert set(table["SPECTYPE"]) == {"QSO"}


def test_unresolved_rows_of_the_published_merge_are_no_labels(tmp_path):
    """They carry quality 999, which passes a cut at 2.5."""
    path = tmp_path / "truth.csv"
    path.write_text("TARGETID,VI_Z,VI_CLASS,VI_QUALITY\n5,2.1,QSO,999\n6,2.2,QSO,3\n")
    catalog = np.zeros(2, dtype=[("TARGETID", "i8")])
    catalog["TARGETID"] = [5, 6]
    _, _, labels, _ = truth.label(np.zeros((2, 443)), catalog, truth.read(path), "vi")
    assert labels["TARGETID"].tolist() == [6]
