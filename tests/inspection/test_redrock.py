import base64

import fitsio
import numpy as np
import pytest
from scipy.sparse import dia_matrix

from helpers.pages import data_of, write_all, write_batch
from quasarnet_al.core.files import InputError
from quasarnet_al.inspection import redrock
from quasarnet_al.inspection.record import decode

RNG = np.random.default_rng(7)


def write_template(folder, name="rrtemplate-QSO-LOZ-v1.0.fits", log=True, **cards):
    """Write a small template as redrock's are: four broad features on a slope."""
    step, n = (1e-4, 8600) if log else (1.0, 10000)
    first = np.log10(1300) if log else 1300.0
    wavelength = first + step * np.arange(n)
    wavelength = 10**wavelength if log else wavelength
    centres = np.array([1549, 1909, 2799, 4863])[:, None]
    basis = (wavelength / 3000) ** -1.0 + np.exp(-(((wavelength - centres) / 40) ** 2))
    header = {"CRVAL1": first, "CDELT1": step, "RRTYPE": "QSO", "RRSUBTYP": "LOZ"}
    header |= {"VERSION": "1.0"} | ({"LOGLAM": 1} if log else {}) | cards
    folder.mkdir(exist_ok=True)
    fitsio.write(str(folder / name), basis, header=header, extname="BASIS_VECTORS", clobber=True)
    return wavelength, basis


def test_the_file_of_a_class_is_the_one_that_redrock_used():
    header = {"TEMNAM00": "GALAXY", "TEMVER00": "2.6", "TEMNAM01": "QSO:::HIZ", "TEMVER01": "1.1"}
    header |= {"TEMNAM02": "STAR:::A", "TEMVER02": "unknown", "TEMNAM03": "STAR:::B"}
    header |= {"TEMVER03": "0.1", "TEMFIL03": "/somewhere/mine.fits", "TEMNAM04": "QSO:::LOZ"}
    assert redrock.file_name(header, "GALAXY", "") == "rrtemplate-GALAXY-None-v2.6.fits"
    assert redrock.file_name(header, "QSO", "HIZ") == "rrtemplate-QSO-HIZ-v1.1.fits"
    assert redrock.file_name(header, "STAR", "A") == "rrtemplate-STAR-A-v0.1.fits"
    assert redrock.file_name(header, "STAR", "B") == "mine.fits"
    # Coefficients of one version say nothing of another: no guess.
    for kind in (("QSO", "LOZ"), ("QSO", ""), ("STAR", "M")):
        with pytest.raises(ValueError, match="does not say which"):
            redrock.file_name(header, *kind)


@pytest.mark.parametrize("log", [True, False])
def test_a_model_is_the_sum_of_its_basis(tmp_path, log):
    wavelength, basis = write_template(tmp_path, log=log)
    template = redrock.read_template(tmp_path / "rrtemplate-QSO-LOZ-v1.0.fits", "QSO", "LOZ")
    z, coefficients = 1.8, np.array([2.0, -0.5, 1.0, 0.3, 0, 0])
    pixels = 4400 + 0.8 * np.arange(3000)
    found = redrock.model(template, coefficients, z, pixels)
    # The same by hand: finely sampled means, redder than Lyman alpha.
    inside = (np.arange(400) + 0.5) / 400 * 0.8 - 0.4
    fine = (pixels[:, None] + inside) / (1 + z)
    expected = sum(
        c * np.interp(fine, wavelength, b) for c, b in zip([2, -0.5, 1, 0.3], basis, strict=True)
    )
    np.testing.assert_allclose(found, expected.mean(axis=1), rtol=1e-6)


def test_a_model_shows_what_hydrogen_and_the_spectrograph_leave(tmp_path):
    write_template(tmp_path)
    template = redrock.read_template(tmp_path / "rrtemplate-QSO-LOZ-v1.0.fits", "QSO", "LOZ")
    # Beyond the template there is no model.
    pixels = 3600 + 0.8 * np.arange(2751)
    with pytest.raises(ValueError, match=r"does not cover 3600 to 5800 A at z = 3\.5"):
        redrock.model(template, np.ones(4), 3.5, pixels)
    # By hand, of Calura et al. 2012: Lyman alpha and beta at 3600 A of a quasar at z = 2.6.
    known = np.exp(-0.0023 * (3600 / 1215.67) ** 3.64 - 0.0023 / 5.2615 * (3600 / 1025.72) ** 3.64)
    wavelength = np.array([3600.0, 4000.0, 5000.0])
    found = redrock.transmission("CALURA12", 2.6, wavelength)
    assert found[0] == pytest.approx(known, rel=1e-12)
    assert found[1] == pytest.approx(np.exp(-0.0023 * (4000 / 1215.67) ** 3.64), rel=1e-12)
    assert found[2] == 1
    found = redrock.transmission("KAMBLE20", 2.6, wavelength)
    assert found[0] == pytest.approx(np.exp(-0.00554 * (3600 / 1215.67) ** 3.182), rel=1e-12)
    assert (redrock.transmission("NONE", 2.6, wavelength) == 1).all()
    # A coadd's RESOLUTION is a matrix by diagonals.
    values, resolution = RNG.random(300), RNG.random((11, 300))
    matrix = dia_matrix((resolution, np.arange(5, -6, -1)), shape=(300, 300))
    np.testing.assert_allclose(redrock.smeared(values, resolution), matrix @ values)


def test_a_template_that_does_not_fit_is_refused(tmp_path):
    path = tmp_path / "rrtemplate-QSO-LOZ-v1.0.fits"
    write_template(tmp_path)
    template = redrock.read_template(path, "QSO", "LOZ")
    pixels = 4400 + 0.8 * np.arange(100)
    for coefficients in (np.ones(3), np.ones(5), np.array([1, 1, 1, np.nan])):
        with pytest.raises(ValueError, match="not those of the template"):
            redrock.model(template, coefficients, 1.8, pixels)
    with pytest.raises(InputError, match="is a template of QSO LOZ"):
        redrock.read_template(path, "QSO", "HIZ")
    write_template(tmp_path, RRIGM="Inoue14")
    with pytest.raises(InputError, match="absorbs by INOUE14"):
        redrock.read_template(path, "QSO", "LOZ")
    write_template(tmp_path, VERSION="3.0")
    with pytest.raises(InputError, match="absorbs by UNKNOWN"):
        redrock.read_template(path, "QSO", "LOZ")
    for damaged in ({"CDELT1": -1e-4}, {"CDELT1": "x"}, {"CRVAL1": 400.0}):
        write_template(tmp_path, **damaged)
        with pytest.raises(InputError, match=r"not a (table|template)"):
            redrock.read_template(path, "QSO", "LOZ")
    fitsio.write(str(path), np.ones((2, 3, 4)), extname="BASIS_VECTORS", clobber=True)
    with pytest.raises(InputError, match="is not a template of redrock"):
        redrock.read_template(path, "QSO", "LOZ")
    path.write_bytes(b"SIMPLE  = broken")
    with pytest.raises(InputError, match="is not a template of redrock"):
        redrock.read_template(path, "QSO", "LOZ")
    write_template(tmp_path, RRIGM="None")
    assert redrock.read_template(path, "QSO", "LOZ").hydrogen == "NONE"


def add_fits(folder, targets, z, **more):
    """Write redrock's file with coefficients beside the coadd of `write_batch`."""
    columns = [("TARGETID", "i8"), ("Z", "f8"), ("ZWARN", "i8"), ("SPECTYPE", "U6")]
    rows = np.zeros(len(targets), dtype=[*columns, ("SUBTYPE", "U6"), ("COEFF", "(10,)f8")])
    rows["TARGETID"], rows["Z"], rows["SPECTYPE"], rows["SUBTYPE"] = targets, z, "QSO", "LOZ"
    rows["COEFF"][:, :4] = [1.0, 2.0, 0.5, 0.25]
    path = folder / "survey" / "redrock-0-80605-thru20210204.fits"
    header = {"TEMNAM00": "QSO:::LOZ", "TEMVER00": "1.0"} | more
    with fitsio.FITS(str(path), "rw", clobber=True) as fits:
        fits.write(None, header=header)
        fits.write(rows, extname="REDSHIFTS")


def test_a_page_gets_the_model_from_the_coefficients(tmp_path, monkeypatch, capsys):
    z = write_batch(tmp_path, 3)[::2]
    wavelength, basis = write_template(tmp_path / "templates")
    targets = 39627640553871919 + np.array([0, 2])
    # The coadd reaches from 3600 to 9824 A: at z = 1.2 the template covers it, at 3.0 not.
    add_fits(tmp_path, targets, z)
    page = data_of(
        write_all(tmp_path, "--redrock-templates", tmp_path / "templates") / "minibatch-01.html"
    )
    assert [spectrum.get("computed") for spectrum in page["spectra"]] == [True, None, None]
    packed = page["spectra"][0]["model"]
    codes = np.frombuffer(base64.b64decode(packed["values"]), "<i2")
    model = packed["low"] + (codes + 32768.0) / 65535 * (packed["high"] - packed["low"])
    at = (3600.4 + 1.6 * np.arange(len(model))) / 2.2
    expected = np.array([1.0, 2.0, 0.5, 0.25]) @ [np.interp(at, wavelength, b) for b in basis]
    red = slice(100, 3800)
    np.testing.assert_allclose(model[red], expected[red], atol=2e-4 * expected.max())
    assert "1 page without redrock's model: the template does not cover" in capsys.readouterr().out
    assert decode(page["spectra"][0]["coadd"])[0].shape == (7781,)
    # The variable is redrock's own; a file that is absent or of another version is no guess.
    monkeypatch.setenv(redrock.VARIABLE, str(tmp_path / "templates"))
    assert "model" in data_of(write_all(tmp_path) / "minibatch-01.html")["spectra"][0]
    add_fits(tmp_path, targets, z, TEMVER00="1.1")
    assert "model" not in data_of(write_all(tmp_path) / "minibatch-01.html")["spectra"][0]
    assert "rrtemplate-QSO-LOZ-v1.1.fits: does not exist" in capsys.readouterr().out
    # Nor is a fit that is not the one the pool was made with.
    add_fits(tmp_path, targets, z + 0.01)
    assert "model" not in data_of(write_all(tmp_path) / "minibatch-01.html")["spectra"][0]
    monkeypatch.setenv(redrock.VARIABLE, str(tmp_path / "nowhere"))
    assert "model" not in data_of(write_all(tmp_path) / "minibatch-01.html")["spectra"][0]
    assert f"is not a folder ({redrock.VARIABLE})" in capsys.readouterr().out
    with pytest.raises(InputError, match="is not a folder"):
        write_all(tmp_path, "--redrock-templates", tmp_path / "nowhere")
