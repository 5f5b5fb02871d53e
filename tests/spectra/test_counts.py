"""What was read and left out, of a pool as a whole."""

import json

import fitsio
import numpy as np
import pandas as pd
import pytest

from helpers import samples
from quasarnet_al.core.files import InputError
from quasarnet_al.spectra import counts, grid, pool


@pytest.fixture
def tiles(tmp_path, program):
    """Twelve petals in three tiles; of the second all are broken, as if each tile were a job."""
    paths = []
    for tile in (1, 2, 3):
        for petal in range(4):
            folder = tmp_path / f"tiles/cumulative/{tile}/20260101"
            path = samples.write_coadd(folder / f"coadd-{petal}-{tile}-thru20260101.fits", 3)
            if tile == 2:
                path.write_bytes(path.read_bytes()[:50_000])
        paths.append(tmp_path / f"{tile}.fits")
        words = ["--input-root", tmp_path, "--tile", f"{tile}/20260101", "--broken", 1]
        result = program("extract_spectra.py", *words, "--output", paths[-1])
        assert result.returncode == 0, result.stderr
    return paths


def test_a_pool_is_judged_as_a_whole(tiles, tmp_path, program):
    words = ["--pool", *tiles, "--output", tmp_path / "files.csv"]
    result = program("check_pool.py", *words, "--broken", 0.33)
    assert result.returncode == 2
    assert f"{tiles[1]}: lacks 4 broken or absent files" in result.stderr
    assert "4 of 12, more than the allowed fraction of 0.33" in result.stderr
    assert not (tmp_path / "files.csv").exists()
    result = program("check_pool.py", *words, "--broken", 0.34)
    assert result.returncode == 0, result.stderr
    table = pd.read_csv(tmp_path / "files.csv").set_index(["POOL", "WHAT", "REASON"])["COUNT"]
    assert table[str(tiles[1])].to_dict() == {
        ("files", "broken"): 4,
        ("files", "read"): 0,
        ("files", "tiles with absent petals"): 1,
    }
    assert table[str(tiles[0])]["spectra", "unlabelled"] == 12
    assert table[str(tiles[0])]["files", "read"] == 4


def test_a_tile_of_which_nothing_can_be_read_is_an_empty_pool_file(tiles):
    spectra, catalog = pool.read(tiles[1], grid.LOG)
    assert spectra.shape == (0, 443) and len(catalog) == 0


def test_every_reason_is_counted(tmp_path):
    """However many there are: a header's line has 68 characters for them."""
    reasons = {f"a reason of some length, number {k}": k + 1 for k in range(40)}
    labels = pool.labels(3, "vi")
    labels["ORIGIN"][2] = "xx"
    catalog = pool.catalog(3)
    record = {"files": json.dumps({"read": 7, "broken": 2})}
    spectra = np.ones((3, 443), "f4")
    pool.write(tmp_path / "x.fits", spectra, catalog, grid.LOG, labels, reasons, record)
    found = counts.read(tmp_path / "x.fits")
    assert found.spectra == {"vi": 2, "xx": 1}
    assert found.left_out == reasons
    assert found.files == {"read": 7, "broken": 2}
    both = found + counts.Counts(found.spectra, found.left_out, found.files)
    assert both.files == {"read": 14, "broken": 4}


@pytest.mark.parametrize("text", ["{", "[1]", '{"a": "many"}', '{"a": null}', "1"])
def test_counts_that_are_none_are_refused(tmp_path, text):
    path = tmp_path / "x.fits"
    pool.write(path, np.ones((1, 443), "f4"), pool.catalog(1), grid.LOG)
    with fitsio.FITS(str(path), "rw") as fits:
        fits["SPECTRA"].write_key("DROPPED", text)
    with pytest.raises(InputError, match=r"x\.fits: is not a pool file"):
        counts.read(path)
