"""Training of QuasarNETs. The only module that imports TensorFlow.

The network and its loss are those of Busca & Balland (2018): convolutions with batch
normalisation and ReLU (and dropout), a common dense layer, and for each line 13 boxes
with a confidence and an offset. The seven outputs are computed as two dense layers and
the epochs run inside TensorFlow: the same function, in fewer and larger operations.
"""

import functools
import io
import os
from collections.abc import Callable, Sequence
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
    """One training.

    Attributes
    ----------
    seed : of the initial weights, the batches and the dropout
    checkpoint : file that keeps the state after each epoch; an interrupted training continues
        from it, to the same network as without the interruption
    report : is given a line of text at each epoch
    start : network whose weights the training goes on from, instead of random ones; of the recipe's
        structure (see `recipe.need_structure`)
    """

    seed: int
    checkpoint: Path | None = None
    report: Callable[[str], None] = print
    start: Network | None = None


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


def train(
    examples: Examples,
    grid: Grid,
    recipe: Recipe,
    session: Session,
    validation: Examples | None = None,
    vary: Callable[[np.random.Generator], Examples] | None = None,
) -> tuple[Network, list[dict]]:
    """Train one network.

    Parameters
    ----------
    examples : spectra, float32 (n, grid.size), and box, offset and weight as from
        `targets.line_targets`; the weight of a whole spectrum multiplies its row of weights
    validation : the network is then that of the epoch with the smallest loss on these
    vary : draws other examples, of the same shapes, for each epoch

    Returns
    -------
    network, history : the trained network, and epoch, loss and validation loss of each
    """
    if not len(examples.inputs):
        raise ValueError("no spectra to train on")

    def with_channel(data: Examples) -> Examples:
        return replace(data, inputs=data.inputs[..., None])

    model, history = fit(
        Model(build, (recipe, grid), loss),
        with_channel(examples),
        session,
        None if validation is None else with_channel(validation),
        None if vary is None else lambda rng: with_channel(vary(rng)),
    )
    return _network(model, grid), history


def train_classifier(
    examples: Examples, recipe: Recipe, session: Session, validation: Examples | None = None
) -> tuple[list[Dense], list[dict]]:
    """Train a dense network: `recipe.layers` layers of `recipe.filters` units, then a softmax.

    Parameters
    ----------
    examples : vectors, float32 (n, d); one-hot classes, float32 (n, K), and weights (n,)
    validation : the network is then that of the epoch with the smallest loss on these

    Returns
    -------
    layers, history : the trained layers, ReLU between them, and epoch and loss of each
    """
    arguments = (recipe, examples.inputs.shape[1], examples.targets[0].shape[1])
    model, history = fit(
        Model(build_classifier, arguments, cross_entropy), examples, session, validation
    )
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    return [Dense(*(np.asarray(w) for w in layer.get_weights())) for layer in dense], history


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
    examples: Examples,
    session: Session,
    validation: Examples | None = None,
    vary: Callable[[np.random.Generator], Examples] | None = None,
) -> tuple[keras.Model, list[dict]]:
    """Fit a model.

    Parameters
    ----------
    validation : examples on which the loss is computed after each epoch
    vary : draws the examples of an epoch, in the shapes of `examples`; without it all epochs
        use `examples`

    Returns
    -------
    model : trained; the next `fit` of the same model overwrites it
    history : epoch and loss of each epoch; with `validation` the loss there too, and the
        model is that of the epoch where it was smallest

    Raises
    ------
    FloatingPointError where the loss is infinite or not a number
    """
    recipe, seed, count = model.recipe, session.seed, len(examples.inputs)
    compiled = _compiled(model)
    fitted = compiled.model
    _reset(compiled, model, seed)
    if session.start is not None:
        _begin(fitted, session.start)
    epochs, steps = recipe.steps(count)
    # Epochs that vary make data of their own.
    data = [] if vary else _constants(examples.arrays)
    state = [*fitted.variables, *compiled.optimizer.variables]
    # The best epoch's model is part of the state only where there is a best epoch.
    best = [tf.Variable(value) for value in fitted.variables] if validation is not None else []
    history = _restore(session.checkpoint, [*state, *best])
    size = min(recipe.batch_size, count)
    for epoch in range(len(history), epochs):
        order = np.random.default_rng([seed, epoch]).permutation(count)
        if vary is not None:
            data = _constants(vary(np.random.default_rng([seed, epoch, 1])).arrays)
        # The last batch is filled up from the start of the same permutation.
        batches = np.resize(order, (steps, size))
        rates = recipe.rates(epoch * steps + np.arange(steps), epochs * steps)
        value = float(
            compiled.run_epoch(tf.constant(batches), tf.constant(rates, tf.float32), *data)
        )
        if not np.isfinite(value):
            raise FloatingPointError(
                f"the loss of epoch {epoch + 1} is not finite; lower the learning rate"
            )
        history.append({"epoch": epoch + 1, "loss": value})
        line = f"epoch {epoch + 1}/{epochs}: loss {value:.4f}"
        if validation is not None:
            history[-1]["validation_loss"] = value = _mean_loss(compiled, validation)
            line += f", on the validation set {value:.4f}"
            if value <= min(row["validation_loss"] for row in history):
                for kept, variable in zip(best, fitted.variables, strict=True):
                    kept.assign(variable)
        session.report(line)
        _save(session.checkpoint, [*state, *best], history)
    for kept, variable in zip(best, fitted.variables, strict=False):
        variable.assign(kept)
    return fitted, history


def _constants(arrays: Sequence[np.ndarray]) -> list[tf.Tensor]:
    return [tf.constant(array, tf.float32) for array in arrays]


class _Compiled(NamedTuple):
    """A model, its optimizer, and the functions that train it and sum its losses."""

    model: keras.Model
    optimizer: keras.optimizers.Optimizer
    run_epoch: Callable[..., tf.Tensor]
    sum_of_losses: Callable[..., tf.Tensor]


@functools.lru_cache(maxsize=1)
def _compiled(description: Model) -> _Compiled:
    """Build a model, its optimizer and the functions that train and judge it.

    TensorFlow needs seconds to trace and optimise them, as long as a small network needs
    to train: the members that a process trains in turn share them.
    """
    model = description.build(*description.arguments)
    optimizer = keras.optimizers.Adam(description.recipe.learning_rate, amsgrad=True)
    optimizer.build(model.trainable_variables)

    def batch_loss(batch: Sequence[tf.Tensor], training: bool) -> tf.Tensor:
        outputs = model(batch[0], training=training)
        outputs = outputs if isinstance(outputs, list | tuple) else [outputs]
        return description.losses(description.recipe, *batch[1:], *outputs)

    # Sets of any size go through one graph.
    @tf.function(reduce_retracing=True)
    def run_epoch(batches: tf.Tensor, rates: tf.Tensor, *data: tf.Tensor) -> tf.Tensor:
        total = tf.constant(0.0)
        for step in tf.range(tf.shape(batches)[0]):
            batch = [tf.gather(array, batches[step]) for array in data]
            optimizer.learning_rate.assign(rates[step])
            with tf.GradientTape() as tape:
                value = tf.reduce_mean(batch_loss(batch, training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply(gradients, model.trainable_variables)
            total += value
        return total / tf.cast(tf.shape(batches)[0], tf.float32)

    @tf.function(reduce_retracing=True)
    def sum_of_losses(*batch: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(batch_loss(batch, training=False))

    return _Compiled(model, optimizer, run_epoch, sum_of_losses)


def _mean_loss(compiled: _Compiled, examples: Examples) -> float:
    size = len(examples.inputs)
    parts = (
        _constants([array[start : start + VALIDATION_BATCH] for array in examples.arrays])
        for start in range(0, size, VALIDATION_BATCH)
    )
    return sum(float(compiled.sum_of_losses(*part)) for part in parts) / size


def _reset(compiled: _Compiled, description: Model, seed: int) -> None:
    """Give a model and its optimizer the state that `seed` starts from."""
    keras.utils.set_random_seed(seed)
    initial = description.build(*description.arguments).variables
    for variable, first in zip(compiled.model.variables, initial, strict=True):
        variable.assign(first)
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
