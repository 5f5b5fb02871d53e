"""Lists of TARGETIDs."""

import fitsio
import numpy as np
import pandas as pd
import pytest

from quasarnet_al.core.files import InputError
from quasarnet_al.spectra.tables import harmless, locate, read_targetids, write_csv


def test_lists_of_targets(tmp_path):
    (tmp_path / "plain.txt").write_text("39627634556011093\n-5\n")
    (tmp_path / "labels.csv").write_text(
        "TARGETID,STATUS\n7,accepted\n8,not inspected\n9,low quality\n"
    )
    found = read_targetids([tmp_path / "plain.txt", tmp_path / "labels.csv"])
    assert found.tolist() == [-5, 7, 9, 39627634556011093]
    assert read_targetids([]).dtype == np.int64


@pytest.mark.parametrize(
    "text",
    [
        "targetid;STATUS\n7;accepted\n9;\n",
        '# %ECSV 1.0\nTARGETID STATUS\n7 x\n9 ""\n',
        "X\tTARGETID\n\t7\n\t9\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_lists_in_tables_of_others(tmp_path, text, encoding):
    (tmp_path / "list.csv").write_text(text, encoding=encoding)
    assert read_targetids([tmp_path / "list.csv"]).tolist() == [7, 9]


def test_no_target_of_a_list_is_lost(tmp_path):
    """A quote that is not closed took the targets up to the next one into a comment."""
    (tmp_path / "list.csv").write_text('TARGETID,C\n7,"open\n8,x\n9,narrow"\n')
    with pytest.raises(InputError, match="line 2: a quote is not closed"):
        read_targetids([tmp_path / "list.csv"])


def test_a_targetid_that_a_spreadsheet_mangled(tmp_path):
    (tmp_path / "list.txt").write_text("3.96276E+16\n")
    with pytest.raises(InputError, match="not a whole number"):
        read_targetids([tmp_path / "list.txt"])


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-2+3", "'-2+3"),
        ("\t=1", "'\t=1"),
        ("\tx", "'\tx"),
        (" +x", "' +x"),
        ("'=1", "''=1"),
        ("＝1+1", "'＝1+1"),
        ("good;=1+1", "good;'=1+1"),
        ("two\nlines\n=1", "two\nlines\n'=1"),
        ("-1.5", "-1.5"),
        ("-0.2 0.5 1e-3", "-0.2 0.5 1e-3"),
        ("a=1", "a=1"),
        ("", ""),
        (None, None),
        (-1.5, -1.5),
    ],
)
def test_formulas(text, written):
    assert harmless(text) == written


def test_every_cell_and_every_name_of_a_csv_is_harmless(tmp_path):
    table = pd.DataFrame({"-name": ["=1", None], "Z": [1 / 3, -2.0], "MEMBER_Z": ["-1 2", "3 4"]})
    write_csv(tmp_path / "x.csv", table, "%.3g")
    text = (tmp_path / "x.csv").read_text()
    assert text == "'-name,Z,MEMBER_Z\n'=1,0.333,-1 2\n,-2,3 4\n"
    write_csv(tmp_path / "all digits.csv", table)
    assert "0.3333333333333333" in (tmp_path / "all digits.csv").read_text()


def test_targets_are_located_wherever_they_are():
    known = np.array([9, 5, 7, 5])
    place, found = locate(known, np.array([7, 5, 8, 9, 10]))
    assert found.tolist() == [True, True, False, True, False]
    # Of two rows the first.
    assert place[found].tolist() == [2, 1, 0]


def test_lists_of_targets_in_fits(tmp_path):
    """Whatever its first HDUs, the type and the case; refused where its numbers are rounded."""
    path, ids = tmp_path / "list.fits", 39627634556011093 + 70 * np.arange(9)
    for kind in ("i8", "u8", "U20"):
        with fitsio.FITS(str(path), "rw", clobber=True) as fits:
            fits.write(np.zeros((2, 2)))
            fits.write(np.zeros((2, 2)))
            fits.write({"targetid": ids.astype(kind)})
        assert read_targetids([path]).tolist() == ids.tolist()
    for rounded in (ids.astype("f8"), ids.astype("f8").astype("i8")):
        fitsio.write(str(path), {"TARGETID": rounded}, clobber=True)
        with pytest.raises(InputError, match=r"rounded|whole numbers"):
            read_targetids([path])
