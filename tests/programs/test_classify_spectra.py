"""Classes of spectra by hand; the table of DESI's afterburner, as desispec reads it."""

import fitsio
import numpy as np
import pytest

import classify_spectra
from helpers import samples
from helpers.networks import random_network
from quasarnet_al.core.files import InputError
from quasarnet_al.network import weights
from quasarnet_al.spectra import boss
from quasarnet_al.spectra.grid import LIGHT_SPEED, LINES, LOG

#: Columns and types that desispec's scripts/qsoqn.py writes into QN_RR, in its order.
AFTERBURNER = [
    *(("TARGETID", "i8"), ("RA", "f8"), ("DEC", "f8"), ("DESI_TARGET", "i8")),
    *(("SPECTYPE_RR", "S6"), ("Z_RR", "f8"), ("IS_QSO_QN_NEW_RR", "?"), ("Z_QN", "f4")),
    *((f"C_{line}", "f4") for line in ("LYA", "CIV", "CIII", "MgII", "Hbeta", "Halpha")),
    *((f"Z_{line}", "f4") for line in ("LYA", "CIV", "CIII", "MgII", "Hbeta", "Halpha")),
    *(("Z_NEW", "f8"), ("ZERR_NEW", "f4"), ("ZWARN_NEW", "i8"), ("SPECTYPE_NEW", "S3")),
    *(("SUBTYPE_NEW", "S3"), ("CHI2_NEW", "f4"), ("DELTACHI2_NEW", "f4")),
    ("COEFF_NEW", "f4"),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two networks, as files and packed; a coadd with a sky fibre and a bad one; another coadd."""
    folder = tmp_path_factory.mktemp("classify")
    networks = [random_network(seed=seed) for seed in (1, 2)]
    for number, network in enumerate(networks):
        weights.write_network(folder / f"member-{number:02d}.h5", network, {})
    weights.pack(folder / "ensemble.h5", networks, {})
    fibermap = samples.fibermap(6)
    fibermap["TARGETID"][1] *= -1
    fibermap["OBJTYPE"][1] = "SKY"
    fibermap["COADD_FIBERSTATUS"][4] = 1
    coadd = samples.write_coadd(folder / "coadd-0-1001-thru20260101.fits", table=fibermap)
    samples.write_redrock(folder / "redrock-0-1001-thru20260101.fits", fibermap["TARGETID"])
    other = samples.fibermap(3)
    other["TARGETID"] += 100
    samples.write_coadd(folder / "coadd-1-1001-thru20260101.fits", 3, other)
    return folder, coadd


def classify(folder, out, *words):
    classify_spectra.main([*map(str, words), "--output", str(folder / out)])
    with fitsio.FITS(str(folder / out)) as fits:
        return fits[1].get_extname(), fits[1].read()


def test_an_ensemble_file_is_the_same_as_its_members(files):
    folder, coadd = files
    members = sorted(folder.glob("member-*.h5"))
    name, one = classify(folder, "a.fits", "--weights", *members, "--coadd", coadd)
    assert name == "QN" and "IS_QSO" not in one.dtype.names
    _, two = classify(folder, "b.fits", "--weights", folder / "ensemble.h5", "--coadd", coadd)
    assert one.tobytes() == two.tobytes()


def test_several_coadds_and_what_was_left_out(files, capsys):
    folder, _ = files
    both = sorted(folder.glob("coadd-*.fits"))
    words = ["--weights", folder / "member-00.h5", "--c-thresh", 0.5]
    _, rows = classify(folder, "c.fits", *words, "--coadd", *both)
    assert len(rows) == 4 + 3
    said = capsys.readouterr().out
    assert '"bad fibre": 1, "sky": 1' in said
    assert "without redrock (1): " in said and "coadd-1-1001" in said
    confidence = np.stack([rows[f"C_{line}"] for line in LINES], axis=1)
    assert (rows["IS_QSO"] == (confidence > 0.5).any(axis=1)).all()
    assert f"7 spectra, {rows['IS_QSO'].sum()} quasars" in said


def test_a_coadd_that_is_given_twice_counts_once(files):
    folder, coadd = files
    words = ["--weights", folder / "member-00.h5", "--coadd", coadd, coadd]
    assert len(classify(folder, "twice.fits", *words)[1]) == 4


@pytest.mark.parametrize("words", ["--c-thresh 95", "--c-thresh nan", "--n-thresh 7"])
def test_a_cut_that_nothing_reaches_is_refused(files, capsys, words):
    folder, coadd = files
    with pytest.raises(SystemExit) as end:
        classify(folder, "x.fits", "--coadd", coadd, *words.split())
    assert end.value.code == 2 and "is not a" in capsys.readouterr().err
    assert not (folder / "x.fits").exists()


def test_the_afterburners_table_is_as_its_readers_want_it(files):
    folder, coadd = files
    words = ["--weights", folder / "ensemble.h5", "--coadd", coadd, "--targets", "all"]
    name, rows = classify(folder, "qso_qn.fits", *words, "--format", "afterburner")
    assert name == "QN_RR"
    # fitsio reads bytes as text, of the same width.
    kinds = [(n, rows.dtype[n].base.str[1:].replace("U", "S")) for n in rows.dtype.names]
    assert kinds == [(n, np.dtype(kind).str[1:]) for n, kind in AFTERBURNER]
    assert rows["COEFF_NEW"].shape == (6, 10)
    # A row for each of redrock's, in redrock's order: desispec joins them by place.
    redrock = fitsio.read(folder / "redrock-0-1001-thru20260101.fits", ext="REDSHIFTS")
    assert (rows["TARGETID"] == redrock["TARGETID"]).all()
    np.testing.assert_array_equal(rows["Z_RR"], redrock["Z"])
    fibermap = fitsio.read(coadd, ext="FIBERMAP")
    by_target = {row["TARGETID"]: row for row in fibermap}
    assert [by_target[row["TARGETID"]]["TARGET_RA"] for row in rows] == rows["RA"].tolist()
    # What was not classified is no quasar for a reader that asks for the largest confidence.
    _, known = classify(folder, "qn.fits", *words)
    known = {row["TARGETID"]: row for row in known}
    assert len(known) == 4
    for row in rows:
        found = known.get(row["TARGETID"])
        for column in (f"{kind}_{line}" for kind in "CZ" for line in LINES):
            wanted = np.nan if found is None else np.float32(found[column])
            np.testing.assert_array_equal(row[column], wanted)
        # The pipeline's redshift is that of the most confident line.
        best = max(LINES, key=lambda line, row=row: np.nan_to_num(row[f"C_{line}"]))
        np.testing.assert_array_equal(row["Z_QN"], row[f"Z_{best}"])
    assert not rows["IS_QSO_QN_NEW_RR"].any() and np.isnan(rows["Z_NEW"]).all()


def test_the_bits_are_those_of_the_coadds_survey(files):
    folder, _ = files
    fibermap = samples.fibermap(2)
    names = [(name, fibermap.dtype[name]) for name in fibermap.dtype.names]
    survey = np.zeros(2, [*names, ("SV1_DESI_TARGET", "i8"), ("SV3_DESI_TARGET", "i8")])
    for name, _ in names:
        survey[name] = fibermap[name]
    survey["DESI_TARGET"], survey["SV3_DESI_TARGET"] = 0, [4, 6]
    coadd = samples.write_coadd(folder / "coadd-sv3-dark-9.fits", 2, survey)
    samples.write_redrock(folder / "redrock-sv3-dark-9.fits", survey["TARGETID"])
    words = ["--weights", folder / "ensemble.h5", "--coadd", coadd, "--format", "afterburner"]
    _, rows = classify(folder, "sv3.fits", *words)
    assert rows.dtype.names[3] == "SV3_DESI_TARGET"
    assert sorted(rows["SV3_DESI_TARGET"]) == [4, 6]
    # Numbers that TNULL marks are no bits.
    with fitsio.FITS(str(coadd), "rw") as fits:
        fits["FIBERMAP"].write_key(f"TNULL{len(survey.dtype.names)}", 6)
    _, rows = classify(folder, "sv3.fits", *words)
    assert sorted(rows["SV3_DESI_TARGET"]) == [0, 4]


def test_the_afterburners_table_needs_redrock_and_one_coadd(files):
    folder, coadd = files
    words = ["--weights", folder / "ensemble.h5", "--format", "afterburner", "--coadd"]
    with pytest.raises(InputError, match="has no redrock file beside it"):
        classify(folder, "x.fits", *words, folder / "coadd-1-1001-thru20260101.fits")
    with pytest.raises(InputError, match="is a table of one coadd"):
        classify(folder, "x.fits", *words, coadd, coadd)
    samples.write_redrock(folder / "redrock-1-1001-thru20260101.fits", np.arange(3) + 5)
    with pytest.raises(InputError, match=r"redrock-1-1001\S*: has targets that"):
        classify(folder, "x.fits", *words, folder / "coadd-1-1001-thru20260101.fits")
    (folder / "redrock-1-1001-thru20260101.fits").unlink()
    assert not (folder / "x.fits").exists()


def test_a_network_says_how_it_looks_at_spectra(files):
    """Its zero point, and its views, which take as many times the time."""
    folder, coadd = files
    network = weights.read_network(folder / "member-00.h5")
    weights.write_network(folder / "zero.h5", network, {"zero_point": 300})
    weights.write_network(folder / "views.h5", network, {"views": 3})
    plain, zero, views = (
        classify(folder, "v.fits", "--weights", folder / f"{name}.h5", "--coadd", coadd)[1]
        for name in ("member-00", "zero", "views")
    )
    moved = LIGHT_SPEED * (plain["Z_LYA"] - zero["Z_LYA"]) / (1 + plain["Z_LYA"])
    np.testing.assert_allclose(moved, 300, rtol=1e-6)
    np.testing.assert_array_equal(plain["C_LYA"], zero["C_LYA"])
    assert (plain["C_LYA"] != views["C_LYA"]).all()


def test_spectra_of_sdss_need_no_label(shared_data, tmp_path):
    """All are classified, also the one that a labelled set leaves out for its ZWARNING."""
    paths = sorted((shared_data / "boss").glob("spec-*.fits"))
    _, rows = classify(tmp_path, "qn.fits", "--c-thresh", "0.5", "--boss", *paths)
    assert len(rows) == 40 and rows["IS_QSO"].all()
    labelled, labels = boss.extract_spec(paths, LOG)
    place = np.searchsorted(rows["TARGETID"], labels["TARGETID"])
    assert (np.abs(rows["Z_QN"][place] - labels["Z"]) / (1 + labels["Z"]) < 0.01).sum() == 38
    np.testing.assert_array_equal(rows["SNR"][place], labelled.catalog["SNR"])


def test_rows_are_no_targets_where_another_file_has_them_too(files, tmp_path, program):
    """Two files without FIBERMAP would have objects 0, 1, 2 ... in common."""
    folder, _ = files
    one, two = (samples.write_coadd(tmp_path / f"{name}.fits", 3, FIBERMAP=None) for name in "ab")
    options = ("--weights", folder / "ensemble.h5", "--targets", "all", "--coadd")
    _, rows = classify(tmp_path, "qn.fits", *options, one)
    assert rows["TARGETID"].tolist() == [0, 1, 2]
    with pytest.raises(InputError, match=r"a\.fits: has no HDU FIBERMAP"):
        classify(tmp_path, "qn.fits", *options, one, two)
    extract = ("extract_spectra.py", "--targets", "all", "--coadd", one, "--output", tmp_path / "p")
    assert "has no HDU FIBERMAP" in program(*extract).stderr
