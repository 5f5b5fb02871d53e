"""Redrock's model of a spectrum, from the coefficients of its fit and redrock's templates.

A redrock file names class, redshift and coefficients of each fit (SPECTYPE, SUBTYPE, Z and COEFF
of REDSHIFTS) and, in its header, the templates that it used. A template file
(github.com/desihub/redrock-templates) holds basis vectors by rest wavelength. The model is their
sum with these coefficients, as redrock fits it (templates.py, fitz.py and igm.py of
github.com/desihub/redrock): stretched by 1 + z without a change of flux, averaged over each pixel,
times the transmission of intergalactic hydrogen, through the resolution of the spectrograph.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quasarnet_al.core.files import InputError
from quasarnet_al.spectra import hdus

#: Where redrock itself looks for its templates.
VARIABLE = "RR_TEMPLATE_DIR"
#: Lines of hydrogen, Angstrom, and their effective optical depth at redshift 0, which grows
#: with a power of 1 + z: (lines, powers) by the name in a template's RRIGM. Calura et al. 2012
#: (arXiv 1201.5121, eq. 5) with the series of Irsic et al. 2013 (arXiv 1307.3403, eq. 1.1), and
#: Kamble et al. 2020 (arXiv 1904.01110), as redrock has them (constants.py).
_SERIES = {1215.67: 1.0, 1025.72: 5.2615, 972.537: 14.356, 949.7431: 29.85984, 937.8035: 53.36202}
HYDROGEN: dict[str, tuple[dict[float, float], float]] = {
    "NONE": ({}, 0.0),
    "CALURA12": ({line: 0.0023 / ratio for line, ratio in _SERIES.items()}, 3.64),
    "KAMBLE20": ({1215.67: 0.00554}, 3.182),
}
#: What templates without RRIGM were made with, by class and version.
_OLDER = {("GALAXY", "2.6"): "CALURA12", ("QSO", "0.1"): "CALURA12"}
_OLDER |= {("QSO", "1.0"): "CALURA12", ("QSO", "1.1"): "KAMBLE20"}
#: Numbers of templates in a header: TEMNAM00 to TEMNAM99.
_MOST = 100


@dataclass(frozen=True)
class Template:
    """A template: basis (n, p) at rest wavelengths (p,) in Angstrom, ascending.

    `hydrogen` is the key of `HYDROGEN` by which intergalactic absorption is computed.
    """

    wavelength: np.ndarray
    basis: np.ndarray
    hydrogen: str


def folder(chosen: str | Path = "") -> Path | None:
    """Return the folder of redrock's templates: the one chosen, or that of RR_TEMPLATE_DIR.

    Raises
    ------
    InputError
        The one chosen is not a folder. Where that of the variable is not, a line says so.
    """
    if chosen:
        if not Path(chosen).is_dir():
            remedy = "set inspection.redrock_templates, or leave it out"
            raise InputError(chosen, "is not a folder", remedy)
        return Path(chosen)
    named = os.environ.get(VARIABLE, "")
    if named and not Path(named).is_dir():
        print(f"{named}: is not a folder ({VARIABLE}); the pages go without it", flush=True)
    return Path(named) if named and Path(named).is_dir() else None


def file_name(header: Mapping[str, Any], spectype: str, subtype: str) -> str:
    """Return the name of the template file that a redrock file says it used for a class.

    Raises
    ------
    ValueError
        The header does not say which.
    """
    for k in range(_MOST):
        name = str(header.get(f"TEMNAM{k:02d}", "")).strip()
        if tuple(name.split(":::")) not in {
            (spectype, subtype),
            (spectype,) if not subtype else (),
        }:
            continue
        if f"TEMFIL{k:02d}" in header:
            return Path(str(header[f"TEMFIL{k:02d}"]).strip()).name
        version = str(header.get(f"TEMVER{k:02d}", "unknown")).strip()
        # Those of stars had no version at first.
        version = "0.1" if version == "unknown" and spectype == "STAR" else version
        if version != "unknown":
            return f"rrtemplate-{spectype}-{subtype or None}-v{version}.fits"
    raise ValueError(f"its header does not say which template of {spectype} {subtype} was used")


def read_template(path: Path, spectype: str, subtype: str) -> Template:
    """Read a template file of redrock.

    Raises
    ------
    InputError
        It cannot be read, is of another class, or absorbs in a way that is not in `HYDROGEN`.
    """
    with hdus.opened(path, "a template of redrock", f"check {VARIABLE}") as fits:
        header = fits["BASIS_VECTORS"].read_header()
        basis = np.atleast_2d(np.asarray(fits["BASIS_VECTORS"].read(), dtype=float))
        wavelength = float(header["CRVAL1"]) + float(header["CDELT1"]) * np.arange(basis.shape[-1])
    if header.get("LOGLAM", 0):
        with np.errstate(over="ignore"):
            wavelength = 10**wavelength
    names = [str(header.get(key, "")).strip().upper() for key in ("RRTYPE", "RRSUBTYP")]
    version = str(header.get("VERSION", "")).strip()
    older = "NONE" if names[0] == "STAR" else _OLDER.get((names[0], version), "unknown")
    hydrogen = str(header.get("RRIGM", older)).strip().upper()
    remedy = "check the folder of redrock's templates"
    if names != [spectype.upper(), subtype.upper()]:
        raise InputError(path, f"is a template of {' '.join(names)}", remedy)
    if hydrogen not in HYDROGEN:
        raise InputError(path, f"absorbs by {hydrogen}, which is not known here", remedy)
    ascending = np.isfinite(wavelength).all() and (np.diff(wavelength) > 0).all()
    if basis.ndim != 2 or not (ascending and np.isfinite(basis).all()):
        raise InputError(path, "is not a table of finite values by wavelength", remedy)
    return Template(wavelength, basis, hydrogen)


def transmission(hydrogen: str, z: float, wavelength: np.ndarray) -> np.ndarray:
    """Return the mean transmission of intergalactic hydrogen at observed wavelengths (p,)."""
    lines, power = HYDROGEN[hydrogen]
    depth = np.zeros(len(wavelength))
    for line, at_zero in lines.items():
        depth += np.where(wavelength < line * (1 + z), at_zero * (wavelength / line) ** power, 0.0)
    return np.exp(-depth)


def pixel_means(x: np.ndarray, y: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the means between edges (p + 1,) of the line through (x, y); NaN outside of x."""
    whole = np.concatenate([[0.0], np.cumsum((y[1:] + y[:-1]) / 2 * np.diff(x))])
    at = np.clip(np.searchsorted(x, edges, side="right") - 1, 0, len(x) - 2)
    by, slope = edges - x[at], np.diff(y)[at] / np.diff(x)[at]
    integral = whole[at] + y[at] * by + slope * by**2 / 2
    integral[(edges < x[0]) | (edges > x[-1])] = np.nan
    return np.diff(integral) / np.diff(edges)


def smeared(values: np.ndarray, resolution: np.ndarray) -> np.ndarray:
    """Return values (p,) as a spectrograph sees them.

    `resolution` (d, p) is a row of a coadd's RESOLUTION: the diagonals of a matrix from offset
    d // 2 down to -(d // 2), each value in the column that it belongs to.
    """
    result, n = np.zeros(len(values)), len(values)
    for diagonal, offset in zip(
        resolution * values,
        range(len(resolution) // 2, -(len(resolution) // 2) - 1, -1),
        strict=True,
    ):
        result[max(0, -offset) : n - max(0, offset)] += diagonal[
            max(0, offset) : n - max(0, -offset)
        ]
    return result


def model(
    template: Template,
    coefficients: np.ndarray,
    z: float,
    wavelength: np.ndarray,
    resolution: np.ndarray | None = None,
) -> np.ndarray:
    """Return redrock's model on the pixels of one arm.

    Parameters
    ----------
    coefficients : (n,) or more, of a row of REDSHIFTS
    z : its redshift
    wavelength : (p,) centres of pixels of one width, Angstrom
    resolution : (d, p), see `smeared`; None where the coadd has none

    Raises
    ------
    ValueError
        The coefficients are not this template's, or it does not cover the arm at z.
    """
    n = len(template.basis)
    if len(coefficients) < n or not np.isfinite(coefficients).all() or coefficients[n:].any():
        raise ValueError("its coefficients are not those of the template")
    half = (wavelength[1] - wavelength[0]) / 2
    edges = np.append(wavelength - half, wavelength[-1] + half)
    values = pixel_means(template.wavelength * (1 + z), coefficients[:n] @ template.basis, edges)
    values *= transmission(template.hydrogen, z, wavelength)
    if not np.isfinite(values).all():
        raise ValueError(
            f"the template does not cover {edges[0]:.0f} to {edges[-1]:.0f} A at z = {z}"
        )
    return values if resolution is None else smeared(values, resolution)
