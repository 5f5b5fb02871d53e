"""The inspection page in a real browser, worked as an inspector does."""

import csv
import json
import re
import shutil
import time
from datetime import datetime, timedelta

import fitsio
import h5py
import numpy as np
import pandas as pd
import pytest

import merge_labels
from helpers.pages import HOSTILE, adjudicate, vi, write_all, write_batch
from quasarnet_al.core.files import InputError
from quasarnet_al.inspection.vi import PROSPECT_COLUMNS, read_vi
from quasarnet_al.spectra import desi, pool
from quasarnet_al.spectra.grid import LOG

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FIRST = 39627640553871919
PAGE_OF_ANN = "desi-vi_test-round-01-minibatch-01_Ann"

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def chromium():
    with sync_api.sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium):
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    yield context
    context.close()


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    folder = tmp_path_factory.mktemp("few")
    redshift = write_batch(folder, 6)
    return write_all(folder, "--labels-dir", "labels/here") / "minibatch-01.html", redshift


@pytest.fixture(scope="module")
def fifty(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fifty")
    redshift = write_batch(folder, 50)
    return write_all(folder) / "minibatch-01.html", redshift


def open_page(context, path, name="Ann Example"):
    page = context.new_page()
    page.errors, page.requests = [], []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("request", lambda request: page.requests.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready=yes]")
    if page.locator("#who").is_visible():
        page.keyboard.type(name)
        page.keyboard.press("Enter")
        page.wait_for_selector("#who", state="hidden")
        until(page, "session.inspector !== ''")
    until(page, "canSee()")
    return page


def until(page, condition):
    """Wait for a condition; the page's policy forbids the evaluation inside it."""
    deadline = time.monotonic() + 20
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(50)


def press(page, *keys):
    """Press keys as fast as a person may: each when the spectrum can have been seen."""
    for key in keys:
        until(page, "canSee()")
        page.keyboard.press(key)


def answers(page):
    return json.loads(page.evaluate("JSON.stringify(answers)"))


def download(page, folder):
    with page.expect_download() as waiting:
        press(page, "Shift+D")
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def merge(folder, batch_folder, *paths):
    outputs = {"output": "labels.csv", "refused": "refused.csv", "agreement": "agreement.json"}
    arguments = ["--batch", batch_folder / "batch.csv", "--vi", *paths]
    for flag, name in outputs.items():
        arguments += [f"--{flag}", folder / name]
    merge_labels.main([str(argument) for argument in arguments])
    labels = pd.read_csv(folder / "labels.csv", dtype={"TARGETID": "int64"}, keep_default_na=False)
    return labels.set_index("TARGETID"), pd.read_csv(folder / "refused.csv")


def test_fifty_spectra_by_keyboard_alone(context, fifty, tmp_path):
    path, redshift = fifty
    assert path.stat().st_size < 6e6
    page = open_page(context, path)
    expected = {}
    for k in range(50):
        targetid = FIRST + k
        if k == 23:
            # In the middle of the work the page is loaded again.
            page.reload()
            page.wait_for_selector("html[data-ready=yes]")
            assert page.locator("#left").inner_text() == "24 / 50 · 27 left"
        if k % 10 == 3:
            press(page, "s", "4")
            expected[targetid] = ("STAR", 0.0, 4, -1)
        elif k % 10 == 5:
            press(page, "0")
            expected[targetid] = ("", None, 0, -1)
        elif k % 10 == 7:
            press(page, "b", "/")
            page.keyboard.type('=HYPERLINK(1), "x"; </script> é')
            press(page, "Enter", "q", "3")
            expected[targetid] = ("QSO", redshift[k], 3, 1)
        elif k % 2:
            press(page, "q", "4")
            expected[targetid] = ("QSO", redshift[k], 4, -1)
        else:
            # Redrock's answer is right: one key.
            press(page, "4")
            expected[targetid] = ("QSO", redshift[k], 4, -1)
    assert page.locator("#left").inner_text().endswith("all done")
    csv_path = download(page, tmp_path)
    assert csv_path.name == "desi-vi_test-round-01-minibatch-01_Ann-Example.csv"
    labels, refused = merge(tmp_path, path.parents[1], csv_path)
    assert len(refused) == 0 and len(labels) == 50
    for targetid, (spectype, z, quality, bal) in expected.items():
        label = labels.loc[targetid]
        assert float(label.QUALITY) == quality and bal == label.BAL, targetid
        assert ("accepted" if quality >= 3 else "low quality") == label.STATUS
        if quality >= 3:
            assert spectype == label.SPECTYPE
            # Odd rows have no redrock: their redshift is the page's fit of a template.
            assert float(label.Z) == pytest.approx(z, abs=6e-5 if targetid % 2 else 0.012 * (1 + z))
    comment = labels.loc[FIRST + 7, "COMMENT"]
    assert comment == '\'=HYPERLINK(1), "x"; </script> é'
    assert page.errors == [] and all(url.startswith("file:") for url in page.requests)


def test_the_first_key_counts(context, fifty):
    """The page takes answers as soon as it is open."""
    page = open_page(context, fifty[0])
    press(page, "4")
    assert page.locator("#left").inner_text() == "2 / 50 · 49 left"


def test_redshift_from_a_named_line_and_by_steps(context, few):
    path, redshift = few
    page = open_page(context, path)
    press(page, "End", "m")
    lya = 1215.67 * (1 + redshift[5])
    assert page.evaluate("view.mark") == pytest.approx(lya, rel=0.003)
    press(page, "1")
    z = page.evaluate("view.z")
    assert z == pytest.approx(redshift[5], abs=0.01)
    press(page, "Period", "Period", "Comma", "Shift+Period", "Alt+Period")
    assert page.evaluate("view.z") == pytest.approx(z + 0.0111, abs=1e-6)
    press(page, "z")
    page.keyboard.type("1.2345")
    press(page, "Enter", "r", "q", "4")
    answer = answers(page)[str(FIRST + 5)]
    assert (answer["z"], answer["spectype"], answer["quality"]) == (1.2345, "QSO", 4)
    press(page, "f")
    assert page.errors == []


def test_the_mouse_does_it_too(context, few):
    path, redshift = few
    page = open_page(context, path)
    page.locator("#strip button").nth(1).click()
    box = page.locator("#main").bounding_box()
    x = page.evaluate(f"frame.X(1549.06 * (1 + {redshift[1]}))")
    page.mouse.click(box["x"] + x, box["y"] + box["height"] / 2)
    page.locator("#lines button", has_text="C IV").click()
    assert page.evaluate("view.z") == pytest.approx(redshift[1], abs=0.02)
    page.mouse.move(box["x"] + x, box["y"] + 200)
    page.mouse.wheel(0, -600)
    until(page, "view.x !== null")
    page.locator("#classes button").nth(0).click()
    page.locator("#flags button").nth(0).click()
    page.locator("#flags button", has_text="⇧R").click()
    page.locator("#comment").fill("by mouse")
    page.locator("#qualities button").nth(1).click()
    answer = answers(page)[str(FIRST + 1)]
    assert (answer["spectype"], answer["quality"], answer["bal"]) == ("QSO", 3, 1)
    assert (answer["issue"], answer["comment"]) == ("R", "by mouse")
    assert page.errors == []


def test_undo(context, few):
    page = open_page(context, few[0])
    press(page, "4", "n", "q", "u", "u")
    assert page.locator("#left").inner_text() == "1 / 6 · 6 left"
    answer = answers(page)[str(FIRST)]
    assert (answer["quality"], answer["spectype"], answer["z"]) == (-1, "", None)
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    assert page.locator("#left").inner_text() == "1 / 6 · 6 left"


def test_a_quality_without_a_class_waits(context, few):
    page = open_page(context, few[0])
    press(page, "n", "4")
    assert page.locator("#left").inner_text() == "2 / 6 · 6 left"
    press(page, "g")
    assert page.locator("#left").inner_text() == "3 / 6 · 5 left"


def test_a_quality_takes_the_class_of_the_chosen_candidate(context, few):
    page = open_page(context, few[0])
    found = page.evaluate("candidates(0)")
    redrock = found[0]["spectype"]
    steps = next(k for k, c in enumerate(found) if c["spectype"] not in (redrock, ""))
    press(page, *["c"] * steps)
    assert (
        page.locator("#classes .default").get_attribute("data-spectype") == found[steps]["spectype"]
    )
    press(page, "4")
    answer = answers(page)[str(FIRST)]
    assert answer["spectype"] == found[steps]["spectype"]
    assert answer["z"] == pytest.approx(found[steps]["z"], abs=1e-4)


def test_blind_until_answered_and_recorded(context, few, tmp_path):
    page = open_page(context, few[0])
    press(page, "e")
    assert "hidden until you have answered" in page.locator("#ensemble").inner_text()
    assert page.locator("#candidates").inner_text().count("ensemble") == 0
    press(page, "4", "p")
    text = page.locator("#ensemble").inner_text()
    assert "rank 1 by entropy (1.25)" in text and "high-z quasar" in text
    press(page, "3", "n", "n", "q", "4")
    rows, _ = read_vi(download(page, tmp_path))
    shown = dict(zip(rows["TARGETID"], rows["SHOWN"], strict=True))
    assert shown[FIRST] == "redrock ensemble"
    assert "ensemble" not in shown[FIRST + 3]


def test_shown_at_will_and_a_click_on_the_histogram(context, tmp_path):
    redshift = write_batch(tmp_path, 2)
    page = open_page(context, write_all(tmp_path, "--blind", "no") / "minibatch-01.html")
    assert page.locator("#ensemble").inner_text().endswith("hidden; E shows it")
    press(page, "e")
    page.locator("#histogram").scroll_into_view_if_needed()
    box = page.locator("#histogram").bounding_box()
    page.wait_for_timeout(100)
    page.mouse.click(box["x"] + box["width"] * 0.5 / 1.5, box["y"] + 20)
    assert page.evaluate("view.z") == pytest.approx(0.5)
    assert redshift[0] in [pytest.approx(c["z"], abs=2e-3) for c in page.evaluate("candidates(0)")]


def test_prospect_csv_is_taken_in(context, few, tmp_path):
    page = open_page(context, few[0])
    press(page, "4")
    path = tmp_path / "desi-vi_prospect_DA.csv"
    columns = ",".join(PROSPECT_COLUMNS)
    start = "1,20210204,80605,0.33.3,0.22.2,1.0"
    path.write_text(
        f"{columns}\n"
        f'{FIRST},{start},QSO,1.2000,9.0,DA,3,R,1.3,QSO,odd"," comma\n'
        f"{FIRST + 1},{start},GALAXY,0.2200,9.0,DA,2,,,,accepts redrock\n"
        f'{FIRST + 2},{start},STAR,0.0003,9.0,DA,4,,0.0004,STAR,say ""hi""\n'
        f"12345,{start},STAR,0.0003,9.0,DA,4,,,,other page\n"
    )
    page.set_input_files("#file", path)
    page.locator("#banners button", has_text="Take all 3").click()
    found = answers(page)
    assert found[str(FIRST)]["z"] == 1.3 and found[str(FIRST)]["comment"] == "odd, comma"
    assert (found[str(FIRST + 1)]["spectype"], found[str(FIRST + 1)]["z"]) == ("GALAXY", 0.22)
    assert found[str(FIRST + 2)]["comment"] == 'say "hi"'
    assert page.errors == []
    # What is read from the file is what the merge reads from it.
    rows, _ = read_vi(path)
    again, _ = read_vi(download(page, tmp_path))
    for column in ("SPECTYPE", "Z", "QUALITY", "ISSUE", "COMMENT"):
        assert again[column].tolist() == rows[column].tolist()[:3]


def test_a_column_that_was_sorted_by_itself_labels_nothing(context, few, tmp_path):
    """All answers of the file belonged to other spectra."""
    path, _ = few
    page = open_page(context, path)
    press(page, *"q4s3g2q4s3g4")
    saved = download(page, tmp_path)
    table = pd.read_csv(saved, dtype=str, keep_default_na=False)
    table["TARGETID"] = table["TARGETID"].tolist()[::-1]
    table.to_csv(saved, index=False)
    labels, refused = merge(tmp_path, path.parents[1], saved)
    assert set(labels["STATUS"]) == {"not inspected"}
    assert len(refused) == 6 and refused["REASON"].str.contains("sorted one column by itself").all()
    other = open_page(context, path, "Bob")
    other.set_input_files("#file", str(saved))
    other.wait_for_selector("#banners >> text=not what VI_answer says")
    # Whole rows may be sorted.
    table["TARGETID"] = table["TARGETID"].tolist()[::-1]
    table[::-1].to_csv(saved, index=False)
    assert len(merge(tmp_path, path.parents[1], saved)[1]) == 0


def test_import_says_what_it_refuses_and_keeps_mine(context, few, tmp_path):
    page = open_page(context, few[0])
    press(page, "4")
    page.set_input_files("#file", vi(tmp_path / "a.csv", [(FIRST, "", 9, 1, "QSO", "")]))
    page.locator("#banners", has_text="VI_quality 9").wait_for()
    (tmp_path / "b.csv").write_text("a,b\n1,2\n")
    page.set_input_files("#file", tmp_path / "b.csv")
    page.locator("#banners", has_text="no column TARGETID").wait_for()
    assert answers(page)[str(FIRST)]["quality"] == 4


def test_hostile_text_stays_text(context, tmp_path):
    write_batch(tmp_path, 2)
    batch = pd.read_csv(tmp_path / "batch.csv", dtype={"TARGETID": "int64"})
    batch["ACQUISITION"] = HOSTILE
    batch.to_csv(tmp_path / "batch.csv", index=False)
    folder = write_all(tmp_path, "--labels-dir", HOSTILE, "--blind", "no")
    page = open_page(context, folder / "minibatch-01.html", name="<img src=x onerror=alert(1)>")
    title = page.title()
    page.evaluate(f"change(0, {{comment: {json.dumps(HOSTILE)}}})")
    press(page, "e", "4", "p")
    page.wait_for_timeout(200)
    assert page.title() == title == "test-round-01-minibatch-01"
    assert page.locator("img").count() == 0 and page.errors == []
    path = download(page, tmp_path)
    assert path.name == "desi-vi_test-round-01-minibatch-01_-img-src-x-onerror-alert-1-.csv"
    (row,) = csv.DictReader(path.open(encoding="utf-8", newline=""))
    assert row["VI_comment"] == HOSTILE
    page.set_input_files("#file", path)
    page.wait_for_timeout(200)
    assert page.locator("img").count() == 0 and page.errors == []


def test_two_tabs_keep_both_and_say_so(context, few):
    one, two = open_page(context, few[0]), open_page(context, few[0])
    press(one, "4")
    press(two, "End", "g", "4")
    for page in (one, two):
        until(page, "Object.keys(answers).length === 2")
    assert "another tab" in one.locator("#banners").inner_text()
    assert "another tab" in two.locator("#banners").inner_text()
    one.reload()
    one.wait_for_selector("html[data-ready=yes]")
    assert one.locator("#left").inner_text() == "2 / 6 · 4 left"


def test_a_regenerated_batch_does_not_mix(context, tmp_path):
    write_batch(tmp_path, 3)
    page = open_page(context, write_all(tmp_path) / "minibatch-01.html")
    press(page, "4")
    write_batch(tmp_path, 4)
    page = open_page(context, write_all(tmp_path) / "minibatch-01.html")
    assert page.locator("#left").inner_text() == "1 / 4 · 4 left"
    assert "1 answer to an earlier page" in page.locator("#banners").inner_text()


def test_conflicts_through_adjudication(chromium, tmp_path):
    redshift = write_batch(tmp_path, 3)
    path = write_all(tmp_path) / "minibatch-01.html"
    paths = []
    for name, keys in (("ann", ["4", "q", "4", "4"]), ("bob", ["4", "g", "4", "0"])):
        context = chromium.new_context()
        page = open_page(context, path, name)
        press(page, *keys)
        paths.append(download(page, tmp_path))
        context.close()
    labels, _ = merge(tmp_path, tmp_path, *paths)
    assert labels["STATUS"].tolist() == ["accepted", "conflict", "conflict"]
    decisions = adjudicate(tmp_path, *paths)
    context = chromium.new_context()
    page = open_page(context, decisions, "eve")
    text = page.locator("#earlier").inner_text()
    assert "ann" in text and "bob" in text and "GALAXY" in text
    press(page, "q", "4", "4")
    paths.append(download(page, tmp_path))
    context.close()
    labels, _ = merge(tmp_path, tmp_path, *paths)
    assert labels["STATUS"].tolist() == ["accepted"] * 3
    assert labels["Z"].astype(float).tolist()[2] == pytest.approx(redshift[2])
    assert labels["INSPECTORS"].tolist() == ["ann; bob", "ann; bob; eve", "ann; bob; eve"]


def test_without_coadds_it_works_too(context, tmp_path):
    redshift = write_batch(tmp_path, 2)
    shutil.rmtree(tmp_path / "survey")
    spectra, catalog = pool.read(tmp_path / "batch.fits")
    spectra[1, 300:310] = 0
    pool.write(tmp_path / "batch.fits", spectra, catalog, LOG)
    page = open_page(context, write_all(tmp_path) / "minibatch-01.html")
    empty = np.flatnonzero(page.evaluate("[...spectrum(1).ivar].map((w) => w === 0)"))
    assert empty.tolist() == np.flatnonzero(spectra[1] == 0).tolist() and 305 in empty
    press(page, "n", "o", "t", "w", "y", "x", "q", "4")
    answer = answers(page)[str(FIRST + 1)]
    assert answer["z"] == pytest.approx(redshift[1], abs=0.02)
    assert page.errors == []


def test_all_spectra_at_a_glance(context, few):
    page = open_page(context, few[0])
    press(page, "4", "i")
    assert page.locator("#gallery button").count() == 6
    assert page.locator("#gallery button").nth(0).inner_text().startswith("1 QSO 1.2000 q4")
    page.locator("#gallery button").nth(4).click()
    assert page.locator("#left").inner_text().startswith("5 / 6")
    press(page, "i", "i")
    assert not page.locator("#gallery").is_visible() and page.errors == []


def test_help_lists_the_keys(context, few):
    page = open_page(context, few[0])
    press(page, "?")
    assert "record the redshift shown" in page.locator("#keys").inner_text()
    press(page, "4", "Escape")
    assert not page.locator("#keys").is_visible()
    assert answers(page) == {}
    assert np.isfinite(page.evaluate("view.z"))


# ---------------------------------------------------------------- wrong labels are impossible


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """A quasar, a star and a galaxy with emission lines, all known to redrock, and others."""
    folder = tmp_path_factory.mktemp("mixed")
    kinds = ["qso", "qso", "star_F", "qso", "elg", "qso"]
    redshift = write_batch(folder, 6, kinds=kinds)
    return write_all(folder) / "minibatch-01.html", redshift


def send(page, key, code, *, shift=False, repeat=False):
    """A key of another layout, or one held down: what the browser itself would send."""
    if not repeat:
        until(page, "canSee()")
    event = {"key": key, "code": code, "shiftKey": shift, "repeat": repeat, "bubbles": True}
    page.evaluate(
        f"document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {json.dumps(event)}))"
    )


def answer_of(page, k):
    return answers(page).get(str(FIRST + k), {"quality": -1, "spectype": "", "z": None})


def row_of(page, folder, k):
    path = download(page, folder)
    rows = list(csv.DictReader(path.open(encoding="utf-8", newline="")))
    return next((row for row in rows if row["TARGETID"] == str(FIRST + k)), None)


def test_a_held_key_answers_once(context, fifty):
    """Repeats of a held key answer nothing, and nothing is answered that was not drawn."""
    page = open_page(context, fifty[0])
    page.keyboard.down("0")
    for _ in range(15):
        # Without an up between them Chromium marks these as repeats.
        page.keyboard.down("0")
        page.wait_for_timeout(33)
    page.keyboard.up("0")
    assert page.locator("#left").inner_text() == "2 / 50 · 49 left"
    press(page, "Home", "4")
    assert page.locator("#left").inner_text() == "2 / 50 · 49 left"
    # Two keys before the next spectrum is on the screen: the second is about none.
    until(page, "canSee()")
    before = page.evaluate(
        "(() => { for (let i = 0; i < 2; i++) dispatchEvent(new KeyboardEvent('keydown',"
        " {key: '0', code: 'Digit0'})); return Object.values(answers)"
        ".filter((a) => a.quality === 0).length; })()"
    )
    assert before == 1
    assert "not on the screen yet" in page.locator("#toast").inner_text()


def test_a_class_and_a_redshift_that_contradict_each_other(context, mixed, tmp_path):
    page = open_page(context, mixed[0])
    press(page, "n", "n")
    assert page.locator("#classes .default").get_attribute("data-spectype") == "STAR"
    press(page, "z")
    page.keyboard.type("2.3")
    press(page, "Enter", "4")
    # Redrock's class was its redshift's: nothing is taken over to another redshift.
    assert answer_of(page, 2)["spectype"] == ""
    assert "which class" in page.locator("#recorded").inner_text()
    assert row_of(page, tmp_path, 2)["VI_quality"] == "-1"
    press(page, "q")
    answer = answer_of(page, 2)
    assert (answer["spectype"], answer["z"], answer["quality"]) == ("QSO", 2.3, 4)
    # A star that is marked at a redshift is asked about, and nothing changes.
    press(page, "Home", "s", "z")
    page.keyboard.type("0.5")
    press(page, "Enter", "4")
    assert "star" in page.locator("#banners").inner_text()
    assert answer_of(page, 0)["quality"] == -1
    page.locator("#banners button", has_text="GALAXY at z = 0.5").click()
    answer = answer_of(page, 0)
    assert (answer["spectype"], answer["z"], answer["quality"]) == ("GALAXY", 0.5, 4)
    press(page, "End", "q", "z")
    page.keyboard.type("0")
    press(page, "Enter", "4")
    assert "quasar" in page.locator("#banners").inner_text()
    assert answer_of(page, 5)["quality"] == -1
    assert page.errors == []


def test_a_class_key_is_idempotent(context, mixed, tmp_path):
    page = open_page(context, mixed[0])
    press(page, "End", "q", "q", "q")
    assert answer_of(page, 5)["spectype"] == "QSO"
    press(page, "4")
    press(page, "End", "q")
    row = row_of(page, tmp_path, 5)
    assert (row["VI_quality"], row["VI_spectype"]) == ("4", "QSO") and row["VI_z"]
    # What is withdrawn is written so: the row of an older file must not count.
    press(page, "Delete")
    assert row_of(page, tmp_path, 5)["VI_quality"] == "-1"


def test_fit_is_of_the_template_that_is_shown(context, mixed):
    path, redshift = mixed
    page = open_page(context, path)
    press(page, *["n"] * 4)
    page.select_option("#template", label="galaxy, star-forming")
    page.evaluate("document.activeElement.blur()")
    page.evaluate(f"setZ({redshift[4]} + 0.004)")
    press(page, "f")
    off = (page.evaluate("view.z") - redshift[4]) / (1 + redshift[4]) * 299792
    assert abs(off) < 200
    assert "galaxy, star-forming" in page.locator("#toast").inner_text()
    press(page, "Home", "n", "n", "s")
    page.select_option("#template", label="star F")
    page.evaluate("document.activeElement.blur(), setZ(0.02)")
    press(page, "f")
    assert abs(page.evaluate("view.z")) < 1e-3
    page.select_option("#template", label="none")
    page.evaluate("document.activeElement.blur()")
    press(page, "f")
    assert "No template" in page.locator("#toast").inner_text()
    page.select_option("#template", label="quasar composite")
    page.evaluate("document.activeElement.blur(), setZ(6.9)")
    press(page, "f")
    assert "No fit" in page.locator("#toast").inner_text()
    assert page.evaluate("view.z") == pytest.approx(6.9)


def test_controls_obey_the_keyboard(context, few):
    page = open_page(context, few[0])
    on_page = page.locator("#left")
    page.locator("#classes button").nth(1).focus()
    press(page, "Enter")
    assert answer_of(page, 0)["spectype"] == "GALAXY" and on_page.inner_text().startswith("1 /")
    assert page.locator("#classes button").nth(1).get_attribute("aria-pressed") == "true"
    page.locator("#toggles button", has_text="network").focus()
    press(page, "Space")
    assert page.evaluate("settings.network") and on_page.inner_text().startswith("1 /")
    page.locator("#template").focus()
    press(page, "q", "s", "4", "ArrowDown")
    assert answer_of(page, 0)["spectype"] == "GALAXY" and answer_of(page, 0)["quality"] == -1
    press(page, "Escape")
    page.locator("#smooth").focus()
    smooth = page.evaluate("settings.smooth")
    press(page, "ArrowRight")
    assert page.evaluate("settings.smooth") == smooth + 1 and page.evaluate("view.x") is None
    # The strip is one tab stop whose arrows go along.
    stops = page.locator("#strip button[tabindex='0']")
    assert stops.count() == 1 and page.locator("#strip button").count() == 6
    stops.focus()
    press(page, "ArrowRight", "ArrowRight")
    assert on_page.inner_text().startswith("3 /")
    assert page.evaluate("document.activeElement === $('strip').children[2]")
    assert page.locator("#strip button").nth(0).get_attribute("aria-label") == (
        "1, incomplete GALAXY"
    )


def test_undo_restores_class_redshift_and_whether_it_was_touched(context, mixed):
    page = open_page(context, mixed[0])
    state = "[view.z, view.touched, view.spectype, view.candidate, answerOf(view.index).spectype]"
    press(page, "c", "c")
    before = page.evaluate(state)
    press(page, "s", "4")
    assert page.evaluate("view.index") == 1
    press(page, "u", "u")
    assert page.evaluate(state) == before and page.evaluate("view.index") == 0
    press(page, "Home", "End")
    untouched = page.evaluate(state)
    press(page, "q", "u")
    assert page.evaluate(state) == untouched


def rename(page, name):
    page.locator("#inspector").click()
    page.locator("#name").fill(name)
    press(page, "Enter")
    until(page, f"session.inspector === {json.dumps(name)}")


def test_answers_belong_to_who_gave_them(context, few, tmp_path):
    page = open_page(context, few[0], "Ann")
    press(page, "4")
    rename(page, "Борис")
    until(page, "Object.keys(answers).length === 0")
    press(page, "Home", "g", "3")
    path = download(page, tmp_path)
    assert path.name == "desi-vi_test-round-01-minibatch-01_Борис.csv"
    rows, refused = read_vi(path)
    assert rows["INSPECTOR"].tolist() == ["Борис"] and not refused
    rename(page, "Ann")
    until(page, "Object.keys(answers).length === 1")
    assert answer_of(page, 0)["spectype"] == "QSO"
    # A misspelt name takes its answers along only when asked to.
    rename(page, "Anne")
    page.locator("#banners button", has_text="misspelling").click()
    until(page, "Object.keys(answers).length === 1")
    assert answer_of(page, 0)["quality"] == 4
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    assert page.evaluate("session.inspector") == "Anne" and answer_of(page, 0)["quality"] == 4


def test_a_second_adjudication_keeps_the_decisions_of_the_first(chromium, tmp_path):
    write_batch(tmp_path, 3)
    path = write_all(tmp_path) / "minibatch-01.html"
    paths = []
    for name, keys in (("ann", ["4", "q", "4", "4"]), ("bob", ["g", "4", "g", "4", "0"])):
        context = chromium.new_context()
        page = open_page(context, path, name)
        press(page, *keys)
        paths.append(download(page, tmp_path))
        context.close()
    labels, _ = merge(tmp_path, tmp_path, *paths)
    assert labels["STATUS"].tolist() == ["conflict"] * 3
    context = chromium.new_context()
    page = open_page(context, adjudicate(tmp_path, *paths), "eve")
    assert "differ in class" in page.locator("#earlier .conflict").inner_text()
    press(page, "q", "4")
    paths.append(download(page, tmp_path))
    context.close()
    labels, _ = merge(tmp_path, tmp_path, *paths)
    assert labels["STATUS"].tolist() == ["accepted", "conflict", "conflict"]
    # Another browser: what was decided is on the page, and in the file that replaces the first.
    context = chromium.new_context()
    page = open_page(context, adjudicate(tmp_path, *paths), "eve")
    assert page.locator("#left").inner_text() == "1 / 3 · 2 left"
    press(page, "q", "4", "0")
    assert download(page, tmp_path) == paths[-1]
    context.close()
    labels, _ = merge(tmp_path, tmp_path, *paths)
    assert sorted(labels["STATUS"]) == ["accepted", "accepted", "low quality"]


def test_the_store_is_the_pages_own(context, few):
    page = open_page(context, few[0])
    press(page, "4")
    # As prospect's button does, a page of the same origin.
    other = context.new_page()
    other.goto((few[0].parent / "index.html").as_uri())
    other.evaluate("localStorage.clear()")
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    assert page.locator("#left").inner_text() == "2 / 6 · 5 left"


def test_each_answer_is_kept_at_once(context, fifty):
    page = open_page(context, fifty[0])
    for k in range(8):
        press(page, "4" if k % 2 == 0 else "0")
        page.reload()
        page.wait_for_selector("html[data-ready=yes]")
        assert page.locator("#left").inner_text() == f"{k + 2} / 50 · {49 - k} left"


def test_what_was_in_localstorage_is_taken_over(context, few):
    page = open_page(context, few[0], "Ann")
    key = page.evaluate("`quasarnet-al/${D.title}/${D.hash}`")
    answer = {"spectype": "QSO", "z": 2.5, "zSet": False, "quality": 4, "bal": None}
    answer |= {"issue": "", "comment": "old", "shown": "", "time": "2026-01-01T00:00:00.000Z"}
    old = {"answers": {str(FIRST + 3): answer, str(FIRST + 4): {"z": "nonsense"}}, "seen": [3]}
    for name, value in ((key, old), ("quasarnet-al/inspector", "Ann")):
        page.evaluate("([k, v]) => localStorage.setItem(k, JSON.stringify(v))", [name, value])
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    assert answer_of(page, 3)["comment"] == "old" and len(answers(page)) == 1
    assert page.evaluate("k => localStorage.getItem(k)", key) is None
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    assert answer_of(page, 3)["comment"] == "old" and page.errors == []


@pytest.mark.parametrize(
    "broken",
    [
        'localStorage.setItem(\'quasarnet-al/settings\', \'{"smooth": "x", "emission": 1e9}\')',
        "localStorage.setItem(`quasarnet-al/${D.title}/${D.hash}`, '{\"answers\": [1, {')",
        "store.putSetting('settings', 7), store.putSetting('inspector', {})",
        "store.putSetting('settings', {smooth: NaN, template: 'none of these', emission: -3})",
        "store.putAnswer(prefix(), '39627640553871920', {quality: 'four'})",
    ],
)
def test_a_corrupt_store_does_not_stop_the_page(context, few, broken):
    page = open_page(context, few[0], "Ann")
    press(page, "4")
    page.evaluate(f"{{ {broken} }}")
    page.wait_for_timeout(100)
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    if page.locator("#who").is_visible():
        page.keyboard.type("Ann")
        press(page, "Enter")
        until(page, "session.inspector === 'Ann'")
    assert page.locator("#left").inner_text() == "2 / 6 · 5 left"
    press(page, "Home", "3")
    assert answer_of(page, 0)["quality"] == 3 and page.errors == []
    if "four" in broken:
        assert "1 stored answer" in page.locator("#banners").inner_text()


def test_keyboards_other_than_american(context, few):
    page = open_page(context, few[0])
    # AZERTY: the digit row without Shift, then with it.
    send(page, "'", "Digit4")
    until(page, "view.index === 1")
    press(page, "Home")
    send(page, "3", "Digit3", shift=True)
    assert answer_of(page, 0)["quality"] == 3
    until(page, "canSee()")
    press(page, "End")
    # A Cyrillic layout: the place of G.
    send(page, "п", "KeyG")
    assert answer_of(page, 5)["spectype"] == "GALAXY"
    z = page.evaluate("view.z")
    # AZERTY again: the point is Shift with the key left of it; ? is not a step.
    send(page, ".", "Comma", shift=True)
    assert page.evaluate("view.z") == pytest.approx(z + 0.01)
    send(page, "?", "KeyM", shift=True)
    assert page.locator("#keys").is_visible()
    press(page, "Escape")
    # The keypad without NumLock moves, it does not answer.
    send(page, "Home", "Numpad7")
    assert page.locator("#left").inner_text().startswith("1 /")
    assert page.errors == []


def test_spikes_change_neither_candidates_nor_fits(context, tmp_path):
    redshift = write_batch(tmp_path, 4, seed=2)
    path = write_all(tmp_path) / "minibatch-01.html"
    page = open_page(context, path)
    changed = page.evaluate(
        """() => D.spectra.map((record, k) => {
          const s = unpack(record, D.wavelength, D.grid), best = matches(s, TEMPLATES)[0];
          const spiked = {...s, flux: s.flux.slice(), matches: null, scans: null};
          // Three apart, or three side by side.
          [60, 80, 100].forEach((height, i) => {
            const at = k % 2 ? 3333 + 700 * k + i : [700, 3333, 6001][i] + 37 * k;
            spiked.flux[at] += height / Math.sqrt(s.ivar[at]);
          });
          spiked.spikes = spikes(spiked);
          spiked.trusted = spiked.ivar.map((w, i) => (spiked.spikes[i] ? 0 : w));
          spiked.grid = rebin(spiked, LOG_STEP, GRID_SIZE);
          const after = matches(spiked, TEMPLATES)[0];
          return [best.z, after.z, best.name === after.name];
        })"""
    )
    for (before, after, same), z in zip(changed, redshift, strict=True):
        assert same and after == pytest.approx(before, abs=0.005)
        assert after == pytest.approx(z, abs=0.02)


def test_absorption_is_marked_where_it_is_deepest(context, tmp_path):
    redshift = write_batch(tmp_path, 2, kinds=["lrg"])
    page = open_page(context, write_all(tmp_path) / "minibatch-01.html")
    line = 3934.77 * (1 + redshift[0])
    for zoomed in (False, True):
        if zoomed:
            page.evaluate(f"setView({line} - 300, {line} + 300)")
            until(page, "frame.x1 - frame.x0 < 700")
        box = page.locator("#main").bounding_box()
        x = page.evaluate(f"frame.X({line})")
        page.mouse.click(box["x"] + x + 2, box["y"] + box["height"] / 2)
        page.locator("#lines button", has_text="Ca K").click()
        off = (page.evaluate("view.z") - redshift[0]) / (1 + redshift[0]) * 299792
        assert abs(off) < (300 if zoomed else 500)
        page.wait_for_timeout(400)


def test_figures_say_what_they_are(context, few):
    page = open_page(context, few[0])
    text = page.locator("#object").inner_text()
    assert "S/N per Å" in text and "B " in text and "pixel" not in text
    assert "g 20.75, as observed" in text
    legend = page.locator("#legend").inner_text()
    for word in ("flux", "error", "fitted", "emission lines", "sky", "atmosphere", "no data"):
        assert word in legend
    press(page, "a", "a", "o", "d", "k")
    until(page, "!$('legend').textContent.includes('sky')")
    legend = page.locator("#legend").inner_text()
    assert "absorption lines" in legend and "network" in legend
    assert "error" not in legend and "sky" not in legend


def contrast(one, other):
    """Of two colours as #rrggbb, by WCAG 2.1."""

    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_seen_means_visible(chromium, few, scheme):
    context = chromium.new_context(color_scheme=scheme)
    page = open_page(context, few[0])
    names = "paper panel ink soft faint accent warn flux noise network template emission"
    names += " absorption mark qso galaxy star accent-ink"
    colours = page.evaluate(
        "names => Object.fromEntries(names.split(' ').map((name) => [name,"
        " getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim()]))",
        names,
    )
    colours = {name: "#ffffff" if c == "#fff" else c for name, c in colours.items()}
    for ground in ("paper", "panel"):
        for name in ("ink", "soft", "accent", "warn", "emission", "qso", "galaxy", "star"):
            assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
        for name in ("flux", "noise", "network", "template", "absorption", "mark", "faint"):
            assert contrast(colours[name], colours[ground]) >= 3, (name, ground)
    assert contrast(colours["absorption"], colours["paper"]) >= 4.5
    assert contrast(colours["accent-ink"], colours["accent"]) >= 4.5
    context.close()


def test_the_strongest_line_is_not_cut_off(context, mixed, few):
    for path in (mixed[0], few[0]):
        page = open_page(context, path)
        for _ in range(6):
            until(page, "canSee()")
            top = page.evaluate(
                "(() => { const {s, c, y1} = frame; let top = 0; for (let i = 4; i < 7777; i++)"
                " if (s.trusted[i] > 0 && c.flux[i] > 8 * c.error[i]) top = Math.max(top,"
                " c.flux[i]); return top / y1; })()"
            )
            assert top < 1
            press(page, "n")


@pytest.mark.parametrize(("width", "height"), [(683, 384), (390, 800)])
def test_nothing_is_cut_away_at_twice_the_size_or_in_a_narrow_window(chromium, few, width, height):
    size = {"width": width, "height": height}
    context = chromium.new_context(viewport=size, device_scale_factor=2)
    page = open_page(context, few[0])
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("toast('Not recorded: the spectrum was not on the screen yet'.repeat(3))")
    said = page.locator("#toast").bounding_box()
    assert said["x"] >= 0 and said["x"] + said["width"] <= width
    hidden = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, dd, #legend span")]
          .filter((node) => node.offsetParent && node.type !== "file")
          .filter((node) => {
            node.scrollIntoView({block: "center"});
            const {left, right, top, bottom} = node.getBoundingClientRect();
            return left < -1 || right > innerWidth + 1 || bottom <= 0 || top >= innerHeight;
          }).map((node) => node.textContent)"""
    )
    assert hidden == []
    context.close()


@pytest.mark.parametrize(("key", "width"), [("End", 100), ("Home", 100), ("End", 600)])
def test_the_mark_of_the_spectrum_is_seen_on_a_page_of_many(context, fifty, key, width):
    """The marks of 200 spectra or more ran on below the buttons of the header."""
    page = open_page(context, fifty[0])
    page.evaluate(f"$('strip').style.flex = '0 0 {width}px'")
    press(page, "n", key)
    until(page, "canSee()")
    seen = """(() => {
      const here = document.querySelector("#strip .here");
      const {left, right, top, bottom} = here.getBoundingClientRect();
      const strip = $("strip").getBoundingClientRect();
      const over = document.elementFromPoint(strip.right + 8, (top + bottom) / 2);
      return left >= strip.left && right <= strip.right && !over?.closest("#strip")
        && document.elementFromPoint((left + right) / 2, (top + bottom) / 2) === here;
    })()"""
    assert page.evaluate(seen)


def test_refusals_are_told(context, few, tmp_path):
    page = open_page(context, few[0])
    z = page.evaluate("view.z")
    for text, word in (("abc", "not a number"), ("9", "outside"), ("-0.5", "outside")):
        press(page, "z")
        page.keyboard.type(text)
        press(page, "Enter")
        assert word in page.locator("#toast").inner_text()
        assert page.evaluate("view.z") == z
    press(page, "z")
    page.keyboard.type("1,25")
    press(page, "Enter")
    assert page.evaluate("view.z") == 1.25
    page.select_option("#template", label="star M")
    page.evaluate("document.activeElement.blur(), setZ(6)")
    until(page, "document.getElementById('legend').textContent.includes('no fit')")
    rows = [(FIRST + 1000 + k, "", 4, 1.0, "QSO", "") for k in range(50)]
    page.set_input_files("#file", vi(tmp_path / "other.csv", rows))
    text = page.locator("#banners div[data-name=import] span").inner_text()
    assert "another batch" in text and len(text) < 140
    # A folder that is dropped is a file that cannot be read.
    page.evaluate("importFile({ name: 'mine', arrayBuffer: () => Promise.reject(new Error()) })")
    page.locator("#banners", has_text="mine: it cannot be read; is it a folder?").wait_for()
    broken = [(FIRST + k, "", 7, 1.0, "QSO", "") for k in range(6)]
    page.set_input_files("#file", vi(tmp_path / "broken.csv", broken))
    page.locator("#banners", has_text="and 3 more").wait_for()
    assert page.errors == []


def test_no_key_or_click_answers_twice(context, few):
    """A key that bounces and a double click: nobody can have seen the second spectrum."""
    page = open_page(context, few[0])
    for key in ("4", "0"):
        until(page, "canSee()")
        # Once more as soon as the next spectrum is drawn.
        page.evaluate(
            """key => new Promise((done) => {
              const type = () => dispatchEvent(new KeyboardEvent("keydown", { key }));
              const { index } = view;
              const again = () => {
                if (view.drawn === index + 1) done(type());
                else requestAnimationFrame(again);
              };
              type();
              again();
            })""",
            key,
        )
    assert sorted(int(targetid) - FIRST for targetid in answers(page)) == [0, 1]
    # With the mouse, also where half a second lies between the clicks of a double click.
    until(page, "canSee()")
    page.locator("#qualities button").nth(1).dblclick(delay=20)
    page.locator("#qualities button").nth(0).dispatch_event("click", {"detail": 2})
    until(page, "canSee()")
    page.locator("#qualities button").nth(0).dispatch_event("click", {"detail": 2})
    assert sorted(int(targetid) - FIRST for targetid in answers(page)) == [0, 1, 2]
    assert "another spectrum" in page.locator("#toast").inner_text()
    # A button goes down on one spectrum, a key leads to the next, and the button comes up there.
    press(page, "Home")
    box = page.locator("#classes button").nth(2).bounding_box()
    page.mouse.move(box["x"] + 9, box["y"] + 9)
    page.mouse.down()
    press(page, "End")
    until(page, "canSee()")
    page.mouse.up()
    assert sorted(int(targetid) - FIRST for targetid in answers(page)) == [0, 1, 2]
    # Nor does a drag that began on another spectrum zoom this one.
    box = page.locator("#main").bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 150)
    page.keyboard.down("Shift")
    page.mouse.down()
    page.mouse.move(box["x"] + 260, box["y"] + 150)
    page.keyboard.up("Shift")
    press(page, "Home")
    page.mouse.move(box["x"] + 400, box["y"] + 150)
    page.mouse.up()
    assert page.evaluate("view.x") is None and page.evaluate("view.mark") is None
    # Nothing that nobody has seen is cleared either.
    page.evaluate("go(1), dispatchEvent(new KeyboardEvent('keydown', {key: 'Delete'}))")
    assert answer_of(page, 1)["quality"] == 0
    assert page.errors == []


def test_a_held_enter_clicks_a_button_once(context, fifty):
    page = open_page(context, fifty[0])
    # Quality 0 needs no class.
    page.locator("#qualities button").nth(4).focus()
    until(page, "canSee()")
    for _ in range(12):
        page.keyboard.down("Enter")
        page.wait_for_timeout(60)
    page.keyboard.up("Enter")
    assert page.locator("#left").inner_text() == "2 / 50 · 49 left"


def test_a_button_that_the_mouse_has_left_is_not_the_next_keys(context, few):
    """Space, for the next open spectrum, recorded the quality that nobody had clicked."""
    page = open_page(context, few[0])
    for group, number in (("qualities", 4), ("classes", 1), ("flags", 0)):
        box = page.locator(f"#{group} button").nth(number).bounding_box()
        for key in ("Space", "Enter"):
            page.mouse.move(box["x"] + 5, box["y"] + 5)
            page.mouse.down()
            page.mouse.move(box["x"] + 5, box["y"] - 200)
            page.mouse.up()
            press(page, "Home", key)
            assert page.evaluate("view.index") == 1 and answers(page) == {}
    # Nor is one that was refused, as another spectrum is there by now.
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    press(page, "Home")
    until(page, "canSee()")
    page.mouse.up()
    press(page, "Space")
    assert page.evaluate("view.index") == 1 and answers(page) == {} and page.errors == []


def test_what_is_not_on_the_page_is_told(context, few, tmp_path):
    page = open_page(context, few[0])
    page.goto(f"{few[0].as_uri()}#{FIRST + 100}")
    page.locator("#banners", has_text=f"{FIRST + 100}, which is not on this page").wait_for()
    press(page, "i")
    page.locator("#gallery input").fill("7")
    page.keyboard.press("Enter")
    assert '"7" is not a number of this page' in page.locator("#counts").inner_text()
    press(page, "Escape")
    # Two files at once: none is passed over in silence.
    page.evaluate(
        """() => {
          const dataTransfer = new DataTransfer();
          for (const name of ["a.csv", "b.csv"]) dataTransfer.items.add(new File(["x"], name));
          dispatchEvent(new DragEvent("drop", { dataTransfer, cancelable: true }));
        }"""
    )
    page.locator("#banners", has_text="drop one file at a time, not 2").wait_for()
    # What fills in a form sends a key event without a key.
    page.evaluate("document.body.dispatchEvent(new Event('keydown', { bubbles: true }))")
    assert answers(page) == {} and page.errors == []


def test_a_redshift_that_was_refused_is_not_passed_over(context, few):
    page = open_page(context, few[0])
    z = page.evaluate("view.z")
    for text in ("2.3.4", "17"):
        press(page, "Home", "z")
        page.keyboard.type(text)
        # Without Enter: the field is left by the click.
        page.locator("#qualities button").nth(0).click()
        assert answers(page) == {} and f'"{text}"' in page.locator("#toast").inner_text()
    press(page, "4")
    assert answer_of(page, 0)["z"] == pytest.approx(z, abs=1e-4)
    # What was typed is meant, also where it is what was shown: a class does not move it.
    press(page, "Home", "n", "z")
    page.keyboard.type(f"{page.evaluate('view.z'):.4f}")
    z = page.evaluate("view.z")
    press(page, "Enter", "g", "4")
    answer = answer_of(page, 1)
    assert (answer["spectype"], answer["quality"]) == ("GALAXY", 4)
    assert answer["z"] == pytest.approx(z, abs=1e-4)
    # A field that was left by Escape took nothing.
    press(page, "z")
    page.keyboard.type("5")
    press(page, "Escape", "/")
    page.keyboard.type("no")
    press(page, "Escape")
    assert page.evaluate("view.z") < 4 and answer_of(page, 2).get("comment", "") == ""
    assert page.evaluate("view.touched") is False


def test_a_name_that_was_not_confirmed_is_not_taken(context, few):
    page = open_page(context, few[0], "Ann")
    press(page, "4")
    page.locator("#inspector").click()
    page.locator("#name").fill("Bob")
    page.keyboard.press("Escape")
    assert page.evaluate("session.inspector") == "Ann" and len(answers(page)) == 1
    # Another tab may be somebody else's; this one stays whose it was.
    other = open_page(context, few[0])
    rename(other, "Bob")
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    assert page.evaluate("session.inspector") == "Ann" and len(answers(page)) == 1
    other.reload()
    other.wait_for_selector("html[data-ready=yes]")
    assert other.evaluate("session.inspector") == "Bob" and answers(other) == {}


def test_two_tabs_do_not_undo_each_other(context, few):
    one, two = open_page(context, few[0]), open_page(context, few[0])
    press(two, "/")
    two.keyboard.type("seen")
    press(two, "Enter")
    until(one, "answerOf(0).comment === 'seen'")
    # The other tab shows that spectrum; leaving it writes nothing over the comment.
    press(one, "n", "Home")
    assert answer_of(one, 0)["comment"] == "seen"
    press(one, "s", "4")
    until(two, "answerOf(0).quality === 4")
    press(two, "u")
    assert "Nothing to undo" in two.locator("#toast").inner_text()
    for page in (one, two):
        answer = answer_of(page, 0)
        assert (answer["spectype"], answer["comment"]) == ("STAR", "seen")
        assert page.errors == []


def test_answers_of_a_misspelt_name_reach_the_other_window(context, few):
    one, two = open_page(context, few[0], "Ann"), open_page(context, few[0])
    press(one, "4")
    rename(one, "Anne")
    rename(two, "Anne")
    one.locator("#banners button", has_text="misspelling").click()
    until(two, "Object.keys(answers).length === 1")
    assert answer_of(two, 0)["quality"] == 4 and one.errors == two.errors == []


def test_back_and_forward(context, few):
    page = open_page(context, few[0])
    page.goto((few[0].parent / "index.html").as_uri())
    page.go_back()
    page.wait_for_selector("html[data-ready=yes]")
    press(page, "4", "n")
    page.locator("#object a").first.click()
    page.go_back()
    page.go_back()
    page.go_forward()
    page.wait_for_selector("html[data-ready=yes]")
    until(page, "Object.keys(answers).length === 1")
    assert answer_of(page, 0)["quality"] == 4 and page.errors == []


# What a private window and a full disk do.
NO_STORAGE = """
  const refuse = () => { throw new DOMException("no", "SecurityError"); };
  for (const name of ["indexedDB", "localStorage", "sessionStorage"]) {
    Object.defineProperty(window, name, { get: refuse });
  }
  window.BroadcastChannel = class { constructor() { refuse(); } };
"""
NO_ROOM = """
  const refuse = () => { throw new DOMException("no", "QuotaExceededError"); };
  IDBObjectStore.prototype.put = refuse;
"""


@pytest.mark.parametrize("script", [NO_STORAGE, NO_ROOM])
def test_without_storage_the_page_works_and_asks_before_it_closes(context, few, script, tmp_path):
    context.add_init_script(script)
    page = open_page(context, few[0])
    assert "no storage, or none left" in page.locator("#banners").inner_text()
    press(page, "4", "0")
    asked = []

    def stay(dialog):
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", stay)
    page.close(run_before_unload=True)
    deadline = time.monotonic() + 10
    while not asked and time.monotonic() < deadline:
        context.new_page().close()
    assert asked == ["beforeunload"]
    # Another name loses nothing.
    page = open_page(context, few[0], "Ann")
    press(page, "4")
    rename(page, "Bob")
    until(page, "Object.keys(answers).length === 0")
    rename(page, "Ann")
    until(page, "Object.keys(answers).length === 1")
    # What was downloaded may be closed.
    rows, _ = read_vi(download(page, tmp_path))
    assert rows["QUALITY"].tolist() == [4]
    page.on("dialog", stay)
    page.reload()
    assert asked == ["beforeunload"] and page.errors == []


def test_without_storage_the_page_asks_about_the_answers_of_everybody(context, few, tmp_path):
    """Ann's were lost where Bob closed the page."""
    context.add_init_script(NO_STORAGE)
    page, asked = open_page(context, few[0], "Ann"), []

    def stay(dialog):
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    press(page, "4")
    rename(page, "Bob")
    until(page, "Object.keys(answers).length === 0")
    page.close(run_before_unload=True)
    deadline = time.monotonic() + 10
    while not asked and time.monotonic() < deadline:
        page.wait_for_timeout(50)
    assert asked == ["beforeunload"]
    rename(page, "Ann")
    until(page, "Object.keys(answers).length === 1")
    download(page, tmp_path)
    rename(page, "Bob")
    until(page, "Object.keys(answers).length === 0")
    assert not page.evaluate("unsaved()") and page.errors == []


def test_what_is_no_longer_so_is_no_longer_said(context, mixed):
    page = open_page(context, mixed[0], "Ann")
    press(page, "n", "n", "q", "z")
    page.keyboard.type("1.5")
    press(page, "Enter", "4")
    banner = page.locator("#banners [data-name=opinion]")
    assert "You recorded 3 as QSO at z = 1.5" in banner.inner_text()
    press(page, "p", "b")
    assert banner.count() == 1
    press(page, "Delete")
    assert banner.count() == 0
    # A question that is answered late: what was answered meanwhile stays, and is taken back apart.
    press(page, "Home", "s", "z")
    page.keyboard.type("0.5")
    press(page, "Enter", "4", "b")
    page.locator("#banners button", has_text="GALAXY at z = 0.5").click()
    press(page, "u")
    answer = answer_of(page, 0)
    assert (answer["spectype"], answer["quality"], answer["bal"]) == ("STAR", -1, 1)
    # One name in small letters is nobody else's, and nothing stays behind.
    rename(page, "ann")
    page.wait_for_timeout(100)
    assert answer_of(page, 0) == answer and page.locator("#banners div").count() == 0
    assert page.errors == []


def test_a_clock_that_was_set_back(context, few):
    page = open_page(context, few[0])
    press(page, "4", "Home", "3")
    first = answer_of(page, 0)["time"]
    page.clock.set_fixed_time(datetime.now() - timedelta(days=1))
    assert page.evaluate("new Date().toISOString()") < first
    press(page, "Home", "2")
    answer = answer_of(page, 0)
    assert answer["quality"] == 2 and answer["time"] > first
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    assert answer_of(page, 0)["quality"] == 2


def test_an_older_file_brings_nothing_back_by_itself(context, few, tmp_path):
    page = open_page(context, few[0])
    press(page, "4", "n", "0")
    older = download(page, tmp_path)
    press(page, "Home", "Delete")
    page.set_input_files("#file", older)
    page.locator("#banners", has_text="1 that differ from yours").wait_for()
    assert answer_of(page, 0)["quality"] == -1 and answer_of(page, 2)["quality"] == 0
    page.locator("#banners button", has_text="Cancel").click()
    # Nor does a page choose between two people.
    rows = [(FIRST + 3, name, 4, z, "QSO", "") for name, z in (("ann", 1.2), ("bob", 2.2))]
    page.set_input_files("#file", vi(tmp_path / "both.csv", rows))
    page.locator("#banners", has_text="2 different answers").wait_for()
    assert answer_of(page, 3)["quality"] == -1


def test_who_goes_on_from_a_file_in_another_browser_is_one_person(chromium, fifty, tmp_path):
    """Taken at another time, all answers were those of a second person with the same name."""
    paths = []
    for browser in range(2):
        context = chromium.new_context(accept_downloads=True)
        page = open_page(context, fifty[0], "Ann")
        if browser:
            page.set_input_files("#file", paths[0])
            until(page, "Object.keys(answers).length === 12")
            press(page, "Home", "s", "3", "n", "End", "0")
        else:
            page.clock.set_fixed_time(datetime.now() - timedelta(days=1))
            press(page, *["0"] * 12)
        paths.append(download(page, tmp_path).rename(tmp_path / f"{PAGE_OF_ANN} ({browser}).csv"))
        context.close()
    labels, refused = merge(tmp_path, fifty[0].parents[1], *paths)
    assert len(refused) == 0
    assert set(labels["INSPECTORS"]) == {"", "Ann"} and labels["N_INSPECTORS"].sum() == 13
    assert labels.loc[FIRST, "SPECTYPE"] == "STAR"


def test_a_question_that_stands_is_not_answered_with_something_else(context, few, tmp_path):
    page = open_page(context, few[0], "Ann")
    press(page, "4")
    rows = [(FIRST, "", 3, 1.2, "QSO", ""), (FIRST + 2, "", 4, 0.7, "GALAXY", "")]
    file = vi(tmp_path / "mine.csv", rows)
    page.set_input_files("#file", file)
    page.locator("#banners button", has_text="Take all 2").wait_for()
    # While the question stands, one of the two is answered here.
    press(page, "n", "s", "3")
    page.locator("#banners button", has_text="Take all 2").click()
    assert answer_of(page, 2)["spectype"] == "STAR" and answer_of(page, 0)["quality"] == 3
    assert "1 answered here meanwhile stay" in page.locator("#toast").inner_text()
    # Nor is what was asked of one person for the next one to answer.
    page.set_input_files("#file", file)
    page.locator("#banners button", has_text="Take all 1").wait_for()
    rename(page, "Bob")
    assert page.locator("#banners button", has_text="Take all").count() == 0
    press(page, "Home", "0")
    page.locator("#banners button", has_text="misspelling").click()
    until(page, "Object.keys(answers).length === 2")
    # What Bob answered since then stays Bob's.
    assert answer_of(page, 0)["quality"] == 0 and answer_of(page, 2)["spectype"] == "STAR"
    # What is no longer so is no longer said.
    press(page, "Home", *"n0n000")
    until(page, "document.querySelector('#banners [data-name=done]') !== null")
    press(page, "u")
    assert page.locator("#banners [data-name=done]").count() == 0
    assert page.errors == []


def test_names_of_letters_from_right_to_left(context, few, tmp_path):
    page = open_page(context, few[0], "דוד לוי")
    press(page, "4")
    path = download(page, tmp_path)
    assert path.name == "desi-vi_test-round-01-minibatch-01_דוד-לוי.csv"
    rows, refused = read_vi(path)
    assert rows["INSPECTOR"].tolist() == ["דוד לוי"] and not refused


def test_what_an_input_method_types_is_not_a_key(context, few):
    page = open_page(context, few[0])
    session = context.new_cdp_session(page)
    press(page, "/")
    # Pinyin in the comment: digits choose a character, Enter ends the composition.
    session.send("Input.imeSetComposition", {"text": "hao", "selectionStart": 3, "selectionEnd": 3})
    for key, code in (("4", "Digit4"), ("Enter", "Enter")):
        event = {"key": key, "code": code, "isComposing": True, "bubbles": True}
        page.evaluate(
            "document.activeElement.dispatchEvent("
            f"new KeyboardEvent('keydown', {json.dumps(event)}))"
        )
    assert page.evaluate("document.activeElement === $('comment')")
    session.send("Input.insertText", {"text": "好"})
    press(page, "Enter")
    assert answer_of(page, 0)["comment"] == "好" and answer_of(page, 0)["quality"] == -1
    # Outside of a field the browser calls such keys "Process".
    send(page, "Process", "Digit4")
    send(page, "Process", "KeyQ")
    assert answer_of(page, 0)["quality"] == -1 and answer_of(page, 0)["spectype"] == ""


def test_a_finger(chromium, few):
    context = chromium.new_context(has_touch=True, viewport={"width": 1180, "height": 820})
    page = open_page(context, few[0])
    until(page, "canSee()")
    page.locator("#qualities button").nth(0).tap()
    assert len(answers(page)) == 1
    until(page, "canSee()")
    box = page.locator("#main").bounding_box()
    page.touchscreen.tap(box["x"] + 300, box["y"] + 200)
    page.locator("#lines button").first.wait_for()
    page.locator("#lines button").first.tap()
    assert page.evaluate("view.touched") and len(answers(page)) == 1
    assert page.errors == []
    context.close()


def test_banners_move_nothing_under_the_mouse(context, mixed):
    page = open_page(context, mixed[0])
    press(page, "n", "n", "q", "z")
    page.keyboard.type("1.5")
    press(page, "Enter")
    before = page.locator("#qualities").bounding_box()
    press(page, "4")
    page.locator("#banners [data-name=opinion]").wait_for()
    assert page.locator("#qualities").bounding_box() == before


# ---------------------------------------------------------------- what experts look for


def add_production(folder):
    """Put redrock's details, its model and the exposures beside the coadd of `write_batch`."""
    survey = folder / "survey"
    coadd = survey / "coadd-0-80605-thru20210204.fits"
    with fitsio.FITS(str(coadd), "rw") as fits:
        fibermap = fits["FIBERMAP"].read()
        n = len(fibermap)
        more = [("EBV", "f4"), ("FLUX_W1", "f4"), ("FLUX_W2", "f4"), ("DESI_TARGET", "i8")]
        more += [("COADD_NUMEXP", "i2"), ("COADD_EXPTIME", "f4")]
        whole = np.zeros(n, dtype=fibermap.dtype.descr + more)
        for name in fibermap.dtype.names:
            whole[name] = fibermap[name]
        whole["EBV"], whole["FLUX_W1"], whole["DESI_TARGET"] = 0.1, 10.0, 4 | 1 << 62
        whole["COADD_NUMEXP"], whole["COADD_EXPTIME"] = 2, 1800
        exposures = np.zeros(2 * n, dtype=[("TARGETID", "i8"), ("NIGHT", "i4"), ("EXPID", "i4")])
        exposures["TARGETID"] = np.repeat(fibermap["TARGETID"], 2)
        exposures["NIGHT"], exposures["EXPID"] = 20210204, np.tile([7, 8], n)
        arms = {
            arm: [fits[f"{arm}_{x}"].read() for x in ("WAVELENGTH", "FLUX", "IVAR")]
            for arm in "BRZ"
        }
    with fitsio.FITS(str(coadd), "rw", clobber=True) as fits:
        fits.write(None)
        fits.write(whole, extname="FIBERMAP")
        fits.write(exposures, extname="EXP_FIBERMAP")
        for arm, images in arms.items():
            for name, image in zip(("WAVELENGTH", "FLUX", "IVAR"), images, strict=True):
                fits.write(image, extname=f"{arm}_{name}")
    targets = fibermap["TARGETID"]
    columns = [("TARGETID", "i8"), ("Z", "f8"), ("ZERR", "f8"), ("ZWARN", "i8")]
    columns += [("SPECTYPE", "U6"), ("SUBTYPE", "U6"), ("DELTACHI2", "f8"), ("COEFF", "(4,)f8")]
    redshifts = np.zeros(n, dtype=columns)
    redshifts["TARGETID"], redshifts["Z"] = targets, np.linspace(1.2, 3.0, n)
    redshifts["ZERR"], redshifts["ZWARN"], redshifts["DELTACHI2"] = 2e-4, 4, 7.5
    redshifts["SPECTYPE"], redshifts["SUBTYPE"] = "QSO", "LOZ"
    header = {"RRVER": "0.15.4", "TEMNAM00": "QSO:::LOZ", "TEMVER00": "1.0"}
    with fitsio.FITS(str(survey / "redrock-0-80605-thru20210204.fits"), "rw", clobber=True) as fits:
        fits.write(None, header=header)
        fits.write(redshifts, extname="REDSHIFTS")
    with fitsio.FITS(str(survey / "rrmodel-0-80605-thru20210204.fits"), "rw", clobber=True) as fits:
        fits.write(None)
        fits.write(redshifts, extname="REDSHIFTS")
        for arm, (wavelength, flux, _) in arms.items():
            fits.write(wavelength, extname=f"{arm}_WAVELENGTH")
            model = np.broadcast_to(wavelength / 1000, flux.shape).astype("f4")
            fits.write(model.copy(), extname=f"{arm}_MODEL")
    fit = np.dtype([("z", "f8"), ("zerr", "f4"), ("zwarn", "i4"), ("deltachi2", "f4")])
    fit = np.dtype([*fit.descr, ("spectype", "S6"), ("subtype", "S6"), ("znum", "i1")])
    with h5py.File(survey / "rrdetails-0-80605-thru20210204.h5", "w") as file:
        for k, target in enumerate(targets):
            fits_ = np.zeros(4, dtype=fit)
            fits_["z"] = [redshifts["Z"][k], 0.51, 0.0001, 2.0]
            fits_["deltachi2"], fits_["znum"] = [7.5, 20, 5, 1], [0, 1, 2, 3]
            fits_["spectype"] = [b"QSO", b"GALAXY", b"STAR", b"QSO"]
            file[f"zfit/{target}/zfit"] = fits_


@pytest.fixture(scope="module")
def production(tmp_path_factory):
    folder = tmp_path_factory.mktemp("production")
    write_batch(folder, 3)
    add_production(folder)
    found = desi.extract(folder / "survey" / "coadd-0-80605-thru20210204.fits", LOG, "all")
    pool.write(folder / "batch.fits", found.spectra, found.catalog, LOG)
    return write_all(folder, "--prospect", folder / "prospect") / "minibatch-01.html"


def test_what_the_production_knows_is_shown(context, production, tmp_path):
    page = open_page(context, production)
    text = page.locator("#object").inner_text()
    for words in (
        ", dereddened", "W1 19.98", "g 20.43", "E(B−V)", "0.100", "QSO, secondary",
        "2 exposures, 1800 s", "20210204", "QSO LOZ z = 1.2000 ± 0.0002", "Δχ² 8 to the next",
        "small Δχ² to the next fit", "GALAXY z = 0.5100", "STAR z = 0.0001",
    ):  # fmt: skip
        assert words in text, words
    assert "z = 2.0000" not in text
    # Redrock's model at its redshift, this project's template elsewhere.
    assert "redrock's model" in page.locator("#legend").inner_text()
    value = page.evaluate("frame.model[1000]")
    assert value == pytest.approx((3600 + 800) / 1000, abs=0.002)
    assert "computed" not in page.locator("#legend").inner_text()
    page.evaluate("{ current().computed = true; schedule(); }")
    until(page, "$('legend').textContent.includes('model, computed from its coefficients')")
    press(page, "z")
    page.keyboard.type("2.5")
    press(page, "Enter")
    until(page, "$('legend').textContent.includes('this project')")
    names = [c["source"] for c in page.evaluate("candidates(0)")]
    assert names[:3] == ["redrock", "redrock, fit 2:", "redrock, fit 3:"]
    press(page, "Home", "4")
    (row,) = csv.DictReader(download(page, tmp_path).open(encoding="utf-8"))
    assert (row["NIGHT"], row["Redrock_deltachi2"]) == ("20210204", "7.5")
    assert (row["Redrock_version"], row["Template_version"]) == ("0.15.4", "1.0")
    assert page.errors == []


def test_prospect_gets_redrocks_fits(production):
    folder = production.parents[1] / "prospect"
    with fitsio.FITS(str(folder / "redrock.fits")) as fits:
        assert fits[0].read_header()["RRVER"] == "0.15.4"
        rows = fits["REDSHIFTS"].read()
    assert rows["TARGETID"].tolist() == [FIRST + k for k in range(3)]
    assert rows["SUBTYPE"].tolist() == ["LOZ"] * 3 and rows["COEFF"].shape == (3, 10)


def test_arms_apart(context, production):
    page = open_page(context, production)
    press(page, "j")
    until(page, "$('legend').textContent.includes('Z arm')")
    parts = page.evaluate("arms(0).map((a) => [a.arm, a.wavelength[0], a.wavelength.at(-1)])")
    assert [part[0] for part in parts] == ["B", "R", "Z"]
    ends = np.array([part[1:] for part in parts]).ravel()
    assert ends == pytest.approx([3600, 5800, 5760, 7620, 7520, 9824], abs=0.5)
    with fitsio.FITS(str(production.parents[1] / "survey/coadd-0-80605-thru20210204.fits")) as fits:
        blue, red = (fits[f"{arm}_FLUX"].read()[0] for arm in "BR")
    found = page.evaluate("arms(0).map((a) => [...a.flux])")
    scale = page.evaluate("D.spectra[0].coadd.scale")
    for own, coadd in ((found[0], blue), (found[1][:50], red[:50])):
        good = np.array(own) != 0
        assert good.mean() > 0.99
        assert np.array(own)[good] == pytest.approx(coadd[good], abs=0.01 * scale, rel=2e-3)


def test_the_flux_is_zoomed_and_an_absorber_keeps_its_redshift(context, few):
    page = open_page(context, few[0])
    box = page.locator("#main").bounding_box()
    before = page.evaluate("[frame.y0, frame.y1]")
    page.mouse.move(box["x"] + 400, box["y"] + 250)
    page.keyboard.down("Shift")
    page.mouse.wheel(0, -400)
    page.keyboard.up("Shift")
    until(page, f"frame.y1 - frame.y0 < {0.8 * (before[1] - before[0])}")
    assert page.evaluate("view.x") is None
    press(page, "x")
    until(page, f"frame.y1 === {before[1]}")
    z = page.evaluate("view.z")
    press(page, "Shift+Z", "Period")
    assert page.evaluate("view.absorber") == z
    # The legend is drawn with the next frame of the screen.
    words = f"absorption at z {z:.4f}"
    until(page, f"document.querySelector('#legend').innerText.includes('{words}')")


def test_a_click_on_the_fits_against_redshift(context, few):
    path, redshift = few
    page = open_page(context, path)
    press(page, "End", "z")
    page.keyboard.type("1")
    press(page, "Enter")
    page.locator("#scan").scroll_into_view_if_needed()
    box = page.locator("#scan").bounding_box()
    x = 2 + np.log10(1 + redshift[5]) / np.log10(7.2) * (box["width"] - 4)
    page.mouse.click(box["x"] + x, box["y"] + 20)
    assert page.evaluate("view.z") == pytest.approx(redshift[5], abs=0.03)
    # The class belongs to the fit that was clicked, so that a quality alone is enough.
    press(page, "4")
    assert answer_of(page, 5)["spectype"] == "QSO"


def test_a_second_opinion_comes_after_the_answer_and_once(context, mixed):
    page = open_page(context, mixed[0])
    press(page, "n", "n")
    assert page.locator("#banners div").count() == 0
    press(page, "q", "z")
    page.keyboard.type("1.5")
    press(page, "Enter", "4")
    banner = page.locator("#banners [data-name=opinion]")
    assert "redrock sees a STAR at z = 0.0000" in banner.inner_text()
    banner.locator("button", has_text="Flag redrock's class").click()
    assert answers(page)[str(FIRST + 2)]["issue"] == "C"
    until(page, "canSee()")
    press(page, "3")
    assert banner.count() == 0


def test_without_redrock_and_ensemble_the_fits_give_the_second_opinion(context, tmp_path):
    redshift = write_batch(tmp_path, 2)
    batch = pd.read_csv(tmp_path / "batch.csv", dtype={"TARGETID": "int64"})
    votes = [name for name in batch.columns if name.startswith("VOTE_")]
    batch.drop(columns=votes).to_csv(tmp_path / "batch.csv", index=False)
    (tmp_path / "survey" / "redrock-0-80605-thru20210204.fits").unlink()
    found = desi.extract(tmp_path / "survey" / "coadd-0-80605-thru20210204.fits", LOG, "all")
    pool.write(tmp_path / "batch.fits", found.spectra, found.catalog, LOG)
    page = open_page(context, write_all(tmp_path) / "minibatch-01.html")
    assert "clear" in page.locator("#candidates").inner_text()
    title = page.locator("#candidates button").nth(0).get_attribute("title")
    assert "standard deviations of noise better than the next fit" in title
    press(page, "s", "4")
    text = page.locator("#banners [data-name=opinion]").inner_text()
    z = float(re.search(r"a QSO at z = ([\d.]+) fits better", text)[1])
    assert z == pytest.approx(redshift[0], abs=0.02)
    press(page, "q", "4")
    assert page.locator("#banners [data-name=opinion]").count() == 0


def test_the_overview_sorts_filters_and_goes_to_a_number(context, few):
    page = open_page(context, few[0])
    press(page, "4", "n", "0", "i")
    assert "2 of 6 answered: 1 QSO" in page.locator("#counts").inner_text()
    page.select_option("#gallery select >> nth=1", label="open")
    assert page.locator("#gallery .gallery button").count() == 4
    page.select_option("#gallery select >> nth=0", label="redshift")
    page.locator("#gallery input").fill("5")
    page.keyboard.press("Enter")
    assert page.locator("#left").inner_text().startswith("5 / 6")
    page.goto(f"{few[0].as_uri()}#{FIRST + 2}")
    until(page, "view.index === 2")
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    assert page.locator("#left").inner_text().startswith("3 / 6")


def test_a_cutout_is_shown_and_only_a_jpeg(chromium, tmp_path):
    image = pytest.importorskip("matplotlib.image")
    write_batch(tmp_path, 3)
    folder = tmp_path / "images"
    folder.mkdir()
    image.imsave(folder / f"{FIRST}.jpg", np.random.default_rng(0).random((32, 32, 3)))
    (folder / f"{FIRST + 1}.jpg").write_bytes(b"<svg onload=alert(1)>")
    context = chromium.new_context()
    page = open_page(context, write_all(tmp_path, "--cutouts", folder) / "minibatch-01.html")
    until(page, "$('cutout').naturalWidth === 32")
    press(page, "n")
    assert page.locator("#cutout").count() == 0 and page.errors == []
    assert all(url.startswith(("file:", "data:")) for url in page.requests)
    context.close()
    with pytest.raises(InputError, match="is not a folder"):
        write_all(tmp_path, "--cutouts", tmp_path / "none")
