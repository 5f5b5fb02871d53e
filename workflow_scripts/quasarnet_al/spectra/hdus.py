"""FITS files that others wrote: their headers are checked before fitsio opens them.

cfitsio trusts what a header declares. A column of variable length is read as garbage or
ends the process (SIGSEGV), a size beyond the file's end asks for any amount of memory, and
a path with brackets is taken for cfitsio's extended syntax. fitsio reads rows as bytes into
an array of the scaled type: where an integer column is scaled, that array is of another size,
all columns are garbage, and memory is overwritten. Every FITS file is read through `opened`,
which refuses such columns and sizes, and takes any path.
"""

import contextlib
import gzip
import os
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import fitsio

from quasarnet_al.core.files import InputError
from quasarnet_al.core.fits import Fits

#: Size of a FITS record, and of a card, in bytes (FITS standard 4.0, section 3.1).
RECORD, CARD = 2880, 80
#: Longest header that is read, in records: 36,000 cards.
LONGEST_HEADER = 1000
#: Largest number of columns of a table (FITS standard 4.0, section 7.2.1).
COLUMNS = 999
#: Zero points that mark a column of the other signedness (FITS standard 4.0, table 19), which
#: fitsio reads as such, and the kinds of columns that may be scaled: floats.
ZEROS = {"B": -(2.0**7), "I": 2.0**15, "J": 2.0**31, "K": 2.0**63}
SCALABLE = ("E", "D")
#: What fitsio, gzip and numpy raise for a file that is not what it says.
UNREADABLE = (
    *(OSError, ValueError, TypeError, AttributeError, LookupError, EOFError),
    *(zlib.error, fitsio.FITSFormatError),
)


@dataclass(frozen=True)
class Header:
    """What the header of an HDU says.

    Attributes
    ----------
    cards : values by keyword, as text
    start : where its data begin in the file (bytes); -1 in a file that gzip packed
    """

    cards: dict[str, str]
    start: int

    def shape(self) -> tuple[int, ...]:
        """Return the shape of an image, as numpy has it."""
        axes = range(int(self.cards["NAXIS"]), 0, -1)
        return tuple(int(self.cards[f"NAXIS{axis}"]) for axis in axes)

    def plain_float32(self) -> bool:
        """Say whether the data are float32 in the file, neither packed nor scaled."""
        image = self.start >= 0 and self.cards.get("XTENSION", "IMAGE") == "IMAGE"
        scaled = self.number("BSCALE", 1.0) != 1 or self.number("BZERO", 0.0) != 0
        return image and self.cards["BITPIX"] == "-32" and not scaled

    def number(self, key: str, default: float) -> float:
        """Return the value of a card; NaN where it is not a number."""
        try:
            # Fortran writes the exponent of a double as D.
            return float(self.cards[key].replace("D", "E")) if key in self.cards else default
        except ValueError:
            return float("nan")


class KnownFits(Fits):
    """An open file whose headers are known: `headers`, by the name of the HDU."""

    headers: dict[str, Header]


@contextlib.contextmanager
def opened(path: str | Path, what: str, remedy: str) -> Iterator[KnownFits]:
    """Yield a FITS file, open for reading; whatever cannot be read of it is the file's fault.

    Parameters
    ----------
    path : of any name: accents, brackets and braces included
    what : what the file should be, as in "a pool file", for the message
    remedy : what to do where it is not

    Raises
    ------
    InputError for a file that is absent, truncated, not FITS, or that has a column of
    variable length, and for everything that fails to be read inside the block
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        raise InputError(path, "does not exist", f"check the path, or {remedy}") from error
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
        raise InputError(path, f"is {kind}", f"give {what}")
    alias = ""
    try:
        with open(path, "rb") as stream:
            headers = check(stream)
            # cfitsio reads brackets in a name as commands, and fitsio takes ASCII alone.
            alias = f"/dev/fd/{stream.fileno()}"
            with KnownFits(alias) as fits:
                fits.headers = headers
                yield fits
    except UNREADABLE as error:
        fault = str(error) or type(error).__name__
        fault = fault.replace(alias, "the file") if alias else fault
        raise InputError(path, f"is not {what} ({fault})", remedy) from error


def check(stream: BinaryIO) -> dict[str, Header]:
    """Return the headers of a FITS file, packed by gzip or not, by the names of the HDUs.

    Raises
    ------
    ValueError for a file that is not FITS, an HDU that ends beyond the file's end, and a
    table with a column of variable length
    """
    packed = stream.read(2) == b"\x1f\x8b"
    stream.seek(0)
    if not packed:
        headers = _check(stream)
    else:
        with gzip.GzipFile(fileobj=stream) as unpacked:
            # GzipFile reads and seeks as a file does.
            found = _check(unpacked)  # type: ignore[arg-type]
        headers = {name: Header(header.cards, -1) for name, header in found.items()}
    stream.seek(0)
    return headers


def _check(stream: BinaryIO) -> dict[str, Header]:
    headers: dict[str, Header] = {}
    if stream.read(6) != b"SIMPLE":
        raise ValueError("it is not a FITS file")
    stream.seek(0)
    number, start = 0, 0
    while cards := _header(stream, number):
        name = cards.get("EXTNAME", str(number))
        if cards.get("XTENSION") == "BINTABLE" and cards.get("ZIMAGE") != "T":
            _check_columns(Header(cards, -1), name)
        size = _size(cards, name)
        headers.setdefault(name, Header(cards, stream.tell()))
        start = stream.tell() + size
        if size:
            # The last byte: the padding of the last record is missing from some files.
            try:
                stream.seek(start - 1)
                last = stream.read(1)
            except OSError:  # beyond what any file can be
                last = b""
            if not last:
                raise ValueError(f"it is truncated within HDU {name}")
        stream.seek(-(-start // RECORD) * RECORD)
        number += 1
    return headers


def _check_columns(header: Header, name: str) -> None:
    columns = _whole(header.cards, "TFIELDS", name)
    if not 0 <= columns <= COLUMNS:
        raise ValueError(f"TFIELDS of HDU {name} is not between 0 and {COLUMNS}")
    for column in range(1, columns + 1):
        kind = header.cards.get(f"TFORM{column}", "").lstrip("0123456789")[:1]
        called = f"column {header.cards.get(f'TTYPE{column}', column)} of HDU {name}"
        if kind in ("P", "Q"):
            raise ValueError(f"{called} has entries of variable length")
        scale, zero = header.number(f"TSCAL{column}", 1.0), header.number(f"TZERO{column}", 0.0)
        if kind not in SCALABLE and not (scale == 1 and zero in (0, ZEROS.get(kind, 0))):
            raise ValueError(f"{called} is scaled, which only a column of floats may be")


def _header(stream: BinaryIO, number: int) -> dict[str, str]:
    """Return the cards of the next header, or none at the end of the file."""
    cards: dict[str, str] = {}
    for _ in range(LONGEST_HEADER):
        record = stream.read(RECORD)
        if not cards and (len(record) < RECORD or not record.strip(b"\0 ")):
            # What follows the last HDU does not count (FITS standard, section 3.5).
            return {}
        if len(record) < RECORD:
            break
        text = record.decode("latin-1")
        if not cards and number and not text.startswith("XTENSION"):
            return {}
        for start in range(0, RECORD, CARD):
            key, value = text[start : start + 8].rstrip(), text[start + 8 : start + CARD]
            if key == "END":
                return cards
            if value.startswith("= "):
                cards[key] = value[2:].split("/")[0].strip().strip("'").strip()
    raise ValueError(f"the header of HDU {number} does not end")


def _whole(cards: dict[str, str], key: str, name: str, default: int | None = None) -> int:
    value = cards.get(key, default)
    if value is None or not (isinstance(value, int) or value.lstrip("+-").isdecimal()):
        raise ValueError(f"{key} of HDU {name} is not a whole number")
    if abs(int(value)) > 2**50:
        raise ValueError(f"{key} of HDU {name} is impossibly large")
    return int(value)


def _size(cards: dict[str, str], name: str) -> int:
    """Return the bytes of an HDU's data (FITS standard 4.0, equations 1 and 2)."""
    axes = _whole(cards, "NAXIS", name)
    if not 0 <= axes <= 999:
        raise ValueError(f"NAXIS of HDU {name} is not between 0 and 999")
    if not axes:
        return 0
    size = 1
    for axis in range(1, axes + 1):
        size *= _whole(cards, f"NAXIS{axis}", name)
    size += _whole(cards, "PCOUNT", name, 0)
    size *= abs(_whole(cards, "BITPIX", name)) // 8 * _whole(cards, "GCOUNT", name, 1)
    if not 0 <= size < 2**50:
        raise ValueError(f"HDU {name} has an impossible size")
    return size
