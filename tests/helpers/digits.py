"""Handwritten digits that nobody wrote."""

import gzip

import numpy as np

from quasarnet_al.network import weights
from quasarnet_al.tasks import digits

NAMES = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")


def write_idx(folder, count=60, seed=0):
    """Images of noise with a bright row for their class, in MNIST's files."""
    rng = np.random.default_rng(seed)
    classes = np.arange(count, dtype=np.uint8) % 10
    images = rng.integers(0, 50, (count, 28, 28), dtype=np.uint8)
    images[np.arange(count), 2 * classes + 4] = 255
    for name, values in zip(NAMES, (images, classes), strict=True):
        head = np.array([0x800 + values.ndim, *values.shape], ">i4").tobytes()
        (folder / name).write_bytes(gzip.compress(head + values.tobytes()))
    return [folder / name for name in NAMES], images, classes


def network(scale=10.0, shift=0, name="member-00"):
    """A network that names the class of `write_idx` images, plus `shift`."""
    kernel = np.zeros((784, 10), np.float32)
    for k in range(10):
        kernel[28 * (2 * k + 4) : 28 * (2 * k + 5), (k + shift) % 10] = scale / 28
    identity = weights.Dense(np.eye(784, dtype=np.float32), np.zeros(784, np.float32))
    return digits.Network([identity, weights.Dense(kernel, np.zeros(10, np.float32))], name)
