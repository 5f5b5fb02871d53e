"""Bad input, generated: for every kind of file that a program reads, what people get wrong.

`FAULTS[kind]` are functions by name. Each takes a good file of that kind and the path where
the bad one is to lie, and writes it there. `GOOD[kind]` are those that are read nevertheless.
"""

import gzip
import json
import os
import pickle
import shutil
import zipfile

import fitsio
import h5py
import numpy as np

from helpers import samples


class Bomb:
    """Makes the folder `unpickled` where it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("unpickled",)


def text(content, encoding="utf-8"):
    def make(good, bad):
        bad.write_bytes(content.encode(encoding))

    return make


def data(content):
    return lambda good, bad: bad.write_bytes(content)


def cut(share):
    def make(good, bad):
        content = good.read_bytes()
        bad.write_bytes(content[: int(len(content) * share)])

    return make


def packed(good, bad):
    bad.write_bytes(gzip.compress(good.read_bytes(), 1))


def cut_gzip(good, bad):
    content = gzip.compress(good.read_bytes(), 1)
    bad.write_bytes(content[: len(content) // 2])


def keras_3(good, bad):
    """What `model.save("x.keras")` writes."""
    with zipfile.ZipFile(bad, "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Functional", "config": {}}))
        archive.writestr("model.weights.h5", b"\x89HDF\r\n\x1a\n")


def fits_image(good, bad):
    fitsio.write(str(bad), np.ones((4, 4)), clobber=True)


def fits_table(good, bad):
    fitsio.write(str(bad), np.ones(3, [("A", "f4")]), extname="OTHER", clobber=True)


def hdf5(good, bad):
    with h5py.File(bad, "w") as file:
        file["a"] = 1


#: What any file can be instead of what is wanted.
ANYTHING = {
    "absent": lambda good, bad: None,
    "folder": lambda good, bad: bad.mkdir(),
    "empty": data(b""),
    "text": text("this is a letter\nand no data\n"),
    "no bytes but zeros": data(bytes(5000)),
    "noise": data(np.random.default_rng(0).bytes(20000)),
    "pickle": data(pickle.dumps(Bomb())),
    "keras 3": keras_3,
    "link to nothing": lambda good, bad: bad.symlink_to("nowhere"),
    "link to itself": lambda good, bad: bad.symlink_to(bad.name),
}
FITS = ANYTHING | {
    "header alone": lambda good, bad: bad.write_bytes(good.read_bytes()[:2880]),
    "cut in the first HDU": cut(0.1),
    "cut": cut(0.5),
    "cut late": cut(0.95),
    "cut gzip": cut_gzip,
    "HDF5": hdf5,
    "another FITS image": fits_image,
    "another FITS table": fits_table,
}


def edit(**changes):
    """Change HDUs of a FITS file: None leaves one out, a function takes its content."""

    def make(good, bad):
        with fitsio.FITS(str(good)) as old, fitsio.FITS(str(bad), "rw", clobber=True) as new:
            for hdu in old:
                name, content, header = hdu.get_extname(), hdu.read(), hdu.read_header()
                if name in changes:
                    content = changes[name] and changes[name](content.copy())
                    if content is None:
                        continue
                if name == "" and not changes.get("PRIMARY", True):
                    continue
                header.clean()
                new.write(content, extname=name, header=header)

    return make


def without(column):
    return lambda table: table[[name for name in table.dtype.names if name != column]].copy()


def put(column, value, row=1):
    def change(table):
        table[column][row] = value
        return table

    return change


def retyped(column, kind):
    def change(table):
        dtype = [(n, kind if n == column else table.dtype[n]) for n in table.dtype.names]
        return table.astype(dtype)

    return change


def put_column(table, column, kind):
    """Put zeros of another kind in a column's place."""
    dtype = [(n, kind if n == column else table.dtype[n]) for n in table.dtype.names]
    result = np.zeros(len(table), dtype)
    for name in table.dtype.names:
        if name != column:
            result[name] = table[name]
    return result


def pixel(value, place=(1, 7)):
    def change(image):
        image[place] = value
        return image

    return change


def to_image(content):
    return np.ones((4, 4), "f4")


def to_table(content):
    return np.ones(len(content), [("A", "f4")])


def but_one(content):
    return content[:-1].copy()


def none_of(content):
    return content[:0].copy()


def flip(content):
    return content[::-1].copy()


def packed_again(change):
    """Change what is in a gzip file."""
    return lambda good, bad: bad.write_bytes(
        gzip.compress(change(gzip.decompress(good.read_bytes())))
    )


COADD = FITS | {
    "no FIBERMAP": edit(FIBERMAP=None),
    "no B_FLUX": edit(B_FLUX=None),
    "no R_IVAR": edit(R_IVAR=None),
    "no Z_WAVELENGTH": edit(Z_WAVELENGTH=None),
    "no TARGETID": edit(FIBERMAP=without("TARGETID")),
    "TARGETID a double": edit(FIBERMAP=retyped("TARGETID", "f8")),
    "TARGETID text": edit(FIBERMAP=retyped("TARGETID", "U20")),
    "DESI_TARGET text": edit(FIBERMAP=retyped("DESI_TARGET", "U4")),
    "TARGET_RA text": edit(FIBERMAP=retyped("TARGET_RA", "U8")),
    "FIBERMAP an image": edit(FIBERMAP=to_image),
    "B_FLUX a table": edit(B_FLUX=to_table),
    "R_WAVELENGTH a table": edit(R_WAVELENGTH=to_table),
    "fewer rows in FIBERMAP": edit(FIBERMAP=but_one),
    "fewer rows in a flux": edit(B_FLUX=but_one),
    "fewer rows in an ivar": edit(Z_IVAR=but_one),
    "flux of one axis": edit(B_FLUX=lambda image: image[0].copy()),
    "flux of three axes": edit(B_FLUX=lambda image: image[:, None].copy()),
    "wavelengths backwards": edit(R_WAVELENGTH=flip),
    "two wavelengths swapped": edit(R_WAVELENGTH=lambda w: w[[1, 0, *range(2, len(w))]].copy()),
    "a wavelength twice": edit(B_WAVELENGTH=lambda w: np.maximum(w, w[5])),
    "a wavelength NaN": edit(B_WAVELENGTH=pixel(np.nan, 5)),
    "wavelengths below zero": edit(B_WAVELENGTH=lambda w: w - 5000),
    "wavelengths in nm": edit(**{f"{arm}_WAVELENGTH": lambda w: w / 10 for arm in "BRZ"}),
    "wavelengths fewer": edit(R_WAVELENGTH=lambda w: w[:-1].copy()),
    # One target with such a pixel is left out: see test_desi.
    "ivar all negative": edit(Z_IVAR=lambda ivar: -ivar),
    "ivar all NaN": edit(Z_IVAR=lambda ivar: np.full_like(ivar, np.nan)),
    "ivar all infinite": edit(B_IVAR=lambda ivar: np.full_like(ivar, np.inf)),
    "flux all NaN": edit(**{f"{arm}_FLUX": lambda f: np.full_like(f, np.nan) for arm in "BRZ"}),
    "TARGETID twice": edit(FIBERMAP=put("TARGETID", samples.FIRST_TARGET, 4)),
    "zero rows": edit(FIBERMAP=none_of),
}
#: What the redrock file beside a coadd can be; absent is as good.
REDROCK = {k: v for k, v in FITS.items() if k not in ("absent", "link to nothing")} | {
    "no Z": edit(REDSHIFTS=without("Z")),
    "no TARGETID": edit(REDSHIFTS=without("TARGETID")),
    "zero rows": edit(REDSHIFTS=none_of),
    "REDSHIFTS an image": edit(REDSHIFTS=to_image),
    "Z text": edit(REDSHIFTS=retyped("Z", "U8")),
}
BOSS = FITS | {
    "a coadd": lambda good, bad: samples.write_coadd(bad, 2),
    "no second table": edit(SPECOBJ=None),
    "no IVAR": edit(COADD=without("IVAR")),
    "no Z": edit(SPECOBJ=without("Z")),
    "no PLATE": edit(SPECOBJ=without("PLATE")),
    "FLUX text": edit(COADD=retyped("FLUX", "U8")),
    "Z text": edit(SPECOBJ=retyped("Z", "U8")),
    "IVAR negative": edit(COADD=put("IVAR", -1)),
    "IVAR NaN": edit(COADD=put("IVAR", np.nan)),
    "LOGLAM backwards": edit(COADD=lambda t: t[::-1].copy()),
    "LOGLAM NaN": edit(COADD=put("LOGLAM", np.nan)),
    "FLUX infinite": edit(COADD=put("FLUX", np.inf, 1000)),
    "no pixels": edit(COADD=none_of),
    "no row": edit(SPECOBJ=none_of),
}
#: The files of MNIST, gzipped; what is absent is downloaded.
IDX = {k: v for k, v in ANYTHING.items() if k not in ("absent", "link to nothing")} | {
    "not gzip": lambda good, bad: bad.write_bytes(gzip.decompress(good.read_bytes())),
    "cut": cut(0.5),
    "cut inside": packed_again(lambda content: content[:-7]),
    "another magic number": packed_again(lambda content: b"\0\0\x0c\x01" + content[4:]),
    "more than said": packed_again(lambda content: content + b"\0"),
}
#: Faults of the pixels of a pool file, for those who read its catalogue alone.
PIXELS = ("cut late", "fewer pixels", "another grid", "a pixel NaN", "a pixel infinite")
PIXELS += ("a pixel as of damaged bytes",)
POOL = FITS | {
    "a coadd": lambda good, bad: samples.write_coadd(bad, 2),
    "no SPECTRA": edit(SPECTRA=None),
    "no CATALOG": edit(CATALOG=None),
    "no TARGETID": edit(CATALOG=without("TARGETID")),
    "no SOURCE": edit(CATALOG=without("SOURCE")),
    "TARGETID a double": edit(CATALOG=retyped("TARGETID", "f8")),
    "SNR text": edit(CATALOG=retyped("SNR", "U8")),
    "CATALOG an image": edit(CATALOG=to_image),
    "SPECTRA a table": edit(SPECTRA=to_table),
    "fewer rows in CATALOG": edit(CATALOG=but_one),
    "fewer pixels": edit(SPECTRA=lambda image: image[:, :400].copy()),
    "another grid": edit(SPECTRA=lambda image: np.hstack([image, image[:, :15]])),
    "a pixel NaN": edit(SPECTRA=pixel(np.nan)),
    "a pixel infinite": edit(SPECTRA=pixel(np.inf)),
    "a pixel as of damaged bytes": edit(SPECTRA=pixel(1e38)),
}


def linear(good, bad):
    """Write a pool file of the linear grid, which is whole."""
    POOL["another grid"](good, bad)
    with fitsio.FITS(str(bad), "rw") as fits:
        fits["SPECTRA"].write_key("GRID", "linear")


LABELLED = POOL | {
    "no LABELS": edit(LABELS=None),
    "no Z": edit(LABELS=without("Z")),
    "no OBJECT": edit(LABELS=without("OBJECT")),
    "LABELS an image": edit(LABELS=to_image),
    "fewer rows in LABELS": edit(LABELS=but_one),
    "a quasar's Z NaN": edit(LABELS=put("Z", np.nan, 0)),
    "a quasar's Z infinite": edit(LABELS=put("Z", np.inf, 0)),
    "a quasar's Z impossible": edit(LABELS=put("Z", 1e30, 0)),
    "a class in other words": edit(LABELS=put("SPECTYPE", "quasar", 0)),
    "a class missing": edit(LABELS=put("SPECTYPE", "", 0)),
    "BAL 7": edit(LABELS=put("BAL", 7)),
    "WEIGHT NaN": edit(LABELS=put("WEIGHT", np.nan)),
    "WEIGHT negative": edit(LABELS=put("WEIGHT", -1)),
    "labels of other rows": edit(LABELS=flip),
}
MAP = FITS | {
    "no BMU": edit(MAP=without("BMU")),
    "BMU a double": edit(MAP=retyped("BMU", "f8")),
    "no TARGETID": edit(MAP=without("TARGETID")),
    "fewer rows": edit(MAP=but_one),
    "other rows": edit(MAP=flip),
    "BMU outside the map": edit(MAP=put("BMU", 10**6)),
    "BMU negative": edit(MAP=put("BMU", -1)),
    "MAP an image": edit(MAP=to_image),
}
SELECTION = FITS | {
    "no REASON": edit(SELECTION=without("REASON")),
    "REASON a number": edit(SELECTION=lambda t: put_column(t, "REASON", "f4")),
    "fewer rows": edit(SELECTION=but_one),
    "SELECTION an image": edit(SELECTION=to_image),
}
QN = FITS | {
    "no TARGETID": edit(QN=without("TARGETID")),
    "no C_LYA": edit(QN=without("C_LYA")),
    "TARGETID a double": edit(QN=retyped("TARGETID", "f8")),
    "no TARGET_RA": edit(QN=without("TARGET_RA")),
    "a redshift NaN": edit(QN=put("Z_QN", np.nan)),
    "a confidence text": edit(QN=retyped("C_LYA", "U8")),
}
SCORES = FITS | {
    "no TARGETID": edit(SCORES=without("TARGETID")),
    "TARGETID a double": edit(SCORES=retyped("TARGETID", "f8")),
    "no ENTROPY": edit(SCORES=without("ENTROPY")),
    "fewer rows": edit(SCORES=but_one),
    "other rows": edit(SCORES=flip),
    "a score NaN": edit(SCORES=put("ENTROPY", np.nan)),
    "a score text": edit(SCORES=retyped("ENTROPY", "U8")),
    "SCORES an image": edit(SCORES=to_image),
}


def network(**changes):
    """Change datasets of weights: None removes, a function takes the values."""

    def make(good, bad):
        shutil.copy(good, bad)
        with h5py.File(bad, "r+") as file:
            group = file["members/member-00"] if "members" in file else file
            for name, change in changes.items():
                values = group[name][()] if isinstance(group[name], h5py.Dataset) else None
                del group[name]
                if change is not None:
                    group[name] = change(values)

    return make


def model_config(change):
    def make(good, bad):
        shutil.copy(good, bad)
        with h5py.File(bad, "r+") as file:
            group = file["members/member-00"] if "members" in file else file
            group.attrs["model_config"] = change(group.attrs["model_config"])

    return make


_KERNEL = "model_weights/conv_2/conv_2/kernel:0"
_BIAS = "model_weights/fc_box_0/fc_box_0/bias:0"
_LINEAR = 3600 + 13.6 * np.arange(458)
HDF5 = ANYTHING | {
    "FITS": fits_image,
    "cut": cut(0.5),
    "cut late": cut(0.98),
    "gzip": packed,
    "other HDF5": hdf5,
}
WEIGHTS = HDF5 | {
    "no layer fc_box_3": network(**{"model_weights/fc_box_3": None}),
    "no bias": network(**{_BIAS: None}),
    "no weights": network(model_weights=None),
    "a kernel of another shape": network(**{_KERNEL: lambda k: k[:, :-1]}),
    "a bias of another shape": network(**{_BIAS: lambda b: b[:-1]}),
    "a scalar bias": network(**{_BIAS: lambda b: b[0]}),
    "NaN": network(**{_KERNEL: lambda k: np.where(k == k.max(), np.nan, k)}),
    "larger than float32": network(**{_KERNEL: lambda k: k.astype("f8") * 1e300}),
    "text": network(**{_BIAS: lambda b: b"x" * 13}),
    "texts": network(**{_BIAS: lambda b: np.array([b"x"] * 13)}),
    "complex numbers": network(**{_BIAS: lambda b: b.astype("c8")}),
    "another grid": network(model_grid=lambda g: g + 7.5),
    "a grid of no numbers": network(model_grid=lambda g: b"log"),
    "the linear grid": network(model_grid=lambda g: _LINEAR),
    "config no JSON": model_config(lambda text: "{"),
    "config of Keras 3": model_config(lambda text: json.dumps({"module": "keras", "config": {}})),
    "config with a list for a name": model_config(
        lambda text: text.replace('"name": "conv_1"', '"name": ["conv_1"]')
    ),
    "config with a path for a name": model_config(
        lambda text: text.replace('"name": "conv_1"', '"name": "../../conv_1"')
    ),
    "config no text": model_config(lambda text: 5),
    "config NUL": model_config(
        lambda text: text.replace('"name": "conv_1"', '"name": "conv\\u0000"')
    ),
}
SOM = HDF5 | {
    "no weights": lambda good, bad: som(bad, weights=None),
    "two axes": lambda good, bad: som(bad, weights=np.ones((2, 443))),
    "NaN": lambda good, bad: som(bad, weights=np.full((2, 2, 443), np.nan)),
    "text": lambda good, bad: som(bad, weights=np.array([[[b"a"]]])),
    "no torus": lambda good, bad: som(bad, torus=None),
    "another grid": lambda good, bad: som(bad, weights=np.ones((2, 2, 458))),
}


def som(path, **changes):
    content = {"weights": np.ones((2, 2, 443), "f4"), "torus": True} | changes
    with h5py.File(path, "w") as file:
        if content["weights"] is not None:
            file["weights"] = content["weights"]
        if content["torus"] is not None:
            file.attrs["torus"] = content["torus"]


def lines(change):
    """Change the lines of a CSV."""

    def make(good, bad):
        result = change(good.read_text().splitlines())
        bad.write_text("".join(f"{line}\n" for line in result))

    return make


def cells(column, value, row=1):
    """Change a cell of a CSV; row None changes all of them."""

    def change(table):
        header = table[0].split(",")
        at = header.index(column)
        for number in range(1, len(table)) if row is None else [row]:
            fields = table[number].split(",")
            fields[at] = value
            table[number] = ",".join(fields)
        return table

    return lines(change)


def renamed(column):
    return lines(lambda table: [table[0].replace(column, "OTHER", 1), *table[1:]])


#: Whose content is not looked at.
UNREADABLE = ("absent", "link to nothing", "link to itself")
MANGLED = "3.96276E+16"
CSV = {k: v for k, v in ANYTHING.items() if k != "text"} | {
    "a letter": text("this is a letter\nand no data\n"),
    "UTF-16 cut off": lambda good, bad: bad.write_bytes(good.read_text().encode("utf-16")[:-1]),
    "line ends alone": text("\n\n\n"),
    "a quote that stays open": lambda good, bad: bad.write_text('"' + good.read_text()),
    "gzip": packed,
    "FITS": fits_image,
    "no TARGETID": renamed("TARGETID"),
}
#: A table that any columns may have.
PLAIN_CSV = {k: v for k, v in CSV.items() if k not in ("a letter", "no TARGETID")}
CURVE = {k: v for k, v in CSV.items() if k != "no TARGETID"} | {
    "no labels": renamed("labels"),
    "labels text": cells("labels", "many"),
    "the metric text": cells("average_precision", "high"),
    "the metric empty": cells("average_precision", ""),
    "the metric infinite": cells("average_precision", "inf"),
    "labels empty": cells("labels", ""),
    "no baseline": lines(lambda table: [table[0], *table[5:]]),
    "no rows": lines(lambda table: table[:1]),
}
#: One damaged row is enough to refuse the whole, as we wrote these ourselves.
OURS = CSV | {
    "TARGETID mangled": cells("TARGETID", MANGLED),
    "TARGETID mangled in all": cells("TARGETID", MANGLED, None),
    "TARGETID with a point": cells("TARGETID", "39627634556011093.0"),
    "TARGETID empty": cells("TARGETID", ""),
    "TARGETID too large": cells("TARGETID", "9" * 25),
    "more fields than the header": lines(lambda table: [*table, table[1] + ",1,2,3,4"]),
}
TRUTH = OURS | {
    "no Z": renamed("Z"),
    "Z text": cells("Z", "high"),
    "BAL 7": cells("BAL", "7"),
    "BAL text": cells("BAL", "maybe"),
}
LABELS = OURS | {
    "no Z": renamed(",Z"),
    "no ACCEPTED": renamed("ACCEPTED"),
    "no rows": lines(lambda table: table[:1]),
    "Z text": cells("Z", "high"),
    "Z infinite": cells("Z", "inf"),
    "Z empty": cells("Z", ""),
    "Z negative": cells("Z", "-2"),
    "BAL text": cells("BAL", "maybe"),
    "BAL 7": cells("BAL", "7"),
    "BAL empty": cells("BAL", ""),
    "ACCEPTED text": cells("ACCEPTED", "yes"),
    "ACCEPTED 2": cells("ACCEPTED", "2"),
    "SPECTYPE unknown": cells("SPECTYPE", "ALIEN"),
    "SPECTYPE empty": cells("SPECTYPE", ""),
    "a row twice": lines(lambda table: [*table, table[1]]),
    "a row is missing": lines(lambda table: table[:-1]),
}
BATCH = OURS | {
    "no MINIBATCH": renamed("MINIBATCH"),
    "MINIBATCH text": cells("MINIBATCH", "one"),
    "MINIBATCH empty": cells("MINIBATCH", ""),
    "a score infinite": cells("SCORE", "1e400"),
    "MINIBATCH a fraction": cells("MINIBATCH", "1.5"),
    "a row twice": lines(lambda table: [*table, table[1]]),
    "no rows": lines(lambda table: table[:1]),
}
#: Only for pages, which show what is in them.
BATCH_SHOWN = BATCH | {
    "a vote text": cells("VOTE_NOT_QSO", "many"),
    "MEMBER_Z text": cells("MEMBER_Z", "a b"),
    "BMU text": cells("BMU", "here"),
    "a row is missing": lines(lambda table: table[:-1]),
    "another order": lines(lambda table: [table[0], *table[:0:-1]]),
}
VI = CSV | {
    "no VI_z": renamed("VI_z"),
    "a column twice": lines(lambda table: [table[0] + ",VI_z", *table[1:]]),
    "header alone": lines(lambda table: table[:1]),
}
TARGETS = {k: v for k, v in OURS.items() if k not in ("empty", "line ends alone")} | {
    "STATUS in the middle of text": text("its TARGETID and STATUS\n1 2\n"),
}
JSON = ANYTHING | {
    "a list": text("[1, 2]"),
    "a number": text("5"),
    "cut": cut(0.5),
    "another": text('{"a": 1}'),
    "UTF-16": text('{"a": 1}', "utf-16"),
    "very deep": text("[" * 100_000),
}
TILES = CSV | {
    "no LASTNIGHT": renamed("LASTNIGHT"),
    "TILEID text": cells("TILEID", "one"),
    "TILEID a path": cells("TILEID", "../../etc"),
    "TILEID empty": cells("TILEID", ""),
    "no rows": lines(lambda table: table[:1]),
}
TILES.pop("no TARGETID")
CONFIG = ANYTHING | {
    "a list": text("[1, 2]"),
    "no run": text("rounds: 1"),
    "an unknown key": text("run: t\nroundz: 1"),
    "a number that is text": text("run: t\nrounds: two"),
    "a tab": text("run: t\n\trounds: 1"),
    "a tag that makes an object": text("run: !!python/object/apply:os.mkdir [unpickled]"),
    "very deep": text("[" * 100_000),
    "a run that is a path": text("run: ../../etc"),
}
