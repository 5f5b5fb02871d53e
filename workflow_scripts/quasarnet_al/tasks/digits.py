"""MNIST: handwritten digits, the worked example of the method.

The digits are LeCun, Cortes & Burges' test set, 10,000 images of 28 x 28 pixels, each of
known class. A digit takes the place of a spectrum: its 784 pixels, and its number in the
set as TARGETID.
"""

import gzip
import hashlib
import io
import math
import os
import urllib.request
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from quasarnet_al.core.files import InputError
from quasarnet_al.spectra.grid import DIGIT, Grid
from quasarnet_al.tasks.task import Labelled, Task

if TYPE_CHECKING:
    import h5py

    from quasarnet_al.network.weights import Dense

#: Bytes of an IDX file: ten times those of MNIST's largest (60,000 images).
LARGEST = 10 * 60_000 * 28 * 28
#: Pixels of a side of an image.
SIDE = 28
CLASSES = tuple("0123456789")
#: Where the two files come from if they are not there, and the MD5 sums of their bytes
#: (those that torchvision checks too).
MIRROR = "https://storage.googleapis.com/cvdf-datasets/mnist/"
MD5 = {
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}


def read(images: str | os.PathLike, labels: str | os.PathLike) -> tuple[np.ndarray, np.ndarray]:
    """Return the images, float32 (n, 784) from 0 to 1, and the classes, U1 (n,).

    A file that is absent is downloaded, where there is a network.
    """
    pixels, classes = _read_idx(images, 3), _read_idx(labels, 1)
    if pixels.shape[1:] != (SIDE, SIDE) or len(pixels) != len(classes) or classes.max() > 9:
        raise InputError(images, f"does not fit to {labels}", "give files of one set")
    return pixels.reshape(-1, DIGIT.size) / np.float32(255), classes.astype("U1")


def _read_idx(path: str | os.PathLike, dimensions: int) -> np.ndarray:
    """Read a gzipped IDX file of bytes (yann.lecun.com/exdb/mnist)."""
    content = None if Path(path).exists() else _download(path)
    try:
        packed = Path(path).read_bytes() if content is None else content
        with gzip.open(io.BytesIO(packed)) as file:
            kind, *shape = np.frombuffer(file.read(4 * (dimensions + 1)), ">i4").tolist()
            if kind != 0x800 + dimensions or len(shape) != dimensions or min(shape) < 0:
                raise ValueError(f"it starts with {kind}, {shape}")
            size = math.prod(shape)
            if size > LARGEST:
                raise ValueError(f"it says that it holds {size} bytes")
            # No more than that is unpacked, whatever the file holds.
            content = file.read(size + 1)
        return np.frombuffer(content, np.uint8).reshape(shape)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError(path, f"is not a gzipped IDX file ({error})", _remedy(path)) from error


def _download(path: str | os.PathLike) -> bytes:
    name = Path(path).name
    if name not in MD5:
        raise InputError(path, "is absent", f"give one of {', '.join(MD5)}")
    try:
        with urllib.request.urlopen(MIRROR + name, timeout=60) as response:
            content = response.read()
    except OSError as error:
        raise InputError(
            path, f"is absent and cannot be downloaded ({error})", _remedy(path)
        ) from error
    if hashlib.md5(content).hexdigest() != MD5[name]:
        raise InputError(path, f"is absent, and {MIRROR} has another", _remedy(path))
    return content


def _remedy(path: str | os.PathLike) -> str:
    return f"put {Path(path).name} of MNIST there"


def draw(count: int, sizes: Sequence[int], seed: int) -> list[np.ndarray]:
    """Return disjoint random samples of 0..count-1, one of each size, in ascending order.

    Random, since the first half of the set is cleaner than the second.
    """
    order = np.random.default_rng([seed]).permutation(count)
    ends = np.cumsum(sizes)
    return [np.sort(order[end - size : end]) for size, end in zip(sizes, ends, strict=True)]


def catalog(rows: np.ndarray, source: str) -> np.ndarray:
    """Return the CATALOG of digits by their numbers in the set."""
    from quasarnet_al.spectra import pool

    table = pool.catalog(len(rows), source)
    table["TARGETID"] = table["ROW"] = rows
    table["ARMS"] = pool.ALL_ARMS
    return table


def labels(rows: np.ndarray, classes: np.ndarray, origin: str) -> np.ndarray:
    """Return the LABELS of digits by their numbers in the set; `classes` are those of all."""
    from quasarnet_al.spectra import pool

    table = pool.labels(len(rows), origin)
    table["TARGETID"] = table["OBJECT"] = rows
    table["SPECTYPE"] = classes[rows]
    return table


def targets(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the targets of a network: one-hot classes, float32 (n, 10), and weights (n,)."""
    hot = labels["SPECTYPE"][:, None] == np.array(CLASSES)
    return hot.astype(np.float32), labels["WEIGHT"].astype(np.float32)


@dataclass(frozen=True, eq=False)
class Network:
    """One trained network: dense layers with ReLU between them, softmax at the end.

    Attributes
    ----------
    layers : first to last, from 784 pixels to 10 classes
    name : the member's name ("member-00")
    attributes : provenance, text by name
    """

    layers: "Sequence[Dense]"
    name: str = ""
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def grid(self) -> Grid:
        """The pixels that the network takes."""
        return DIGIT

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return the probability, float64 (n, 10), of each class; `images` is (n, 784)."""
        x = images
        for layer in self.layers[:-1]:
            x = np.maximum(x @ layer.kernel + layer.bias, 0)
        logit = (x @ self.layers[-1].kernel + self.layers[-1].bias).astype(np.float64)
        weight = np.exp(logit - logit.max(axis=1, keepdims=True))
        return weight / weight.sum(axis=1, keepdims=True)


def probabilities(networks: Sequence[Network], images: np.ndarray, threads: int = 1) -> np.ndarray:
    """Return the probabilities of each member, float64 (members, n, 10)."""
    # A product alone on its thread sums in one order, whatever the number of threads.
    with threadpool_limits(1), ThreadPoolExecutor(threads) as workers:
        return np.array(list(workers.map(lambda network: network.probabilities(images), networks)))


def score(
    networks: Sequence[Network],
    images: np.ndarray,
    targetid: np.ndarray,
    seed: int,
    threads: int = 1,
) -> dict[str, np.ndarray]:
    """Return the columns of the score table; a member votes for its most probable class."""
    from quasarnet_al.learning import acquisition

    each = probabilities(networks, images, threads)
    votes = acquisition.votes(each.argmax(axis=2), len(CLASSES))
    columns = {f"VOTE_{name}": votes[:, k].astype(np.float32) for k, name in enumerate(CLASSES)}
    columns["CLASS"] = each.mean(axis=0).argmax(axis=1).astype(np.int16)
    return columns | acquisition.columns(votes, each, targetid, seed)


def evaluate(
    networks: Sequence[Network], images: np.ndarray, truth: np.ndarray, threads: int = 1
) -> dict:
    """Return the accuracy of the ensemble, and of each of its members, and how calibrated it is.

    `truth` (n,) are the classes. The ensemble's class is that of the largest mean
    probability.
    """
    from quasarnet_al.judging import calibration, votes
    from quasarnet_al.learning import acquisition

    each = probabilities(networks, images, threads)
    names = np.array(CLASSES)
    right = names[each.mean(axis=0).argmax(axis=1)] == truth
    classes = {}
    for name in CLASSES:
        here = truth == name
        share = right[here].mean() if here.any() else np.nan
        classes[name] = {"digits": int(here.sum()), "accuracy": float(share)}
    share = acquisition.votes(each.argmax(axis=2), len(CLASSES))
    number = np.searchsorted(names, truth)
    return {
        "digits": len(truth),
        "accuracy": float(right.mean()),
        **votes.members(each.argmax(axis=2), number),
        "classes": classes,
        "calibration": votes.calibration(share, number),
        "probabilities": calibration.judge(each.mean(axis=0), number, np.arange(len(truth))),
        "confusion": votes.confusion_matrix(share, number),
    }


def most_confusing(scores: np.ndarray, reason: np.ndarray, tie: np.ndarray) -> dict[str, int]:
    """Return the row of the most uncertain digit by each measure of the votes.

    Parameters
    ----------
    scores : the score table, with LEAST_CONFIDENCE, MARGIN and ENTROPY
    reason : (n,) why a digit was not selected; only those that could be selected count (see
        `selection.REASONS`)
    tie : (n,) numbers that order equal scores, the smallest first
    """
    from quasarnet_al.learning import acquisition

    choices = np.flatnonzero(np.isin(reason, ["", "less confusing"]))
    found = {}
    for name in acquisition.MEASURES:
        values = scores[acquisition.column(name)][choices]
        found[name] = int(choices[np.lexsort((tie[choices], -values))[0]])
    return found


def _from_group(path: object, group: "h5py.Group") -> Network:
    from quasarnet_al.network.weights import Dense, read_array, read_attributes

    layers, inputs = [], DIGIT.size
    for number in range(1, len(group) + 1):
        name = f"dense_{number}"
        kernel = read_array(group, f"{name}/kernel", (inputs, -1)).astype(np.float32)
        inputs = kernel.shape[1]
        layers.append(
            Dense(kernel, read_array(group, f"{name}/bias", (inputs,)).astype(np.float32))
        )
    if not layers or inputs != len(CLASSES):
        raise ValueError(f"its last layer has {inputs} outputs, not {len(CLASSES)}")
    return Network(layers, attributes=read_attributes(group))


def _to_group(group: "h5py.Group", network: Network) -> None:
    for number, layer in enumerate(network.layers, 1):
        for name in ("kernel", "bias"):
            path, values = f"dense_{number}/{name}", getattr(layer, name)
            group.create_dataset(path, data=np.asarray(values, np.float32), track_times=False)
    for name, value in network.attributes.items():
        group.attrs[name] = value


class Digits(Task):
    """Handwritten digits (MNIST), by a small dense network: the worked example of the method."""

    name = "mnist"
    classes = spectypes = needed = CLASSES
    redshifts = False
    pages = False
    headline = ("accuracy",)

    def train(self, training, recipe, session, validation=None):
        from quasarnet_al.network.training import Examples, train_classifier

        def examples(known: Labelled) -> Examples:
            return Examples(known.spectra, targets(known.labels))

        trained = train_classifier(
            [examples(known) for known in training],
            recipe,
            session,
            None if validation is None else examples(validation),
        )
        return [(Network(layers), history) for layers, history in trained]

    def score(self, networks, spectra, targetid, classification, seed, threads=1):
        return score(networks, spectra, targetid, seed, threads)

    def evaluate(self, networks, spectra, labels, classification, threads=1):
        return evaluate(networks, spectra, labels["SPECTYPE"], threads)

    def true_classes(self, spectype, z, z_split):
        return np.searchsorted(self.classes, spectype)

    def details(self, metrics):
        return {"member_accuracy": float(np.mean(metrics["member_accuracy"]))}

    @property
    def layout(self):
        from quasarnet_al.network.weights import Layout

        return Layout(_from_group, _to_group)
