"""Truth tables of the forms that people have."""

import numpy as np
import pytest

from quasarnet_al.core.files import InputError
from quasarnet_al.spectra import truth


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
