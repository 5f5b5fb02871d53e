"""Inference against the machine's float32 product, QuasarNP, TensorFlow and other peers.

    python tests/benchmarks/bench_inference.py [--quasarnp FOLDER] [--peers FOLDER]

Prints one Markdown table for each number of threads. The limit is what the machine's
BLAS takes for the products of the direct convolution alone, at the network's shapes
(43.8 MFLOP a spectrum for six layers of 100 filters): no bias, no copies, blocks of
spectra on Python threads (faster here than BLAS's own threads). All runs of a
table alternate, so that what else the machine does meets all of them; ratios are taken
within a turn. Every peer's output is compared with the definition's before it is timed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from measure import spread, summary
from threadpoolctl import ThreadpoolController

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "workflow_scripts"))
from helpers.networks import keras_model, random_network
from quasarnet_al.network import inference, weights
from quasarnet_al.network.weights import WIDTH, Network
from quasarnet_al.spectra.grid import GRIDS

LIMIT = "limit: direct float32 products"
OURS = "this, Toom-Cook"
#: What is asked of the ratio to the limit and to peers, and the goal.
AGAINST = (
    (LIMIT, "1.3", "1.8"),
    ("QuasarNP", "", ""),
    ("TensorFlow, compiled", "1.5 x", ""),
    ("ONNX Runtime", "", ""),
    ("OpenVINO", "ahead", ""),
)


def main(argv: list[str] | None = None) -> None:
    """Measure in a process of its own for each number of threads (TensorFlow needs it)."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--spectra", type=int, default=768)
    parser.add_argument("--batch", type=int, default=256, help="spectra a call of the peers")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--weights", help="weights file instead of a random network")
    parser.add_argument("--layers", type=int, default=6, help="of the random network")
    parser.add_argument("--padding", default="same", help="of the random network")
    parser.add_argument("--grid", choices=GRIDS, default="log", help="of the random network")
    parser.add_argument("--quasarnp", help="folder that QuasarNP is in, where not installed")
    parser.add_argument(
        "--peers", nargs="+", default=[], help="folders that ONNX Runtime, onnx, OpenVINO are in"
    )
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.measure:
        measure(arguments)
        return
    # A forced core type would measure another machine than this one.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    environment |= {"TF_CPP_MIN_LOG_LEVEL": "3"}
    for threads in arguments.threads:
        command = [sys.executable, __file__, *(argv or sys.argv[1:]), "--measure"]
        subprocess.run([*command, "--threads", str(threads)], check=True, env=environment)


def measure(arguments: argparse.Namespace) -> None:
    """Compare, time and print one table."""
    [threads] = arguments.threads
    sys.path += arguments.peers
    network = random_network(
        filters=100,
        layers=arguments.layers,
        units=100,
        padding=arguments.padding,
        grid=GRIDS[arguments.grid],
    )
    if arguments.weights:
        network = weights.read_network(arguments.weights)
    x = np.random.default_rng(0).normal(size=(arguments.spectra, network.grid.size))
    x = x.astype(np.float32)
    expected = np.stack(inference.reference_forward(network, x[:64]), axis=2)

    flop = direct_flop(network)
    print(f"\n{threads} threads, {len(x)} spectra, {flop / 1e6:.1f} MFLOP a spectrum directly\n")
    print("| what | spectra/s, median (lowest-highest) | of the limit | largest difference |")
    print("| --- | --- | --- | --- |")
    runs: dict[str, Callable[[], object]] = {}
    differences = {}
    runs[LIMIT] = products(network, len(x), threads)
    for name, build in PEERS.items():
        try:
            forward = build(network, threads, arguments)
        except ImportError as error:
            print(f"| {name} | not installed ({error.name}) | | |")
            continue
        difference = np.abs(forward(x[:64]).reshape(64, 7, 2, 13) - expected)[:, :, 0].max()
        assert difference < 1e-5, f"{name} computes something else: {difference}"
        batch = len(x) if name.startswith("this") else arguments.batch
        differences[name] = f"{difference:.1e}"
        runs[name] = lambda forward=forward, batch=batch: [
            forward(x[start : start + batch]) for start in range(0, len(x), batch)
        ]

    seconds = {name: [] for name in runs}
    blas = ThreadpoolController()
    for turn in range(arguments.repeats + 1):
        for name, run in runs.items():
            # The limit brings its threads; QuasarNP has those of BLAS alone.
            with blas.limit(limits=1 if name == LIMIT else threads, user_api="blas"):
                start = time.perf_counter()
                run()
            if turn:  # the first is the warm-up
                seconds[name].append(time.perf_counter() - start)
    limit = np.array(seconds[LIMIT])
    for name, taken in seconds.items():
        rate, ratio = len(x) / np.array(taken), np.median(limit / np.array(taken))
        print(f"| {name} | {spread(rate, 0)} | {ratio:.2f} | {differences.get(name, '')} |")
    print(f"\nLimit: {flop * len(x) / np.median(limit) / 1e9:.0f} GFLOP/s")
    what = f"inference, {arguments.layers} layers {arguments.padding}, {threads} threads"
    for name, asked, goal in AGAINST:
        if name in seconds:
            ratio = np.median(np.array(seconds[name]) / np.array(seconds[OURS]))
            summary(f"{what}, of {name}", f"{ratio:.2f} x", asked, goal)


def shapes(network: Network) -> list[tuple[int, int, int]]:
    """Return (rows a spectrum, inner size, columns) of each direct product."""
    found = [
        (length, WIDTH * conv.kernel.shape[1], conv.kernel.shape[2])
        for conv, length in zip(network.convs, network.lengths[1:], strict=True)
    ]
    return [*found, (1, *network.common.kernel.shape), (1, len(network.common.bias), 182)]


def direct_flop(network: Network) -> int:
    return sum(2 * rows * inner * columns for rows, inner, columns in shapes(network))


def products(network: Network, spectra: int, threads: int, block: int = 32) -> Callable[[], object]:
    """Return a run of the direct products for `spectra` spectra, `block` at a time."""
    rng = np.random.default_rng(0)

    def arrays() -> list:
        return [
            [
                rng.normal(size=shape).astype(np.float32)
                for shape in ((rows * block, inner), (inner, columns), (rows * block, columns))
            ]
            for rows, inner, columns in shapes(network)
        ]

    def work(operands: list) -> None:
        for _ in range(spectra // block // threads):
            for a, b, out in operands:
                np.matmul(a, b, out=out)

    operands = [arrays() for _ in range(threads)]
    pool = ThreadPoolExecutor(threads)
    return lambda: list(pool.map(work, operands))


def ours(network, threads, arguments):
    predictor = inference.Predictor(network)
    return lambda x: np.stack(predictor(x, threads), axis=2)


def plain(network, threads, arguments):
    return lambda x: np.stack(inference.reference_forward(network, x), axis=2)


def quasarnp(network, threads, arguments):
    if arguments.quasarnp:
        sys.path.insert(0, arguments.quasarnp)
    from quasarnp.io import load_model

    with tempfile.TemporaryDirectory() as folder:
        weights.write_network(f"{folder}/a.h5", network, {})
        model, _ = load_model(f"{folder}/a.h5")
    return lambda x: np.stack(model.predict(x[:, :, None]), axis=1)


def tensorflow(network, threads, arguments):
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    model = keras_model(keras, network)
    compiled = tf.function(lambda x: model(x, training=False))
    return lambda x: compiled(x[:, :, None]).numpy()


def onnxruntime(network, threads, arguments):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(onnx_bytes(network), options, ["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x[:, None]})[0]


def openvino(network, threads, arguments):
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    model = core.compile_model(core.read_model(onnx_bytes(network), b""), "CPU", settings)
    return lambda x: model(x[:, None])[0]


PEERS = {
    OURS: ours,
    "this, the definition": plain,
    "QuasarNP": quasarnp,
    "TensorFlow, compiled": tensorflow,
    "ONNX Runtime": onnxruntime,
    "OpenVINO": openvino,
}


def onnx_bytes(network: Network) -> bytes:
    """Return the network as an ONNX model: (n, 1, size) to (n, 7 x 2 x 13)."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants = [], []

    def node(kind: str, x: str, *arrays: np.ndarray, **attributes) -> str:
        names = [f"c{len(constants) + i}" for i in range(len(arrays))]
        for name, array in zip(names, arrays, strict=True):
            constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        output = f"y{len(nodes)}"
        nodes.append(helper.make_node(kind, [x, *names], [output], **attributes))
        return output

    def normalised(x: str, norm: weights.BatchNorm) -> str:
        values = (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
        return node("Relu", node("BatchNormalization", x, *values, epsilon=weights.EPSILON))

    x = "x"
    for conv, size in zip(network.convs, network.lengths, strict=False):
        kernel = conv.kernel.transpose(2, 1, 0)
        x = node("Conv", x, kernel, conv.bias, strides=[2], pads=conv.pad(size))
        x = normalised(x, conv.norm)
    x = node("Flatten", node("Transpose", x, perm=[0, 2, 1]))
    x = normalised(node("Gemm", x, network.common.kernel, network.common.bias), network.norm)
    heads = [d for pair in zip(network.boxes, network.offsets, strict=True) for d in pair]
    x = node(
        "Gemm",
        x,
        np.concatenate([dense.kernel for dense in heads], axis=1),
        np.concatenate([dense.bias for dense in heads]),
    )
    x = node("Sigmoid", x)
    if network.rescale:
        boxes = np.array([[1.0], [1.2]], np.float32), np.array([[0.0], [-0.1]], np.float32)
        scale, shift = (np.tile(np.repeat(v, 13), 7) for v in boxes)
        x = node("Add", node("Mul", x, scale), shift)
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", ["n", 1, network.grid.size]), (x, ["n", 182]))
    ]
    graph = helper.make_graph(nodes, "quasarnet", ends[:1], ends[1:], constants)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


if __name__ == "__main__":
    main()
