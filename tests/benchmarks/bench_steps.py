"""What could make a step of training on a CPU cheaper, as ratios to the step as it is.

    python tests/benchmarks/bench_steps.py [--filters 100 --batch-size 128] [--without XLA]

Each variant trains its own network in steps that take turns; the first turn is the warm-up. A ratio
above 1 is a gain in spectra per second. `without dropout` is what free dropout would bring. The
last rows train `--members` networks in one step, in three ways, against that many single steps.
"""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from bench_training import examples
from measure import alternate, spread, summary

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow_scripts"))
os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}

from quasarnet_al.network import training
from quasarnet_al.network.recipe import Recipe
from quasarnet_al.spectra.grid import LOG

keras, tf = training.keras, training.tf

#: Spectra of a turn, a multiple of every batch.
SPECTRA = 512


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--filters", type=int, default=16)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--without", nargs="*", default=[], help="variants to leave out")
    arguments = parser.parse_args(argv)
    training.configure(arguments.threads)
    recipe, size = Recipe(filters=arguments.filters), arguments.batch_size
    plain = training.build(recipe, LOG)
    runs = {
        "as it is": step(plain, recipe, size),
        "without dropout": step(training.build(Recipe(filters=recipe.filters, dropout=0), LOG),
                                recipe, size),
        "dropout from 8-bit random numbers": step(changed(plain, Drop8), recipe, size),
        "fused normalisation": step(changed(plain, Fused), recipe, size),
        "XLA": step(training.build(recipe, LOG), recipe, size, jit_compile=True),
        "batches of 256": step(training.build(recipe, LOG), recipe, 256),
    }  # fmt: skip
    one = [training.stacked(plain, 1) for _ in range(2)]
    for model in one:
        start(model)
    runs["convolutions as products"] = step(one[0], recipe, size)
    runs["XLA, convolutions as products"] = step(one[1], recipe, size, jit_compile=True)
    keras.config.set_dtype_policy("mixed_bfloat16")
    runs["bfloat16"] = step(training.build(recipe, LOG), recipe, size)
    keras.config.set_dtype_policy("float32")
    members = arguments.members
    stacked = training.stacked(plain, members)
    start(stacked)
    runs["at once, products of all"] = step(stacked, recipe, members * size)
    each = [training.build(recipe, LOG) for _ in range(members)]
    runs["at once, each its own convolutions"] = step(Several(each), recipe, members * size)

    wanted = {name: run for name, run in runs.items() if name not in arguments.without}
    seconds = alternate(wanted, arguments.repeats)
    network = f"{arguments.filters} filters, batches of {size}, {arguments.threads} threads"
    print(f"\n{network}, {members} members at once\n")
    print("| variant | spectra/s, median (lowest-highest) | ratio |\n| --- | --- | --- |")
    for name, taken in seconds.items():
        rate, ratio = SPECTRA / taken, np.median(seconds["as it is"] / taken)
        print(f"| {name} | {spread(rate, 0)} | {ratio:.2f} |")
        if name != "as it is":
            summary(f"training, {network}: {name}", f"{ratio:.2f} x")


def step(model, recipe: Recipe, size: int, **options) -> Callable[[], float]:
    """Return a function that trains on `SPECTRA` spectra, in steps as those of `training.fit`."""
    spectra, targets = examples(size)
    steps = max(SPECTRA // size, 1)
    batch = [tf.constant(array, tf.float32) for array in (spectra[..., None], *targets)]
    optimizer = keras.optimizers.Adam(recipe.learning_rate, amsgrad=True)
    optimizer.build(model.trainable_variables)

    @tf.function(**options)
    def run() -> tf.Tensor:
        with tf.GradientTape() as tape:
            outputs = [tf.cast(each, tf.float32) for each in model(batch[0], training=True)]
            value = tf.reduce_mean(training.loss(recipe, *batch[1:], *outputs))
        gradients = tape.gradient(value, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        return value

    def turn() -> None:
        for _ in range(steps):
            run().numpy()

    return turn


def start(stacked) -> None:
    """Give the kernels of a stacked model values: zeros would be faster."""
    rng = np.random.default_rng(0)
    for variable in stacked.trainable_variables:
        variable.assign(rng.normal(0, 0.1, variable.shape))


def changed(model, kind: type):
    """Return the model with layers of `kind` in place of those that it replaces."""

    def layer(old):
        if isinstance(old, kind.replaces):
            return kind(old)
        return type(old).from_config(old.get_config())

    return keras.models.clone_model(model, clone_function=layer)


class Several(keras.Model):
    """Models in one graph, without a common operation; the batch is split between them."""

    def __init__(self, models: list) -> None:
        super().__init__()
        self.models = models
        self.built = True

    def call(self, inputs, training: bool = False, mask=None):
        parts = tf.split(inputs, len(self.models))
        found = [
            model(part, training=training) for model, part in zip(self.models, parts, strict=True)
        ]
        return [tf.concat(each, axis=0) for each in zip(*found, strict=True)]


class Drop8(keras.layers.Layer):
    """Dropout whose random numbers have 8 bits, so that its rate is a multiple of 1/256."""

    replaces = keras.layers.Dropout

    def __init__(self, old) -> None:
        super().__init__()
        self.least = round(256 * old.rate)
        self.generator = keras.random.SeedGenerator(1)

    def call(self, inputs, training: bool = False, mask=None):
        shape = tf.shape(inputs)
        words = (tf.reduce_prod(shape) + 3) // 4
        seed = tf.cast(self.generator.next(), tf.int32)
        words = tf.random.stateless_uniform([words], seed, None, None, tf.uint32)
        bits = tf.reshape(tf.bitcast(words, tf.uint8), [-1])[: tf.reduce_prod(shape)]
        keep = tf.reshape(bits >= self.least, shape)
        return tf.where(keep, inputs * (256 / (256 - self.least)), 0.0)


class Fused(keras.layers.Layer):
    """Batch normalisation in TensorFlow's fused operation; without the moving statistics."""

    replaces = keras.layers.BatchNormalization

    def __init__(self, old) -> None:
        super().__init__()
        self.epsilon = old.epsilon

    def build(self, shape) -> None:
        self.gamma = self.add_weight(shape=shape[-1:], initializer="ones")
        self.beta = self.add_weight(shape=shape[-1:], initializer="zeros")

    def call(self, inputs, training: bool = False, mask=None):
        size = inputs.shape[-1]
        x = tf.reshape(inputs, (-1, 1, 1 if len(inputs.shape) == 2 else inputs.shape[1], size))
        y = tf.compat.v1.nn.fused_batch_norm(x, self.gamma, self.beta, epsilon=self.epsilon)[0]
        return tf.reshape(y, (-1, *inputs.shape[1:]))


if __name__ == "__main__":
    main()
