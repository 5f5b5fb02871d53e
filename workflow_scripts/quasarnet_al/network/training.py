"""Training of QuasarNETs. The only module that imports TensorFlow.

The network and its loss are those of Busca & Balland (2018): convolutions with batch
normalisation and ReLU (and dropout), a common dense layer, and for each line 13 boxes
with a confidence and an offset. The seven outputs are computed as two dense layers and
the epochs run inside TensorFlow: the same function, in fewer and larger operations.

Several members of an ensemble can be trained in one step (`stacked`), for GPUs that one small
network leaves idle. Each learns what it would learn alone, up to rounding.
"""

import functools
import io
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

from quasarnet_al.network import gpu

gpu.preload()

import keras
import numpy as np
import tensorflow as tf

from quasarnet_al.core.files import write_bytes
from quasarnet_al.network.architecture import EPSILON, OUTPUTS, STRIDE, WIDTH
from quasarnet_al.network.recipe import Recipe
from quasarnet_al.network.weights import BatchNorm, Convolution, Dense, Network
from quasarnet_al.spectra.grid import BOXES, Grid

#: Spectra whose validation loss is computed at a time.
VALIDATION_BATCH = 1024


def configure(threads: int) -> None:
    """Make TensorFlow deterministic and give it `threads` CPU threads; call it first.

    The results depend on the number of threads (sums are split by them), so it is an
    argument of training and never what the machine happens to have.
    """
    tf.config.experimental.enable_op_determinism()
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def gpus() -> list[str]:
    """Return the names of the GPUs that TensorFlow sees."""
    devices = tf.config.list_physical_devices("GPU")
    details = map(tf.config.experimental.get_device_details, devices)
    return [about.get("device_name", "GPU") for about in details]


def build(recipe: Recipe, grid: Grid) -> keras.Model:
    """Build QuasarNET; outputs box logits and offsets, each (n, 7, 13)."""
    layers = keras.layers
    # Keras' default would scale with all seven outputs, the published layers are single.
    single = keras.initializers.RandomUniform(
        -((6 / (recipe.units + BOXES)) ** 0.5), (6 / (recipe.units + BOXES)) ** 0.5
    )
    padding = "same" if recipe.layers > 5 else "valid"
    x = spectra = keras.Input((grid.size, 1))
    for number in range(1, recipe.layers + 1):
        x = layers.Conv1D(
            recipe.filters, WIDTH, strides=STRIDE, padding=padding, name=f"conv_{number}"
        )(x)
        x = layers.BatchNormalization(epsilon=EPSILON, name=f"batch_normalization_{number}")(x)
        x = layers.ReLU()(x)
        x = layers.Dropout(recipe.dropout)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(recipe.units, name="fc_common")(x)
    x = layers.BatchNormalization(epsilon=EPSILON, name=f"batch_normalization_{recipe.layers + 1}")(
        x
    )
    x = layers.ReLU()(x)
    box = layers.Dense(len(OUTPUTS) * BOXES, kernel_initializer=single, name="fc_box")(x)
    offset = layers.Dense(
        len(OUTPUTS) * BOXES, activation="sigmoid", kernel_initializer=single, name="fc_offset"
    )(x)
    shape = (len(OUTPUTS), BOXES)
    # The offsets' sigmoid is stretched to -0.1..1.1, to reach both ends of a box.
    offset = layers.Rescaling(1.2, -0.1)(layers.Reshape(shape)(offset))
    return keras.Model(spectra, [layers.Reshape(shape)(box), offset])


def loss(
    recipe: Recipe,
    box: tf.Tensor,
    offset: tf.Tensor,
    weight: tf.Tensor,
    logit: tf.Tensor,
    guess: tf.Tensor,
) -> tf.Tensor:
    """Return the loss of each spectrum, (n,): Busca & Balland 2018, equation 1.

    For each line the mean cross-entropy over the boxes with the line, plus that over the
    boxes without, plus the mean squared error of the offset where the line is, times the
    recipe's `offset_weight` (1 in the publication); summed over the seven outputs with their
    weights. Arguments as in `targets.line_targets`.
    """
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(box, logit)
    with_line = tf.reduce_sum(box, axis=-1)
    without_line = BOXES - with_line
    # A line's box is one, or none: then its sums are zero too.
    with_line = tf.maximum(with_line, 1)
    error = recipe.offset_weight * (offset - guess) ** 2
    each = tf.reduce_sum(box * (entropy + error), axis=-1) / with_line
    each += tf.reduce_sum((1 - box) * entropy, axis=-1) / without_line
    return tf.reduce_sum(weight * each, axis=-1)


@dataclass(frozen=True, eq=False)
class Examples:
    """What a network learns from, n rows each.

    Attributes
    ----------
    inputs : float32 (n, ...)
    targets : what the loss takes beside the network's outputs: those of `targets.line_targets`,
        or one-hot classes (n, K) and weights (n,)
    """

    inputs: np.ndarray
    targets: Sequence[np.ndarray]

    @property
    def arrays(self) -> list[np.ndarray]:
        """The inputs and the targets."""
        return [self.inputs, *self.targets]


@dataclass(frozen=True)
class Session:
    """One training, of one network or of several at once.

    Attributes
    ----------
    seeds : one per network: of its initial weights, its batches and its dropout
    checkpoint : file that keeps the state after each epoch; an interrupted training continues
        from it, to the same networks as without the interruption
    report : is given the number of a network, from 0, and a line of text at each epoch
    starts : networks whose weights the trainings go on from, one for each seed and of the recipe's
        structure (see `recipe.need_structure`); none: random weights
    """

    seeds: Sequence[int]
    checkpoint: Path | None = None
    report: Callable[[int, str], None] = print
    starts: Sequence[Network] = ()


class Model(NamedTuple):
    """A model as a recipe describes it.

    Attributes
    ----------
    build : makes it of `arguments`, of which the first is the recipe
    losses : takes the recipe, the targets of a batch and the model's outputs, returns (n,)
    """

    build: Callable[..., keras.Model]
    arguments: tuple
    losses: Callable[..., tf.Tensor]

    @property
    def recipe(self) -> Recipe:
        """How it is trained."""
        return self.arguments[0]


#: Draws other examples, of the same shapes, for an epoch of the network of this number.
Vary = Callable[[int, np.random.Generator], Examples]


def train(
    examples: Sequence[Examples],
    grid: Grid,
    recipe: Recipe,
    session: Session,
    validation: Examples | None = None,
    vary: Vary | None = None,
) -> list[tuple[Network, list[dict]]]:
    """Train one network, or several at once.

    Parameters
    ----------
    examples : of each network, the same number of them: spectra, float32 (n, grid.size), and box,
        offset and weight as from `targets.line_targets`; the weight of a whole spectrum
        multiplies its row of weights
    validation : a network is then that of the epoch with the smallest loss on these
    vary : draws other examples for each epoch

    Returns
    -------
    list of each network, trained, and its history: epoch, loss and validation loss of each epoch
    """

    def with_channel(data: Examples) -> Examples:
        return replace(data, inputs=data.inputs[..., None])

    trained = fit(
        Model(build, (recipe, grid), loss),
        [with_channel(each) for each in examples],
        session,
        None if validation is None else with_channel(validation),
        None if vary is None else lambda number, rng: with_channel(vary(number, rng)),
    )
    return [(_network(model, grid), history) for model, history in trained]


def train_classifier(
    examples: Sequence[Examples],
    recipe: Recipe,
    session: Session,
    validation: Examples | None = None,
) -> list[tuple[list[Dense], list[dict]]]:
    """Train a dense network, or several at once.

    A network has `recipe.layers` layers of `recipe.filters` units, then a softmax.

    Parameters
    ----------
    examples : of each network, the same number of them: vectors, float32 (n, d); one-hot
        classes, float32 (n, K), and weights (n,)
    validation : a network is then that of the epoch with the smallest loss on these

    Returns
    -------
    list of the trained layers of each network, ReLU between them, and its history: epoch and loss
    of each epoch
    """
    arguments = (recipe, examples[0].inputs.shape[1], examples[0].targets[0].shape[1])
    trained = fit(Model(build_classifier, arguments, cross_entropy), examples, session, validation)

    def layers(model: keras.Model) -> list[Dense]:
        dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
        return [Dense(*(np.asarray(w) for w in layer.get_weights())) for layer in dense]

    return [(layers(model), history) for model, history in trained]


def build_classifier(recipe: Recipe, inputs: int, classes: int) -> keras.Model:
    """Build a dense network; outputs logits (n, classes)."""
    x = vector = keras.Input((inputs,))
    for _ in range(recipe.layers):
        x = keras.layers.Dense(recipe.filters, activation="relu")(x)
        x = keras.layers.Dropout(recipe.dropout)(x)
    return keras.Model(vector, keras.layers.Dense(classes)(x))


def cross_entropy(
    recipe: Recipe, classes: tf.Tensor, weight: tf.Tensor, logit: tf.Tensor
) -> tf.Tensor:
    """Return the weighted cross-entropy of each example, (n,)."""
    return weight * tf.nn.softmax_cross_entropy_with_logits(classes, logit)


def fit(
    model: Model,
    examples: Sequence[Examples],
    session: Session,
    validation: Examples | None = None,
    vary: Vary | None = None,
) -> Iterator[tuple[keras.Model, list[dict]]]:
    """Fit a model, once for each of `examples`, all of them in the same steps.

    Parameters
    ----------
    examples : of each fit, the same number of them
    validation : examples on which the loss is computed after each epoch
    vary : draws the examples of an epoch, in the shapes of `examples`; without it all epochs
        use `examples`

    Yields
    ------
    model : trained; the next one overwrites it
    history : epoch and loss of each epoch; with `validation` the loss there too, and the
        model is that of the epoch where it was smallest

    Raises
    ------
    FloatingPointError where a loss is infinite or not a number
    """
    recipe, seeds, members = model.recipe, session.seeds, len(examples)
    (count,) = {len(each.inputs) for each in examples}
    if not count:
        raise ValueError("no spectra to train on")
    compiled = _compiled(model, members)
    fitted = compiled.model
    _reset(compiled, model, session)
    epochs, steps = recipe.steps(count)
    state = [*fitted.variables, *compiled.optimizer.variables]
    # The best epoch's model is part of the state only where there is a best epoch.
    best = [tf.Variable(value) for value in fitted.variables] if validation is not None else []
    history = _restore(session.checkpoint, [*state, *best])
    size = min(recipe.batch_size, count)
    left = range(len(history), epochs)
    shown: Iterator[list[tf.Tensor]]
    if vary is None:
        shown = itertools.repeat(_constants(examples))
    else:
        shown = map(_constants, _varied(vary, seeds, left))
    for epoch, data in zip(left, shown, strict=False):
        orders = [np.random.default_rng([seed, epoch]).permutation(count) for seed in seeds]
        # The last batch is filled up from the start of the same permutation. The examples of the
        # members follow one another, and so do the parts of a batch.
        batches = np.hstack(
            [np.resize(order, (steps, size)) + k * count for k, order in enumerate(orders)]
        )
        rates = recipe.rates(epoch * steps + np.arange(steps), epochs * steps)
        value = compiled.run_epoch(tf.constant(batches), tf.constant(rates, tf.float32), *data)
        row = {"epoch": epoch + 1, "loss": value.numpy().astype(float)}
        if not np.isfinite(row["loss"]).all():
            for diverged in np.flatnonzero(~np.isfinite(np.broadcast_to(row["loss"], members))):
                session.report(int(diverged), f"epoch {epoch + 1}/{epochs}: the loss is not finite")
            raise FloatingPointError(
                f"the loss of epoch {epoch + 1} is not finite; lower the learning rate"
            )
        history.append(row)
        if validation is not None:
            row["validation_loss"] = _mean_loss(compiled, validation)
            better = row["validation_loss"] <= np.min([r["validation_loss"] for r in history], 0)
            for kept, variable in zip(best, fitted.variables, strict=True):
                kept.assign(tf.where(_beside(better, variable.shape), variable, kept))
        for number in range(members):
            told = _curve([row], number, members)[0]
            line = f"epoch {epoch + 1}/{epochs}: loss {told['loss']:.4f}"
            if validation is not None:
                line += f", on the validation set {told['validation_loss']:.4f}"
            session.report(number, line)
        _save(session.checkpoint, [*state, *best], history)
    for number in range(members):
        found = zip(compiled.single.variables, best or fitted.variables, strict=True)
        for variable, value in found:
            variable.assign(tf.reshape(value, (members, *variable.shape))[number])
        yield compiled.single, _curve(history, number, members)


def _varied(vary: Vary, seeds: Sequence[int], epochs: Sequence[int]) -> Iterator[list[Examples]]:
    """Yield the examples of all members for each epoch.

    While a GPU trains on those of an epoch, the CPU draws those of the next.
    """

    def draw(epoch: int) -> list[Examples]:
        return [
            vary(number, np.random.default_rng([seed, epoch, 1]))
            for number, seed in enumerate(seeds)
        ]

    if not epochs or not gpus():
        yield from map(draw, epochs)
        return
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(draw, epochs[0])
        for after in epochs[1:]:
            examples, coming = coming.result(), thread.submit(draw, after)
            yield examples
        yield coming.result()


def _constants(examples: Sequence[Examples]) -> list[tf.Tensor]:
    """Return the inputs, and each of the targets, of all members one after the other."""
    if len(examples) == 1:  # no copy
        return [tf.constant(array, tf.float32) for array in examples[0].arrays]
    arrays = zip(*(each.arrays for each in examples), strict=True)
    return [tf.constant(np.concatenate(each), tf.float32) for each in arrays]


def _beside(values: np.ndarray, shape: tf.TensorShape) -> np.ndarray:
    """Return values per member, or the one, with axes of length 1 up to those of `shape`."""
    return values.reshape(values.shape + (1,) * (len(shape) - values.ndim))


def _curve(history: list[dict], number: int, members: int) -> list[dict]:
    """Return the history of one member."""
    return [
        {name: np.broadcast_to(value, members)[number].item() for name, value in row.items()}
        for row in history
    ]


class _Compiled(NamedTuple):
    """A model, its optimizer, and the functions that train it and sum its losses.

    `single` is the model of one member: `model` itself, or what it was stacked from.
    """

    single: keras.Model
    model: keras.Model
    optimizer: keras.optimizers.Optimizer
    run_epoch: Callable[..., tf.Tensor]
    sum_of_losses: Callable[..., tf.Tensor]


@functools.lru_cache(maxsize=2)
def _compiled(description: Model, members: int) -> _Compiled:
    """Build a model, its optimizer and the functions that train and judge it.

    TensorFlow needs seconds to trace and optimise them, as long as a small network needs
    to train: the members that a process trains in turn share them. Two are kept, since the last
    group of a team may be smaller than the others.
    """
    single = description.build(*description.arguments)
    model = single if members == 1 else stacked(single, members)
    optimizer = keras.optimizers.Adam(description.recipe.learning_rate, amsgrad=True)
    optimizer.build(model.trainable_variables)
    # Of the losses: the sums and means below are then those of each member.
    shape = (-1,) if members == 1 else (members, -1)

    def batch_loss(batch: Sequence[tf.Tensor], training: bool) -> tf.Tensor:
        outputs = model(batch[0], training=training)
        outputs = outputs if isinstance(outputs, list | tuple) else [outputs]
        return tf.reshape(description.losses(description.recipe, *batch[1:], *outputs), shape)

    # Sets of any size go through one graph.
    @tf.function(reduce_retracing=True)
    def run_epoch(batches: tf.Tensor, rates: tf.Tensor, *data: tf.Tensor) -> tf.Tensor:
        total = tf.zeros(shape[:-1])
        for step in tf.range(tf.shape(batches)[0]):
            batch = [tf.gather(array, batches[step]) for array in data]
            optimizer.learning_rate.assign(rates[step])
            with tf.GradientTape() as tape:
                value = tf.reduce_mean(batch_loss(batch, training=True), axis=-1)
            # Of the sum over the members: none depends on another's variables.
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply(gradients, model.trainable_variables)
            total += value
        return total / tf.cast(tf.shape(batches)[0], tf.float32)

    @tf.function(reduce_retracing=True)
    def sum_of_losses(*batch: tf.Tensor) -> tf.Tensor:
        each = [tf.concat([array] * members, axis=0) for array in batch]
        return tf.reduce_sum(batch_loss(each, training=False), axis=-1)

    return _Compiled(single, model, optimizer, run_epoch, sum_of_losses)


def stacked(model: keras.Model, members: int) -> keras.Model:
    """Return the model that computes what `members` models like `model` compute.

    Each of its variables has those of the members along a first axis. Its inputs and outputs are
    those of the members one after the other, (members n, ...).
    """

    def stack(layer: keras.layers.Layer) -> keras.layers.Layer:
        if not layer.variables:
            return type(layer).from_config(layer.get_config())
        return _Stacked(layer, members)

    return keras.models.clone_model(model, clone_function=stack)


class _Stacked(keras.layers.Layer):
    """One layer of all members; its variables are those of `layer`, (members, ...)."""

    def __init__(self, layer: keras.layers.Layer, members: int) -> None:
        super().__init__(name=layer.name)
        self.members = members
        # In a function, Keras does not take `layer` for a part of this one.
        self.function = functools.partial(_FUNCTIONS[type(layer)], layer)
        self.parts = [
            self.add_weight(
                shape=(members, *each.shape), dtype=each.dtype, trainable=each.trainable,
                initializer="zeros", name=each.name,
            )
            for each in layer.variables
        ]  # fmt: skip

    def call(self, inputs: tf.Tensor, training: bool = False, mask: None = None) -> tf.Tensor:
        x = tf.reshape(inputs, (self.members, -1, *inputs.shape[1:]))
        y = self.function(self.parts, x, training)
        return tf.reshape(y, (-1, *y.shape[2:]))


def _convolve(
    layer: keras.layers.Conv1D, parts: Sequence[tf.Variable], x: tf.Tensor, training: bool
) -> tf.Tensor:
    """Return the convolutions of (members, n, pixels, channels).

    They are products of windows and kernels, since TensorFlow has no gradient of grouped
    convolutions on CPUs. The kernel's width is a multiple of the stride, so the windows are made
    of slices. The gradient of `tf.slice` is a sum of padded slices: no scatter, whose order a GPU
    leaves open, and several times faster on a CPU than that of an index.
    """
    kernel, bias = parts
    (width,), (stride,) = layer.kernel_size, layer.strides
    if layer.padding == "same":
        missing = max((-(-x.shape[2] // stride) - 1) * stride + width - x.shape[2], 0)
        x = tf.pad(x, [[0, 0], [0, 0], [missing // 2, missing - missing // 2], [0, 0]])
    members, _, pixels, channels = x.shape
    count, slices = (pixels - width) // stride + 1, width // stride
    strides = tf.reshape(
        tf.slice(x, [0, 0, 0, 0], [-1, -1, (count + slices - 1) * stride, -1]),
        (-1, count + slices - 1, stride * channels),
    )
    windows = tf.concat(
        [tf.slice(strides, [0, k, 0], [-1, count, -1]) for k in range(slices)], axis=-1
    )
    y = tf.matmul(
        tf.reshape(windows, (members, -1, width * channels)),
        tf.reshape(kernel, (members, width * channels, layer.filters)),
    )
    return tf.reshape(y + bias[:, None], (members, -1, count, layer.filters))


def _dense(
    layer: keras.layers.Dense, parts: Sequence[tf.Variable], x: tf.Tensor, training: bool
) -> tf.Tensor:
    kernel, bias = parts
    return layer.activation(tf.matmul(x, kernel) + bias[:, None])


def _normalize(
    layer: keras.layers.BatchNormalization,
    parts: Sequence[tf.Variable],
    x: tf.Tensor,
    training: bool,
) -> tf.Tensor:
    gamma, beta, mean, variance = parts
    now = [mean, variance]
    if training:
        now = tf.nn.moments(x, list(range(1, len(x.shape) - 1)))
        for moving, value in zip((mean, variance), now, strict=True):
            moving.assign(moving * layer.momentum + value * (1 - layer.momentum))
    # From (members, channels) to one more axis for each of the others of x.
    shape = (x.shape[0], *[1] * (len(x.shape) - 2), x.shape[-1])
    terms = [tf.reshape(each, shape) for each in (*now, beta, gamma)]
    return tf.nn.batch_normalization(x, *terms, layer.epsilon)


def _drop(
    layer: keras.layers.Dropout, parts: Sequence[tf.Variable], x: tf.Tensor, training: bool
) -> tf.Tensor:
    """Drop what each member would drop alone.

    Only the random numbers are drawn member by member; all else is one operation, of which a GPU
    starts far fewer than of ten.
    """
    if not training:
        return x
    (state,) = parts
    seeds = tf.cast(state, tf.int32)
    state.assign(tf.add(state, [0, 1]))  # as keras.random.SeedGenerator does
    shape = tf.shape(x)[1:]
    draws = [tf.random.stateless_uniform(shape, each, dtype=x.dtype) for each in tf.unstack(seeds)]
    # As tf.nn.experimental.stateless_dropout does.
    return tf.where(tf.stack(draws) >= layer.rate, x * (1 / (1 - layer.rate)), 0)


#: Of a layer of one member, the variables of all, and x (members, n, ...).
_FUNCTIONS = {
    keras.layers.Conv1D: _convolve,
    keras.layers.Dense: _dense,
    keras.layers.BatchNormalization: _normalize,
    keras.layers.Dropout: _drop,
}


def _mean_loss(compiled: _Compiled, examples: Examples) -> np.ndarray:
    """Return the mean loss of each member, or of the one."""
    size = len(examples.inputs)
    parts = (
        [
            tf.constant(array[start : start + VALIDATION_BATCH], tf.float32)
            for array in examples.arrays
        ]
        for start in range(0, size, VALIDATION_BATCH)
    )
    return sum(compiled.sum_of_losses(*part).numpy().astype(float) for part in parts) / size


def _reset(compiled: _Compiled, description: Model, session: Session) -> None:
    """Give a model and its optimizer the state that a session starts from."""
    initial = []
    for seed, start in itertools.zip_longest(session.seeds, session.starts):
        keras.utils.set_random_seed(seed)
        model = description.build(*description.arguments)
        if start is not None:
            _begin(model, start)
        initial.append(model.variables)
    for variable, *values in zip(compiled.model.variables, *initial, strict=True):
        variable.assign(tf.reshape(tf.stack([value.value for value in values]), variable.shape))
    for variable in compiled.optimizer.variables:
        variable.assign(tf.zeros_like(variable))


def _save(checkpoint: Path | None, state: list, history: list[dict]) -> None:
    if checkpoint is None:
        return
    arrays = {f"state{number}": value.numpy() for number, value in enumerate(state)}
    columns = {name: np.array([row[name] for row in history]) for name in history[0]}
    content = io.BytesIO()
    np.savez(content, **columns, **arrays)  # type: ignore[arg-type]  # no name is an option
    write_bytes(checkpoint, content.getvalue())


def _restore(checkpoint: Path | None, state: list) -> list[dict]:
    if checkpoint is None or not checkpoint.exists():
        return []
    with np.load(checkpoint) as arrays:
        for number, value in enumerate(state):
            value.assign(arrays[f"state{number}"])
        columns = [name for name in arrays.files if not name.startswith("state")]
        rows = zip(*(arrays[name].tolist() for name in columns), strict=True)
        return [dict(zip(columns, row, strict=True)) for row in rows]


def _begin(model: keras.Model, network: Network) -> None:
    """Put a network's arrays into a Keras model, the inverse of `_network`."""
    for number, conv in enumerate(network.convs, start=1):
        model.get_layer(f"conv_{number}").set_weights([conv.kernel, conv.bias])
        model.get_layer(f"batch_normalization_{number}").set_weights(list(astuple(conv.norm)))
    last = len(network.convs) + 1
    model.get_layer(f"batch_normalization_{last}").set_weights(list(astuple(network.norm)))
    model.get_layer("fc_common").set_weights([network.common.kernel, network.common.bias])
    for name, heads in (("fc_box", network.boxes), ("fc_offset", network.offsets)):
        kernel = np.concatenate([head.kernel for head in heads], axis=1)
        model.get_layer(name).set_weights([kernel, np.concatenate([head.bias for head in heads])])


def _network(model: keras.Model, grid: Grid) -> Network:
    """Take the arrays out of a Keras model."""

    def norm(number: int) -> BatchNorm:
        layer = model.get_layer(f"batch_normalization_{number}")
        return BatchNorm(*(np.asarray(value) for value in layer.get_weights()))

    def dense(name: str) -> Dense:
        return Dense(*(np.asarray(value) for value in model.get_layer(name).get_weights()))

    convs: list[Convolution] = []
    while any(layer.name == f"conv_{len(convs) + 1}" for layer in model.layers):
        layer = model.get_layer(f"conv_{len(convs) + 1}")
        kernel, bias = layer.get_weights()
        convs.append(Convolution(kernel, bias, layer.padding, norm(len(convs) + 1)))

    def heads(name: str) -> list[Dense]:
        head = dense(name)
        kernels = np.split(head.kernel, len(OUTPUTS), axis=1)
        biases = np.split(head.bias, len(OUTPUTS))
        return [Dense(np.ascontiguousarray(k), b) for k, b in zip(kernels, biases, strict=True)]

    return Network(
        convs=convs,
        common=dense("fc_common"),
        norm=norm(len(convs) + 1),
        boxes=heads("fc_box"),
        offsets=heads("fc_offset"),
        rescale=True,
        grid=grid,
    )
