"""Tasks: one interface for quasars and digits."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import assemble_validation
import merge_labels
from helpers.paths import ROOT
from helpers.tasks import RECIPE, examples
from quasarnet_al.core.files import InputError
from quasarnet_al.inspection import vi
from quasarnet_al.learning import acquisition
from quasarnet_al.network import weights
from quasarnet_al.network.lines import CLASSES, Z_SPLIT, Classification
from quasarnet_al.spectra import pool
from quasarnet_al.tasks import digits, team
from quasarnet_al.tasks.registry import TASKS
from quasarnet_al.tasks.task import Labelled


def test_names_agree_with_the_modules():
    assert TASKS["quasar"].classes == CLASSES
    assert TASKS["quasar"].spectypes == vi.SPECTYPES
    assert TASKS["mnist"].classes == digits.CLASSES
    for task in TASKS.values():
        assert set(task.needed) <= set(task.spectypes)
    assert Classification() == Classification(0.95, 1, Z_SPLIT, 0.5)


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_a_loop_in_memory(name, tmp_path, training):
    """Train, score, evaluate, the network kept in a file on the way."""
    task, grid, spectra, labels = examples(name)
    data = Labelled(spectra, labels, grid)
    session = training.Session([1], report=lambda *line: None)
    [(network, history)] = task.train([data], RECIPE[name], session, data.rows(np.arange(20)))
    assert history[-1]["epoch"] == RECIPE[name].epochs
    assert "validation_loss" in history[0]
    path = tmp_path / "member-01.h5"
    weights.write_network(path, network, {"seed": 1}, task.layout)
    networks = [weights.read_network(path, task.layout)]
    columns = task.score(networks, spectra, labels["TARGETID"], Classification(), seed=3)
    assert set(map(acquisition.column, acquisition.NAMES)) < set(columns)
    votes = np.array([columns[f"VOTE_{k}"] for k in task.classes])
    np.testing.assert_allclose(votes.sum(axis=0), 1, rtol=1e-6)
    metrics = task.evaluate(networks, spectra, labels, Classification())
    assert set(task.headline) <= set(metrics)
    assert task.details(metrics)
    if name == "mnist":
        assert metrics["accuracy"] > 0.9
        kernels = [
            network.layers[0].kernel
            for bootstrap in (True, False, True)
            for network, _ in task.train_members(
                data, RECIPE[name], [[2, 0]], bootstrap, report=lambda *line: None
            )
        ]
        assert np.array_equal(kernels[0], kernels[2])
        assert not np.array_equal(kernels[0], kernels[1])


def test_scoring_needs_no_tensorflow():
    """Nor does anything else that the rules and programs ask of a task."""
    code = """
import sys
sys.modules.update(tensorflow=None, keras=None)
from quasarnet_al.tasks.registry import TASKS
from quasarnet_al.tasks.task import Labelled
from quasarnet_al.report.tasks import DRAWINGS
assert DRAWINGS.keys() == TASKS.keys()
for task in TASKS.values():
    task.layout
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT / "workflow_scripts", check=True)


def test_properties_come_without_the_modules():
    """The Snakefile asks for them whenever it is read, on every node."""
    code = """
import sys
from quasarnet_al.tasks.registry import TASKS
from quasarnet_al.tasks.task import Labelled
assert TASKS["mnist"].pages is False
heavy = {"pandas", "h5py", "fitsio", "matplotlib", "tensorflow"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT / "workflow_scripts", check=True)


def answers(path, rows):
    table = pd.DataFrame(rows, columns=["TARGETID", "VI_z", "VI_spectype"])
    table = table.assign(VI_scanner="Ann", VI_quality=4, VI_issue="", VI_comment="")
    vi.write_vi(path, table)


def test_labels_say_what_the_task_allows(tmp_path):
    """A digit has a class and no redshift; a quasar has both."""
    answers(tmp_path / "a.csv", [(1, None, "3"), (2, None, "QSO"), (3, 2.2, "QSO")])
    batch = pd.DataFrame({"TARGETID": [1, 2, 3], "MINIBATCH": 1})
    batch.to_csv(tmp_path / "batch.csv", index=False)
    accepted = {}
    for name in TASKS:
        folder = tmp_path / name
        arguments = ["--task", name, "--batch", tmp_path / "batch.csv", "--vi", tmp_path / "a.csv"]
        arguments += ["--output", folder / "labels.csv", "--refused", folder / "refused.csv"]
        merge_labels.main(list(map(str, [*arguments, "--agreement", folder / "agreement.json"])))
        labels = pd.read_csv(folder / "labels.csv", dtype=str)
        accepted[name] = labels["TARGETID"][labels["ACCEPTED"] == "1"].tolist()
        refused = pd.read_csv(folder / "refused.csv")
        assert len(refused) == 3 - len(accepted[name])
    assert accepted == {"quasar": ["3"], "mnist": ["1"]}


def test_validation_needs_every_class(tmp_path):
    _, grid, spectra, labels = examples("mnist")
    here = labels["SPECTYPE"] != "4"
    catalog = pool.catalog(int(here.sum()))
    catalog["TARGETID"] = labels["TARGETID"][here]
    pool.write(tmp_path / "set.fits", spectra[here], catalog, grid, labels[here])
    arguments = ["--labelled", str(tmp_path / "set.fits"), "--fraction", "1"]
    arguments += ["--output", str(tmp_path / "validation.fits")]
    with pytest.raises(InputError, match="no 4"):
        assemble_validation.main(["--task", "mnist", *arguments])


def test_members_start_from_one_file_or_one_each():
    assert team.starts([3, 4], []) == {}
    assert team.starts([3, 4], ["a"]) == {3: "a", 4: "a"}
    assert team.starts([3, 4], ["a", "b"]) == {3: "a", 4: "b"}
    with pytest.raises(InputError, match="one of 2 files that 3 members"):
        team.starts([3, 4, 5], ["a", "b"])
