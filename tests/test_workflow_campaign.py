"""A campaign on a tiny config through real Snakemake: what people answered never changes."""

import re
import shutil
import subprocess

import fitsio
import numpy as np
import pandas as pd
import pytest
import yaml

from helpers.paths import PYTHON, ROOT
from helpers.workflow import CONFIG, checkout, digests, snakemake, times
from quasarnet_al.learning import som
from quasarnet_al.network import weights

pytestmark = [pytest.mark.workflow, pytest.mark.slow]
PEOPLE = """
oracle: {rounds: 0}
ensemble: {members: 1, epochs: 1}
mock: {more: {tiles: [3, 4], targets_per_petal: 60}}
"""
LATER = """
pool: {sources: [{survey: pool}, {survey: more}]}
rounds:
  - from: 3
    batch: {size: 12, acquisition: entropy}
    ensemble: {members: 2, start: previous}
"""
#: Steps that take more than moments.
COSTLY = ("extract_spectra", "fit_som", "map_spectra", "train_members", "score_spectra")
COSTLY += ("select_batch", "evaluate_ensemble")
CHOICE = ("batch.csv", "batch.fits", "selection.fits", "selection.json", "round.json")


def jobs(result):
    """The number of jobs of each rule, from the table that Snakemake prints."""
    text = result.stdout + result.stderr
    return {name: int(n) for name, n in re.findall(r"^([a-z_]\w*) +(\d+)$", text, re.MULTILINE)}


def answer(folder, number, name, targets, z=2.2):
    path = folder / f"labels/tiny/round-{number:02d}/{name}"
    path.parent.mkdir(parents=True, exist_ok=True)
    user = name.removesuffix(".csv").rsplit("_", 1)[1]
    table = pd.DataFrame({"TARGETID": targets, "VI_scanner": user, "VI_quality": 4})
    table.assign(VI_issue="", VI_z=z, VI_spectype="QSO", VI_comment="").to_csv(path, index=False)
    return path


def batch(folder, number):
    return pd.read_csv(folder / f"results/tiny/round-{number:02d}/batch.csv")["TARGETID"]


def frozen(folder):
    """The bytes of all that the answered batches are, and were chosen by."""
    results = [f"results/tiny/round-0{n}" for n in (1, 2)]
    names = (*CHOICE, "training.fits", "weights/*.h5", "ensemble.h5", "scores/*.fits")
    return digests(folder, *(f"{r}/{name}" for r in results for name in names)) | digests(
        folder, "results/tiny/som/run/som.h5"
    )


def read(folder, name):
    """The tables and images of a FITS file."""
    with fitsio.FITS(str(folder / "results/tiny" / name)) as fits:
        return [hdu.read().tobytes() for hdu in fits if hdu.has_data()]


def said(result):
    return result.stdout + result.stderr


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """Two rounds that Ann has answered; the second is not merged yet."""
    folder = checkout(tmp_path_factory.mktemp("campaign"))
    result = snakemake(folder, changes=PEOPLE)
    assert "round 1 waits for labels of the minibatches 01, 02" in said(result)
    answer(folder, 1, "desi-vi_tiny-round-01-minibatch-all_Ann.csv", batch(folder, 1))
    result = snakemake(folder, changes=PEOPLE)
    assert "round 2 waits for labels of the minibatches 01, 02" in said(result)
    answer(folder, 2, "desi-vi_tiny-round-02-minibatch-all_Ann.csv", batch(folder, 2))
    return folder


def test_a_campaign(answered, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(answered, folder, symlinks=True)
    before = frozen(folder)
    changes = PEOPLE + LATER
    # A second inspector and a corrected label for round 1, two tiles, other settings.
    first = batch(folder, 1)
    late = answer(folder, 1, "desi-vi_tiny-round-01-minibatch-all_Bob.csv", first[:2], [2.2, 2.9])
    answer(folder, 1, "desi-vi_tiny-round-01-minibatch-all_Ann.csv", first, [2.3] + [2.2] * 7)
    wanted = jobs(snakemake(folder, "-n", changes=changes))
    expected = {
        # New tiles alone are simulated, extracted and mapped, on the map that there is.
        "simulate_survey": 1,
        "extract_spectra": 2,
        "map_spectra": 2,
        # One round is trained; it scores the old tiles and the new.
        "assemble_training": 1,
        "train_members": 2,
        "score_spectra": 4,
        "select_batch": 1,
        "merge_labels": 2,
        "write_adjudication": 2,
        "evaluate_ensemble": 1,
        "record_round": 1,
    }
    assert {name: wanted.get(name, 0) for name in expected} == expected
    assert "fit_som" not in wanted
    result = snakemake(folder, changes=changes)
    assert frozen(folder) == before
    assert "rounds 1, 2 stay as they were chosen, since people have answered" in said(result)
    closing = (
        "round 3 waits for labels of the minibatches 01, 02, 03: inspect the pages, put the CSV "
        "files into labels/tiny/round-03/ (make the folder), then: "
        f"snakemake --cores 2 --configfile {CONFIG} changes.yaml"
    )
    assert closing in said(result)
    for change in ("tiles 3", "tiles 4", "the labels of round 1", "batch.size"):
        assert (change in said(result)) == (change != "batch.size")
    labels = pd.read_csv(folder / "results/tiny/round-01/labels.csv")
    assert labels["STATUS"].tolist() == ["conflict"] * 2 + ["accepted"] * 6
    assert len(batch(folder, 3)) == 12
    assert len(list(folder.glob("results/tiny/round-03/weights/*.h5"))) == 2
    for member in (0, 1):
        path = folder / f"results/tiny/round-03/weights/member-0{member}.h5"
        started = weights.read_network(str(path)).attributes["start"]
        # The round before has one member.
        assert started == "results/tiny/round-02/weights/member-00.h5"
    copies = digests(folder, "results/tiny/round-0?/handed-in/*/*.csv")
    assert len(copies) == 4

    # A restart, and files that are only touched: nothing.
    late.touch()
    result = snakemake(folder, changes=changes)
    assert "Nothing to be done" in said(result) and closing in said(result)

    # What changes cost: docs/rounds.md has the whole table.
    for change, costs in (
        ("classification: {catalogue_cut: 0.9}\n", {"evaluate_ensemble": 3}),
        ("batch: {exclude: [changes.yaml]}\n", {"select_batch": 1}),
    ):
        wanted = jobs(snakemake(folder, "-n", changes=changes + change))
        assert {name: wanted[name] for name in COSTLY if name in wanted} == costs

    # Purged scratch: what is gone is made again, and nothing else, now or later.
    gone = ["pool/1.fits", "round-02/scores/2.fits", "round-03/training.fits", "som/run/1.fits"]
    content = [read(folder, name) for name in gone]
    for name in gone:
        (folder / "results/tiny" / name).unlink()
    # The networks that were copied from there are there: nobody trains them again.
    shutil.rmtree(folder / "results/tiny/round-02/train")
    result = snakemake(folder, "restore", changes=changes)
    assert closing in said(result)
    wanted = jobs(result)
    assert wanted == {
        "extract_spectra": 1,
        "score_spectra": 1,
        "assemble_training": 1,
        "map_spectra": 1,
        "restore": 1,
        "total": 5,
    }
    # The provenance in their headers alone is another: the config has changed since.
    assert [read(folder, name) for name in gone] == content
    # A map is fitted to the tiles that it was fitted to, whatever has come since.
    path = folder / "results/tiny/som/run/som.h5"
    fitted = som.read(path).weights
    path.unlink()
    assert jobs(snakemake(folder, "restore", changes=changes)).keys() == {
        "fit_som", "restore", "total"
    }  # fmt: skip
    np.testing.assert_array_equal(som.read(path).weights, fitted)
    restored = frozen(folder)
    assert {name for name in before if restored[name] != before[name]} <= {
        "results/tiny/round-02/scores/2.fits",
        "results/tiny/som/run/som.h5",
    }
    assert "Nothing to be done" in said(snakemake(folder, "-n", changes=changes))

    # Answers that vanish stop the merge, which names them and where they are.
    kept = late.read_bytes()
    late.unlink()
    result = snakemake(folder, changes=changes, status=1)
    assert "Bob.csv: was handed in and is gone; its copy is results/tiny/round-01" in said(result)
    late.write_bytes(kept)
    assert "Nothing to be done" in said(snakemake(folder, "-n", changes=changes))

    # To throw them away is a command of its own, which loses nothing.
    discard = [PYTHON, str(ROOT / "workflow_scripts/discard_answers.py"), "--run", "tiny"]
    discard += ["--round", "1", "--files", late.name]
    text = subprocess.run(discard, cwd=folder, check=True, capture_output=True, text=True).stdout
    assert late.name in text and not late.exists()
    [aside] = folder.glob("labels/tiny/discarded/round-01-1/labels/*")
    assert aside.read_bytes() == kept
    assert closing in said(snakemake(folder, changes=changes))
    labels = pd.read_csv(folder / "results/tiny/round-01/labels.csv")
    assert labels["STATUS"].tolist() == ["accepted"] * 8
    assert frozen(folder) == restored

    # Nothing lifts the freeze: not force, not an older time, not other code's parameters.
    result = snakemake(folder, "-n", "--forcerun", "select_batch", "train_members", changes=changes)
    assert jobs(result)["select_batch"] == 1 and jobs(result)["train_members"] == 2
    (folder / "results/tiny/round-01/batch.csv").write_bytes(b"RANK,MINIBATCH,TARGETID\n1,1,5\n")
    result = snakemake(folder, "-n", changes=changes, status=1)
    assert "round-01/batch.csv: has changed since its batch was recorded" in said(result)


def test_the_bundle_is_enough_to_go_on_from(answered, tmp_path):
    """In a new folder: of the rounds that people answered nothing is chosen or merged again."""
    folder, changes = tmp_path / "copy", PEOPLE + "rounds: 2\n"
    shutil.copytree(answered, folder, symlinks=True)
    snakemake(folder, "archive", changes=changes)
    new = checkout(tmp_path / "new")
    # The config of these tests is behind a link, through which tar would write.
    bundle = ["tar", "-xf", folder / "results/tiny/archive.tar", "--exclude", CONFIG]
    subprocess.run(bundle, cwd=new, check=True)
    assert digests(new, "labels/**/*.csv") == digests(folder, "labels/**/*.csv")
    wanted = jobs(snakemake(new, "restore", "-n", changes=changes))
    assert wanted["extract_spectra"] == wanted["assemble_training"] == 2
    assert not {"select_batch", "export_weights", "merge_labels"} & wanted.keys()
    wanted = jobs(snakemake(new, "-n", changes=changes))
    assert not {"select_batch", "train_members", "merge_labels"} & wanted.keys()


def test_one_label_arrives_at_a_time(answered, tmp_path):
    """An older time is followed; a file that is no answer harms nothing."""
    folder = tmp_path / "copy"
    shutil.copytree(answered, folder, symlinks=True)
    wanted = jobs(snakemake(folder, "-n", changes=PEOPLE))
    assert wanted["merge_labels"] == 1 and wanted["select_batch"] == 1
    # Which spectra the answered pages show twice depends on the seed that they were written with.
    wanted = jobs(snakemake(folder, "-n", changes=PEOPLE + "seed: 2\n"))
    assert wanted["assemble_validation"] == 1 and wanted["write_pages"] == 2
    # What is released learns from corrected labels, though answered rounds keep what they were
    # chosen by.
    name = "desi-vi_tiny-round-01-minibatch-all_Ann.csv"
    answer(folder, 1, name, batch(folder, 1), [2.3] + [2.2] * 7)
    wanted = jobs(snakemake(folder, "-n", "release", changes=PEOPLE))
    assert wanted["merge_labels"] == 2 and wanted["assemble_release"] == 1
    assert "assemble_training" not in wanted


def test_a_batch_that_is_chosen_again_asks_for_nothing_that_is_answered(answered, tmp_path):
    """Where the answers to the first of two rounds are discarded, those to the second stay."""
    folder = tmp_path / "copy"
    shutil.copytree(answered, folder, symlinks=True)
    discard = [PYTHON, str(ROOT / "workflow_scripts/discard_answers.py"), "--run", "tiny"]
    subprocess.run([*discard, "--round", "1"], cwd=folder, check=True, capture_output=True)
    target = "results/tiny/round-01/batch.csv"
    snakemake(folder, target, changes=PEOPLE + "batch: {size: 60}\n")
    assert len(batch(folder, 1)) == 60
    assert not set(batch(folder, 1)) & set(batch(folder, 2))


def test_another_run_uses_the_same_pool_and_map(answered):
    """Nothing is extracted, fitted or mapped again, and the first run's files stay."""
    config = yaml.safe_load((ROOT / CONFIG).read_text())
    config |= {"run": "second", "rounds": 1, "pool": {"run": "tiny"}}
    config["ensemble"] |= {"members": 1, "epochs": 1}
    for name in ("som", "oracle", "release"):
        del config[name]
    (answered / "second.yaml").write_text(yaml.safe_dump(config))
    before = times(answered, "results/tiny/**/*")
    target = "results/second/round-01/batch.csv"
    wanted = jobs(snakemake(answered, target, "-n", config="second.yaml"))
    assert wanted["score_spectra"] == 2 and wanted["train_members"] == 1
    assert not {"extract_spectra", "fit_som", "map_spectra"} & wanted.keys()
    snakemake(answered, target, config="second.yaml")
    assert times(answered, "results/tiny/**/*") == before
    chosen = pd.read_csv(answered / target)["TARGETID"]
    catalogs = [fitsio.read(path, ext="CATALOG") for path in answered.glob("results/tiny/pool/*")
                if path.suffix == ".fits"]  # fmt: skip
    assert set(chosen) <= set(np.concatenate([catalog["TARGETID"] for catalog in catalogs]))


def test_coadds_in_folders_of_any_name(tmp_path):
    """Pool and labelled set by patterns; files that come and go change no answered batch."""
    folder = checkout(tmp_path / "flat")
    words = ["--tiles", "1", "2", "3", "9", "--targets-per-petal", "60", "--output", "sim"]
    program = ROOT / "workflow_scripts/simulate_survey.py"
    subprocess.run([PYTHON, str(program), *words], cwd=folder, check=True, capture_output=True)

    def put(tile, place, kind="coadd"):
        [source] = folder.glob(f"sim/tiles/cumulative/{tile}/*/{kind}-*")
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, folder / place)

    put(1, "mine/one night/spectra.fits")
    put(1, "mine/one night/redrock-spectra.fits", "redrock")
    put(2, "mine/b [x]/spectra.fits")
    put(9, "old/my 9.fits")
    config = yaml.safe_load((ROOT / CONFIG).read_text())
    for name in ("mock", "oracle", "release"):
        del config[name]
    truth = {"truth": "sim/truth.csv"}
    config |= {
        "pool": {"sources": [{"coadds": "mine/**/*.fits"} | truth]},
        "labelled": {"old": {"coadds": "old/*", "validation": 0.4} | truth},
    }
    config["ensemble"] |= {"members": 1, "epochs": 1}
    (folder / "flat.yaml").write_text(yaml.safe_dump(config))
    snakemake(folder, config="flat.yaml")
    known = {}
    for path in folder.glob("results/tiny/pool/spectra-????????.fits"):
        catalog = fitsio.read(path, ext="CATALOG")
        known[catalog["SOURCE"][0].strip()] = (catalog["ZWARN"] >= 0).all()
    # Redrock's redshifts are those of the file beside; without one they are unknown.
    assert known == {"mine/one night/spectra.fits": True, "mine/b [x]/spectra.fits": False}
    # The pages show the coadds' full spectra, and redshifts are compared with the truth.
    assert fitsio.FITS(str(folder / "results/tiny/round-01/prospect/spectra.fits"))
    redshifts = pd.read_csv(folder / "results/tiny/round-01/redshifts.csv")
    assert len(redshifts)
    assert fitsio.read_header(folder / "results/tiny/labelled/old.fits", "SPECTRA")["NAXIS2"] > 30

    answer(folder, 1, "desi-vi_tiny-round-01-minibatch-all_Ann.csv", batch(folder, 1))
    first = digests(folder, *(f"results/tiny/round-01/{name}" for name in CHOICE))
    # One file is added, one goes: only the new one is extracted and mapped.
    put(3, "mine/c/new one.fits")
    (folder / "mine/b [x]/spectra.fits").unlink()
    wanted = jobs(snakemake(folder, "-n", config="flat.yaml"))
    expected = {"extract_spectra": 1, "map_spectra": 1, "score_spectra": 2, "select_batch": 1}
    assert {name: wanted.get(name, 0) for name in expected} == expected
    snakemake(folder, config="flat.yaml")
    assert digests(folder, *(f"results/tiny/round-01/{name}" for name in CHOICE)) == first
    sources = pd.read_csv(folder / "results/tiny/round-02/batch.csv")["SOURCE"]
    assert set(sources) <= {"mine/one night/spectra.fits", "mine/c/new one.fits"}
    assert "Nothing to be done" in said(snakemake(folder, "-n", config="flat.yaml"))
    # A file that is replaced is extracted again, beside what the answered round had of it.
    put(1, "mine/one night/spectra.fits")
    wanted = jobs(snakemake(folder, "-n", config="flat.yaml"))
    assert wanted["extract_spectra"] == 1 and wanted["score_spectra"] == 1
    assert wanted["map_spectra"] == 1
    # Nobody has answered round 2: a night that joins it changes the batch, and a line says so.
    put(2, "mine/d/spectra.fits")
    told = said(snakemake(folder, config="flat.yaml"))
    assert "the batch of round 2 has been chosen again" in told
    # Scratch is purged: what is gone of the removed and the replaced file is named, and all else
    # restored.
    lost = [path.stem for path in folder.glob("results/tiny/round-01/scores/*")
            if not (folder / f"results/tiny/round-02/scores/{path.name}").exists()]  # fmt: skip
    assert len(lost) == 2
    for path in (*folder.glob("results/tiny/pool/*.fits"), *folder.glob("results/tiny/som/run/*")):
        path.unlink()
    told = said(snakemake(folder, "restore", config="flat.yaml"))
    for name in lost:
        assert (
            f"results/tiny/pool/{name}.fits is gone, and so is its tile from pool.sources" in told
        )
    assert len(list(folder.glob("results/tiny/pool/*.fits"))) == 3
    told = said(snakemake(folder, f"results/tiny/pool/{name}.fits", config="flat.yaml", status=1))
    assert "is gone, an answered round chose from it, and no source lists its tile" in told
    shutil.rmtree(folder / "mine")
    result = snakemake(folder, "-n", config="flat.yaml", status=1)
    assert "mine/**/*.fits: matches no files; check the config's `coadds`" in said(result)
