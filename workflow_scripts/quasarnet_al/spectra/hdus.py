"""FITS files that others wrote: their headers are checked before fitsio opens them.

cfitsio trusts what a header declares. A column of variable length is read as garbage or
ends the process (SIGSEGV), a size beyond the file's end asks for any amount of memory, and
a path with brackets is taken for cfitsio's extended syntax. fitsio reads rows as bytes into
an array of the scaled type: where an integer column is scaled, that array is of another size,
all columns are garbage, and memory is overwritten. A table of text is read into memory of another
size as well, and its whole numbers through doubles. Every FITS file is read through `opened`,
which refuses such columns, tables and sizes, and takes any path. An HDU that carries checksums is
compared with them before anything of it is used.
"""

import contextlib
import gzip
import math
import os
import re
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import fitsio
import numpy as np

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
#: An image in packed tiles may be larger than its HDU in the file by this factor (zlib packs at
#: most 1,032 bytes into one, RICE_1 fewer), and any may have so many bytes.
DENSEST, SMALL = 1100, 2**28
#: Bytes that are summed at a time, and what sums in ones' complement of 32 bits are modulo.
BLOCK, ONES = 2**22, 2**32 - 1
#: What fitsio, gzip and numpy raise for a file that is not what it says.
UNREADABLE = (
    *(OSError, ValueError, TypeError, AttributeError, LookupError, EOFError),
    *(zlib.error, fitsio.FITSFormatError),
)


@dataclass
class Header:
    """What the header of an HDU says.

    Attributes
    ----------
    cards : values by keyword, as text
    start : where its data begin in the file (bytes); -1 in a file that gzip packed
    size : bytes of its data, without the padding
    total : sum of the header's own bytes, see `_add`
    fault : what is wrong with its checksums; None before they are looked at
    """

    cards: dict[str, str]
    start: int
    size: int = 0
    total: int = 0
    fault: str | None = None

    def shape(self) -> tuple[int, ...]:
        """Return the shape of an image, as numpy has it."""
        axes = range(int(self.cards["NAXIS"]), 0, -1)
        return tuple(int(self.cards[f"NAXIS{axis}"]) for axis in axes)

    def plain_float32(self) -> bool:
        """Say whether the data are float32 in the file, neither packed nor scaled."""
        image = self.start >= 0 and self.cards.get("XTENSION", "IMAGE") == "IMAGE"
        scaled = self.number("BSCALE", 1.0) != 1 or self.number("BZERO", 0.0) != 0
        return image and self.cards["BITPIX"] == "-32" and not scaled

    def whole_numbers(self) -> bool:
        """Say whether an image, packed in tiles or not, is of whole numbers."""
        return not self.cards.get("ZBITPIX", self.cards.get("BITPIX", "-")).startswith("-")

    def nulls(self) -> dict[str, int]:
        """Return the number that stands for nothing by the columns of whole numbers that have one.

        FITS standard 4.0, section 7.3.2; fitsio returns it as any other.
        """
        found = {}
        for key, text in self.cards.items():
            column = key.removeprefix("TNULL")
            kind = self.cards.get(f"TFORM{column}", "").lstrip("0123456789")[:1]
            if key != column and kind in ZEROS and re.fullmatch(r"[+-]?[0-9]{1,20}", text):
                name = self.cards.get(f"TTYPE{column}", "").upper()
                found[name] = int(text) + int(self.number(f"TZERO{column}", 0.0))
        return found

    def number(self, key: str, default: float) -> float:
        """Return the value of a card; NaN where it is not a number."""
        try:
            # Fortran writes the exponent of a double as D.
            return float(self.cards[key].replace("D", "E")) if key in self.cards else default
        except ValueError:
            return float("nan")


class KnownFits(Fits):
    """An open file whose headers are known; an HDU is verified when it is asked for.

    Attributes
    ----------
    every : the headers, in order
    headers : the same, by the name of the HDU in capitals
    stream : the file itself
    """

    every: list[Header]
    headers: dict[str, Header]
    stream: BinaryIO

    def __getitem__(self, item: Any) -> Any:
        """Return an HDU; raise `ValueError` where its content is not what its header says."""
        hdu = super().__getitem__(item)
        header = self.every[hdu.get_extnum()]
        if header.fault is None:
            self.stream.seek(header.start)
            header.fault = _fault(self.stream, header)
        if header.fault:
            raise ValueError(f"HDU {header.cards.get('EXTNAME', hdu.get_extnum())} {header.fault}")
        return hdu

    def __contains__(self, item: object) -> bool:
        """Say whether an HDU is there, damaged or not."""
        try:
            return bool(super().__getitem__(item))
        except (OSError, ValueError):
            return False


@contextlib.contextmanager
def opened(path: str | Path, what: str, remedy: str) -> Iterator[KnownFits]:
    """Yield a FITS file, open for reading; whatever cannot be read of it is the file's fault.

    Rows of a table have the names of its columns in capitals.

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
            every = check(stream)
            # cfitsio reads brackets in a name as commands, and fitsio takes ASCII alone.
            alias = f"/dev/fd/{stream.fileno()}"
            # Names of columns have no case (FITS standard 4.0, section 7.3.1).
            with KnownFits(alias, upper=True) as fits:
                fits.every, fits.headers, fits.stream = every, {}, stream
                for number, header in enumerate(every):
                    fits.headers.setdefault(_name(header, number), header)
                yield fits
    except UNREADABLE as error:
        fault = str(error) or type(error).__name__
        if isinstance(error, AttributeError):
            fault = "an HDU is an image where it should be a table, or the reverse"
        fault = fault.replace(alias, "the file") if alias else fault
        raise InputError(path, f"is not {what} ({fault})", remedy) from error


def check(stream: BinaryIO) -> list[Header]:
    """Return the headers of a FITS file, packed by gzip or not.

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
            headers = _check(unpacked, packed=True)  # type: ignore[arg-type]
    stream.seek(0)
    return headers


def _check(stream: BinaryIO, packed: bool = False) -> list[Header]:
    headers: list[Header] = []
    if stream.read(6) != b"SIMPLE":
        raise ValueError("it is not a FITS file")
    stream.seek(0)
    while header := _header(stream, len(headers)):
        name, start = _name(header, len(headers)), stream.tell()
        if header.cards.get("XTENSION") == "BINTABLE" and header.cards.get("ZIMAGE") != "T":
            _check_columns(header, name)
        header.size = _size(header.cards, name)
        end = start + header.size
        if packed:
            # Here its bytes come by; later they would have to be unpacked again.
            header.fault = _fault(stream, header)
        else:
            header.start = start
        if stream.tell() < end and not _reaches(stream, end):
            raise ValueError(f"it is truncated within HDU {name}")
        stream.seek(start + _padded(header.size))
        headers.append(header)
    return headers


def _reaches(stream: BinaryIO, end: int) -> bool:
    """Say whether a file has `end` bytes: some lack the padding of the last record."""
    try:
        stream.seek(end - 1)
        return bool(stream.read(1))
    except OSError:  # beyond what any file can be
        return False


def _padded(size: int) -> int:
    return -(-size // RECORD) * RECORD


def _name(header: Header, number: int) -> str:
    # Names have no case.
    return header.cards.get("EXTNAME", str(number)).upper()


def _fault(stream: BinaryIO, header: Header) -> str:
    """Say why the data of an HDU cannot be used, '' where they can; `stream` is at their start.

    They are read where the HDU carries checksums: DATASUM of the data, CHECKSUM of the whole
    HDU (FITS standard 4.0, section 4.4.2.7).
    """
    fault = _fault_of_tiles(header) if header.cards.get("ZIMAGE") == "T" else ""
    if header.whole_numbers() and header.cards.keys() & {"BLANK", "ZBLANK"}:
        fault = "marks pixels as BLANK, and fitsio would give them a value"
    if header.cards.get("XTENSION") == "TABLE":
        fault = "is a table of text in FITS (XTENSION TABLE): write a binary one, or CSV"
    datasum, checksum = (header.cards.get(key, "") for key in ("DATASUM", "CHECKSUM"))
    if fault or not (datasum or checksum):
        return fault
    total, left = 0, _padded(header.size)
    while left and (content := stream.read(min(left, BLOCK))):
        total, left = _add(total, content), left - len(content)
    if datasum and not (datasum.isdecimal() and int(datasum) % ONES == total % ONES):
        return "is damaged: its data do not have the sum that DATASUM says"
    if checksum and (total + header.total) % ONES:
        return "is damaged: it does not have the sum that CHECKSUM says"
    return ""


def _add(total: int, content: bytes) -> int:
    """Add bytes to a sum of 32-bit words in ones' complement."""
    words = np.frombuffer(content + bytes(-len(content) % 4), ">u4")
    return (total + int(words.sum(dtype=np.uint64))) % ONES


def _fault_of_tiles(header: Header) -> str:
    """Say why an image in packed tiles is refused, '' where it is not, before it is unpacked."""
    name, cards = "the image in it", header.cards
    axes = range(1, _whole(cards, "ZNAXIS", name) + 1)
    if len(axes) > 999:
        return "has an impossible ZNAXIS"
    shape = [_whole(cards, f"ZNAXIS{axis}", name) for axis in axes]
    tile = [_whole(cards, f"ZTILE{axis}", name, shape[0] if axis == 1 else 1) for axis in axes]
    if min(*shape, *tile, 1) < 1:
        return "has an impossible size"
    tiles = math.prod(-(-n // t) for n, t in zip(shape, tile, strict=True))
    if _whole(cards, "NAXIS2", name) < tiles:
        return "has fewer tiles than its image"
    size = abs(_whole(cards, "ZBITPIX", name)) // 8 * max(math.prod(shape), math.prod(tile))
    if size > max(SMALL, DENSEST * header.size):
        return f"is {header.size} bytes, which cannot be an image of {size}"
    return ""


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


def _header(stream: BinaryIO, number: int) -> Header | None:
    """Return the next header, or None at the end of the file."""
    header = Header({}, -1)
    for _ in range(LONGEST_HEADER):
        record = stream.read(RECORD)
        is_header = bool(record) and b"XTENSION".startswith(record[:8])
        if not header.cards and number and not is_header:
            # What follows the last HDU does not count (FITS standard, section 3.5).
            return None
        if len(record) < RECORD:
            break
        text = record.decode("latin-1")
        header.total = _add(header.total, record)
        for start in range(0, RECORD, CARD):
            key, value = text[start : start + 8].rstrip(), text[start + 8 : start + CARD]
            if key == "END":
                return header
            if value.startswith("= "):
                header.cards[key] = value[2:].split("/")[0].strip().strip("'").strip()
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
