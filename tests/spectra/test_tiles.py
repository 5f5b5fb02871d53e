"""The production's table of tiles is the sample sheet."""

import fitsio
import numpy as np
import pytest

from quasarnet_al.core.files import InputError
from quasarnet_al.spectra import tiles

ROWS = [
    (2, "main", "dark", 20210601),
    (1, "main", "dark", 20210505),
    (3, "main", "bright", 20210602),
    (80605, "sv1", "dark", 20210205),
]


@pytest.fixture(params=["csv", "fits"])
def table(request, tmp_path):
    path = tmp_path / f"tiles-test.{request.param}"
    if request.param == "csv":
        lines = ["TILEID,SURVEY,PROGRAM,LASTNIGHT", *(",".join(map(str, row)) for row in ROWS)]
        path.write_text("\n".join(lines) + "\n")
    else:
        names = [("TILEID", "i4"), ("SURVEY", "U4"), ("PROGRAM", "U6"), ("LASTNIGHT", "i4")]
        with fitsio.FITS(str(path), "rw") as fits:
            fits.write(np.array(ROWS, dtype=names))
    return path


def test_filters(table, tmp_path):
    every = ["1/20210505", "2/20210601", "3/20210602", "80605/20210205"]
    assert tiles.read_tiles(table, "cumulative") == every
    assert tiles.read_tiles(table, "cumulative", ["main"], ["dark"]) == every[:2]
    assert tiles.read_tiles(table, "cumulative", nights=[20210601, 20210602]) == every[1:3]
    chosen = tmp_path / "list.txt"
    # With a comment, and with the mark that Windows' editors put before UTF-8.
    chosen.write_text("# of May\r\n80605\r\n3\r\n", encoding="utf-8-sig")
    assert tiles.read_tiles(table, "cumulative", tile_list=chosen) == every[2:]
    # Of a list of tiles the config may take some.
    assert tiles.read_tiles(table, "cumulative", ["main"], tile_list=chosen) == every[2:3]
    with pytest.raises(InputError, match="no tile that the config asks for"):
        tiles.read_tiles(table, "cumulative", ["sv1"], ["bright"])


def test_what_the_table_lacks_is_refused(table, tmp_path):
    """A typo would leave tiles out without a word."""
    chosen = tmp_path / "list.txt"
    chosen.write_text("3\n80606\n2\n10 11 12 13 14 15\n")
    with pytest.raises(InputError) as error:
        tiles.read_tiles(table, "cumulative", tile_list=chosen)
    assert "has no TILEID 10, 11, 12, 13, 14 and 2 more; leave them out of" in str(error.value)
    for words in (["main", "sv2"], []), ([], ["dark", "drak"]):
        with pytest.raises(InputError, match=r"has: (main, sv1|bright, dark)$"):
            tiles.read_tiles(table, "cumulative", *words)


def test_exposures(tmp_path):
    path = tmp_path / "exposures-test.csv"
    path.write_text("EXPID,TILEID,NIGHT,SURVEY,PROGRAM\n12345,7,20210505,main,dark\n")
    assert tiles.read_tiles(path, "perexp") == ["7/00012345"]


def test_bad_tables(tmp_path):
    path = tmp_path / "tiles.csv"
    with pytest.raises(InputError, match="is not a table"):
        tiles.read_tiles(path, "cumulative")
    path.write_text("TILEID,SURVEY\n1,main\n")
    with pytest.raises(InputError, match="lacks LASTNIGHT, PROGRAM"):
        tiles.read_tiles(path, "cumulative")
    with pytest.raises(InputError, match="layout healpix"):
        tiles.read_tiles(path, "healpix")
