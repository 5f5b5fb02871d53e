"""A mock survey: targets, DESI-like noise and flaws, and files laid out as DESI's.

Noise and throughput follow the inverse variances of public DESI coadds (tiles 80605 and 80693):
sky and read noise by wavelength, photon noise of the target, the dichroics, the dip of the
collimator coating near 4400 A, night-sky lines (Osterbrock et al. 1996, PASP 108, 277) and
telluric bands. The files carry no RESOLUTION images: nothing here reads them, and they are
most of a real file's bytes.
"""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quasarnet_al.core.files import InputError, fits_file, write_text
from quasarnet_al.mock import templates
from quasarnet_al.mock.templates import LIGHT, OBSERVED, STEP

#: Wavelengths of DESI's arms (Angstrom), rounded to a tenth as spectrum files give them.
ARMS = {
    "B": np.round(3600 + 0.8 * np.arange(2751), 1),
    "R": np.round(5760 + 0.8 * np.arange(2326), 1),
    "Z": np.round(7520 + 0.8 * np.arange(2881), 1),
}

#: Fractions of the kinds of targets; sky is a fraction of all fibres, the rest shares what
#: is left. "survey": the classes of DESI's quasar targets by visual inspection (Alexander et
#: al. 2023) with some other targets; "balanced": what a training set needs of each; "training":
#: the same with blends and more broad absorption; "rare": all targets of the main survey, where
#: quasars and what looks like them are few.
MIXES = {
    "survey": {
        "sky": 0.08,
        "qso": 0.545,
        "qso_bal": 0.060,
        "qso_lobal": 0.008,
        "qso_red": 0.030,
        "qso_nls1": 0.020,
        "qso_weak": 0.010,
        "qso_type2": 0.007,
        "lrg": 0.060,
        "spiral": 0.050,
        "elg": 0.080,
        "starburst": 0.015,
        "post_starburst": 0.005,
        "agn2": 0.010,
        "star_A": 0.006,
        "star_F": 0.020,
        "star_G": 0.020,
        "star_K": 0.010,
        "star_M": 0.015,
        "star_carbon": 0.002,
        "wd_da": 0.012,
        "wd_db": 0.003,
        "wd_dc": 0.005,
        "wd_dq": 0.001,
        "wd_m": 0.003,
        "cv": 0.003,
    },
    "balanced": {
        "sky": 0.04,
        "qso": 0.31,
        "qso_bal": 0.11,
        "qso_lobal": 0.03,
        "qso_red": 0.04,
        "qso_nls1": 0.03,
        "qso_weak": 0.01,
        "qso_type2": 0.01,
        "lrg": 0.06,
        "spiral": 0.05,
        "elg": 0.07,
        "starburst": 0.03,
        "post_starburst": 0.02,
        "agn2": 0.02,
        "star_A": 0.02,
        "star_F": 0.025,
        "star_G": 0.025,
        "star_K": 0.025,
        "star_M": 0.04,
        "star_carbon": 0.01,
        "wd_da": 0.02,
        "wd_db": 0.01,
        "wd_dc": 0.01,
        "wd_dq": 0.005,
        "wd_m": 0.01,
        "cv": 0.01,
    },
    "rare": {
        "sky": 0.04,
        "qso": 0.055,
        "qso_bal": 0.006,
        "qso_lobal": 0.001,
        "qso_red": 0.003,
        "qso_nls1": 0.002,
        "qso_weak": 0.001,
        "qso_type2": 0.001,
        "lrg": 0.27,
        "spiral": 0.22,
        "elg": 0.22,
        "starburst": 0.015,
        "post_starburst": 0.005,
        "agn2": 0.004,
        "star_A": 0.005,
        "star_F": 0.04,
        "star_G": 0.04,
        "star_K": 0.03,
        "star_M": 0.03,
        "star_carbon": 0.001,
        "wd_da": 0.006,
        "wd_db": 0.001,
        "wd_dc": 0.002,
        "wd_dq": 0.0005,
        "wd_m": 0.001,
        "cv": 0.0005,
    },
}
#: Fractions of exposures with a flaw beyond the ordinary.
ARTEFACTS = {
    "sky_residual": 0.03,
    "dead_arm": 0.015,
    "arm_offset": 0.02,
    "cosmic": 0.02,
    "tilt": 0.02,
    "masked": 0.01,
}
_GALAXY = ("lrg", "spiral", "elg", "starburst", "post_starburst", "agn2", "blend")
MIXES["training"] = MIXES["balanced"] | {"qso_bal": 0.16, "qso_lobal": 0.04, "blend": 0.03}
#: The mixes that spread redshifts, magnitudes and shapes beyond those of the survey.
BROAD = ("balanced", "training")
_KINDS = tuple(MIXES["training"])
#: Columns of a table of targets. BAL: 1 broad absorption, 0 none (always 0 for what is no
#: quasar), -1 where the spectrum does not reach the troughs of C IV. SPECTYPE of a sky fibre
#: is SKY, its redshift 0 and its magnitude NaN.
TARGET = np.dtype([("KIND", "U16"), ("SPECTYPE", "U6"), ("Z", "f8"), ("BAL", "i2"), ("RMAG", "f8")])

# Quasars per redshift in DESI's target sample, relative (after Chaussidon et al. 2023, fig. 12).
_QUASAR_Z = (0.05, 0.3, 0.6, 1.0, 1.5, 1.8, 2.1, 2.5, 3.0, 3.5, 4.0, 4.6, 5.2)
_QUASAR_DENSITY = (0.05, 0.35, 0.9, 1.4, 1.9, 1.9, 1.6, 1.0, 0.5, 0.25, 0.1, 0.04, 0.0)


def _luminosity(redshift, rmag):
    """Return log10 of luminosity relative to r = 20.5 at z = 1.8, flat LCDM, Omega_m 0.315."""
    z = np.linspace(0, 7, 700)
    comoving = np.cumsum(1 / np.sqrt(0.315 * (1 + z) ** 3 + 0.685))
    distance = np.interp(redshift, z, comoving * (1 + z))
    reference = np.interp(1.8, z, comoving * (1 + z))
    return -0.4 * (rmag - 20.5) + 2 * np.log10(distance / reference)


def check_fractions(path: object, fractions: dict) -> None:
    """Raise `InputError`, which names `path`, where a kind or its share is not valid."""
    shares = [
        isinstance(share, int | float) and not isinstance(share, bool) and 0 < share < np.inf
        for share in fractions.values()
    ]
    if not shares or not all(shares) or not set(fractions) <= set(_KINDS):
        raise InputError(
            path,
            f"not all of {sorted(fractions)} are kinds with a share above 0",
            f"use these kinds: {', '.join(_KINDS)}",
        )


def draw_targets(rng: np.random.Generator, n: int, fractions: dict, broad: bool) -> np.ndarray:
    """Draw kinds, redshifts and magnitudes of `n` targets (dtype TARGET).

    `broad` spreads redshifts beyond those of the survey, as is good for a training set.
    """
    check_fractions("fractions", fractions)
    share = np.array(list(fractions.values()), dtype=float)
    kind = rng.choice(np.array(list(fractions)), n, p=share / share.sum())
    target = np.zeros(n, TARGET)
    quasar = np.char.startswith(kind, "qso")
    galaxy = np.isin(kind, _GALAXY)
    sky = kind == "sky"
    target["KIND"] = kind
    target["SPECTYPE"] = np.select([quasar, galaxy, sky], ["QSO", "GALAXY", "SKY"], "STAR")

    grid = np.linspace(_QUASAR_Z[0], _QUASAR_Z[-1], 500)
    cumulative = np.cumsum(np.interp(grid, _QUASAR_Z, _QUASAR_DENSITY))
    z = np.interp(rng.random(n), cumulative / cumulative[-1], grid)
    uniform = rng.uniform(0.05, 5.0, n)
    z = np.where(broad & (rng.random(n) < 0.4), uniform, z)
    # These kinds are defined by lines, which must be in the spectrum.
    trough = np.isin(kind, ["qso_bal", "qso_lobal"])
    z = np.where(trough & (z < 1.5), rng.uniform(1.5, 3.5, n), z)
    z = np.where((kind == "qso_nls1") & (z > 1.2), rng.uniform(0.1, 1.2, n), z)
    galaxy_z = np.where(
        np.isin(kind, ["elg", "starburst"]), rng.uniform(0.02, 1.6, n), rng.gamma(4.5, 0.16, n)
    )
    galaxy_z = np.clip(galaxy_z, 0.005, 1.6)
    star_z = rng.normal(0, 120, n) / LIGHT
    target["Z"] = np.select([quasar, galaxy, sky], [z, galaxy_z, 0.0], star_z)
    target["BAL"] = np.where(trough, 1, np.where(quasar & (z < 1.57), -1, 0))

    # Counts rise by 0.6 dex per magnitude at the bright end, flatten near 20 (Palanque-Delabrouille
    # et al. 2016) and end at the limit of the targets.
    magnitude = np.linspace(16, 23.2, 400)
    counts = 1 / (10 ** (-0.75 * (magnitude - 20)) + 10 ** (-0.12 * (magnitude - 20)))
    cumulative = np.cumsum(counts)
    rmag = np.interp(rng.random(n), cumulative / cumulative[-1], magnitude)
    rmag = np.where(broad & (rng.random(n) < 0.5), rng.uniform(17.5, 22.5, n), rmag)
    rmag = np.where(np.isin(kind, ["elg", "starburst"]), rng.uniform(20.0, 24.0, n), rmag)
    rmag = np.where(kind == "lrg", rng.uniform(18.5, 23.3, n), rmag)
    target["RMAG"] = np.where(sky, np.nan, rmag)
    return target


def spectra(rng: np.random.Generator, target: np.ndarray, spread: float = 1.0) -> np.ndarray:
    """Return noiseless spectra on `mock_templates.OBSERVED`, 1e-17 erg/s/cm2/A, (n, 4466).

    `spread` scales the variety of each kind around its average.
    """
    flux = np.zeros((len(target), len(OBSERVED)), dtype=np.float32)
    kind, z = target["KIND"], target["Z"]
    luminosity = _luminosity(z, np.nan_to_num(target["RMAG"], nan=20.5))
    for name, make in (
        ("QSO", lambda i: templates.quasars(rng, z[i], kind[i], luminosity[i], spread=spread)),
        ("GALAXY", lambda i: templates.galaxies(rng, z[i], kind[i], spread=spread)),
        ("STAR", lambda i: templates.stars(rng, z[i], kind[i], spread=spread)),
    ):
        rows = np.flatnonzero(target["SPECTYPE"] == name)
        if len(rows):
            flux[rows] = make(rows)
    # Continuum shapes that no template foresees: waves of some per cent.
    wave = np.linspace(-1, 1, len(OBSERVED), dtype=np.float32)
    for order in (1, 2, 3):
        amount = rng.normal(0, 0.09 / order, (len(flux), 1)).astype(np.float32)
        flux *= 1 + amount * np.cos(order * np.pi * (wave + 1) / 2)
    scale = nanomaggies(target["RMAG"]) / np.maximum(photometry(flux)["R"], 1e-10)
    # Where the red band is all but absorbed a magnitude in it says nothing of the rest.
    flux *= np.nan_to_num(scale)[:, None].astype(np.float32)
    return flux


def nanomaggies(magnitude: np.ndarray) -> np.ndarray:
    """Return the flux of AB magnitudes in nanomaggies."""
    return 10 ** (-0.4 * (magnitude - 22.5))


#: Edges of box-shaped bands close to the Legacy Surveys' g, r, z within DESI's range, Angstrom.
_BANDS = {"G": (4000, 5500), "R": (5650, 7150), "Z": (8400, 9800)}


def photometry(flux: np.ndarray) -> dict[str, np.ndarray]:
    """Return band fluxes in nanomaggies of spectra (n, P) in 1e-17 erg/s/cm2/A.

    1 nanomaggy is 3.631e-29 erg/s/cm2/Hz, so 1.0886e7 / wavelength**2 in 1e-17 erg/s/cm2/A.
    """
    wavelength = 10**OBSERVED
    inside = {b: (wavelength > low) & (wavelength < high) for b, (low, high) in _BANDS.items()}
    return {
        band: flux[:, seen].mean(1) * (np.mean(wavelength[seen]) ** 2 / 1.0886e7)
        for band, seen in inside.items()
    }


# Counts (electrons) of 1e-17 erg/s/cm2/A in a pixel of 1,000 s of effective exposure, measured
# on the ratio of flux to excess variance of a bright quasar on tile 80605.
_COUNTS = {
    "B": (
        (3600, 3700, 3900, 4100, 4340, 4400, 4450, 4600, 5000, 5600, 5750, 5800),
        (2.6, 6.0, 16, 25, 33, 20, 32, 39, 46, 46, 42, 40),
    ),
    "R": (
        (5760, 5800, 5850, 5900, 6100, 6400, 6800, 7200, 7500, 7560, 7590, 7620),
        (8, 30, 64, 80, 92, 106, 115, 118, 108, 80, 30, 4),
    ),
    "Z": (
        (7520, 7600, 7700, 8000, 8500, 8800, 9100, 9300, 9450, 9824),
        (50, 70, 136, 156, 176, 183, 172, 170, 150, 95),
    ),
}
# Night-sky lines in air (Angstrom), the brighter ones of Osterbrock et al. 1996, and the peak
# of the few that outshine the hydroxyl forest (1e-17 erg/s/cm2/A in a fibre).
_BRIGHT = {5577.3: 500, 5891.0: 25, 6300.3: 120, 6363.8: 40, 4358.3: 4, 5461.0: 8, 5199.0: 4}
_HYDROXYL = (
    *(6257.9, 6287.4, 6465, 6498.7, 6533, 6553.6, 6577.2, 6829.5, 6834, 6841.9, 6863.9, 6871),
    *(6889.3, 6901, 6912.6, 6923.2, 6939.5, 6949, 6978.4, 7003.9, 7244.9, 7276.4, 7284.4, 7303.7),
    *(7316.3, 7329.1, 7340.9, 7358.7, 7369.2, 7392.2, 7401.9, 7523.9, 7571.7, 7712.1, 7716.5),
    *(7725, 7750.6, 7760, 7780.5, 7794.1, 7808.5, 7821.5, 7841.3, 7853.2, 7870.7, 7891, 7913.7),
    *(7921, 7949.2, 7964.6, 7993.3, 8014, 8025.8, 8052, 8062.4, 8088, 8281, 8288.6, 8298.6),
    *(8310.7, 8344.6, 8352.8, 8382.4, 8399.2, 8415.2, 8430.2, 8452.3, 8465.4, 8493.4, 8504.6),
    *(8538.7, 8548.7, 8760.5, 8767.9, 8778.3, 8791.2, 8811.4, 8824, 8827.1, 8836, 8850, 8867.6),
    *(8885.8, 8903.1, 8919.6, 8943.4, 8957.9, 8988.4, 9001.1, 9038, 9049.6, 9102, 9217, 9306.8),
    *(9313.5, 9325, 9337.9, 9355, 9375.9, 9397, 9419.7, 9439.7, 9458.5, 9476.9, 9502.8, 9519.2),
    *(9552.5, 9567.1, 9607.7, 9620.6, 9640, 9671, 9700.9, 9719.8, 9739, 9768, 9791.8, 9802),
)


def _sky():
    """Return per arm: counts, sky continuum, sky lines (1e-17 erg/s/cm2/A) and telluric depth."""
    rng = np.random.default_rng(4861)
    wavelength = np.array([*_BRIGHT, *_HYDROXYL]) * 1.000275  # to vacuum
    strength = 10 ** rng.uniform(0.8, 1.9, len(_HYDROXYL)) * np.linspace(0.4, 2, len(_HYDROXYL))
    peak = np.array([*_BRIGHT.values(), *strength])
    sky = {}
    for arm, pixels in ARMS.items():
        counts = np.interp(pixels, *_COUNTS[arm])
        continuum = np.interp(
            pixels, (3600, 4200, 5000, 6500, 8000, 9800), (9, 9, 7.0, 4.0, 3.0, 3.0)
        )
        width = np.interp(pixels, (3600, 5800, 9800), (0.85, 0.82, 0.85))
        lines = sum(
            p * np.exp(-0.5 * ((pixels - w) / width) ** 2)
            for w, p in zip(wavelength, peak, strict=True)
        )
        # Oxygen B and A bands, water: optical depth at DESI's resolution.
        depth = 0.25 * np.exp(-0.5 * ((pixels - 6880) / 12) ** 2)
        depth += 1.3 * np.exp(-0.5 * ((pixels - 7608) / 13) ** 2)
        depth += 0.7 * np.exp(-0.5 * ((pixels - 7640) / 20) ** 2)
        depth += 0.12 * np.exp(-0.5 * ((pixels - 7220) / 45) ** 2)
        depth += 0.10 * np.exp(-0.5 * ((pixels - 8200) / 60) ** 2)
        rough = 0.5 + rng.random(len(pixels) // 6 + 1).repeat(6)[: len(pixels)]
        depth += 0.45 * rough * np.exp(-0.5 * ((pixels - 9400) / 90) ** 2)
        continuum = continuum + 1.5 * np.exp(-0.5 * ((pixels - 8650) / 30) ** 2)
        sky[arm] = (counts * np.exp(-depth), continuum, lines, depth)
    return sky


_SKY = _sky()
#: Variance of the read noise in a pixel, electrons squared, for one exposure.
_READ_NOISE = 110.0


def observe(
    rng: np.random.Generator,
    flux: np.ndarray,
    depth: float,
    artefacts: dict | None = None,
) -> tuple[dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]], np.ndarray]:
    """Return spectra as DESI would see them, and the flaw of each.

    Parameters
    ----------
    flux : (n, 4466) noiseless, on `mock_templates.OBSERVED`
    depth : effective exposure time over the 1,000 s of a main-survey dark tile
    artefacts : fraction of spectra by flaw, `ARTEFACTS` by default

    Returns
    -------
    arms : arm -> flux float32, inverse variance float32, mask int32, each (n, pixels).
        The inverse variance knows sky, read and photon noise; residuals of the sky subtraction
        and of the calibration come on top, as in reality.
    flaw : (n,) name of the artefact, or "none"
    """
    artefacts = ARTEFACTS if artefacts is None else artefacts
    n = len(flux)
    names = np.array([*artefacts, "none"])
    rate = np.array([*artefacts.values()])
    flaw = rng.choice(names, n, p=[*rate, 1 - rate.sum()])
    dead = np.where(flaw == "dead_arm", rng.choice(list(ARMS), n), "")
    # Relative errors of the sky level and of each sky line, common to all arms of a fibre.
    residual = np.where(flaw == "sky_residual", 10 ** rng.uniform(-1.3, -0.6, n), 0.012)
    offset = rng.normal(0, 0.004, (n, 1)) * np.where(flaw == "sky_residual", 6, 1)[:, None]
    normal = lambda scale: rng.normal(0, scale, (n, 1)).astype(np.float32)  # noqa: E731
    arms = {}
    for arm, pixels in ARMS.items():
        size = len(pixels)
        counts, continuum, lines, absorption = (a.astype(np.float32) for a in _SKY[arm])
        position = (np.log10(pixels) - OBSERVED[0]) / STEP
        left = position.astype(int)
        t = (position - left).astype(np.float32)
        signal = np.ascontiguousarray(flux[:, left] * (1 - t) + flux[:, left + 1] * t)

        # An exposure of depth d reads out about d times.
        noise = (continuum + lines) / counts + _READ_NOISE / counts**2
        variance = (noise + np.maximum(signal, 0) / counts) / np.float32(depth)
        ivar = 1 / variance
        x = np.linspace(-1, 1, size, dtype=np.float32)
        gain = 1 + normal(0.02) + normal(0.015) * x
        gain += (normal(0.12) * (flaw == "arm_offset")[:, None]).astype(np.float32)
        gain += (normal(0.15) * (flaw == "tilt")[:, None]).astype(np.float32) * x
        if arm == "B":
            gain += normal(0.02) * np.exp(-0.5 * ((pixels - 4400) / 40) ** 2).astype(np.float32)
        gain *= np.exp(normal(0.06) * absorption)
        signal *= gain
        signal += rng.standard_normal((n, size), dtype=np.float32) * np.sqrt(variance)
        # Errors of the sky lines follow the line for some tens of Angstrom, then another error.
        waves = templates.smooth_noise(rng, n, size, 20)
        signal += waves * (residual[:, None] * lines).astype(np.float32)
        tilt = 1 + 0.7 * rng.standard_normal((n, 1)) * x
        signal += (offset * tilt * continuum * np.clip(70 / counts, 0.5, 4)).astype(np.float32)

        mask = np.zeros((n, size), dtype=np.int32)
        _strike(rng, signal, ivar, mask, flaw, depth)
        lost = dead == arm
        signal[lost], ivar[lost], mask[lost] = 0, 0, 1
        arms[arm] = (signal, ivar.astype(np.float32), mask)
    return arms, flaw


def _strike(rng, signal, ivar, mask, flaw, depth):
    """Add cosmic rays that nobody masked, and mask pixels (bit 0: no good input), in place."""
    n, size = signal.shape
    hits = rng.poisson(np.where(flaw == "cosmic", 5, 0.25))
    row = np.repeat(np.arange(n), hits)
    center = rng.uniform(0, size, len(row))
    height = 10 ** rng.uniform(0.8, 2.2, len(row)) / np.sqrt(depth)
    height *= 1 / np.sqrt(np.median(ivar[row], axis=1)) if len(row) else 1
    sigma = 10 ** rng.uniform(-0.3, 0.3, len(row))
    # Those of the other spectra were found, and are among the gaps.
    missed = flaw[row] == "cosmic"
    templates.add_lines(signal, *(each[missed] for each in (row, center, sigma, height)))
    # Short gaps everywhere, long ones in a few spectra.
    gaps = rng.poisson(np.where(flaw == "masked", 6, 0.5))
    row = np.repeat(np.arange(n), gaps)
    start = rng.integers(0, size, len(row))
    length = np.where(
        flaw[row] == "masked", rng.integers(20, 250, len(row)), rng.integers(1, 5, len(row))
    )
    for r, first, pixels in zip(row, start, length, strict=True):
        mask[r, first : first + pixels] |= 1
    ivar[mask > 0] = 0


def redrock(rng: np.random.Generator, target: np.ndarray, snr: np.ndarray) -> dict[str, np.ndarray]:
    """Return plausible results of a template fitter for targets seen at `snr` (n,).

    Wrong classes and redshifts: some per cent of bright spectra, half of those without
    signal (compare the 86 % of quasars that DESI's pipeline finds alone, Alexander et al. 2023).
    """
    n = len(target)
    wrong = rng.random(n) < 0.03 + 0.5 * np.exp(-np.abs(snr) / 0.5)
    wrong |= target["SPECTYPE"] == "SKY"
    spectype = np.where(
        wrong, rng.choice(["QSO", "GALAXY", "GALAXY", "STAR"], n), target["SPECTYPE"]
    )
    error = 10 ** rng.normal(-3.9, 0.25, n) * np.where(target["SPECTYPE"] == "QSO", 4, 1)
    z = target["Z"] + error * (1 + target["Z"]) * rng.standard_normal(n)
    other = np.select(
        [spectype == "STAR", spectype == "GALAXY"],
        [rng.normal(0, 4e-4, n), rng.uniform(0, 1.7, n)],
        rng.uniform(0.1, 4, n),
    )
    delta = 10 ** rng.normal(0.9 + 1.5 * np.log10(np.abs(snr) * 4 + 1), 0.4, n)
    delta = np.where(wrong, np.minimum(delta, rng.uniform(0, 25, n)), delta)
    return {
        "Z": np.where(wrong, other, z),
        "ZERR": error * (1 + target["Z"]),
        "ZWARN": np.where(delta < 9, 4, 0).astype(np.int64),
        "SPECTYPE": spectype.astype("U6"),
        "DELTACHI2": delta,
    }


@dataclass(frozen=True)
class Design:
    """What a mock survey observes, and for how long.

    Attributes
    ----------
    seed : of everything random in it
    fractions : share of each kind of target
    broad : spread redshifts, magnitudes and shapes beyond those of the survey
    repeats : share of the targets that belongs to the pair of tiles (2k, 2k+1): both tiles of a
        pair observe them, each with its own noise
    depth : exposure time over 1,000 s
    """

    seed: int
    fractions: dict
    broad: bool = False
    repeats: float = 0.1
    depth: float = 1.0


def petal(design: Design, tile: int, number: int, n: int) -> tuple[np.ndarray, dict, dict, dict]:
    """Simulate the `n` fibres of one petal; depends on nothing but its arguments.

    Returns
    -------
    target : dtype TARGET, (n,)
    fibermap : columns of FIBERMAP, each (n,)
    arms : as of `observe`
    fit : as of `redrock`
    """
    shared = round(design.repeats * n)
    parts, fluxes, columns = [], [], []
    for which, field, count in ((1, tile // 2, shared), (0, tile, n - shared)):
        rng = np.random.default_rng([design.seed, which, field, number])
        parts.append(draw_targets(rng, count, design.fractions, design.broad))
        # Quasars a little more varied than real ones make a better training set.
        fluxes.append(spectra(rng, parts[-1], 1.2 if design.broad else 1.0))
        # Beyond 2^53, as real ones: a TARGETID that went through a float is changed.
        first = (39627 + which) * 10**12 + (field * 10 + number) * 10**5 + 1
        columns.append(_catalogue(rng, parts[-1], fluxes[-1], first))
        columns[-1]["TARGET_RA"] += 10 + 0.05 * (tile // 2 % 5000)
        columns[-1]["TARGET_DEC"] += 0.3 * number
    rng = np.random.default_rng([design.seed, 2, tile, number])
    order = rng.permutation(n)
    target, flux = np.concatenate(parts)[order], np.concatenate(fluxes)[order]
    fibermap = {
        name: np.concatenate([part[name] for part in columns])[order] for name in columns[0]
    }
    # One exposure serves all petals of a tile.
    tile_depth = design.depth * np.exp(
        np.random.default_rng([design.seed, 3, tile]).normal(0, 0.25)
    )
    arms, flaw = observe(rng, flux, tile_depth)
    good = [signal * np.sqrt(ivar) for signal, ivar, _ in arms.values()]
    snr = np.median(np.concatenate(good, axis=1), axis=1)
    fit = redrock(rng, target, snr)
    fibermap |= {
        "COADD_FIBERSTATUS": np.where(rng.random(n) < 0.01, 512, 0).astype(np.int32),
        "FIBER": (500 * number + np.arange(n)).astype(np.int32),
        "PETAL_LOC": np.full(n, number, np.int16),
        "TILEID": np.full(n, tile, np.int32),
        "COADD_EXPTIME": np.full(n, 1000 * tile_depth, np.float32),
        "MOCK_FLAW": flaw,
    }
    return target, fibermap, arms, fit


def _catalogue(rng, target, flux, first):
    """Return the columns of FIBERMAP that belong to a target, whoever observes it."""
    n = len(target)
    sky = target["SPECTYPE"] == "SKY"
    targetid = first + np.arange(n, dtype=np.int64)
    # Some galaxies and stars are not candidates for quasars: bits 0 (LRG) and 1 (ELG).
    other = (target["SPECTYPE"] != "QSO") & (rng.random(n) < 0.3)
    bits = np.where(target["KIND"] == "elg", 2, 1)
    columns = {
        "TARGETID": np.where(sky, -targetid, targetid),
        "TARGET_RA": rng.uniform(-1.5, 1.5, n),
        "TARGET_DEC": rng.uniform(-1.5, 1.5, n),
        "DESI_TARGET": np.where(sky, 2**32, np.where(other, bits, 4)).astype(np.int64),
        "OBJTYPE": np.where(sky, "SKY", "TGT"),
        "EBV": rng.gamma(3, 0.015, n).astype(np.float32),
    }
    for band, nanomaggy in photometry(flux).items():
        error = 1 + 0.03 * rng.standard_normal(n)
        columns[f"FLUX_{band}"] = (nanomaggy * error).astype(np.float32)
    return columns


def write_petal(
    root: Path, tile: int, night: int, number: int, fibermap: dict, arms: dict, fit: dict
) -> None:
    """Write the coadd and the redrock file of a petal under `root`, laid out as DESI's."""
    folder = Path(root) / "tiles" / "cumulative" / str(tile) / str(night)
    name = f"{number}-{tile}-thru{night}.fits"
    with fits_file(folder / f"coadd-{name}") as out:
        out.write(_table(fibermap), extname="FIBERMAP")
        for arm, (signal, ivar, mask) in arms.items():
            out.write(ARMS[arm], extname=f"{arm}_WAVELENGTH")
            out.write(signal, extname=f"{arm}_FLUX")
            out.write(ivar, extname=f"{arm}_IVAR")
            out.write(mask, extname=f"{arm}_MASK")
        scores = {"TARGETID": fibermap["TARGETID"]}
        # Template signal-to-noise: proportional to the effective exposure time.
        for kind, scale in (("QSO", 0.035), ("LYA", 0.08), ("LRG", 0.09), ("ELG", 0.2)):
            for arm in ARMS:
                scores[f"TSNR2_{kind}_{arm}"] = scale / 3 * fibermap["COADD_EXPTIME"]
        out.write(_table(scores), extname="SCORES")
    with fits_file(folder / f"redrock-{name}") as out:
        out.write(_table({"TARGETID": fibermap["TARGETID"]} | fit), extname="REDSHIFTS")


def _table(columns):
    table = np.empty(
        len(columns["TARGETID"]), [(name, value.dtype.str) for name, value in columns.items()]
    )
    for name, value in columns.items():
        table[name] = value
    return table


def simulate_petal(
    root: Path, design: Design, tile: int, night: int, number: int, n: int
) -> list[tuple]:
    """Simulate and write a petal; return its rows of the truth table (see `write_truth`)."""
    target, fibermap, arms, fit = petal(design, tile, number, n)
    write_petal(root, tile, night, number, fibermap, arms, fit)
    rows = []
    for i, (kind, spectype, z, bal, rmag) in zip(
        fibermap["TARGETID"], target.tolist(), strict=True
    ):
        bright = "" if np.isnan(rmag) else f"{rmag:.3f}"
        rows.append((int(i), spectype, f"{z:.6f}", bal, kind, bright))
    return rows


def write_truth(path: Path, rows: list[tuple]) -> None:
    """Write the truth, one row per target however often it was observed, by TARGETID."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("TARGETID", "SPECTYPE", "Z", "BAL", "KIND", "RMAG"))
    writer.writerows(sorted(set(rows)))
    write_text(path, text.getvalue())
