"""BOSS spectra and QuasarNET's training pair become labelled sets."""

import fitsio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import samples
from quasarnet_al.core.files import InputError
from quasarnet_al.spectra import boss, grid, pool, sets


def test_real_spectra(shared_data):
    paths = sorted((shared_data / "boss").glob("spec-*.fits"))
    extraction, labels = boss.extract_spec(paths, grid.LOG)
    assert len(labels) + sum(extraction.dropped.values()) == len(paths) == 40
    assert extraction.dropped == {"redshift warning": 1}
    first = labels[0]
    assert first["TARGETID"] == 3655552400002
    assert first["SPECTYPE"] == "QSO"
    assert first["BAL"] == -1
    assert first["Z"] == pytest.approx(2.3552, abs=1e-3)
    assert np.isfinite(extraction.spectra).all()


def test_two_spectra_of_an_object_are_one_object(shared_data):
    """Plate 3655 fibre 186 and plate 9367 fibre 386 saw the same quasar."""
    names = ("spec-3655-55240-0186.fits", "spec-9367-57758-0386.fits")
    extraction, labels = boss.extract_spec(
        [shared_data / "boss" / name for name in names], grid.LOG
    )
    assert labels["TARGETID"][0] != labels["TARGETID"][1]
    assert labels["OBJECT"][0] == labels["OBJECT"][1]
    assert len(set(sets.objects(extraction.catalog, labels))) == 1


def test_targetid_can_be_read_back():
    identifier = int(boss.targetid(9367, 57758, 386))
    assert (identifier // 10**9, identifier // 10**4 % 10**5, identifier % 10**4) == (
        9367,
        57758,
        386,
    )


def test_training_pair(tmp_path, program):
    data, table = samples.write_training_pair(tmp_path)
    pair = ("--training-data", data, "--truth", table, "--origin", "dr12q")
    result = program("extract_spectra.py", *pair, "--output", tmp_path / "set.fits")
    assert result.returncode == 0, result.stderr
    spectra, catalog, labels = pool.read_labelled(tmp_path / "set.fits")
    assert labels["TARGETID"].tolist() == [11, 12, 13, 14, 15]
    assert labels["OBJECT"].tolist() == catalog["TARGETID"].tolist() == [11, 12, 13, 14, 15]
    assert labels["SPECTYPE"].tolist() == ["QSO", "QSO", "QSO", "STAR", "GALAXY"]
    assert labels["Z"].tolist() == [2.5, 2.6, 2.7, 0.0, 0.5]
    assert labels["BAL"].tolist() == [0, 1, -1, 0, 0]
    assert set(labels["ORIGIN"]) == {"dr12q"}
    left_out = "1 contradicting labels, 1 impossible redshift, 1 no THING_ID, 1 not in truth, "
    assert f"{left_out}1 unsure label" in result.stdout
    weight = np.ones(443)
    for spectrum in spectra:
        assert np.average(spectrum, weights=weight) == pytest.approx(0, abs=1e-5)
        assert np.average(spectrum**2, weights=weight) == pytest.approx(1, abs=1e-5)


def test_training_pair_of_another_shape_is_refused(tmp_path):
    with pytest.raises(InputError, match="training spectra"):
        boss.extract_training(samples.write_training_pair(tmp_path)[1])


def write_spec(path, row=None, without=(), spell=str, more=0, **pixels):
    """Write a spec file: `row` replaces columns of its second table, `more` adds HDUs."""
    base = samples.write_spec(path)
    with fitsio.FITS(str(base)) as fits:
        tables = [fits[1].read(), fits[2].read()]
    for name, values in pixels.items():
        tables[0][name] = values
    columns = {name: tables[1][name] for name in tables[1].dtype.names if name not in without}
    columns |= {name: np.array([value]) for name, value in (row or {}).items()}
    first = {name: tables[0][name] for name in tables[0].dtype.names}
    with fitsio.FITS(str(path), "rw", clobber=True) as fits:
        fits.write(np.zeros(1))
        for table, name in ((first, "COADD"), (columns, "SPECOBJ")):
            fits.write(list(table.values()), names=[spell(n) for n in table], extname=name)
        for number in range(more):
            fits.write(tables[0], extname=f"B1-{number:08d}-00155000-00155001")
    return path


@pytest.mark.parametrize(
    ("first", "last", "arms"),
    [(3600, 10400, 0b111), (3700, 4400, 0b001), (5900, 10400, 0b110), (5760, 5800, 0)],
)
def test_a_spectrum_that_lacks_wavelengths_says_so(tmp_path, first, last, arms):
    """Files that tools cut to the Lyman-alpha forest look like any other."""
    path = samples.write_spec(tmp_path / "spec-x.fits")
    with fitsio.FITS(str(path)) as fits:
        table = fits[1].read()
    wavelength = 10 ** table["LOGLAM"]
    table["IVAR"][(wavelength < first) | (wavelength > last)] = 0
    extraction, _ = boss.extract_spec(
        [write_spec(path, IVAR=table["IVAR"])], grid.LOG, pipeline=False
    )
    assert extraction.catalog["ARMS"].tolist() == [arms]


@settings(deadline=None, max_examples=30)
@given(
    spell=st.sampled_from([str.lower, str.upper, str.title]),
    thing=st.booleans(),
    exposures=st.integers(0, 3),
)
def test_releases_differ_in_case_and_in_what_they_have(tmp_path_factory, spell, thing, exposures):
    """DR8 to DR17, spec-lite and full files with single exposures: one spectrum."""
    folder = tmp_path_factory.getbasetemp()
    expected, labels = boss.extract_spec([samples.write_spec(folder / "spec-x.fits")], grid.LOG)
    path = write_spec(
        folder / "spec-y.fits", without=() if thing else ("THING_ID",), spell=spell, more=exposures
    )
    found, got = boss.extract_spec([path], grid.LOG)
    np.testing.assert_array_equal(found.spectra, expected.spectra)
    assert got["TARGETID"][0] == 3655552400002
    assert got["OBJECT"][0] == (77 if thing else 3655552400002)
    assert (got["SPECTYPE"][0], got["Z"][0]) == (labels["SPECTYPE"][0], labels["Z"][0])


def test_sdss_v(tmp_path):
    """spec-FIELD-MJD-CATALOGID.fits: a robot's field, no plate and no fibre of it."""
    row = {"FIELD": 101126, "MJD": 59733, "CATALOGID": 27021598054114233, "SDSS_ID": 54321}
    row |= {"RACAT": 150.5, "DECCAT": 2.25}
    path = write_spec(
        tmp_path / "spec-101126-59733-27021598054114233.fits",
        row,
        without=("PLATE", "FIBERID", "THING_ID", "PLUG_RA", "PLUG_DEC"),
    )
    extraction, labels = boss.extract_spec([path], grid.LOG)
    assert labels["TARGETID"].tolist() == [27021598054114233]
    assert labels["OBJECT"].tolist() == [54321]
    assert extraction.catalog["TILEID"].tolist() == [101126]
    assert extraction.catalog["TARGET_RA"].tolist() == [150.5]


@pytest.mark.parametrize("identifier", [27021598054114233.0, "none", -999, 0])
def test_sdss_v_without_a_number_of_its_own_is_no_object(tmp_path, identifier):
    """-999 is the CATALOGID of many, and a double is that of another."""
    row = {"FIELD": 101126, "MJD": 59733, "CATALOGID": identifier}
    row["CATALOGID"] = np.array(identifier).astype("S20") if identifier == "none" else identifier
    path = write_spec(tmp_path / "spec-x.fits", row, without=("PLATE", "FIBERID", "THING_ID"))
    if isinstance(identifier, int):
        extraction, labels = boss.extract_spec([path], grid.LOG, pipeline=False)
        assert extraction.dropped == {"no CATALOGID": 1} and not len(labels)
    else:
        with pytest.raises(InputError, match="not a whole number"):
            boss.extract_spec([path], grid.LOG)


def test_one_bad_file_of_many_is_left_out_named_and_counted(tmp_path, program):
    paths = [
        write_spec(tmp_path / f"spec-3655-55240-{k:04d}.fits", {"FIBERID": k}) for k in range(9)
    ]
    paths[4].write_bytes(paths[4].read_bytes()[:20000])
    write_spec(paths[6], {"FIBERID": 6, "CLASS": "SKY"})
    write_spec(paths[7], {"FIBERID": 7, "Z": np.nan})
    write_spec(paths[8], {"FIBERID": 8, "ZWARNING": 4})
    # Sixteen thousand long paths do not fit a command line: they come from a file.
    listed = tmp_path / "files.txt"
    listed.write_text("".join(f"{path}\n" for path in paths))
    words = ["--boss", f"@{listed}", "--output", tmp_path / "set.fits"]
    result = program("extract_spectra.py", *words)
    assert result.returncode == 2
    assert result.stderr.startswith(f"extract_spectra.py: {paths[4]}: ")
    result = program("extract_spectra.py", *words, "--broken", "0.12")
    assert result.returncode == 0, result.stderr
    assert f"broken (1): {paths[4]}: " in result.stdout
    assert "1 impossible redshift, 1 redshift warning, 1 unknown class" in result.stdout
    labels = pool.read_labelled(tmp_path / "set.fits")[2]
    assert (labels["TARGETID"] % 10000).tolist() == [0, 1, 2, 3, 5]


def test_other_files_of_sdss_are_refused(tmp_path):
    """Whole plates (images) and spectra before DR8 (an image and tables of lines)."""
    plate, old = tmp_path / "spPlate-3655-55240.fits", tmp_path / "spSpec-51630-0266-001.fit"
    lines = np.zeros(44, [("wave", "f4"), ("height", "f4")])
    for path, contents in ((plate, [np.ones((4, 50), "f4")] * 3), (old, [lines, lines])):
        with fitsio.FITS(str(path), "rw") as fits:
            fits.write(np.ones((5, 50), "f4"))
            for content in contents:
                fits.write(content)
    for path, fault in ((plate, "an HDU is an image where"), (old, "it has no column FLUX")):
        with pytest.raises(InputError, match=f"{path.name}: .*{fault}.*; give one of DR8 or later"):
            boss.extract_spec([path], grid.LOG)


def test_a_set_without_labels_is_refused(tmp_path, program):
    path = samples.write_spec(tmp_path / "spec-3655-55240-0002.fits")
    with fitsio.FITS(str(path), "rw") as fits:
        fits[2].write_column("ZWARNING", np.array([4], "i4"))
    words = ("--boss", path, "--origin", "sdss", "--output", tmp_path / "set.fits")
    result = program("extract_spectra.py", *words)
    assert result.returncode == 2
    assert f"{path}: and what else sdss is made of give no spectrum with a label" in result.stderr
    assert "1 redshift warning" in result.stderr
    assert not (tmp_path / "set.fits").exists()


def test_labels_of_people_replace_the_pipelines(tmp_path, program):
    """Also where the pipeline has a warning, which is why people looked."""
    paths = [
        write_spec(tmp_path / f"spec-3655-55240-{k:04d}.fits", {"FIBERID": k, "ZWARNING": 4 * k})
        for k in range(3)
    ]
    names = ["PLATE", "MJD", "FIBERID", "CLASS_PERSON", "Z_VI", "Z_CONF"]
    columns = [[3655] * 3, [55240] * 3, [0, 1, 2], [3, 1, 0], [3.1, 0.0, -1.0], [3, 3, 0]]
    fitsio.write(str(tmp_path / "DR16Q.fits"), list(map(np.array, columns)), names=names)
    result = program(
        "extract_spectra.py", "--boss", *paths, "--truth", tmp_path / "DR16Q.fits",
        "--origin", "dr16q", "--output", tmp_path / "set.fits",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    labels = pool.read_labelled(tmp_path / "set.fits")[2]
    assert labels["SPECTYPE"].tolist() == ["QSO", "STAR"]
    assert labels["Z"].tolist() == [3.1, 0.0]
    assert labels["OBJECT"].tolist() == [77, 77]
    assert set(labels["ORIGIN"]) == {"dr16q"}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"CLASS": "GALAXY_AGN"}, "unknown class"),
        ({"Z": 7e5}, "impossible redshift"),
        ({"Z": 0.002}, "impossible redshift"),
        ({"CLASS": "STAR", "Z": 0.5}, "impossible redshift"),
        ({"Z": np.inf}, "impossible redshift"),
    ],
)
def test_what_cannot_be_a_label_is_left_out(tmp_path, row, reason):
    extraction, labels = boss.extract_spec([write_spec(tmp_path / "spec-x.fits", row)], grid.LOG)
    assert not len(labels) and extraction.dropped == {reason: 1}


@pytest.mark.parametrize("row", [{"MJD": 55240.7}, {"ZWARNING": 1e300}, {"PLATE": np.nan}])
def test_identifiers_that_are_not_whole_are_refused(tmp_path, row):
    with pytest.raises(InputError, match="is not a whole number"):
        boss.extract_spec([write_spec(tmp_path / "spec-x.fits", row)], grid.LOG)


def test_a_second_table_of_several_rows_is_refused(tmp_path):
    """Of which row the spectrum is nobody says."""
    path = write_spec(tmp_path / "spec-x.fits")
    with fitsio.FITS(str(path), "rw") as fits:
        fits[2].append(fits[2].read())
    with pytest.raises(InputError, match="has 2 rows, and not one"):
        boss.extract_spec([path], grid.LOG)
