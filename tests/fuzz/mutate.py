"""Damaged files, at random: a function for each format takes good bytes and returns bad ones.

Each returns the bytes and the kind of damage, and follows from its random generator alone.
"""

import gzip
import io
import itertools
import json
import re
from collections.abc import Callable
from functools import cache

import numpy as np
import yaml

Damage = tuple[bytes, str]
Random = np.random.Generator
BLOCK, CARD = 2880, 80  # FITS standard 4.0, 3.1 and 3.3.1


def pick(rng: Random, options):
    """Return one of a sequence (not through an array, which would change its type)."""
    return options[int(rng.integers(len(options)))]


def flip(data: bytes, rng: Random, limit: int | None = None) -> bytes:
    """Flip up to eight bits, all below `limit` bytes."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 9)) if data else 0):
        changed[int(rng.integers(min(limit or len(data), len(data))))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def any_bytes(data: bytes, rng: Random) -> Damage:
    """Damage that any file may suffer, whatever its format."""
    at, length = int(rng.integers(len(data) + 1)), int(rng.integers(1, 4000))
    kind = pick(rng, ("bits", "early bits", "cut", "zeros", "noise", "insertion", "loss", "tail"))
    changed = {
        "bits": lambda: flip(data, rng),
        "early bits": lambda: flip(data, rng, 512),
        "cut": lambda: data[:at],
        "zeros": lambda: data[:at] + bytes(length) + data[at + length :],
        "noise": lambda: data[:at] + rng.bytes(length) + data[at + length :],
        "insertion": lambda: data[:at] + rng.bytes(length) + data[at:],
        "loss": lambda: data[:at] + data[at + length :],
        "tail": lambda: data + rng.bytes(length),
    }[kind]()
    return changed, kind


@cache
def zeros() -> bytes:
    """Return 64 MB of zeros as a member of a gzip file; such members may follow each other."""
    return gzip.compress(bytes(2**26), 9, mtime=0)


def packed(data: bytes, rng: Random) -> Damage:
    """Pack the file, well or badly; or as a bomb, which unpacks to 4 GB."""
    kind = pick(rng, ("gzip", "gzip with bits flipped", "cut gzip", "gzip bomb"))
    if kind == "gzip bomb":
        return gzip.compress(data, 1, mtime=0) + 64 * zeros(), kind
    whole = gzip.compress(data, 1, mtime=0)
    if kind == "gzip with bits flipped":
        return flip(whole, rng), kind
    return (whole[: len(whole) // 2] if kind == "cut gzip" else whole), kind


def hdus(data: bytes) -> list[tuple[list[bytes], bytes]]:
    """Return the cards and the data of each HDU of a good FITS file."""
    found, at = [], 0
    while at < len(data):
        cards = []
        while not cards or cards[-1][:8].rstrip() != b"END":
            cards.append(data[at : at + CARD])
            at += CARD
        at = -(-at // BLOCK) * BLOCK
        values = {}
        for line in cards:
            number = re.match(rb"(.{8})= +(-?\d+)", line)
            if number:
                values[number[1].rstrip().decode()] = int(number[2])
        axes = [values[f"NAXIS{n + 1}"] for n in range(values["NAXIS"])]
        size = abs(values["BITPIX"]) // 8 * (int(np.prod(axes)) if axes else 0)
        size += values.get("PCOUNT", 0)
        end = at + -(-size // BLOCK) * BLOCK
        found.append((cards, data[at:end]))
        at = end
    return found


def join(parts: list[tuple[list[bytes], bytes]]) -> bytes:
    out = io.BytesIO()
    for cards, content in parts:
        header = b"".join(cards)
        out.write(header + b" " * (-len(header) % BLOCK) + content)
    return out.getvalue()


#: Values of cards, as a header may have them; of any card, and of those with a meaning.
NUMBERS = ("-1", "0", "1", "2", "3", "7", "999", "1000", "65536", "2147483647", "2147483648")
NUMBERS += ("1000000000000", "9223372036854775807", "1.5", "T", "'x'", "", "NaN", "1E400")
FORMATS = ("1K", "1J", "1D", "1E", "1B", "1L", "1X", "1C", "1M", "20A", "0A", "1PJ(10)", "1QD(5)")
FORMATS += ("PE(3)", "2K", "443E", "0K", "-1K", "99999999K", "999999999999A", "Z", "", "16A8")
WORDS = ("TARGETID", "Z", "FLUX", "", "é", "A" * 68, "BINTABLE", "IMAGE", "TABLE", "SPECTRA", "log")
FLOATS = ("0", "1", "2.0", "-1", "1E300", "-1E300", "1E-300", "NaN", "INF", "32768", "'x'")
#: Cards that change how the data are read.
MORE = (
    *(("BSCALE", FLOATS), ("BZERO", FLOATS), ("BLANK", NUMBERS), ("TSCAL1", FLOATS)),
    *(("TZERO1", FLOATS), ("TZERO2", FLOATS), ("TNULL1", NUMBERS), ("THEAP", NUMBERS)),
    *(("PCOUNT", NUMBERS), ("GCOUNT", NUMBERS), ("NAXIS3", NUMBERS), ("EXTVER", NUMBERS)),
    *(("ZIMAGE", ("T",)), ("ZCMPTYPE", ("'RICE_1'", "'GZIP_2'", "'X'")), ("GROUPS", ("T",))),
    ("TDIM1", ("'(2,3)'", "'(0)'", "'(-1,2)'", "'(99999,99999)'", "'x'", "'(20)'")),
    *(("CHECKSUM", ("'0000000000000000'",)), ("CONTINUE", ("'x&'",)), ("END", ("",))),
)


def card(name: str, value: str) -> bytes:
    return f"{name:8}= {value:>20}".encode("latin-1")[:CARD].ljust(CARD)


def fits(data: bytes, rng: Random) -> Damage:
    """Damage a FITS file: its bytes, its cards, the order of its HDUs."""
    if rng.random() < 0.3:
        return any_bytes(data, rng)
    if rng.random() < 0.1:
        return packed(data, rng)
    parts = hdus(data)
    number = int(rng.integers(len(parts)))
    cards, _ = parts[number]
    kind = pick(
        rng, ("value", "value", "value", "value", "more", "more", "lost card", "bits of a header",
              "no end", "HDUs swapped", "HDU twice", "HDU lost", "block cut", "other extension")
    )  # fmt: skip
    at = int(rng.integers(len(cards)))
    name = cards[at][:8].rstrip().decode("latin-1")
    if kind == "value":
        at = pick(rng, [k for k, c in enumerate(cards) if c[8:9] == b"="])
        name = cards[at][:8].rstrip().decode()
        values = NUMBERS
        if name.startswith("TFORM"):
            values = tuple(f"'{form}'" for form in FORMATS)
        elif name.startswith(("TTYPE", "EXTNAME", "XTENSION", "GRID", "TUNIT")):
            values = tuple(f"'{word}'" for word in WORDS)
        cards[at] = card(name, pick(rng, values))
        kind = f"value of {re.sub('[0-9]+', 'n', name)}"
    elif kind == "more":
        name, values = pick(rng, MORE)
        cards.insert(len(cards) - 1, card(name, pick(rng, values)))
        kind = f"card {name}"
    elif kind == "lost card":
        cards[at] = b"COMMENT".ljust(CARD)
    elif kind == "bits of a header":
        header = flip(b"".join(cards), rng)
        cards[:] = [header[k : k + CARD] for k in range(0, len(header), CARD)]
    elif kind == "no end":
        cards[-1] = b" " * CARD
    elif kind == "HDUs swapped":
        other = int(rng.integers(len(parts)))
        parts[number], parts[other] = parts[other], parts[number]
    elif kind == "HDU twice":
        parts.insert(number, parts[number])
    elif kind == "HDU lost":
        del parts[number]
    elif kind == "block cut":
        blocks = int(rng.integers(len(data) // BLOCK + 1))
        return data[: blocks * BLOCK], kind
    elif kind == "other extension":
        cards[0] = card(
            "XTENSION", pick(rng, ("'TABLE   '", "'IMAGE   '", "'A3DTABLE'", "'FOREIGN '"))
        )
    return join(parts), kind


def hdf5(data: bytes, rng: Random) -> Damage:
    """Damage an HDF5 file: its bytes, or what is in it."""
    if rng.random() < 0.4:
        return any_bytes(data, rng)
    import h5py

    file = io.BytesIO(data)
    with h5py.File(file, "r+") as tree:
        names: list[str] = []
        tree.visit(names.append)
        name = pick(rng, names)
        if rng.random() < 0.2:
            group = pick(rng, [g for g in (tree, *map(tree.get, names)) if len(g.attrs)] or [tree])
            key = pick(rng, list(group.attrs) or ["x"])
            values = (5, np.nan, "", b"\xff", "{}", "[]", "null", "[" * 5000, np.zeros(3), True)
            values += (h5py.Empty("f"), '{"config": {"layers": [1]}}', '{"config": []}')
            group.attrs[key] = pick(rng, values)
            return _closed(tree, file), "attribute"
        old = tree[name]
        shape = old.shape if isinstance(old, h5py.Dataset) else ()
        values = old[()] if isinstance(old, h5py.Dataset) else np.zeros(3, "f4")
        del tree[name]
        kind = pick(rng, tuple(OBJECTS))
        OBJECTS[kind](tree, name, values, shape, rng)
        return _closed(tree, file), kind


def _closed(tree, file: io.BytesIO) -> bytes:
    tree.close()
    return file.getvalue()


def _other_type(tree, name, values, shape, rng):
    kind = pick(rng, ("f2", "f8", "i1", "i8", "u1", "?", "c8", "S5", ">f4", "V4"))
    if values.dtype.kind in "fiu":
        with np.errstate(all="ignore"):
            tree[name] = values.astype(kind)


def _other_shape(tree, name, values, shape, rng):
    values = np.asarray(values)
    changes = (values[None], values.ravel(), values.T, values[..., None], values[:0].copy())
    tree[name] = pick(rng, changes) if values.ndim else values[None]


def _other_values(tree, name, values, shape, rng):
    values = np.array(values)
    if values.dtype.kind == "f" and values.size:
        values.flat[int(rng.integers(values.size))] = pick(rng, (np.nan, np.inf, 1e38, -1e38, 0.0))
    tree[name] = values


def _huge(tree, name, values, shape, rng):
    """A dataset of terabytes that takes no space, as its chunks are empty."""
    shape = [*(shape or (1,))]
    shape[int(rng.integers(len(shape)))] = 2 ** int(rng.integers(24, 44))
    chunks = tuple(min(n, 64) for n in shape)
    tree.create_dataset(name, shape=shape, dtype="f4", chunks=chunks)


def _virtual(tree, name, values, shape, rng):
    import h5py

    layout = h5py.VirtualLayout(shape or (3,), "f4")
    layout[:] = h5py.VirtualSource("/nonexistent.h5", "x", shape or (3,))
    tree.create_virtual_dataset(name, layout)


def _link(kind: str):
    def make(tree, name, values, shape, rng):
        import h5py

        tree[name] = {
            "to nothing": h5py.SoftLink("/nowhere"),
            "to itself": h5py.SoftLink(f"/{name}"),
            "to the root": h5py.SoftLink("/"),
            "to a file": h5py.ExternalLink("/etc/passwd", "/x"),
        }[kind]

    return make


def _variable(tree, name, values, shape, rng):
    import h5py

    tree.create_dataset(name, data=[np.arange(2.0), np.arange(3.0)], dtype=h5py.vlen_dtype("f4"))


def _elsewhere(tree, name, values, shape, rng):
    tree.create_dataset(name, shape=shape or (3,), dtype="f4", external=[("/etc/passwd", 0, 2**20)])


#: What stands in the place of an object of an HDF5 file.
OBJECTS: dict[str, Callable] = {
    "nothing": lambda tree, name, values, shape, rng: None,
    "a group": lambda tree, name, values, shape, rng: tree.create_group(name),
    "a number": lambda tree, name, values, shape, rng: tree.create_dataset(name, data=1.0),
    "text": lambda tree, name, values, shape, rng: tree.create_dataset(name, data="text"),
    "a record": lambda tree, name, values, shape, rng: tree.create_dataset(
        name, data=np.zeros(3, [("a", "f4"), ("b", "i8")])
    ),
    "another type": _other_type,
    "another shape": _other_shape,
    "other values": _other_values,
    "a huge dataset": _huge,
    "a virtual dataset": _virtual,
    "variable length": _variable,
    "bytes of another file": _elsewhere,
    "a link to nothing": _link("to nothing"),
    "a link to itself": _link("to itself"),
    "a link to the root": _link("to the root"),
    "a link to a file": _link("to a file"),
}

#: Cells of a CSV that somebody or some program has written.
CELLS = ("", "nan", "NaN", "None", "-1", "0", "1", "2", "7", "1.5", "1e400", "inf", "-inf", "1_000")
CELLS += ("0x10", "9" * 25, "39627634556011093", "3.96E+16", "'=1+1", "=1+1", "@x", "+1", "true")
CELLS += ("QSO", "qso", "STAR", "é", "\0", "\x1b[2J", '"', '"a', '"a\nb"', ",", ";", "\t", "\u2028")
CELLS += ("x" * 100_000, "<script>", "1,5", "1e-320", "٣", "NULL", "1 2", "0 " * 2000, "-0.5 0.2")


def csv(data: bytes, rng: Random) -> Damage:
    """Damage a CSV: its bytes, cells, columns, rows, its encoding, line ends and delimiter."""
    if rng.random() < 0.2:
        return any_bytes(data, rng)
    if rng.random() < 0.05:
        return packed(data, rng)
    rows = [line.split(",") for line in data.decode("utf-8", "replace").splitlines()] or [[""]]
    column, row = int(rng.integers(len(rows[0]))), int(rng.integers(len(rows)))
    kind = pick(rng, ("cell", "cell", "cell", "name", "column twice", "column lost", "row twice",
                      "long row", "many rows", "encoding", "line ends", "delimiter"))  # fmt: skip
    ends, delimiter, encoding = "\n", ",", "utf-8"
    if kind == "cell":
        rows[row][int(rng.integers(len(rows[row])))] = pick(rng, CELLS)
    elif kind == "name":
        rows[0][column] = pick(rng, ("", "TARGETID", "Z", " Z", "z", "Unnamed: 0", "é", "\0"))
    elif kind == "column twice":
        rows = [[*cells, *cells[column : column + 1]] for cells in rows]
    elif kind == "column lost":
        rows = [cells[:column] + cells[column + 1 :] for cells in rows]
    elif kind == "row twice":
        rows.insert(row, rows[-1])
    elif kind == "long row":
        rows[row] = rows[row] + ["x"] * int(rng.integers(1, 400))
    elif kind == "many rows":
        rows += rows[1:] * int(rng.integers(2, 500))
    elif kind == "encoding":
        encoding = pick(rng, ("utf-16", "utf-32", "utf-7", "latin-1", "utf-8-sig", "cp037"))
    elif kind == "line ends":
        ends = pick(rng, ("\r", "\r\n", "\n\n", "\x0b", "\x85", "\u2028"))
    elif kind == "delimiter":
        delimiter = pick(rng, (";", "\t", "|", " ", ", "))
    text = ends.join(delimiter.join(cells) for cells in rows) + ends
    return text.encode(encoding, "replace"), kind


VALUES = (None, True, False, 0, -1, 1, 5, 2.5, 1e308, float("nan"), float("inf"), 10**30, "", "x")
VALUES += (
    "<script>",
    "$\\frac{1}{0}$",
    [],
    {},
    [1],
    {"a": 1},
    [[]],
    ["a"],
    "nan",
    [None],
    "9" * 99,
)
VALUES += ("a\nb", "../x", "2026-01-01", "$(touch owned)")


def tree(content, rng: Random) -> str:
    """Change a value, a key or the length of something in nested objects; return the kind."""
    places = []

    def walk(node):
        for key in node if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], dict | list):
                walk(node[key])

    if not isinstance(content, dict | list) or not content:
        return "nothing"
    walk(content)
    node, key = pick(rng, places)
    kind = pick(rng, ("value", "value", "value", "lost", "renamed", "more"))
    if kind == "value":
        node[key] = pick(rng, VALUES)
    elif kind == "lost":
        del node[key]
    elif isinstance(node, list):
        node.append(pick(rng, VALUES))
    else:
        name = pick(rng, ("x", "", " ", "é", "a\nb", "-h", "a b"))
        node[name] = node.pop(key) if kind == "renamed" else pick(rng, VALUES)
    return kind


def json_text(data: bytes, rng: Random) -> Damage:
    if rng.random() < 0.2:
        return any_bytes(data, rng)
    content = json.loads(data)
    kind = tree(content, rng)
    return json.dumps(content).encode(), kind


def yaml_text(data: bytes, rng: Random) -> Damage:
    """Damage a config; or let it grow beyond all memory by aliases."""
    if rng.random() < 0.2:
        return any_bytes(data, rng)
    if rng.random() < 0.05:
        names = "abcdefghij"
        pairs = itertools.pairwise(names)
        lines = [f"{name}: &{name} [{', '.join([f'*{last}'] * 9)}]" for last, name in pairs]
        return "\n".join(["a: &a [x]", *lines, data.decode()]).encode(), "aliases of aliases"
    content = yaml.safe_load(data)
    kind = tree(content, rng)
    return yaml.safe_dump(content, allow_unicode=True).encode(), kind


def idx(data: bytes, rng: Random) -> Damage:
    """Damage a gzipped file of MNIST: the packed bytes, or what is packed."""
    kind = pick(rng, ("packed", "inside", "sizes", "bomb"))
    if kind == "packed":
        return any_bytes(data, rng)
    inside = gzip.decompress(data)
    if kind == "bomb":
        return data + 64 * zeros(), "gzip bomb"
    if kind == "sizes":
        at = 4 * int(rng.integers(4))
        size = int(pick(rng, (0, 1, 2**31 - 1, 2**31, 2**32 - 1)))
        inside = inside[:at] + size.to_bytes(4, "big") + inside[at + 4 :]
    else:
        inside, kind = any_bytes(inside, rng)
    return gzip.compress(inside, 1, mtime=0), kind


#: The mutators by the end of a file's name.
FORMATS_BY_SUFFIX: dict[str, Callable[[bytes, Random], Damage]] = {
    ".fits": fits,
    ".h5": hdf5,
    ".csv": csv,
    ".json": json_text,
    ".yaml": yaml_text,
    ".gz": idx,
}
