"""Which rounds are labelled, which one waits, and what is said of what people hand in."""

import copy
import functools
import itertools
import json
import os
import re
import shlex
from pathlib import Path

import pytest

import discard_answers
import merge_labels
import record_round
from helpers.answers import write_answers
from helpers.paths import ROOT
from quasarnet_al.core.files import InputError, write_json
from quasarnet_al.workflow import plan
from quasarnet_al.workflow.cost import jobs_of_round
from quasarnet_al.workflow.plan import check
from quasarnet_al.workflow.rounds import CHOICE, Campaign, command_to_go_on

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
    return Campaign(copy.deepcopy(checked(json.dumps({**config, **changes}))))


@functools.cache
def checked(config):
    """The config, checked once: to read the schema takes a while."""
    Path("spec").touch()
    return check(json.loads(config), SCHEMA)


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


def test_a_file_of_another_page_closes_no_round_that_has_no_batch_yet():
    """The merge would stop the run that chooses the batch."""
    select(1, 11, 12, 13, 14)
    hand_in(1, "a.csv", [11, 13])
    hand_in(2, "desi-vi_test-round-01-minibatch-01_me.csv", [11])
    assert campaign().waiting(2) == ["01", "02"]
    hand_in(2, "desi-vi_test-round-02-minibatch-01_me.csv", [21])
    assert campaign().waiting(2) == []


def test_what_taught_the_weights_of_another_run_taught_the_ensemble_too():
    """Their validation objects would flatter it."""
    for path in ("other/round-01", "other/round-02", "other/round-03", "box", "test/round-01"):
        Path("results", path, "weights").mkdir(parents=True)
        Path("results", path, "training.fits").touch()
    first = "results/test/round-01/training.fits"
    for start, beside in (
        ("results/other/round-02/weights/member-00.h5", ["other/round-01", "other/round-02"]),
        ("results/box/quasarnet.h5", ["box"]),
        ("results/test/round-01/weights/member-00.h5", []),
        ("weights/quasarnet-mock.h5", []),
    ):
        found = campaign(ensemble={"start": start})
        sets = [f"results/{name}/training.fits" for name in beside]
        assert found.taught_before(1) == sets
        assert found.taught_before(2) == [first, *sets]
    assert campaign(ensemble={"start": "previous"}).taught_before(2) == [first]


def test_a_frozen_file_cannot_be_forced():
    """Snakemake only said that there is no rule."""
    select(1, 11, 12, 13, 14)
    hand_in(1, "a.csv", [11])
    path = "results/test/round-01/batch.csv"
    campaign().check_target(path, [])
    with pytest.raises(InputError, match=r"is made by no rule now.*leave it out of --forcerun"):
        campaign().check_target(path, [], forced=True)


def test_answers_beyond_the_last_round_of_the_config_are_named():
    """A release does not learn from them."""
    for number in (1, 2):
        select(number, 11, 12, 13, 14)
        hand_in(number, "a.csv", [11, 13])
    assert "are not used" not in campaign().next_steps("")
    said = campaign(rounds=1).next_steps("")
    assert "the answers to round 2 are not used: `rounds` is 1" in said


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


def test_a_withdrawn_answer_and_a_decision_close_no_round():
    select(1, 11, 12, 13, 14)
    page = "desi-vi_test-round-01-minibatch-01_me"
    answers = {11: 4, 12: 4, 13: 4, 14: 4}
    hand_in(1, f"{page}.csv", answers)
    counts = {"accepted": 4, "targets": 4, "conflict": 0}
    write_json(RESULTS / "round-01/agreement.json", counts)
    assert campaign().waiting(1) == []
    assert "round 1: 4 of 4 labels accepted" in campaign().next_steps("")
    header = "TARGETID,VI_scanner,VI_quality,VI_z,VI_spectype,VI_time\n"
    withdrawn = "".join(f"{target},me,-1,,,2026-01-01T10:00:00Z\n" for target in (13, 14))
    Path(f"labels/test/round-01/{page} (1).csv").write_text(header + withdrawn)
    assert campaign().waiting(1) == ["02"]
    # What an earlier merge made says nothing of the answers that are there now.
    assert "accepted" not in campaign().next_steps("")
    hand_in(1, "desi-vi_test-round-01-adjudication_eve.csv", [13, 14])
    assert campaign().waiting(1) == ["02"]


def test_people_may_close_a_round():
    select(1, 11, 12, 13, 14)
    Path("labels/test/round-01").mkdir(parents=True)
    Path("labels/test/round-01/closed").touch()
    # Without any answer there is nothing to learn from.
    assert campaign().waiting(1) == ["01", "02"]
    path = hand_in(1, "desi-vi_one_me.csv", [11])
    answer = path.read_text()
    # Nor with a header alone, or an answer that was withdrawn.
    for text in (answer.splitlines()[0] + "\n", answer.replace(",4,", ",-1,")):
        assert text != answer
        path.write_text(text)
        assert campaign().waiting(1) == ["01", "02"]
    path.write_text(answer)
    found = campaign()
    assert found.waiting(1) == [] and not found.must_be_whole(1)
    assert not [line for line in found.passed_over() if "closed" in line]


def test_what_people_gave_is_kept_where_they_put_it():
    """A bundle that is unpacked in a new folder holds their answers, and closes their rounds."""
    select(1, 11, 12, 13, 14)
    path = hand_in(1, "desi-vi_one_me.csv", [11])
    Path("labels/test/round-01/closed").touch()
    (path.parent / "notes.txt").write_text("not read")
    select(2, 21, 22, 23, 24)
    later = hand_in(2, "desi-vi_two_me.csv", [21])
    assert campaign().products() == [path, path.parent / "closed", later]
    assert campaign(oracle={"rounds": 1, "truth": "t.csv"}).products() == [later]


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


def test_answers_that_another_browsers_file_replaced_are_named():
    select(1, 11, 12, 13, 14)
    for targets in ([11, 12], [12, 13, 14]):
        hand_in(1, "a.csv", targets)
        campaign().record([1])
    (line,) = campaign().passed_over()
    assert line.startswith(
        "overwritten: labels/test/round-01/a.csv: 1 answer of an earlier version"
    )
    copy = Path(re.search("version, (.*?), is", line)[1])
    # A correction replaces nothing that is lost, nor does a file that is there twice.
    hand_in(1, "a.csv", [11, 12, 13, 14], z=2.1)
    assert not campaign().passed_over()
    hand_in(1, "a.csv", [12, 13, 14])
    Path("labels/test/round-01/b.csv").write_bytes(copy.read_bytes())
    assert not campaign().passed_over()


def test_answers_that_a_backup_or_a_namesakes_file_replaced_are_named():
    """All its targets were answered in the file that took its place, so nothing was said."""
    select(1, 11, 12, 13, 14)
    header = "TARGETID,VI_scanner,VI_quality,VI_z,VI_spectype,VI_time\n"

    def lines(*answers):
        rows = [f"{k},{a}" for k, a in zip((11, 12, 13), answers, strict=True)]
        path = Path("labels/test/round-01/a.csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(header + "\n".join(rows) + "\n")
        campaign().record([])
        return [line for line in campaign().passed_over() if line.startswith("overwritten: ")]

    first = [f"Ann B,4,2.1,QSO,2026-01-01T10:0{k}:00Z" for k in range(3)]
    later = ["ann b,-1,,,2026-01-02T10:00:00Z", "Ann B,4,0.5,GALAXY,2026-01-02T10:01:00Z"]
    assert not lines(*first)
    assert not lines(*later, first[2])
    # An older copy takes back the correction, and brings back what was withdrawn.
    (line,) = lines(*first)
    assert "a.csv: 2 answers of an earlier version" in line
    # Also under another name.
    file = Path("labels/test/round-01/a.csv")
    file.rename(file.with_name("b.csv"))
    assert line in campaign().passed_over()
    file.with_name("b.csv").rename(file)
    # Corrected by hand, where a spreadsheet has rewritten the time, and then the name: no loss.
    edited = ["Ann B,4,2.2,QSO,01/02/26 11:00", later[1], first[2]]
    assert not lines(*later, first[2]) and not lines(*edited)
    assert not lines(*(row.replace("Ann B", "Ann Bee") for row in edited))
    # The page makes one file's name of "Ann B" and "Ann_B".
    (line,) = lines(*(f"Ann_B,4,2.3,QSO,2026-01-01T10:1{k}:00Z" for k in range(3)))
    assert "a.csv: 3 answers of an earlier version" in line


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
    name = "labels/test/round-01/a.csv"
    assert f"2 rows of {name} are about targets that are not in this batch" in line
    assert "a spreadsheet has rounded it" in line


def test_each_file_with_refused_rows_is_named():
    """The second of them would be left out for what is wrong with the first."""
    select(1, 11, 12, 13, 14)
    for name in ("a.csv", "b.csv"):
        hand_in(1, name, [11, 12], quality=7)
    said = campaign().passed_over()
    assert [line.partition(": VI_quality")[0] for line in said] == [
        f"2 rows of labels/test/round-01/{name}.csv are refused: line 2" for name in "ab"
    ]


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


@pytest.mark.parametrize(
    ("typed", "command"),
    [
        ("--cores 2", "--cores 2"),
        ("-n -c4 results/x --configfile a.yaml b.yaml", "-c4 --configfile a.yaml b.yaml"),
        (
            "catalog --profile perlmutter --config seed=2 rounds=4 --forcerun select_batch",
            "--profile perlmutter --config seed=2 rounds=4",
        ),
        ("--cores=8 --profile=p --unlock", "--cores=8 --profile=p"),
        # A target may follow an option that has its value: to go on is to leave it out.
        ("--cores 2 restore --configfile a.yaml", "--cores 2 --configfile a.yaml"),
        ("-s S catalog --profile p results/x -j 4 archive", "-s S --profile p -j 4"),
        ("-j 100 -k --rerun-triggers mtime --until train_members", "-j 100 -k"),
        ("--cores --configfile 'my runs/a.yaml'", "--cores --configfile 'my runs/a.yaml'"),
    ],
)
def test_the_command_to_go_on_keeps_what_was_typed(typed, command):
    assert command_to_go_on(shlex.split(typed)) == f"snakemake {command}"


def test_a_batch_that_was_chosen_again_is_told():
    """Inspectors may have its pages open: their answers would be about other targets."""
    select(1, 11, 12, 13, 14)
    now = campaign()
    now.note_batches([1, 2])
    assert "chosen again" not in now.next_steps("snakemake")
    select(1, 11, 12, 13, 15)
    assert "the batch of round 1 has been chosen again" in now.next_steps("snakemake")
    assert "chosen again" not in campaign().next_steps("snakemake")


def test_an_ensemble_that_has_learnt_nothing_is_named_before_people_are_asked():
    select(1, 11, 12, 13, 14)
    assert campaign().warnings(1) == []
    metrics = {"completeness": 0.5, "quasars": 40, "spectra": 90, "selected": 89, "doubted": 7}
    metrics |= {"training_spectra": 8}
    for change, sign in (
        ({}, ""),
        ({"selected": 90}, "takes all 90 spectra of the validation set for quasars"),
        ({"doubted": 8}, "agrees with no label of its own training set"),
        ({"completeness": 0.0, "selected": 0}, "finds none of the 40 quasars"),
    ):
        write_json(RESULTS / "round-01/metrics.json", metrics | change)
        assert [sign in line for line in campaign().warnings(1)] == [True] * bool(sign)
    batch = RESULTS / "round-01/batch.csv"
    batch.write_text("RANK,MINIBATCH,TARGETID,SCORE\n1,1,11,0\n2,1,12,0\n3,2,13,0\n4,2,14,0\n")
    nothing, equal = campaign().warnings(1)
    assert "finds none of the 40 quasars" in nothing and "have the score 0" in equal
    assert nothing in campaign().next_steps("snakemake")
    assert campaign(batch={"size": 4, "minibatch": 2, "acquisition": "random"}).warnings(1) == [
        nothing
    ]
    # The last of all rounds is answered: nobody's work can be saved.
    hand_in(1, "a.csv", [11, 12, 13, 14])
    assert "warning" not in campaign(rounds=1).next_steps("snakemake")


def test_a_release_from_before_the_last_labels_is_called_so():
    """It is made again by its own command alone, and was shown as if it had learned from all."""
    for number in (1, 2):
        select(number, 11, 12, 13, 14)
        hand_in(number, "a.csv", [11, 13])
        (RESULTS / f"round-{number:02d}/labels.csv").touch()
        os.utime(RESULTS / f"round-{number:02d}/labels.csv", (number, number))
    path = RESULTS / "release/quasarnet-test.h5"
    path.parent.mkdir()
    path.touch()
    assert "older" not in campaign().next_steps("snakemake")
    os.utime(path, (1, 1))
    assert f"{path} (older than the labels of round 2)" in campaign().next_steps("snakemake")


# -- frozen rounds -----------------------------------------------------------------------


def record(number, **changes):
    """Record the batch of a round as its rule does."""
    folder = RESULTS / f"round-{number:02d}"
    for name in CHOICE[1:]:
        (folder / name).write_text(name)
    record_round.main(
        [
            *("--settings", campaign(**changes).record_text(number), "--output"),
            *(str(folder / "round.json"), "--files", *(str(folder / name) for name in CHOICE)),
        ]
    )


def test_networks_of_an_answered_round_that_are_there_are_not_trained_again():
    """Nobody else reads what the jobs of a training wrote, of which scratch is purged."""
    select(1, 11, 12, 13, 14)
    record(1)
    weights = [RESULTS / f"round-01/weights/member-{name}.h5" for name in campaign().members(1)]
    weights[0].parent.mkdir()
    for path in weights:
        path.touch()
    team = "results/test/round-01/train/team-01.h5"
    assert team in campaign().missing()
    hand_in(1, "a.csv", [11, 13])
    assert team not in campaign().missing()
    weights[-1].unlink()
    assert {team, str(weights[-1])} <= set(campaign().missing())


def test_what_is_made_of_a_lost_tile_is_not_restored():
    """Its tile was removed and its file purged: a map of the other tiles would be another."""
    select(1, 11, 12, 13, 14)
    record(1)
    hand_in(1, "desi-vi_one_me.csv", [11, 12, 13, 14])
    tiles = [f"{n}/20260101" for n in (1, 7)]
    now = campaign(pool={"sources": [{"root": "redux", "tiles": tiles}]})
    assert now.fitted_on("run") == ["1", "2"] and now.tiles(2) == ["1", "7"]
    assert now.lost() == ["2"]
    assert "pool/2.fits is gone, and so is its tile" in now.next_steps("snakemake")
    assert {path for path in now.missing() if re.search("/(som|scores|pool)/", path)} == {
        "results/test/pool/1.fits",
        "results/test/round-01/scores/1.fits",
    }
    (RESULTS / "som/run").mkdir(parents=True)
    (RESULTS / "som/run/som.h5").touch()
    assert "results/test/som/run/1.fits" in now.missing()
    (RESULTS / "pool").mkdir()
    (RESULTS / "pool/2.fits").touch()
    assert now.lost() == [] and "results/test/round-01/scores/2.fits" in now.missing()


def test_an_answered_batch_is_frozen_with_what_it_was_chosen_by():
    select(1, 11, 12, 13, 14)
    record(1)
    pool = {"sources": [{"root": "redux", "tiles": [f"{n}/20260101" for n in (1, 2, 7)]}]}
    batch = {"size": 6, "minibatch": 3}
    changed = campaign(batch=batch, pool=pool)
    assert changed.frozen == [] and changed.minibatches(1) == ["01", "02"]
    assert changed.settings(1)["batch"]["size"] == 6 and changed.tiles(1) == ["1", "2", "7"]
    hand_in(1, "a.csv", [11, 13])
    changed = campaign(batch=batch, pool=pool, inspection={"inspectors": 2})
    assert changed.frozen == [1] and changed.numbers == [1, 2]
    assert changed.settings(1)["batch"]["size"] == 4 and changed.tiles(1) == ["1", "2"]
    assert changed.settings(2)["batch"]["size"] == 6 and changed.tiles(2) == ["1", "2", "7"]
    said = changed.next_steps("snakemake")
    assert "round 1 stays as it was chosen" in said
    assert "from round 2 on act: batch.minibatch" in said
    assert "inspection.inspectors" in said and "tiles 7" in said


def test_coadds_of_an_answered_round_are_found_where_they_were():
    """Another reduction is given in the place of the first: pages are written from the first."""
    select(1, 11, 12, 13, 14)
    record(1)
    tiles = ["1/20260101", "2/20260102"]
    other = {"pool": {"sources": [{"root": "again", "tiles": tiles}]}}
    assert campaign(**other).roots(1) == ["again"]
    hand_in(1, "a.csv", [11, 13])
    assert campaign(**other).roots(1) == ["redux"] and campaign(**other).roots(2) == ["again"]
    write_json(
        RESULTS / "round-01/round.json", {"settings": {}, "fit": "run", "tiles": ["1"], "sums": {}}
    )
    assert campaign().roots(1) == ["redux"]


def test_frozen_files_have_no_rule():
    select(1, 11, 12, 13, 14)
    record(1)
    (RESULTS / "round-01/scores").mkdir()
    (RESULTS / "round-01/scores/1.fits").touch()
    pattern = campaign().constraint("round", r"\d\d")
    assert pattern == r"\d\d"
    hand_in(1, "a.csv", [11])
    found = re.compile(f"({campaign().constraint('round', pattern)})/(.*)$")
    # Neither what was chosen nor what is there; what is gone can be made again.
    for name in (*CHOICE, "scores/1.fits", "round.json"):
        assert not found.match(f"01/{name}") and found.match(f"02/{name}"), name
    for name in ("scores/2.fits", "labels.csv", "report.html", "inspect/index.html"):
        assert found.match(f"01/{name}"), name


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"grid": "linear"},
            "grid is 'linear', but people have answered round 1, which was chosen",
        ),
        ({"som": {"rows": 9}}, "som.rows is 9, but people have answered round 1, and round 2 uses"),
        ({"rounds": [{"from": 1, "som": {"rows": 9}}]}, None),
        ({"rounds": [{"from": 2, "som": {"rows": 9}}]}, None),
        ({"som": {"refit_rounds": [2]}}, None),
    ],
)
def test_what_later_rounds_have_in_common_with_answered_ones_stays(changes, told):
    """On another grid networks and spectra do not fit; a map that was used is kept."""
    select(1, 11, 12, 13, 14)
    record(1)
    campaign(**changes).check_frozen()
    hand_in(1, "a.csv", [11, 13])
    if told:
        with pytest.raises(InputError, match=re.escape(told)):
            campaign(**changes).check_frozen()
    else:
        now = campaign(**changes)
        now.check_frozen()
        # The map that is fitted has the settings of the round for which it is.
        assert now.fitted_for(now.fit(2)) == 2 and now.fit(2) != now.fit(1) == "run"
        assert now.settings(2)["som"]["rows"] == (9 if "rounds" in changes else 45)


def test_a_changed_or_lost_frozen_batch_is_refused():
    select(1, 11, 12, 13, 14)
    record(1)
    hand_in(1, "a.csv", [11])
    campaign().check_frozen()
    (RESULTS / "round-01/batch.fits").write_text("other")
    with pytest.raises(InputError, match="has changed since its batch was recorded"):
        campaign().check_frozen()
    (RESULTS / "round-01/batch.fits").unlink()
    with pytest.raises(InputError, match="is gone"):
        campaign().check_frozen()


def test_a_tile_that_was_observed_again_is_another_pool_file():
    """`tile_table` has its last night; scores and map of its old spectra stay as they are."""
    select(1, 11, 12, 13, 14)
    record(1)
    campaign().record([])
    tiles = ["1/20260101", "2/20260909"]
    sources = [{"root": "redux", "tiles": tiles}]
    assert list(campaign(pool={"sources": sources}).chunks) == ["1", "2"]
    hand_in(1, "a.csv", [11])
    again = {"sources": [{"root": "redux", "tiles": ["2/20261010"]}]}
    now = campaign(pool={"sources": sources}, catalog={"sources": sources})
    assert now.tiles(1) == ["1", "2"] and now.tiles(2) == ["1", "2-2"] == list(now.catalog_chunks)
    assert now.chunks["2-2"].tiles == ("2/20260909",) and plan.sky_chunks(now.chunks) == [
        "1",
        "2-2",
    ]
    now.record([])
    now = campaign(pool={"sources": sources[:1]})
    assert list(now.chunks) == ["1", "2-2"] and list(campaign(pool=again).chunks) == ["2-2"]


def test_answers_that_are_all_gone_are_not_asked_for_again(tmp_path):
    """A folder of labels that is not mounted, or another one in the config: no round reopens."""
    select(1, 11, 12, 13, 14)
    record(1)
    path = hand_in(1, "a.csv", [11, 13])
    campaign().record([])
    Path("labels").rename("moved")
    for now in (campaign(), campaign(labels="elsewhere")):
        with pytest.raises(InputError, match=r"holds none of the answers .* handed in for round 1"):
            now.check_frozen()
    campaign(labels="moved").check_frozen()
    Path("moved").rename("labels")
    # A file that is no table any more holds none either.
    path.write_text("no table")
    with pytest.raises(InputError, match=r"such as results/test/round-01/handed-in/\w+/a.csv"):
        campaign().check_frozen()
    discard_answers.main(["--run", "test", "--round", "1"])
    campaign().check_frozen()


def test_the_oracle_does_not_answer_in_the_place_of_people():
    select(1, 11, 12, 13, 14)
    record(1)
    hand_in(1, "a.csv", [11, 13])
    campaign().record([])
    oracle = {"rounds": 2, "truth": "truth.csv"}
    with pytest.raises(InputError, match="rounds is 2, but people have answered round 1"):
        campaign(oracle=oracle).check_frozen()
    discard_answers.main(["--run", "test", "--round", "1"])
    campaign(oracle=oracle).check_frozen()


def test_labels_of_other_answers_are_not_read():
    """Snakemake forgets the parameters of a rule where results are copied without its folder."""
    select(1, 11, 12, 13, 14)
    hand_in(1, "a.csv", [11, 13])
    campaign().record([1])
    folder = RESULTS / "round-01"
    names = {"--output": "labels.csv", "--refused": "refused.csv", "--agreement": "agreement.json"}

    def merge():
        words = [word for name, file in names.items() for word in (name, str(folder / file))]
        words += ["--batch", str(folder / "batch.csv"), "--vi", *campaign().copies(1)]
        merge_labels.main(words)

    assert campaign().unmerged() == []
    merge()
    labels = str(folder / "labels.csv")
    assert campaign().unmerged() == []
    hand_in(1, "a.csv", [11, 13], z=2.9)
    now = campaign()
    assert now.unmerged() == [labels]
    now.check_merged({"results/test/round-01/batch.csv"})
    with pytest.raises(InputError, match=r"other answers .*; add --forcerun merge_labels"):
        now.check_merged({labels})
    assert f"{labels}: was merged from other answers" in now.next_steps("")
    now.record([1])
    merge()
    assert campaign().unmerged() == []


def test_what_was_learned_from_is_not_restored_from_other_labels():
    """The labels of round 1 are corrected after the batch of round 2 was chosen and answered."""
    select(1, 11, 12, 13, 14)
    record(1)
    hand_in(1, "a.csv", [11, 12, 13, 14])
    select(2, 21, 22, 23, 24)
    labels = RESULTS / "round-01/labels.csv"
    labels.write_text("before")
    for name in CHOICE[1:]:
        (RESULTS / "round-02" / name).write_text(name)
    files = [str(RESULTS / "round-02" / name) for name in CHOICE]
    record_round.main(
        [
            *("--settings", campaign().record_text(2), "--files", *files),
            *("--labels", str(labels), "--output", str(RESULTS / "round-02/round.json")),
        ]
    )
    hand_in(2, "a.csv", [21, 22])
    assert campaign().frozen == [1, 2]
    # Everything is gone, and can be made again of the same labels.
    campaign().check_restorable()
    learned = RESULTS / "round-02/training.fits"
    learned.write_text("of the labels before")
    assert learned not in campaign().products()
    # Another seed makes another validation set, whose objects teach nothing.
    assert learned in campaign(seed=2).products()
    learned.unlink()
    with pytest.raises(InputError, match=r"training.fits: is gone, and the config's `seed` has"):
        campaign(seed=2).check_restorable()
    learned.write_text("of the labels before")
    labels.write_text("after")
    assert learned in campaign().products()
    learned.unlink()
    with pytest.raises(InputError, match=r"training.fits: is gone, and the labels of round 1 have"):
        campaign().check_restorable()


def test_tiles_that_are_added_leave_the_chunks_of_frozen_rounds_together():
    tiles = [f"{n}/20260101" for n in (3, 5, 8)]

    def made(more):
        sources = [{"root": "redux", "tiles": sorted(tiles + more)}]
        return campaign(pool={"tiles_per_job": 2, "sources": sources})

    select(1, 11, 12, 13, 14)
    assert list(made([]).chunks) == ["3_5", "8"]
    hand_in(1, "a.csv", [11])
    made([]).record([])
    # Tile 4 comes between those that are there, 9 after them.
    assert list(made(["4/20260101", "9/20260101"]).chunks) == ["3_5", "8", "4_9"]


def test_tiles_left_of_a_chunk_do_not_take_its_name():
    """The file of that name holds the removed tile too, and an answered round chose from it."""
    tiles = [f"{n}/20260101" for n in (3, 5, 8)]

    def packed(kept):
        pool = {"tiles_per_job": 3, "sources": [{"root": "redux", "tiles": kept}]}
        return {"pool": pool}

    select(1, 11, 12, 13, 14)
    record(1, **packed(tiles))
    campaign(**packed(tiles)).record([])
    hand_in(1, "a.csv", [11])
    assert list(campaign(**packed(tiles)).chunks) == ["3_8"]
    part = campaign(**packed(tiles[::2]))
    assert [chunk.tiles for chunk in part.chunks.values()] == [("3/20260101", "8/20260101")]
    assert list(part.chunks) == ["3_8-2"] and part.tiles(1) == ["3_8"]
    part.record([])
    assert list(campaign(**packed(tiles[::2])).chunks) == ["3_8-2"]


def test_settings_hold_from_a_round_on():
    changes = [
        {"from": 3, "batch": {"size": 6}},
        {"from": 2, "batch": {"acquisition": "margin"}, "som": {"rows": 30}, "until": 5},
    ]
    found = campaign(rounds=changes)
    assert found.config["rounds"] == 5
    settings = [found.settings(n)["batch"] for n in (1, 2, 3, 4)]
    assert [s["size"] for s in settings] == [4, 4, 6, 6]
    assert [s["acquisition"] for s in settings] == ["entropy", "margin", "margin", "margin"]
    assert [found.fit(n) for n in (1, 2, 3)] == ["run", "round-02", "round-02"]
    assert found.grouped("minibatches") == [
        (["01", "02"], [1, 2]),
        (["01", "02", "03"], [3, 4, 5, 6]),
    ]
    for wrong, fault in (
        ([{"from": 2, "batch": {"size": 5}}], "from round 2: batch.size 5"),
        ([{"from": 2, "batch": {"sise": 6}}], "from round 2: batch: there is no key 'sise'"),
        ([{"from": 2}, {"from": 2}], "two entries begin with one round"),
        ([{"from": 0}], "rounds.0.from"),
        ([{"form": 2}], "rounds.0"),
    ):
        with pytest.raises(InputError, match=fault):
            campaign(rounds=wrong)


def test_discarded_answers_are_listed_and_moved_aside(capsys):
    select(1, 11, 12, 13, 14)
    path = hand_in(1, "a.csv", [11, 13])
    other = hand_in(1, "b.csv", [12])
    campaign().record([])
    content = path.read_text()
    words = ["--run", "test", "--round", "1", "--files", "a.csv"]
    discard_answers.main([*words, "--dry-run"])
    assert "a.csv would go to labels/test/discarded" in capsys.readouterr().out and path.exists()
    discard_answers.main(words)
    assert not path.exists() and other.exists()
    assert Path("labels/test/discarded/round-01-1/labels/a.csv").read_text() == content
    assert len(list(Path("labels/test/discarded/round-01-1/handed-in").glob("*/a.csv"))) == 1
    campaign().record([1])
    assert campaign().frozen == [1]
    discard_answers.main(["--run", "test", "--round", "1"])
    assert campaign().frozen == [] and campaign().passed_over() == []
    with pytest.raises(InputError, match="holds no answers"):
        discard_answers.main(["--run", "test", "--round", "1"])


def test_a_coadd_that_is_replaced_is_another_beside_that_of_an_answered_round():
    """Map, scores and report of the answered round are of the rows of the pool file that it had."""
    pool = {"pool": {"sources": [{"coadds": "mine/*.fits"}]}}
    clock = itertools.count(10**18, 10**9)

    def touch(path):
        """Write a file now: later than all before."""
        path.parent.mkdir(exist_ok=True)
        path.touch()
        os.utime(path, ns=(now := next(clock), now))

    def extract():
        for name in campaign(**pool).chunks:
            touch(RESULTS / f"pool/{name}.fits")
        campaign(**pool).record([])

    touch(Path("mine/a.fits"))
    touch(Path("mine/b.fits"))
    one, two = campaign(**pool).chunks
    select(1, 11, 12, 13, 14)
    record(1, **pool)
    extract()
    # Nobody has answered: it is extracted again in its place.
    touch(Path("mine/a.fits"))
    assert campaign(**pool).tiles(1) == [one, two]
    assert campaign(**pool).constraint("tiles", ".*") == ".*"
    extract()
    hand_in(1, "a.csv", [11, 13])
    for again in (f"{one}-2", f"{one}-3"):
        before = campaign(**pool)
        touch(Path("mine/a.fits"))
        found = campaign(**pool)
        assert list(found.chunks) == [two, again] and found.tiles(1) == [one, two]
        assert found.chunks[again].files == ["mine/a.fits"]
        assert f"tiles {again}" in found.next_steps("")
        rule = re.compile(f"results/test/pool/({found.constraint('tiles', '[a-z0-9-]+')}).fits")
        made = {
            name for name in (one, two, again) if rule.fullmatch(f"results/test/pool/{name}.fits")
        }
        assert made == {again}
        extract()
        assert list(campaign(**pool).chunks) == [two, again]
        # The next round chooses from it, and is answered.
        number = len(before.frozen) + 1
        select(number, *range(10 * number + 1, 10 * number + 5))
        record(number, **pool)
        hand_in(number, "a.csv", range(10 * number + 1, 10 * number + 5))


def test_what_another_plan_made_is_set_aside(capsys):
    """Chunks of other tiles together, and teams of other sizes: a glob would take both."""
    ensemble = {"members": 4, "members_per_team": 1}
    campaign(ensemble=ensemble).record([])
    made = [f"pool/{name}.fits" for name in ("1", "2", "99")]
    made += [f"som/run/{name}.fits" for name in ("1", "2")]
    for number in ("01", "02"):
        made += [f"round-{number}/scores/{name}.fits" for name in ("1", "2")]
        made += [f"round-{number}/train/team-0{team}.h5" for team in (1, 2, 3, 4)]
    for name in [*made, "pool/files.csv", "som/run/som.h5", "round-01/train/member-00.h5"]:
        (RESULTS / name).parent.mkdir(parents=True, exist_ok=True)
        (RESULTS / name).touch()

    def left():
        found = {path.relative_to(RESULTS).as_posix() for path in RESULTS.rglob("*.*")}
        return {name for name in found if "stale" not in name and name in made}

    changes = {
        "pool": {
            "tiles_per_job": 2,
            "sources": [{"root": "redux", "tiles": ["1/20260101", "2/20260102"]}],
        },
        "ensemble": {**ensemble, "members_per_team": 2},
    }
    same = campaign(ensemble=ensemble)
    same.set_aside(same.chunks)
    assert left() == set(made)
    # Round 1 is answered: it keeps what it was made of, and so does the pool.
    select(1, *range(10, 14))
    hand_in(1, "a.csv", range(10, 14))
    frozen = campaign(**changes)
    frozen.set_aside(frozen.chunks)
    teams = {"round-02/train/team-03.h5", "round-02/train/team-04.h5"}
    assert left() == set(made) - teams
    for path in Path("labels/test/round-01").iterdir():
        path.unlink()
    (RESULTS / "round-01/batch.csv").unlink()
    other = campaign(**changes)
    assert list(other.chunks) == ["1_2"]
    other.set_aside([*other.chunks, "2"])  # of the catalogue
    assert left() == {
        *("pool/2.fits", "pool/99.fits", "round-02/scores/1.fits", "round-02/scores/2.fits"),
        *(f"round-0{number}/train/team-0{team}.h5" for number in (1, 2) for team in (1, 2)),
    }
    assert "is not part of this plan any more: moved to" in capsys.readouterr().out
    assert (RESULTS / "pool/stale/1.fits").exists()
    assert (RESULTS / "pool/files.csv").exists() and (RESULTS / "som/run/som.h5").exists()


def test_what_an_older_version_did_not_record_has_not_changed():
    select(1, *range(10, 14))
    hand_in(1, "a.csv", range(10, 14))
    assert "from round 2 on act" not in campaign().next_steps("snakemake")
    assert "act: batch.minibatch" in campaign(batch={"size": 4, "minibatch": 4}).next_steps("s")


# -- a pool that runs share ----------------------------------------------------------------


def sharing(**changes):
    """A run that uses the pool of `test`."""
    config = {
        "run": "second",
        "pool": {"run": "test"},
        "labelled": {"old": {"boss": "spec", "validation": 0.2}},
        "batch": {"size": 4, "minibatch": 2},
    }
    Path("spec").touch()
    return Campaign(check({**config, **changes}, SCHEMA))


def test_runs_share_a_pool_and_its_map():
    with pytest.raises(InputError, match=r"results/test/pool/chunks.json: is not there"):
        sharing()
    campaign().record([])
    (RESULTS / "pool/files.csv").touch()
    with pytest.raises(InputError, match=r"results/test/pool/1.fits: is not there; run snakemake"):
        sharing()
    for name in ("pool/1.fits", "pool/2.fits", "som/run/som.h5", "som/run/1.fits"):
        (RESULTS / name).parent.mkdir(parents=True, exist_ok=True)
        (RESULTS / name).touch()
    found = sharing()
    assert list(found.chunks) == ["1", "2"] == found.tiles(1)
    assert found.map_folder(1) == "results/test/som/run"
    # Another map is a matter of the config, for the whole run or from a round on.
    assert sharing(som={"rows": 9}).map_folder(1) == "results/second/som/run"
    later = sharing(rounds=[{"from": 2, "som": {"rows": 9}}])
    assert [later.map_folder(n) for n in (1, 2)] == [
        "results/test/som/run",
        "results/second/som/round-02",
    ]
    assert jobs_of_round(found.config, 1) | {"extract_spectra": 0, "fit_som": 0} == jobs_of_round(
        found.config, 1
    )
    for wrong, fault in (
        ({"pool": {"run": "test", "broken": 0.5}}, "pool.broken has no effect beside pool.run"),
        ({"pool": {"run": "second"}}, "pool.run is the run itself"),
    ):
        with pytest.raises(InputError, match=fault):
            sharing(**wrong)


def test_what_another_run_chose_from_stays():
    campaign().record([])
    for name in (
        "pool/files.csv",
        "pool/1.fits",
        "pool/2.fits",
        "som/run/som.h5",
        "som/run/1.fits",
    ):
        (RESULTS / name).parent.mkdir(parents=True, exist_ok=True)
        (RESULTS / name).touch()
    pattern = r"(?:run|round-\d\d)"
    assert campaign().constraint("fit", pattern) == pattern
    folder = Path("results/second/round-01")
    folder.mkdir(parents=True)
    (folder / "round.json").write_text(sharing().record_text(1))
    found = re.compile(f"({campaign().constraint('fit', pattern)})/(.*)$")
    # The map has no rule any more; a tile that is added is placed on it.
    assert not found.match("run/som.h5") and not found.match("run/1.fits")
    assert found.match("run/7.fits") and found.match("round-02/som.h5")
    assert "the map stays as it is: second chose" in campaign().next_steps("snakemake")
    # Nor do its tiles move to other chunks.
    tiles = ["0/20260101", "1/20260101", "2/20260102"]
    pool = {"tiles_per_job": 2, "sources": [{"root": "redux", "tiles": tiles}]}
    assert list(campaign(pool=pool).chunks) == ["1", "2", "0"]
