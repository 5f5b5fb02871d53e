"""A batch and its inspection pages."""

import json
import re

import fitsio
import numpy as np
import pandas as pd

import write_adjudication
import write_pages
from quasarnet_al.mock import templates
from quasarnet_al.spectra import desi, pool
from quasarnet_al.spectra.grid import LOG

HOSTILE = '</script><script>document.title="owned"</script><img src=x onerror=alert(1)>\u2028"\'&'


def write_coadd(folder, n, seed=0, kinds=()):
    """Write a small DESI coadd of quasars, and redrock's answer to the even rows.

    `kinds` names other models: "elg" and "lrg" at redshift 0.8, "star_F" and such at 0.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    redshift = np.linspace(1.2, 3.0, n)
    fibermap = np.zeros(
        n,
        dtype=[
            *(("TARGETID", "i8"), ("TILEID", "i4"), ("PETAL_LOC", "i2"), ("FIBER", "i4")),
            *(("TARGET_RA", "f8"), ("TARGET_DEC", "f8"), ("FLUX_G", "f4"), ("FLUX_R", "f4")),
        ],
    )
    fibermap["TARGETID"] = 39627640553871919 + np.arange(n)
    fibermap["TILEID"], fibermap["FIBER"] = 80605, np.arange(n)
    fibermap["TARGET_RA"], fibermap["TARGET_DEC"] = 150.1, 2.2
    fibermap["FLUX_G"], fibermap["FLUX_R"] = 5.0, -1.0
    path = folder / "coadd-0-80605-thru20210204.fits"
    rest = np.arange(850.0, 10000.0, 1.0)
    models = [templates.quasar_composite(rest)] * n
    spectypes = ["QSO"] * n
    for k, kind in enumerate(kinds):
        if kind.startswith("star"):
            models[k], redshift[k], spectypes[k] = templates.star_template(rest, kind), 0, "STAR"
        elif kind != "qso":
            model = templates.galaxy_template(rest, kind)
            models[k], redshift[k], spectypes[k] = model / model.mean(), 0.8, "GALAXY"
    arms = {"B": (3600, 2751), "R": (5760, 2326), "Z": (7520, 2881)}
    with fitsio.FITS(str(path), "rw", clobber=True) as fits:
        fits.write(np.zeros(1))
        fits.write(fibermap, extname="FIBERMAP")
        for arm, (first, size) in arms.items():
            wavelength = np.round(first + 0.8 * np.arange(size), 1)
            emitted = wavelength / (1 + redshift[:, None])
            flux = np.array([np.interp(w, rest, m) for w, m in zip(emitted, models, strict=True)])
            flux = 3 * flux + 0.5 * rng.normal(size=flux.shape)
            ivar = np.full(flux.shape, 4.0)
            ivar[:, 100:110] = 0
            fits.write(wavelength, extname=f"{arm}_WAVELENGTH")
            fits.write(flux.astype("f4"), extname=f"{arm}_FLUX")
            fits.write(ivar.astype("f4"), extname=f"{arm}_IVAR")
    even = slice(0, None, 2)
    redrock = np.zeros(
        len(redshift[even]),
        dtype=[("TARGETID", "i8"), ("Z", "f8"), ("ZWARN", "i8"), ("SPECTYPE", "U6")],
    )
    redrock["TARGETID"], redrock["Z"] = fibermap["TARGETID"][even], redshift[even]
    redrock["SPECTYPE"] = spectypes[even]
    fitsio.write(
        str(folder / "redrock-0-80605-thru20210204.fits"),
        redrock,
        extname="REDSHIFTS",
        clobber=True,
    )
    return path, redshift


def write_batch(folder, n=6, minibatch=50, seed=0, kinds=()):
    """Write a batch of a small coadd as the selection does; return the true redshifts."""
    path, redshift = write_coadd(folder / "survey", n, seed, kinds)
    found = desi.extract(path, LOG, "all")
    assert len(found.catalog) == n
    rank = np.arange(1, n + 1)
    batch = pd.DataFrame({"RANK": rank, "MINIBATCH": (rank - 1) // minibatch + 1})
    batch["TARGETID"] = found.catalog["TARGETID"]
    batch["SCORE"], batch["ACQUISITION"] = 1.25, "entropy"
    batch["VOTE_NOT_QSO"], batch["VOTE_QSO_LOWZ"], batch["VOTE_QSO_HIGHZ"] = 0.5, 0.2, 0.3
    batch["Z_MEAN"], batch["Z_STD"], batch["C_LYA"], batch["C_BAL"] = 2.2, 0.5, 0.8, np.nan
    batch["ENTROPY"], batch["BMU"], batch["QERR"] = 1.25, 0, 9.0
    batch["MEMBER_Z"] = [f"{z:.4f} {z + 0.001:.4f} 0.5000 nan" for z in redshift]
    batch.to_csv(folder / "batch.csv", index=False)
    pool.write(folder / "batch.fits", found.spectra, found.catalog, LOG)
    return redshift


def write_all(folder, *more, title="test-round-01", program=write_pages):
    arguments = ["--batch", folder / "batch.csv", "--batch-pool", folder / "batch.fits"]
    arguments += ["--input-root", folder, "--title-prefix", title]
    arguments += ["--output-dir", folder / "inspect", *more]
    program.main([str(argument) for argument in arguments])
    return folder / "inspect"


def adjudicate(folder, *paths):
    """Write the page on which the conflicts of labels.csv are decided."""
    more = ["--vi", *paths, "--labels", folder / "labels.csv"]
    return write_all(folder, *more, program=write_adjudication) / "adjudication.html"


def data_of(path):
    text = path.read_text(encoding="utf-8")
    content = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    return json.loads(content[1])


def vi(path, rows):
    names = ["TARGETID", "VI_scanner", "VI_quality", "VI_z", "VI_spectype", "VI_comment"]
    pd.DataFrame(rows, columns=names).to_csv(path, index=False)
    return path
