"""Flaws that a rebinned spectrum shows, on the mock survey, which knows them."""

import numpy as np

from quasarnet_al.learning import flaws
from quasarnet_al.mock import survey
from quasarnet_al.spectra import desi
from quasarnet_al.spectra.grid import DIGIT, LOG


def test_known_flaws_are_found(tmp_path):
    design = survey.Design(5, survey.MIXES["survey"])
    survey.simulate_petal(tmp_path, design, tile=1, night=20260101, number=0, n=500)
    (path,) = desi.coadds(tmp_path, "cumulative", "1/20260101")
    found = desi.extract(path, LOG, "all")
    known = survey.petal(design, 1, 0, 500)[1]["MOCK_FLAW"]
    flaw = known[found.catalog["ROW"]]
    rough = flaws.measure(found.spectra, LOG)
    assert (rough[flaw == "masked"] == flaws.MISSING).all()
    assert (rough[flaw == "none"] < 100).all()
    clean = np.median(rough[flaw == "none"])
    assert np.median(rough[flaw == "sky_residual"]) > 1.3 * clean
    flagged = rough > np.percentile(rough, 96, method="lower")
    assert (flaw[flagged] != "none").mean() > 4 * (flaw != "none").mean()


def test_what_is_smooth_or_has_no_wavelengths():
    assert flaws.measure(np.zeros((2, 784), np.float32), DIGIT).tolist() == [0, 0]
    assert flaws.measure(np.zeros((1, 443), np.float32), LOG).tolist() == [flaws.MISSING]
