"""A good FITS file, after a damaged one was read."""

import fitsio
import numpy as np

from quasarnet_al.core.files import fits_file
from quasarnet_al.core.fits import Fits


def test_what_a_damaged_file_left_is_not_blamed_on_a_good_one(tmp_path, monkeypatch):
    parent = fitsio.FITS.movabs_hdu

    def moved(self, number):
        """Fail beyond the last HDU as fitsio does where a message kept by cfitsio is not UTF-8."""
        try:
            return parent(self, number)
        except OSError:
            raise UnicodeDecodeError("utf-8", b"\xa0", 0, 1, "invalid start byte") from None

    monkeypatch.setattr(fitsio.FITS, "movabs_hdu", moved)
    with fits_file(tmp_path / "good.fits") as fits:
        fits.write(np.ones((3, 4), "f4"), extname="A")
        assert fits["A"].get_dims() == [3, 4]
    with Fits(str(tmp_path / "good.fits")) as fits:
        assert fits["A"].read().sum() == 12
        assert "B" not in fits
