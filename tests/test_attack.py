"""The science under attack: wrong labels, inspectors who guess, members that learnt nothing."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from helpers.answers import merged, write_answers
from helpers.networks import random_network
from helpers.survey import QUICK
from quasarnet_al.judging.votes import members
from quasarnet_al.network.lines import Classification
from quasarnet_al.report import round as round_report
from quasarnet_al.spectra import grid, pool
from quasarnet_al.tasks import registry
from quasarnet_al.tasks.task import Labelled

TARGETS = list(range(39627640553871000, 39627640553871040))
CLASSES = ("QSO", "GALAXY", "STAR")


def guess(folder, name, seed):
    """Answers of somebody who did not look."""
    path = write_answers(folder, f"desi-vi_t-minibatch-01_{name}.csv", name, TARGETS)
    table = pd.read_csv(path, dtype=str)
    chance = np.random.default_rng(seed)
    table["VI_spectype"] = chance.choice(CLASSES, len(table))
    table["VI_z"] = np.where(table["VI_spectype"] == "STAR", 0, chance.uniform(0.1, 1.5, 40))
    table.to_csv(path, index=False)
    return path


def look(folder, name):
    """Answers of somebody who did, the same for all of them."""
    path = write_answers(folder, f"desi-vi_t-minibatch-01_{name}.csv", name, TARGETS)
    table = pd.read_csv(path, dtype=str)
    table["VI_spectype"] = np.resize(CLASSES, len(table))
    table["VI_z"] = np.where(table["VI_spectype"] == "STAR", "0", "0.8")
    table.to_csv(path, index=False)
    return path


def test_an_inspector_who_guesses_is_named(tmp_path):
    paths = look(tmp_path, "Ann"), look(tmp_path, "Bob"), guess(tmp_path, "Cy", 1)
    labels, _, report = merged(*paths, batch=TARGETS)
    assert [doubt.split(" agree")[0] for doubt in report["doubts"]] == ["Ann and Cy", "Bob and Cy"]
    # What they guessed wrong goes to an adjudicator and teaches nothing.
    agreed = labels["STATUS"] == "accepted"
    assert agreed.sum() < 25
    assert (labels["STATUS"][~agreed] == "conflict").all()
    page = "".join(round_report.agreement(report))
    assert page.count('class="warning"') == 2


def test_inspectors_who_look_raise_no_doubt(tmp_path):
    _, _, report = merged(look(tmp_path, "Ann"), look(tmp_path, "Bob"), batch=TARGETS)
    assert report["doubts"] == []


def test_one_who_guesses_alone_is_betrayed_by_repeats(tmp_path):
    first = guess(tmp_path, "Cy", 1)
    again = guess(tmp_path, "Cy", 2).rename(tmp_path / "desi-vi_t-minibatch-02_Cy.csv")
    first = guess(tmp_path, "Cy", 1)
    (doubt,) = merged(first, again, batch=TARGETS)[2]["doubts"]
    assert doubt.startswith("Cy gave another class to")


@pytest.mark.parametrize("count", [4, 30])
def test_a_member_that_learnt_nothing_is_named(count):
    chance = np.random.default_rng(0)
    truth = chance.integers(0, 3, 500)
    classes = np.where(chance.random((count, 500)) < 0.9, truth, (truth + 1) % 3)
    assert members(classes, truth)["odd_members"] == []
    classes[2] = chance.integers(0, 3, 500)
    found = members(classes, truth)
    assert found["odd_members"] == [2]
    assert found["member_accuracy"][2] < 0.5


def test_the_report_warns_of_a_member_with_random_weights():
    """A network that calls everything a quasar, among three that do not."""
    task, chance = registry.TASKS["quasar"], np.random.default_rng(2)
    spectra = chance.normal(size=(60, 443)).astype(np.float32)
    labels = pool.labels(60, "test")
    labels["SPECTYPE"] = "STAR"
    calm = [quiet(random_network(seed=seed), -20) for seed in range(3)]
    networks = [*calm, quiet(random_network(seed=9), 20)]
    found = task.evaluate(networks, spectra, labels, Classification())
    assert found["odd_members"] == [3]
    told = {"members": 4, "training_spectra": 9, "labels_of_rounds": 0, "doubted": 0} | found
    page = "".join(round_report.ensemble(task, told | {"round": 1}))
    assert page.count('class="warning"') == 1
    assert "Member 03 classifies 0 % of it correctly" in page


def quiet(network, bias):
    """The network with `bias` on all its confidences' logits."""
    heads = [replace(head, bias=head.bias + np.float32(bias)) for head in network.boxes]
    return replace(network, boxes=heads)


def test_a_training_that_diverges_is_named(program, tmp_path):
    labels, catalog = pool.labels(64, "test"), pool.catalog(64, "test")
    labels["TARGETID"] = catalog["TARGETID"] = np.arange(64)
    labels["SPECTYPE"], labels["Z"] = "QSO", 2.2
    spectra = np.random.default_rng(1).normal(size=(64, 443)).astype(np.float32)
    pool.write(tmp_path / "training.fits", spectra, catalog, grid.LOG, labels)
    result = program(
        "train_members.py", "--training", tmp_path / "training.fits", "--members", 0,
        "--layers", 4, "--filters", 4, "--epochs", 3, "--batch-size", 16,
        "--learning-rate", 1e38, "--checkpoints", tmp_path / "work", "--output", tmp_path / "o.h5",
    )  # fmt: skip
    assert result.returncode == 1, result.stderr
    assert "member-00: FloatingPointError: the loss of epoch" in result.stderr
    assert not (tmp_path / "o.h5").exists()


@pytest.mark.slow
def test_wrong_labels_are_found_in_the_training_set(survey, training):
    """One label in ten is wrong; most of those that no member agrees with are among them."""
    _, spectra, labels = survey
    recipe = training.Recipe(**QUICK)
    chance, task = np.random.default_rng(5), registry.TASKS["quasar"]
    flipped = chance.random(len(labels)) < 0.1
    wrong, quasar = labels.copy(), labels["SPECTYPE"] == "QSO"
    wrong["SPECTYPE"][flipped] = np.where(quasar[flipped], "STAR", "QSO")
    wrong["Z"][flipped] = np.where(quasar[flipped], 0, chance.uniform(0.5, 3, flipped.sum()))
    data, quiet = Labelled(spectra, wrong, grid.LOG), {"report": lambda *line: None}
    networks = [task.train_members(data, recipe, [[1, m]], **quiet)[0][0] for m in range(3)]
    found = task.disputed(networks, spectra, wrong, Classification(c_thresh=0.5))
    precision = flipped[found].mean()
    recall = flipped[found].sum() / flipped.sum()
    print(len(found), precision, recall)
    assert precision > 0.5
    assert recall > 0.3
