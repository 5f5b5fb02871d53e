"""Jobs and node hours of a round, before anything is submitted."""

import json

import pytest

import estimate_cost
from quasarnet_al.core.files import InputError
from quasarnet_al.workflow import cost

CONFIG = """
run: dr1
pool:
  tiles_per_job: 250
  sources:
    - {root: redux, tile_table: tiles.csv}
labelled:
  boss: {training_data: data.fits, truth: truth.fits, validation: 0.1}
"""


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"{n},main,dark,20220101" for n in range(1, 3001)]
    (tmp_path / "tiles.csv").write_text("\n".join(["TILEID,SURVEY,PROGRAM,LASTNIGHT", *rows]))
    (tmp_path / "dr1.yaml").write_text(CONFIG)
    return estimate_cost.read("dr1.yaml")


def test_packing_divides_the_jobs(config):
    packed = cost.jobs_of_round(config, 1)
    unpacked = cost.jobs_of_round(cost.unpack(config), 1)
    assert (packed["score_spectra"], unpacked["score_spectra"]) == (12, 3000)
    assert (packed["train_members"], unpacked["train_members"]) == (8, 30)
    later = cost.jobs_of_round(config, 2)
    assert not later["extract_spectra"] and not later["map_spectra"] and not later["fit_som"]


def test_hours_follow_what_a_run_recorded(config, tmp_path, capsys):
    folder = tmp_path / "benchmarks"
    for path, seconds in (
        ("extract_spectra/1_250.jsonl", 880),
        ("fit_som/run.jsonl", 100),
        ("map_spectra/run/1_250.jsonl", 10),
        ("round-01/score_spectra/1_250.jsonl", 300),
        ("round-01/train_members/team-01.jsonl", 3580),
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(json.dumps({"s": seconds, "max_rss": 1.0}) + "\n")
    estimate_cost.main(["--configfile", "dr1.yaml", "--benchmarks", str(folder)])
    rows = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines()}
    # 12 jobs of 900 s on an eighth of a node; 8 of an hour on a GPU node.
    assert rows["extract_spectra"] == ["12", "3000", "15.0", "26", "0.38", "0.00"]
    assert rows["train_members"] == ["8", "30", "60.0", "31", "0.00", "8.00"]
    assert rows["select_batch"][:4] == ["1", "1", "0.3", "-"]


def test_missing_record_says_what_to_do(config, tmp_path):
    with pytest.raises(InputError, match="no benchmark of extract_spectra; run a round"):
        estimate_cost.main(["--configfile", "dr1.yaml", "--benchmarks", str(tmp_path)])


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("root: redux, tile_table: tile.csv", "tile.csv: is not a table"),
        ("root: redux, tile_table: tiles.csv, surveys: [sv9]", "tiles.csv: has no SURVEY sv9"),
        ("root: redux, tile_table: tiles.csv, tile_list: l.txt", "l.txt: is not a list"),
        ("root: redux, tiles: [12]", "a.yaml: pool.sources.0"),
        ("root: redux, tiles: [12/2021]", "tile '12/2021': is not a tile of"),
        ("coadds: none/*.fits", "none/*.fits: matches no files"),
    ],
)
def test_a_fault_names_the_file_that_has_it(config, tmp_path, source, line):
    (tmp_path / "a.yaml").write_text(CONFIG.replace("root: redux, tile_table: tiles.csv", source))
    with pytest.raises(InputError) as error:
        estimate_cost.read("a.yaml")
    assert str(error.value).startswith(line)
