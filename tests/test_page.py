import html.parser
import json
import re

import fitsio
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import write_pages
from quasarnet_al.core.files import InputError
from quasarnet_al.inspection import merge
from quasarnet_al.inspection.record import SIZE, decode, encode, on_page_grid
from quasarnet_al.inspection.vi import read_vi
from quasarnet_al.learning import som
from quasarnet_al.mock import templates
from quasarnet_al.spectra import desi, pool
from quasarnet_al.spectra.grid import LOG
from quasarnet_al.spectra.tables import write_csv

HOSTILE = '</script><script>document.title="owned"</script><img src=x onerror=alert(1)>\u2028"\'&'


def write_coadd(folder, n, seed=0):
    """Write a small DESI coadd of quasars, and redrock's answer to the even rows."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    redshift = np.linspace(1.2, 3.0, n)
    fibermap = np.zeros(
        n,
        dtype=[
            *(("TARGETID", "i8"), ("TILEID", "i4"), ("PETAL_LOC", "i2"), ("FIBER", "i4")),
            *(("TARGET_RA", "f8"), ("TARGET_DEC", "f8"), ("FLUX_G", "f4"), ("FLUX_R", "f4")),
        ],
    )
    fibermap["TARGETID"] = 39627640553871919 + np.arange(n)
    fibermap["TILEID"], fibermap["FIBER"] = 80605, np.arange(n)
    fibermap["TARGET_RA"], fibermap["TARGET_DEC"] = 150.1, 2.2
    fibermap["FLUX_G"], fibermap["FLUX_R"] = 5.0, -1.0
    path = folder / "coadd-0-80605-thru20210204.fits"
    rest = np.arange(850.0, 5000.0, 1.0)
    model = rest, templates.quasar_composite(rest)
    arms = {"B": (3600, 2751), "R": (5760, 2326), "Z": (7520, 2881)}
    with fitsio.FITS(str(path), "rw", clobber=True) as fits:
        fits.write(np.zeros(1))
        fits.write(fibermap, extname="FIBERMAP")
        for arm, (first, size) in arms.items():
            wavelength = np.round(first + 0.8 * np.arange(size), 1)
            rest = wavelength / (1 + redshift[:, None])
            flux = 3 * np.interp(rest, model[0], model[1]) + 0.5 * rng.normal(size=rest.shape)
            ivar = np.full(flux.shape, 4.0)
            ivar[:, 100:110] = 0
            fits.write(wavelength, extname=f"{arm}_WAVELENGTH")
            fits.write(flux.astype("f4"), extname=f"{arm}_FLUX")
            fits.write(ivar.astype("f4"), extname=f"{arm}_IVAR")
    even = slice(0, None, 2)
    redrock = np.zeros(
        len(redshift[even]),
        dtype=[("TARGETID", "i8"), ("Z", "f8"), ("ZWARN", "i8"), ("SPECTYPE", "U6")],
    )
    redrock["TARGETID"], redrock["Z"] = fibermap["TARGETID"][even], redshift[even]
    redrock["SPECTYPE"] = "QSO"
    fitsio.write(
        str(folder / "redrock-0-80605-thru20210204.fits"),
        redrock,
        extname="REDSHIFTS",
        clobber=True,
    )
    return path, redshift


def write_batch(folder, n=6, minibatch=50, seed=0):
    """Write a batch of a small coadd as the selection does; return the true redshifts."""
    path, redshift = write_coadd(folder / "survey", n, seed)
    found = desi.extract(path, LOG, "all")
    assert len(found.catalog) == n
    rank = np.arange(1, n + 1)
    batch = pd.DataFrame({"RANK": rank, "MINIBATCH": (rank - 1) // minibatch + 1})
    batch["TARGETID"] = found.catalog["TARGETID"]
    batch["SCORE"], batch["ACQUISITION"] = 1.25, "entropy"
    batch["VOTE_NOT_QSO"], batch["VOTE_QSO_LOWZ"], batch["VOTE_QSO_HIGHZ"] = 0.5, 0.2, 0.3
    batch["Z_MEAN"], batch["Z_STD"], batch["C_LYA"], batch["C_BAL"] = 2.2, 0.5, 0.8, np.nan
    batch["ENTROPY"], batch["BMU"], batch["QERR"] = 1.25, 0, 9.0
    batch["MEMBER_Z"] = [f"{z:.4f} {z + 0.001:.4f} 0.5000 nan" for z in redshift]
    batch.to_csv(folder / "batch.csv", index=False)
    pool.write(folder / "batch.fits", found.spectra, found.catalog, LOG)
    return redshift


def write_all(folder, *more, title="test-round-01"):
    arguments = ["--batch", folder / "batch.csv", "--batch-pool", folder / "batch.fits"]
    arguments += ["--input-root", folder, "--title-prefix", title]
    arguments += ["--output-dir", folder / "inspect", *more]
    write_pages.main([str(argument) for argument in arguments])
    return folder / "inspect"


def data_of(path):
    text = path.read_text(encoding="utf-8")
    content = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    return json.loads(content[1])


@settings(deadline=None, max_examples=60)
@given(
    arrays(np.float64, 40, elements=st.floats(-1e5, 1e5)),
    arrays(np.float64, 40, elements=st.one_of(st.just(0.0), st.floats(1e-4, 1e4))),
)
def test_packed_spectra_are_what_they_were(flux, ivar):
    packed = encode(flux, ivar)
    found, error = decode(packed)
    good = ivar > 0
    assert np.isnan(found[~good]).all() and np.isnan(error[~good]).all()
    scale = packed["scale"]
    kept = good & (np.abs(flux) < 0.99e6 * scale)
    step = np.arcsinh(1e6) / 32767
    allowed = step * np.hypot(flux[kept], scale)
    assert (np.abs(found - flux)[kept] <= allowed).all()
    assert np.allclose(error[good], 1 / np.sqrt(ivar[good]), rtol=0.04)


def test_a_spectrum_without_data_is_packed():
    flux, error = decode(encode(np.zeros(5), np.zeros(5)))
    assert np.isnan(flux).all() and np.isnan(error).all()


def test_arms_lie_on_one_grid(tmp_path):
    path, _ = write_coadd(tmp_path, 2)
    read = desi.read_rows(path, np.array([1]))
    flux, ivar = on_page_grid(read["wavelength"], read["flux"][0], read["ivar"][0])
    assert (ivar[5 : SIZE - 5] > 0).mean() > 0.99
    arm = fitsio.read(str(path), ext="R_FLUX")[1]
    at = round((6400 - 3600) / 0.8)
    assert flux[at] == pytest.approx(arm[round((6400 - 5760) / 0.8)], rel=1e-6)


def test_pages_and_index(tmp_path):
    write_batch(tmp_path, 5, minibatch=3)
    folder = write_all(tmp_path, "--labels-dir", "labels/test/round-01", "--blind", "no")
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["index.html", "minibatch-01.html", "minibatch-02.html"]
    first, second = (data_of(folder / name) for name in names[1:])
    assert [len(first["spectra"]), len(second["spectra"])] == [3, 2]
    assert first["title"] == "test-round-01-minibatch-01" and first["title"] != second["title"]
    assert first["hash"] != second["hash"]
    record = first["spectra"][0]
    assert record["targetid"] == "39627640553871919"
    assert record["redrock"] == {"spectype": "QSO", "z": 1.2, "zwarn": 0}
    assert first["spectra"][1]["redrock"] is None
    # A negative flux has no magnitude.
    assert record["magnitudes"] == {"g": 20.75}
    assert record["coadd"] is not None and not first["blind"]
    assert (
        record["ensemble"]["member_z"][-1] == -1 and "BAL" not in record["ensemble"]["confidences"]
    )
    index = (folder / "index.html").read_text()
    assert "2 of 2 pages wait" in index and "labels/test/round-01" in index


def test_the_same_input_gives_the_same_page(tmp_path):
    write_batch(tmp_path, 2)
    before = (write_all(tmp_path) / "minibatch-01.html").read_bytes()
    assert (write_all(tmp_path) / "minibatch-01.html").read_bytes() == before


def test_without_the_coadd_the_pixels_are_shown(tmp_path):
    write_batch(tmp_path, 2)
    (tmp_path / "survey" / "coadd-0-80605-thru20210204.fits").unlink()
    data = data_of(write_all(tmp_path) / "minibatch-01.html")
    assert all(record["coadd"] is None for record in data["spectra"])


def test_a_coadd_that_was_replaced_is_not_shown(tmp_path, capsys):
    """An inspector must see what the network saw, under the TARGETID that it had."""
    write_batch(tmp_path, 2)
    path = tmp_path / "survey" / "coadd-0-80605-thru20210204.fits"
    with fitsio.FITS(str(path), "rw") as coadd:
        # As reprocessing may order them: the rows change places.
        coadd["FIBERMAP"].write(coadd["FIBERMAP"].read()[::-1].copy())
        for arm in "BRZ":
            for name in ("FLUX", "IVAR"):
                coadd[f"{arm}_{name}"].write(coadd[f"{arm}_{name}"].read()[::-1].copy())
    data = data_of(write_all(tmp_path) / "minibatch-01.html")
    assert all(record["coadd"] is None for record in data["spectra"])
    assert "is not what the pool was extracted from; 2 spectra" in capsys.readouterr().out
    with pytest.raises(InputError, match="holds other targets by now"):
        write_all(tmp_path, "--prospect", tmp_path / "prospect")


def test_neighbours_on_the_map(tmp_path):
    write_batch(tmp_path, 2)
    weights = np.random.default_rng(0).normal(size=(4, 5, 443)).astype("f4")
    for torus, inside in ((True, 9), (False, 4)):
        som.write(tmp_path / "som.h5", som.Som(weights, torus), {})
        data = data_of(write_all(tmp_path, "--som", tmp_path / "som.h5") / "minibatch-01.html")
        place = data["spectra"][0]["som"]
        assert (place["row"], place["column"]) == (0, 0)
        assert sum(cell is not None for cell in place["cells"]) == inside


def test_a_batch_and_a_pool_that_differ(tmp_path):
    write_batch(tmp_path, 3)
    batch = pd.read_csv(tmp_path / "batch.csv").iloc[::-1]
    batch.to_csv(tmp_path / "batch.csv", index=False)
    with pytest.raises(InputError, match="differs from its pool"):
        write_all(tmp_path)


def test_text_of_files_is_never_markup(tmp_path):
    write_batch(tmp_path, 1)
    folder = write_all(tmp_path, "--labels-dir", HOSTILE, title=HOSTILE.replace("/", "|"))
    text = (folder / "minibatch-01.html").read_text(encoding="utf-8")
    assert data_of(folder / "minibatch-01.html")["labels_dir"] == HOSTILE
    for document in (text, (folder / "index.html").read_text(encoding="utf-8")):
        tags = []
        parser = html.parser.HTMLParser()
        parser.handle_starttag = lambda tag, attributes, tags=tags: tags.append(tag)
        parser.feed(document)
        assert "img" not in tags and tags.count("script") == (2 if document is text else 0)


def test_nothing_is_fetched(tmp_path):
    write_batch(tmp_path, 1)
    text = (write_all(tmp_path) / "minibatch-01.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert re.findall(r'https?://[^"`\s$]+', text) == ["https://www.legacysurvey.org/viewer?ra="]


def vi(path, rows):
    names = ["TARGETID", "VI_scanner", "VI_quality", "VI_z", "VI_spectype", "VI_comment"]
    pd.DataFrame(rows, columns=names).to_csv(path, index=False)
    return path


def test_adjudication_page_and_progress(tmp_path):
    redshift = write_batch(tmp_path, 3)
    targets = [39627640553871919 + k for k in range(3)]
    rows = [(t, "ann", 4, round(z, 4), "QSO", "") for t, z in zip(targets, redshift, strict=True)]
    one = vi(tmp_path / "desi-vi_a_ann.csv", rows)
    two = vi(tmp_path / "desi-vi_a_bob.csv", [(targets[1], "bob", 4, 0.5, "GALAXY", HOSTILE[:30])])
    answers = pd.concat([read_vi(path)[0] for path in (one, two)])
    labels = merge.merge(answers, targets)[0]
    write_csv(tmp_path / "labels.csv", labels)
    folder = write_all(tmp_path, "--vi", one, two, "--inspectors", "1")
    assert "ann 3/3, bob 1/3" in (folder / "index.html").read_text()
    assert "All are labelled" in (folder / "index.html").read_text()
    write_all(tmp_path, "--vi", one, two, "--adjudicate", tmp_path / "labels.csv")
    data = data_of(folder / "adjudication.html")
    assert data["title"] == "test-round-01-adjudication"
    (record,) = data["spectra"]
    assert record["targetid"] == str(targets[1])
    assert [answer["inspector"] for answer in record["earlier"]] == ["ann", "bob"]
    assert record["earlier"][1]["z"] == 0.5
    write_csv(tmp_path / "labels.csv", labels[labels["STATUS"] != "conflict"])
    write_all(tmp_path, "--vi", one, "--adjudicate", tmp_path / "labels.csv")
    assert "No conflict waits" in (folder / "adjudication.html").read_text()


def test_a_share_is_shown_twice_on_another_page(tmp_path):
    write_batch(tmp_path, 8, minibatch=4)
    folder = write_all(tmp_path, "--repeats", "0.25", "--seed", "3")
    shown = [
        [record["targetid"] for record in data_of(folder / f"minibatch-0{m}.html")["spectra"]]
        for m in (1, 2)
    ]
    assert [len(set(targets)) for targets in shown] == [5, 5]
    assert shown[1][4] in shown[0][:4] and shown[0][4] in shown[1][:4]
    # What is handed in for one page says nothing about the other.
    rows = [(int(target), "ann", 4, 2.1, "QSO", "") for target in shown[0]]
    path = vi(tmp_path / "desi-vi_test-round-01-minibatch-01_ann.csv", rows)
    folder = write_all(tmp_path, "--repeats", "0.25", "--seed", "3", "--vi", path)
    assert "ann 5/5" in (folder / "index.html").read_text()
    assert "1 of 2 pages wait" in (folder / "index.html").read_text()


def test_targets_never_pass_through_a_float(tmp_path):
    write_batch(tmp_path, 2)
    batch = pd.read_csv(tmp_path / "batch.csv", dtype={"TARGETID": "int64"})
    # Without text columns a row of the table is a row of floats.
    batch.select_dtypes("number").to_csv(tmp_path / "batch.csv", index=False)
    data = data_of(write_all(tmp_path) / "minibatch-01.html")
    assert [record["targetid"] for record in data["spectra"]] == [
        "39627640553871919",
        "39627640553871920",
    ]
