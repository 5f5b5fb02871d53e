import fitsio
import numpy as np
import pytest

from helpers import samples
from helpers.pages import data_of, write_all, write_batch
from quasarnet_al.inspection import production


def test_bits_in_words():
    bits = 1 << 2 | 1 << 17 | 1 << 60
    assert production.words(bits, production.TARGET_BITS["DESI_TARGET"]) == "QSO, BGS"
    # Bit 17 has another meaning in each phase of the survey.
    assert production.words(bits, production.TARGET_BITS["SV1_DESI_TARGET"]) == "QSO, QSO_Z5, BGS"
    assert production.words(4, production.ZWARN_BITS) == "small Δχ² to the next fit"
    assert production.words(0, production.ZWARN_BITS) == ""


def test_target_bits_that_are_masked_are_not_shown(tmp_path):
    """Of another survey's targets, in files that were stacked: astropy's number has many bits."""
    table = samples.fibermap(2)
    table["DESI_TARGET"] = [4, 999999]
    coadd = samples.write_coadd(tmp_path / "coadd.fits", 2, table)
    with fitsio.FITS(str(coadd), "rw") as fits:
        number = table.dtype.names.index("DESI_TARGET") + 1
        fits["FIBERMAP"].write_key(f"TNULL{number}", 999999)
    facts = production.read(coadd, np.arange(2), table["TARGETID"])
    assert [fact.get("details", {}).get("targeted as") for fact in facts] == ["QSO", None]


def test_magnitudes_are_dereddened_where_the_dust_is_known():
    row = np.zeros((), dtype=[("FLUX_G", "f4"), ("FLUX_R", "f4"), ("FLUX_W1", "f4"), ("EBV", "f4")])
    row["FLUX_G"], row["FLUX_R"], row["FLUX_W1"] = 10.0, -1.0, 1.0
    assert production.magnitudes(row) == ({"g": 20.0, "W1": 22.5}, False)
    row["EBV"] = 0.5
    assert production.magnitudes(row) == ({"g": 18.39, "W1": 22.41}, True)


@pytest.mark.parametrize("kind", ["redrock", "rrmodel", "rrdetails"])
def test_a_damaged_file_beside_a_coadd_does_not_stop_the_pages(tmp_path, capsys, kind):
    write_batch(tmp_path, 2)
    end = "h5" if kind == "rrdetails" else "fits"
    (tmp_path / "survey" / f"{kind}-0-80605-thru20210204.{end}").write_bytes(b"SIMPLE  = broken")
    data = data_of(write_all(tmp_path) / "minibatch-01.html")
    assert data["spectra"][0]["coadd"] is not None
    # What the pool was made with is still shown.
    assert data["spectra"][0]["redrock"]["z"] == 1.2
    assert f"{kind}-0-80605-thru20210204.{end}: cannot be read" in capsys.readouterr().out
