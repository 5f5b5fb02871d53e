"""The config's meaning: chunks, sets, teams, rounds; and the errors of use."""

from pathlib import Path

import pytest
import yaml

from helpers.paths import ROOT
from quasarnet_al.core.files import InputError
from quasarnet_al.workflow import plan, rounds
from quasarnet_al.workflow.plan import check

SCHEMA = ROOT / "config" / "schemas" / "config.schema.yaml"


def config(**changes):
    base = {
        "run": "test",
        "pool": {
            "sources": [{"root": "redux", "tiles": ["1/20260101", "2/20260102", "5/20260103"]}]
        },
        "labelled": {
            "old": {
                "root": "redux",
                "tiles": ["9/20260101"],
                "truth": "truth.csv",
                "validation": 0.2,
            }
        },
    }
    return check({**base, **changes}, SCHEMA)


@pytest.mark.parametrize("name", sorted(p.name for p in (ROOT / "config").glob("*.yaml")))
def test_shipped_configs_are_valid(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = yaml.safe_load((ROOT / "config" / name).read_text())
    if name == "real-check.yaml":  # stands beside another
        large = yaml.safe_load((ROOT / "config" / "mock-large.yaml").read_text())
        content = large | content | {"labelled": large["labelled"] | content["labelled"]}
    if "data" in content:
        (tmp_path / "data" / "boss").mkdir(parents=True)
        (tmp_path / "data" / "boss" / "spec-1-2-3.fits").touch()
        content["data"] = "data"
    for source in [*content.get("pool", {}).get("sources", []), *content["labelled"].values()]:
        if "tile_table" in source:  # stands at NERSC
            source["tile_table"] = "tiles.csv"
            Path("tiles.csv").write_text(
                "TILEID,SURVEY,PROGRAM,LASTNIGHT\n1,main,dark,20210517\n2,sv1,dark,20210203\n"
            )
    check(content, SCHEMA)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"sed": 3},
            "top level: there is no key 'sed', perhaps 'seed' is meant; see config/README.md",
        ),
        ({"batch": {"colour": 1}}, "batch: there is no key 'colour'; see"),
        ({"seed": "x"}, "seed: 'x' is not of type 'integer'"),
        ({"batch": {"acquisition": "entropie"}}, "batch.acquisition: 'entropie' is not one of"),
        ({"ensemble": {"shift": 5}, "grid": "linear"}, "shift moves spectra on the log grid"),
        ({"release": {"shift": 5}, "grid": "linear"}, "shift moves spectra on the log grid"),
        ({"batch": {"size": 120}}, "no multiple of batch.minibatch 50"),
        ({"oracle": {"rounds": 1}}, "oracle.truth"),
        ({"pool": {"sources": [{"survey": "m"}]}}, "mock survey 'm'"),
        (
            {"pool": {"sources": [{"root": "r", "tiles": ["1/20260101", "1/20260102"]}]}},
            "tile 1 stands twice",
        ),
        ({"pool": {"sources": [{"root": "r", "tiles": ["../../etc"]}]}}, "tiles.0"),
        ({"pool": {"sources": [{"root": "r", "tiles": [80693]}]}}, "write TILEID/NIGHT, as 80693/"),
        ({"pool": {"sources": [{"root": "r", "tiles": ["sv3/9"]}]}}, "write TILEID/NIGHT"),
        ({"pool": {"sources": [{"survey": ""}]}}, "pool.sources.0"),
        ({"labelled": {"b": {"survey": "m"}}}, "mock survey 'm'"),
        ({"run": "../elsewhere"}, "run"),
        (
            {"data": "/nowhere", "labelled": {"b": {"boss": "{data}/x"}}},
            "/nowhere: is not a folder",
        ),
    ],
)
def test_errors_of_use_get_one_line(changes, words):
    with pytest.raises(InputError) as error:
        config(**changes)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_chunks():
    content = config()
    assert list(plan.chunks(content)) == ["1", "2", "5"]
    content["pool"]["tiles_per_job"] = 2
    chunks = plan.chunks(content)
    assert list(chunks) == ["1_2", "5"]
    assert chunks["1_2"].tiles == ("1/20260101", "2/20260102")
    assert chunks["1_2"].root == "redux"


def test_healpix_chunks_have_names_without_slashes():
    pool = {"sources": [{"root": "r", "layout": "healpix", "tiles": ["sv3/dark/9144"]}]}
    assert list(plan.chunks(config(pool=pool))) == ["sv3-dark-9144"]


def test_teams():
    teams = plan.teams(config(ensemble={"members": 6, "members_per_team": 4}))
    assert teams == {"01": [0, 1, 2, 3], "02": [4, 5]}


def hand_in(number, name, targets):
    path = Path("labels", "test", f"round-{number:02d}", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [f"{target},QSO,2.0,me,4,,,,\n" for target in targets]
    header = "TARGETID,Redrock_spectype,Redrock_z,VI_scanner,VI_quality,VI_issue,VI_z,"
    path.write_text(header + "VI_spectype,VI_comment\n" + "".join(rows))


def test_the_first_unlabelled_round_ends_the_graph(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = config(rounds=3, batch={"size": 4, "minibatch": 2})
    assert rounds.in_graph(content) == [1]
    assert rounds.waiting(content, 1) == ["01", "02"]
    batch = Path("results/test/round-01/batch.csv")
    batch.parent.mkdir(parents=True)
    batch.write_text("RANK,MINIBATCH,TARGETID\n1,1,11\n2,1,12\n3,2,13\n4,2,14\n")
    hand_in(1, "desi-vi_one_me.csv", [11, 12])
    assert rounds.waiting(content, 1) == ["02"]
    assert rounds.in_graph(content) == [1]
    hand_in(1, "desi-vi_two_me.csv", [13])
    assert rounds.waiting(content, 1) == []
    assert rounds.in_graph(content) == [1, 2]


def test_oracle_rounds_wait_for_nobody(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = config(rounds=3, oracle={"rounds": 2, "truth": "truth.csv"})
    assert rounds.in_graph(content) == [1, 2, 3]
    assert rounds.waiting(content, 3) == ["01", "02"]
