"""What jobs took, as Snakemake wrote it."""

import json
import math

import numpy as np
import pytest

from quasarnet_al.core.files import InputError
from quasarnet_al.report import html
from quasarnet_al.spectra import pool
from quasarnet_al.spectra.grid import GRIDS
from quasarnet_al.workflow import cost


def record(path, seconds, memory, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"s": seconds, "max_rss": memory} | more) + "\n")


def test_jobs_are_added_up_by_rule(tmp_path):
    gpus = {"threads": 128, "resources": {"gpu": 4, "mem_mb": 220000}}
    record(tmp_path / "train/1.jsonl", 3600, 10.0, **gpus)
    record(tmp_path / "train/2.jsonl", 1800, 30.0, **gpus)
    record(tmp_path / "round-02/select.jsonl", 36.0, "NA", threads=32, resources={"mem_mb": 1})
    jobs = list(cost.read(tmp_path))
    hours = {job["rule"]: job["node_hours"] for job in jobs[:1]}
    assert hours == {"select": pytest.approx(0.01 / 8)}
    _, text, table = html.cost("Cost", jobs, 1000)
    assert (
        "For 1000 spectra of the pool 3 jobs took 5436 s" in text
        and "charged 1.5 node hours" in text
    )
    row = table.split("<td>train</td>")[1].split("</tr>")[0]
    assert [float(part.split("<")[0]) for part in row.split("<td>")[1:]] == [2, 5400, 3600, 30, 1.5]
    assert "nan" not in table.lower()


def test_none_and_bad_records(tmp_path):
    assert html.cost("Cost", cost.read(tmp_path / "absent"), 1) == []
    (tmp_path / "bad.jsonl").write_text('{"s": 1}\n')
    with pytest.raises(InputError, match=r"bad\.jsonl: is not a benchmark file"):
        list(cost.read(tmp_path))


def test_a_job_is_charged_for_its_largest_part_of_a_node():
    assert cost.node_share(32) == 1 / 8
    assert cost.node_share(32, gpus=1) == 1 / 4
    assert cost.node_share(128, gpus=1) == 1


def test_limits_of_a_training_follow_from_the_size_of_its_set(tmp_path):
    path, count = tmp_path / "training.fits", 2000
    grid = GRIDS["log"]
    spectra = np.zeros((count, grid.size), np.float32)
    pool.write(path, spectra, pool.catalog(count), grid, pool.labels(count, "initial"))
    size = path.stat().st_size / 1e6
    assert size * 1e6 / cost.SPECTRUM_BYTES == pytest.approx(count, rel=0.2)
    recipe = {"epochs": 10, "min_steps": 0, "batch_size": 256}
    spectra = cost.spectra_in(size)
    assert cost.limit("train_members", cost.training_seconds(recipe, 4, spectra)) == 31
    # 450,000 spectra: ten epochs on each of four GPUs, eight times one after another.
    limit = cost.limit("train_members", cost.training_seconds(recipe, 32, cost.spectra_in(900)))
    shown = 10 * 450_000 / cost.TRAINING_RATE
    assert limit == 30 + 3 * 8 * (cost.NETWORK_SECONDS + shown) / 60 == 216
    assert 4950 < cost.training_memory(900) < 8000


def test_members_trained_at_once_share_a_gpu_and_the_time_to_prepare_a_network():
    """They are expected to gain no more than that until a GPU has been measured."""
    recipe = {"epochs": 10, "min_steps": 0, "batch_size": 256}
    one = 10 * 1000 / cost.TRAINING_RATE

    def seconds(networks, at_once):
        return cost.training_seconds(recipe, networks, 1000, at_once=at_once)

    assert seconds(32, 1) == 8 * (cost.NETWORK_SECONDS + one)
    assert seconds(32, 8) == cost.NETWORK_SECONDS + 8 * one
    # Three groups, of which the last is small, on three of the four GPUs; one group on one.
    assert seconds(18, 8) == cost.NETWORK_SECONDS + 8 * one
    assert seconds(4, 8) == cost.NETWORK_SECONDS + 4 * one
    assert cost.training_memory(900, at_once=8) > cost.training_memory(900) + 7 * 2 * 900


def test_limits_of_other_steps():
    """Three times what the work should take, and a quarter of an hour."""
    assert cost.limit("score_spectra", cost.scoring_seconds(32, 1_000_000)) == 15 + 40
    som = {"epochs": 10, "sample": 300_000, "engine": "batch"}
    assert cost.limit("fit_som", cost.fitting_seconds(som)) == 15 + 3
    assert cost.limit("fit_som", cost.fitting_seconds(som | {"engine": "minisom"})) == 15 + 1000


def test_a_strategy_trains_on_one_gpu_in_each_of_its_rounds():
    mock = {"tiles": [1], "petals": 10, "targets_per_petal": 500}
    config = {
        "run": "none",
        "mock": {"pool": mock, "start": mock},
        "pool": {"sources": [{"survey": "pool"}]},
        "labelled": {"start": {"survey": "start", "validation": 0.2, "check": False}},
        "ensemble": {
            "members": 8,
            "members_at_once": 1,
            "epochs": 10,
            "min_steps": 0,
            "batch_size": 256,
        },
        "experiment": {"rounds": 5, "arms": {"entropy": {"size": 200}}},
    }
    # 4,000 spectra at the start and 1,000 labels at the end, eight networks, one after another.
    trained = 8 * (cost.NETWORK_SECONDS + 10 * 5_000 / cost.TRAINING_RATE)
    assert cost.arm_seconds(config, "entropy") == 5 * (trained + 8 * 5_000 / cost.SCORE_RATE)
    # At once they share the time in which TensorFlow prepares a network.
    config["ensemble"]["members_at_once"] = 4
    saved = 5 * 6 * cost.NETWORK_SECONDS
    assert cost.arm_seconds(config, "entropy") == pytest.approx(
        5 * (trained + 8 * 5_000 / cost.SCORE_RATE) - saved
    )
    config["ensemble"]["min_steps"] = 10_000
    assert cost.arm_seconds(config, "entropy") > 5 * 8 * 10_000 * 256 / cost.TRAINING_RATE


def test_a_labelled_set_is_read_at_the_rate_of_its_kind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        (tmp_path / f"spec-1-2-{number}.fits").touch()
    (tmp_path / "data.fits").write_bytes(bytes(2_000_000))
    seconds = cost.labelled_seconds
    assert seconds({}, {"boss": "spec-*.fits"}) == pytest.approx(3 * cost.SPEC_SECONDS)
    assert seconds({}, {"training_data": "data.fits"}) == pytest.approx(2 * cost.MB_SECONDS)
    assert seconds({}, {"training_data": "gone.fits"}) == 0
    tiles = {"root": "x", "layout": "cumulative", "tiles": ["1/20210101", "2/20210101"]}
    assert seconds({"run": "x"}, tiles) == 2 * cost.TILE_SECONDS


def test_training_spectra_are_counted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec-1-2-3.fits").touch()
    count, grid = 50, GRIDS["log"]
    extracted = tmp_path / "results/x/labelled/old.fits"
    extracted.parent.mkdir(parents=True)
    spectra = np.zeros((count, grid.size), np.float32)
    pool.write(extracted, spectra, pool.catalog(count), grid, pool.labels(count, "old"))
    sets = {
        "old": {"training_data": "gone.fits", "validation": 0.5},
        "dr12": {"training_data": "gone.fits", "validation": 0.1},
        "boss": {"boss": "spec-*.fits", "validation": 0},
        "mock": {"survey": "s", "validation": 0.25},
        "tried": {"survey": "s", "validation": 0, "check": True},
    }
    config = {
        "run": "x",
        "mock": {"s": {"tiles": [1, 2], "petals": 2, "targets_per_petal": 10}},
        "labelled": {name: {"check": False} | source for name, source in sets.items()},
    }
    sizes = cost.training_sizes(config, 1000)
    assert sizes == pytest.approx({"old": 25, "dr12": math.nan, "boss": 1, "mock": 30}, nan_ok=True)
    extracted.write_bytes(b"none")
    with pytest.raises(InputError, match=r"old\.fits: .*an image of spectra"):
        cost.training_sizes(config, 1000)
