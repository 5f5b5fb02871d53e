"""The program that evaluates a round's ensemble: nothing that was learned judges it."""

import json

import numpy as np
import pytest

import evaluate_ensemble
from helpers.networks import random_network
from quasarnet_al.core.files import InputError
from quasarnet_al.network import weights
from quasarnet_al.spectra import pool
from quasarnet_al.spectra.grid import LOG


def write(path, targetid):
    """A labelled set, every second one a star; places follow from the last two digits."""
    count = len(targetid)
    catalog, labels = pool.catalog(count), pool.labels(count, path.stem)
    catalog["TARGETID"] = labels["TARGETID"] = labels["OBJECT"] = targetid
    catalog["TARGET_RA"], catalog["TARGET_DEC"] = 10 + np.asarray(targetid) % 100, 2.0
    labels["SPECTYPE"], labels["Z"] = np.where(np.arange(count) % 2, "STAR", "QSO"), 2.0
    spectra = np.random.default_rng(1).normal(size=(count, LOG.size)).astype(np.float32)
    pool.write(path, spectra, catalog, LOG, labels)
    return str(path)


def test_what_the_ensembles_learned_is_left_out_of_the_figures(tmp_path, capsys):
    """The seed or a share has changed, or a set came with objects that people have labelled."""
    ensemble = str(tmp_path / "ensemble.h5")
    weights.pack(ensemble, [random_network()], {})
    validation = write(tmp_path / "validation.fits", np.arange(1, 41))
    own = write(tmp_path / "own.fits", np.arange(1, 11))
    # The same objects of another survey: other numbers, the same places.
    before = write(tmp_path / "before.fits", np.arange(1011, 1019))

    def evaluate(*more):
        words = ["--ensemble", ensemble, "--validation", validation, "--round", "2"]
        evaluate_ensemble.main([*words, *more, "--output", str(tmp_path / "metrics.json")])
        return json.loads((tmp_path / "metrics.json").read_text())

    new = evaluate("--training", write(tmp_path / "new.fits", np.arange(51, 61)))
    assert (new["spectra"], new["quasars"], new["validation_learned"]) == (40, 20, 0)
    learned = evaluate("--training", own, "--before", before)
    assert (learned["spectra"], learned["quasars"], learned["validation_learned"]) == (22, 11, 18)
    with pytest.raises(InputError, match="contains no QSO but those that the ensemble learned"):
        evaluate("--training", validation)
