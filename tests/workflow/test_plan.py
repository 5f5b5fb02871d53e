"""The config's meaning: chunks, sets, teams; and the errors of use."""

import re
from pathlib import Path

import pytest
import yaml

from helpers.paths import ROOT
from quasarnet_al.core.files import InputError
from quasarnet_al.workflow import plan
from quasarnet_al.workflow.config import read_yaml
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


def merged(config, other):
    """The config of several files, as Snakemake merges them: the later one's keys replace."""
    both = {key: merged(config[key], other[key]) for key in config.keys() & other.keys()
            if isinstance(config[key], dict)}  # fmt: skip
    return config | other | both


@pytest.mark.parametrize("name", sorted(p.name for p in (ROOT / "config").glob("*.yaml")))
def test_shipped_configs_are_valid(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = yaml.safe_load((ROOT / "config" / name).read_text())
    beside = {"real-check.yaml": "mock-large.yaml"} | dict.fromkeys(
        [f"experiment-{name}.yaml" for name in ("long", "anew", "night", "rare", "shift")],
        "experiment.yaml",
    )
    if name in beside:
        other = yaml.safe_load((ROOT / "config" / beside[name]).read_text())
        content = merged(other, content)
    if "data" in content:
        (tmp_path / "data" / "boss").mkdir(parents=True)
        (tmp_path / "data" / "boss" / "spec-1-2-3.fits").touch()
        content["data"] = "data"
    for source in [*content.get("pool", {}).get("sources", []), *content["labelled"].values()]:
        if "tile_list" in source:
            Path("list.txt").write_text("2\n")
            source["tile_list"] = "list.txt"
        if "tile_table" in source:  # stands at NERSC
            source["tile_table"] = "tiles.csv"
            Path("tiles.csv").write_text(
                "TILEID,SURVEY,PROGRAM,LASTNIGHT\n1,main,dark,20210517\n2,sv1,dark,20210203\n"
            )
    check(content, SCHEMA)


MNIST = {
    "task": "mnist",
    "mnist": {"images": "i.gz", "labels": "l.gz"},
    "pool": {"sources": [{"digits": 100}]},
    "labelled": {"old": {"digits": 50}},
}


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
        ({"ensemble": {"shift": 5}, "grid": "linear"}, "shift is possible on the log grid"),
        ({"release": {"shift": 5}, "grid": "linear"}, "shift is possible on the log grid"),
        ({"ensemble": {"noise": 1}, **MNIST}, "noise varies spectra only"),
        ({"ensemble": {"start": "w.h5"}, **MNIST}, "'w.h5' is a QuasarNET"),
        (
            {"ensemble": {"start": "w.h5"}, "compare": {"variants": {"a": {"layers": 4}}}},
            "train from random weights",
        ),
        ({"release": {"start": "previous"}}, "a release has no round before it"),
        ({"batch": {"size": 120}}, "not a multiple of batch.minibatch 50"),
        ({"oracle": {"rounds": 1}}, "oracle.truth"),
        ({"pool": {"sources": [{"survey": "m"}]}}, "mock survey 'm'"),
        (
            {"pool": {"sources": [{"root": "r", "tiles": ["1/20260101", "1/20260102"]}]}},
            "tile 1 is listed twice",
        ),
        ({"pool": {"sources": [{"root": "r", "tiles": ["../../etc"]}]}}, "tiles.0"),
        ({"pool": {"sources": [{"root": "r", "tiles": [80693]}]}}, "write TILEID/NIGHT, as 80693/"),
        ({"pool": {"sources": [{"root": "r", "tiles": ["sv3/9"]}]}}, "write TILEID/NIGHT"),
        ({"pool": {"sources": [{"survey": ""}]}}, "pool.sources.0"),
        ({"labelled": {"b": {"survey": "m"}}}, "mock survey 'm'"),
        # A source says which keys it needs, and refuses those that it would ignore.
        (
            {"pool": {"sources": [{"root": "r"}]}},
            "pool.sources.0: has root, but a source needs survey; or root, tiles; or root,",
        ),
        (
            {"pool": {"sources": [{"coadds": "x", "layout": "perexp"}]}},
            "layout has no effect beside coadds: leave it out",
        ),
        (
            {"labelled": {"b": {"coadds": "x"}}},
            "labelled.b: has coadds, but a source needs survey; or root, tiles, truth; or",
        ),
        ({"pool": {"sources": [{}]}}, "has no key, but a source needs survey; or"),
        (
            {"labelled": {"b": {"root": "r", "tiles": ["1/20260101"]}}},
            "labelled.b: has root, tiles, but a source needs survey; or root, tiles, truth; or",
        ),
        (
            {"pool": {"sources": [{"survey": "m", "layout": "perexp"}]}},
            "pool.sources.0: layout has no effect beside survey: leave it out",
        ),
        (
            {"pool": {"sources": [{"root": "r", "tiles": ["1/20260101"], "surveys": ["sv1"]}]}},
            "surveys has no effect beside root, tiles",
        ),
        (
            {"pool": {"sources": [{"root": "r", "tiles": ["1/2"], "tile_table": "t.csv"}]}},
            "tile_table has no effect beside root, tiles",
        ),
        ({"labelled": {"b": {"boss": "x", "targets": "all"}}}, "targets has no effect beside boss"),
        (
            {"labelled": {"b": {"boss": "x", "check": True, "validation": 0.2}}},
            "labelled.b: validation and gate have no effect with check: true",
        ),
        (
            {"catalog": {"sources": [{"root": "r", "tiles": ["1/2"], "truth": "t"}]}},
            "catalog.sources.0: the key 'truth' has no effect here",
        ),
        ({"pool": {"sources": [{"digits": 5}]}}, "the key 'digits' has no effect here"),
        ({"rounds": [{"from": 5, "until": 3}]}, "the entry from round 5 is beyond `until`"),
        (
            {"pool": {"sources": [{"root": "$NOWHERE_AL/r", "tiles": ["1/20260101"]}]}},
            "$NOWHERE_AL/r: there is no $NOWHERE_AL; set it",
        ),
        ({"gate": {"incumbent": "~nobody-al/w.h5"}}, "there is no ~nobody-al"),
        ({"seed": 4.0}, "seed: 4.0 is not of type 'integer'"),
        ({"seed": 10**400}, "is not of type 'integer'"),
        ({"seed": "4"}, "seed: '4' is not of type 'integer', but text: write it without quotes"),
        ({"rounds": [{"from": 2.0}]}, "rounds.0.from: 2.0 is not of type 'integer'"),
        ({"batch": {"percentile": float("nan")}}, "percentile: nan is not of type 'number'"),
        ({"ensemble": {"noise": float("inf")}}, "noise: inf is not of type 'number'"),
        ({"ensemble": {"learning_rate": "1e-3"}}, "without quotes, and 1e-3 as 1.0e-3"),
        ({"mock": {"m": {"tiles": [1], "night": 1}}}, "night: 1 is less than the minimum of"),
        ({"experiment": {"metric": "completeness"}}, "is not one of ['average_precision'"),
        ({"run": "../elsewhere"}, "run"),
        (
            {"data": "/nowhere", "labelled": {"b": {"boss": "{data}/x"}}},
            "/nowhere: is not a folder",
        ),
        (
            {"pool": {"sources": [{"root": "{dat}/r", "tiles": ["1/20260101"]}]}},
            "{dat}/r: there is no {dat}; write {data}",
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


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def coadds(*patterns, **more):
    return config(pool={"sources": [{"coadds": str(p)} | more for p in patterns]})


def test_coadds_of_a_pattern_are_tiles_whose_names_stay(tmp_path):
    """Whatever is added, and however the folder is written: earlier chunks are not made again."""
    touch(tmp_path, "one/my coadd.fits", "two/my coadd.fits.gz", "two/redrock-my.txt")
    before = plan.chunks(coadds(tmp_path / "**/*.fits*"))
    assert [chunk.files for chunk in before.values()] == [
        [f"{tmp_path}/one/my coadd.fits"],
        [f"{tmp_path}/two/my coadd.fits.gz"],
    ]
    assert all(re.fullmatch("my-coadd-[0-9a-f]{8}", name) for name in before)
    touch(tmp_path, "one/another.fits", "more/my coadd.fits", "-.fits")
    after = plan.chunks(coadds(tmp_path / "**/*.fits*"))
    assert len(after) == 5 and before.items() <= after.items()
    other = plan.chunks(coadds(tmp_path / "one/../one/my coadd.fits", targets="all"))
    assert [name.removesuffix("-all") for name in other] == [next(iter(before))]


def test_a_coadd_is_read_once(tmp_path):
    """By whatever links, packed and unpacked; and what lies beside is none."""
    names = ("x.fits", "x.fits.gz", "redrock-x.fits", "coadd-1.fits", "redrock-1.fits.gz")
    touch(tmp_path, *names, "rrmodel-1.fits", "notes.txt")
    (tmp_path / "again.fits").symlink_to("x.fits")
    (tmp_path / "all").symlink_to(".")
    found = plan.chunks(coadds(tmp_path / "**/*"))
    files = [Path(chunk.files[0]).resolve().name for chunk in found.values()]
    assert sorted(files) == ["coadd-1.fits", "x.fits"]
    with pytest.raises(InputError, match=r"the coadd .*/x\.fits is listed twice"):
        coadds(tmp_path / "*.fits", tmp_path / "x.fits")


@pytest.mark.parametrize(
    ("name", "pattern", "fault"),
    [
        ("x.fits", "y*.fits", "matches no files"),
        ("x.fit", "x*", r"is not a coadd \(\.fits"),
        ("{x}.fits", "*.fits", "has a brace or a line break"),
        ("a\nb.fits", "*.fits", "has a brace or a line break"),
    ],
)
def test_patterns_that_give_no_coadd_are_refused(name, pattern, fault, tmp_path):
    touch(tmp_path, name)
    with pytest.raises(InputError, match=fault) as error:
        coadds(tmp_path / pattern)
    assert "\n" not in str(error.value)


def test_a_tile_is_listed_once_in_chunks_of_several():
    sources = [
        {"root": "r", "tiles": ["1/20260101", "2/20260101"]},
        {"root": "r", "tiles": ["2/20260101", "3/20260101"]},
    ]
    with pytest.raises(InputError, match="tile 2 is listed twice"):
        config(pool={"tiles_per_job": 2, "sources": sources})


def test_teams():
    teams = plan.teams(config(ensemble={"members": 6, "members_per_team": 4}))
    assert teams == {"01": [0, 1, 2, 3], "02": [4, 5]}


def test_patterns_of_spectra_reach_into_folders_of_any_name(tmp_path):
    names = ["a[1]/1234/spec-1234-55000-0001.fits", "a[1]/1234/lite/spec-1234-55000-0002.fits"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    source = {"boss": f"{tmp_path}/a[1]/**/spec-*.fits", "truth": "DR16Q.fits", "validation": 0.2}
    content = config(labelled={"sdss": source})
    found = plan.labelled_sets(content)["sdss"]
    assert found.files == ("DR16Q.fits",)
    assert found.arguments[:3] == ("--truth", "DR16Q.fits", "--boss")
    assert sorted(found.arguments[3:]) == sorted(f"{tmp_path}/{name}" for name in names)


def test_the_gate_and_the_validation_share_a_set():
    source = {"root": "redux", "tiles": ["9/20260101"], "truth": "truth.csv", "validation": 0.6}
    found = plan.labelled_sets(config(labelled={"old": {**source, "gate": 0.4}}))["old"]
    assert (found.validation, found.gate) == (0.6, 0.4)
    with pytest.raises(InputError, match=r"labelled\.old: validation and gate"):
        config(labelled={"old": {**source, "gate": 0.5}})


def test_paths_may_begin_at_home_and_hold_variables(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("SCRATCH", str(tmp_path))
    source = {"root": "~/redux", "tiles": ["9/20260101"], "truth": "{data}/t.csv"}
    found = config(
        pool={"sources": [{"root": "$SCRATCH/redux", "tiles": ["1/20260101"]}]},
        labelled={"old": {**source, "validation": 0.2}},
        data="${SCRATCH}",
        batch={"exclude": ["~/done.csv", "cost $(x)"]},
    )
    assert plan.chunks(found)["1"].root == f"{tmp_path}/redux"
    assert found["labelled"]["old"]["root"] == "/home/me/redux"
    assert found["labelled"]["old"]["truth"] == f"{tmp_path}/t.csv"
    assert found["batch"]["exclude"] == ["/home/me/done.csv", "cost $(x)"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("run: x\nseed: 1\nbatch: {size: 2}\nseed: 2\n", "line 4: the key 'seed' is there twice"),
        ("run: x\nbatch: {size: 2, size: 3}\n", "line 2: the key 'size' is there twice"),
        ("run: x\nlabelled:\n  a: {survey: m\npool: 3\n", "line 4: expected ',' or '}'"),
        ("run: x\n\tseed: 1\n", "line 2: found character"),
        ("run: x\nexperiment:\n arms: {off: {}}\n", "line 3: the key 'off' is not text in YAML"),
        ("run: x\nmock: {1: {}}\n", "line 2: the key '1' is not text in YAML"),
    ],
)
def test_a_fault_of_yaml_names_file_and_line(text, fault, tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_yaml(path)
    assert str(error.value).startswith(f"{path}: {fault}")


def test_merge_keys_of_yaml_are_read(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\n")
    assert read_yaml(path)["b"] == {"x": 3, "y": 2}


def test_strategies_that_buy_more_by_the_baselines_rule():
    arms = {
        "random": {"acquisition": "random"},
        "random-x5": {"acquisition": "random", "size": 500},
        "balanced-x5": {"acquisition": "random", "size": 500, "balance": True},
        "fewer": {"acquisition": "random", "size": 50},
        "entropy": {"acquisition": "entropy"},
    }
    made = config(experiment={"arms": arms}, oracle={"truth": "truth.csv"})
    assert plan.buying_more(made) == ["random-x5"]
