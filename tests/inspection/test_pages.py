import html.parser
import re

import fitsio
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from helpers import answers
from helpers.pages import HOSTILE, adjudicate, data_of, vi, write_all, write_batch, write_coadd
from quasarnet_al.core.files import InputError
from quasarnet_al.inspection import merge, pages
from quasarnet_al.inspection.record import SIZE, decode, encode, on_page_grid
from quasarnet_al.inspection.vi import read_answers, read_vi
from quasarnet_al.learning import som
from quasarnet_al.spectra import desi
from quasarnet_al.spectra.tables import write_csv


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
    assert record["redrock"] == {"spectype": "QSO", "z": 1.2, "zwarn": 0, "warnings": ""}
    assert first["spectra"][1]["redrock"] is None
    # A negative flux has no magnitude.
    assert record["magnitudes"] == {"g": 20.75}
    assert record["coadd"] is not None and not first["blind"]
    assert (
        record["ensemble"]["member_z"][-1] == -1 and "BAL" not in record["ensemble"]["confidences"]
    )
    index = (folder / "index.html").read_text()
    assert "2 of 2 pages wait" in index and "labels/test/round-01" in index
    # A link leads only to what is there.
    assert (
        "adjudication page, which that command writes" in index and "adjudication.html" not in index
    )
    write_all(tmp_path, "--adjudication", "yes")
    assert "href=adjudication.html" in (folder / "index.html").read_text()


def test_a_page_that_the_batch_no_longer_has_is_set_aside(tmp_path):
    write_batch(tmp_path, 5, minibatch=2)
    write_all(tmp_path)
    write_batch(tmp_path, 4, minibatch=2)
    folder = write_all(tmp_path)
    assert "minibatch-03" not in (folder / "index.html").read_text()
    assert [path.name for path in sorted(folder.rglob("minibatch-*"))] == [
        *("minibatch-01.html", "minibatch-02.html", "minibatch-03.html")
    ]
    assert (folder / "stale/minibatch-03.html").exists()


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
    adjudicate(tmp_path, one, two)
    data = data_of(folder / "adjudication.html")
    assert data["title"] == "test-round-01-adjudication"
    (record,) = data["spectra"]
    assert record["targetid"] == str(targets[1])
    assert [answer["inspector"] for answer in record["earlier"]] == ["ann", "bob"]
    assert record["earlier"][1]["z"] == 0.5
    write_csv(tmp_path / "labels.csv", labels[labels["STATUS"] != "conflict"])
    adjudicate(tmp_path, one)
    assert "No conflict waits" in (folder / "adjudication.html").read_text()


def test_an_adjudicator_sees_the_answers_that_count(tmp_path):
    """Neither what was corrected later, nor what was withdrawn."""
    header = "TARGETID,VI_scanner,VI_quality,VI_z,VI_spectype,VI_time\n"
    answers = {
        "minibatch-01_ann": "ann,4,0.5,GALAXY,2026-01-01T10:00:00Z",
        "minibatch-01_ann (1)": "ann,4,2.2,QSO,2026-01-01T11:00:00Z",
        "minibatch-01_bob": "bob,3,2.1,QSO,2026-01-01T11:00:00Z",
        "minibatch-01_cy": "cy,4,0.0,STAR,2026-01-01T10:00:00Z",
        "minibatch-01_cy (1)": "cy,-1,,,2026-01-01T11:00:00Z",
        "adjudication_eve": "eve,4,0.5,GALAXY,2026-01-02T10:00:00Z",
        "adjudication-2_eve": "eve,-1,,,2026-01-02T11:00:00Z",
        "adjudication_zed": "zed,4,2.1,QSO,2026-01-02T11:00:00Z",
    }
    paths = [tmp_path / f"desi-vi_r-round-01-{name}.csv" for name in answers]
    for path, row in zip(paths, answers.values(), strict=True):
        path.write_text(f"{header}7,{row}\n")
    shown = pages.earlier({"targetid": "7"}, read_answers(paths)[0])
    assert [(a["inspector"], a["z"]) for a in shown["earlier"]] == [("ann", 2.2), ("bob", 2.1)]
    assert shown["conflict"] == "redshift"
    assert [(a["inspector"], a["z"]) for a in shown["decided"]] == [("zed", 2.1)]


def test_the_index_counts_the_answers_that_the_merge_takes(tmp_path):
    """Not those that were withdrawn, of another task's classes, rounded, or decisions."""
    write_batch(tmp_path, 4)
    targets = [39627640553871919 + k for k in range(4)]
    header = "TARGETID,VI_scanner,VI_quality,VI_z,VI_spectype,VI_time"

    def answer(name, cells, targets=targets, hour=10):
        path = tmp_path / f"desi-vi_test-round-01-{name}.csv"
        rows = [f"{target},{cells},2026-01-01T{hour}:00:00Z" for target in targets]
        return answers.vi(path, *rows, header=header)

    paths = [
        answer("minibatch-01_ann", "ann,4,2.1,QSO"),
        answer("minibatch-01_ann (1)", "ann,-1,,", targets[1:], 11),
        answer("minibatch-01_bob", "bob,4,2.1,7", targets[:3]),
        answer("adjudication_eve", "eve,4,2.1,QSO"),
    ]
    rows = read_answers(paths)[0]
    assert merge.merge(rows, targets)[2]["rows"] == 11
    for task, counted in (("quasar", "ann 1/4<td>0 of 1"), ("mnist", "bob 3/4<td>1 of 1")):
        folder = write_all(tmp_path, "--task", task, "--vi", *paths)
        assert f"<td>4<td>{counted}" in (folder / "index.html").read_text(), task
    batch = pd.read_csv(tmp_path / "batch.csv")
    with pytest.raises(InputError, match="minibatch 1 has answers to 1 of 4 spectra"):
        merge.refuse_incomplete(batch, rows, [str(paths[0])], 0.5, "test-round-01")


def test_the_index_of_a_round_that_was_closed_asks_nobody(tmp_path):
    write_batch(tmp_path, 4, minibatch=2)
    title = "desi-vi_test-round-01-minibatch-01_ann.csv"
    path = vi(tmp_path / title, [(39627640553871919, "ann", 4, 2.1, "QSO", "")])
    for more, words in (
        (("--vi", path), "1 of 2 pages wait for labels"),
        (("--vi", path, "--closed", "yes"), "it waits for no more labels"),
        (("--closed", "yes"), "2 of 2 pages wait for labels"),
    ):
        text = (write_all(tmp_path, *more) / "index.html").read_text()
        assert words in text and ("waiting" in text) == ("wait for labels" in words)


def test_a_decision_without_a_time_is_not_lost(tmp_path):
    """The page left it out, and the adjudicator's next file replaced the one that had it."""
    write_batch(tmp_path, 3)
    target = 39627640553871919
    write_csv(tmp_path / "labels.csv", pd.DataFrame({"TARGETID": [target], "STATUS": "accepted"}))
    for time, shown in (
        ("", "1970-01-01T00:00:00.000Z"),
        ("01/02/26 11:00", "1970-01-01T00:00:00.000Z"),
        ("2026-01-01T11:00:00.250+02:00", "2026-01-01T09:00:00.250Z"),
        ("2026-01-01 11:00", "2026-01-01T11:00:00.000Z"),
    ):
        path = tmp_path / "desi-vi_test-round-01-adjudication_eve.csv"
        header = "TARGETID,VI_scanner,VI_quality,VI_z,VI_spectype,VI_time"
        answers.vi(path, f"{target},eve,4,2.1,QSO,{time}", header=header)
        (record,) = data_of(adjudicate(tmp_path, path))["spectra"]
        assert record["decided"][0]["time"] == shown


def test_a_decision_that_was_withdrawn_or_is_of_another_round_is_none(tmp_path):
    redshift = write_batch(tmp_path, 3)
    target = 39627640553871919
    name, rows = "desi-vi_{}-adjudication_eve.csv", [(target, "eve", 4, redshift[0], "QSO", "")]
    write_csv(tmp_path / "labels.csv", pd.DataFrame({"TARGETID": [target], "STATUS": "accepted"}))
    decided = vi(tmp_path / name.format("test-round-01"), rows)
    assert data_of(adjudicate(tmp_path, decided))["part"] == "0 waiting, 1 decided"
    for title, quality in (("test-round-02", 4), ("test-round-01", -1)):
        other = vi(tmp_path / name.format(title), [(*rows[0][:2], quality, *rows[0][3:])])
        assert "No conflict waits" in adjudicate(tmp_path, other).read_text()


def test_a_share_is_shown_twice_on_another_page(tmp_path):
    write_batch(tmp_path, 8, minibatch=4)
    folder = write_all(tmp_path, "--repeats", "0.25", "--seed", "3")
    shown = [
        [record["targetid"] for record in data_of(folder / f"minibatch-0{m}.html")["spectra"]]
        for m in (1, 2)
    ]
    assert [len(set(targets)) for targets in shown] == [5, 5]
    assert shown[1][4] in shown[0][:4] and shown[0][4] in shown[1][:4]
    # A spectrum is counted where it is shown first: once.
    rows = [(int(target), "ann", 4, 2.1, "QSO", "") for target in shown[0]]
    path = vi(tmp_path / "desi-vi_test-round-01-minibatch-01_ann.csv", rows)
    folder = write_all(tmp_path, "--repeats", "0.25", "--seed", "3", "--vi", path)
    assert "ann 4/4" in (folder / "index.html").read_text()
    assert "ann 1/4" in (folder / "index.html").read_text()
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
