"""The digits' workflow with real Snakemake: few digits, few members."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest

from helpers.workflow import checkout, snakemake
from quasarnet_al.spectra import pool

pytestmark = [pytest.mark.workflow, pytest.mark.slow]
CONFIG = "tests/configs/digits.yaml"


@pytest.fixture(scope="module")
def run(shared_data, tmp_path_factory):
    folder = checkout(tmp_path_factory.mktemp("mnist"))
    changes = f"data: {shared_data}"
    snakemake(folder, config=CONFIG, changes=changes)
    return folder, folder / "results" / "mnist", changes


def test_all_rounds_run_unattended(run):
    folder, results, changes = run
    for name in (
        "metrics.json",
        "labels.csv",
        "digits.png",
        "digits.csv",
        "report.html",
    ):
        for number in ("01", "02"):
            assert (results / f"round-{number}" / name).exists()
    assert not list(results.glob("round-*/inspect"))
    assert "accuracy" in (results / "report.html").read_text()
    curve = pd.read_csv(results / "learning_curve.csv")
    assert curve["training_spectra"].tolist() == [60, 100]
    assert (curve["accuracy"] > 0.4).all()
    arms = pd.read_csv(results / "arms.csv")
    assert arms["labels"].tolist() == [0, 40]
    dry = snakemake(folder, "--dry-run", config=CONFIG, changes=changes)
    assert "Nothing to be done" in dry.stdout


def test_members_are_trained_at_once_as_the_config_says(run):
    _, results, _ = run
    groups = []
    for member in (0, 1, 2):
        with h5py.File(results / f"round-02/weights/member-{member:02d}.h5") as file:
            groups.append(file.attrs.get("trained_with"))
    assert groups == ["0 1", "0 1", None]


def test_labels_are_the_truth(run):
    _, results, _ = run
    known = pd.read_csv(results / "truth.csv", index_col="TARGETID")["SPECTYPE"]
    labels = pd.read_csv(results / "round-01/labels.csv", index_col="TARGETID")
    assert (labels["ACCEPTED"] == 1).all()
    assert (labels["SPECTYPE"] == known[labels.index]).all()
    _, _, training = pool.read_labelled(results / "round-02/training.fits")
    bought = training[training["ORIGIN"] == "inspection"]
    assert set(bought["TARGETID"]) == set(labels.index)
    assert (bought["SPECTYPE"].astype(int) == known[bought["TARGETID"]]).all()
    _, _, validation = pool.read_labelled(results / "validation.fits")
    assert len(validation) == 300
    everything = [validation["TARGETID"], training["TARGETID"][training["ORIGIN"] == "initial"]]
    assert not np.intersect1d(np.concatenate(everything), known.index).size


def test_the_batch_is_the_most_confusing(run):
    _, results, _ = run
    one, two = (pd.read_csv(results / f"round-{number}/batch.csv") for number in ("01", "02"))
    assert not set(one["TARGETID"]) & set(two["TARGETID"])
    assert one["SCORE"].is_monotonic_decreasing
    assert one["SCORE"][0] > 1
    votes = one[[f"VOTE_{k}" for k in range(10)]].sum(axis=1)
    np.testing.assert_allclose(votes, 1, atol=1e-5)
    left_out = json.loads((results / "round-01/selection.json").read_text())["left out"]
    assert left_out["sparse cell"] > 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("oracle: {rounds: 1}", "task mnist has no inspection pages"),
        ("task: quasar", "config:"),
        ("labelled: {initial: {survey: old}}", "config: labelled.initial"),
    ],
)
def test_errors_of_use_end_in_one_line(shared_data, tmp_path, change, words):
    folder = checkout(tmp_path)
    changes = f"data: {shared_data}\n{change}\n"
    result = snakemake(folder, "-n", config=CONFIG, changes=changes, status=1)
    assert words in result.stderr
    assert "Traceback" not in result.stderr
