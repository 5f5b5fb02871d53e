"""FITS files of others: headers are checked before fitsio opens them."""

import gzip
import io

import fitsio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quasarnet_al.core.files import InputError
from quasarnet_al.spectra import hdus


def opened(path):
    return hdus.opened(path, "a coadd", "fetch it again")


def write(path, **images):
    with fitsio.FITS(str(path), "rw", clobber=True) as fits:
        fits.write(None)
        for name, image in images.items():
            fits.write(image, extname=name)
    return path


@settings(deadline=None, max_examples=40)
@given(
    shape=st.lists(st.integers(1, 40), min_size=1, max_size=3).map(tuple),
    kind=st.sampled_from(["f4", "f8", "i2", "i4", "u1"]),
    packed=st.booleans(),
)
def test_headers_agree_with_fitsio(tmp_path_factory, shape, kind, packed):
    path = tmp_path_factory.getbasetemp() / "x.fits"
    write(path, A=np.zeros(shape, kind), B=np.ones((3, 4), "f4"))
    with fitsio.FITS(str(path)) as fits:
        starts = {name: fits[name].get_info()["data_start"] for name in "AB"}
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    with opened(path) as fits:
        assert fits.headers["A"].shape() == shape
        for name in "AB":
            assert fits.headers[name].start == (-1 if packed else starts[name])
        assert fits.headers["B"].plain_float32() is not packed
        assert fits["B"].read().sum() == 12


@pytest.mark.parametrize("part", [0.2, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("packed", [False, True])
def test_a_truncated_file_is_refused(tmp_path, part, packed):
    path = write(tmp_path / "x.fits", A=np.arange(20000, dtype="f4"))
    content = gzip.compress(path.read_bytes()) if packed else path.read_bytes()[:-2880]
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(InputError, match=r"x\.fits: is not a coadd"), opened(path):
        pass


def test_a_size_beyond_the_file_asks_for_no_memory(tmp_path):
    path = write(tmp_path / "x.fits", A=np.zeros((3, 4), "f4"))
    content = path.read_bytes()
    card = f"{'NAXIS2':<8}= {3:>20}".encode()
    assert card in content
    path.write_bytes(content.replace(card, f"{'NAXIS2':<8}= {10**13:>20}".encode()))
    with pytest.raises(InputError, match="truncated within HDU A"), opened(path):
        pass


@pytest.mark.parametrize("kind", ["absent", "folder", "empty", "text"])
def test_what_is_not_fits_is_named(tmp_path, kind):
    path = tmp_path / "x.fits"
    if kind == "folder":
        path.mkdir()
    elif kind != "absent":
        path.write_text("" if kind == "empty" else "SIMPLE minds\n" * 1000)
    with pytest.raises(InputError, match=r"x\.fits"), opened(path):
        pass


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_any_header_is_read_or_refused(data):
    cards = data.draw(
        st.lists(
            st.tuples(
                st.sampled_from(["BITPIX", "NAXIS", "NAXIS1", "PCOUNT", "GCOUNT", "TFIELDS"]),
                st.sampled_from(["0", "1", "-1", "8", "-32", "1.5", "'x'", "", "9" * 30]),
            ),
            max_size=8,
        )
    )
    text = f"{'SIMPLE':<8}= {'T':>20}".ljust(80)
    text += "".join(f"{key:<8}= {value:>20}".ljust(80)[:80] for key, value in cards) + "END"
    stream = io.BytesIO(text.ljust(2880).encode() + b"\0" * data.draw(st.integers(0, 5760)))
    try:
        hdus.check(stream)
    except ValueError as error:
        assert str(error)


def test_a_table_has_as_many_columns_as_the_standard_allows(tmp_path):
    """A search through 10^12 columns would not end."""
    path = tmp_path / "x.fits"
    with fitsio.FITS(str(path), "rw") as fits:
        fits.write(np.zeros(3, [("A", "i4")]), extname="A")
    for fields in ("1000000000000", "-1"):
        content = path.read_bytes()
        at = content.index(b"TFIELDS =")
        card = f"TFIELDS = {fields:>20}".ljust(80).encode()
        path.write_bytes(content[:at] + card + content[at + 80 :])
        with pytest.raises(InputError, match=r"x\.fits: .*TFIELDS"), opened(path):
            pass


@pytest.mark.parametrize("kind", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", "S8"])
@pytest.mark.parametrize("scale, zero", [("1.0", ""), ("2.0D0", ""), ("", "7"), ("NaN", "")])
def test_a_scaled_column_is_read_right_or_refused(tmp_path, kind, scale, zero):
    """fitsio would give garbage for every column, and write beyond its array."""
    path = tmp_path / "x.fits"
    rows = np.ones(50, [("A", "i8"), ("B", kind), ("C", "S7")])
    rows["C"] = b"abcdefg"
    with fitsio.FITS(str(path), "rw") as fits:
        fits.write(rows, extname="T")
    with opened(path) as fits:  # an unsigned integer is one with a zero point
        assert (fits["T"].read()["B"].astype(kind) == rows["B"]).all()
    content = path.read_bytes()
    for name, value in (("TSCAL2", scale), ("TZERO2", zero)):
        if value and name.encode() not in content:
            content = _with_card(content, f"{name}  = {value:>20}")
        elif value:
            at = content.index(name.encode())
            content = (
                content[:at] + f"{name}  = {value:>20}".ljust(80).encode() + content[at + 80 :]
            )
    path.write_bytes(content)
    if kind not in ("f4", "f8") and scale != "1.0":
        with pytest.raises(InputError, match="column B of HDU T is scaled"), opened(path):
            pass
        return
    with opened(path) as fits:
        read = fits["T"].read()
    assert (read["A"] == 1).all() and (read["C"].astype("S7") == b"abcdefg").all()
    expected = 1 * (2 if scale == "2.0D0" else 1) + (7 if zero else 0)
    if scale != "NaN" and kind != "S8":
        assert (read["B"] == expected).all()


def _with_card(content, text):
    end = content.rindex(b"END".ljust(80))
    return content[:end] + text.ljust(80).encode() + content[end : end + 80] + content[end + 160 :]


def with_sums(path, **options):
    """Write a file whose HDUs carry checksums: an image and a table, both of rows of 64 bytes."""
    rows = np.zeros(50, [("TARGETID", "i8"), ("NOTE", "S56")])
    rows["TARGETID"] = np.arange(50)
    with fitsio.FITS(str(path), "rw", clobber=True) as fits:
        fits.write(None)
        fits.write(np.arange(800, dtype="f4").reshape(50, 16), extname="A", **options)
        fits.write(rows, extname="T")
        for hdu in fits:
            hdu.write_checksum()
    return path


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("options", [{}, {"compress": "RICE"}, {"compress": "GZIP", "qlevel": 0}])
def test_an_hdu_that_is_whole_has_its_checksums(tmp_path, packed, options):
    path = with_sums(tmp_path / "x.fits", **options)
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    with opened(path) as fits:
        assert fits["A"].read().shape == (50, 16)
        assert fits["T"].read()["TARGETID"].tolist() == list(range(50))


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_flipped_bit_of_what_is_read_is_found(tmp_path_factory, data):
    """Of the data and of the header; what is not read may be damaged."""
    path = with_sums(tmp_path_factory.getbasetemp() / "x.fits", **data.draw(_COMPRESSIONS))
    content = bytearray(path.read_bytes())
    with fitsio.FITS(str(path)) as fits:
        places = {name: fits[name].get_info() for name in "AT"}
    name = data.draw(st.sampled_from("AT"))
    part = data.draw(st.sampled_from(["header", "data"]))
    first = places[name][f"{part}_start"]
    # A header's first card says that there is one.
    last = places[name]["data_start" if part == "header" else "data_end"] - 1
    place = data.draw(st.integers(first + 80 * (part == "header"), last))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(gzip.compress(content) if data.draw(st.booleans()) else content)
    with pytest.raises(InputError, match=r"x\.fits: is not a coadd"), opened(path) as fits:
        fits[name].read()
    if part == "data":
        with pytest.raises(InputError, match=f"HDU {name} is damaged"), opened(path) as fits:
            fits[name].read()
        with opened(path) as fits:
            assert name in fits
            fits["AT".replace(name, "")].read()


_COMPRESSIONS = st.sampled_from([{}, {"compress": "RICE"}, {"compress": "GZIP"}])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("ZNAXIS2", 10**9), ("ZNAXIS1", 10**9), ("ZTILE1", 10**12)),
        *(("ZNAXIS1", -1), ("ZNAXIS", 10**6), ("ZBITPIX", "x")),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_declared_size_of_packed_tiles_asks_for_no_memory(tmp_path, key, value, packed):
    path = tmp_path / "x.fits"
    with fitsio.FITS(str(path), "rw") as fits:
        fits.write(None)
        fits.write(np.zeros((50, 16), "f4"), extname="A", compress="RICE")
    content = path.read_bytes()
    at = content.index(f"{key:<8}=".encode())
    card = f"{key:<8}= {value:>20}".ljust(80)
    content = content[:at] + card.encode() + content[at + 80 :]
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(InputError, match=r"x\.fits: is not a coadd"), opened(path) as fits:
        fits["A"].read()


def test_zeros_may_be_packed_as_densely_as_they_are(tmp_path):
    """A camera without weight: its ivar is zero."""
    path = tmp_path / "x.fits"
    for compress in ("RICE", "GZIP", "GZIP_2", "HCOMPRESS"):
        with fitsio.FITS(str(path), "rw", clobber=True) as fits:
            fits.write(np.zeros((500, 2881), "f4"), extname="A", compress=compress)
        with opened(path) as fits:
            assert not fits["A"].read().any()


@settings(deadline=None, max_examples=60)
@given(data=st.data(), packed=st.booleans())
def test_a_file_that_ends_anywhere_is_refused(tmp_path_factory, data, packed):
    """In a header too; only one that ends after an HDU cannot be told from a whole file."""
    path = write(tmp_path_factory.getbasetemp() / "x.fits", A=np.ones((50, 60)), B=np.ones(700))
    content = path.read_bytes()
    with fitsio.FITS(str(path)) as fits:
        ends = [(hdu.get_info()["data_start"], hdu.get_info()["data_end"]) for hdu in fits]
    sizes = [0, 50 * 60 * 8, 700 * 8]
    whole = [range(start + n, end + 1) for (start, end), n in zip(ends, sizes, strict=True)]
    place = data.draw(st.one_of(*(st.integers(end - 60, end + 2900) for _, end in ends)))
    place = min(place, len(content))
    path.write_bytes(content[:place])
    if packed:
        path.write_bytes(gzip.compress(content)[: -1 - place % 50])
    if not packed and any(place in part for part in whole):
        with opened(path):
            return
    with pytest.raises(InputError, match=r"x\.fits: is not a coadd"), opened(path):
        pass


@pytest.mark.parametrize("packed", [{}, {"compress": "RICE"}, {"compress": "GZIP"}])
def test_an_image_with_blank_pixels_is_refused(tmp_path, packed):
    """Integers have no NaN, and fitsio gives a blank pixel the value of its mark."""
    path = tmp_path / "x.fits"
    with fitsio.FITS(str(path), "rw") as fits:
        fits.write(None)
        fits.write(np.full((20, 30), -32768, "i2"), extname="A", **packed)
        fits["A"].write_key("BSCALE", 0.01)
        fits["A"].write_key("BLANK", -32768)
        fits.write(np.full((20, 30), np.nan, "f4"), extname="B", **packed)
    with opened(path) as fits:
        assert np.isnan(fits["B"].read()).all()
    with pytest.raises(InputError, match="HDU A marks pixels as BLANK"), opened(path) as fits:
        fits["A"].read()


def test_names_of_hdus_have_no_case(tmp_path):
    with opened(write(tmp_path / "x.fits", b_Flux=np.ones(3))) as fits:
        assert fits.headers["B_FLUX"].shape() == (3,)
        assert fits["B_FLUX"].read().sum() == 3


def test_a_table_of_text_in_fits_is_refused_where_it_is_read(tmp_path):
    """fitsio reads its TARGETIDs through doubles, and overwrites memory."""
    path = write(tmp_path / "x.fits", A=np.zeros((3, 4), "f4"))
    with fitsio.FITS(str(path), "rw") as fits:
        fits.write({"TARGETID": np.arange(3, dtype="i4")}, extname="T", table_type="ascii")
    with opened(path) as fits:
        assert fits["A"].read().shape == (3, 4)
    with pytest.raises(InputError, match="HDU T is a table of text in FITS"), opened(path) as fits:
        fits["T"].read()
