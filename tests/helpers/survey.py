"""A mock survey of bright, simple objects, so that tiny networks learn them."""

import json

import numpy as np

import simulate_survey
from quasarnet_al.spectra import desi, grid, pool, truth
from quasarnet_al.spectra.extraction import concatenate
from quasarnet_al.spectra.tables import stack

KINDS = {"sky": 0.2, "qso": 0.5, "star_F": 0.06, "star_M": 0.06, "lrg": 0.1, "wd_da": 0.08}
#: A recipe that learns it in seconds.
QUICK = {
    "layers": 4,
    "filters": 8,
    "units": 32,
    "dropout": 0.0,
    "learning_rate": 6e-3,
    "schedule": "cosine",
    "epochs": 1,
    "min_steps": 200,
    "batch_size": 64,
}


def simple_survey(folder):
    """Halves of a mock survey, by object: one to learn from, one written as files to judge."""
    (folder / "kinds.json").write_text(json.dumps(KINDS))
    simulate_survey.main(
        [
            *("--output", str(folder), "--tiles", "2", "3", "--petals", "2"),
            *("--targets-per-petal", "450", "--fractions", str(folder / "kinds.json")),
            *("--mix", "balanced", "--repeats", "0.3", "--depth", "20"),
        ]
    )
    coadds = [
        path for tile in (2, 3) for path in desi.coadds(folder, "cumulative", f"{tile}/20260101")
    ]
    target, sky = (
        concatenate([desi.extract(path, grid.LOG, kind) for path in coadds])
        for kind in ("all", "sky")
    )
    spectra, catalog, labels, _ = truth.label(
        target.spectra, target.catalog, truth.read(folder / "truth.csv"), "mock"
    )
    learnt, learnt_sky = labels["TARGETID"] % 2 == 1, sky.catalog["TARGETID"] % 2 == 1
    judged = ~learnt
    pool.write(
        folder / "validation.fits", spectra[judged], catalog[judged], grid.LOG, labels[judged]
    )
    pool.write(folder / "pool.fits", spectra[judged], catalog[judged], grid.LOG)
    pool.write(folder / "sky.fits", sky.spectra[~learnt_sky], sky.catalog[~learnt_sky], grid.LOG)
    pool.write(folder / "no-sky.fits", sky.spectra[:0], sky.catalog[:0], grid.LOG)
    spectra = np.concatenate([spectra[learnt], sky.spectra[learnt_sky]])
    of_sky = pool.labels(int(learnt_sky.sum()), "mock")
    of_sky["SPECTYPE"], of_sky["BAL"] = "SKY", 0
    return folder, spectra, stack([labels[learnt], of_sky])
