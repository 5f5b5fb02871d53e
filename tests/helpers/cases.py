"""Every program, its arguments, and a good file for each of its inputs."""

import importlib
from dataclasses import replace
from pathlib import Path

import pandas as pd

from helpers import corpus, samples
from helpers.digits import network as digit_network
from helpers.digits import write_idx
from helpers.networks import random_network
from quasarnet_al.core.files import write_json, write_text
from quasarnet_al.mock import survey
from quasarnet_al.network import weights
from quasarnet_al.tasks.registry import TASKS

ROWS = 12
#: What is wrong with score tables for those who join them with pool and map, and only them.
UNREAD = ("fewer rows", "other rows")


def but(faults, *names):
    """Leave faults out that do not concern a program: it does not read what is wrong."""
    return {name: fault for name, fault in faults.items() if name not in names}


def few(faults, every=6):
    """Leave most of the faults to other programs: this one takes seconds."""
    return dict(list(faults.items())[::every])


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
    "classify_spectra.afterburner": (
        "--weights {ensemble} --coadd {coadd} --format afterburner --output @qso_qn.fits",
        {},
    ),
    "classify_spectra.boss": (
        "--weights {weights} --boss {spec} --output @qn.fits",
        {"spec": corpus.BOSS},
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
    "check_pool": (
        "--pool {pool} {other_pool} --output @files.csv",
        # Of pool files the headers alone.
        {"pool": corpus.FITS, "other_pool": {"no SPECTRA": corpus.POOL["no SPECTRA"]}},
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
        "--training {set} --validation {validation} --start {weights} --layers 3 --filters 6 "
        "--members 0 --checkpoints @train --output @trained.h5",
        {"set": corpus.LABELLED, "validation": corpus.LABELLED, "weights": corpus.WEIGHTS},
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
            "scores": but(corpus.SCORES, *UNREAD, "no TARGETID", "TARGETID a double"),
            "metrics": corpus.JSON,
        },
    ),
    "judge_weights": ("--verdict {verdict}", {"verdict": corpus.JSON}),
    "report_round": (
        "--run t --metrics {metrics} --summary {summary} --selection {selection} "
        "--scores {scores} --map {map} --pool {pool} --som {som} --batch {batch} "
        "--batch-pool {batch_pool} --sets {set} "
        "--labels {labels} --agreement {agreement} --stopping {stopping} --flaws {flaws} "
        "--benchmarks {folder} --seed 1 --output @report.html",
        {
            "metrics": corpus.JSON,
            "summary": corpus.JSON,
            "selection": corpus.SELECTION,
            "scores": but(corpus.SCORES, "no ENTROPY", "a score NaN", "a score text"),
            "map": corpus.MAP,
            "som": corpus.SOM,
            "batch": corpus.BATCH,
            "batch_pool": corpus.POOL,
            # The figures are drawn by then: a few of the faults.
            "labels": few(corpus.LABELS),
            "agreement": corpus.JSON,
            "stopping": corpus.JSON,
            "flaws": corpus.PLAIN_CSV,
        },
    ),
    "report_run": (
        "--run t --metrics {metrics} --summaries {summary} --agreements {agreement} "
        "--stopping {stopping} --pool {pool} --sets {set} "
        "--curve @curve.csv --figure @curve.png --report @report.html",
        {
            "metrics": corpus.JSON,
            "summary": corpus.JSON,
            # Any keys are shown.
            "agreement": but(corpus.JSON, "another"),
            "stopping": but(corpus.JSON, "another"),
        },
    ),
    "run_arm": (
        "--arm random --acquisition random --seed 1 --rounds 1 --size 2 --start {ensemble} "
        "--training {set} --validation {validation} --pool {pool} --map {map} --som {som} "
        "--truth {truth} --output @curve.csv",
        {
            "ensemble": corpus.WEIGHTS,
            "set": corpus.LABELLED,
            "validation": corpus.LABELLED,
            "pool": corpus.POOL,
            "map": corpus.MAP,
            "som": but(corpus.SOM, "another grid"),
            "truth": corpus.TRUTH,
        },
    ),
    "compare_arms": (
        "--curves {curve} --arms @arms.csv --figure @arms.png --output @ratios.csv",
        {"curve": corpus.CURVE},
    ),
    "draw_digits": (
        "--scores {digit_scores} --pool {digit_pool} --selection {digit_selection} "
        "--truth {digit_truth} --table @digits.csv --figure @digits.png",
        {
            "digit_scores": corpus.SCORES,
            "digit_pool": corpus.POOL,
            "digit_selection": corpus.SELECTION,
            "digit_truth": corpus.TRUTH,
        },
    ),
    "judge_outliers": (
        "--selection {mock_selection} --pool {mock_pool} --input-root {mock} "
        "--output @outliers.csv",
        {
            "mock_selection": corpus.SELECTION,
            "mock_pool": but(corpus.POOL, *corpus.PIXELS),
        },
    ),
    "archive_run": (
        "--files {scores} {labels} --output @archive.tar",
        # Any file is kept as it is.
        {"labels": {name: corpus.ANYTHING[name] for name in corpus.UNREADABLE}},
    ),
    "publish_pages": (
        "--files {scores} {labels} --root / --output-dir @published",
        {"labels": {name: corpus.ANYTHING[name] for name in corpus.UNREADABLE}},
    ),
    "simulate_survey": (
        "--output @survey --tiles 1 --targets-per-petal 4 --fractions {fractions}",
        {"fractions": corpus.JSON},
    ),
    "estimate_cost": (
        "--configfile {config} --benchmarks {benchmarks}",
        {"config": corpus.CONFIG},
    ),
}
#: They train for long where their input is good, and have tests of their own.
TRAINING = ("train_members", "run_arm")


def arguments(program, given, out):
    return [
        str(out / word[1:]) if word.startswith("@") else word.format(**given)
        for word in PROGRAMS[program][0].split()
    ]


def inputs(program, good):
    """Return the good files of a program's inputs, by name."""
    # What is labelled already is never selected.
    return good | ({"set": good["validation"]} if program == "select_batch" else {})


def run(program, given, folder):
    """Run a program that must end well; return the folder of its outputs."""
    folder.mkdir(parents=True, exist_ok=True)
    main = importlib.import_module(program.split(".")[0]).main
    main(arguments(program, given, folder))
    return folder


def make_good(folder: Path) -> dict[str, Path]:
    """Write a good file for every input into `folder`, by the programs themselves."""
    folder.mkdir(exist_ok=True)
    given = {"folder": folder, "coadd": samples.write_coadd(folder / "coadd-0-1-thru2.fits", ROWS)}
    given["other_coadd"] = samples.write_coadd(folder / "coadd-1-1-thru2.fits", ROWS)
    samples.write_redrock(folder / "redrock-0-1-thru2.fits", samples.fibermap(ROWS)["TARGETID"])
    targetid = samples.fibermap(ROWS)["TARGETID"]
    table = pd.DataFrame({"TARGETID": targetid, "SPECTYPE": "QSO", "Z": 2.5, "BAL": 0})
    table.loc[3:6, ["SPECTYPE", "Z"]] = ["STAR", 0.0]
    given["truth"] = folder / "truth.csv"
    table.to_csv(given["truth"], index=False)
    # As many units as a recipe has, so that a training can start from them.
    networks = [random_network(layers=3, units=100, seed=seed) for seed in (0, 1)]
    for name, network in zip(("weights", "other_weights"), networks, strict=True):
        given[name] = folder / f"{network.name}.h5"
        weights.write_network(given[name], network, {})
    given["trained"] = folder / "trained.h5"
    losses = [replace(network, attributes={"validation_loss": "0.5"}) for network in networks]
    weights.pack(given["trained"], losses, {})
    given["set"] = given["validation"] = run("extract_spectra", given, folder) / "labelled.fits"
    other = targetid + 1000
    validation = samples.fibermap(ROWS)
    validation["TARGETID"] = other
    validation["TARGET_RA"] += 20
    validation["TARGET_RA"] += 90  # other objects, at other places
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
    run("select_batch", inputs("select_batch", given), folder)
    given |= {"batch": folder / "batch.csv", "batch_pool": folder / "batch.fits"}
    given |= {"selection": folder / "selection.fits", "summary": folder / "selection.json"}
    batch = pd.read_csv(given["batch"])["TARGETID"]
    given["vi"] = folder / "desi-vi_t-minibatch-01_Ann.csv"
    vi = pd.DataFrame({"TARGETID": batch, "VI_scanner": "Ann", "VI_quality": 4, "VI_issue": ""})
    vi.assign(VI_z=2.5, VI_spectype="QSO", VI_comment="").to_csv(given["vi"], index=False)
    given["labels"] = run("merge_labels", given, folder) / "labels.csv"
    given["agreement"] = folder / "agreement.json"
    given["metrics"] = run("evaluate_ensemble", given, folder) / "metrics.json"
    given["verdict"] = run("compare_weights", given, folder) / "verdict.json"
    given["stopping"] = run("advise_stopping", given, folder) / "stopping.json"
    given["curve"] = folder / "curve.csv"
    rows = [f"{arm},{seed},{n},0.{n}" for arm in ("random", "a") for seed in (0, 1) for n in (1, 5)]
    given["curve"].write_text("\n".join(["arm,seed,labels,average_precision", *rows, ""]))
    given["fractions"] = folder / "fractions.json"
    write_json(given["fractions"], survey.MIXES["survey"])
    given["config"] = folder / "config.yaml"
    given["config"].write_text(CONFIG)
    given["benchmarks"] = folder / "benchmarks"
    for rule in ("extract_spectra", "fit_som", "map_spectra", "train_members", "score_spectra"):
        write_text(given["benchmarks"] / f"{rule}.jsonl", '{"s": 2.5, "max_rss": 100.0}\n')
    given |= _digits(given, folder / "digits") | _mock(given, folder / "mock")
    given["flaws"] = run("judge_outliers", given, folder) / "outliers.csv"
    return given


#: Of a run that reads nothing but its config.
CONFIG = """
run: t
mock: {pool: {tiles: [1]}, old: {tiles: [2]}}
pool: {sources: [{survey: pool}]}
labelled: {old: {survey: old, validation: 0.4}}
"""


def _select(given, folder):
    """Select a batch of two; return why each spectrum was chosen or not."""
    words = "--scores {scores} --map {map} --pool {pool} --som {som} --outliers none --size 2 "
    words += "--minibatch 1 --batch {out}/b.csv --batch-pool {out}/b.fits "
    words += "--selection {out}/selection.fits --summary {out}/s.json"
    words = [word.format(**given, out=folder) for word in words.split()]
    importlib.import_module("select_batch").main(words)
    return folder / "selection.fits"


def _digits(given, folder):
    """Files of the digits' task."""
    run("extract_digits", given, folder)
    made = {"pool": folder / "p.fits", "ensemble": folder / "ensemble.h5"}
    members = [digit_network(name="member-00"), digit_network(shift=1, name="member-01")]
    weights.pack(made["ensemble"], members, {}, TASKS["mnist"].layout)
    made["som"] = run("fit_som", made | {"other_pool": made["pool"]}, folder) / "som.h5"
    made["map"] = run("map_spectra", made, folder) / "map.fits"
    words = arguments("score_spectra", made, folder)
    importlib.import_module("score_spectra").main([*words, "--task", "mnist"])
    made["scores"] = folder / "scores.fits"
    made["selection"] = _select(made, folder)
    names = ("scores", "pool", "selection")
    return {f"digit_{name}": made[name] for name in names} | {"digit_truth": folder / "t.csv"}


def _mock(given, folder):
    """Files of a mock survey, whose spectra have known flaws."""
    run("simulate_survey", given, folder)
    made = {"pool": folder / "pool.fits", "som": given["som"], "ensemble": given["ensemble"]}
    words = ["--input-root", f"{folder}/survey", "--tile", "1/20260101", "--targets", "all"]
    importlib.import_module("extract_spectra").main([*words, "--output", str(made["pool"])])
    made["map"] = run("map_spectra", made, folder) / "map.fits"
    made["scores"] = run("score_spectra", made, folder) / "scores.fits"
    selection = _select(made, folder)
    return {"mock": folder / "survey", "mock_pool": made["pool"], "mock_selection": selection}
