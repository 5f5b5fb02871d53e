"""An open FITS file of fitsio, whatever was read before in the process."""

import fitsio


class Fits(fitsio.FITS):
    """fitsio's file, which finds the last HDU after a damaged file was read, too.

    It does so by moving on until cfitsio fails. cfitsio's message of that includes those left
    over from files read before, which quote their bytes: where these are not UTF-8, Python's
    `UnicodeDecodeError` is not what fitsio expects, and a good file would be blamed.
    """

    def movabs_hdu(self, hdunum: int) -> int:
        """Move to an HDU, counted from 1; raise `OSError` where there is none."""
        try:
            return super().movabs_hdu(hdunum)
        except UnicodeDecodeError as error:
            raise OSError(error.object.decode("ascii", "replace")) from error
