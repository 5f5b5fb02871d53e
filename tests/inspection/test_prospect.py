"""A batch as prospect opens it."""

import fitsio
import numpy as np
import pytest

from helpers.pages import write_all, write_batch
from quasarnet_al.core.files import InputError


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
