"""Trust: files and names run nothing, nobody sees the truth, no judge is a teacher."""

import base64
import json
import marshal
import pickle
import re
import shlex
import subprocess
from pathlib import Path

import fitsio
import h5py
import numpy as np
import pytest
import yaml

import assemble_training
import assemble_validation
from helpers import corpus, samples
from helpers.networks import random_network
from helpers.paths import PYTHON, ROOT
from quasarnet_al.core.files import InputError
from quasarnet_al.inspection import pages
from quasarnet_al.inspection.record import spectrum
from quasarnet_al.network import weights
from quasarnet_al.spectra import desi, pool
from quasarnet_al.spectra.grid import LOG
from quasarnet_al.workflow import config


def test_byte_code_in_weights_is_never_run(tmp_path, monkeypatch):
    """The Lambda layers of published files carry byte code; here it would make a folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "w.h5"
    weights.write_network(path, random_network(), {})

    def bomb():
        import os

        os.mkdir("unpickled")

    for code in (pickle.dumps(corpus.Bomb()), marshal.dumps(bomb.__code__)):
        with h5py.File(path, "r+") as file:
            config = json.loads(file.attrs["model_config"])
            text = base64.encodebytes(code).decode()
            for layer in config["config"]["layers"]:
                if layer["class_name"] == "Lambda":
                    layer["config"] |= {"function": [text, None, None], "function_type": "lambda"}
                    layer["config"] |= {"module": "os", "registered_name": "os>system"}
            file.attrs["model_config"] = json.dumps(config)
            file.attrs["training_config"] = np.void(pickle.dumps(corpus.Bomb()))
        with pytest.raises(InputError, match="rescales offsets by an unknown function"):
            weights.read_network(path)
    assert not (tmp_path / "unpickled").exists()


def test_nothing_of_ours_unpickles_or_evaluates():
    source = "".join(p.read_text() for p in (ROOT / "workflow_scripts").rglob("*.py"))
    for word in (
        "import pickle",
        "allow_pickle=True",
        "marshal.load",
        "eval(",
        "exec(",
        "shell=True",
    ):
        assert word not in source
    assert "os.system" not in source
    # Other loaders than a safe one run what they read.
    (loader,) = re.findall(r"yaml\.load\(.*, (\w+)\)", source)
    assert loader == "_Loader" and source.count("yaml.load(") == 1
    assert issubclass(config._Loader, yaml.SafeLoader)


def test_a_config_runs_nothing(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(f"run: !!python/object/apply:os.mkdir ['{tmp_path}/made']\n")
    with pytest.raises(InputError, match="line 1"):
        config.read_yaml(path)
    assert not (tmp_path / "made").exists()


def test_a_source_outside_the_roots_is_not_opened(tmp_path, monkeypatch):
    inside = samples.write_coadd(tmp_path / "root" / "coadd-0-1-thru2.fits", 2)
    outside = samples.write_coadd(tmp_path / "coadd-7-1-thru2.fits", 2)
    monkeypatch.chdir(tmp_path)
    for source in (str(inside), "root/coadd-0-1-thru2.fits", inside.name):
        assert desi.source_path(source, ["root"]) == inside
    (tmp_path / "rootless").mkdir()
    (tmp_path / "rootless" / inside.name).write_bytes(inside.read_bytes())
    (tmp_path / "root" / "secret").touch()
    for source in (
        *(str(outside), f"root/../{outside.name}", f"../{outside.name}", f"rootless/{inside.name}"),
        *("", ".", "..fits", "/etc/passwd", "secret", "root", "a\0b", "coadd-\n"),
    ):
        assert desi.source_path(source, ["root"]) is None


HOSTILE = "</script><img src=x onerror=alert(1)>\"'&"


def test_names_in_tables_are_text_on_the_pages():
    part = {"title": HOSTILE, "href": HOSTILE, "spectra": 1, "answers": {HOSTILE: 1}}
    index = {"title": HOSTILE, "labels_dir": HOSTILE, "command": HOSTILE, "inspectors": 1}
    index |= {"complete": 0.5, "adjudication": True, "closed": False}
    catalog = pool.catalog(1, HOSTILE)
    catalog["SPECTYPE"], catalog["Z"] = "<b>'\"&", 1.0
    import pandas as pd

    row = pd.Series({"VOTE_NOT_QSO": 1.0, "ACQUISITION": HOSTILE, "SCORE": 1.0, "RANK": 1})
    shown = spectrum(row, catalog[0], np.zeros(LOG.size), None)
    common = pages.Common(HOSTILE, labels_dir=HOSTILE)
    for text in (
        pages.render_index(index | {"minibatches": [part]}),
        pages.render_note(HOSTILE, HOSTILE),
        pages.render(pages.page_data(HOSTILE, [shown], common, HOSTILE)),
    ):
        assert "<img src=x" not in text
        assert "<b>'" not in text
        assert text.count("</script>") <= 2


def write_set(path, targetid, objects, spectype="QSO"):
    """Write a labelled set; flux tells the sets apart."""
    catalog = pool.catalog(len(targetid), path.name)
    labels = pool.labels(len(targetid), path.stem)
    catalog["TARGETID"] = labels["TARGETID"] = targetid
    labels["OBJECT"], labels["SPECTYPE"], labels["Z"] = objects, spectype, 2.0
    rng = np.random.default_rng(list(path.stem.encode()))
    pool.write(path, rng.normal(size=(len(targetid), LOG.size)), catalog, LOG, labels)
    return str(path)


def test_no_judge_is_a_teacher(tmp_path):
    """Objects under several TARGETIDs, in several sets, and among the inspected."""
    targetid = np.arange(1, 41)
    first = write_set(tmp_path / "a.fits", targetid, targetid // 2 + 1000)  # two spectra each
    # The same objects by other numbers, and the same numbers by other objects.
    second = write_set(tmp_path / "b.fits", targetid + 500, targetid // 2 + 1000)
    third = write_set(tmp_path / "c.fits", targetid, targetid + 9000)
    others = write_set(tmp_path / "d.fits", targetid + 5000, targetid + 20000, "STAR")
    validation = tmp_path / "validation.fits"
    words = ["--labelled", first, second, third, "--fraction", "0.4", "0", "0", "--seed", "1"]
    assemble_validation.main([*words, "--output", str(validation)])
    judges = pool.read_labelled(validation)[2]
    assert 0 < len(judges) < 40
    # An inspector was asked about some of them all the same.
    batch = write_set(tmp_path / "batch.fits", targetid, targetid)
    table = "".join(f"{t},QSO,2.0,-1,1\n" for t in targetid)
    (tmp_path / "labels.csv").write_text("TARGETID,SPECTYPE,Z,BAL,ACCEPTED\n" + table)
    words = ["--labelled", first, second, third, others, "--batch-pool", batch]
    words += ["--labels", str(tmp_path / "labels.csv"), "--validation", str(validation)]
    assemble_training.main([*words, "--output", str(tmp_path / "training.fits")])
    teachers = pool.read_labelled(tmp_path / "training.fits")[2]
    assert set(teachers["ORIGIN"]) == {"a", "b", "c", "d", "inspection"}
    assert not set(judges["OBJECT"]) & set(teachers["OBJECT"])
    assert not set(judges["TARGETID"]) & set(teachers["TARGETID"])


@pytest.fixture(scope="module")
def dry_run(tmp_path_factory):
    """The commands of a run in a folder, and of files, whose names a shell would act on."""
    folder = tmp_path_factory.mktemp("it's a $(touch owned) run")
    for name in ("Snakefile", "rules", "workflow_scripts", "config", "envs"):
        (folder / name).symlink_to(ROOT / name)
    config = yaml.safe_load((ROOT / "tests/configs/tiny.yaml").read_text())
    truth = 'the truth\'s; touch owned; `touch owned` "x".csv'
    exclude = "not $(touch owned) 'these'.csv"
    for name in (truth, exclude):
        (folder / name).write_text("TARGETID,Z\n")
    config |= {"rounds": 2, "oracle": {"rounds": 2, "truth": truth}}
    config["batch"] |= {"exclude": [exclude]}
    (folder / "my config.yaml").write_text(yaml.safe_dump(config))
    command = [PYTHON, "-m", "snakemake", "--dry-run", "--printshellcmds", "--cores", "1"]
    command += ["--configfile", "my config.yaml"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    lines = result.stdout.replace("\\\n", " ").splitlines()
    found = [shlex.split(line) for line in lines if 'python "$QUASARNET_AL_PROGRAMS' in line]
    assert not (folder / "owned").exists()
    return found, truth, exclude


def test_names_reach_the_programs_as_they_are(dry_run):
    commands, truth, exclude = dry_run
    assert sum(exclude in words for words in commands) == 2
    assert sum(truth in words for words in commands) == 2 * 2
    for words in commands:
        split = [w for w in words if "touch owned" in w and w not in (truth, exclude)]
        # What a batch is chosen by is one word of JSON.
        assert all(json.loads(word)["settings"]["batch"]["exclude"] == [exclude] for word in split)


def test_only_the_oracle_is_told_the_truth(dry_run):
    """And the extraction of the labelled sets, of their own."""
    commands, truth, _ = dry_run
    programs = {Path(words[1]).name for words in commands}
    assert {"select_batch.py", "write_pages.py"} <= programs
    mock = {"simulate_survey.py", "extract_spectra.py"}
    for words in commands:
        if any("truth" in word for word in words[2:]):
            assert Path(words[1]).name in mock | {"answer_by_oracle.py"}
        if truth in words:
            assert Path(words[1]).name == "answer_by_oracle.py"


def test_a_hostile_header_stays_in_one_line(tmp_path):
    path = tmp_path / "pool.fits"
    fitsio.write(str(path), np.zeros((1, 3), "f4"), extname="SPECTRA", header={"GRID": "x\x1b[2J"})
    with pytest.raises(InputError) as error:
        pool.read(path)
    assert "\n" not in str(error.value)
