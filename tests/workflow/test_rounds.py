"""Which rounds are labelled, which one waits, and what is said of what people hand in."""

from pathlib import Path

import pytest

from helpers.answers import write_answers
from helpers.paths import ROOT
from quasarnet_al.core.files import InputError
from quasarnet_al.workflow.plan import check
from quasarnet_al.workflow.rounds import Campaign

SCHEMA = ROOT / "config" / "schemas" / "config.schema.yaml"
RESULTS = Path("results/test")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def campaign(**changes):
    """A campaign of batches of four spectra on two pages, as the folder says now."""
    config = {
        "run": "test",
        "rounds": 3,
        "pool": {"sources": [{"root": "redux", "tiles": ["1/20260101", "2/20260102"]}]},
        "labelled": {"old": {"boss": "spec", "validation": 0.2}},
        "batch": {"size": 4, "minibatch": 2},
    }
    Path("spec").touch()
    return Campaign(check({**config, **changes}, SCHEMA))


def select(number, *targets):
    """Make the batch of a round, two spectra a page."""
    folder = RESULTS / f"round-{number:02d}"
    folder.mkdir(parents=True, exist_ok=True)
    rows = [f"{k + 1},{k // 2 + 1},{target}\n" for k, target in enumerate(targets)]
    (folder / "batch.csv").write_text("RANK,MINIBATCH,TARGETID\n" + "".join(rows))


def hand_in(number, name, targets, **answer):
    folder = Path(f"labels/test/round-{number:02d}")
    folder.mkdir(parents=True, exist_ok=True)
    return write_answers(folder, name, "me", targets, **answer)


def test_the_first_unlabelled_round_ends_the_graph():
    assert campaign().numbers == [1]
    assert campaign().waiting(1) == ["01", "02"]
    select(1, 11, 12, 13, 14)
    hand_in(1, "desi-vi_one_me.csv", [11, 12])
    assert campaign().waiting(1) == ["02"]
    assert campaign().numbers == [1]
    hand_in(1, "desi-vi_two_me.csv", [13])
    assert campaign().waiting(1) == []
    assert campaign().numbers == [1, 2]


def test_oracle_rounds_wait_for_nobody():
    found = campaign(oracle={"rounds": 2, "truth": "truth.csv"})
    assert found.numbers == [1, 2, 3]
    assert found.waiting(3) == ["01", "02"]
    assert found.copies(1) == []


def test_the_share_of_a_page_that_is_enough_is_config():
    select(1, 11, 12, 13, 14)
    hand_in(1, "desi-vi_one_me.csv", [11, 13])
    assert campaign().waiting(1) == []
    assert campaign(inspection={"complete": 0.6}).waiting(1) == ["01", "02"]
    assert campaign(inspection={"inspectors": 2}).waiting(1) == ["01", "02"]


def test_people_may_close_a_round():
    select(1, 11, 12, 13, 14)
    Path("labels/test/round-01").mkdir(parents=True)
    Path("labels/test/round-01/closed").touch()
    # Without any answer there is nothing to learn from.
    assert campaign().waiting(1) == ["01", "02"]
    hand_in(1, "desi-vi_one_me.csv", [11])
    found = campaign()
    assert found.waiting(1) == [] and not found.must_be_whole(1)
    assert not [line for line in found.passed_over() if "closed" in line]


def test_answers_are_followed_by_content():
    select(1, 11, 12, 13, 14)
    path = hand_in(1, "a.csv", [11])
    before = campaign().copies(1)
    path.touch()
    assert campaign().copies(1) == before
    hand_in(1, "a.csv", [11, 12])
    after = campaign().copies(1)
    assert len(after) == 1 and after != before


def test_a_recorded_file_that_is_gone_stops_the_merge():
    select(1, 11, 12, 13, 14)
    path = hand_in(1, "a.csv", [11, 12])
    hand_in(1, "b.csv", [13, 14])
    campaign().record([1])
    content = path.read_text()
    path.unlink()
    with pytest.raises(InputError, match="was handed in and is gone") as error:
        campaign().record([1])
    copy = Path(str(error.value).split("its copy is ")[1].split(";")[0])
    assert copy.read_text() == content
    # Without a merge nothing is lost: it is said.
    campaign().record([])
    assert [line for line in campaign().passed_over() if line.startswith("gone: ")]
    path.write_text("no table")
    with pytest.raises(InputError, match="was handed in and is gone"):
        campaign().record([1])


def test_what_no_rule_reads_is_named():
    select(1, 11, 12, 13, 14)
    hand_in(1, "a.csv", [11])
    for name in ("round-01/x.csv.txt", "round-01/empty.csv", "round-01/x.xlsx", "loose.csv"):
        Path("labels/test", name).touch()
    for name in ("test/round-01/more", "test/round-2", "test/round-03", "Test", "other"):
        Path("labels", name).mkdir()
    said = "\n".join(campaign().passed_over())
    for name, reason in (
        ("labels/test/round-01/x.csv.txt", "does not end in .csv"),
        ("labels/test/round-01/x.xlsx", "does not end in .csv"),
        ("labels/test/round-01/empty.csv", "is empty"),
        ("labels/test/round-01/more", "is a folder"),
        ("labels/test/round-2/", "folders are called round-01"),
        ("labels/test/round-03/", "there is no round 3 yet"),
        ("labels/test/loose.csv", "files belong into"),
        ("labels/Test/", "the run is called test"),
    ):
        assert f"not read: {name}: " in said and reason in said
    assert "labels/other" not in said and "a.csv" not in said


def test_rows_about_other_targets_are_counted_with_the_likely_reason():
    first = 39627634556011093
    select(1, *(first + k for k in range(4)))
    hand_in(1, "a.csv", [(first + k) // 100 * 100 for k in range(1)] + [12])
    [line] = campaign().passed_over()
    assert "2 rows of labels/test/round-01 are about targets that are not in this batch" in line
    assert "a spreadsheet has rounded it" in line


def test_later_answers_wait_with_an_earlier_round():
    select(1, 11, 12, 13, 14)
    select(2, 21, 22, 23, 24)
    hand_in(2, "a.csv", [21, 23])
    folder = RESULTS / "round-01/inspect"
    folder.mkdir()
    (folder / "index.html").touch()
    said = campaign().next_steps("snakemake")
    assert "round 1 waits for labels of the minibatches 01, 02" in said
    assert "the answers to round 2 wait until round 1 is labelled" in said
