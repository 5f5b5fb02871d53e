import csv
import io
import json
import random
import subprocess

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import answer_by_oracle
import merge_labels
from helpers.answers import BATCH, merged, read_all, vi, write_answers
from quasarnet_al.core.files import InputError
from quasarnet_al.inspection import merge
from quasarnet_al.inspection.agreement import agreement as agree
from quasarnet_al.inspection.agreement import cohen_kappa, fleiss_kappa
from quasarnet_al.inspection.vi import (
    SPECTYPES,
    read_answers,
    read_vi,
    split_record,
    title_of,
    write_vi,
)

# -- reading ---------------------------------------------------------------------------


def test_prospect_sample(shared_data):
    rows, refused = read_vi(shared_data / "vi" / "prospect_sample.csv")
    assert not refused
    assert rows["TARGETID"].tolist() == [123456789, 987654321]
    assert rows["COMMENT"][0] == "This is a comment containing a , comma."
    assert rows["SPECTYPE"].tolist() == ["QSO", "STAR"]
    assert rows["Z"].tolist() == [0.23, 0.0004]
    assert rows["ISSUE"].tolist() == ["R", "C"]
    assert rows["INSPECTOR"].tolist() == ["Desi Arnaz"] * 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(tmp_path, encoding, end):
    path = tmp_path / "a.csv"
    text = end.join(["TARGETID,VI_quality,VI_z,VI_spectype,VI_comment", "7,4,2.1,qso,Åström"])
    path.write_bytes(text.encode(encoding))
    rows, refused = read_vi(path)
    assert not refused
    assert rows["COMMENT"].tolist() == ["Åström"]
    assert rows["SPECTYPE"].tolist() == ["QSO"]


def old_prospect(text):
    """Write a comment as older prospect does."""
    return text.replace('"', '""').replace(",", '","')


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(codec="utf-8", exclude_characters='\n\r\0"'), max_size=30))
def test_comments_of_old_prospect(tmp_path_factory, comment):
    path = tmp_path_factory.mktemp("vi") / "a.csv"
    line = f"7,4,2.1,QSO,{old_prospect(comment)}"
    path.write_bytes(f"TARGETID,VI_quality,VI_z,VI_spectype,VI_comment\n{line}\n".encode())
    rows, refused = read_vi(path)
    expected = comment.strip()
    if expected.startswith("'") and expected.lstrip("'")[:1] in tuple("=+-@"):
        expected = expected[1:]
    assert not refused and rows["COMMENT"].tolist() == [expected]


@pytest.mark.parametrize("comment", ['says "broad", twice', 'a "," b', '"quoted"', ",", "a,b,c"])
def test_quotes_in_comments_of_old_prospect(comment):
    assert split_record(f"7,{old_prospect(comment)}", ",") == ["7", comment]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r")), min_size=2))
def test_proper_csv_reads_back(fields):
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="").writerow(fields)
    assert split_record(line.getvalue(), ",") == fields


def test_semicolons_of_a_european_spreadsheet(tmp_path):
    path = vi(
        tmp_path / "a.csv",
        "7;4;2.1;QSO;a, b",
        header="TARGETID;VI_quality;VI_z;VI_spectype;VI_comment",
    )
    rows, refused = read_vi(path)
    assert not refused and rows["COMMENT"].tolist() == ["a, b"]


def test_bare_commas_in_a_last_comment(tmp_path):
    path = vi(
        tmp_path / "a.csv",
        "7,4,2.1,QSO,a, b, c",
        header="TARGETID,VI_quality,VI_z,VI_spectype,VI_comment",
    )
    assert read_vi(path)[0]["COMMENT"].tolist() == ["a, b, c"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("3.96276E+16,a,4,2.1,QSO,,", "3.96276E+16"),
        ("39627640553871919.0,a,4,2.1,QSO,,", "no whole number"),
        ("99999999999999999999,a,4,2.1,QSO,,", "no whole number"),
        ("7,a,5,2.1,QSO,,", "VI_quality '5'"),
        ("7,a,999,2.1,QSO,,", "VI_quality '999'"),
        ("7,a,3.5,2.1,QSO,,", "VI_quality '3.5'"),
        ("7,a,4,-0.02,QSO,,", "-0.02"),
        ("7,a,4,21069,QSO,,", "21069"),
        ("7,a,4,about 2,QSO,,", "no number"),
        ("7,a,4,1_0,QSO,,", "no number"),
        ("7,a,4,2.1,quasar,,", "'quasar'"),
        ("7,a,4,2.1,QSO,,2", "VI_BAL '2'"),
        ("7,a,4,,QSO,,", "neither VI_z"),
        ("7,a,4,2.1,,,", "neither VI_spectype"),
        ("7,a,4,2.1", "4 fields"),
        ('7,a,4,2.1,QSO,"open,', "not closed"),
    ],
)
def test_a_refused_row_is_named_and_the_next_one_read(tmp_path, row, reason):
    rows, refused = read_vi(vi(tmp_path / "a.csv", row, "8,a,4,2.1,QSO,,"))
    assert rows["TARGETID"].tolist() == [8]
    assert len(refused) == 1 and refused[0][0] == 2 and reason in refused[0][2]


def test_empty_answers_accept_redrock(tmp_path):
    header = "TARGETID,Redrock_spectype,Redrock_z,VI_quality,VI_z,VI_spectype"
    path = vi(
        tmp_path / "desi-vi_t_ab.csv",
        *("1,QSO,2.1,4,,", "2,GALAXY,0.7,4,2.13,QSO", "3,GALAXY,1.6,4,,STAR", "4,,-1,0,,"),
        *("5,STAR,0.0003,4,,QSO", "6,STAR,0.0003,-1.0,,"),
        header=header,
    )
    rows, refused = read_vi(path)
    assert rows["Z"].tolist()[:3] == [2.1, 2.13, 0.0] and np.isnan(rows["Z"][3])
    assert rows["SPECTYPE"].tolist() == ["QSO", "QSO", "STAR", "", "STAR"]
    assert rows["QUALITY"].tolist() == [4, 4, 4, 0, -1]
    assert set(rows["INSPECTOR"]) == {"ab"}
    assert [row[1] for row in refused] == ["5"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"TARGETID,VI_z\n1,2\n", "VI_quality, VI_spectype"),
        ("TARGETID,VI_quality".encode("utf-16"), "not a text file"),
        (b"SIMPLE  =  T", "no column TARGETID"),
        (b"TARGETID,TARGETID,VI_quality,VI_z,VI_spectype\n", "twice"),
    ],
)
def test_files_that_are_no_vi_table(tmp_path, content, fault):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=fault):
        read_vi(path)
    with pytest.raises(InputError):
        read_vi(tmp_path / "absent.csv")


cells = st.one_of(
    st.sampled_from(["", "7", "-7", "4", "2.1", "QSO", "nan", "1e400", '"', '"a', 'a"', ",", ";"]),
    st.text(max_size=8),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(cells, max_size=8).map(",".join), max_size=6), st.binary(max_size=20))
def test_no_row_is_dropped_silently(tmp_path_factory, lines, tail):
    path = tmp_path_factory.mktemp("vi") / "a.csv"
    header = "TARGETID,VI_quality,VI_z,VI_spectype,VI_comment"
    content = "\n".join([header, *lines]).encode("utf-8", "surrogatepass") + b"\n" + tail
    path.write_bytes(content)
    try:
        rows, refused = read_vi(path)
    except InputError:
        assert b"\0" in content
        return
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    in_file = [line for line in text.replace("\r", "\n").split("\n") if line.strip()]
    assert len(rows) + len(refused) == len(in_file) - 1
    assert rows["TARGETID"].dtype == np.int64


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_named(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("vi") / "a.csv"
    path.write_bytes(content)
    with pytest.raises(InputError):
        read_vi(path)


# -- merging ---------------------------------------------------------------------------


def test_mean_of_agreeing_inspectors(tmp_path):
    a = vi(tmp_path / "a.csv", f"{BATCH[0]},ann,4,2.100,QSO,clear,1", f"{BATCH[1]},ann,2,1.0,QSO,,")
    b = vi(tmp_path / "b.csv", f"{BATCH[0]},bob,3,2.102,QSO,,", f"{BATCH[1]},bob,-1,,,later,")
    labels, refused, agreement = merged(a, b)
    first = labels.loc[BATCH[0]]
    assert (first.SPECTYPE, first.Z, first.QUALITY, first.BAL) == ("QSO", 2.101, 3.5, 1)
    assert (first.N_INSPECTORS, first.ACCEPTED, first.STATUS) == (2, 1, "accepted")
    assert first.INSPECTORS == "ann; bob"
    second = labels.loc[BATCH[1]]
    # -1 is "not set" and takes no part in the mean.
    assert (second.QUALITY, second.STATUS, second.ACCEPTED, second.COMMENT) == (
        2,
        "low quality",
        0,
        "later",
    )
    assert labels.loc[BATCH[2], "STATUS"] == "not inspected"
    assert agreement["accepted"] == 1 and agreement["rows without a quality"] == 1
    assert not len(refused)


@pytest.mark.parametrize(
    ("other", "status"),
    [
        ("2,2.1,QSO", "conflict"),
        ("4,2.1103,QSO", "conflict"),
        ("4,2.1,GALAXY", "conflict"),
        ("3,2.1102,QSO", "accepted"),
        ("999,2.1,QSO", "accepted"),
    ],
)
def test_conflicts_are_not_guessed(tmp_path, other, status):
    a = vi(tmp_path / "a.csv", f"{BATCH[0]},ann,4,2.1,QSO,,")
    b = vi(tmp_path / "b.csv", f"{BATCH[0]},bob,{other},,")
    label = merged(a, b)[0].loc[BATCH[0]]
    assert status == label.STATUS
    if status == "conflict":
        assert (
            label.ACCEPTED == 0
            and label.SPECTYPE == ""
            and np.isnan([label.Z, label.QUALITY]).all()
        )


def test_adjudication_overrides(tmp_path):
    a = vi(tmp_path / "a.csv", f"{BATCH[0]},ann,4,2.1,QSO,,")
    b = vi(tmp_path / "b.csv", f"{BATCH[0]},bob,4,0.5,GALAXY,,")
    c = vi(tmp_path / "desi-vi_x-adjudication_eve.csv", f"{BATCH[0]},eve,3,2.1,QSO,,0")
    labels, _, agreement = merged(a, b, c)
    label = labels.loc[BATCH[0]]
    assert (label.STATUS, label.Z, label.QUALITY, label.BAL) == ("accepted", 2.1, 3, 0)
    assert label.INSPECTORS == "ann; bob; eve"
    assert agreement["seen by two or more"] == 1 and list(agreement["inspectors"]) == ["ann", "bob"]


def test_repeats_of_one_inspector(tmp_path):
    row = f"{BATCH[0]},ann,4,2.1,QSO,,"
    same = vi(tmp_path / "a.csv", row), vi(tmp_path / "a (1).csv", row)
    assert merged(*same)[0].loc[BATCH[0], "N_INSPECTORS"] == 1
    other = vi(tmp_path / "b.csv", f"{BATCH[0]},ann,4,0.5,GALAXY,,")
    assert merged(*same, other)[0].loc[BATCH[0], "STATUS"] == "conflict"


def test_the_latest_answer_on_one_page_counts(tmp_path):
    header = "TARGETID,VI_scanner,VI_quality,VI_z,VI_spectype,VI_time"

    def timed(name, answer, time):
        row = f"{BATCH[0]},ann,4,{answer},2026-01-{time}:00:00Z"
        return vi(tmp_path / name, row, header=header)

    old = timed("desi-vi_t_ann.csv", "0.5,GALAXY", "01T10")
    new = timed("desi-vi_t_ann (1).csv", "2.1,QSO", "01T11")
    for files in (old, new), (new, old):
        assert merged(*files)[0].loc[BATCH[0], "SPECTYPE"] == "QSO"
    # The same spectrum shown again on another page is another look.
    again = timed("desi-vi_u_ann.csv", "0.5,GALAXY", "02T11")
    labels, _, agreement = merged(old, new, again)
    assert labels.loc[BATCH[0], "STATUS"] == "conflict"
    assert agreement["inspectors"]["ann"]["repeats with the same class"] == 0


def test_rows_of_another_batch_are_named(tmp_path):
    path = vi(tmp_path / "a.csv", f"{BATCH[0]},ann,4,2.1,QSO,,", "12,ann,4,2.1,QSO,,")
    _, refused, _ = merged(path)
    assert refused["TARGETID"].tolist() == [12] and refused["LINE"].tolist() == [3]
    assert "not in this batch" in refused["REASON"][0]


answers = st.tuples(
    st.sampled_from(BATCH),
    st.sampled_from(["ann", "bob", "eve"]),
    st.integers(-1, 4),
    st.sampled_from(["0.5", "2.1", "2.105", ""]),
    st.sampled_from(SPECTYPES),
    st.sampled_from(["", "a", "b, c"]),
    st.sampled_from(["", "0", "1"]),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(answers, max_size=6), min_size=1, max_size=4), st.randoms())
def test_order_and_repetition_do_not_matter(tmp_path_factory, contents, chance: random.Random):
    folder = tmp_path_factory.mktemp("vi")
    paths = []
    for number, rows in enumerate(contents):
        path = folder / f"desi-vi_{'adjudication' if number == 3 else 't'}_{number}.csv"
        table = pd.DataFrame(rows, columns=["TARGETID", *"abcdef"])
        table.columns = [
            "TARGETID",
            "VI_scanner",
            "VI_quality",
            "VI_z",
            "VI_spectype",
            "VI_comment",
            "VI_BAL",
        ]
        table.to_csv(path, index=False)
        paths.append(path)
    once = merge.merge(read_all(*paths), BATCH)
    paths += chance.choices(paths, k=2)
    chance.shuffle(paths)
    twice = merge.merge(read_all(*paths), BATCH)
    pd.testing.assert_frame_equal(once[0], twice[0])
    pd.testing.assert_frame_equal(once[1], twice[1])
    assert once[2] == twice[2]
    taken = once[0]["ACCEPTED"] == 1
    assert (once[0].loc[taken, "QUALITY"] >= 2.5).all() and once[0].loc[taken, "Z"].notna().all()


def test_who_saw_the_ensemble_first(tmp_path):
    header = "TARGETID,VI_scanner,VI_quality,VI_z,VI_spectype,VI_shown"
    rows = [f"{BATCH[0]},ann,4,2.1,QSO,redrock ensemble", f"{BATCH[1]},ann,4,2.1,QSO,redrock"]
    _, _, agreement = merged(vi(tmp_path / "a.csv", *rows, header=header))
    assert agreement["inspectors"]["ann"]["saw the ensemble first"] == 0.5


def test_kappas():
    # Fleiss 1971 as worked on Wikipedia: ten subjects, fourteen raters, five categories.
    table = [
        *([0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1]),
        *([7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]),
    ]
    ratings = [[str(c) for c, n in enumerate(row) for _ in range(n)] for row in table]
    assert fleiss_kappa(ratings) == pytest.approx(0.210, abs=5e-4)
    one = ["y"] * 25 + ["n"] * 25
    two = ["y"] * 20 + ["n"] * 5 + ["y"] * 10 + ["n"] * 15
    assert cohen_kappa(one, two) == pytest.approx(0.4)
    assert cohen_kappa(["y"], ["y"]) is None
    assert fleiss_kappa([["a"]]) is None


# -- writing and the programs ----------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0"), max_size=20))
def test_comments_survive_writing_and_no_cell_is_a_formula(tmp_path_factory, comment):
    path = tmp_path_factory.mktemp("vi") / "desi-vi_t_u.csv"
    table = pd.DataFrame({"TARGETID": [1], "VI_quality": 4, "VI_z": 1.0, "VI_spectype": "QSO"})
    write_vi(path, table.assign(VI_comment=comment.strip()))
    cell = next(csv.DictReader(path.open(encoding="utf-8", newline="")))["VI_comment"]
    assert cell[:1] not in tuple("=+-@") or cell == "" or float(cell) is not None
    assert read_vi(path)[0]["COMMENT"].tolist() == [comment.strip()]


@pytest.fixture
def batch(tmp_path):
    path = tmp_path / "batch.csv"
    pd.DataFrame({"TARGETID": BATCH, "MINIBATCH": [1, 1, 2]}).to_csv(path, index=False)
    truth = tmp_path / "truth.csv"
    classes = {"TARGETID": BATCH, "SPECTYPE": ["QSO", "STAR", "GALAXY"], "Z": [2.1, 0, 0.5]}
    pd.DataFrame(classes | {"BAL": [1, -1, -1]}).to_csv(truth, index=False)
    return path, truth


def oracle(batch, minibatch, output):
    arguments = ["--batch", batch[0], "--truth", batch[1], "--minibatch", minibatch]
    arguments += ["--title", "t", "--output", output]
    answer_by_oracle.main([str(argument) for argument in arguments])
    return output


def merge_files(tmp_path, batch, *paths):
    outputs = [tmp_path / name for name in ("labels.csv", "refused.csv", "agreement.json")]
    arguments = ["--batch", batch[0], "--vi", *paths]
    for flag, path in zip(("--output", "--refused", "--agreement"), outputs, strict=True):
        arguments += [flag, path]
    arguments += ["--record", tmp_path / "record"]
    merge_labels.main([str(argument) for argument in arguments])
    return outputs


def test_the_oracle_through_the_merge(tmp_path, batch):
    paths = [oracle(batch, m, tmp_path / f"desi-vi_t{m}_oracle.csv") for m in (1, 2)]
    labels, refused, agreement = merge_files(tmp_path, batch, *paths)
    table = pd.read_csv(labels, dtype={"TARGETID": "int64"}, keep_default_na=False)
    assert table.columns.tolist() == merge.LABEL_COLUMNS
    assert table["SPECTYPE"].tolist() == ["QSO", "STAR", "GALAXY"]
    assert table["BAL"].tolist() == [1, -1, -1]
    assert (table["ACCEPTED"] == 1).all()
    assert len(refused.read_text().splitlines()) == 1
    assert json.loads(agreement.read_text())["accepted"] == 3
    before = labels.read_bytes()
    merge_files(tmp_path, batch, *reversed(paths), paths[0])
    assert labels.read_bytes() == before
    subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path / "record", check=True)


def test_refusals_are_written(tmp_path, batch, capsys):
    path = vi(tmp_path / "a.csv", "3.96276E+16,ann,4,2.1,QSO,,", "9,ann,4,2.1,QSO,=cmd(),")
    _, refused, _ = merge_files(tmp_path, batch, path)
    table = pd.read_csv(refused, dtype=str)
    assert table["TARGETID"].tolist() == ["3.96276E+16", "9"]
    assert "a.csv line 2" in capsys.readouterr().out


def test_names_of_files(tmp_path):
    for name, title in (
        ("desi-vi_run-round-01-minibatch-01_amy_lee.csv", "run-round-01-minibatch-01"),
        ("desi-vi_run-round-01-adjudication_amy (1).csv", "run-round-01-adjudication"),
        ("desi-vi_a_title_of_prospect_amy.csv", "a_title_of_prospect"),
        ("labels.csv", ""),
    ):
        assert title_of(name) == title


def test_a_run_may_be_called_adjudication(tmp_path):
    """Only an adjudication page's title replaces opinions."""
    paths = [
        write_answers(tmp_path, "desi-vi_adjudication-test-round-01-minibatch-01_a.csv", "a", [1]),
        write_answers(
            tmp_path, "desi-vi_adjudication-test-round-01-minibatch-01_b.csv", "b", [1], z=2.5
        ),
    ]
    labels, _, _ = merge.merge(read_answers(paths)[0], [1])
    assert labels["STATUS"].tolist() == ["conflict"]


def test_one_person_in_two_spellings_is_one(tmp_path):
    paths = [
        write_answers(tmp_path, "desi-vi_r-minibatch-01_Eve.csv", "Eve", [1, 2]),
        write_answers(tmp_path, "desi-vi_r-minibatch-02_eve.csv", "eve", [1, 2]),
    ]
    rows = read_answers(paths)[0]
    labels, _, counts = merge.merge(rows, [1, 2])
    agreement = counts | agree(rows)
    assert labels["N_INSPECTORS"].tolist() == [1, 1]
    assert agreement["cohen"] == []


def test_a_file_that_is_no_csv_spoils_nothing(tmp_path, program):
    good = write_answers(tmp_path, "desi-vi_r-minibatch-01_a.csv", "a", [1, 2])
    empty = tmp_path / "desi-vi_r-minibatch-01_b.csv"
    empty.touch()
    batch = tmp_path / "batch.csv"
    batch.write_text("RANK,MINIBATCH,TARGETID\n1,1,1\n2,1,2\n3,1,3\n")
    outputs = ["--output", tmp_path / "labels.csv", "--refused", tmp_path / "refused.csv"]
    outputs += ["--agreement", tmp_path / "agreement.json", "--whole"]
    result = program("merge_labels.py", "--batch", batch, "--vi", good, empty, *outputs)
    assert result.returncode == 0, result.stderr
    assert empty.name in (tmp_path / "refused.csv").read_text()
    # Two of three were answered: enough. One of three is another batch's page.
    batch.write_text("RANK,MINIBATCH,TARGETID\n1,1,1\n2,1,5\n3,1,6\n")
    result = program("merge_labels.py", "--batch", batch, "--vi", good, *outputs)
    assert result.returncode == 2
    assert "answers to 1 of 3 spectra" in result.stderr
