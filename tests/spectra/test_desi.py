"""DESI coadds: the same spectra as QuasarNP, the cuts, the identifiers, the damaged files."""

import gzip
import itertools
import shutil

import fitsio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import samples
from quasarnet_al.core.files import InputError
from quasarnet_al.spectra import desi, grid, pool, rebin


def extract(path, targets="qso", **options):
    return desi.extract(path, grid.LOG, targets, **options)


def test_equals_the_stored_result_of_quasarnp(shared_data):
    """24 real spectra against the array that QuasarNP ships; fibre 11 has no weight."""
    extraction = extract(shared_data / "quasarnp" / "test_coadd.fits", "all", unnamed=True)
    expected = np.load(shared_data / "quasarnp" / "coadd_x.npy")
    np.testing.assert_allclose(extraction.spectra, expected, atol=1e-4)
    assert extraction.dropped == {"no weight": 1}
    assert 11 not in extraction.catalog["ROW"]


@pytest.mark.parametrize("kind", ["log", "linear"])
def test_equals_a_plain_sum_over_bins(shared_data, kind):
    """Every real coadd against the definition, pixel by pixel in a loop."""
    size = grid.GRIDS[kind].size
    for path in sorted(shared_data.glob("desi/**/coadd-*.fits")):
        fits = fitsio.FITS(str(path))
        weighted, weight = np.zeros(size), np.zeros(size)
        for arm in "BRZ":
            wavelength = fits[f"{arm}_WAVELENGTH"].read()
            flux, ivar = fits[f"{arm}_FLUX"].read()[0], fits[f"{arm}_IVAR"].read()[0]
            if kind == "log":
                edges = np.log10(grid.LOG.wavelength)
                pixel = np.floor((np.log10(wavelength) - edges[0]) / (edges[1] - edges[0]))
            else:
                # 17 pixels of 0.8 A, counted in whole tenths of an Angstrom.
                pixel = np.rint(10 * wavelength - 36000) // 136
            for p, f, i in zip(pixel.astype(int), flux, ivar, strict=True):
                if 0 <= p < size:
                    weighted[p] += float(f) * float(i)
                    weight[p] += i
        mean_flux = np.divide(weighted, weight, out=np.zeros(size), where=weight > 0)
        centred = mean_flux - np.average(mean_flux, weights=weight)
        expected = centred / np.sqrt(np.average(centred**2, weights=weight))
        found = desi.extract(path, grid.GRIDS[kind], "all").spectra[0]
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_normalisation(tmp_path):
    extraction = extract(samples.write_coadd(tmp_path / "coadd-0-1-thru2.fits"))
    assert extraction.spectra.shape == (6, 443)
    assert extraction.spectra.dtype == np.float32
    np.testing.assert_allclose(extraction.spectra.std(axis=1), 1, atol=0.2)


def test_targetid_is_kept_to_the_digit(tmp_path):
    path = samples.write_coadd(tmp_path / "coadd-0-1-thru2.fits")
    extraction = extract(path)
    pool.write(tmp_path / "pool.fits", extraction.spectra, extraction.catalog, grid.LOG)
    _, catalog = pool.read(tmp_path / "pool.fits")
    assert catalog["TARGETID"].tolist() == [samples.FIRST_TARGET + k for k in range(6)]


def test_cuts_are_counted_by_reason(tmp_path):
    table = samples.fibermap(8)
    table["OBJTYPE"][0] = "SKY"
    table["TARGETID"][1] = -5
    table["DESI_TARGET"][2] = 2
    table["COADD_FIBERSTATUS"][3] = 1
    table["COADD_FIBERSTATUS"][4] = 8  # a restricted positioner gives good data
    arms = samples.arms(8)
    for arm in "BRZ":
        arms[f"{arm}_IVAR"][5] = 0
        arms[f"{arm}_FLUX"][6] = 3.0
    path = samples.write_coadd(tmp_path / "coadd-0-1-thru2.fits", 8, table, **arms)
    extraction = extract(path)
    assert extraction.catalog["ROW"].tolist() == [4, 7]
    assert extraction.dropped == {
        "sky": 2,
        "not a QSO target": 1,
        "bad fibre": 1,
        "no weight": 1,
        "constant flux": 1,
    }
    assert extract(path, "all").catalog["ROW"].tolist() == [2, 4, 7]
    assert extract(path, "sky").catalog["ROW"].tolist() == [0, 1]


def test_the_fibre_state_of_older_coadds(tmp_path):
    """Before Everest, and in files of one exposure, the column is FIBERSTATUS."""
    table = samples.fibermap(3)
    table["COADD_FIBERSTATUS"] = [0, 8, 1 << 9]
    table.dtype.names = tuple(name.replace("COADD_F", "F") for name in table.dtype.names)
    extraction = extract(samples.write_coadd(tmp_path / "coadd-0-1-thru2.fits", 3, table))
    assert extraction.catalog["ROW"].tolist() == [0, 1]
    assert extraction.dropped == {"bad fibre": 1}


def test_arms_without_weight_are_told(tmp_path):
    arms = samples.arms(3)
    arms["Z_IVAR"][1] = 0
    path = samples.write_coadd(tmp_path / "coadd-0-1-thru2.fits", 3, **arms)
    assert extract(path).catalog["ARMS"].tolist() == [7, 3, 7]


def test_survey_validation_targets_count(tmp_path):
    table = samples.fibermap(3)
    names = [name if name != "DESI_TARGET" else "SV3_DESI_TARGET" for name in table.dtype.names]
    table.dtype.names = names
    table["SV3_DESI_TARGET"] = [4, 1, 5]
    path = samples.write_coadd(tmp_path / "coadd-0-1-thru2.fits", 3, table)
    assert extract(path).catalog["ROW"].tolist() == [0, 2]


def test_redrock_is_joined_by_targetid(tmp_path):
    path = samples.write_coadd(tmp_path / "coadd-0-1-thru2.fits", 4)
    samples.write_redrock(tmp_path / "redrock-0-1-thru2.fits", samples.fibermap(4)["TARGETID"])
    catalog = extract(path).catalog
    np.testing.assert_allclose(catalog["Z"], [0, 0.1, 0.2, 0.3])
    assert catalog["SPECTYPE"].tolist() == ["GALAXY"] * 4
    assert catalog["ZWARN"].tolist() == [0] * 4


def test_redrock_of_other_targets_is_none(tmp_path):
    path = samples.write_coadd(tmp_path / "coadd-0-1-thru2.fits", 4)
    samples.write_redrock(tmp_path / "redrock-0-1-thru2.fits", np.arange(4))
    assert extract(path).notes == {"without redrock": [str(path)]}


def test_names_of_hdus_have_no_case(tmp_path):
    expected = extract(samples.write_coadd(tmp_path / "coadd-0-1-thru2.fits", 4))
    path = tmp_path / "coadd-1-1-thru2.fits"
    with fitsio.FITS(str(path), "rw") as fits:
        fits.write(None)
        for name, data in ({"FIBERMAP": samples.fibermap(4)} | samples.arms(4)).items():
            fits.write(data, extname=name.lower())
    np.testing.assert_array_equal(extract(path).spectra, expected.spectra)


@pytest.mark.parametrize(
    ("layout", "tile", "name"),
    [
        ("cumulative", "1001/20260101", "1001/20260101/coadd-0-1001-thru20260101"),
        ("perexp", "1001/00012345", "1001/00012345/coadd-0-1001-exp00012345"),
        ("healpix", "main/dark/9144", "main/dark/91/9144/coadd-main-dark-9144"),
    ],
)
def test_layouts(tmp_path, layout, tile, name):
    folder = "healpix" if layout == "healpix" else f"tiles/{layout}"
    path = samples.write_coadd(tmp_path / folder / f"{name}.fits")
    assert desi.coadds(tmp_path, layout, tile) == [path]
    with pytest.raises(InputError, match="holds no coadd"):
        desi.coadds(tmp_path, layout, tile.replace("1", "2"))


def test_full_resolution_rows_join_the_arms(tmp_path):
    path = samples.write_coadd(tmp_path / "coadd-0-1-thru2.fits", 4)
    rows = desi.read_rows(path, np.array([2]))
    # 3600-9824 A in steps of 0.8 A, each wavelength once.
    assert rows["wavelength"].shape == (7781,)
    assert rows["flux"].shape == (1, 7781)
    arms = samples.arms(4)
    b, r = arms["B_IVAR"][2, -51:], arms["R_IVAR"][2, :51]
    overlap = (rows["wavelength"] >= 5760) & (rows["wavelength"] <= 5800)
    np.testing.assert_allclose(rows["ivar"][0, overlap], b + r, rtol=1e-6)


def test_rows_come_in_the_order_asked_for(tmp_path):
    path = samples.write_coadd(tmp_path / "coadd-0-1-thru2.fits", 20)
    flux = desi.read_rows(path, np.arange(20))["flux"]
    some = [12, 3, 3, 4, 19, 0]
    np.testing.assert_array_equal(desi.read_rows(path, np.array(some))["flux"], flux[some])


def test_nan_without_weight_counts_as_nothing(tmp_path):
    arms = samples.arms(6)
    arms["B_IVAR"][2, 100:140] = 0
    expected = extract(samples.write_coadd(tmp_path / "coadd-0-1-thru2.fits", **arms))
    arms["B_FLUX"][2, 100:140] = np.nan
    found = extract(samples.write_coadd(tmp_path / "coadd-1-1-thru2.fits", **arms))
    np.testing.assert_array_equal(found.spectra, expected.spectra)


def damage(folder, kind):
    path = folder / "coadd-0-1-thru2.fits"
    arms = samples.arms(6)
    if kind == "absent":
        return path
    if kind == "folder":
        path.mkdir()
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("not a FITS file\n")
    elif kind == "truncated":
        samples.write_coadd(path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif kind.startswith("no "):
        samples.write_coadd(path, **{kind[3:]: None})
    elif kind == "row counts":
        samples.write_coadd(path, B_FLUX=arms["B_FLUX"][:5])
    elif kind == "wavelength order":
        samples.write_coadd(path, R_WAVELENGTH=samples.WAVELENGTH["R"][::-1].copy())
    elif kind == "wavelength length":
        samples.write_coadd(path, R_WAVELENGTH=samples.WAVELENGTH["R"][:-1].copy())
    elif kind == "duplicated":
        table = samples.fibermap(6)
        table["TARGETID"][4] = table["TARGETID"][0]
        samples.write_coadd(path, table=table)
    elif kind == "zero rows":
        samples.write_coadd(path, table=samples.fibermap(0))
    return path


@pytest.mark.parametrize(
    "kind",
    [
        "absent",
        "folder",
        "empty",
        "text",
        "truncated",
        "no FIBERMAP",
        "no B_FLUX",
        "no R_IVAR",
        "no Z_WAVELENGTH",
        "row counts",
        "wavelength order",
        "wavelength length",
        "duplicated",
        "zero rows",
    ],
)
def test_damaged_coadds_get_one_line(tmp_path, kind, program):
    path = damage(tmp_path, kind)
    output = tmp_path / "pool.fits"
    result = program("extract_spectra.py", "--coadd", path, "--output", output)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert path.name in result.stderr
    assert not output.exists()
    assert [p for p in tmp_path.iterdir() if "partial" in p.name] == []


def test_gzip_is_read(tmp_path):
    path = samples.write_coadd(tmp_path / "coadd-0-1-thru2.fits")
    packed = tmp_path / "coadd-0-1-thru2.fits.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    np.testing.assert_array_equal(extract(packed).spectra, extract(path).spectra)


def test_coadds_side_by_side_give_the_same_file(tmp_path, program):
    paths = [samples.write_coadd(tmp_path / f"coadd-{k}-1-thru2.fits", 3) for k in range(3)]
    for threads in (1, 2):
        result = program(
            "extract_spectra.py", "--coadd", *paths, "--threads", threads,
            "--output", tmp_path / f"pool-{threads}.fits",
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
    assert (tmp_path / "pool-1.fits").read_bytes() == (tmp_path / "pool-2.fits").read_bytes()
    paths[1].write_text("damaged")
    result = program(
        "extract_spectra.py", "--coadd", *paths, "--threads", 2, "--output", tmp_path / "pool.fits"
    )
    assert result.returncode == 2
    assert result.stderr.startswith(f"extract_spectra.py: {paths[1]}")


def test_a_coadd_is_found_where_the_read_only_mount_is_missing(tmp_path, monkeypatch):
    """Compute nodes read through the mount; pages are written on a login node without it."""
    mount, plain = tmp_path / "dvs_ro", tmp_path / "global"
    monkeypatch.setattr(desi, "READ_ONLY_MOUNT", (f"{mount}/", f"{plain}/"))
    root = mount / "redux/iron"
    source, same = root / "tiles/coadd-0-1.fits", plain / "redux/iron/tiles/coadd-0-1.fits"
    assert desi.source_path(str(source), [root]) is None
    same.parent.mkdir(parents=True)
    same.touch()
    assert desi.source_path(str(source), [root]) == same
    assert desi.source_path(str(source), [tmp_path / "other"]) is None
    source.parent.mkdir(parents=True)
    source.touch()
    assert desi.source_path(str(source), [root]) == source


@pytest.mark.parametrize("absent", ["B", "R", "Z", "BZ"])
def test_a_coadd_without_a_camera_lacks_that_arm(tmp_path, absent):
    arms = samples.arms(6)
    whole = extract(samples.write_coadd(tmp_path / "coadd-0-1-thru2.fits", **arms))
    without = {name: None for name in arms if name[0] in absent}
    found = extract(samples.write_coadd(tmp_path / "coadd-1-1-thru2.fits", **arms | without))
    bits = sum(1 << "BRZ".index(arm) for arm in absent)
    assert set(found.catalog["ARMS"]) == {7 - bits}
    assert [kind for kind in found.notes if "camera" in kind] == [
        f"without camera {' and '.join(absent)}"
    ]
    for arm in absent:
        arms[f"{arm}_IVAR"][:] = 0
    zero = extract(samples.write_coadd(tmp_path / "coadd-2-1-thru2.fits", **arms))
    np.testing.assert_array_equal(found.spectra, zero.spectra)
    assert not np.array_equal(found.spectra, whole.spectra)
    read = desi.read_rows(tmp_path / "coadd-1-1-thru2.fits", np.array([1]))
    expected = sum(1 for arm in "BRZ" if arm not in absent)
    assert read["flux"].shape[1] > 2000 * expected


ALONE = dict.fromkeys(samples.arms(1))


@pytest.mark.parametrize(("cameras", "dead"), [("BRZ", ""), ("BRZ", "Z"), ("BRZ", "B"), ("BR", "")])
def test_joined_cameras_are_what_they_are_alone(tmp_path, cameras, dead):
    arms = samples.arms(6)
    for arm in dead:
        arms[f"{arm}_IVAR"][:] = 0
    alone = arms | {name: None for name in arms if name[0] not in cameras}
    expected = extract(samples.write_coadd(tmp_path / "coadd-0-1-thru2.fits", **alone))
    joined = ALONE | samples.join(arms, cameras)
    path = samples.write_coadd(tmp_path / "coadd-1-1-thru2.fits", **joined)
    found = extract(path)
    np.testing.assert_allclose(found.spectra, expected.spectra, atol=2e-5)
    for name in ("TARGETID", "ARMS", "ROW"):
        assert found.catalog[name].tolist() == expected.catalog[name].tolist()
    assert [kind for kind in found.notes if "camera" in kind] == [
        kind for kind in expected.notes if "camera" in kind
    ]
    full = desi.read_rows(path, np.array([4, 1]))
    alone = desi.read_rows(tmp_path / "coadd-0-1-thru2.fits", np.array([4, 1]))
    for name in ("wavelength", "ivar"):
        np.testing.assert_allclose(full[name], alone[name], rtol=1e-6)
    np.testing.assert_allclose(full["flux"], alone["flux"], atol=1e-4)


def test_joined_cameras_on_another_grid(tmp_path):
    """As `desi_coadd_spectra --log10-step` writes them; pages compare these with the pool."""
    wavelength = 10 ** (3.5563 + 1e-4 * np.arange(4350))
    rng = np.random.default_rng(1)
    flux = (5 - wavelength / 3000 + rng.normal(size=(3, 4350))).astype("f4")
    arrays = {"WAVELENGTH": wavelength, "FLUX": flux, "IVAR": np.ones((3, 4350), "f4")}
    joined = ALONE | {f"BRZ_{name}": array for name, array in arrays.items()}
    path = samples.write_coadd(tmp_path / "coadd-0-1-thru2.fits", 3, **joined)
    found, full = extract(path), desi.read_rows(path, np.arange(3))
    assert found.catalog["ARMS"].tolist() == [7, 7, 7]
    np.testing.assert_array_equal(full["wavelength"], wavelength)
    summed = rebin.rebin(full["flux"], full["ivar"], full["wavelength"], grid.LOG)
    np.testing.assert_allclose(rebin.normalise(*summed)[0], found.spectra, atol=1e-5)


def test_real_coadds_with_joined_cameras(shared_data, tmp_path):
    for number, path in enumerate(sorted(shared_data.glob("desi/**/coadd-*.fits"))):
        with fitsio.FITS(str(path)) as fits:
            hdus = {name: fits[name].read() for name in ("FIBERMAP", "SCORES", *ALONE)}
        table = hdus.pop("FIBERMAP")
        joined = ALONE | samples.join(hdus) | {"SCORES": hdus["SCORES"]}
        copy = samples.write_coadd(tmp_path / f"coadd-{number}-1-thru2.fits", 0, table, **joined)
        expected, found = extract(path), extract(copy)
        np.testing.assert_allclose(found.spectra, expected.spectra, atol=1e-4)
        assert found.catalog["ARMS"].tolist() == expected.catalog["ARMS"].tolist()


def test_a_camera_that_is_there_alone_and_joined_is_refused(tmp_path):
    arms = samples.arms(3)
    both = samples.join(arms) | {"R_FLUX": None, "Z_FLUX": None}
    path = samples.write_coadd(tmp_path / "coadd-0-1-thru2.fits", 3, **both)
    with pytest.raises(InputError, match="a camera twice"):
        extract(path)


def test_a_frame_of_one_camera_is_refused(tmp_path):
    arms = samples.arms(3)
    frame = {name[2:]: arms[name] for name in arms if name[0] == "B"}
    path = samples.write_coadd(tmp_path / "cframe-b0-00012345.fits", 3, **ALONE | frame)
    with pytest.raises(InputError, match="BRZ_FLUX; give a DESI coadd; a cframe holds"):
        extract(path)


def test_a_fibermap_in_another_order_than_the_spectra_is_refused(tmp_path):
    scores = np.zeros(6, [("TARGETID", "i8"), ("TSNR2_LYA", "f4")])
    scores["TARGETID"] = samples.fibermap(6)["TARGETID"]
    name, table = tmp_path / "coadd-0-1-thru2.fits", samples.fibermap(6)
    assert len(extract(samples.write_coadd(name, 6, table, SCORES=scores)).spectra) == 6
    # Of a part of a coadd SCORES may be whole: they say nothing.
    longer = np.concatenate([scores[3:], scores])
    assert len(extract(samples.write_coadd(name, 6, table, SCORES=longer)).spectra) == 6
    table["TARGETID"] = table["TARGETID"][[0, 2, 1, 3, 4, 5]]
    with pytest.raises(InputError, match="FIBERMAP and SCORES have"):
        extract(samples.write_coadd(name, 6, table, SCORES=scores))


@settings(deadline=None, max_examples=20)
@given(
    value=st.sampled_from([-1.0, np.nan, np.inf]),
    name=st.sampled_from([f"{arm}_{kind}" for arm in "BRZ" for kind in ("FLUX", "IVAR")]),
    row=st.integers(0, 69),
    pixel=st.integers(0, 2300),
)
def test_one_bad_target_leaves_the_others_as_they_are(base, value, name, row, pixel):
    path, whole = base
    with fitsio.FITS(str(path)) as fits:
        image = fits[name].read()
        ivar = fits[name[0] + "_IVAR"].read()[row, pixel]
    image[row, pixel] = value
    other = samples.write_coadd(path.with_name("coadd-1-1-thru2.fits"), 70, **{name: image})
    found = extract(other)
    harmless = name.endswith("FLUX") and (np.isfinite(value) or ivar == 0)
    if harmless or (value == -1.0 and name.endswith("FLUX")):
        assert not found.dropped
        return
    assert found.dropped == {"bad pixels": 1}
    assert found.catalog["ROW"].tolist() == [k for k in range(70) if k != row]
    np.testing.assert_array_equal(found.spectra, np.delete(whole.spectra, row, axis=0))


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    path = samples.write_coadd(tmp_path_factory.mktemp("base") / "coadd-0-1-thru2.fits", 70)
    return path, extract(path)


def pack(path, packing):
    """Pack a file by gzip or, as fpack does, its images without loss."""
    packed = path.with_name(path.name + packing)
    if packing == ".gz":
        packed.write_bytes(gzip.compress(path.read_bytes()))
    elif packing == ".fz":
        with fitsio.FITS(str(path)) as fits, fitsio.FITS(str(packed), "rw", clobber=True) as out:
            for hdu in fits[1:]:
                more = {} if hdu.get_exttype() != "IMAGE_HDU" else {"compress": "GZIP"}
                data = hdu.read()
                if more and data.ndim == 2:
                    more |= {"qlevel": 0}
                out.write(data, extname=hdu.get_extname(), **more)
    return packed


@pytest.mark.parametrize(
    ("coadd", "redrock"), list(itertools.product(["", ".gz", ".fz"], repeat=2))
)
def test_files_are_found_in_whatever_packing(tmp_path, coadd, redrock):
    """One file per petal, and redrock's beside it; nothing else that lies there."""
    folder = tmp_path / "tiles/cumulative/1001/20260101"
    path = samples.write_coadd(folder / "coadd-0-1001-thru20260101.fits", 4)
    expected = extract(path)
    beside = folder / "redrock-0-1001-thru20260101.fits"
    samples.write_redrock(beside, samples.fibermap(4)["TARGETID"])
    for one, packing in ((path, coadd), (beside, redrock)):
        if packing:
            pack(one, packing)
            one.unlink()
    for other in (".tmp", ".part"):
        shutil.copy(next(folder.glob("coadd-*")), folder / f"{path.name}{other}")
    shutil.copy(next(folder.glob("coadd-*")), folder / "coadd-0-1001-thru20260101 (1).fits")
    found = desi.find(tmp_path, "cumulative", "1001/20260101")
    assert [p.name for p in found.coadds] == [path.name + coadd]
    assert len(found.others) == 3
    assert found.absent == list(range(1, 10))
    extraction = extract(found.coadds[0])
    np.testing.assert_array_equal(extraction.spectra, expected.spectra)
    np.testing.assert_allclose(extraction.catalog["Z"], [0, 0.1, 0.2, 0.3])
    assert extraction.notes == {}
    assert expected.notes == {"without redrock": [str(path)]}


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("coadd-0-1-thru2.fits", "redrock-0-1-thru2.fits"),
        ("my_coadd.fits.gz", "my_redrock.fits"),
        ("x.fits", "redrock-x.fits.gz"),
    ],
)
def test_redrock_is_found_beside_coadds_of_any_name(tmp_path, name, beside):
    assert desi.redrock_of(tmp_path / name) is None
    (tmp_path / beside).touch()
    assert desi.redrock_of(tmp_path / name) == tmp_path / beside


def test_a_packed_and_an_unpacked_coadd_are_one(tmp_path):
    path = samples.write_coadd(tmp_path / "healpix/main/dark/91/9144/coadd-main-dark-9144.fits")
    pack(path, ".gz")
    assert desi.coadds(tmp_path, "healpix", "main/dark/9144") == [path]


def test_broken_petals_are_left_out_named_and_counted(tmp_path, program):
    folder = tmp_path / "tiles/cumulative/1/20260101"
    paths = [samples.write_coadd(folder / f"coadd-{k}-1-thru20260101.fits", 3) for k in range(5)]
    whole = paths[3].read_bytes()
    paths[3].write_bytes(whole[: len(whole) // 2])
    words = ["--input-root", tmp_path, "--tile", "1/20260101", "--output", tmp_path / "pool.fits"]
    result = program("extract_spectra.py", *words, "--broken", "0.1")
    assert result.returncode == 2
    assert f"{paths[3]}" in result.stderr
    assert "of 5 files 1 are broken" in result.stderr
    result = program("extract_spectra.py", *words, "--broken", "0.2", "--threads", "2")
    assert result.returncode == 0, result.stderr
    assert f"broken (1): {paths[3]}: is not a DESI coadd (it is truncated" in result.stdout
    assert "tiles with absent petals (1): 1/20260101: 5 6 7 8 9" in result.stdout
    header = fitsio.read_header(str(tmp_path / "pool.fits"), ext="SPECTRA")
    assert '"broken": 1' in header["FILES"]
    _, catalog = pool.read(tmp_path / "pool.fits")
    assert len(catalog) == 12
    result = program("extract_spectra.py", *words, "--tile", "1/20260101", "2/20260101")
    assert result.returncode == 2
    assert "holds no coadd" in result.stderr


def test_a_petal_that_differs_from_its_checksums_is_broken(tmp_path, program):
    folder = tmp_path / "tiles/cumulative/1/20260101"
    paths = [samples.write_coadd(folder / f"coadd-{k}-1-thru20260101.fits", 3) for k in range(3)]
    for path, name in ((paths[1], "Z_IVAR"), (paths[2], "Z_MASK")):
        mask = np.zeros((3, 2881), "i4")
        samples.write_coadd(path, 3, Z_MASK=mask)
        with fitsio.FITS(str(path), "rw") as fits:
            for hdu in fits:
                hdu.write_checksum()
            place = fits[name].get_info()["data_start"] + 5000
        content = bytearray(path.read_bytes())
        content[place] ^= 1
        path.write_bytes(content)
    words = ["--input-root", tmp_path, "--tile", "1/20260101", "--output", tmp_path / "pool.fits"]
    result = program("extract_spectra.py", *words)
    assert result.returncode == 2
    assert f"{paths[1]}: is not a DESI coadd (HDU Z_IVAR is damaged" in result.stderr
    result = program("extract_spectra.py", *words, "--broken", "0.4")
    assert result.returncode == 0, result.stderr
    assert f"broken (1): {paths[1]}: is not a DESI coadd (HDU Z_IVAR is damaged" in result.stdout
    _, catalog = pool.read(tmp_path / "pool.fits")
    assert set(catalog["SOURCE"]) == {str(paths[0]), str(paths[2])}


@pytest.mark.parametrize("packing", ["", ".gz", ".fz"])
@pytest.mark.parametrize("kind", ["f4", "f8", "i2", "i4"])
@pytest.mark.parametrize(("scale", "zero"), [(0.25, 0.0), (1.0, 3.0), (0.5, -1.0)])
def test_scaled_images_are_read_as_they_are_meant(tmp_path, scale, zero, kind, packing):
    """FITS standard, section 4.4.2.5: a pixel's value is BZERO + BSCALE x what is in the file."""
    arms = samples.arms(4)
    if kind[0] == "i":  # values that whole numbers hold exactly
        arms["R_FLUX"] = (np.round(arms["R_FLUX"] * 4) * scale + zero).astype("f4")
    expected = extract(samples.write_coadd(tmp_path / "coadd-0-1-thru2.fits", 4, **arms))
    arms["R_FLUX"] = ((arms["R_FLUX"] - zero) / scale).astype(kind)
    path = samples.write_coadd(tmp_path / "coadd-1-1-thru2.fits", 4, **arms)
    if packing == ".fz":
        path = pack(path, packing)
    with fitsio.FITS(str(path), "rw") as fits:
        fits["R_FLUX"].write_key("BSCALE", scale)
        fits["R_FLUX"].write_key("BZERO", zero)
    if packing == ".gz":
        path = pack(path, packing)
    np.testing.assert_allclose(extract(path).spectra, expected.spectra, atol=1e-5)


def test_columns_of_variable_length_are_refused(tmp_path):
    path = tmp_path / "coadd-0-1-thru2.fits"
    table = np.zeros(3, [("TARGETID", "i8"), ("NOTE", "O")])
    table["NOTE"] = [np.arange(k) for k in range(3)]
    with fitsio.FITS(str(path), "rw", clobber=True) as fits:
        fits.write(table, extname="FIBERMAP")
    with pytest.raises(InputError, match="column NOTE of HDU FIBERMAP"):
        extract(path)
    packed = pack(path, ".gz")
    with pytest.raises(InputError, match="column NOTE of HDU FIBERMAP"):
        extract(packed)


@pytest.mark.parametrize("name", ["jörg", "a[1]", "{x}", "it's 100% +1", "日本"])
def test_paths_of_any_name(tmp_path, name, program):
    folder = tmp_path / name
    path = folder / "tiles/cumulative/1/20260101/coadd-0-1-thru20260101.fits"
    path.parent.mkdir(parents=True)
    samples.write_coadd(tmp_path / "coadd.fits", 3).rename(path)
    words = ["--input-root", folder, "--tile", "1/20260101", "--output", folder / "pool.fits"]
    result = program("extract_spectra.py", *words)
    assert result.returncode == 0, result.stderr
    _, catalog = pool.read(folder / "pool.fits")
    assert set(catalog["SOURCE"]) == {str(path)}
    assert desi.source_path(catalog["SOURCE"][0], [folder]) == path


def test_names_of_columns_have_no_case(tmp_path):
    """A column of another case was taken for absent, which cuts nothing."""
    table = samples.fibermap(6)
    table["DESI_TARGET"][1], table["COADD_FIBERSTATUS"][2], table["OBJTYPE"][3] = 1, 2, "SKY"
    expected = desi.extract(samples.write_coadd(tmp_path / "a.fits", 6, table), grid.LOG)
    table.dtype.names = [name.lower() for name in table.dtype.names]
    found = desi.extract(samples.write_coadd(tmp_path / "b.fits", 6, table), grid.LOG)
    assert found.dropped == expected.dropped and len(found.catalog) == 3
    for name in ("TARGETID", "TARGET_RA", "FLUX_R"):
        assert found.catalog[name].tolist() == expected.catalog[name].tolist()


def test_target_bits_that_are_masked_are_none(tmp_path):
    """Stacked files of several surveys: astropy's number for nothing has the bit of quasars."""
    base = samples.fibermap(4)
    table = np.zeros(4, [*base.dtype.descr, ("SV3_DESI_TARGET", "i8")])
    for name in base.dtype.names:
        table[name] = base[name]
    table["DESI_TARGET"], table["SV3_DESI_TARGET"] = [4, 1, 1, 0], [999999, 999999, 999999, 4]
    path = samples.write_coadd(tmp_path / "a.fits", 4, table)
    with fitsio.FITS(str(path), "rw") as fits:
        number = len(table.dtype.names)
        fits["FIBERMAP"].write_key(f"TNULL{number}", 999999)
    assert desi.extract(path, grid.LOG).catalog["ROW"].tolist() == [0, 3]
