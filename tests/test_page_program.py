"""The page's program: its modules, and those that compute tried in Node."""

import json
import random
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from quasarnet_al.core.files import InputError
from quasarnet_al.inspection import pages
from quasarnet_al.inspection.vi import NEEDED, REPEATED, parse_vi
from quasarnet_al.spectra.tables import records, rounding

BROWSER = Path(pages.__file__).parent / "browser"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")


def imports(name):
    text = (BROWSER / f"{name}.js").read_text(encoding="utf-8")
    return re.findall(r'^import [^;]*from "\./(\w+)\.js";$', text, re.MULTILINE)


def test_every_module_is_joined_after_those_that_it_imports():
    assert sorted(pages.MODULES) == sorted(path.stem for path in BROWSER.glob("*.js"))
    for at, name in enumerate(pages.MODULES):
        assert set(imports(name)) <= set(pages.MODULES[:at]), name


def test_each_module_is_read_in_one_sitting():
    for name in pages.MODULES:
        assert len((BROWSER / f"{name}.js").read_text(encoding="utf-8").splitlines()) <= 320, name


@needs_node
def test_modules_and_the_joined_program_are_javascript(tmp_path):
    (tmp_path / "page.js").write_text(pages.program(), encoding="utf-8")
    # In one script no name may be given twice.
    for path in [*sorted(BROWSER.glob("*.js")), tmp_path / "page.js"]:
        subprocess.run([NODE, "--check", path], check=True)
    assert "import " not in re.sub(r"//.*|`[^`]*`|\"[^\"]*\"", "", pages.program())


@needs_node
def test_what_computes_in_node():
    tests = sorted((Path(__file__).parent / "inspection" / "browser").glob("*.test.mjs"))
    assert tests
    done = subprocess.run([NODE, "--test", *tests], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-5000:]


#: What the page's import makes of each text in a list.
READ = """
import { readCsv, readRecords } from "BROWSER/csv.js";
let text = "";
for await (const part of process.stdin) text += part;
const read = ([csv, targetids]) => [readRecords(csv), readCsv(csv, targetids)];
console.log(JSON.stringify(JSON.parse(text).map(read)));
"""


def read_by_page(texts, targetids=()):
    program = READ.replace("BROWSER", BROWSER.as_uri())
    given = json.dumps([[text, list(targetids)] for text in texts])
    command = [NODE, "--input-type=module", "--eval", program]
    done = subprocess.run(command, input=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needs_node
def test_import_and_merge_find_the_same_rows():
    """Whatever a text has in the way of quotes, line breaks, delimiters and comments."""
    chance = random.Random(1)
    header = "TARGETID,VI_quality,VI_comment,VI_z,VI_spectype"
    parts = ['"', '""', ",", ",", ",", ";", "\t", "\n", "\r\n", "\r", "#", " ", "7", "QSO", "a"]
    pieces = [*parts, "7,4,,2.1,QSO\n", '7,4,"one\ntwo",2.1,QSO\n', header, "\n"]
    lasts = "TARGETID,VI_quality,VI_z,VI_spectype,VI_comment"
    texts = []
    for number in range(1000):
        firsts = [header, lasts, "# made by hand\n" + header, "# " + header, '"' + header]
        text = firsts[number % 5] + "\n" + "".join(chance.choices(pieces, k=chance.randrange(25)))
        texts.append(text.replace(",", [",", ";", "\t", " "][number // 5 % 4]))
    for text, (page, _) in zip(texts, read_by_page(texts), strict=True):
        try:
            names, rows = records(re.split(r"\r\n|\r|\n", text), NEEDED)
        except ValueError:
            assert "TARGETID" not in page["names"], text
            continue
        expected = [[line, None if isinstance(fields, str) else fields] for line, fields in rows]
        assert (page["names"], page["rows"]) == (names, expected), text


def same_answers(text, page):
    """Compare the answers that the merge takes of a text with the page's; return the merge's."""
    found, refused = parse_vi("a.csv", text.encode())
    assert [f"line {line}" for line, *_ in refused] == [r.split(":")[0] for r in page["refused"]]
    for answer, (target, _, said) in zip(found.to_dict("records"), page["rows"], strict=True):
        assert (target, said["quality"]) == (str(answer["TARGETID"]), answer["QUALITY"])
        assert (said["issue"], said["comment"]) == (answer["ISSUE"], answer["COMMENT"])
        assert (-1 if said["bal"] is None else said["bal"]) == answer["BAL"]
        if answer["QUALITY"] >= 2:
            z = np.nan if said["z"] is None else said["z"]
            assert said["spectype"] == answer["SPECTYPE"], answer
            np.testing.assert_allclose(z, answer["Z"], atol=5e-5, err_msg=str(answer))
    return found, refused


@needs_node
def test_import_and_merge_take_the_same_answers():
    chance = random.Random(2)
    header = (*REPEATED, "Redrock_z", "Redrock_spectype", "VI_comment", "VI_answer")
    numbers = ["0", "-0.001", "1e-3", "0x1", "Infinity"]
    cells = {
        "VI_quality": ["4", "3", "2", "1", "-1", "", "4.0", "5", "0x2", "1_0", "nan", "3,0"],
        "VI_issue": ["", "R", "cr", "none"],
        "VI_z": ["", "2.1", "2,1", "7.3", "about 2", "--", *numbers],
        "VI_spectype": ["", "QSO", "galaxy", "Star", "quasar"],
        "VI_BAL": ["", "0", "1", "1.0", "-1", "2"],
        "Redrock_z": ["", "-1", "2.5", "0.0003", "12", "bad"],
        "Redrock_spectype": ["", "qso", "STAR", "sky"],
        "VI_comment": ["", "'=1+1", "a, b", "ok;'=1; '-2"],
    }
    lines, targets = ["\t".join(header)], []
    for number in range(6000):
        row = {name: chance.choice(some) for name, some in cells.items()}
        row["TARGETID"] = f"{number:05d}" if number % 2 else str(number - 39627640553871919)
        targets.append(int(row["TARGETID"]))
        said = [row[name] for name in REPEATED]
        changed = [*said[:3], "2.1000", *said[4:]]
        row["VI_answer"] = chance.choice(["", *["|".join(said)] * 3, "|".join(changed), "7|4"])
        lines.append("\t".join(row[name] for name in header))
    text = "\n".join(lines)
    ((_, page),) = read_by_page([text], map(str, targets))
    assert len(same_answers(text, page)[0]) > 500
    with pytest.raises(InputError):
        parse_vi("a.csv", b"\0")
    assert all("error" in page for _, page in read_by_page(["\0", "", "TARGETID\n7\n"]))


@needs_node
def test_import_and_merge_see_the_same_rounded_targetids():
    """A rounded TARGETID may be that of another spectrum of the page, which got its answer."""
    chance, texts, expected = random.Random(4), [], []
    for number in range(300):
        first = chance.choice([0, 10**15, 39627634556011093, -39627634556011093, 2**62])
        ids = [first + chance.randrange(1000) for _ in range(chance.randrange(1, 9))]
        unit = chance.choice([1, 2, 4, 8, 10, 100, 1000])
        ids = [number // unit * unit for number in ids]
        texts.append("TARGETID,VI_quality,VI_z,VI_spectype\n")
        texts[-1] += "".join(f"{targetid},4,2.1,QSO\n" for targetid in ids)
        expected.append(rounding(np.array(ids)))
    assert set(expected) == {"", "15 digits", "double precision"}
    for to, (_, page) in zip(expected, read_by_page(texts), strict=True):
        assert (f"rounded to {to}," in page["error"]) if to else "error" not in page
    text = "TARGETID,VI_quality,VI_z,VI_spectype\n3.96276E+16,4,2.1,QSO\n"
    ((_, page),) = read_by_page([text], ["39627634556011093"])
    assert "did a spreadsheet round it?" in page["refused"][0] and not page["elsewhere"]


@needs_node
def test_import_and_merge_see_the_same_sorted_columns():
    """Random answers, of which each column in turn, then several, were sorted by themselves."""
    chance = random.Random(3)
    header, texts, targets = (*REPEATED, "VI_answer"), [], [str(n) for n in range(1001, 1016)]
    for number in range(210):
        columns = {
            "TARGETID": chance.sample(targets, k=15),
            "VI_quality": chance.choices(["-1", "0", "2", "3", "4"], k=15),
            "VI_issue": chance.choices(["", "R", "CS"], k=15),
            "VI_z": [chance.choice(["", f"{chance.uniform(0.02, 4):.4f}"]) for _ in targets],
            "VI_spectype": chance.choices(["", "QSO", "GALAXY"], k=15),
            "VI_BAL": chance.choices(["", "0", "1"], k=15),
        }
        columns["VI_answer"] = ["|".join(row) for row in zip(*columns.values(), strict=True)]
        several = chance.sample(header, chance.randrange(2, 7))
        for name in [header[number % 7]] if number < 70 else several:
            columns[name].sort(key=chance.choice([None, lambda _: chance.random()]))
        rows = zip(*columns.values(), strict=True)
        texts.append("\n".join(map(",".join, [header, *rows])))
    pages = [page for _, page in read_by_page(texts, targets)]
    refused = [same_answers(*each)[1] for each in zip(texts, pages, strict=True)]
    moved = [any("VI_answer" in reason for *_, reason in rows) for rows in refused]
    assert sum(moved) > 200
