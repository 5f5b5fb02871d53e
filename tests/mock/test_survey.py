"""The mock survey: reproducible bytes, DESI's layout, honest noise, lines where truth says."""

import hashlib
import json

import fitsio
import numpy as np
import pytest

import simulate_survey
from quasarnet_al.core.files import InputError
from quasarnet_al.mock import templates
from quasarnet_al.mock.survey import MIXES, draw_targets, nanomaggies, observe, photometry, spectra

SMALL = ["--targets-per-petal", "30", "--seed", "3"]


def digests(root):
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    root = tmp_path_factory.mktemp("survey")
    simulate_survey.main(
        ["--output", str(root), "--tiles", "1000", "1001", "--petals", "2", *SMALL]
    )
    return root


def truth_of(root):
    return np.genfromtxt(
        root / "truth.csv", delimiter=",", names=True, dtype=None, encoding="utf-8"
    )


def test_a_tile_depends_on_seed_and_number_alone(survey, tmp_path):
    simulate_survey.main(
        ["--output", str(tmp_path), "--tiles", "1001", "--petals", "2", "--threads", "2", *SMALL]
    )
    alone, both = digests(tmp_path), digests(survey)
    assert len(alone) == 5
    del alone["truth.csv"]
    assert alone == {name: both[name] for name in alone}
    assert len(set(both.values())) == len(both)


def test_another_seed_is_another_survey(survey, tmp_path):
    simulate_survey.main(
        ["--output", str(tmp_path), "--tiles", "1001", "--targets-per-petal", "30", "--seed", "4"]
    )
    other, both = digests(tmp_path), digests(survey)
    assert not any(both[name] == digest for name, digest in other.items())


def test_layout_and_columns_are_those_of_desi(survey):
    folder = survey / "tiles/cumulative/1000/20260101"
    with fitsio.FITS(folder / "coadd-1-1000-thru20260101.fits") as coadd:
        names = [hdu.get_extname() for hdu in coadd]
        assert {"FIBERMAP", "SCORES"} <= set(names)
        for arm, size, blue, red in (
            ("B", 2751, 3600, 5800),
            ("R", 2326, 5760, 7620),
            ("Z", 2881, 7520, 9824),
        ):
            wavelength = coadd[f"{arm}_WAVELENGTH"].read()
            assert (len(wavelength), wavelength[0], wavelength[-1]) == (size, blue, red)
            assert coadd[f"{arm}_FLUX"].read().shape == (30, size)
            assert coadd[f"{arm}_IVAR"].read().dtype == np.float32
            assert coadd[f"{arm}_MASK"].read().dtype.kind == "i"
        fibermap = coadd["FIBERMAP"].read()
        assert coadd["SCORES"]["TARGETID"].read().tolist() == fibermap["TARGETID"].tolist()
    fit = fitsio.read(folder / "redrock-1-1000-thru20260101.fits", ext="REDSHIFTS")
    assert fit["TARGETID"].tolist() == fibermap["TARGETID"].tolist()
    sky = np.char.strip(fibermap["OBJTYPE"]) == "SKY"
    assert np.all((fibermap["TARGETID"] < 0) == sky)
    assert np.all(np.abs(fibermap["TARGETID"]) > 2**53)
    quasar = np.char.strip(fit["SPECTYPE"]) == "QSO"
    assert np.any(fibermap["DESI_TARGET"][quasar] & 4)


def test_truth_has_every_target_once_and_repeats_share_it(survey):
    ids = [
        fitsio.read(path, ext="FIBERMAP")["TARGETID"]
        for path in sorted(survey.rglob("coadd-*.fits"))
    ]
    truth = truth_of(survey)
    assert sorted(truth["TARGETID"]) == sorted(set(np.concatenate(ids).tolist()))
    # Three of 30 fibres of each of two petals.
    assert len(np.concatenate(ids)) - len(truth) == 6
    # Whoever observes a target, it is the same one; what differs is the noise.
    first, second = (
        fitsio.FITS(survey / f"tiles/cumulative/{tile}/20260101/coadd-0-{tile}-thru20260101.fits")
        for tile in (1000, 1001)
    )
    _, here, there = np.intersect1d(ids[0], ids[2], return_indices=True)
    assert len(here) == 3
    for column in ("TARGET_RA", "DESI_TARGET", "FLUX_R"):
        one, two = (f["FIBERMAP"][column].read() for f in (first, second))
        assert one[here].tolist() == two[there].tolist()
    assert not np.any(first["R_FLUX"].read()[here, 500] == second["R_FLUX"].read()[there, 500])
    assert set(truth["BAL"][truth["SPECTYPE"] != "QSO"]) == {0}
    assert np.all(truth["BAL"][np.isin(truth["KIND"], ["qso_bal", "qso_lobal"])] == 1)


def test_noise_agrees_with_the_inverse_variance():
    rng = np.random.default_rng(5)
    flux = np.full((60, len(templates.OBSERVED)), 0.3, np.float32)
    arms, flaw = observe(rng, flux, 1.0, artefacts={"tilt": 0.0})
    assert set(flaw) == {"none"}
    for signal, ivar, mask in arms.values():
        assert np.all((ivar == 0) == (mask > 0))
        with np.errstate(divide="ignore"):
            step = np.diff(signal, axis=1) / np.sqrt(1 / ivar[:, 1:] + 1 / ivar[:, :-1])
        step = step[(ivar[:, 1:] > 0) & (ivar[:, :-1] > 0)]
        # A robust width: sky residuals and cosmic rays come on top of what the variance knows.
        assert np.percentile(np.abs(step), 68.3) == pytest.approx(1.0, abs=0.08)


def outliers(signal, ivar):
    """Return the share of pixels that lie 6 sigma above both pixels 5 away."""
    error = np.sqrt(1 / np.where(ivar > 0, ivar, np.inf))
    above = signal[:, 5:-5] - np.maximum(signal[:, :-10], signal[:, 10:])
    seen = (ivar[:, 5:-5] > 0) & (ivar[:, :-10] > 0) & (ivar[:, 10:] > 0)
    return np.mean(seen & (above > 6 * error[:, 5:-5]))


@pytest.mark.parametrize(
    ("flaw", "measure", "factor"),
    [
        ("cosmic", lambda arms: outliers(*arms["B"][:2]), 30),
        ("sky_residual", lambda arms: outliers(*arms["Z"][:2]), 30),
        ("masked", lambda arms: (arms["R"][1] == 0).mean(), 50),
        ("dead_arm", lambda arms: sum((arms[a][1] == 0).all(1).mean() for a in "BRZ"), 99),
        ("arm_offset", lambda arms: np.std(np.median(arms["R"][0], axis=1)), 2),
        ("tilt", lambda arms: np.std(np.median(arms["R"][0][:, :200], axis=1)), 2),
    ],
)
def test_each_flaw_is_in_the_spectra(flaw, measure, factor):
    # Bright ones, so that flaws of the calibration are above the noise.
    flux = np.full((60, len(templates.OBSERVED)), 30, np.float32)
    here, absent = (
        observe(np.random.default_rng(6), flux, 1.0, artefacts={flaw: share})[0]
        for share in (1.0, 0.0)
    )
    assert measure(here) > factor * max(measure(absent), 1e-4)


def test_a_longer_exposure_is_deeper():
    flux = np.zeros((5, len(templates.OBSERVED)), np.float32)
    noise = [
        np.median(observe(np.random.default_rng(1), flux, depth)[0]["R"][1]) for depth in (1.0, 4.0)
    ]
    assert noise[1] / noise[0] == pytest.approx(4.0, rel=0.01)


@pytest.mark.parametrize(
    ("line", "window"), [(1215.67, 40), (1549, 40), (2799, 40), (4862.7, 60), (6564.6, 60)]
)
def test_the_composite_has_its_lines_where_they_belong(line, window):
    near = np.arange(line - window, line + window, 0.5)
    flux = templates.quasar_composite(near)
    assert abs(near[np.argmax(flux)] / line - 1) < 0.004
    assert flux.max() > 1.15 * flux[[0, -1]].max()


def test_lines_of_a_redshifted_quasar_move():
    rng = np.random.default_rng(2)
    kind, z = np.full(20, "qso"), np.linspace(2.0, 3.0, 20)
    flux = templates.quasars(rng, z, kind, np.zeros(20), spread=0, intergalactic=False)
    wavelength = 10**templates.OBSERVED
    rest = wavelength / (1 + z[:, None])
    inside = (rest > 1500) & (rest < 1600)
    peak = rest[np.arange(20), np.argmax(np.where(inside, flux * rest, 0), axis=1)]
    assert np.all(np.abs(peak / 1546 - 1) < 0.003)


def test_the_forest_has_the_published_mean_flux():
    z = np.full(400, 3.5)
    transmission = templates.forest(np.random.default_rng(0), z, templates.OBSERVED)
    one_plus = 10**templates.OBSERVED / 1215.67
    # Between Lyman beta and alpha, away from the quasar; damped systems take a few per cent.
    inside = (one_plus > 3.9) & (one_plus < 4.3)
    expected = np.exp(-0.0023 * one_plus[inside] ** 3.65).mean()
    assert transmission[:, inside].mean() == pytest.approx(expected, rel=0.08)
    # To the red of the quasar's own line only wings of damped systems are left.
    assert transmission[:, one_plus > 4.51].mean() > 0.995


def test_broad_absorption_takes_light_blueward_of_civ():
    wavelength = 10**templates.OBSERVED
    rest = wavelength / 3.2
    left = {}
    for kind in ("qso", "qso_bal"):
        flux = templates.quasars(
            np.random.default_rng(1), np.full(100, 2.2), np.full(100, kind), np.zeros(100)
        )
        trough = flux[:, (rest > 1440) & (rest < 1530)].mean(axis=1)
        left[kind] = trough / flux[:, (rest > 1690) & (rest < 1730)].mean(axis=1)
    assert np.median(left["qso_bal"]) < 0.92 * np.median(left["qso"])


def test_magnitudes_are_those_asked_for():
    rng = np.random.default_rng(7)
    target = draw_targets(rng, 200, {"qso": 0.5, "star_G": 0.5}, broad=False)
    red = photometry(spectra(rng, target))["R"]
    assert np.allclose(red, nanomaggies(target["RMAG"]), rtol=1e-3)


def test_every_kind_has_a_finite_spectrum():
    rng = np.random.default_rng(8)
    mix = dict.fromkeys(MIXES["training"], 1.0)
    target = draw_targets(rng, 300, mix, broad=True)
    assert set(target["KIND"]) == set(mix)
    assert np.all(np.isfinite(spectra(rng, target)))


def test_a_blend_is_a_galaxy_and_a_star():
    rng = np.random.default_rng(9)
    z = np.full(20, 0.4)
    blends = templates.galaxies(rng, z, np.full(20, "blend"), spread=0.0)
    galaxies = templates.galaxies(rng, z[:3], np.array(["lrg", "spiral", "elg"]), spread=0.0)
    kinds = np.array(["star_F", "star_G", "star_K", "star_M"])
    stars = templates.stars(rng, np.zeros(4), kinds, spread=0.0)
    parts = np.vstack([galaxies, stars]).T
    # Of a blend, either alone explains far less than both do.
    left = [
        np.linalg.norm(blends.T - some @ np.linalg.lstsq(some, blends.T)[0], axis=0)
        for some in (parts, parts[:, :3], parts[:, 3:])
    ]
    assert np.median(left[0] / np.minimum(left[1], left[2])) < 0.3


def test_an_unknown_kind_is_refused(tmp_path):
    path = tmp_path / "fractions.json"
    path.write_text(json.dumps({"qso": 0.5, "pulsar": 0.5}))
    with pytest.raises(InputError, match="pulsar"):
        simulate_survey.main(
            ["--output", str(tmp_path), "--tiles", "1", "--fractions", str(path), *SMALL]
        )
    assert not (tmp_path / "truth.csv").exists()
