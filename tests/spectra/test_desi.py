"""DESI coadds: the same spectra as QuasarNP, the cuts, the identifiers, the damaged files."""

import numpy as np
import pytest

from helpers import samples
from quasarnet_al.core.files import InputError
from quasarnet_al.spectra import desi, grid, pool


def extract(path, targets="qso"):
    return desi.extract(path, grid.LOG, targets)


def test_equals_the_stored_result_of_quasarnp(shared_data):
    """24 real spectra against the array that QuasarNP ships; fibre 11 has no weight."""
    extraction = extract(shared_data / "quasarnp" / "test_coadd.fits", "all")
    expected = np.load(shared_data / "quasarnp" / "coadd_x.npy")
    np.testing.assert_allclose(extraction.spectra, expected, atol=1e-4)
    assert extraction.dropped == {"no weight": 1}
    assert 11 not in extraction.catalog["ROW"]


def test_equals_a_plain_sum_over_bins(shared_data):
    """Every real coadd against the definition, pixel by pixel in a loop."""
    import fitsio

    for path in sorted(shared_data.glob("desi/**/coadd-*.fits")):
        fits = fitsio.FITS(str(path))
        weighted, weight = np.zeros(443), np.zeros(443)
        for arm in "BRZ":
            wavelength = fits[f"{arm}_WAVELENGTH"].read()
            flux, ivar = fits[f"{arm}_FLUX"].read()[0], fits[f"{arm}_IVAR"].read()[0]
            edges = np.log10(grid.LOG.wavelength)
            pixel = np.floor((np.log10(wavelength) - edges[0]) / (edges[1] - edges[0])).astype(int)
            for p, f, i in zip(pixel, flux, ivar, strict=True):
                if 0 <= p < 443:
                    weighted[p] += float(f) * float(i)
                    weight[p] += i
        mean_flux = np.divide(weighted, weight, out=np.zeros(443), where=weight > 0)
        centred = mean_flux - np.average(mean_flux, weights=weight)
        expected = centred / np.sqrt(np.average(centred**2, weights=weight))
        np.testing.assert_allclose(extract(path, "all").spectra[0], expected, atol=1e-4)


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


@pytest.mark.parametrize(
    ("layout", "tile", "folder"),
    [
        ("cumulative", "1001/20260101", "tiles/cumulative/1001/20260101"),
        ("perexp", "1001/00012345", "tiles/perexp/1001/00012345"),
        ("healpix", "main/dark/9144", "healpix/main/dark/91/9144"),
    ],
)
def test_layouts(tmp_path, layout, tile, folder):
    path = samples.write_coadd(tmp_path / folder / "coadd-0-x.fits")
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
    elif kind in ("negative ivar", "nan ivar"):
        arms["Z_IVAR"][3, 7] = -1 if kind.startswith("neg") else np.nan
        samples.write_coadd(path, **arms)
    elif kind == "nan flux":
        arms["B_FLUX"][2] = np.nan
        samples.write_coadd(path, **arms)
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
        "negative ivar",
        "nan ivar",
        "nan flux",
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
    import gzip

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
