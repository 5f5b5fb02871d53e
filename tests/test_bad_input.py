"""Bad input: every program that reads a file, with every fault of `corpus`.

Each ends with status 2 and one line on stderr that names the file, the fault and the
remedy; no output and no part of one is left.
"""

import pytest

from helpers import corpus
from helpers.cases import PROGRAMS, TRAINING, arguments, inputs, make_good
from helpers.programs import end


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return make_good(tmp_path_factory.mktemp("a good run"))


CASES = [
    (program, name, fault)
    for program, (_, names) in PROGRAMS.items()
    for name, faults in names.items()
    for fault in faults
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_good_input_ends_well(program, good, tmp_path, capsys, monkeypatch):
    """Or what follows would prove nothing."""
    given = inputs(program, good)
    if program in TRAINING:
        pytest.skip("trains: see test_training and test_experiment")
    status, _, err = end(
        program, arguments(program, given, tmp_path), tmp_path, capsys, monkeypatch
    )
    assert status in (0, 1) if program == "judge_weights" else status == 0, err


@pytest.mark.parametrize(("program", "name", "fault"), CASES)
def test_bad_input_ends_in_one_line(program, name, fault, good, tmp_path, capsys, monkeypatch):
    damage = PROGRAMS[program][1][name][fault]
    assert_refused(program, name, damage, good, tmp_path, capsys, monkeypatch)


#: Good files by themselves, which do not belong to the others.
STRANGE = [
    ("choose_release", "validation", corpus.linear),
    ("compare_variants", "validation", corpus.linear),
    ("report_round", "pool", corpus.linear),
    ("report_round", "pool", corpus.edit(CATALOG=corpus.flip)),
]


@pytest.mark.parametrize(("program", "name", "change"), STRANGE)
def test_a_file_of_another_run_ends_in_one_line(
    program, name, change, good, tmp_path, capsys, monkeypatch
):
    assert_refused(program, name, change, good, tmp_path, capsys, monkeypatch)


def assert_refused(program, name, change, good, tmp_path, capsys, monkeypatch):
    given = inputs(program, good)
    bad = tmp_path / "input" / good[name].name
    bad.parent.mkdir()
    change(given[name], bad)
    given[name] = bad
    out = tmp_path / "out"
    out.mkdir()
    status, _, err = end(program, arguments(program, given, out), tmp_path, capsys, monkeypatch)
    assert status == 2, err
    assert err.count("\n") == 1, err
    assert bad.name in err
    assert err.count("; ") >= 1
    assert [path for path in out.rglob("*") if path.is_file()] == []
    assert not (tmp_path / "unpickled").exists()
