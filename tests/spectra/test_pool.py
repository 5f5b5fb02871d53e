"""Pool files and labelled sets: what goes in comes out."""

import fitsio
import numpy as np
import pytest

from quasarnet_al.core.files import InputError
from quasarnet_al.spectra import pool
from quasarnet_al.spectra.columns import CATALOG, COLUMNS, LABELS
from quasarnet_al.spectra.grid import LINEAR, LOG
from quasarnet_al.spectra.tables import stack


def make(rows, grid=LOG, source="tiles/cumulative/1/2/coadd-0-1-thru2.fits"):
    spectra = np.random.default_rng(0).normal(size=(rows, grid.size)).astype(np.float32)
    catalog = pool.catalog(rows, source)
    catalog["TARGETID"] = 39627634556011093 + np.arange(rows)
    catalog["SPECTYPE"] = "QSO"
    return spectra, catalog


@pytest.mark.parametrize("rows", [0, 1, 7])
@pytest.mark.parametrize("grid", [LOG, LINEAR])
def test_round_trip(tmp_path, rows, grid):
    spectra, catalog = make(rows, grid)
    labels = pool.labels(rows, "test")
    labels["SPECTYPE"], labels["BAL"], labels["TARGETID"] = "GALAXY", -1, catalog["TARGETID"]
    path = tmp_path / "set.fits"
    pool.write(path, spectra, catalog, grid, labels, {"sky": 3})
    got = pool.read_labelled(path)
    np.testing.assert_array_equal(got[0], spectra)
    for name in catalog.dtype.names:
        np.testing.assert_array_equal(got[1][name], catalog[name])
    for name in labels.dtype.names:
        np.testing.assert_array_equal(got[2][name], labels[name])
    assert pool.read_grid(path) == grid
    assert fitsio.read_header(str(path), ext="SPECTRA")["DROPPED"] == '{"sky": 3}'


def test_a_table_is_known_by_its_columns_names(tmp_path):
    """In another order they are the same, and one of a person's own does no harm."""
    spectra, catalog = make(3)
    catalog["TARGET_RA"], catalog["TARGET_DEC"], catalog["SNR"] = 1.5, 2.5, 3
    labels = pool.labels(3, "test")
    labels["SPECTYPE"], labels["Z"], labels["TARGETID"] = "QSO", 2.25, catalog["TARGETID"]
    pool.write(tmp_path / "set.fits", spectra, catalog, LOG, labels)

    def turned(table):
        made = np.zeros(3, [("MINE", "U5"), *table.dtype.descr[::-1]])
        for name in table.dtype.names:
            made[name] = table[name]
        # As an editor of tables may keep it: wider than other files' floats.
        return made.astype([(n, "i8" if n == "SNR" else made.dtype[n]) for n in made.dtype.names])

    with (
        fitsio.FITS(str(tmp_path / "set.fits")) as old,
        fitsio.FITS(str(tmp_path / "other.fits"), "rw") as new,
    ):
        new.write(old["SPECTRA"].read(), extname="SPECTRA", header=old["SPECTRA"].read_header())
        new.write(turned(catalog), extname="CATALOG")
        new.write(turned(labels), extname="LABELS")
    for found, expected in zip(
        pool.read_labelled(tmp_path / "other.fits")[1:], (catalog, labels), strict=True
    ):
        assert found.dtype == expected.dtype
        for name in expected.dtype.names:
            np.testing.assert_array_equal(found[name], expected[name])


def test_same_content_same_bytes(tmp_path):
    spectra, catalog = make(5)
    for name in ("one.fits", "two.fits"):
        pool.write(tmp_path / name, spectra, catalog, LOG)
    assert (tmp_path / "one.fits").read_bytes() == (tmp_path / "two.fits").read_bytes()


def test_catalogs_of_different_sources_stack():
    stacked = stack([pool.catalog(1, "short"), pool.catalog(1, "a much longer path")])
    assert stacked["SOURCE"].tolist() == ["short", "a much longer path"]


@pytest.mark.parametrize("content", [b"", b"text", None])
def test_other_files_get_one_line(tmp_path, content):
    path = tmp_path / "pool.fits"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"pool file|does not exist"):
        pool.read(path)


def test_tables_of_another_length_are_refused(tmp_path):
    spectra, catalog = make(4)
    path = tmp_path / "pool.fits"
    pool.write(path, spectra, catalog[:3], LOG)
    with pytest.raises(InputError, match="differ in length"):
        pool.read(path)


def test_a_pool_is_no_labelled_set(tmp_path):
    pool.write(tmp_path / "pool.fits", *make(2), LOG)
    with pytest.raises(InputError, match="has no LABELS"):
        pool.read_labelled(tmp_path / "pool.fits")


def test_columns_are_explained_in_the_header(tmp_path):
    pool.write(tmp_path / "pool.fits", *make(2), LOG)
    header = fitsio.FITS(str(tmp_path / "pool.fits"))["CATALOG"].read_header_list()
    comments = {
        card["value"]: card["comment"] for card in header if card["name"].startswith("TTYPE")
    }
    assert comments["TARGET_RA"] == "right ascension"


def test_comments_fit_a_card():
    """A longer one would be carried over, and the column's name with it."""
    for columns in (CATALOG, LABELS, COLUMNS):
        for name, column in columns.items():
            assert 0 < len(column.meaning) <= 47, name
