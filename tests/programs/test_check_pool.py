"""A pool file without spectra, as of a tile that cannot be read, stops no program of a round."""

import importlib

import numpy as np
import pandas as pd
import pytest

from helpers.cases import make_good
from quasarnet_al.spectra import grid, pool


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    folder = tmp_path_factory.mktemp("empty")
    good = make_good(folder / "good")
    pool.write(folder / "none.fits", np.zeros((0, 443), "f4"), pool.catalog(0), grid.LOG)
    return good | {"none": folder / "none.fits", "out": folder}


def run(program, words, given):
    importlib.import_module(program).main([word.format(**given) for word in words.split()])


@pytest.mark.parametrize("first", [True, False])
def test_a_round_with_an_empty_pool_file(given, first):
    pairs = {
        "scores": "{out}/s.fits",
        "map": "{out}/m.fits",
        "pool": "{none}",
        "qn": "{out}/q.fits",
    }
    both = {
        f"all_{name}": (f"{empty} {{{name}}}" if first else f"{{{name}}} {empty}")
        for name, empty in pairs.items()
    }
    steps = {
        "map_spectra": "--som {som} --pool {none} --output {out}/m.fits",
        "score_spectra": "--ensemble {ensemble} --pool {none} --output {out}/s.fits",
        "classify_spectra": "--weights {weights} --pool {none} --output {out}/q.fits",
        "check_pool": "--pool ALL_POOL --output {out}/files.csv",
        "fit_som": "--pool ALL_POOL --rows 2 --columns 2 --epochs 1 --output {out}/som.h5",
        "select_batch": "--scores ALL_SCORES --map ALL_MAP --pool ALL_POOL --som {som} "
        "--outliers none --size 2 --minibatch 1 --batch {out}/b.csv --batch-pool {out}/b.fits "
        "--selection {out}/selection.fits --summary {out}/s.json",
        "write_catalog": "--tables ALL_QN --output {out}/catalog.fits",
        "report_round": "--run t --metrics {metrics} --summary {out}/s.json "
        "--selection {out}/selection.fits --scores ALL_SCORES --map ALL_MAP --pool ALL_POOL "
        "--som {som} --batch {out}/b.csv --batch-pool {out}/b.fits --seed 1 "
        "--output {out}/report.html",
    }
    for program, words in steps.items():
        for name, paths in both.items():
            words = words.replace(name.upper(), paths)
        run(program, words, given)
    assert len(pd.read_csv(given["out"] / "b.csv")) == 2
    assert (given["out"] / "report.html").exists()
