"""The inspection page: one self-contained HTML file a minibatch, and the index of a round.

Nothing on a page is fetched: style, program and spectra are inside, and its content
security policy forbids the browser to load anything or to run any other program.
"""

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from quasarnet_al import desi, inspection
from quasarnet_al.files import InputError
from quasarnet_al.grid import BLUE, LOG, Grid
from quasarnet_al.som import Som
from quasarnet_al.spectra import normalise, rebin

#: Pixels of the joined arms, Angstrom (DESI's three arms share this grid).
STEP = 0.8
#: 3600.0 to 9824.0 Angstrom.
SIZE = 7781
#: Names and vacuum wavelengths, Angstrom: Vanden Berk et al. 2001 (table 2) and the NIST
#: Atomic Spectra Database; doublets that quasars blend stand at their mean. "major" lines
#: are shown first and can be named to a clicked feature.
EMISSION = [
    ("Lyβ", 1025.72, 0),
    ("Lyα", 1215.67, 1),
    ("N V", 1240.14, 0),
    ("Si IV", 1396.76, 0),
    ("C IV", 1549.06, 1),
    ("He II", 1640.42, 0),
    ("O III]", 1663.48, 0),
    ("Si III]", 1892.03, 0),
    ("C III]", 1908.73, 1),
    ("C II]", 2326.44, 0),
    ("[Ne IV]", 2423.83, 0),
    ("Mg II", 2799.12, 1),
    ("[Ne V]", 3426.84, 0),
    ("[O II]", 3728.48, 1),
    ("[Ne III]", 3869.85, 0),
    ("Hδ", 4102.89, 0),
    ("Hγ", 4341.68, 0),
    ("Hβ", 4862.68, 1),
    ("[O III]", 4960.30, 0),
    ("[O III]", 5008.24, 1),
    ("He I", 5877.29, 0),
    ("[O I]", 6302.05, 0),
    ("Hα", 6564.61, 1),
    ("[N II]", 6585.27, 0),
    ("[S II]", 6718.29, 0),
    ("[S II]", 6732.67, 0),
    ("[S III]", 9071.1, 0),
    ("[S III]", 9533.2, 0),
]
ABSORPTION = [
    ("Ly limit", 911.75, 0),
    ("Si II", 1260.42, 0),
    ("O I", 1302.17, 0),
    ("C II", 1334.53, 0),
    ("Si IV", 1393.76, 0),
    ("Si II", 1526.71, 0),
    ("C IV", 1549.48, 0),
    ("Al II", 1670.79, 0),
    ("Al III", 1857.80, 0),
    ("Fe II", 2382.76, 0),
    ("Fe II", 2600.17, 0),
    ("Mg II", 2799.12, 0),
    ("Mg I", 2852.96, 0),
    ("H8", 3890.17, 0),
    ("K", 3934.77, 1),
    ("H", 3969.59, 1),
    ("Hδ", 4102.89, 0),
    ("G", 4305.61, 1),
    ("Hγ", 4341.68, 0),
    ("Hβ", 4862.68, 0),
    ("Mg b", 5176.7, 1),
    ("Na D", 5895.6, 1),
    ("TiO", 7055.0, 0),
    ("Hα", 6564.61, 0),
    ("Ca II", 8500.36, 0),
    ("Ca II", 8544.44, 0),
    ("Ca II", 8664.52, 0),
]
#: Bright night-sky lines and OH bands, Angstrom (Osterbrock et al. 1996, Hanuschik 2003).
SKY = [
    *((5571, 5586), (5886, 5898), (6296, 6307), (6360, 6369), (7240, 7480), (7710, 8070)),
    *((8270, 8500), (8745, 9060), (9300, 9800)),
]
#: Absorption by O2 (B, A bands) and H2O in the atmosphere, Angstrom.
TELLURIC = [(6865, 6965), (7160, 7340), (7590, 7705), (8125, 8350), (8940, 9200), (9300, 9650)]

#: Lowest and highest code of a flux; the one below marks a pixel without data.
_CODES = 32767
#: Largest difference of a spectrum that is the same, rms: the rounding of float32 sums.
SAME = 1e-3
#: Fluxes are kept up to this many median errors.
_RANGE = 1e6
_DROPPED = 255

_HERE = Path(__file__).parent


def encode(flux: np.ndarray, ivar: np.ndarray) -> dict[str, object]:
    """Pack one spectrum in three bytes a pixel.

    Flux as int16 codes of asinh(flux / s), with s the median error: steps of s / 2400
    around zero and of 0.04 % far from it, so that cosmic rays cost no resolution. Error
    as a byte, logarithmic between the smallest and the largest, in steps of a few per
    cent at most; 255 marks pixels without data.

    Parameters
    ----------
    flux, ivar : (p,)

    Returns
    -------
    dict with `flux`, `error` (base64), `scale`, `low`, `high`: what page.js decodes
    """
    good = (ivar > 0) & np.isfinite(flux)
    error = 1 / np.sqrt(ivar[good]) if good.any() else np.ones(1)
    scale, low, high = (float(f"{x:.6g}") for x in (np.median(error), error.min(), error.max()))
    reach = np.arcsinh(_RANGE)
    codes = np.full(len(flux), -_CODES - 1, "<i2")
    compressed = np.arcsinh(flux[good] / scale) / reach
    codes[good] = np.rint(np.clip(compressed, -1, 1) * _CODES)
    errors = np.full(len(flux), _DROPPED, np.uint8)
    if high > low:
        level = np.log(error / low) / np.log(high / low)
        errors[good] = np.rint(np.clip(level, 0, 1) * (_DROPPED - 1))
    else:
        errors[good] = 0
    pair = {"flux": _base64(codes), "error": _base64(errors)}
    return pair | {"scale": scale, "low": low, "high": high}


def decode(packed: dict[str, object]) -> tuple[np.ndarray, np.ndarray]:
    """Return flux and error (p,) as page.js sees them; nan where dropped."""
    codes = np.frombuffer(base64.b64decode(packed["flux"]), "<i2")
    errors = np.frombuffer(base64.b64decode(packed["error"]), np.uint8)
    dropped = errors == _DROPPED
    flux = packed["scale"] * np.sinh(codes / _CODES * np.arcsinh(_RANGE))
    error = packed["low"] * (packed["high"] / packed["low"]) ** (errors / (_DROPPED - 1))
    return np.where(dropped, np.nan, flux), np.where(dropped, np.nan, error)


def encode_small(values: np.ndarray) -> dict[str, object]:
    """Pack (p,) values as int16, linear between the smallest and the largest."""
    values = np.nan_to_num(np.asarray(values, dtype=float))
    low, high = (float(f"{x:.6g}") for x in (values.min(), values.max()))
    level = (values - low) / (high - low or 1)
    codes = np.rint(np.clip(level, 0, 1) * 65535 - 32768).astype("<i2")
    return {"values": _base64(codes), "low": low, "high": high}


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(values.tobytes()).decode()


def on_page_grid(
    wavelength: np.ndarray, flux: np.ndarray, ivar: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Place a joined coadd (p,) on the page's 0.8 A pixels; ivar 0 where it has none."""
    place = np.rint((wavelength - BLUE) / STEP).astype(int)
    inside = (place >= 0) & (place < SIZE)
    page_flux, page_ivar = np.zeros(SIZE), np.zeros(SIZE)
    page_flux[place[inside]], page_ivar[place[inside]] = flux[inside], ivar[inside]
    return page_flux, page_ivar


def spectrum(
    row: pd.Series,
    catalog: np.void,
    pixels: np.ndarray,
    coadd: tuple[np.ndarray, np.ndarray] | None,
    cells: np.ndarray | None = None,
    torus: bool = True,
) -> dict[str, object]:
    """Describe one spectrum for `render`.

    Parameters
    ----------
    row : its row of batch.csv
    catalog : its row of the pool's CATALOG
    pixels : (p,) what the network saw
    coadd : flux, ivar of `on_page_grid`, or None where the coadd isn't at hand
    cells : (rows, columns, p) the SOM's weights, where there is a map
    torus : whether the map's edges meet
    """
    record: dict[str, object] = {
        # A string: JavaScript's numbers hold 53 bits.
        "targetid": str(int(catalog["TARGETID"])),
        "tileid": _known(catalog, "TILEID"),
        "fiber": _known(catalog, "FIBER"),
        "petal": _known(catalog, "PETAL_LOC"),
        "ra": _finite(catalog, "TARGET_RA", 6),
        "dec": _finite(catalog, "TARGET_DEC", 6),
        "snr": _finite(catalog, "SNR", 2),
        "arms": int(catalog["ARMS"]) if "ARMS" in catalog.dtype.names else 7,
        "source": f"{catalog['SOURCE']} row {int(catalog['ROW'])}",
        "magnitudes": {
            band: round(22.5 - 2.5 * float(np.log10(catalog[f"FLUX_{band.upper()}"])), 2)
            for band in "grz"
            if (_finite(catalog, f"FLUX_{band.upper()}") or 0) > 0
        },
        "redrock": None,
        "pixels": encode_small(pixels),
        "coadd": None if coadd is None else encode(*coadd),
        "ensemble": _ensemble(row),
    }
    if str(catalog["SPECTYPE"]).strip() and np.isfinite(catalog["Z"]):
        record["redrock"] = {
            "spectype": str(catalog["SPECTYPE"]).strip(),
            "z": round(float(catalog["Z"]), 5),
            "zwarn": int(catalog["ZWARN"]),
        }
    if cells is not None and "BMU" in row and int(row["BMU"]) >= 0:
        record["som"] = _neighbours(int(row["BMU"]), cells, torus)
    return record


def _ensemble(row: pd.Series) -> dict[str, object] | None:
    votes = {
        label: round(float(row[name]), 4)
        for name, label in (
            ("VOTE_NOT_QSO", "not a quasar"),
            ("VOTE_QSO_LOWZ", "low-z quasar"),
            ("VOTE_QSO_HIGHZ", "high-z quasar"),
        )
        if name in row
    }
    if not votes:
        return None
    measures = {
        name.lower().replace("_", " "): round(float(row[name]), 4)
        for name in ("LEAST_CONFIDENCE", "MARGIN", "ENTROPY", "QERR")
        if name in row and np.isfinite(row[name])
    }
    why = f"rank {int(row['RANK'])}" if "RANK" in row else ""
    if "ACQUISITION" in row and "SCORE" in row:
        measure = str(row["ACQUISITION"]).replace("_", " ")
        why += f" by {measure} ({float(row['SCORE']):.4g})"
    return {
        "votes": votes,
        "confidences": {
            name[2:]: round(float(row[name]), 3)
            for name in row.index
            if name.startswith("C_") and np.isfinite(row[name])
        },
        "z_mean": _round(row.get("Z_MEAN"), 4),
        "z_std": _round(row.get("Z_STD"), 4),
        "member_z": _numbers(row.get("MEMBER_Z")),
        "member_c": _numbers(row.get("MEMBER_C")),
        "measures": measures,
        "why": why,
    }


def _neighbours(bmu: int, cells: np.ndarray, torus: bool) -> dict[str, object]:
    rows, columns = cells.shape[:2]
    row, column = divmod(bmu, columns)
    thumbnails = []
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            y, x = row + down, column + right
            if torus:
                y, x = y % rows, x % columns
            inside = 0 <= y < rows and 0 <= x < columns
            # A thumbnail is under a hundred pixels wide.
            thumbnails.append(encode_small(cells[y, x, ::4]) if inside else None)
    return {"row": row, "column": column, "rows": rows, "columns": columns, "cells": thumbnails}


def _numbers(text: object) -> list[float]:
    if not isinstance(text, str):
        return [] if text is None or pd.isna(text) else [float(text)]
    return [value if np.isfinite(value) else -1 for value in map(float, text.split())]


def _round(value: object, digits: int) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), digits)


def _known(catalog: np.void, name: str) -> int | None:
    value = int(catalog[name]) if name in catalog.dtype.names else -1
    return None if value < 0 else value


def _finite(catalog: np.void, name: str, digits: int = 6) -> float | None:
    return _round(catalog[name], digits) if name in catalog.dtype.names else None


def template(name: str, spectype: str, flux: np.ndarray, first: float, step: float) -> dict:
    """Describe a template for `render`: flux on log10(rest wavelength) = first + step * i."""
    return {"name": name, "spectype": spectype, "first": first, "step": step} | encode_small(flux)


def batch_hash(targetids: list[str], content: bytes = b"") -> str:
    """Return what tells one batch from another of the same name."""
    return hashlib.sha256(",".join(targetids).encode() + content).hexdigest()[:16]


def minibatch(
    title: str,
    spectra: list[dict],
    *,
    grid: Grid = LOG,
    blind: bool = True,
    templates: list[dict] = (),
    labels_dir: str = "",
    part: str = "",
) -> dict[str, object]:
    """Return the data of one page.

    Parameters
    ----------
    title : unique among all pages of all runs: the browser keeps answers under it
    spectra : of `spectrum`
    grid : of the 443 pixels
    blind : hide the ensemble until the inspector has answered
    templates : of `template`
    labels_dir : where to put the downloaded CSV, told to the inspector
    part : "minibatch 2 of 4", told to the inspector
    """
    return {
        "title": title,
        "part": part,
        "hash": batch_hash([spectrum["targetid"] for spectrum in spectra]),
        "blind": blind,
        "labels_dir": labels_dir,
        "wavelength": {"first": BLUE, "step": STEP, "size": SIZE},
        "grid": {"kind": grid.kind, "size": grid.size, "step": grid.step, "first": BLUE},
        "emission": EMISSION,
        "absorption": ABSORPTION,
        "sky": SKY,
        "telluric": TELLURIC,
        "templates": list(templates),
        "spectra": spectra,
    }


def render(data: dict[str, object]) -> str:
    """Return the page of `minibatch` as one HTML document."""
    return _document(str(data["title"]), "page", data)


def render_index(data: dict[str, object]) -> str:
    """Return the index of a round.

    Parameters
    ----------
    data : title, labels_dir, command (the next one to type), inspectors (wanted a
        spectrum) and minibatches, each with title, href, spectra and answers
        ({inspector: number answered})
    """
    rows, missing = [], []
    for part in data["minibatches"]:
        answers = part["answers"]
        finished = sum(
            inspection.is_handed_in(count, part["spectra"]) for count in answers.values()
        )
        if finished < data["inspectors"]:
            missing.append(part["title"])
        who = ", ".join(f"{name} {count}/{part['spectra']}" for name, count in answers.items())
        state = "done" if finished >= data["inspectors"] else "waits"
        rows.append(
            f'<tr class="{state}"><td><a href="{_text(part["href"])}">{_text(part["title"])}</a>'
            f"<td>{part['spectra']}<td>{_text(who) or '–'}"
            f"<td>{finished} of {data['inspectors']}<td>{state}"
        )
    left = f"{len(missing)} of {len(rows)} pages wait for labels" if missing else "All are labelled"
    body = (
        f"<main><h1>{_text(data['title'])}</h1><p class=lead>{left}. "
        "<a href=../report.html>Report of the round</a></p>"
        "<table><thead><tr><th>page<th>spectra<th>handed in"
        '<th title="answers to at least half of the page">enough<th>state'
        f"<tbody>{''.join(rows)}</table>"
        "<h2>How</h2><ol><li>Open a page, label, press <kbd>Shift</kbd> <kbd>D</kbd> for its CSV."
        f"<li>Put it into <code>{_text(data['labels_dir'])}</code> under the name it has."
        f"<li>Then type <code>{_text(data['command'])}</code></ol></main>"
    )
    return _static(str(data["title"]), body)


def render_note(title: str, text: str) -> str:
    """Return a page that says one thing, such as that nothing waits for adjudication."""
    return _static(title, f"<main><h1>{_text(title)}</h1><p class=lead>{_text(text)}</p></main>")


def _static(title: str, body: str) -> str:
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta http-equiv="
        f"Content-Security-Policy content=\"default-src 'none'; style-src {_hash(style)}\">"
        f"<title>{_text(title)}</title><style>{style}</style>"
        f"<body class=index>{body}</body></html>\n"
    )


def _text(value: object) -> str:
    return html.escape(str(value))


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _document(title: str, name: str, data: dict[str, object]) -> str:
    document, style, program = (
        (_HERE / f"{name}.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js")
    )
    # In JSON `<` stands only inside strings, where its escape means the same; without it
    # no text of a file can end the script element.
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    parts = {
        "TITLE": _text(title),
        "POLICY": f"default-src 'none'; script-src {_hash(program)}; style-src {_hash(style)}",
        "STYLE": style,
        "DATA": text,
        "SCRIPT": program,
    }
    pieces = document.split("@@")
    return "".join(parts[piece] if at % 2 else piece for at, piece in enumerate(pieces))


def mock_templates() -> list[dict]:
    """Return the mock survey's own models of a quasar, two galaxies and stars, for overlays."""
    from quasarnet_al import mock_templates as mock

    step = 2.5e-4
    first = np.log10(500.0)
    wavelength = 10 ** np.arange(first, np.log10(11000.0), step)
    models = [
        ("quasar composite", "QSO", mock.quasar_composite(wavelength)),
        ("galaxy, passive", "GALAXY", mock.galaxy_template(wavelength, "lrg")),
        ("galaxy, star-forming", "GALAXY", mock.galaxy_template(wavelength, "elg")),
        *(
            (f"star {kind}", "STAR", mock.star_template(wavelength, f"star_{kind}"))
            for kind in "AFGKM"
        ),
        ("white dwarf", "STAR", mock.star_template(wavelength, "wd_da")),
    ]
    return [template(name, spectype, flux, first, step) for name, spectype, flux in models]


def read_spectra(
    batch: pd.DataFrame,
    pixels: np.ndarray,
    catalog: np.ndarray,
    grid: Grid,
    roots: Sequence[str],
    map_: Som | None,
) -> list[dict[str, object]]:
    """Describe all spectra of a batch; those whose coadd can't be read by their pixels alone.

    Parameters
    ----------
    batch, pixels, catalog : same rows in the same order
    grid : of the pixels
    roots : folders that the catalogue's SOURCE may lie in, see `desi.source_path`
    map_ : the SOM, where there is one
    """
    if batch["TARGETID"].tolist() != catalog["TARGETID"].tolist():
        raise InputError("the batch", "differs from its pool file", "make both again")
    coadds: dict[int, tuple] = {}
    for source in np.unique(catalog["SOURCE"]):
        here = np.flatnonzero((catalog["SOURCE"] == source) & (catalog["ROW"] >= 0))
        path = desi.source_path(str(source), roots)
        if path is None or not len(here):
            continue
        try:
            read = desi.read_rows(path, catalog["ROW"][here])
        except InputError as error:
            print(f"{error}: its spectra are shown by their pixels", flush=True)
            continue
        # An inspector must see what the network saw.
        summed = rebin(read["flux"], read["ivar"], read["wavelength"], grid)
        same = np.abs(normalise(*summed)[0] - pixels[here]).max(axis=1) < SAME
        if not same.all():
            print(
                f"{path}: is not what the pool was extracted from; {(~same).sum()} spectra are "
                "shown by their pixels; extract the pool again",
                flush=True,
            )
        for k, place in zip(np.flatnonzero(same), here[same], strict=True):
            coadds[place] = on_page_grid(read["wavelength"], read["flux"][k], read["ivar"][k])
    cells, torus = (map_.weights, map_.torus) if map_ else (None, True)
    return [
        spectrum(row, catalog[place], pixels[place], coadds.get(place), cells, torus)
        for place, (_, row) in enumerate(batch.iterrows())
    ]


def earlier(spectrum: dict, rows: pd.DataFrame) -> dict[str, list[dict]]:
    """Return the answers about a spectrum that an adjudicator sees."""
    rows = rows[(rows["TARGETID"] == int(spectrum["targetid"])) & (rows["QUALITY"] >= 0)]
    answers = rows.drop(columns=["FILE", "LINE", "TIME"]).drop_duplicates()
    return {
        "earlier": [
            {
                **{
                    key.lower(): getattr(answer, key)
                    for key in ("INSPECTOR", "SPECTYPE", "COMMENT")
                },
                "z": _round(answer.Z, 5),
                "quality": int(answer.QUALITY),
                "bal": int(answer.BAL),
            }
            for answer in answers.sort_values("INSPECTOR").itertuples()
        ]
    }


def repeats(pages: list[list[dict]], share: float, seed: int) -> list[list[dict]]:
    """Show a share of each page's spectra again on the next one, to see who agrees with himself.

    Which ones depends on TARGETID and `seed` alone; they come last and are not marked. The
    last page's come again on the first, where there are two or more.
    """
    result = [list(page) for page in pages]
    for number, page in enumerate(pages if len(pages) > 1 else []):
        chance = [np.random.default_rng([seed, abs(int(s["targetid"]))]).random() for s in page]
        chosen = np.sort(np.argsort(chance, kind="stable")[: round(share * len(page))])
        result[(number + 1) % len(pages)] += [page[place] for place in chosen]
    return result


def progress(title: str, href: str, spectra: list[dict], rows: pd.DataFrame) -> dict[str, object]:
    """Return a page's line of the index: who answered how many of its spectra.

    A row counts where its file's name has the page's title, or no page's (renamed files).
    """
    titles = rows["FILE"].map(inspection.title_of).astype(str)
    elsewhere = (titles != title) & titles.str.startswith(title.rsplit("-", 1)[0] + "-")
    here = rows["TARGETID"].isin([int(s["targetid"]) for s in spectra])
    here = rows[here & (rows["QUALITY"] >= 0) & ~elsewhere.astype(bool)]
    answers = here.groupby("INSPECTOR")["TARGETID"].nunique()
    return {
        "title": title,
        "href": href,
        "spectra": len(spectra),
        "answers": {str(name): int(count) for name, count in answers.items()},
    }
