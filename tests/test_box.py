"""The network of the box, weights/quasarnet-mock.h5, as docs/model-card.md has it."""

import fitsio
import numpy as np
import pytest

import classify_spectra
from helpers import samples
from quasarnet_al.judging import calibration, check
from quasarnet_al.network import weights
from quasarnet_al.spectra import boss, pool
from quasarnet_al.spectra.grid import LOG


@pytest.fixture(scope="module")
def found(shared_data, tmp_path_factory):
    """What it finds in the BOSS spectra, as `check.spectra` returns it."""
    path = tmp_path_factory.mktemp("box") / "boss.fits"
    extraction, labels = boss.extract_spec(sorted((shared_data / "boss").glob("spec-*.fits")), LOG)
    labels["OBJECT"] = labels["TARGETID"]
    pool.write(path, extraction.spectra, extraction.catalog, LOG, labels)
    network = weights.read_network(classify_spectra.WEIGHTS)
    return check.spectra({"box": network}, [str(path)], [], 1)


def test_it_finds_the_real_quasars(found):
    table = check.check(found, [0.5]).set_index("group").loc["boss"]
    assert (table["quasars"], table["found"]) == (39, 39)
    # The pipeline's redshift of the one that is not right (3655-55240-0110) looks wrong.
    assert table["right"] == 38
    assert table["sigma_nmad_kms"] < 300 and abs(table["median_kms"]) < 100


def test_its_redshift_errors_are_about_right(found):
    """On 38 quasars the share within one sigma has an error of 0.08."""
    table = check.check(found, [0.5]).set_index("group").loc["boss"]
    assert 0.5 < table["within_1_sigma"] < 0.9
    assert table["within_2_sigma"] > 0.85


def test_it_is_what_its_card_says():
    network = weights.read_network(classify_spectra.WEIGHTS)
    assert [conv.kernel.shape[2] for conv in network.convs] == [100] * 6
    assert network.grid == LOG
    assert calibration.of_network(network.attributes) is not None
    # Whoever reads its provenance learns nothing of the machine that it was made on.
    assert not any("/" in str(value) for value in network.attributes.values())


def test_it_is_the_default_of_classify_spectra(tmp_path):
    coadd = samples.write_coadd(tmp_path / "coadd-0-1001-thru20260101.fits", 6)
    output = tmp_path / "qn.fits"
    classify_spectra.main(["--coadd", str(coadd), "--targets", "all", "--output", str(output)])
    table = fitsio.read(output, ext="QN")
    assert len(table) == 6
    assert np.isfinite(table["P_QSO"]).all() and np.isfinite(table["Z_ERR"]).all()
