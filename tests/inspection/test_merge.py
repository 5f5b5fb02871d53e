import json
import random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import answer_by_oracle
import merge_labels
from helpers.answers import BATCH, merged, read_all, vi, write_answers
from quasarnet_al.inspection import merge
from quasarnet_al.inspection.agreement import agreement as agree
from quasarnet_al.inspection.vi import SPECTYPES, read_answers


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


def test_a_galaxy_without_a_redshift_contradicts_a_quasar(tmp_path):
    """Its row was refused, and the other's answer became the label alone."""
    galaxy = vi(tmp_path / "b.csv", f"{BATCH[0]},bob,3,,GALAXY,,", f"{BATCH[1]},bob,4,,GALAXY,,")
    quasar = vi(tmp_path / "a.csv", f"{BATCH[0]},ann,4,2.1,QSO,,", f"{BATCH[1]},ann,4,0.5,GALAXY,,")
    labels, _, _ = merged(quasar, galaxy)
    assert labels.loc[BATCH[0], "STATUS"] == "conflict"
    assert labels.loc[BATCH[1], ["STATUS", "SPECTYPE", "Z"]].tolist() == ["accepted", "GALAXY", 0.5]
    alone = merged(galaxy)[0].loc[BATCH[1]]
    assert (alone.STATUS, alone.SPECTYPE) == ("accepted", "GALAXY") and np.isnan(alone.Z)


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
    assert (once[0].loc[taken, "QUALITY"] >= 2.5).all()
    assert once[0].loc[taken & (once[0]["SPECTYPE"] != "GALAXY"), "Z"].notna().all()


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


def test_the_oracle_does_not_decide_what_the_truth_leaves_open(tmp_path, batch):
    """A truth table of inspections has unresolved and unsure rows: they become no labels."""
    rows = {"BEST_Z": [2.1, 0, 0.5], "BEST_SPECTYPE": ["QSO", "STAR", "GALAXY"]}
    pd.DataFrame({"TARGETID": BATCH, **rows, "BEST_QUALITY": [999, 1.5, 3]}).to_csv(
        batch[1], index=False
    )
    paths = [oracle(batch, m, tmp_path / f"desi-vi_t{m}_oracle.csv") for m in (1, 2)]
    table = pd.read_csv(merge_files(tmp_path, batch, *paths)[0])
    assert table["ACCEPTED"].tolist() == [0, 0, 1]
    assert table["STATUS"].tolist() == ["low quality", "low quality", "accepted"]


@pytest.mark.parametrize("redrock", ["0.5000", "2.1000", "0.0003"])
def test_a_file_of_prospect_whose_targets_were_sorted_is_refused(tmp_path, batch, redrock):
    """All its answers belonged to other spectra; redrock run again differs in a few."""
    z = [2.1, 0.0003, 0.5]
    table = pd.DataFrame({"TARGETID": BATCH, "MINIBATCH": [1, 1, 2], "REDROCK_Z": z})
    table.to_csv(batch[0], index=False)
    header = "TARGETID,VI_scanner,Redrock_spectype,Redrock_z,VI_quality,VI_z,VI_spectype"
    fits = [f"{BATCH[0]},a,,{redrock},4,2.1,QSO", f"{BATCH[1]},a,,0.0003,4,0,STAR"]
    path = vi(tmp_path / "a.csv", *fits, f"{BATCH[2]},a,,0.5,4,0.5,GALAXY", header=header)
    labels = pd.read_csv(merge_files(tmp_path, batch, path)[0])
    assert labels["ACCEPTED"].all()
    first, second, third = BATCH[1], BATCH[2], BATCH[0]
    rows = [f"{first},a,,2.1,4,2.1,QSO", f"{second},a,,0.0003,4,0,STAR"]
    path = vi(tmp_path / "a.csv", *rows, f"{third},a,,0.5,4,0.5,GALAXY", header=header)
    other = write_answers(tmp_path, "b.csv", "b", [BATCH[0]], z=2.1)
    labels, refused, _ = merge_files(tmp_path, batch, path, other)
    assert pd.read_csv(labels)["INSPECTORS"].fillna("").tolist() == ["b", "", ""]
    reasons = pd.read_csv(refused)["REASON"]
    assert len(reasons) == 3
    assert reasons.str.startswith(
        f"Redrock_z 2.1000 of line 2 is not that of TARGETID {first}"
    ).all()


def test_refusals_are_written(tmp_path, batch, capsys):
    path = vi(tmp_path / "a.csv", "3.96276E+16,ann,4,2.1,QSO,,", "9,ann,4,2.1,QSO,=cmd(),")
    _, refused, _ = merge_files(tmp_path, batch, path)
    table = pd.read_csv(refused, dtype=str)
    assert table["TARGETID"].tolist() == ["3.96276E+16", "9"]
    assert "a.csv line 2" in capsys.readouterr().out


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


@pytest.mark.parametrize(("one", "two"), [("J\u00f6rg", "Jo\u0308rg"), ("Eve Lee", "eve  lee")])
def test_one_person_in_two_encodings_is_one(tmp_path, one, two):
    """Macs write accents in file names as letters of their own; the page takes both for one."""
    paths = [
        given_at(
            tmp_path / f"desi-vi_r-minibatch-01_{k}.csv", answer, f"2026-01-01T1{k}:00:00Z", name
        )
        for k, (name, answer) in enumerate(((one, "4,2.1,QSO"), (two, "4,0.5,GALAXY")))
    ]
    labels = merge.merge(read_answers(paths)[0], [BATCH[0]])[0]
    assert (labels["N_INSPECTORS"][0], labels["SPECTYPE"][0]) == (1, "GALAXY")


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


TIMED = "TARGETID,VI_scanner,VI_quality,VI_z,VI_spectype,VI_time"


def given_at(path, answer, time, scanner="ann"):
    return vi(path, f"{BATCH[0]},{scanner},{answer},{time}", header=TIMED)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z"),
        # As text the first is the larger: by its offset it is the earlier.
        ("2026-01-01T12:00:00+05:00", "2026-01-01T11:00:00Z"),
        ("", "2026-01-01T11:00:00Z"),
    ],
)
def test_the_later_answer_counts_by_its_moment(tmp_path, first, second):
    old = given_at(tmp_path / "desi-vi_t_ann.csv", "4,0.5,GALAXY", first)
    new = given_at(tmp_path / "desi-vi_t_ann (1).csv", "4,2.1,QSO", second)
    assert merged(old, new)[0].loc[BATCH[0], "SPECTYPE"] == "QSO"


def test_an_answer_whose_time_a_spreadsheet_has_rewritten_is_not_lost(tmp_path):
    """It may be the correction: what it says is not dropped as if it were the oldest."""
    old = given_at(tmp_path / "desi-vi_t_ann.csv", "4,2.1,QSO", "2026-01-01T10:00:30.250Z")
    for answer, status in (("4,0.5,GALAXY", "conflict"), ("4,2.1,QSO", "accepted")):
        for time in ("01/02/26 11:00", "2026-01-01", "2026-01-01 10:00", "2026-01-01 10:00:30"):
            new = given_at(tmp_path / "desi-vi_t_ann (1).csv", answer, time)
            assert merged(old, new)[0].loc[BATCH[0], "STATUS"] == status, time


PAGE = "desi-vi_r-round-01-minibatch-01_Ann.csv"


@pytest.mark.parametrize(
    "name",
    [
        "corrected.csv",
        f"Copy of {PAGE}",
        "Kopie von " + PAGE,
        f"ann_{PAGE}",
        PAGE.replace(".csv", " (1).CSV"),
        PAGE.replace("Ann", "Ann_v2"),
    ],
)
@pytest.mark.parametrize(
    ("answer", "label"), [("4,0.5,GALAXY", ["GALAXY", "accepted"]), ("-1,,", ["", "not inspected"])]
)
def test_a_correction_in_a_renamed_file_counts(tmp_path, name, answer, label):
    """The mean of two redshifts, or a label that was withdrawn, would be wrong."""
    old = given_at(tmp_path / PAGE, "4,2.1,QSO", "2026-01-01T10:00:00Z", "Ann")
    new = given_at(tmp_path / name, answer, "2026-01-01T11:00:00Z", "ann")
    other = given_at(tmp_path / "mine.csv", "4,2.2,QSO", "2026-01-01T10:30:00Z", "Ann")
    for paths in ((old, new), (new, old), (old, other, new)):
        rows = read_answers(paths)[0]
        assert set(rows["INSPECTOR"]) == {"Ann"}
        merged_labels = merge.merge(rows, [BATCH[0]])[0]
        assert merged_labels.loc[0, ["SPECTYPE", "STATUS"]].tolist() == label


def test_a_renamed_file_is_no_correction_where_it_cannot_be_told(tmp_path):
    """Without a time, of two pages, of a decision, or of two people with one name."""
    old = given_at(tmp_path / PAGE, "4,2.1,QSO", "2026-01-01T10:00:00Z", "Ann")
    new = given_at(tmp_path / "x.csv", "4,0.5,GALAXY", "", "Ann")
    assert merge.merge(read_answers([old, new])[0], [BATCH[0]])[0]["STATUS"][0] == "conflict"
    new = given_at(tmp_path / "x.csv", "4,0.5,GALAXY", "2026-01-01T11:00:00Z", "Ann")
    decided = given_at(
        tmp_path / PAGE.replace("minibatch-01", "adjudication"), "4,2.1,QSO",
        "2026-01-01T10:30:00Z", "Ann",
    )  # fmt: skip
    labels = merge.merge(read_answers([old, decided, new])[0], [BATCH[0]])[0]
    assert labels["SPECTYPE"][0] == "QSO"
    again = given_at(
        tmp_path / PAGE.replace("batch-01", "batch-02"), "4,2.1,QSO", "2026-01-01", "Ann"
    )
    assert merge.merge(read_answers([old, again, new])[0], [BATCH[0]])[0]["STATUS"][0] == "conflict"
    rows = [
        f"{target},Ann,4,{z},QSO,2026-01-01T10:{m}:00Z" for target, z, m in ((1, 2, 10), (2, 2, 40))
    ]
    one = vi(tmp_path / PAGE, *rows, header=TIMED)
    rows = [
        f"{target},Ann,4,{z},QSO,2026-01-01T10:{m}:00Z" for target, z, m in ((1, 3, 20), (2, 3, 30))
    ]
    two = vi(tmp_path / "x.csv", *rows, header=TIMED)
    labels = merge.merge(read_answers([one, two])[0], [1, 2])[0]
    assert labels["STATUS"].tolist() == ["conflict"] * 2
    assert labels["INSPECTORS"].tolist() == ["Ann; Ann (2)"] * 2


@pytest.mark.parametrize("zone", [2, -7, 5.75])
@pytest.mark.parametrize("copied", ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S.250Z"])
def test_a_copy_in_another_time_zone_is_of_the_same_person(tmp_path, zone, copied):
    """It counted as two people who agree, or an answer as corrected by its own copy."""
    start = pd.Timestamp("2026-01-01T10:00:00.250Z")
    times = [start + pd.Timedelta(seconds=7.3 * k * k) for k in range(12)]
    rows = [f"{k},Ann,4,2.1,QSO,{time.isoformat()}" for k, time in enumerate(times)]
    moved = [(time + pd.Timedelta(hours=zone)).strftime(copied) for time in times]
    saved = vi(tmp_path / PAGE, *rows, header=TIMED)
    copy = vi(
        tmp_path / f"Copy of {PAGE}",
        *(f"{k},Ann,4,2.1,QSO,{time}" for k, time in enumerate(moved)),
        header=TIMED,
    )
    # Ten minutes later the first is corrected, in the browser or in a file of its own.
    later = (times[-1] + pd.Timedelta(minutes=10)).isoformat()
    corrected = [f"0,Ann,4,0.5,GALAXY,{later}", *rows[1:]]
    new = vi(tmp_path / PAGE.replace(".csv", " (1).csv"), *corrected, header=TIMED)
    for paths, first in (
        ([saved, copy], "QSO"),
        ([saved, copy, new], "GALAXY"),
        ([copy, new], "GALAXY"),
    ):
        labels = merge.merge(read_answers(paths)[0], range(12))[0]
        assert labels["INSPECTORS"].unique().tolist() == ["Ann"]
        assert labels["SPECTYPE"].tolist() == [first] + ["QSO"] * 11


def test_a_withdrawn_answer_is_none(tmp_path):
    old = given_at(tmp_path / "desi-vi_t_ann.csv", "4,0.5,GALAXY", "2026-01-01T10:00:00.000Z")
    # By a clock that was set back: the page makes each answer later than the one before.
    new = given_at(tmp_path / "desi-vi_t_ann (1).csv", "-1,,", "2026-01-01T10:00:00.001Z")
    labels, _, agreement = merged(old, new)
    assert labels.loc[BATCH[0], "STATUS"] == "not inspected"
    assert not agreement["inspectors"]
    # An answer of an earlier page that was never finished withdraws nothing.
    before = given_at(tmp_path / "desi-vi_t_ann (2).csv", "-1,,", "2026-01-01T09:00:00Z")
    assert merged(old, before)[0].loc[BATCH[0], "SPECTYPE"] == "GALAXY"


@pytest.mark.parametrize(
    ("title", "status"),
    [
        ("run-round-02-adjudication", "accepted"),
        ("run-round-02-adjudication-2", "accepted"),
        ("run-round-01-adjudication", "conflict"),
        ("other-round-02-adjudication", "conflict"),
    ],
)
def test_an_adjudication_of_another_run_or_round_overrides_nobody(tmp_path, title, status):
    paths = [
        vi(tmp_path / "a.csv", f"{BATCH[0]},ann,4,2.1,QSO,,"),
        vi(tmp_path / "b.csv", f"{BATCH[0]},bob,4,0.5,GALAXY,,"),
        vi(tmp_path / f"desi-vi_{title}_eve.csv", f"{BATCH[0]},eve,4,2.1,QSO,,"),
    ]
    labels = merge.merge(read_answers(paths)[0], BATCH, "run-round-02")[0]
    assert labels["STATUS"][0] == status


@pytest.mark.parametrize("rounding", [lambda x: x // 100 * 100, lambda x: int(float(x))])
def test_a_rounded_targetid_that_is_in_the_batch_is_not_taken(tmp_path, rounding):
    """It would label another target: those of a tile have neighbouring numbers."""
    batch = [39627634556011093 + k for k in range(0, 1000, 7)]
    assert set(map(rounding, batch)) & set(batch)
    rows = [f"{rounding(target)},ann,4,2.1,QSO,," for target in batch[:40]]
    labels, refused, _ = merge.merge(read_answers([vi(tmp_path / "a.csv", *rows)])[0], batch, "r")
    assert not labels["ACCEPTED"].any()
    assert refused["REASON"].str.contains("a spreadsheet has rounded it").all()
    right = [f"{target},ann,4,2.1,QSO,," for target in batch]
    rows = read_answers([vi(tmp_path / "a.csv", *rows), vi(tmp_path / "b.csv", *right)])[0]
    assert merge.merge(rows, batch, "r")[0]["ACCEPTED"].all()


def test_why_a_row_is_not_about_the_batch(tmp_path):
    cut, rounded = (BATCH[0] // 100 * 100, (BATCH[0] + 50) // 100 * 100)
    paths = [
        vi(tmp_path / "a.csv", *(f"{target},ann,4,2.1,QSO,," for target in (cut, rounded, 12))),
        vi(tmp_path / "desi-vi_r-round-01-minibatch-01_b.csv", "13,bob,4,2.1,QSO,,"),
    ]
    reasons = merge.merge(read_answers(paths)[0], BATCH, "r-round-02")[1]["REASON"].tolist()
    assert all("a spreadsheet has rounded it" in reason for reason in reasons[:2])
    assert "another round's page?" in reasons[2]
    assert "is of the page r-round-01-minibatch-01" in reasons[3]
