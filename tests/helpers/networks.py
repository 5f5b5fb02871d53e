"""Small networks with random weights."""

import numpy as np

from quasarnet_al.network import weights
from quasarnet_al.spectra.grid import LOG


def random_network(
    filters=6, layers=3, units=5, padding="same", grid=LOG, rescale=True, seed=0
) -> weights.Network:
    """Return a network of any shape with weights of the usual size and live statistics."""
    rng = np.random.default_rng(seed)

    def values(*shape, scale=1.0):
        return (scale * rng.normal(size=shape)).astype(np.float32)

    def norm(n):
        gamma, beta, mean, variance = (values(n, scale=0.3) for _ in range(4))
        return weights.BatchNorm(1 + gamma, beta, mean, np.abs(1 + variance))

    def dense(inputs, outputs):
        return weights.Dense(
            values(inputs, outputs, scale=inputs**-0.5), values(outputs, scale=0.3)
        )

    convs, channels, size = [], 1, grid.size
    for _ in range(layers):
        kernel = values(10, channels, filters, scale=(5 * channels) ** -0.5)
        bias = values(filters, scale=0.3)
        convs.append(weights.Convolution(kernel, bias, padding, norm(filters)))
        channels, size = filters, convs[-1].length(size)
    return weights.Network(
        convs=convs,
        common=dense(size * filters, units),
        norm=norm(units),
        boxes=[dense(units, 13) for _ in range(7)],
        offsets=[dense(units, 13) for _ in range(7)],
        rescale=rescale,
        grid=grid,
        name=f"member-{seed:02d}",
    )


def arrays(network: weights.Network) -> list[np.ndarray]:
    """Return every array of a network in a fixed order."""
    found = []
    for conv in network.convs:
        found += [conv.kernel, conv.bias, *vars(conv.norm).values()]
    found += [*vars(network.norm).values()]
    for dense in [network.common, *network.boxes, *network.offsets]:
        found += [dense.kernel, dense.bias]
    return found


def keras_model(keras, network: weights.Network):
    """Build the network in Keras: spectra (n, size, 1) to (n, 7, 2, 13)."""
    layers = keras.layers

    def filled(layer, x, *arrays):
        y = layer(x)
        layer.set_weights(arrays)
        return y

    def normalised(x, norm):
        x = filled(layers.BatchNormalization(), x, *vars(norm).values())
        return layers.Activation("relu")(x)

    first = x = keras.Input((network.grid.size, 1))
    for conv in network.convs:
        layer = layers.Conv1D(len(conv.bias), 10, strides=2, padding=conv.padding)
        x = normalised(filled(layer, x, conv.kernel, conv.bias), conv.norm)
        x = layers.Dropout(0.2)(x)
    x = layers.Flatten()(x)
    common = network.common
    x = filled(layers.Dense(len(common.bias)), x, common.kernel, common.bias)
    x = normalised(x, network.norm)
    outputs = []
    for box, offset in zip(network.boxes, network.offsets, strict=True):
        boxes = filled(layers.Dense(13, "sigmoid"), x, box.kernel, box.bias)
        offsets = filled(layers.Dense(13, "sigmoid"), x, offset.kernel, offset.bias)
        if network.rescale:
            offsets = layers.Rescaling(1.2, -0.1)(offsets)
        outputs.append(layers.Reshape((1, 2, 13))(layers.Concatenate()([boxes, offsets])))
    return keras.Model(first, layers.Concatenate(axis=1)(outputs))
