"""The inspection page in Firefox: what an inspector does with keys and mouse, and what is saved.

`tests/test_page_chromium.py` tries every case; these are those in which browsers differ: the
keyboard, repeats, focus, storage, double clicks, downloads and layout.
"""

import csv

import pandas as pd
import pytest

from helpers.firefox import FIREFOX, Firefox
from helpers.pages import vi, write_all, write_batch
from quasarnet_al.inspection.vi import read_vi

FIRST = 39627640553871919

pytestmark = [
    pytest.mark.skipif(FIREFOX is None, reason="firefox is not installed"),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    write_batch(folder, 6, kinds=["qso", "qso", "star_F", "qso", "elg", "qso"])
    return write_all(folder)


@pytest.fixture(scope="module")
def firefox(tmp_path_factory):
    firefox = Firefox(tmp_path_factory.mktemp("firefox"))
    firefox.resize(1440, 900)
    yield firefox
    firefox.close()


@pytest.fixture
def page(firefox, pages, request):
    """The page, opened by somebody who has not answered anything yet."""
    name = request.node.name.removeprefix("test_").replace("_", " ")[:40].strip()
    firefox.goto(pages / "minibatch-01.html")
    if firefox.script("return document.getElementById('who').open") is False:
        firefox.click("#inspector")
        firefox.script("document.getElementById('name').value = ''")
    firefox.keys(*name)
    firefox.press("Enter")
    firefox.until(lambda: firefox.text("#inspector") == name)
    firefox.press("Home")
    firefox.name = name
    return firefox


def left(page):
    return page.text("#left")


def saved(page):
    """The rows of the file that the page saves now, by the number of the spectrum."""
    path = page.downloads / f"desi-vi_test-round-01-minibatch-01_{page.name.replace(' ', '-')}.csv"
    path.unlink(missing_ok=True)
    page.press("Shift+D")
    page.until(lambda: path.exists() and path.stat().st_size)
    rows = list(csv.DictReader(path.open(encoding="utf-8", newline="")))
    return {int(row["TARGETID"]) - FIRST: row for row in rows}


def test_six_spectra_by_keyboard(page):
    page.press("4", "q", "3", "s", "4", "b", "/")
    page.keys(*"a comment; 4 q")
    page.press("Enter", "q", "2", "g", "4", "0")
    assert left(page).endswith("all done")
    rows = saved(page)
    found = [(rows[k]["VI_quality"], rows[k]["VI_spectype"]) for k in range(6)]
    assert found == [*zip("43424", ["QSO", "QSO", "STAR", "QSO", "GALAXY"], strict=True), ("0", "")]
    assert (rows[3]["VI_comment"], rows[3]["VI_BAL"]) == ("a comment; 4 q", "1")
    table, refused = read_vi(next(page.downloads.glob("*six-spectra*.csv")))
    assert len(table) == 6 and not refused


def test_repeats_and_double_clicks_answer_once(page):
    page.press("4", "Home")
    page.hold("0", 12)
    assert left(page) == "2 / 6 · 5 left"
    page.press("Home", "n", "n", "s")
    page.click("#qualities button:nth-child(1)", times=2)
    assert left(page) == "4 / 6 · 4 left"
    assert "another spectrum" in page.text("#toast")
    assert sorted(saved(page)) == [0, 2]


def test_controls_keep_their_keys(page):
    page.script("document.querySelector('#classes button:nth-child(2)').focus()")
    page.press("Enter")
    assert left(page).startswith("1 /")
    assert page.attribute("#classes button:nth-child(2)", "aria-pressed") == "true"
    page.script("document.getElementById('template').focus()")
    page.press("q", "s", "4")
    assert left(page) == "1 / 6 · 6 left"
    page.press("Escape")
    page.script("document.getElementById('smooth').focus()")
    page.press("\ue014")
    assert page.text("#smooth-value") == "5 px"
    # Firefox would search the page; it must not.
    page.press("Escape", "/")
    assert page.script("return document.activeElement.id") == "comment"
    page.press("Escape")
    assert page.script("return document.activeElement === document.body")
    # Firefox goes on from the field that was left; 140.12 enters it once more.
    page.press("Tab", "Tab")
    assert page.script("return document.activeElement.id") != "comment"
    assert page.script("return document.activeElement !== document.body")


def test_answers_are_kept_and_taken_back(page, pages):
    page.press("4", "q", "4", "s", "4", "u")
    assert left(page) == "3 / 6 · 4 left"
    page.goto(pages / "minibatch-01.html")
    assert left(page) == "3 / 6 · 4 left" and page.text("#inspector") == page.name
    # Firefox fills fields of a page with what stood in them before: nothing of that is taken.
    z = page.script("return document.getElementById('z').value")
    page.press("z")
    page.keys(*"5")
    page.ask("Refresh")
    page.until(lambda: page.attribute("html", "data-ready") == "yes")
    assert page.script("return document.getElementById('z').value") == z
    page.press("4")
    assert saved(page)[2]["VI_z"] == z


def test_contradictions_and_refusals_are_told(page):
    page.press("s", "z")
    page.keys(*"0.5")
    page.press("Enter", "4")
    assert "a star has" in page.text("#banners")
    page.press("z")
    page.keys(*"2.3.4")
    page.click("#qualities button:nth-child(1)")
    assert '"2.3.4" was not taken' in page.text("#toast")
    assert left(page) == "1 / 6 · 6 left"


def test_an_import(page, tmp_path):
    rows = [(FIRST + 1, "", 4, 1.5, "QSO", "x"), (FIRST + 9, "", 4, 1.5, "QSO", "")]
    path = vi(tmp_path / "other.csv", rows)
    element = page.ask("FindElement", using="css selector", value="#file")
    page.ask("ElementSendKeys", id=next(iter(element.values())), text=str(path))
    page.until(lambda: "1 row of other spectra" in page.text("#banners"))
    row = saved(page)[1]
    assert (row["VI_quality"], row["VI_z"], row["VI_comment"]) == ("4", "1.5000", "x")
    assert pd.Timestamp(row["VI_time"]).year >= 2026


@pytest.mark.parametrize("size", [(1366, 768), (683, 384)])
def test_nothing_is_cut_away(page, size):
    page.resize(*size)
    try:
        hidden = page.script(
            "return [...document.querySelectorAll('button, input, select, dd, #legend span')]"
            ".filter((node) => node.offsetParent && node.type !== 'file').filter((node) => {"
            " node.scrollIntoView({block: 'center'});"
            " const {left, right, top, bottom} = node.getBoundingClientRect();"
            " return left < -1 || right > innerWidth + 1 || bottom <= 0 || top >= innerHeight;"
            "}).map((node) => node.textContent)"
        )
        assert hidden == []
    finally:
        page.resize(1440, 900)
