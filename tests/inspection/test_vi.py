import csv
import io
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from helpers.answers import vi
from quasarnet_al.core.files import InputError
from quasarnet_al.inspection.vi import (
    REPEATED,
    moment,
    read_answers,
    read_vi,
    title_of,
    write_vi,
)
from quasarnet_al.spectra.tables import split_record

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


def test_prospect_accepts_redrock_with_a_quality_alone(tmp_path):
    """As prospect 2.0.2 writes it for a page of `round-NN/prospect/`: 4, and nothing typed."""
    path = tmp_path / "desi-vi_DESI_spectra_amy.csv"
    path.write_text(
        "TARGETID,TILEID,Spec_version,Redrock_version,Template_version,Redrock_spectype,Redrock_z,"
        "Redrock_deltachi2,VI_scanner,VI_quality,VI_issue,VI_z,VI_spectype,VI_comment\n"
        "39633559463397282,80693,0,0.15.4,-1,QSO,2.1166,500.0,amy,4,,,,\n"
    )
    rows, refused = read_vi(path)
    (row,) = rows.itertuples()
    assert (row.SPECTYPE, row.Z, row.QUALITY, row.INSPECTOR) == ("QSO", 2.1166, 4, "amy")
    assert not refused


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
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


@pytest.mark.parametrize("between", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_comment_of_several_lines(tmp_path, between, end):
    """As Alt-Enter in a spreadsheet makes them, with columns that once held something."""
    header = "TARGETID,VI_quality,VI_comment,VI_z,VI_spectype,,"
    rows = [
        '7,4,"broad, ""maybe""\n\n8,5 sigma",2.1,QSO,,',
        ",,,,,,",
        '9,4,"a\nb\nc",2.2,QSO,,',
        *(
            '10,4,"open,2.3,QSO,,',
            '11,4,"shut,2.4,QSO,,',
            "12,4,,2.5,QSO,,",
            '"13",4,5" slit,2.6,QSO,,',
        ),
        *('14,4,"a', 'b" c,2.7,QSO,,', "15,4,,2.8,QSO,,"),
    ]
    text = "\n".join([header, *rows, ",,,,,,", header, "16,4,,2.9,QSO,,", ""])
    path = tmp_path / "a.csv"
    path.write_bytes(text.replace(",", between).replace("\n", end).encode("utf-8-sig"))
    found, refused = read_vi(path)
    assert found["TARGETID"].tolist() == [7, 9, 12, 13, 15, 16]
    assert found["Z"].tolist() == [2.1, 2.2, 2.5, 2.6, 2.8, 2.9]
    comment = f'broad{between} "maybe" 8{between}5 sigma'
    assert found["COMMENT"].tolist() == [comment, "a b c", "", '5" slit', "", ""]
    assert found["LINE"].tolist() == [2, 6, 11, 12, 15, 18]
    assert [line for line, *_ in refused] == [9, 10, 13, 14]


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
        ("39627640553871919.0,a,4,2.1,QSO,,", "not a whole number"),
        ("99999999999999999999,a,4,2.1,QSO,,", "not a whole number"),
        ("7,a,5,2.1,QSO,,", "VI_quality '5'"),
        ("7,a,999,2.1,QSO,,", "VI_quality '999'"),
        ("7,a,3.5,2.1,QSO,,", "VI_quality '3.5'"),
        ("7,a,4,-0.02,QSO,,", "-0.02"),
        ("7,a,4,21069,QSO,,", "21069"),
        ("7,a,4,about 2,QSO,,", "not a number"),
        ("7,a,4,1_0,QSO,,", "not a number"),
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


def of_page(path, columns):
    """Write a page's export after somebody has worked on single columns of it."""
    table = pd.DataFrame({"TARGETID": ["-39627640553871919", "39627640553871918", "7", "5"]})
    table["VI_quality"], table["VI_issue"] = ["4", "3", "4", "0"], ["", "R", "", ""]
    table["VI_z"], table["VI_spectype"] = (
        ["2.1000", "0.5000", "1.3000", ""],
        ["QSO", "GALAXY", "QSO", ""],
    )
    table["VI_comment"], table["VI_BAL"] = "", ["1", "", "0", ""]
    table["VI_answer"] = table[list(REPEATED)].agg("|".join, axis=1)
    for name, change in columns.items():
        table[name] = change(table[name].tolist())
    table.to_csv(path, index=False)
    return read_vi(path)


@pytest.mark.parametrize("column", [*REPEATED, "VI_answer"])
@pytest.mark.parametrize("move", [sorted, lambda cells: cells[1:] + cells[:1]])
def test_no_answer_is_taken_after_a_column_was_sorted_by_itself(tmp_path, column, move):
    as_saved, refused = of_page(tmp_path / "a.csv", {})
    assert len(as_saved) == 4 and not refused
    moved, refused = of_page(tmp_path / "a.csv", {column: move})
    assert refused and all("VI_answer" in reason for *_, reason in refused)
    same = as_saved[as_saved["LINE"].isin(moved["LINE"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(moved, same, check_dtype=False)
    assert len(moved) + len(refused) == 4


@pytest.mark.parametrize(
    "changes",
    [
        # Whole rows sorted; a spreadsheet's way with numbers; its decimal comma; no such column.
        dict.fromkeys([*REPEATED, "VI_answer"], lambda cells: cells[::-1]),
        {"VI_z": lambda cells: [cell.rstrip("0") for cell in cells]},
        {"VI_z": lambda cells: [cell.replace(".", ",") for cell in cells]},
        {"VI_quality": lambda cells: [cell + ".0" for cell in cells]},
        # Answers that somebody changed in the file, of whose rows some have no such column.
        {"VI_quality": lambda cells: ["4", "2", "4", "0"]},
        {
            "VI_z": lambda cells: ["2.11", "0.5", "1.3", ""],
            "VI_BAL": lambda cells: ["1", "", "1", ""],
        },
        {
            "VI_answer": lambda cells: ["", *cells[1:]],
            "VI_quality": lambda cells: ["3", "2", "4", "0"],
        },
    ],
)
def test_what_changes_no_answer_is_taken(tmp_path, changes):
    rows, refused = of_page(tmp_path / "a.csv", changes)
    assert len(rows) == 4 and not refused


def test_only_a_quasar_needs_a_redshift(tmp_path):
    """Whoever calls it a galaxy says that it is not a quasar, whatever its redshift is."""
    path = vi(tmp_path / "a.csv", "1,a,4,,GALAXY,,", "2,a,3,,STAR,,", "3,a,3,,QSO,,")
    rows, refused = read_vi(path)
    assert rows["SPECTYPE"].tolist() == ["GALAXY", "STAR"]
    assert np.isnan(rows["Z"][0]) and rows["Z"][1] == 0
    assert [line for line, *_ in refused] == [4]


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
        ("TARGETID,VI_quality".encode("utf-16"), "no column VI_z, VI_spectype"),
        ("TARGETID,VI_quality".encode("utf-16")[:-1], "truncated data"),
        ("TARGETID,VI_quality".encode("utf-16-le"), "not a text file"),
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
    told = {*rows["LINE"], *(line for line, *_ in refused)}
    in_file = re.split("\r\n|\r|\n", text)
    missed = [line for number, line in enumerate(in_file[1:], 2) if number not in told]
    # A part of a field in quotes, or a row of nothing.
    assert all(line.count(",") < 4 or not line.replace(",", "").strip() for line in missed)
    assert '"' in text or not any(line.replace(",", "").strip() for line in missed)
    assert rows["TARGETID"].dtype == np.int64


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_named(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("vi") / "a.csv"
    path.write_bytes(content)
    with pytest.raises(InputError):
        read_vi(path)


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0"), max_size=20))
@example(";=")
@example("good;'=1;=2")
@example(";'\tx")
def test_comments_survive_writing_and_no_cell_is_a_formula(tmp_path_factory, comment):
    path = tmp_path_factory.mktemp("vi") / "desi-vi_t_u.csv"
    table = pd.DataFrame({"TARGETID": [1], "VI_quality": 4, "VI_z": 1.0, "VI_spectype": "QSO"})
    write_vi(path, table.assign(VI_comment=comment.strip()))
    cell = next(csv.DictReader(path.open(encoding="utf-8", newline="")))["VI_comment"]
    assert cell[:1] not in tuple("=+-@") or cell == "" or float(cell) is not None
    assert read_vi(path)[0]["COMMENT"].tolist() == [comment.strip()]


def test_names_of_files(tmp_path):
    for name, title in (
        ("desi-vi_run-round-01-minibatch-01_amy_lee.csv", "run-round-01-minibatch-01"),
        ("desi-vi_run-round-01-adjudication_amy (1).csv", "run-round-01-adjudication"),
        ("desi-vi_a_title_of_prospect_amy.csv", "a_title_of_prospect"),
        ("Copy of desi-vi_run-round-01-adjudication_amy.CSV", "run-round-01-adjudication"),
        (
            "desi-vi_my_desi-vi_r-round-01-minibatch-01_amy.csv",
            "my_desi-vi_r-round-01-minibatch-01",
        ),
        ("notdesi-vi_r-round-01-minibatch-01_amy.csv", ""),
        ("labels.csv", ""),
    ):
        assert title_of(name) == title


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("4,2.3,STAR", "a star has"),
        ("2,0.011,STAR", "a star has"),
        ("3,0,QSO", "a quasar has"),
        ("4,0.0099,QSO", "a quasar has"),
        ("4,7.3,QSO", "outside"),
        ("4,-0.02,GALAXY", "outside"),
        ("4,0.01,STAR", ""),
        ("4,0.01,QSO", ""),
        ("4,0,GALAXY", ""),
        # It can only say that the spectrum cannot be told.
        ("1,2.3,STAR", ""),
        ("0,,", ""),
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path, answer, reason):
    rows, refused = read_vi(vi(tmp_path / "a.csv", f"7,a,{answer},,"))
    assert len(rows) == (not reason)
    assert [reason in text for _, _, text in refused] == [True] * bool(reason)


def test_redrocks_class_does_not_survive_a_redshift_that_contradicts_it(tmp_path):
    header = "TARGETID,Redrock_spectype,Redrock_z,VI_quality,VI_z,VI_spectype"
    rows, refused = read_vi(vi(tmp_path / "a.csv", "1,STAR,0.0001,4,2.3,", header=header))
    assert not len(rows) and "is a STAR at z = 2.3" in refused[0][2]


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2026-01-01T10:00:00Z", 10),
        ("2026-01-01T10:00:00.000Z", 10),
        ("2026-01-01 10:00:00", 10),
        ("2026-01-01T10:00:00+02:00", 8),
        ("2026-01-01T01:00:00-05:00", 6),
    ],
)
def test_times_have_an_offset(text, hour):
    assert moment(text) == moment("2026-01-01T00:00:00Z") + 3600 * hour


@pytest.mark.parametrize("text", ["", "yesterday", "10:30", "01/02/2026 10:00", "9999"])
def test_a_time_that_cannot_be_read_is_the_oldest(text):
    assert moment(text) == -np.inf


TIMED = "TARGETID,VI_scanner,VI_quality,VI_z,VI_spectype,VI_time"


def timed(path, *answers, scanner="Ann"):
    """Each answer is a target and the minute at which it was given."""
    rows = [f"{target},{scanner},4,2.1,QSO,2026-01-01T10:{m:02d}:00Z" for target, m in answers]
    return vi(path, *rows, header=TIMED)


def test_who_answers_all_anew_is_another_person(tmp_path):
    """Of a correction most answers are those of before; a whole page's would replace a person's."""
    name = "desi-vi_r-round-01-minibatch-01_Ann.csv"
    one = timed(tmp_path / name, *((k, k) for k in range(10)))
    second = tmp_path / name.replace(".csv", " (1).csv")
    for moved, people in (
        ([20 + k for k in range(10)], {"Ann", "Ann (2)"}),
        ([0, *(20 + k for k in range(9))], {"Ann"}),
        ([20 + k for k in range(9)], {"Ann"}),
    ):
        two = timed(second, *enumerate(moved))
        assert set(read_answers([one, two])[0]["INSPECTOR"]) == people


def test_two_people_of_one_name_on_one_page_are_two(tmp_path):
    name = "desi-vi_r-round-01-minibatch-01_Ann.csv"
    one = timed(tmp_path / name, (1, 10), (2, 20))
    # She looked at the second again, and saved anew.
    again = timed(tmp_path / name.replace(".csv", " (1).csv"), (1, 10), (2, 30), (3, 31))
    assert set(read_answers([one, again])[0]["INSPECTOR"]) == {"Ann"}
    other = timed(tmp_path / name.replace(".csv", " (2).csv"), (1, 5), (2, 40), scanner="ann")
    rows = read_answers([one, again, other])[0]
    # In the order of the files' names ` (1)` and ` (2)` come before the bare one.
    assert rows.groupby("FILE")["INSPECTOR"].agg(set).tolist() == [{"Ann"}, {"Ann (2)"}, {"Ann"}]
    # On another page a name is the same person.
    elsewhere = timed(tmp_path / name.replace("batch-01", "batch-02"), (1, 5), (2, 40))
    assert set(read_answers([one, elsewhere])[0]["INSPECTOR"]) == {"Ann"}


@pytest.mark.parametrize("between", [" ", "  ", "     "])
def test_several_blanks_are_one_beside_quotes_too(between):
    """Columns that are lined up: a row with a quoted comment was read with its cells moved."""
    fields = ["7", "4", "", "2.1", "QSO", "a  b"]
    line = between.join(f'"{field}"' if " " in field or not field else field for field in fields)
    assert split_record(f" {line} ", " ") == fields
