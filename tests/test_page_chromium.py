"""The inspection page in a real browser, worked as an inspector does."""

import csv
import json
import shutil
import time

import numpy as np
import pandas as pd
import pytest

import merge_labels
from helpers.pages import HOSTILE, vi, write_all, write_batch
from quasarnet_al.inspection.vi import PROSPECT_COLUMNS, read_vi

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FIRST = 39627640553871919

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
    return page


def until(page, condition):
    """Wait for a condition; the page's policy forbids the evaluation inside it."""
    deadline = time.monotonic() + 20
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(50)


def press(page, *keys):
    """Press keys as fast as a person may: each when the spectrum is drawn."""
    for key in keys:
        until(page, "view.drawn === view.index")
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
    write_all(tmp_path, "--vi", *paths, "--adjudicate", tmp_path / "labels.csv")
    context = chromium.new_context()
    page = open_page(context, tmp_path / "inspect" / "adjudication.html", "eve")
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
    page = open_page(context, write_all(tmp_path) / "minibatch-01.html")
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
