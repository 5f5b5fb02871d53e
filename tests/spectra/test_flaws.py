"""Flaws on the pixels of the arms, planted one by one and on the mock survey, which knows them."""

import numpy as np
import pytest

from quasarnet_al.mock import survey
from quasarnet_al.spectra import desi
from quasarnet_al.spectra.flaws import MISSING, SPIKES, STEP, Flaws
from quasarnet_al.spectra.grid import LOG

WAVELENGTH = {
    "B": np.arange(3600, 5800.4, 0.8),
    "R": np.arange(5760, 7620.4, 0.8),
    "Z": np.arange(7520, 9824.4, 0.8),
}


@pytest.fixture
def arms():
    """Return three spectra of flux 1 and S/N 2, without noise, by arm."""
    shapes = {arm: (3, len(wavelength)) for arm, wavelength in WAVELENGTH.items()}
    return {a: (np.ones(n, np.float32), np.full(n, 4, np.float32)) for a, n in shapes.items()}


def measure(arms):
    flaws = Flaws(3)
    for arm, (flux, ivar) in arms.items():
        for block in (slice(0, 2), slice(2, 4)):
            flaws.add(block, WAVELENGTH[arm], flux[block], ivar[block])
    return flaws.measure()


def test_spectra_without_a_flaw(arms):
    assert measure(arms).tolist() == [0, 0, 0]


def test_spikes_are_counted_in_all_arms(arms):
    # 5 sigma of a pixel and of the mean of two others: 5 x 0.5 x sqrt(1.5) is 3.06 above.
    for arm, row, height in (("B", 0, 3.1), ("Z", 0, 3.1), ("R", 1, 3.0), ("R", 2, -9)):
        arms[arm][0][row, 100:1100:100] += height
    assert measure(arms) == pytest.approx([20 / SPIKES, 0, 20 / SPIKES])


def test_lines_are_no_spikes(arms):
    # A resolution of 3,000 and the width of a galaxy's lines; 3 sigma in the highest pixel.
    pixel = np.arange(len(WAVELENGTH["R"]))
    arms["R"][0][:] += 1.5 * np.exp(-0.5 * ((pixel - 1000) / 2.5) ** 2)
    assert measure(arms).tolist() == [0, 0, 0]


def test_pixels_without_data_are_missing_whatever_their_flux(arms):
    flux, ivar = arms["R"]
    ivar[1, 300:698], flux[1, 300:698] = 0, np.nan
    ivar[2, 300:310], flux[2, 300:310] = 0, 1e9
    share = np.array([0, 398, 10]) / sum(map(len, WAVELENGTH.values()))
    assert measure(arms) == pytest.approx(share / MISSING, rel=1e-6)


@pytest.mark.parametrize(("arm", "pixels"), [("B", 51), ("Z", 126)])
def test_a_step_between_arms(arms, arm, pixels):
    arms[arm][0][1] += 0.5
    variance = 2 / (4 * pixels) + (0.03 * 1.25) ** 2
    assert measure(arms) == pytest.approx([0, 0.5 / np.sqrt(variance) / STEP, 0])


@pytest.mark.parametrize("lost", ["B", "R", "Z"])
def test_an_absent_arm_makes_no_step(arms, lost):
    arms[lost] = tuple(np.zeros_like(each) for each in arms[lost])
    here = len(WAVELENGTH[lost]) / sum(map(len, WAVELENGTH.values()))
    assert measure(arms) == pytest.approx(here / MISSING)
    del arms[lost]
    assert measure(arms).tolist() == [0, 0, 0]


def test_known_flaws_are_found(tmp_path):
    design = survey.Design(5, survey.MIXES["survey"])
    survey.simulate_petal(tmp_path, design, tile=1, night=20260101, number=0, n=500)
    (path,) = desi.coadds(tmp_path, "cumulative", "1/20260101")
    found = desi.extract(path, LOG, "all", flaws=True)
    known = survey.petal(design, 1, 0, 500)[1]["MOCK_FLAW"]
    flaw = known[found.catalog["ROW"]]
    flagged = found.catalog["FLAW"] > 1
    assert flagged[flaw == "masked"].all()
    assert flagged[flaw == "sky_residual"].mean() > 0.8
    assert flagged[flaw == "none"].mean() < 0.03
    assert (flaw[flagged] != "none").mean() > 5 * (flaw != "none").mean()
    assert flagged[flaw != "none"].mean() > 0.5


def test_real_spectra_have_no_flaws(shared_data):
    for path in sorted((shared_data / "desi").rglob("coadd-*.fits")):
        assert (desi.extract(path, LOG, "all", flaws=True).catalog["FLAW"] < 0.8).all()
