"""What a DESI production says of a spectrum beside its flux: photometry, targeting, redrock.

Everything here is optional: older productions and excerpts lack columns and files, and a page
shows what there is. The files are those of desidatamodel: FIBERMAP and EXP_FIBERMAP of the
coadd, and beside it `redrock-*.fits`, `rrdetails-*.h5` and `rrmodel-*.fits`.
"""

import functools
import itertools
from pathlib import Path
from typing import Any

import fitsio
import numpy as np

from quasarnet_al.core.files import InputError
from quasarnet_al.inspection import redrock
from quasarnet_al.spectra import desi, hdus
from quasarnet_al.spectra.grid import BLUE

#: Extinction A / E(B-V) of the Legacy Surveys' bands (legacysurvey.org/dr9/description,
#: "Galactic extinction coefficients": Schlafly & Finkbeiner 2011 for DECam, Fitzpatrick 1999
#: for WISE), to be used with EBV of Schlegel, Finkbeiner & Davis 1998 as FIBERMAP has it.
EXTINCTION = {"g": 3.214, "r": 2.165, "z": 1.211, "W1": 0.184, "W2": 0.113}
#: Bits of DESI_TARGET that all phases of the survey share, then those of the main survey and
#: of SV3 (desitarget, data/targetmask.yaml and sv3/data/sv3_targetmask.yaml).
_SHARED_BITS = {
    0: "LRG",
    1: "ELG",
    2: "QSO",
    32: "SKY",
    33: "STD_FAINT",
    34: "STD_WD",
    35: "STD_BRIGHT",
    60: "BGS",
    61: "MWS",
    62: "secondary",
}
TARGET_BITS = {
    "DESI_TARGET": _SHARED_BITS
    | {4: "QSO_HIZ", 5: "ELG_LOP", 6: "ELG_HIP", 7: "ELG_VLO", 52: "near a bright object"},
    "SV3_DESI_TARGET": _SHARED_BITS
    | {3: "LRG_LOWDENS", 4: "QSO_HIZ", 5: "ELG_LOP", 6: "ELG_HIP", 52: "near a bright object"},
    "SV2_DESI_TARGET": _SHARED_BITS,
    "SV1_DESI_TARGET": _SHARED_BITS
    | {12: "QSO_COLOR_4PASS", 13: "QSO_RF_4PASS", 14: "QSO_COLOR_8PASS", 15: "QSO_RF_8PASS"}
    | {16: "QSO_HZ_F", 17: "QSO_Z5"},
}
#: Bits of ZWARN (redrock/zwarning.py).
ZWARN_BITS = {
    0: "sky fibre",
    1: "little wavelength coverage",
    2: "small Δχ² to the next fit",
    3: "negative model",
    4: "many outliers",
    5: "at the limit of the fitted redshifts",
    6: "negative emission line",
    7: "unplugged fibre",
    8: "bad target",
    9: "no data",
    10: "bad fit of the minimum",
    11: "poor data",
}
#: Two pixels of a page are one of a model: its lines are no narrower than 2.2 pixels.
MODEL_STEP = 1.6
MODEL_SIZE = 3891


def words(value: int, names: dict[int, str]) -> str:
    """Return the names of the bits that are set, those without a name left out."""
    return ", ".join(name for bit, name in sorted(names.items()) if value >> bit & 1)


def magnitudes(row: np.void) -> tuple[dict[str, float], bool]:
    """Return AB magnitudes by band from FLUX_* in nanomaggies, and whether dereddened by EBV."""
    names = row.dtype.names or ()
    ebv = float(row["EBV"]) if "EBV" in names else float("nan")
    dereddened = bool(np.isfinite(ebv) and ebv > 0)
    found = {}
    for band, coefficient in EXTINCTION.items():
        name = f"FLUX_{band.upper()}"
        flux = float(row[name]) if name in names else float("nan")
        if np.isfinite(flux) and flux > 0:
            extinction = coefficient * ebv if dereddened else 0.0
            found[band] = round(22.5 - 2.5 * float(np.log10(flux)) - extinction, 2)
    return found, dereddened


#: Opens a file of the production, see `hdus.opened`.
_opened = functools.partial(hdus.opened, what="a file of the production", remedy="fetch it again")


def read(
    coadd: Path, rows: np.ndarray, targetids: np.ndarray, templates: Path | None = None
) -> list[dict[str, Any]]:
    """Return what the production says of the given rows of a coadd, in their order.

    Each dict may have `magnitudes`, `dereddened`, `details` (texts by name), `night`, `expid`,
    `versions`, `redrock` (deltachi2, subtype, zerr, words), `fits` (redrock's first three),
    `model` (values (`MODEL_SIZE`,) of redrock's model every `MODEL_STEP` Angstrom: of the
    production's file, or else `computed` from its coefficients and redrock's `templates`) and
    `overlaps` (arm, first wavelength, flux, ivar of each arm where two overlap).
    """
    facts: list[dict[str, Any]] = [{} for _ in rows]
    redshifts = desi.redrock_of(coadd)
    for path, reader in (
        (coadd, _fibermap),
        (coadd, _overlaps),
        (redshifts, _redrock),
        (desi.beside(coadd, "rrmodel"), _models),
        (redshifts, functools.partial(_computed, coadd, templates)),
        (desi.beside(coadd, "rrdetails", [".h5"]), _fits),
    ):
        if path is None:
            continue
        try:
            reader(path, rows, targetids, facts)
        except (InputError, OSError, ValueError, KeyError, IndexError) as error:
            error = error.args[1] if isinstance(error, InputError) else error
            print(f"{path}: cannot be read ({error}); the pages go without it", flush=True)
    return facts


def _fibermap(
    path: Path, rows: np.ndarray, targetids: np.ndarray, facts: list[dict[str, Any]]
) -> None:
    with _opened(path) as fits:
        header = fits[0].read_header()
        version = _dependency(header, "desispec")
        fibermap = desi.read_fibermap(fits) if "FIBERMAP" in fits else None
        exposures = fits["EXP_FIBERMAP"].read() if "EXP_FIBERMAP" in fits else None
    for fact, row, targetid in zip(facts, rows, targetids, strict=True):
        details: dict[str, str] = {}
        if version:
            fact["versions"] = {"spec": version}
        if fibermap is not None and int(fibermap["TARGETID"][row]) == int(targetid):
            found, dereddened = magnitudes(fibermap[row])
            if found:
                fact["magnitudes"], fact["dereddened"] = found, dereddened
            details |= _object(fibermap[row])
        if exposures is not None:
            details |= _exposures(exposures[exposures["TARGETID"] == targetid], fact)
        if details:
            fact["details"] = details


def _overlaps(
    path: Path, rows: np.ndarray, targetids: np.ndarray, facts: list[dict[str, Any]]
) -> None:
    """Keep what each arm alone measured where two overlap; elsewhere the joined coadd does."""
    with _opened(path) as fits:
        arms = {
            arm: [fits[f"{arm}_{name}"].read() for name in ("WAVELENGTH", "FLUX", "IVAR")]
            for arm in desi.cameras(fits)
        }
    for blue, red in itertools.pairwise(arms):
        low, high = arms[red][0][0], arms[blue][0][-1]
        for arm in (blue, red):
            wavelength, flux, ivar = arms[arm]
            shared = (wavelength > low - 0.1) & (wavelength < high + 0.1)
            if not shared.any():
                continue
            for fact, row in zip(facts, rows, strict=True):
                piece = (arm, float(wavelength[shared][0]), flux[row, shared], ivar[row, shared])
                fact.setdefault("overlaps", []).append(piece)


def _object(row: np.void) -> dict[str, str]:
    names = row.dtype.names or ()
    details = {}
    for name in desi.TARGET_COLUMNS:
        text = words(int(row[name]), TARGET_BITS[name]) if name in names else ""
        if text:
            details["targeted as"] = text
    if "EBV" in names and np.isfinite(row["EBV"]) and row["EBV"] > 0:
        details["E(B−V)"] = f"{float(row['EBV']):.3f}"
    if "COADD_EXPTIME" in names and row["COADD_EXPTIME"] > 0:
        count = int(row["COADD_NUMEXP"]) if "COADD_NUMEXP" in names else 0
        number = f"{count} exposure{'s' if count != 1 else ''}, " if count > 0 else ""
        details["observed"] = f"{number}{float(row['COADD_EXPTIME']):.0f} s"
    return details


def _exposures(rows: np.ndarray, fact: dict[str, Any]) -> dict[str, str]:
    names = rows.dtype.names or ()
    if not len(rows):
        return {}
    if "EXPID" in names and len(np.unique(rows["EXPID"])) == 1:
        fact["expid"] = int(rows["EXPID"][0])
    if "NIGHT" not in names:
        return {}
    nights = np.unique(rows["NIGHT"]).tolist()
    fact["night"] = int(nights[-1])
    return {"nights": ", ".join(map(str, nights[:6])) + (" …" if len(nights) > 6 else "")}


def _redrock(
    path: Path, rows: np.ndarray, targetids: np.ndarray, facts: list[dict[str, Any]]
) -> None:
    with _opened(path) as fits:
        header = fits[0].read_header()
        table = fits["REDSHIFTS"].read()
    row_of = {int(targetid): k for k, targetid in enumerate(table["TARGETID"])}
    templates = {
        str(header[f"TEMVER{k:02d}"]).strip() for k in range(100) if f"TEMVER{k:02d}" in header
    }
    for fact, targetid in zip(facts, targetids, strict=True):
        versions = dict(fact.get("versions") or {})
        if "RRVER" in header:
            versions["redrock"] = str(header["RRVER"]).strip()
        if templates:
            versions["template"] = " ".join(sorted(templates))
        if versions:
            fact["versions"] = versions
        if int(targetid) in row_of:
            fact["redrock"] = _fit(table[row_of[int(targetid)]])


def _fit(row: np.void) -> dict[str, Any]:
    """Return what redrock says of one fit, from its tables in FITS or HDF5."""
    names = {name.upper(): name for name in row.dtype.names or ()}
    fit: dict[str, Any] = {}
    for key, name, digits in (
        ("z", "Z", 5),
        ("zerr", "ZERR", 5),
        ("deltachi2", "DELTACHI2", 1),
    ):
        if name in names and np.isfinite(row[names[name]]):
            fit[key] = round(float(row[names[name]]), digits)
    for key in ("spectype", "subtype"):
        if key.upper() in names:
            value = row[names[key.upper()]]
            text = value.decode() if isinstance(value, bytes) else str(value)
            if text.strip():
                fit[key] = text.strip()
    if "ZWARN" in names:
        fit["zwarn"] = int(row[names["ZWARN"]])
        fit["warnings"] = words(int(row[names["ZWARN"]]), ZWARN_BITS)
    return fit


def _models(
    path: Path, rows: np.ndarray, targetids: np.ndarray, facts: list[dict[str, Any]]
) -> None:
    with _opened(path) as fits:
        targets = fits["REDSHIFTS"]["TARGETID"].read()
        row_of = {int(targetid): k for k, targetid in enumerate(targets)}
        arms = [
            (fits[f"{arm}_WAVELENGTH"].read(), fits[f"{arm}_MODEL"].read())
            for arm in desi.cameras(fits)
        ]
    wavelengths = [wavelength for wavelength, _ in arms]
    for fact, targetid in zip(facts, targetids, strict=True):
        if int(targetid) in row_of:
            _keep(fact, wavelengths, [model[row_of[int(targetid)]] for _, model in arms])


def _keep(fact: dict[str, Any], wavelengths: list[np.ndarray], values: list[np.ndarray]) -> None:
    """Keep a model of the three arms as their mean on the pixels of a page's models."""
    edges = BLUE - 0.4 + MODEL_STEP * np.arange(MODEL_SIZE + 1)
    place = np.concatenate(wavelengths)
    count = np.histogram(place, edges)[0]
    sums = np.histogram(place, edges, weights=np.concatenate(values))[0]
    model = np.divide(sums, count, out=np.zeros(MODEL_SIZE), where=count > 0)
    if np.isfinite(model).all() and model.any():
        fact["model"] = model


def _computed(
    coadd: Path,
    templates: Path | None,
    path: Path,
    rows: np.ndarray,
    targetids: np.ndarray,
    facts: list[dict[str, Any]],
) -> None:
    """Compute the models that no file of the production has, where there are templates."""
    missing = [k for k, fact in enumerate(facts) if "model" not in fact]
    if templates is None or not missing:
        return
    with _opened(path) as fits:
        header, table = fits[0].read_header(), fits["REDSHIFTS"].read()
    row_of = {int(targetid): k for k, targetid in enumerate(table["TARGETID"])}
    known: dict[tuple[str, str], redrock.Template] = {}
    faults: dict[str, int] = {}
    with hdus.opened(coadd, "a coadd", "fetch it again") as fits:
        arms = desi.cameras(fits)
        wavelengths = [fits[f"{arm}_WAVELENGTH"].read() for arm in arms]
        for k in missing:
            if int(targetids[k]) not in row_of or "COEFF" not in table.dtype.names:
                continue
            fit, row = table[row_of[int(targetids[k])]], int(rows[k])
            method = str(fit["FITMETHOD"]).strip() if "FITMETHOD" in table.dtype.names else ""
            kind = str(fit["SPECTYPE"]).strip(), str(fit["SUBTYPE"]).strip()
            coefficients = np.atleast_1d(np.asarray(fit["COEFF"], float))
            # Archetypes have other coefficients; none at all is a fit of nothing.
            if method not in ("", "PCA", "NMF") or not coefficients.any():
                continue
            try:
                if kind not in known:
                    name = redrock.file_name(header, *kind)
                    known[kind] = redrock.read_template(templates / name, *kind)
                resolutions = [
                    fits[name][row : row + 1, :, :][0] if name in fits else None
                    for name in (f"{arm}_RESOLUTION" for arm in arms)
                ]
                models = [
                    redrock.model(
                        known[kind], coefficients, float(fit["Z"]), wavelength, resolution
                    )
                    for wavelength, resolution in zip(wavelengths, resolutions, strict=True)
                ]
            except (InputError, ValueError) as error:
                faults[str(error)] = 1 + faults.get(str(error), 0)
                continue
            _keep(facts[k], wavelengths, models)
            facts[k]["computed"] = True
    for fault, count in faults.items():
        plural = "s" if count != 1 else ""
        print(f"{path}: {count} page{plural} without redrock's model: {fault}", flush=True)


def _fits(path: Path, rows: np.ndarray, targetids: np.ndarray, facts: list[dict[str, Any]]) -> None:
    import h5py

    with h5py.File(path) as file:
        for fact, targetid in zip(facts, targetids, strict=True):
            place = f"zfit/{int(targetid)}/zfit"
            if place in file:
                table = file[place][:]
                order = (
                    np.argsort(table["znum"], kind="stable")
                    if "znum" in table.dtype.names
                    else slice(None)
                )
                fits = [_fit(row) for row in table[order][:3]]
                fact["fits"] = [fit for fit in fits if {"z", "spectype"} <= fit.keys()]


def _dependency(header: fitsio.FITSHDR, name: str) -> str:
    """Return the version of a DEPNAMnn in a header, or ''."""
    for k in range(100):
        if str(header.get(f"DEPNAM{k:02d}", "")).strip() == name:
            return str(header.get(f"DEPVER{k:02d}", "")).strip()
    return ""
