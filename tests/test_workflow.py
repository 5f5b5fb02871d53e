"""The workflow with real Snakemake, on a mock survey as small as can be."""

import dataclasses
import json
import os
import re
import shutil
import subprocess

import fitsio
import numpy as np
import pandas as pd
import pytest
import yaml

from helpers.paths import ROOT
from helpers.workflow import CONFIG, checkout, digests, snakemake, times
from quasarnet_al.network import weights
from quasarnet_al.spectra import pool

pytestmark = [pytest.mark.workflow, pytest.mark.slow]
#: Checks of the gate that are shares.
SHARES = (
    *("completeness", "purity", "catastrophic", "completeness_at_purity", "class_changed"),
    *("repeat_class", "repeat_redshift", "sky"),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The whole tiny run: a round of the oracle's, and the pages of the next."""
    folder = checkout(tmp_path_factory.mktemp("run"))
    result = snakemake(folder)
    return folder, result


def test_it_ends_with_what_to_do_next(run):
    folder, result = run
    assert "round 2 waits for labels of the minibatches 01, 02" in result.stdout + result.stderr
    assert "labels/tiny/round-02/" in result.stdout + result.stderr
    for name in (
        "round-01/weights/member-00.h5",
        "round-01/ensemble.h5",
        "round-01/scores/1.fits",
        "round-01/batch.csv",
        "round-01/labels.csv",
        "round-01/metrics.json",
        "round-01/report.html",
        "round-02/inspect/minibatch-02.html",
        "round-02/report.html",
        "learning_curve.csv",
        "report.html",
    ):
        assert (folder / "results/tiny" / name).exists(), name
    assert not (folder / "results/tiny/round-03").exists()


def test_second_run_does_nothing(run):
    folder, _ = run
    assert "Nothing to be done" in snakemake(folder, "--dry-run").stdout


def test_pool_is_joined_to_its_sources(run):
    folder, _ = run
    truth = pd.read_csv(folder / "results/tiny/mock/pool/truth.csv", index_col="TARGETID")
    _, catalog = pool.read(folder / "results/tiny/pool/1.fits")
    assert np.isin(catalog["TARGETID"], truth.index).all()
    assert (truth.loc[catalog["TARGETID"], "SPECTYPE"] != "SKY").all()


def test_truth_stays_out(run):
    """No validation target in training, no target twice, labels only of the batch."""
    folder, _ = run
    results = folder / "results/tiny"
    validation = set(pool.read_catalog(results / "validation.fits")["TARGETID"])
    assert validation
    batches = []
    for number in ("01", "02"):
        training = pool.read_labelled(results / f"round-{number}/training.fits")[2]
        assert not validation & set(training["TARGETID"])
        batches.append(set(pd.read_csv(results / f"round-{number}/batch.csv")["TARGETID"]))
        assert not validation & batches[-1]
        inspected = training["TARGETID"][training["ORIGIN"] == "inspection"]
        assert set(inspected) <= set().union(*batches[:-1])
    assert not batches[0] & batches[1]
    labels = pd.read_csv(results / "round-01/labels.csv")
    assert set(labels["TARGETID"]) == batches[0]


def test_select_cannot_see_the_oracle(run):
    """The graph before the labels has no edge from the truth but through the coadds."""
    folder, _ = run
    text = snakemake(folder, "results/tiny/round-01/batch.csv", "--rulegraph").stdout
    rules = dict(re.findall(r'(\d+)\[label = "(\w+)"', text))
    assert "answer_by_oracle" not in rules.values()
    edges = [{rules[one], rules[two]} for one, two in re.findall(r"(\d+) -> (\d+)", text)]
    beside_the_truth = set().union(*(edge for edge in edges if "simulate_survey" in edge))
    assert beside_the_truth == {"simulate_survey", "extract_spectra", "extract_labelled"}


def test_metrics(run):
    folder, _ = run
    metrics = json.loads((folder / "results/tiny/round-02/metrics.json").read_text())
    assert metrics["round"] == 2
    assert metrics["labels_of_rounds"] == 8
    curve = pd.read_csv(folder / "results/tiny/learning_curve.csv")
    assert curve["labels_of_rounds"].tolist() == [0, 8]
    assert (curve["training_spectra"].diff()[1:] == 8).all()


def test_reports_tell_the_cost(run):
    folder, _ = run
    whole = (folder / "results/tiny/report.html").read_text()
    assert "Cost of the run" in whole and "extract_spectra" in whole
    one = (folder / "results/tiny/round-01/report.html").read_text()
    assert "Cost of this round" in one and "train_members" in one


def test_graph_can_be_drawn(run):
    folder, _ = run
    for option in ("--dag", "--rulegraph"):
        text = snakemake(folder, option, "--forceall").stdout
        assert "digraph" in text
        if shutil.which("dot"):
            image = subprocess.run(["dot", "-Tsvg"], input=text, capture_output=True, text=True)
            assert image.returncode == 0
            assert "train_members" in image.stdout


def test_same_bytes_on_one_core_and_in_any_order(run, tmp_path):
    folder, _ = run
    other = checkout(tmp_path / "again")
    snakemake(other, "--cores", "1", "--scheduler", "greedy")
    patterns = [f"results/tiny/{name}" for name in (
        "pool/*.fits", "validation.fits", "round-*/training.fits", "round-*/weights/*.h5",
        "round-*/scores/*.fits", "round-*/batch.*", "round-*/labels.csv", "round-*/metrics.json",
        "round-*/selection.fits", "round-*/inspect/minibatch-*.html",
        "learning_curve.csv", "learning_curve.png",
    )]  # fmt: skip
    assert digests(folder, *patterns) == digests(other, *patterns)


def test_rerun_of_a_round_leaves_the_rest_alone(run, tmp_path):
    """README: a single round again, the pool, the labels and earlier rounds untouched."""
    folder = tmp_path / "copy"
    shutil.copytree(run[0], folder, symlinks=True)
    untouched = ["results/tiny/pool/*", "results/tiny/round-01/**/*", "results/tiny/labelled/*"]
    before = [times(folder, pattern) for pattern in untouched]
    batch = digests(folder, "results/tiny/round-02/batch.*")
    old = times(folder, "results/tiny/round-02/batch.csv")
    trained = sorted(folder.glob("results/tiny/round-02/train/*.h5"))
    snakemake(
        folder,
        "results/tiny/round-02/inspect/index.html",
        "--forcerun",
        *[path.relative_to(folder) for path in trained],
    )
    assert [times(folder, pattern) for pattern in untouched] == before
    assert times(folder, "results/tiny/round-02/batch.csv") != old
    assert digests(folder, "results/tiny/round-02/batch.*") == batch


def answer(folder, number, name, targets, z=2.2):
    """Hand in labels as an inspector does."""
    path = folder / f"labels/tiny/round-{number:02d}" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    user = name.removesuffix(".csv").rsplit("_", 1)[1]
    table = pd.DataFrame({"TARGETID": targets, "VI_scanner": user, "VI_quality": 4})
    table = table.assign(VI_issue="", VI_z=z, VI_spectype="QSO", VI_comment="")
    table.to_csv(path, index=False)


def test_people_hand_in_labels_and_the_next_round_follows(run, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(run[0], folder, symlinks=True)
    batch = pd.read_csv(folder / "results/tiny/round-02/batch.csv")
    answer(folder, 2, "desi-vi_first_Ann.csv", batch["TARGETID"][:4])
    text = snakemake(folder).stderr
    assert not (folder / "results/tiny/round-03").exists()
    answer(folder, 2, "desi-vi_second_Ann.csv", batch["TARGETID"][4:7])
    handed_in = digests(folder, "labels/tiny/round-02/*")
    text = snakemake(folder)
    labels = pd.read_csv(folder / "results/tiny/round-02/labels.csv")
    assert labels["ACCEPTED"].tolist() == [1] * 7 + [0]
    assert (folder / "results/tiny/round-03/inspect/index.html").exists()
    assert "round 3 waits" in text.stdout + text.stderr
    assert digests(folder, "labels/tiny/round-02/*") == handed_in
    # A row of another round's batch is named, and does no harm.
    answer(folder, 2, "desi-vi_third_Ann.csv", [*batch["TARGETID"][7:], 12345])
    snakemake(folder)
    refused = pd.read_csv(folder / "results/tiny/round-02/refused.csv")
    assert refused["TARGETID"].tolist() == [12345]
    # What is answered of the next round stays, whatever changes before it; that acts later.
    following = digests(folder, "results/tiny/round-03/batch.*")
    answer(
        folder,
        3,
        "desi-vi_fourth_Ann.csv",
        pd.read_csv(folder / "results/tiny/round-03/batch.csv")["TARGETID"][:1],
    )
    answer(folder, 2, "desi-vi_fifth_Bob.csv", batch["TARGETID"][:1])
    result = snakemake(folder, changes="batch: {percentile: 20}")
    assert digests(folder, "results/tiny/round-03/batch.*") == following
    told = result.stdout + result.stderr
    assert "round 2: 8 of 8 labels accepted, 1 refused row" in told
    named = "1 row of labels/tiny/round-02/desi-vi_third_Ann.csv is about targets that are not in"
    assert named in told
    assert "rounds 2, 3 stay as they were chosen" in told and "batch.percentile" in told


def test_two_inspectors_and_an_adjudicator(run, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(run[0], folder, symlinks=True)
    two = {"changes": "inspection: {inspectors: 2}"}
    targets = pd.read_csv(folder / "results/tiny/round-02/batch.csv")["TARGETID"]
    # Before the first answer: it freezes how many are wanted.
    snakemake(folder, **two)
    answer(folder, 2, "desi-vi_tiny-round-02-minibatch-all_Ann.csv", targets)
    text = snakemake(folder, "--dry-run", **two).stdout
    assert "merge_labels" not in text
    index = folder / "results/tiny/round-02/inspect/index.html"
    assert "adjudication.html" not in index.read_text()
    answer(folder, 2, "desi-vi_tiny-round-02-minibatch-all_Bob.csv", targets, [2.3] + 7 * [2.2])
    decided = "results/tiny/round-02/inspect/adjudication.html"
    result = snakemake(folder, decided, str(index.relative_to(folder)), **two)
    assert "href=adjudication.html" in index.read_text()
    assert "inspectors disagree on 1 spectrum of round 2" in result.stdout + result.stderr
    assert str(targets[0]) in (folder / decided).read_text()
    labels = pd.read_csv(folder / "results/tiny/round-02/labels.csv")
    assert labels["STATUS"].tolist() == ["conflict"] + 7 * ["accepted"]
    answer(folder, 2, "desi-vi_tiny-round-02-adjudication_Eve.csv", targets[:1], 2.3)
    snakemake(folder, decided, **two)
    labels = pd.read_csv(folder / "results/tiny/round-02/labels.csv")
    assert labels["STATUS"].tolist() == 8 * ["accepted"]
    assert labels["Z"][0] == pytest.approx(2.3)


def test_errors_of_use_end_in_one_clear_line(tmp_path):
    folder = checkout(tmp_path)
    result = snakemake(folder, "-n", "--config", "sed=1", status=1)
    assert "config: top level: there is no key 'sed', perhaps 'seed' is meant" in result.stderr
    assert "Traceback" not in result.stderr
    result = snakemake(folder, "-n", config="config/real-sample.yaml", status=1)
    assert "../shared/data: is not a folder; set the config's key `data`" in result.stderr
    for target, key in (("experiment", "experiment.arms"), ("compare", "compare.variants")):
        result = snakemake(folder, target, "-n", status=1)
        assert f"config: {key} is empty; name some there" in result.stderr
    for target, fault in (
        ("catalogue", "catalogue: is no target: no rule makes it; perhaps catalog is meant"),
        ("results/tiny/bach.csv", "results/tiny/bach.csv: is no target: no rule makes it; README"),
        ("results/tiny/round-03/batch.csv", "there is no round 3 yet; round 2 waits for labels"),
    ):
        result = snakemake(folder, target, "-n", status=1)
        assert fault in result.stderr.splitlines()[-1]
    result = snakemake(folder, "-n", "--forcerun", "train_member", status=1)
    assert "perhaps train_members is meant" in result.stderr.splitlines()[-1]
    (folder / "twice.yaml").write_text("run: x\nseed: 1\nseed: 2\n")
    result = snakemake(folder, "-n", config="twice.yaml", status=1)
    assert "twice.yaml: line 3: the key 'seed' is there twice" in result.stderr.splitlines()[-1]


def test_it_runs_from_elsewhere_and_as_a_module(tmp_path):
    """Programs are found in the project, files where Snakemake runs."""
    config = yaml.safe_load((ROOT / CONFIG).read_text())
    config |= {"run": "other", "mock": config["mock"] | {"old": {"tiles": [9]}}}
    config["mock"]["old"]["targets_per_petal"] = 10
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"quasars": config}))
    (tmp_path / "Snakefile").write_text(f"""
configfile: "config.yaml"

module quasarnet_al:
    snakefile: "{ROOT}/Snakefile"
    config: config["quasars"]

use rule * from quasarnet_al as al_*

rule count:
    default_target: True
    input: "results/other/mock/old/truth.csv"
    output: "count.txt"
    shell: "wc -l {{input}} > {{output}}"
""")
    snakemake(tmp_path, config=None)
    assert (tmp_path / "count.txt").read_text().startswith("11 ")
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(config))
    table = "results/other/labelled/old.fits"
    snakemake(tmp_path, table, "-s", ROOT / "Snakefile", config="tiny.yaml")
    assert (tmp_path / table).exists()
    again = snakemake(ROOT, table, "--directory", tmp_path, config=tmp_path / "tiny.yaml")
    assert "Nothing to be done" in again.stdout + again.stderr


def test_demo_shows_its_true_graph(tmp_path):
    """Every job of the demo's two labelled rounds and the third, before anything ran."""
    folder = checkout(tmp_path)
    text = snakemake(folder, "--dry-run", "--quiet", "rules", config=None).stdout
    text += snakemake(folder, "--dry-run", config=None).stdout
    assert "answer_by_oracle           4" in text
    assert "train_members              6" in text
    assert "merge_labels               2" in text


def test_real_spectra(shared_data, tmp_path):
    """The real coadds from config to batch, with networks too small to be right."""
    folder = checkout(tmp_path)
    target = "results/real-sample/round-01"
    snakemake(
        folder,
        f"{target}/redshifts.csv",
        f"{target}/inspect/minibatch-01.html",
        config="config/real-sample.yaml",
        changes=f"""
            data: {shared_data}
            mock: {{train: {{tiles: [1], targets_per_petal: 40}}}}
            ensemble: {{members: 2, layers: 4, filters: 4, epochs: 1, min_steps: 0}}
        """,
    )
    table = pd.read_csv(folder / target / "redshifts.csv")
    # Ten quasars of the tile, and two more on two healpix coadds each.
    assert len(table) == 14
    assert table["TARGETID"].nunique() == 12
    assert os.path.getsize(folder / target / "inspect/minibatch-01.html") > 100_000


def test_release_and_gate(run):
    """One network on all labels; judged against another, which it need not resemble."""
    folder, _ = run
    incumbent = "results/tiny/round-01/weights/member-00.h5"
    gate = "gate: {least: 5, incumbent: " + incumbent
    loose = ", allowed: {" + ", ".join(f"{check}: 1.0" for check in SHARES) + "}"
    loose += ", allowed_in_bins: {completeness: 1.0, purity: 1.0, catastrophic: 1.0}}"
    snakemake(folder, "release", "gate", changes=gate + loose)
    summary = json.loads((folder / "results/tiny/release/release.json").read_text())
    losses = {n: float(a["validation_loss"]) for n, a in summary["networks"].items()}
    assert losses[summary["chosen"]] == min(losses.values())
    assert len(losses) == 2
    released = weights.read_network(folder / "results/tiny/release/quasarnet-tiny.h5")
    # All labels: the initial ones and the oracle's.
    training = pool.read_labelled(folder / "results/tiny/release/training.fits")[2]
    assert int(released.attributes["training_spectra"]) == len(training)
    assert "inspection" in training["ORIGIN"]
    # One that sees a quasar everywhere. A broken threshold: status 1, and the files that
    # say why are kept.
    boxes = [weights.Dense(box.kernel, box.bias + 30) for box in released.boxes]
    other = folder / "other.h5"
    weights.write_network(other, dataclasses.replace(released, boxes=boxes), {})
    result = snakemake(folder, "gate", changes=gate.replace(incumbent, "other.h5") + "}", status=1)
    assert "gate: BROKEN" in result.stdout + result.stderr
    assert "class_changed" in result.stdout + result.stderr
    verdict = json.loads((folder / "results/tiny/gate/verdict.json").read_text())
    assert not verdict["passed"]
    for name in ("gate.csv", "gate.png", "changes.csv"):
        assert (folder / "results/tiny/gate" / name).exists()


def test_replay_of_real_inspections(shared_data, tmp_path):
    """config/edr-replay.yaml on the real spectra at hand, labelled as a merged VI table has it."""
    folder = checkout(tmp_path)
    listed = fitsio.read(shared_data / "desi" / "QSO_cat_fuji_dark_tile.fits.gz")
    wanted = listed[listed["TILEID"] == 80693]
    coadds = (shared_data / "desi" / "tiles").rglob("coadd-*-80693-*.fits")
    here = np.concatenate([fitsio.read(path, ext="FIBERMAP")["TARGETID"] for path in coadds])
    wanted = wanted[np.isin(wanted["TARGETID"], here)]
    assert len(wanted) == 10
    table = pd.DataFrame({"TARGETID": wanted["TARGETID"], "TILEID": 80693, "best_z": wanted["Z"]})
    table["best_quality"], table["best_spectype"] = 4.0, "QSO"
    table.loc[0, "best_quality"] = 999  # unresolved
    table.to_csv(folder / "vi.csv", index=False)
    config = yaml.safe_load((ROOT / "config/edr-replay.yaml").read_text())
    # The one tile of the data is the pool; a mock survey is what was known, and what is judged on.
    place = {"root": str(shared_data / "desi"), "layout": "cumulative", "targets": "all"}
    config["pool"]["sources"] = [place | {"tiles": ["80693/20210204"]}]
    config["mock"] = {
        name: {"tiles": [tile], "targets_per_petal": 80} for name, tile in (("old", 8), ("new", 9))
    }
    config["labelled"] = {
        "initial": {"survey": "old", "targets": "all"},
        "judged": {"survey": "new", "targets": "all", "validation": 1},
    }
    config["oracle"]["truth"] = "vi.csv"
    config["ensemble"] |= {"members": 2, "layers": 4, "filters": 4, "min_steps": 4, "threads": 1}
    config["som"] = {"rows": 3, "columns": 3}
    config["batch"] = {"size": 2, "minibatch": 2}
    config["experiment"] |= {"seeds": 1, "rounds": 2}
    config["experiment"]["arms"]["random-x5"]["size"] = 4
    (folder / "replay.yaml").write_text(yaml.safe_dump(config))
    snakemake(folder, "experiment", config="replay.yaml")
    table = pd.read_csv(folder / "results/edr-replay/arms.csv")
    bought = table.groupby("arm")["labels"].max()
    assert bought.to_dict() == {
        "random": 4, "random-x5": 8, "published": 4, "without-flaws": 4, "entropy": 4,
        "quasar-like": 4,
    }  # fmt: skip
    log = (folder / "logs/edr-replay/run_arm/1/random.log").read_text()
    assert "9 of 10 spectra can be bought by vi.csv" in log


def small_letters(source, path):
    """Write an SDSS file as DR8 to DR15 have it: names of columns in small letters."""
    with fitsio.FITS(str(source)) as spec, fitsio.FITS(str(path), "rw", clobber=True) as fits:
        fits.write(np.zeros(1), extname="PRIMARY")
        for number, name in ((1, "COADD"), (2, "SPECOBJ")):
            table = spec[number].read()
            table.dtype.names = [column.lower() for column in table.dtype.names]
            fits.write(table, extname=name)


def test_check_of_the_release_on_real_spectra(run, shared_data, tmp_path):
    """SDSS files of either spelling, in folders of any depth."""
    folder, _ = run
    for number, source in enumerate(sorted((shared_data / "boss").glob("spec-*.fits"))):
        place = tmp_path / "boss" / source.name.split("-")[1]
        place.mkdir(parents=True, exist_ok=True)
        (small_letters if number % 2 else shutil.copy)(source, place / source.name)
    changes = f"""
data: {tmp_path}
labelled:
  boss: {{boss: "{{data}}/boss/**/spec-*.fits", check: true}}
"""
    before = times(folder, "results/tiny/round-*/batch.csv")
    snakemake(folder, "check", changes=changes)
    # Sets to check do not make anything else again.
    assert times(folder, "results/tiny/round-*/batch.csv") == before
    table = pd.read_csv(folder / "results/tiny/release/check.csv")
    table = table[table["group"].isin(["boss", "all"])]
    assert table[["weights", "group", "cut", "quasars"]].values.tolist() == [
        ["results/tiny/release/quasarnet-tiny.h5", group, cut, 39]
        for group in ("boss", "all")
        for cut in (0.5, 0.95)
    ]
    assert len(pd.read_csv(folder / "results/tiny/release/check_spectra.csv")) == 39
    # It taught nothing, and validated nothing.
    for name in ("validation.fits", "round-02/training.fits"):
        origins = pool.read_labelled(folder / "results/tiny" / name)[2]["ORIGIN"]
        assert "boss" not in set(origins)


def test_labels_and_published_pages_lie_where_the_config_says(run, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(run[0], folder, symlinks=True)
    batch = pd.read_csv(folder / "results/tiny/round-02/batch.csv")
    answer(folder, 2, "desi-vi_first_Ann.csv", batch["TARGETID"][:4])
    (folder / "labels").rename(folder / "people")
    places = f"labels: people\npublish: {tmp_path}/web\n"
    result = snakemake(folder, changes=places)
    told = result.stdout + result.stderr
    assert "waits for labels of the minibatch 02" in told and "into people/tiny/round-02/" in told
    assert (
        "people/tiny/round-02" in (folder / "results/tiny/round-02/inspect/index.html").read_text()
    )
    pages = ["round-??/inspect/*.html", "round-??/report.html", "report.html"]
    assert len(made := digests(folder / "results/tiny", *pages)) == 9
    assert digests(tmp_path / "web/tiny", *pages) == made
    assert "Nothing to be done" in snakemake(folder, "-n", changes=places).stdout
    inside = snakemake(folder, "-n", changes="publish: results/web", status=1)
    assert "config: publish: results/web is in results; name a folder elsewhere" in inside.stderr


def test_catalog(run):
    """Of the newest round's ensemble, over the pool; then of other tiles, by the release."""
    folder, _ = run
    # Networks as small as these are sure of nothing.
    lower = "classification: {catalogue_cut: 0.05}\n"
    result = snakemake(folder, "catalog", changes=lower)
    rows = fitsio.read(folder / "results/tiny/catalog.fits", ext="QSO_CAT")
    assert 0 < len(rows) == len(np.unique(rows["TARGETID"]))
    assert (rows["EXPOSURES"] >= 1).all()
    assert f"{len(rows)} quasars among" in result.stdout + result.stderr
    other = "catalog: {weights: release, sources: [{survey: old, targets: all}]}\n"
    snakemake(folder, "catalog", changes=lower + other)
    assert (folder / "results/tiny/catalog/9-all.fits").exists()
    old = fitsio.read(folder / "results/tiny/catalog.fits", ext="QSO_CAT")
    assert not np.isin(old["TARGETID"], rows["TARGETID"]).any()


def test_check_without_sets_to_check(run):
    result = snakemake(run[0], "check", status=1)
    assert "no labelled set has `check: true`" in result.stdout + result.stderr


def test_gate_without_an_incumbent(run):
    folder, _ = run
    result = snakemake(folder, "gate", status=1)
    assert "gate.incumbent is empty" in result.stdout + result.stderr


def test_experiment(run):
    """Arms that start from the same ensemble buy different labels."""
    folder, _ = run
    arms = "{random: {acquisition: random, outliers: none}, entropy: {outliers: none}}"
    snakemake(folder, "experiment", changes="experiment: {seeds: 2, rounds: 1, arms: " + arms + "}")
    curves = pd.read_csv(folder / "results/tiny/arms.csv")
    assert len(curves) == 2 * 2 * 2
    start = curves[curves["labels"] == 0]
    assert start.groupby("seed")["average_precision"].nunique().eq(1).all()
    assert set(curves["labels"]) == {0, 8}
    ratios = pd.read_csv(folder / "results/tiny/label_ratio.csv")
    assert list(ratios["arm"][:2]) == ["random", "entropy"]
    assert ratios["figure"].nunique() == 5 and ratios["figure"][0] == "average_precision"
    assert (ratios["seeds"] == 2).all()
    assert (folder / "results/tiny/arms.png").stat().st_size > 10_000


def test_compare(run):
    """Variants differ in recipe and data, and are judged on one validation set."""
    folder, _ = run
    variants = "{old: {}, wide: {filters: 6}}"
    snakemake(folder, "compare", changes="compare: {seeds: 2, variants: " + variants + "}")
    table = pd.read_csv(folder / "results/tiny/compare.csv")
    assert list(table["variant"]) == ["old", "wide"]
    assert (table["seeds"] == 2).all()
    assert {"completeness", "purity_error", "catastrophic"} <= set(table.columns)
    wide = weights.read_ensemble(folder / "results/tiny/compare/wide/seeds.h5")
    assert {len(network.convs[0].bias) for network in wide} == {6}
    assert (folder / "results/tiny/compare.png").stat().st_size > 5_000


def test_signs_of_when_to_stop_and_of_calibration(run):
    folder, _ = run
    advice = json.loads((folder / "results/tiny/round-01/stopping.json").read_text())
    assert advice["labels"] == 8
    metrics = [
        json.loads((folder / f"results/tiny/round-0{n}/metrics.json").read_text()) for n in (1, 2)
    ]
    merit = [((m["completeness"] or 0) + (m["purity"] or 0)) / 2 for m in metrics]
    assert advice["gain"] == pytest.approx(merit[1] - merit[0])
    bins = metrics[0]["calibration"]["bins"]
    assert sum(point["n"] for point in bins) == metrics[0]["spectra"]
