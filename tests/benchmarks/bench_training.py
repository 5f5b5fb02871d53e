"""Training against `model.fit` of a network built as the published script does.

    python tests/benchmarks/bench_training.py [--threads 1 2]
    python tests/benchmarks/bench_training.py --gpu --threads 1 --spectra 16384

The peer has seven outputs, each of two small dense layers, the published loss as a Keras
loss of each output, batches of 256, Adam with AMSGrad. Both train in processes of their
own (each with its settings of TensorFlow) and take turns epoch by epoch; the first epoch
is the warm-up. With --gpu both use the first GPU that TensorFlow sees, otherwise the CPU.
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from measure import spread, summary

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow_scripts"))
from quasarnet_al.network import gpu, targets
from quasarnet_al.spectra.grid import BOXES, LOG


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gpu", action="store_true", help="measure a GPU")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--spectra", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args(argv)
    use_gpu(parser, arguments.gpu)
    for threads in arguments.threads:
        ours, peer = measure([train, fit], threads, arguments.spectra, arguments.repeats)
        where = f"{'GPU' if arguments.gpu else 'CPU'}, {threads} threads"
        print(f"\n{where}, {arguments.spectra} spectra an epoch, batches of 256\n")
        print("| what | spectra/s, median (lowest-highest) |\n| --- | --- |")
        print(f"| training.train | {spread(arguments.spectra / ours, 0)} |")
        print(f"| model.fit, 7 outputs | {spread(arguments.spectra / peer, 0)} |")
        ratio = np.median(peer / ours)
        what = f"training on {where}, of model.fit"
        summary(what, f"{ratio:.2f} x", "1.3 x")


def use_gpu(parser: argparse.ArgumentParser, wanted: bool) -> None:
    """Let this program's processes see the GPU, or none; end where one is wanted and none seen."""
    # Two processes share the GPU: neither may take all of its memory.
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    if not wanted:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    elif not gpu.asked("len(training.gpus())"):
        parser.error("TensorFlow sees no GPU; python workflow_scripts/check_gpu.py says why")


def measure(
    works: Sequence[Callable], threads: int, spectra: int, repeats: int
) -> list[np.ndarray]:
    """Return the seconds of each epoch of each of `works`, without the first."""
    context = multiprocessing.get_context("spawn")
    ends = []
    for work in works:
        here, there = context.Pipe()
        context.Process(target=work, args=(there, threads, spectra, repeats), daemon=True).start()
        ends.append(here)
    for end in ends:
        end.recv()
    seconds = np.empty((len(ends), repeats + 1))
    for turn in range(repeats + 1):
        for number, end in enumerate(ends):
            end.send("an epoch")
            seconds[number, turn] = end.recv()
    return list(seconds[:, 1:])


def examples(n: int) -> tuple[np.ndarray, tuple]:
    """Return noise with labels: the speed does not depend on what is learnt."""
    rng = np.random.default_rng(0)
    spectra = rng.normal(size=(n, LOG.size)).astype(np.float32)
    is_qso, z = rng.random(n) < 0.6, rng.uniform(0.5, 3.5, n)
    return spectra, targets.line_targets(is_qso, z, rng.integers(-1, 2, n), LOG)


def train(end, threads: int, n: int, repeats: int, members: int = 1, **options) -> None:
    """Train members at once; `options` are of the recipe."""
    from quasarnet_al.network.training import Examples, Recipe, Session, configure, train

    configure(threads)
    spectra, labels = examples(n)
    recipe = Recipe(epochs=repeats + 1, **options)
    end.send("ready")
    end.recv()
    start = time.perf_counter()

    def tell(number: int, _: str) -> None:
        nonlocal start
        if number < members - 1:
            return
        end.send(time.perf_counter() - start)
        if not tell.left:
            return
        tell.left -= 1
        end.recv()
        start = time.perf_counter()

    tell.left = repeats
    known = [Examples(spectra, labels)] * members
    train(known, LOG, recipe, Session(range(members), report=tell))


def fit(end, threads: int, n: int, repeats: int) -> None:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    import keras

    from quasarnet_al.network import training
    from quasarnet_al.network.training import Recipe

    model = published(keras, Recipe())
    model.compile(keras.optimizers.Adam(2e-4, amsgrad=True), [published_loss] * 7)
    spectra, (box, offset, weight) = examples(n)
    check(tf, training, box, offset, weight)
    y = [np.concatenate([box[:, k], offset[:, k]], axis=1) for k in range(7)]
    end.send("ready")
    for _ in range(repeats + 1):
        end.recv()
        start = time.perf_counter()
        model.fit(spectra[..., None], y, sample_weight=list(weight.T), batch_size=256, verbose=0)
        end.send(time.perf_counter() - start)


def published(keras, recipe):
    """Return the network with a concatenated box and offset for each of seven outputs."""
    layers = keras.layers
    x = start = keras.Input((LOG.size, 1))
    for _ in range(recipe.layers):
        x = layers.Conv1D(recipe.filters, 10, strides=2, padding="same")(x)
        x = layers.Activation("relu")(layers.BatchNormalization()(x))
        x = layers.Dropout(recipe.dropout)(x)
    x = layers.Dense(recipe.units)(layers.Flatten()(x))
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    outputs = []
    for _ in range(7):
        box = layers.Dense(BOXES, activation="sigmoid")(x)
        offset = layers.Rescaling(1.2, -0.1)(layers.Dense(BOXES, activation="sigmoid")(x))
        outputs.append(layers.Concatenate()([box, offset]))
    return keras.Model(start, outputs)


def published_loss(y_true, y_pred):
    """Busca & Balland 2018, equation 1, for one output."""
    from keras import ops

    box, offset = y_true[:, :BOXES], y_true[:, BOXES:]
    p, guess = ops.clip(y_pred[:, :BOXES], 1e-7, 1 - 1e-7), y_pred[:, BOXES:]
    with_line = ops.sum(box, axis=1) + 1e-7
    without = ops.sum(1 - box, axis=1) + 1e-7
    each = -ops.sum(box * ops.log(p), axis=1) / with_line
    each -= ops.sum((1 - box) * ops.log(1 - p), axis=1) / without
    return each + ops.sum(box * (offset - guess) ** 2, axis=1) / with_line


def check(tf, training, box, offset, weight) -> None:
    """Assert that both losses are the same."""
    rng = np.random.default_rng(1)
    logit, guess = rng.normal(0, 2, (2, *box.shape)).astype(np.float32)
    ours = training.loss(training.Recipe(), *map(tf.constant, (box, offset, weight, logit, guess)))
    p = 1 / (1 + np.exp(-logit))
    theirs = sum(
        weight[:, k]
        * published_loss(
            np.concatenate([box[:, k], offset[:, k]], axis=1),
            np.concatenate([p[:, k], guess[:, k]], axis=1),
        ).numpy()
        for k in range(7)
    )
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-3)


if __name__ == "__main__":
    main()
