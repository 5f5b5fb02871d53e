"""The catalogue: quasars of all tiles, one row an object."""

import fitsio
import numpy as np
import pytest

import write_catalog
from quasarnet_al.spectra.grid import LINES
from quasarnet_al.spectra.tables import write_fits

FIRST = 39627634556011093  # above 2^53: a double would change it


def write_qn(path, targetid, snr, z, is_qso):
    count = len(targetid)
    columns = {"TARGETID": np.array(targetid) + FIRST, "TILEID": np.full(count, 7, np.int32)}
    columns |= {"TARGET_RA": np.full(count, 10.0), "TARGET_DEC": np.full(count, -5.0)}
    columns["SNR"] = np.array(snr, np.float32)
    for name in LINES:
        columns |= {f"C_{name}": np.full(count, 0.9), f"Z_{name}": np.array(z)}
    columns |= {"Z_QN": np.array(z), "C_BAL": np.linspace(0.2, 0.8, count)}
    write_fits(path, "QN", columns | {"IS_QSO": np.array(is_qso)})


@pytest.fixture
def catalog(tmp_path):
    write_qn(tmp_path / "a.fits", [5, 3, 1], [2, 9, 4], [2.0, 1.5, 3.0], [True, False, True])
    write_qn(tmp_path / "b.fits", [5, 3], [6, 1], [2.1, 1.6], [True, True])
    tables = [str(tmp_path / "a.fits"), str(tmp_path / "b.fits")]
    write_catalog.main(["--tables", *tables, "--output", str(tmp_path / "catalog.fits")])
    return fitsio.read(tmp_path / "catalog.fits", ext="QSO_CAT", header=True)


def test_the_exposure_with_the_best_signal_stands_for_its_object(catalog):
    rows, _ = catalog
    assert (rows["TARGETID"] - FIRST).tolist() == [1, 5]  # 3 is none where it is seen best
    assert rows["Z"].tolist() == [3.0, 2.1]
    assert rows["EXPOSURES"].tolist() == [1, 2]
    assert rows["IS_BAL"].tolist() == [True, False]


def test_columns_have_units_and_comments(catalog):
    rows, header = catalog
    number = rows.dtype.names.index("TARGET_RA") + 1
    assert header[f"TUNIT{number}"].strip() == "deg"
    column = rows.dtype.names.index("Z") + 1
    comments = {record["name"]: record["comment"] for record in header.records()}
    assert comments[f"TTYPE{column}"] == "mean redshift of the lines that agree"
    assert "software" in {name.lower() for name in comments}


def test_no_quasar_is_an_empty_catalogue(tmp_path):
    write_qn(tmp_path / "a.fits", [5], [2], [2.0], [False])
    out = tmp_path / "catalog.fits"
    write_catalog.main(["--tables", str(tmp_path / "a.fits"), "--output", str(out)])
    assert fitsio.FITS(out)["QSO_CAT"].get_nrows() == 0
