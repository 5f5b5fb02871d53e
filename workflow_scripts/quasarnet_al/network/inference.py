"""Inference: the output of a network for many spectra, fast on CPUs, with numpy alone.

`reference_forward` is the definition. `Predictor` computes the same with less than half
of the multiplications:

* Batch normalisation is folded into kernels and biases (it is affine once trained).
* A convolution of stride 2 and width 10 is one of stride 1 and width 5 on *pairs* of
  neighbouring positions with twice the channels. Activations are kept as such pairs,
  (pairs, spectra, 2 x channels).
* Stride 1 allows the Toom-Cook algorithm F(4, 5): four outputs of a filter of five taps
  take eight products where the definition takes twenty (Lavin & Gray 2015, arXiv
  1509.09308, section 4, there for images and called Winograd's). With the spectra's
  eight pairs d of a tile and the taps g,

      y = A^T [ (G g) * (B^T d) ]

  where the product * is, over all channels, a matrix product for each of the eight
  points. So a layer is three products of matrices: B^T on a strided view of the pairs,
  the transformed kernels, and A^T, which adds the bias as a ninth point.

More outputs per tile cost fewer products but more rounding: F(6, 5) doubles the error and
gains a twentieth. Spectra go through in blocks of a fixed size (the last is filled
up), on one BLAS thread each. So the output for the i-th spectrum depends on it and on
i alone: not on the other spectra, their number or the number of threads. (It does
depend on i, in the last bits: BLAS rounds differently by a row's place in a block.)
"""

import functools
from dataclasses import dataclass

import numpy as np

from quasarnet_al.core.files import InputError
from quasarnet_al.network.architecture import EPSILON, OUTPUTS, STRIDE, WIDTH
from quasarnet_al.network.weights import BatchNorm, Convolution, Dense, Network
from quasarnet_al.spectra.grid import BOXES

#: Outputs per tile, and taps of a filter on pairs.
TILE, TAPS = 4, WIDTH // STRIDE
#: Where the polynomials are evaluated, beside infinity: small, and exact in binary.
POINTS = (0, 1, -1, 2, -2, 0.5, -0.5)
#: Spectra of a block: a thread's arrays then take 11 MB; 24 or 40 are a twentieth slower.
BLOCK = 32
#: About how many rows (tiles x spectra) a product of matrices has: enough for full speed.
ROWS = 224


def reference_features(network: Network, spectra: np.ndarray) -> np.ndarray:
    """Return the outputs of the common dense layer, float32 (n, units), computed plainly.

    `spectra` are (n, grid size), normalised.
    """
    x = np.asarray(spectra, dtype=np.float32)[:, :, None]
    for conv in network.convs:
        x = np.pad(x, ((0, 0), conv.pad(x.shape[1]), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(x, WIDTH, axis=1)[:, ::STRIDE]
        x = np.einsum("npcw,wco->npo", windows, conv.kernel, optimize=True) + conv.bias
        x = np.maximum(_normalise(x, conv.norm), 0)
    x = x.reshape(len(x), len(network.common.kernel)) @ network.common.kernel + network.common.bias
    return np.maximum(_normalise(x, network.norm), 0)


def reference_forward(network: Network, spectra: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the network's output, computed plainly: the definition that `predict` reproduces.

    Parameters
    ----------
    network : the weights
    spectra : (n, grid size), normalised

    Returns
    -------
    confidence, offset : float32 (n, 7, 13)
        Probability that each box holds each line of `weights.OUTPUTS`, and the line's
        place in the box in units of the box's width.
    """
    x = reference_features(network, spectra)
    confidence, offset = (
        np.stack([_sigmoid(x @ dense.kernel + dense.bias) for dense in heads], axis=1)
        for heads in (network.boxes, network.offsets)
    )
    return confidence, _rescale(offset) if network.rescale else offset


def predict(
    network: Network, spectra: np.ndarray, threads: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Return what `reference_forward` returns, by `Predictor`; spectra are (n, grid size)."""
    return Predictor(network)(spectra, threads)


class Predictor:
    """A network prepared for many spectra: `predictor(spectra, threads)`."""

    def __init__(self, network: Network):
        self.network = network
        lengths = network.lengths
        conv, *rest = network.convs
        kernel, bias = _folded(conv, conv.norm)
        # Two neighbouring positions, so one pair, of the first layer see 12 pixels; a
        # thirteenth input of 1 carries the bias.
        first = np.zeros((WIDTH + STRIDE + 1, 2, len(bias)))
        for half in range(2):
            first[half * STRIDE : half * STRIDE + WIDTH, half] = kernel[:, 0]
        first[-1] = bias
        self.first = first.reshape(len(first), -1).astype(np.float32)

        _, taps_at_points, _ = _toom_cook()
        self.layers = []
        for conv, size, length in zip(rest, lengths[1:-1], lengths[2:], strict=True):
            kernel, bias = _folded(conv, conv.norm)
            paired = kernel.reshape(TAPS, STRIDE * kernel.shape[1], kernel.shape[2])
            tiles = -(-length // TILE)
            chunk = -(-tiles // -(-tiles * BLOCK // ROWS))
            # Not a product by BLAS, which would start all its threads for so little.
            transformed = np.einsum("ps,scf->pcf", taps_at_points, paired)
            self.layers.append(
                _Layer(
                    kernel=transformed.astype(np.float32),
                    bias=bias.astype(np.float32),
                    # TensorFlow's padding on the left is even for every size.
                    left=conv.pad(size)[0] // STRIDE,
                    length=length,
                    tiles=chunk,
                    chunks=-(-tiles // chunk),
                )
            )

        # The flattened positions stand in pairs too; an odd last one has an empty half.
        kernel, bias = _folded(network.common, network.norm)
        filters = len(network.convs[-1].bias)
        pairs = -(-lengths[-1] // STRIDE)
        self.common = np.zeros((pairs, STRIDE * filters, len(bias)), dtype=np.float32)
        self.common.reshape(-1, len(bias))[: len(kernel)] = kernel
        self.common_bias = bias.astype(np.float32)
        heads = [*network.boxes, *network.offsets]
        self.heads = np.concatenate([dense.kernel for dense in heads], axis=1)
        self.heads_bias = np.concatenate([dense.bias for dense in heads])

    def __call__(self, spectra: np.ndarray, threads: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Return (confidence, offset), float32 (n, 7, 13), for spectra (n, grid size).

        Raises `InputError` where the network gives a finite spectrum values that are not.
        """
        size = self.network.grid.size
        if spectra.ndim != 2 or spectra.shape[1] != size:
            raise ValueError(f"spectra have shape {spectra.shape}, the network sees (n, {size})")
        output = np.empty((2, len(spectra), len(OUTPUTS), BOXES), dtype=np.float32)
        # All threads draw from one iterator, so that none waits for a slow one.
        starts = iter(range(0, len(spectra), BLOCK))

        def work(_: int) -> None:
            buffers = self._buffers()
            for start in starts:
                block = spectra[start : start + BLOCK]
                result = self._block(block, buffers).reshape(BLOCK, 2, len(OUTPUTS), BOXES)
                output[:, start : start + BLOCK] = result[: len(block)].swapaxes(0, 1)

        with _blas().limit(limits=1, user_api="blas"):
            if threads == 1:
                work(0)
            else:
                # Imported here: programs that only read weights start faster.
                from concurrent.futures import ThreadPoolExecutor

                with ThreadPoolExecutor(threads) as pool:
                    list(pool.map(work, range(threads)))
        # What is finite goes in; weights that are too large for float32 let something else out.
        bad = ~np.isfinite(output).all(axis=(0, 2, 3))
        if bad.any() and np.isfinite(spectra[bad]).all(axis=1).any():
            raise InputError(
                self.network.name or "the network",
                "gives values that are not finite",
                "its weights are too large: train it again, or give another",
            )
        confidence, offset = output
        return confidence, _rescale(offset) if self.network.rescale else offset

    def _buffers(self) -> "_Buffers":
        """Return the arrays that one thread works in, with every zero of the padding set."""
        pairs = -(-self.network.lengths[1] // STRIDE)
        activations, filled = [], pairs
        for layer in self.layers:
            needed = layer.chunks * layer.tiles * TILE + TAPS - 1
            rows = max(needed, layer.left + filled)
            activations.append(np.zeros((rows, BLOCK, layer.kernel.shape[1]), np.float32))
            filled = -(-layer.length // STRIDE)
        activations.append(np.zeros((filled, BLOCK, self.common.shape[1]), np.float32))

        points = len(POINTS) + 1
        products = []
        for layer in self.layers:
            products.append(np.empty((points + 1, layer.tiles, BLOCK, len(layer.bias)), np.float32))
            products[-1][points] = layer.bias
        rows = max((layer.tiles * layer.kernel.shape[1] for layer in self.layers), default=0)
        outputs = max((layer.tiles * len(layer.bias) for layer in self.layers), default=0)
        pixels = np.zeros((BLOCK, 2 * STRIDE * pairs + WIDTH - STRIDE), np.float32)
        seen = np.lib.stride_tricks.sliding_window_view(pixels, len(self.first) - 1, axis=1)
        return _Buffers(
            pixels=pixels,
            seen=seen[:, :: 2 * STRIDE].swapaxes(0, 1),
            windows=np.ones((pairs, BLOCK, len(self.first)), np.float32),
            activations=activations,
            # Neighbouring tiles share TAPS - 1 pairs: views whose rows overlap.
            tiles=[
                np.lib.stride_tricks.sliding_window_view(x.reshape(len(x), -1), points, axis=0)[
                    ::TILE
                ].swapaxes(1, 2)
                for x in activations[:-1]
            ],
            targets=[
                x[left:].reshape(-1, BLOCK, STRIDE, x.shape[2] // STRIDE).swapaxes(1, 2)
                for x, left in zip(
                    activations[1:], [*(layer.left for layer in self.layers[1:]), 0], strict=False
                )
            ],
            points=np.empty(points * BLOCK * rows, np.float32),
            products=products,
            outputs=np.empty(TILE * BLOCK * outputs, np.float32),
        )

    def _block(self, spectra: np.ndarray, buffers: "_Buffers") -> np.ndarray:
        """Return the sigmoids (BLOCK, 2 x 7 x 13) of at most BLOCK spectra."""
        self._first_layer(spectra, buffers)
        for number in range(len(self.layers)):
            self._layer(number, buffers)
        common = np.matmul(buffers.activations[-1], self.common).sum(axis=0)
        common += self.common_bias
        np.maximum(common, 0, out=common)
        return _sigmoid(common @ self.heads + self.heads_bias)

    def _first_layer(self, spectra: np.ndarray, buffers: "_Buffers") -> None:
        left, _ = self.network.convs[0].pad(spectra.shape[1])
        length = self.network.lengths[1]
        pixels, windows = buffers.pixels, buffers.windows
        used = min(spectra.shape[1], pixels.shape[1] - left)
        pixels[: len(spectra), left : left + used] = spectra[:, :used]
        pixels[len(spectra) :] = 0
        windows[..., :-1] = buffers.seen
        start = self.layers[0].left if self.layers else 0
        out = buffers.activations[0][start : start + len(windows)]
        np.matmul(
            windows.reshape(-1, len(self.first)), self.first, out=out.reshape(-1, out.shape[2])
        )
        np.maximum(out, 0, out=out)
        if length % STRIDE:
            out[-1, :, out.shape[2] // STRIDE :] = 0

    def _layer(self, number: int, buffers: "_Buffers") -> None:
        outputs_from_points, _, points_from_pairs = _toom_cook()
        layer = self.layers[number]
        points, channels, filters = layer.kernel.shape
        tiles, rows = layer.tiles, layer.tiles * BLOCK
        tile_view, target = buffers.tiles[number], buffers.targets[number]
        at_points = buffers.points[: points * rows * channels].reshape(points, rows, channels)
        products = buffers.products[number]
        output = buffers.outputs[: TILE * rows * filters].reshape(TILE * tiles, BLOCK, filters)
        for chunk in range(layer.chunks):
            np.matmul(
                points_from_pairs,
                tile_view[chunk * tiles : (chunk + 1) * tiles],
                out=at_points.reshape(points, tiles, -1).swapaxes(0, 1),
            )
            np.matmul(at_points, layer.kernel, out=products[:points].reshape(points, rows, filters))
            np.matmul(
                outputs_from_points,
                products.reshape(points + 1, tiles, -1).swapaxes(0, 1),
                out=output.reshape(tiles, TILE, -1),
            )
            # Positions beyond the layer's length exist only to fill the last tile.
            start = chunk * tiles * TILE
            stop = min(layer.length, start + tiles * TILE)
            whole = (stop - start) // STRIDE
            first = start // STRIDE
            np.maximum(
                output[: whole * STRIDE].reshape(whole, STRIDE, BLOCK, filters),
                0,
                out=target[first : first + whole],
            )
            if (stop - start) % STRIDE:
                np.maximum(output[whole * STRIDE], 0, out=target[first + whole, 0])


@dataclass(frozen=True)
class _Layer:
    """A convolution for Toom-Cook.

    kernel float32 (8 points, 2 x channels, filters), bias (filters,); `left` pairs of
    zeros stand before the data; `chunks` of `tiles` tiles give `length` positions.
    """

    kernel: np.ndarray
    bias: np.ndarray
    left: int
    length: int
    tiles: int
    chunks: int


@dataclass(frozen=True)
class _Buffers:
    """One thread's arrays, float32.

    pixels (spectra, padded grid), and a view of what each pair sees; windows, a copy of
    it (pairs, spectra, 12 pixels and a 1); activations, a (pairs, spectra, 2 x channels)
    for the input of each layer and for the flattened end, with the views `tiles`
    (tiles, 8 pairs, spectra x 2 channels) as a layer's input and `targets` (pairs, 2,
    spectra, filters) as its output; points (flat, for 8 points x tiles x spectra x
    2 channels); products, a (8 points and the bias, tiles, spectra, filters) for each
    layer; outputs (flat, for positions x spectra x filters).
    """

    pixels: np.ndarray
    seen: np.ndarray
    windows: np.ndarray
    activations: list[np.ndarray]
    tiles: list[np.ndarray]
    targets: list[np.ndarray]
    points: np.ndarray
    products: list[np.ndarray]
    outputs: np.ndarray


@functools.cache
def _toom_cook() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return A^T float32 (4, 9), G float64 (8, 5) and B^T float32 (8, 8).

    A product of polynomials u (degree 3) and g (degree 4) is known from its values at
    seven points and its leading coefficient, by Lagrange's interpolation. Transposed in
    u, this is four outputs of the correlation of g with eight inputs. The denominators
    are left to G, so that B^T and A^T are exact in float32. A^T's ninth column adds a
    bias.
    """
    points = np.array(POINTS)
    outputs = np.vander(points, TILE, increasing=True)
    outputs = np.vstack([outputs, np.eye(TILE)[-1], np.ones(TILE)]).T
    taps = np.vstack([np.vander(points, TAPS, increasing=True), np.eye(TAPS)[-1]])
    inputs = np.zeros((len(points) + 1, len(points) + 1))
    for i, point in enumerate(points):
        others = np.delete(points, i)
        inputs[i, :-1] = np.poly(others)[::-1]
        taps[i] /= np.prod(point - others)
    inputs[-1] = np.poly(points)[::-1]
    return outputs.astype(np.float32), taps, inputs.astype(np.float32)


@functools.cache
def _blas():
    """Return the handle on BLAS's threads (found once: it searches all loaded libraries)."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _folded(layer: Dense | Convolution, norm: BatchNorm) -> tuple[np.ndarray, np.ndarray]:
    """Return kernel and bias, float64, of a layer and the normalisation after it."""
    scale = norm.gamma / np.sqrt(norm.moving_variance.astype(np.float64) + EPSILON)
    return layer.kernel * scale, (layer.bias - norm.moving_mean) * scale + norm.beta


def _normalise(x: np.ndarray, norm: BatchNorm) -> np.ndarray:
    scale = norm.gamma / np.sqrt(norm.moving_variance + np.float32(EPSILON))
    return (x - norm.moving_mean) * scale + norm.beta


def _sigmoid(x: np.ndarray) -> np.ndarray:
    # exp of a large argument is inf and gives the right limit, 0.
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


def _rescale(offset: np.ndarray) -> np.ndarray:
    """Stretch a sigmoid to -0.1..1.1, so that a line at a box's edge can be reached."""
    return np.float32(1.2) * offset - np.float32(0.1)
