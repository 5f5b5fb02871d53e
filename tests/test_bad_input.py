"""Bad input: every program that reads a file, with every fault of `corpus`.

Each ends with status 2 and one line on stderr that names the file, the fault and the
remedy; no output and no part of one is left.
"""

import importlib

import pandas as pd
import pytest

from helpers import corpus, samples
from helpers.digits import write_idx
from helpers.networks import random_network
from helpers.programs import end
from quasarnet_al.network import weights

ROWS = 12
#: What is wrong with score tables for those who join them with pool and map, and only them.
UNREAD = ("fewer rows", "other rows")


def but(faults, *names):
    """Leave faults out that do not concern a program: it does not read what is wrong."""
    return {name: fault for name, fault in faults.items() if name not in names}


#: Of each program: its arguments with {input} and @output, and the kinds of its inputs.
PROGRAMS = {
    "extract_spectra": (
        "--coadd {coadd} --truth {truth} --origin x --output @labelled.fits",
        {"coadd": corpus.COADD, "truth": corpus.TRUTH},
    ),
    "extract_spectra.boss": (
        "--boss {spec} --origin x --output @labelled.fits",
        {"spec": corpus.BOSS},
    ),
    "extract_digits": (
        "--images {images} --labels {digits} --count 20 --labelled-count 10 --pool @p.fits "
        "--labelled @l.fits --truth @t.csv",
        {"images": corpus.IDX, "digits": corpus.IDX},
    ),
    "classify_spectra": (
        "--weights {weights} {other_weights} --coadd {coadd} --output @qn.fits",
        {"weights": corpus.WEIGHTS, "other_weights": corpus.WEIGHTS, "coadd": corpus.COADD},
    ),
    "classify_spectra.pool": (
        "--weights {weights} --pool {pool} --output @qn.fits",
        {"pool": corpus.POOL},
    ),
    "pack_ensemble": (
        "--weights {other_weights} {weights} --output @ensemble.h5",
        {"weights": corpus.WEIGHTS},
    ),
    "export_weights": (
        "--trained {ensemble} --output @member-00.h5 @member-01.h5",
        {"ensemble": corpus.WEIGHTS},
    ),
    "fit_som": (
        "--pool {pool} {other_pool} --rows 2 --columns 2 --epochs 1 --output @som.h5",
        {"pool": corpus.POOL, "other_pool": corpus.POOL},
    ),
    "map_spectra": (
        "--som {som} --pool {pool} --output @map.fits",
        {"som": corpus.SOM, "pool": corpus.POOL},
    ),
    "score_spectra": (
        "--ensemble {ensemble} --pool {pool} --output @scores.fits",
        {"ensemble": corpus.WEIGHTS, "pool": corpus.POOL},
    ),
    "select_batch": (
        "--scores {scores} --map {map} --pool {pool} --som {som} --labelled {old_labels} {set} "
        "--exclude {targets} --outliers both --percentile 0 --error-percentile 100 "
        "--size 2 --minibatch 1 --batch @batch.csv --batch-pool @batch.fits "
        "--selection @selection.fits --summary @selection.json",
        {
            "scores": corpus.SCORES,
            "map": corpus.MAP,
            "pool": corpus.POOL,
            "som": but(corpus.SOM, "another grid"),
            "old_labels": corpus.TARGETS,
            # Of labelled sets the TARGETIDs alone.
            "set": but(corpus.FITS, "cut late") | {"no TARGETID": corpus.LABELLED["no TARGETID"]},
            "targets": corpus.TARGETS,
        },
    ),
    "write_pages": (
        "--batch {batch} --batch-pool {batch_pool} --som {som} --title-prefix t "
        "--input-root {folder} --output-dir @pages",
        {"batch": corpus.BATCH_SHOWN, "batch_pool": corpus.POOL, "som": corpus.SOM},
    ),
    "write_adjudication": (
        "--batch {batch} --batch-pool {batch_pool} --title-prefix t "
        "--labels {labels} --output-dir @pages",
        {"labels": corpus.OURS},
    ),
    "answer_by_oracle": (
        "--batch {batch} --truth {truth} --minibatch 1 --title t --output @answers.csv",
        {"batch": corpus.BATCH, "truth": corpus.TRUTH},
    ),
    "merge_labels": (
        "--batch {batch} --vi {vi} --output @labels.csv --refused @refused.csv "
        "--agreement @agreement.json",
        {"batch": corpus.BATCH, "vi": corpus.VI},
    ),
    "assemble_training": (
        "--labelled {set} --batch-pool {batch_pool} --labels {labels} "
        "--validation {validation} --output @training.fits",
        {
            "set": corpus.LABELLED,
            "batch_pool": corpus.POOL,
            "labels": corpus.LABELS,
            "validation": corpus.LABELLED,
        },
    ),
    "assemble_validation": (
        "--labelled {set} --fraction 1 --output @validation.fits",
        {"set": corpus.LABELLED},
    ),
    "train_members": (
        "--training {set} --validation {validation} --members 0 --checkpoints @train "
        "--output @trained.h5",
        {"set": corpus.LABELLED, "validation": corpus.LABELLED},
    ),
    "evaluate_ensemble": (
        "--ensemble {ensemble} --validation {validation} --training {set} --round 1 "
        "--output @metrics.json",
        {"ensemble": corpus.WEIGHTS, "validation": corpus.LABELLED, "set": corpus.LABELLED},
    ),
    "compare_weights": (
        "--candidate {weights} --incumbent {other_weights} --validation {validation} "
        "--pool {pool} --sky {other_pool} --least 1 --table @gate.csv --changes @changes.csv "
        "--figure @gate.png --verdict @verdict.json",
        {
            "weights": corpus.WEIGHTS,
            "other_weights": corpus.WEIGHTS,
            "validation": corpus.LABELLED,
            "pool": corpus.POOL,
            "other_pool": corpus.POOL,
        },
    ),
    "choose_release": (
        "--trained {trained} --validation {validation} --output @w.h5 --summary @s.json",
        {"trained": corpus.WEIGHTS, "validation": corpus.LABELLED},
    ),
    "write_catalog": (
        "--tables {qn} --output @catalog.fits",
        {"qn": corpus.QN},
    ),
    "check_release": (
        "--weights {weights} --labelled {set} --table @check.csv --spectra @spectra.csv",
        {"weights": corpus.WEIGHTS, "set": corpus.LABELLED},
    ),
    "compare_variants": (
        "--variants a --trained {ensemble} --validation {validation} --seeds @a.csv "
        "--table @b.csv --figure @c.png",
        {"ensemble": corpus.WEIGHTS, "validation": corpus.LABELLED},
    ),
    "compare_redshifts": (
        "--scores {scores} --truth {truth} --output @redshifts.csv",
        {
            "scores": but(corpus.SCORES, *UNREAD, "no ENTROPY", "a score NaN", "a score text"),
            "truth": corpus.TRUTH,
        },
    ),
    "advise_stopping": (
        "--batch {batch} --labels {labels} --scores {scores} --metrics {metrics} "
        "--output @stopping.json",
        {
            "batch": corpus.BATCH,
            "labels": corpus.LABELS,
            "scores": but(corpus.SCORES, *UNREAD, "no TARGETID"),
            "metrics": corpus.JSON,
        },
    ),
    "judge_weights": ("--verdict {verdict}", {"verdict": corpus.JSON}),
}


def arguments(program, given, out):
    return [
        str(out / word[1:]) if word.startswith("@") else word.format(**given)
        for word in PROGRAMS[program][0].split()
    ]


def run(program, given, folder, capsys=None):
    """Run a program that must end well; return the folder of its outputs."""
    folder.mkdir(parents=True, exist_ok=True)
    main = importlib.import_module(program.split(".")[0]).main
    main(arguments(program, given, folder))
    return folder


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A good file for every input, made by the programs themselves."""
    folder = tmp_path_factory.mktemp("a good run")
    given = {"folder": folder, "coadd": samples.write_coadd(folder / "coadd-0-1-thru2.fits", ROWS)}
    given["other_coadd"] = samples.write_coadd(folder / "coadd-1-1-thru2.fits", ROWS)
    samples.write_redrock(folder / "redrock-0-1-thru2.fits", samples.fibermap(ROWS)["TARGETID"])
    targetid = samples.fibermap(ROWS)["TARGETID"]
    table = pd.DataFrame({"TARGETID": targetid, "SPECTYPE": "QSO", "Z": 2.5, "BAL": 0})
    table.loc[3:6, ["SPECTYPE", "Z"]] = ["STAR", 0.0]
    given["truth"] = folder / "truth.csv"
    table.to_csv(given["truth"], index=False)
    networks = [random_network(layers=3, seed=seed) for seed in (0, 1)]
    for name, network in zip(("weights", "other_weights"), networks, strict=True):
        given[name] = folder / f"{network.name}.h5"
        weights.write_network(given[name], network, {})
    given["trained"] = folder / "trained.h5"
    losses = [replace_attributes(network) for network in networks]
    weights.pack(given["trained"], losses, {})
    given["set"] = given["validation"] = run("extract_spectra", given, folder) / "labelled.fits"
    other = targetid + 1000
    validation = samples.fibermap(ROWS)
    validation["TARGETID"] = other
    validation["TARGET_RA"] += 20
    samples.write_coadd(folder / "coadd-2-1-thru2.fits", table=validation, rows=ROWS)
    table.assign(TARGETID=other).to_csv(folder / "truth-2.csv", index=False)
    more = {"coadd": folder / "coadd-2-1-thru2.fits", "truth": folder / "truth-2.csv"}
    given["validation"] = run("extract_spectra", given | more, folder / "2") / "labelled.fits"
    given["pool"] = folder / "pool.fits"
    given["other_pool"] = folder / "other_pool.fits"
    extract = importlib.import_module("extract_spectra").main
    extract(["--coadd", str(given["coadd"]), "--output", str(given["pool"])])
    extract(["--coadd", str(given["other_coadd"]), "--output", str(given["other_pool"])])
    given["spec"] = samples.write_spec(folder / "spec-3655-55240-0002.fits")
    (given["images"], given["digits"]), *_ = write_idx(folder)
    given["ensemble"] = run("pack_ensemble", given, folder) / "ensemble.h5"
    given["som"] = run("fit_som", given, folder) / "som.h5"
    given["map"] = run("map_spectra", given, folder) / "map.fits"
    given["scores"] = run("score_spectra", given, folder) / "scores.fits"
    given["qn"] = run("classify_spectra", given, folder) / "qn.fits"
    given["targets"] = folder / "targets.csv"
    given["targets"].write_text("TARGETID,STATUS\n5,accepted\n6,not inspected\n")
    old = pd.DataFrame({"TARGETID": [7], "SPECTYPE": "QSO", "Z": 2.0, "BAL": 0, "ACCEPTED": 1})
    given["old_labels"] = folder / "old_labels.csv"
    old.to_csv(given["old_labels"], index=False)
    run("select_batch", given | {"set": given["validation"]}, folder)
    given |= {"batch": folder / "batch.csv", "batch_pool": folder / "batch.fits"}
    batch = pd.read_csv(given["batch"])["TARGETID"]
    given["vi"] = folder / "desi-vi_t-minibatch-01_Ann.csv"
    vi = pd.DataFrame({"TARGETID": batch, "VI_scanner": "Ann", "VI_quality": 4, "VI_issue": ""})
    vi.assign(VI_z=2.5, VI_spectype="QSO", VI_comment="").to_csv(given["vi"], index=False)
    given["labels"] = run("merge_labels", given, folder) / "labels.csv"
    given["metrics"] = run("evaluate_ensemble", given, folder) / "metrics.json"
    given["verdict"] = run("compare_weights", given, folder) / "verdict.json"
    return given


def replace_attributes(network):
    from dataclasses import replace

    return replace(network, attributes={"validation_loss": "0.5"})


CASES = [
    (program, name, fault)
    for program, (_, inputs) in PROGRAMS.items()
    for name, faults in inputs.items()
    for fault in faults
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_good_input_ends_well(program, good, tmp_path, capsys, monkeypatch):
    """Or what follows would prove nothing."""
    given = dict(good)
    if program == "select_batch":
        given["set"] = good["validation"]
    if program == "train_members":
        pytest.skip("trains: see test_training")
    status, _, err = end(
        program, arguments(program, given, tmp_path), tmp_path, capsys, monkeypatch
    )
    assert status in (0, 1) if program == "judge_weights" else status == 0, err


@pytest.mark.parametrize(("program", "name", "fault"), CASES)
def test_bad_input_ends_in_one_line(program, name, fault, good, tmp_path, capsys, monkeypatch):
    given = dict(good)
    if program == "select_batch":
        given["set"] = good["validation"]
    bad = tmp_path / "input" / good[name].name
    bad.parent.mkdir()
    PROGRAMS[program][1][name][fault](given[name], bad)
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
