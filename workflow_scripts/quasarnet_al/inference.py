"""Inference: a network's output for many spectra."""

import numpy as np

from quasarnet_al.weights import EPSILON, STRIDE, WIDTH, BatchNorm, Network


def reference_forward(network: Network, spectra: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the network's output, plainly computed: the definition that `predict` meets.

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
    x = np.asarray(spectra, dtype=np.float32)[:, :, None]
    for conv in network.convs:
        x = np.pad(x, ((0, 0), conv.pad(x.shape[1]), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(x, WIDTH, axis=1)[:, ::STRIDE]
        x = np.einsum("npcw,wco->npo", windows, conv.kernel, optimize=True) + conv.bias
        x = np.maximum(_normalise(x, conv.norm), 0)
    x = x.reshape(len(x), -1) @ network.common.kernel + network.common.bias
    x = np.maximum(_normalise(x, network.norm), 0)
    confidence = [_sigmoid(x @ dense.kernel + dense.bias) for dense in network.boxes]
    offset = [_sigmoid(x @ dense.kernel + dense.bias) for dense in network.offsets]
    confidence, offset = np.stack(confidence, axis=1), np.stack(offset, axis=1)
    return confidence, 1.2 * offset - 0.1 if network.rescale else offset


def predict(
    network: Network, spectra: np.ndarray, threads: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """As `reference_forward`."""
    parts = [reference_forward(network, spectra[i : i + 64]) for i in range(0, len(spectra), 64)]
    if not parts:
        return np.zeros((0, 7, 13), np.float32), np.zeros((0, 7, 13), np.float32)
    confidence, offset = zip(*parts, strict=True)
    return np.concatenate(confidence), np.concatenate(offset)


def _normalise(x: np.ndarray, norm: BatchNorm) -> np.ndarray:
    scale = norm.gamma / np.sqrt(norm.moving_variance + np.float32(EPSILON))
    return (x - norm.moving_mean) * scale + norm.beta


def _sigmoid(x: np.ndarray) -> np.ndarray:
    # exp of a large argument is inf and gives the right limit, 0.
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))
