"""Reports: a page of each round with what there is of it, and one of the run."""

import importlib
import re

import numpy as np
import pandas as pd
import pytest

import advise_stopping
import report_round
import report_run
import select_batch
from helpers.digits import network
from helpers.networks import random_network
from helpers.paths import ROOT
from helpers.tasks import examples
from quasarnet_al import __version__
from quasarnet_al.core.files import InputError, read_json, write_json
from quasarnet_al.judging import metrics, stopping
from quasarnet_al.judging.votes import calibration, confusion_matrix, members, mispredicted
from quasarnet_al.learning import scores, som
from quasarnet_al.network.lines import Classification, Lines
from quasarnet_al.report import round as round_report
from quasarnet_al.report.tasks import DRAWINGS
from quasarnet_al.spectra import pool
from quasarnet_al.spectra.tables import write_fits
from quasarnet_al.tasks.registry import TASKS

TILES = ("a", "b")
FIRST = 39627634556011093  # above 2^53: a double would change it


def networks(name):
    if name == "mnist":
        return [network(), network(), network(shift=1)]
    return [random_network(seed=seed) for seed in range(3)]


@pytest.fixture(params=TASKS)
def round_files(request, tmp_path, monkeypatch):
    """A round without labels, small, and the arguments that report it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(round_report, "GALLERY", 2)
    task, grid, spectra, labels = examples(request.param)
    members = networks(task.name)
    classification = Classification(c_thresh=0.6)
    half, count = len(spectra) // 2, len(spectra)
    catalog = pool.catalog(count)
    catalog["TARGETID"], catalog["ARMS"] = FIRST + np.arange(count), 7
    cells = som.fit(spectra, som.MapOptions(4, 4, epochs=2))
    som.write("som.h5", cells, {})
    for tile, rows in zip(TILES, (slice(half), slice(half, count)), strict=True):
        pool.write(f"{tile}.fits", spectra[rows], catalog[rows], grid)
        columns = task.score(
            members, spectra[rows], catalog["TARGETID"][rows], classification, seed=1
        )
        bmu = cells.winners(spectra[rows])
        ids = {name: catalog[name][rows] for name in ("TARGETID", "TILEID", "ARMS")}
        scores.write_scores(f"scores-{tile}.fits", ids | columns, {})
        units = {"BMU": bmu, "QERR": cells.distances(spectra[rows], bmu)}
        units |= {"FLAW": np.zeros(len(bmu), np.float32)}
        write_fits(f"map-{tile}.fits", "MAP", {"TARGETID": ids["TARGETID"]} | units)
    tables = ["--scores", *(f"scores-{t}.fits" for t in TILES)]
    tables += ["--map", *(f"map-{t}.fits" for t in TILES)]
    tables += ["--pool", *(f"{t}.fits" for t in TILES), "--som", "som.h5"]
    made = ["--batch", "batch.csv", "--batch-pool", "batch.fits"]
    made += ["--selection", "selection.fits", "--summary", "selection.json"]
    rule = ["--outliers", "both"]
    select_batch.main([*tables, *made, *rule, "--size", "8", "--error-percentile", "80"])
    write_json(
        "metrics.json",
        {"round": 1, "training_spectra": 9, "labels_of_rounds": 0, "members": 3, "doubted": 0}
        | task.evaluate(members, spectra, labels, classification),
    )
    arguments = [*tables, *made, "--task", task.name, "--run", "a<b", "--metrics", "metrics.json"]
    return task, [*arguments, *rule, "--seed", "1", "--output", "report.html"]


def write_labels(task):
    batch = pd.read_csv("batch.csv", dtype={"TARGETID": "int64"})
    labels = pd.DataFrame({"TARGETID": batch["TARGETID"], "SPECTYPE": task.spectypes[0]})
    labels = labels.assign(Z=2.5 if task.redshifts else np.nan, BAL=-1, ACCEPTED=1)
    labels.loc[0, "ACCEPTED"] = 0
    labels.to_csv("labels.csv", index=False)
    row = {"answers": 8, "mean quality": 3.5, "repeats with the same class": None}
    pair = {"inspectors": ["Ann", "Bob"], "targets": 8, "kappa": 0.71}
    agreement = {"accepted": 7, "fleiss kappa": 0.71, "cohen": [pair], "inspectors": {"Ann": row}}
    agreement["doubts"] = []
    write_json("agreement.json", agreement)
    votes = batch[[f"VOTE_{name}" for name in task.classes]].to_numpy()
    advice = stopping.advise(votes, np.zeros(8, int), np.ones(5), 0.8, 0.85)
    write_json("stopping.json", advice)
    return batch


def headings(page):
    return re.findall("<h2>(.*?)</h2>", page)


def test_a_round_whose_labels_are_all_rejected(round_files, tmp_path):
    """Inspectors could classify none of its spectra: that is a result, and no share is known."""
    task, arguments = round_files
    write_labels(task)
    labels = pd.read_csv("labels.csv", dtype={"TARGETID": "int64"}).assign(ACCEPTED=0)
    labels.to_csv("labels.csv", index=False)
    files = ["--batch", "batch.csv", "--labels", "labels.csv"]
    files += ["--scores", *(f"scores-{tile}.fits" for tile in TILES), "--metrics", "metrics.json"]
    advise_stopping.main([*files, "--task", task.name, "--output", "stopping.json"])
    report_round.main([*arguments, "--labels", "labels.csv", "--stopping", "stopping.json"])
    text = (tmp_path / "report.html").read_text()
    assert "0 of 8 labels are accepted." in text
    assert "No label of the batch is accepted" in text
    assert "nan" not in re.sub("<img.*?>", "", text)


def test_a_round_that_waits_and_then_has_its_labels(round_files, tmp_path):
    task, arguments = round_files
    report_round.main(arguments)
    page = (tmp_path / "report.html").read_text()
    assert "waits for its labels" in page
    for targetid in pd.read_csv("batch.csv", dtype={"TARGETID": "int64"})["TARGETID"]:
        assert f"{targetid}. Votes" not in page  # inspectors are to answer without knowing
    assert not {"Agreement between inspectors", "Cost of this round"} & set(headings(page))

    batch = write_labels(task)
    (tmp_path / "took/score_spectra").mkdir(parents=True)
    (tmp_path / "took/score_spectra/a.jsonl").write_text('{"s": 2.5, "max_rss": 100.0}\n')
    files = ("labels", "labels.csv"), ("agreement", "agreement.json"), ("stopping", "stopping.json")
    arguments += [word for name, file in files for word in (f"--{name}", file)]
    report_round.main([*arguments, "--benchmarks", "took"])
    page = (tmp_path / "report.html").read_text()
    assert "waits for its labels" not in page
    assert headings(page)[-5:] == [
        "Labels against most votes",
        "Agreement between inspectors",
        "What the labels changed",
        "What was read, taught and left out",
        "Cost of this round",
    ]
    assert "7 of 8 labels are accepted" in page
    assert "<td>Ann and Bob</td>" in page
    assert "None" not in page
    assert "Discarded as outliers, the most uncertain" in headings(page)
    for targetid in batch["TARGETID"][:2]:
        assert f"{targetid}. Votes" in page
    assert "a&lt;b: round 1" in page and "a<b" not in page
    # Nothing is fetched, and the rest is a click away.
    assert set(re.findall(r'src="(.{26})', page)) == {"data:image/svg+xml;base64,"}
    links = {"../report.html"} | ({"inspect/index.html"} if task.pages else set())
    assert set(re.findall('href="(.*?)"', page)) == links
    report_round.main([*arguments, "--benchmarks", "took"])
    assert (tmp_path / "report.html").read_text() == page


def test_the_run_links_its_rounds(round_files, tmp_path):
    task, _ = round_files
    lists = ["--metrics", "metrics.json", "--summaries", "selection.json"]
    outputs = ["--curve", "out/c.csv", "--figure", "out/c.png", "--report", "out/report.html"]
    rounds = ["--rounds", "out/round-01/report.html"]
    report_run.main(["--task", task.name, "--run", "r", *lists, *rounds, *outputs])
    page = (tmp_path / "out/report.html").read_text()
    assert '<a href="round-01/report.html">round 1</a>' in page
    assert page.count("<img") == len(DRAWINGS[task.name].figures)
    assert (tmp_path / "out/c.png").read_bytes()[1:4] == b"PNG"


def test_what_was_read_taught_and_left_out(round_files, tmp_path):
    """By set and reason, in the report of a round and of the run."""
    task, arguments = round_files
    _, grid, spectra, _ = examples(task.name)
    for name, origins in (("old", ["old"] * 3), ("round-01/training", ["old", "old", "vi"])):
        labels = pool.labels(3, "xxx")
        labels["ORIGIN"] = origins
        left_out = {"redshift warning": 4} if name == "old" else {"in validation": 1}
        record = {"files": '{"read": 6, "broken": 1}'} if name == "old" else {}
        catalog = pool.catalog(3)
        pool.write(f"{name}.fits", spectra[:3], catalog, grid, labels, left_out, record)
    sets = ["--sets", "old.fits", "round-01/training.fits"]
    report_round.main([*arguments, *sets])
    tiles = [f"{tile}.fits" for tile in TILES]
    lists = ["--metrics", "metrics.json", "--summaries", "selection.json", "--pool", *tiles, *sets]
    outputs = ["--curve", "c.csv", "--figure", "c.png", "--report", "run.html"]
    report_run.main(["--task", task.name, "--run", "r", *lists, *outputs])
    for name in ("report.html", "run.html"):
        page = (tmp_path / name).read_text().partition("What was read, taught and left out")[2]
        rows = [re.findall("<td>(.*?)</td>", row) for row in page.split("<tr>")]
        assert rows[1:] == [
            ["pool", "", str(len(spectra)), "", ""],
            ["old", "1 broken, 6 read", "3", "3 old", "4 redshift warning"],
            ["training of round-01", "", "3", "2 old, 1 vi", "1 in validation"],
        ]


def test_metrics_that_no_figure_can_show_are_refused(round_files):
    task, _ = round_files
    write_json("damaged.json", read_json("metrics.json") | {"calibration": 0.5})
    lists = ["--metrics", "metrics.json", "damaged.json"]
    lists += ["--summaries", "selection.json", "selection.json"]
    outputs = ["--curve", "out/c.csv", "--figure", "out/c.png", "--report", "out/report.html"]
    with pytest.raises(InputError, match=r"^damaged\.json: "):
        report_run.main(["--task", task.name, "--run", "r", *lists, *outputs])


def test_files_of_another_round_are_refused(round_files):
    _, arguments = round_files
    for option, fault in (
        ("--scores", "is not the map of the spectra in"),
        # Now both are in the same order, which is not the selection's.
        ("--map", "does not list the spectra of"),
    ):
        place = arguments.index(option) + 1
        arguments[place : place + 2] = arguments[place + 1], arguments[place]
        with pytest.raises(InputError, match=fault):
            report_round.main(arguments)


def test_mispredicted_are_the_labels_that_fewest_voted_for():
    votes = np.array([[1, 0, 0], [0.5, 0.3, 0.2], [0.6, 0, 0.4], [0, 1, 0]])
    assert mispredicted(votes, np.array([0, 1, 1, 0])).tolist() == [3, 2, 1]


def test_an_ensemble_that_sees_no_quasar_is_reported(tmp_path):
    labels = pool.labels(2, "test")
    labels["SPECTYPE"] = "QSO", "STAR"
    nothing = metrics.evaluate(
        Lines(np.zeros((2, 6)), np.zeros((2, 6)), np.zeros(2)), labels, Classification()
    )
    votes = np.array([[1, 0, 0], [1, 0, 0]])
    nothing |= {"round": 1, "members": 1, "training_spectra": 1, "labels_of_rounds": 0}
    nothing |= {"calibration": calibration(votes, np.array([1, 0]))}
    nothing |= {"doubted": 0, **members(np.zeros((1, 2), int), np.array([1, 0]))}
    nothing |= {"confusion": confusion_matrix(votes, np.array([1, 0]))}
    write_json(tmp_path / "metrics.json", nothing)
    page = "".join(round_report.ensemble(TASKS["quasar"], read_json(tmp_path / "metrics.json")))
    assert "Completeness 0.000 at a cut of 0.5." in page
    assert page.count("<img") == len(DRAWINGS["quasar"].figures)


def test_redshift_errors_in_bins():
    error = np.array([100.0, 300.0, 7000.0, -9000.0])
    bins = {"low": np.array([1, 1, 1, 0], bool), "high": np.array([0, 0, 0, 1], bool)}
    low, high = metrics.redshift_errors(error, bins | {"none": np.zeros(4, bool)})
    assert (low["quasars"], low["catastrophic"], low["median_kms"]) == (3, 1, 200)
    assert (high["quasars"], high["catastrophic"]) == (1, 1)
    assert np.isnan(high["median_kms"])


def test_confusion_matrix_has_the_truth_in_rows():
    votes = np.array([[1, 0, 0], [0.4, 0.6, 0], [0, 0, 1], [0, 1, 0]])
    found = confusion_matrix(votes, np.array([0, 0, 2, 1]))
    assert found == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]


def test_every_option_is_explained(monkeypatch):
    """Defaults are added by the parser."""

    class Parsed(Exception):
        pass

    def stop(parser, arguments=None):
        raise Parsed(parser)

    monkeypatch.setattr("argparse.ArgumentParser.parse_args", stop)
    programs = sorted((ROOT / "workflow_scripts").glob("*.py"))
    for path in programs:
        with pytest.raises(Parsed) as caught:
            importlib.import_module(path.stem).main([])
        parser = caught.value.args[0]
        for action in parser._actions:
            assert action.help, f"{path.name} {action.option_strings}"
    assert len(programs) > 30


def test_every_program_tells_the_version(program):
    """The version of the programs is the one that the citation names."""
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text()
    for path in (ROOT / "workflow_scripts").glob("*.py"):
        text = path.read_text()
        assert "program(main)" in text and "command_line(__doc__)" in text, path.name
    assert program("report_run.py", "--version").stdout.split()[-1] == __version__
