"""Extraction of a 500-fibre petal against fitsio's reading of its HDUs, and QuasarNP.

    python tests/benchmarks/bench_extract.py [--quasarnp FOLDER]

The petal has the HDUs and the size of a real one (223 MB, of which 32 MB are read) and
lies in the page cache. All runs alternate; ratios are taken within a turn.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import fitsio
import numpy as np
from measure import alternate, spread, summary

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "workflow_scripts"))
from helpers import samples
from quasarnet_al.spectra import desi
from quasarnet_al.spectra.grid import LOG

FIBRES = 500
HDUS = ("FIBERMAP", *(f"{a}_{b}" for a in "BRZ" for b in ("WAVELENGTH", "FLUX", "IVAR")))


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=25)
    parser.add_argument("--quasarnp", help="folder that QuasarNP is in, where not installed")
    arguments = parser.parse_args(argv)
    peer = quasarnp(arguments.quasarnp)
    for targets, asked in ((FIBRES, ("0.65", "0.8")), (60, ("", "read chosen rows only"))):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "coadd-0-1-thru2.fits")
            chosen = np.zeros(FIBRES, bool)
            chosen[np.random.default_rng(0).choice(FIBRES, targets, replace=False)] = True
            write_petal(path, chosen)
            print(f"\n{FIBRES} fibres, {targets} targets\n")
            print("| what | ms, median (lowest-highest) | reading / this |\n| --- | --- | --- |")
            runs: dict[str, Callable[[], object]] = {
                "reading the needed HDUs": lambda path=path: read(path),
                "extraction": lambda path=path: desi.extract(path, LOG),
                "extraction of a pool, with flaws": lambda path=path: desi.extract(
                    path, LOG, flaws=True
                ),
            }
            if peer:
                # QuasarNP is told which rows are targets, this finds them.
                spectra = peer(path, chosen)[0].reshape(-1, LOG.size)
                np.testing.assert_allclose(desi.extract(path, LOG).spectra, spectra, atol=1e-3)
                runs["QuasarNP"] = lambda path=path, chosen=chosen: peer(path, chosen)
            seconds = alternate(runs, arguments.repeats)
            limit = seconds["reading the needed HDUs"]
            for name, taken in seconds.items():
                print(f"| {name} | {spread(taken * 1e3)} | {np.median(limit / taken):.2f} |")
            if not peer:
                print("| QuasarNP | skipped: not installed, no --quasarnp | |")
            ratio = np.median(limit / seconds["extraction"])
            what = f"extraction of {targets} of {FIBRES} fibres, of fitsio's reading rate"
            summary(what, f"{ratio:.2f}", *asked)
            if peer:
                times = np.median(seconds["QuasarNP"] / seconds["extraction"])
                summary("the same against QuasarNP", f"{times:.1f} x")


def write_petal(path: Path, chosen: np.ndarray) -> None:
    """Write a coadd with all the HDUs of a real one; `chosen` fibres are quasar targets."""
    table = samples.fibermap(FIBRES)
    table["DESI_TARGET"] = np.where(chosen, desi.QSO_BIT, 2)
    more = {}
    for arm, wavelength in samples.WAVELENGTH.items():
        more[f"{arm}_MASK"] = np.zeros((FIBRES, len(wavelength)), np.int32)
        more[f"{arm}_RESOLUTION"] = np.zeros((FIBRES, 11, len(wavelength)), np.float32)
    samples.write_coadd(path, FIBRES, table, **more)


def read(path: Path) -> None:
    with fitsio.FITS(str(path)) as fits:
        for name in HDUS:
            fits[name].read()


def quasarnp(folder: str | None) -> Callable | None:
    """Return QuasarNP's reader of coadds, of a path and which rows, or None."""
    sys.path[:0] = [folder] if folder else []
    try:
        from quasarnp.io import load_desi_coadd
    except ImportError:
        return None
    return lambda path, rows: load_desi_coadd(str(path), rows)


if __name__ == "__main__":
    main()
