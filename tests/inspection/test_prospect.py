"""A batch as prospect opens it."""

import shutil

import fitsio
import numpy as np
import pytest

from helpers import samples
from helpers.pages import data_of, write_all, write_batch
from quasarnet_al.core.files import InputError
from quasarnet_al.inspection import prospect
from quasarnet_al.inspection.record import decode
from quasarnet_al.spectra import pool


def test_the_batch_opens_in_prospect(tmp_path):
    write_batch(tmp_path, 3)
    write_all(tmp_path, "--prospect", tmp_path / "prospect")
    targets = (tmp_path / "prospect" / "targets.txt").read_text().split()
    assert targets == [str(39627640553871919 + k) for k in range(3)]
    with (
        fitsio.FITS(str(tmp_path / "prospect" / "spectra.fits")) as found,
        fitsio.FITS(str(tmp_path / "survey" / "coadd-0-80605-thru20210204.fits")) as coadd,
    ):
        for arm in "BRZ":
            for name in ("WAVELENGTH", "FLUX", "IVAR"):
                assert np.array_equal(found[f"{arm}_{name}"].read(), coadd[f"{arm}_{name}"].read())
        assert found["FIBERMAP"].read()["TARGETID"].tolist() == [int(t) for t in targets]


def test_desispec_reads_the_batch(tmp_path):
    io = pytest.importorskip("desispec.io", reason="desispec is not installed")
    write_batch(tmp_path, 3)
    write_all(tmp_path, "--prospect", tmp_path / "prospect")
    spectra = io.read_spectra(str(tmp_path / "prospect" / "spectra.fits"))
    assert spectra.num_spectra() == 3 and spectra.bands == ["b", "r", "z"]


def test_without_any_coadd_there_is_nothing_for_prospect(tmp_path):
    write_batch(tmp_path, 1)
    (tmp_path / "survey" / "coadd-0-80605-thru20210204.fits").unlink()
    with pytest.raises(InputError, match="holds no coadd"):
        write_all(tmp_path, "--prospect", tmp_path / "prospect")


@pytest.mark.parametrize("rows", [[2, 3], [3, 2, 1, 0]])
def test_spectra_of_a_coadd_that_was_replaced_are_left_out(tmp_path, rows, capsys):
    """An answered batch does not change: its other spectra, and its pages, can be written."""
    write_batch(tmp_path, 4)
    coadd, other = tmp_path / "survey/coadd-0-80605-thru20210204.fits", tmp_path / "survey/b.fits"
    catalog = pool.read(tmp_path / "batch.fits")[1]
    catalog["SOURCE"][2:] = "survey/b.fits"
    shutil.copy(coadd, other)
    assert prospect.write(tmp_path / "prospect", catalog, [tmp_path]) == 4
    with fitsio.FITS(str(coadd)) as fits:
        table, arms = fits["FIBERMAP"].read(), {name: fits[name].read() for name in samples.arms(1)}
    arms = {k: a[rows] if a.ndim > 1 else a for k, a in arms.items()}
    samples.write_coadd(other, len(rows), table[rows], **arms)
    assert prospect.write(tmp_path / "prospect", catalog, [tmp_path]) == 2
    assert "b.fits: holds other targets by now" in capsys.readouterr().out
    found = (tmp_path / "prospect/targets.txt").read_text().split()
    assert found == catalog["TARGETID"][:2].astype(str).tolist()


def test_a_batch_of_coadds_with_joined_cameras(tmp_path, capsys):
    """Pages and prospect show the same spectra, whether the cameras are joined or not."""
    write_batch(tmp_path, 3)
    coadd = tmp_path / "survey" / "coadd-0-80605-thru20210204.fits"
    expected = data_of(write_all(tmp_path) / "minibatch-01.html")["spectra"]
    capsys.readouterr()
    with fitsio.FITS(str(coadd)) as fits:
        arms = {name: fits[name].read() for name in samples.arms(1)}
        table = fits["FIBERMAP"].read()
    joined = samples.join(arms)
    samples.write_coadd(coadd, 3, table, **dict.fromkeys(arms) | joined)
    page = write_all(tmp_path, "--prospect", tmp_path / "prospect") / "minibatch-01.html"
    assert "cannot be read" not in capsys.readouterr().out
    for was, now in zip(expected, data_of(page)["spectra"], strict=True):
        np.testing.assert_allclose(decode(now["coadd"]), decode(was["coadd"]), rtol=1e-3)
    with fitsio.FITS(str(tmp_path / "prospect" / "spectra.fits")) as found:
        assert "B_FLUX" not in found and found["BRZ_MASK"].get_dims() == [3, 7781]
        joined["BRZ_FLUX"][joined["BRZ_IVAR"] == 0] = 0
        for name, array in joined.items():
            np.testing.assert_allclose(found[name].read(), array, rtol=1e-6)
