"""The catalogue: quasars of all tiles, one row an object."""

import fitsio
import numpy as np
import pytest

import write_catalog
from quasarnet_al.spectra.grid import LINES
from quasarnet_al.spectra.tables import write_fits

FIRST = 39627634556011093  # above 2^53: a double would change it


def write_qn(path, targetid, snr, z, strongest, second=0.1, step=1, bal=None):
    """A table of spectra whose two most confident lines are given; by step -1 written backwards."""
    count = len(targetid)
    columns = {"TARGETID": np.array(targetid) + FIRST, "TILEID": np.full(count, 7, np.int32)}
    columns |= {"TARGET_RA": np.full(count, 10.0), "TARGET_DEC": np.full(count, -5.0)}
    columns["SNR"] = np.array(snr, np.float32)
    confidence = dict(zip(LINES, (second, strongest, 0, 0, 0, 0), strict=True))
    for name in LINES:
        columns |= {f"C_{name}": np.full(count, 1.0) * confidence[name], f"Z_{name}": np.array(z)}
    columns |= {"P_QSO": np.array(strongest), "Z_ERR": np.array(z) / 1000}
    columns |= {"Z_QN": np.array(z), "C_BAL": np.array(bal or np.linspace(0.2, 0.8, count))}
    write_fits(path, "QN", dict(list(columns.items())[::step]))


@pytest.fixture
def catalog(tmp_path):
    """The catalogue by other cuts, as a function; spectra that are given twice count once."""
    write_qn(tmp_path / "a.fits", [5, 3, 1], [2, 9, 4], [2.0, 1.5, 3.0], [0.9, 0.6, 0.9])
    write_qn(tmp_path / "b.fits", [5, 3], [6, 1], [2.1, 1.6], [0.9, 0.9], second=0.7, step=-1)
    (tmp_path / "link.fits").symlink_to("b.fits")
    write_qn(tmp_path / "copy.fits", [1, 5], [4, 2], [3.0, 2.0], [0.9, 0.9], bal=[0.8, 0.2])
    names = ("a.fits", "b.fits", "a.fits", "link.fits", "copy.fits")
    tables = [str(tmp_path / name) for name in names]

    def made(*cut):
        out = tmp_path / "catalog.fits"
        write_catalog.main(["--tables", *tables, *cut, "--output", str(out)])
        return fitsio.read(out, ext="QSO_CAT", header=True)

    return made


def test_the_exposure_with_the_best_signal_stands_for_its_object(catalog):
    rows, header = catalog("--c-thresh", "0.8")
    assert (rows["TARGETID"] - FIRST).tolist() == [1, 5]  # 3 is none where it is seen best
    assert rows["Z"].tolist() == [3.0, 2.1]
    np.testing.assert_allclose(rows["Z_ERR"], [0.003, 0.0021])
    assert rows["P_QSO"].tolist() == [0.9, 0.9]
    assert rows["EXPOSURES"].tolist() == [1, 2]
    assert rows["IS_BAL"].tolist() == [True, False]
    assert header["C_THRESH"] == 0.8


def test_the_cut_decides_what_a_quasar_is(catalog):
    def quasars(*cut):
        return (catalog(*cut)[0]["TARGETID"] - FIRST).tolist()

    assert quasars("--c-thresh", "0.5") == [1, 3, 5]
    assert quasars("--c-thresh", "0.95") == [] == quasars()
    assert quasars("--c-thresh", "0.5", "--n-thresh", "2") == [5]


@pytest.mark.parametrize("cut", [("--c-thresh", "95"), ("--n-thresh", "7")])
def test_a_cut_that_nothing_reaches_is_refused(catalog, cut):
    with pytest.raises(SystemExit) as end:
        catalog(*cut)
    assert end.value.code == 2


def test_columns_have_units_and_comments(catalog):
    rows, header = catalog("--c-thresh", "0.8")
    number = rows.dtype.names.index("TARGET_RA") + 1
    assert header[f"TUNIT{number}"].strip() == "deg"
    column = rows.dtype.names.index("Z") + 1
    comments = {record["name"]: record["comment"] for record in header.records()}
    assert comments[f"TTYPE{column}"] == "mean redshift of the lines that agree"
    assert "software" in {name.lower() for name in comments}
