"""Digits: MNIST's files are read for what they are, and what networks say of them."""

import io
import urllib.error

import numpy as np
import pandas as pd
import pytest

import draw_digits
import extract_digits
from helpers.digits import NAMES, network, write_idx
from quasarnet_al.core.files import InputError
from quasarnet_al.learning import acquisition
from quasarnet_al.learning.scores import write_scores
from quasarnet_al.network import weights
from quasarnet_al.spectra import pool
from quasarnet_al.spectra.grid import DIGIT
from quasarnet_al.spectra.tables import write_fits
from quasarnet_al.spectra.truth import read
from quasarnet_al.tasks import digits
from quasarnet_al.tasks.registry import TASKS


def test_files_are_read(tmp_path):
    paths, images, classes = write_idx(tmp_path)
    pixels, names = digits.read(*paths)
    assert pixels.dtype == np.float32
    assert pixels.max() == 1
    assert np.array_equal(np.round(pixels * 255).reshape(images.shape), images)
    assert names.tolist() == [str(k) for k in classes]


def test_the_real_ones(shared_data):
    pixels, classes = digits.read(*(shared_data / "mnist" / name for name in NAMES))
    assert pixels.shape == (10_000, 784)
    # As everybody knows the set: it starts with 7, 2, 1, 0, 4 and has 980 zeros.
    assert classes[:5].tolist() == list("72104")
    assert (classes == "0").sum() == 980
    assert pixels.mean() == pytest.approx(0.1325, abs=1e-4)


@pytest.mark.parametrize("damage", ["cut", "text", "swapped", "of another set"])
def test_other_files_are_refused(tmp_path, damage):
    paths, _, _ = write_idx(tmp_path)
    if damage == "cut":
        paths[0].write_bytes(paths[0].read_bytes()[:-100])
    elif damage == "text":
        paths[0].write_text("no images")
    elif damage == "swapped":
        paths.reverse()
    else:
        (tmp_path / "other").mkdir()
        paths[1] = write_idx(tmp_path / "other", count=50)[0][1]
    with pytest.raises(InputError):
        digits.read(*paths)


def test_absent_files_are_downloaded_or_said(tmp_path, monkeypatch):
    paths, _, _ = write_idx(tmp_path)
    content = paths[1].read_bytes()
    paths[1].unlink()

    def no_network(*arguments, **options):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(digits.urllib.request, "urlopen", no_network)
    with pytest.raises(InputError, match=r"absent and cannot be downloaded .*no network.*; put"):
        digits.read(*paths)
    monkeypatch.setattr(digits.urllib.request, "urlopen", lambda *a, **o: io.BytesIO(content))
    with pytest.raises(InputError, match="has another"):
        digits.read(*paths)
    monkeypatch.setitem(digits.MD5, NAMES[1], digits.hashlib.md5(content).hexdigest())
    assert len(digits.read(*paths)[1]) == 60
    with pytest.raises(InputError, match="is absent; give one of"):
        digits.read(tmp_path / "mnist.gz", paths[1])


def test_samples_are_disjoint_and_stay(tmp_path):
    one, two, rest = digits.draw(1000, [50, 100, 500], 1)
    assert [len(one), len(two), len(rest)] == [50, 100, 500]
    assert len(set(one) | set(two) | set(rest)) == 650
    again = digits.draw(1000, [50, 100, 850], 1)
    assert np.array_equal(again[0], one)
    assert set(rest) < set(again[2])
    assert not np.array_equal(digits.draw(1000, [50], 2)[0], one)


def test_probabilities():
    rng = np.random.default_rng(0)
    layers = [
        weights.Dense(rng.normal(0, 0.1, shape).astype(np.float32), np.ones(shape[1], np.float32))
        for shape in ((784, 7), (7, 10))
    ]
    images = rng.random((5, 784), dtype=np.float32)
    one = digits.Network(layers).probabilities(images)
    hidden = np.clip(images @ layers[0].kernel + 1, 0, None)
    power = np.exp(hidden @ layers[1].kernel + 1)
    np.testing.assert_allclose(one, power / power.sum(axis=1, keepdims=True), rtol=1e-5)
    several = digits.probabilities([digits.Network(layers)] * 3, images, threads=2)
    assert np.array_equal(several, [one] * 3)


def test_ensemble_file(tmp_path):
    path = tmp_path / "ensemble.h5"
    members = [network(name=f"member-{k:02d}", shift=k) for k in range(3)]
    weights.pack(path, members, {"seed": "1"}, TASKS["mnist"].layout)
    found = weights.read_ensemble(path, TASKS["mnist"].layout)
    assert [one.name for one in found] == [one.name for one in members]
    assert np.array_equal(found[2].layers[1].kernel, members[2].layers[1].kernel)
    weights.write_network(tmp_path / "one.h5", found[1], {"loss": "0.5"}, TASKS["mnist"].layout)
    one = weights.read_network(tmp_path / "one.h5", TASKS["mnist"].layout)
    assert one.attributes["loss"] == "0.5"
    first = path.read_bytes()
    weights.pack(path, found, {"seed": "1"}, TASKS["mnist"].layout)
    assert path.read_bytes() == first


@pytest.mark.parametrize("fault", ["a QuasarNET", "cut layer", "nine classes"])
def test_other_weights_are_refused(tmp_path, fault):
    path = tmp_path / "one.h5"
    if fault == "a QuasarNET":
        from helpers.networks import random_network

        weights.write_network(path, random_network(), {})
    else:
        one, two = network().layers
        if fault == "cut layer":
            two = weights.Dense(two.kernel[:-1], two.bias)
        else:
            two = weights.Dense(two.kernel[:, :-1], two.bias[:-1])
        weights.write_network(path, digits.Network([one, two]), {}, TASKS["mnist"].layout)
    with pytest.raises(InputError):
        weights.read_network(path, TASKS["mnist"].layout)


def test_votes_of_the_members(tmp_path):
    paths, _, _ = write_idx(tmp_path)
    images, names = digits.read(*paths)
    members = [network(), network(), network(), network(shift=1)]
    columns = digits.score(members, images, np.arange(60), seed=0, threads=2)
    assert set(map(acquisition.column, acquisition.NAMES)) < set(columns)
    assert columns["CLASS"].tolist() == [int(name) for name in names]
    assert columns["VOTE_3"][3] == np.float32(0.75)
    assert columns["VOTE_4"][3] == np.float32(0.25)
    np.testing.assert_allclose(columns["LEAST_CONFIDENCE"], 0.25)
    np.testing.assert_allclose(columns["MARGIN"], 0.5)
    np.testing.assert_allclose(columns["ENTROPY"], 0.8113, atol=1e-4)


def test_accuracy(tmp_path):
    paths, _, _ = write_idx(tmp_path)
    images, names = digits.read(*paths)
    found = digits.evaluate([network(), network(), network(shift=1)], images, names)
    assert found["accuracy"] == 1
    assert found["member_accuracy"] == [1, 1, 0]
    truth = np.where(names == "7", "1", names)
    found = digits.evaluate([network()], images, truth)
    assert found["accuracy"] == pytest.approx(0.9)
    assert found["classes"]["1"] == {"digits": 12, "accuracy": 0.5}
    assert np.isnan(found["classes"]["7"]["accuracy"])


def test_probabilities_are_calibrated_on_half_of_the_digits():
    """A network that is twice as sure as it may be: for noise of 0.4 the logits are x / 0.4^2."""
    rng = np.random.default_rng(0)
    number = rng.integers(10, size=4000)
    images = (np.eye(10)[number] + 0.4 * rng.normal(size=(4000, 10))).astype(np.float32)
    sure = digits.Network(
        [weights.Dense(12 * np.eye(10, dtype=np.float32), np.zeros(10, np.float32))]
    )
    found = digits.evaluate([sure], images, np.array(digits.CLASSES)[number])["probabilities"]
    assert found["raw"]["expected_error"] > 0.05
    assert found["calibrated"]["expected_error"] < 0.03


def test_most_confusing_is_a_choice():
    scores = np.zeros(4, [(name, "f4") for name in ("LEAST_CONFIDENCE", "MARGIN", "ENTROPY")])
    scores["LEAST_CONFIDENCE"] = [0.9, 0.5, 0.6, 0.6]
    scores["MARGIN"] = [1, 1, 1, 0.9]
    scores["ENTROPY"] = [2, 1, 1.5, 1.6]
    reason = np.array(["sparse cell", "", "less confusing", "less confusing"])
    picked = digits.most_confusing(scores, reason, tie=np.array([0.1, 0.3, 0.2, 0.4]))
    assert picked == {"least_confidence": 2, "margin": 2, "entropy": 3}


def test_programs(tmp_path):
    """From MNIST's files to the pool that the shared rules read, and to the figures."""
    paths, _, classes = write_idx(tmp_path)
    common = ["--images", paths[0], "--labels", paths[1], "--seed", "1"]
    names = ["--pool", tmp_path / "digits.fits", "--truth", tmp_path / "truth.csv", "--labelled"]
    names += [tmp_path / "initial.fits", tmp_path / "held-out.fits"]
    sizes = ["--count", "30", "--labelled-count", "10", "20"]
    extract_digits.main([str(argument) for argument in [*common, *names, *sizes]])
    images, catalog = pool.read(tmp_path / "digits.fits")
    assert pool.read_grid(tmp_path / "digits.fits", tmp_path / "initial.fits") == DIGIT
    assert (catalog["ARMS"] == pool.ALL_ARMS).all()
    known = read(tmp_path / "truth.csv")
    assert known["SPECTYPE"].tolist() == [str(classes[k]) for k in catalog["TARGETID"]]
    _, _, labels = pool.read_labelled(tmp_path / "held-out.fits")
    assert labels["SPECTYPE"].tolist() == [str(classes[k]) for k in labels["TARGETID"]]
    assert set(labels["ORIGIN"]) == {"held-out"}
    with pytest.raises(InputError, match="has 60 digits, but 61"):
        sizes[1] = "31"
        extract_digits.main([str(argument) for argument in [*common, *names, *sizes]])

    members = [network(), network(shift=1), network(shift=3)]
    columns = {"TARGETID": catalog["TARGETID"]}
    columns |= digits.score(members, images, catalog["TARGETID"], 0)
    write_scores(tmp_path / "scores.fits", columns, {})
    selection = {"TARGETID": catalog["TARGETID"], "REASON": np.full(30, "less confusing")}
    write_fits(tmp_path / "selection.fits", "SELECTION", selection)
    arguments = {
        "scores": "scores.fits",
        "pool": "digits.fits",
        "selection": "selection.fits",
        "truth": "truth.csv",
        "table": "digits.csv",
        "figure": "digits.png",
    }
    parts = [(f"--{key}", str(tmp_path / name)) for key, name in arguments.items()]
    draw_digits.main([text for part in parts for text in part])
    table = pd.read_csv(tmp_path / "digits.csv")
    assert table["MEASURE"].tolist() == list(acquisition.MEASURES)
    assert (table["TRUTH"] == [classes[k] for k in table["TARGETID"]]).all()
    assert table["ENTROPY"].tolist() == pytest.approx([np.log2(3)] * 3, abs=1e-4)
    assert (tmp_path / "digits.png").read_bytes().startswith(b"\x89PNG")
