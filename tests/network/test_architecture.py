"""Architecture: what the JSON of a model says is QuasarNET, or the file is refused."""

import base64
import json
import marshal
from copy import deepcopy

import h5py
import numpy as np
import pytest

from helpers.networks import random_network
from quasarnet_al.network import architecture, weights
from quasarnet_al.spectra.grid import LOG


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The model_config of a small network."""
    path = tmp_path_factory.mktemp("model") / "w.h5"
    weights.write_network(path, random_network(layers=2), {})
    with h5py.File(path) as file:
        return json.loads(file.attrs["model_config"])


def read(model):
    return architecture.read(json.dumps(model))


def layer(model, name):
    return next(each for each in model["config"]["layers"] if each["name"] == name)


def test_a_network_of_ours_is_read(model):
    found = read(model)
    assert (found.pixels, found.rescale) == (LOG.size, True)
    assert found.convs == ["conv_1", "conv_2"]
    assert found.paddings == ["same", "same"]
    assert found.norms == [f"batch_normalization_{number}" for number in (1, 2, 3)]


def test_the_published_network_is_read(shared_data):
    with h5py.File(shared_data / "quasarnp" / "test_weights.h5") as file:
        found = architecture.read(file.attrs["model_config"])
    assert found.convs == [f"conv_{number}" for number in (1, 2, 3, 4)]
    assert set(found.paddings) == {"valid"}
    assert (found.norms[0], found.norms[-1]) == ("batch_normalization", "batch_normalization_4")
    assert (found.pixels, found.rescale) == (443, True)


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("conv_2", "strides", [1]),
        ("conv_2", "kernel_size", [5]),
        ("conv_2", "dilation_rate", [2]),
        ("conv_2", "groups", 2),
        ("conv_2", "padding", "causal"),
        ("conv_2", "activation", "relu"),
        ("conv_2", "use_bias", False),
        ("conv_2", "data_format", "channels_first"),
        ("batch_normalization_2", "epsilon", 0.1),
        ("batch_normalization_2", "scale", False),
        ("batch_normalization_2", "center", False),
        ("batch_normalization_2", "axis", [0]),
        ("activation_1", "activation", "elu"),
        ("fc_common", "activation", "tanh"),
        ("fc_common", "use_bias", False),
        ("fc_box_3", "activation", "linear"),
        ("fc_offset_3", "activation", "linear"),
        ("lambda_3", "arguments", {"scale": 2}),
        ("conc_box_3", "axis", 0),
    ],
)
def test_a_layer_that_works_otherwise_is_refused(model, name, key, value):
    model = deepcopy(model)
    layer(model, name)["config"][key] = value
    with pytest.raises(architecture.UnknownArchitectureError, match=f"{key}.*{name}"):
        read(model)


def test_what_is_absent_is_as_in_keras(model):
    """Strides of 1 and linear boxes are Keras' defaults, and not QuasarNET's."""
    for name, key in (("conv_1", "strides"), ("fc_box_0", "activation")):
        changed = deepcopy(model)
        del layer(changed, name)["config"][key]
        with pytest.raises(architecture.UnknownArchitectureError, match=key):
            read(changed)


def kind(name, new):
    def change(model):
        layer(model, name)["class_name"] = new

    return change


def inputs(name, *sources):
    def change(model):
        layer(model, name)["inbound_nodes"] = [[[source, 0, 0, {}] for source in sources]]

    return change


def one_more(model):
    """A further layer that the outputs do not need."""
    extra = deepcopy(layer(model, "fc_box_0"))
    extra["name"] = extra["config"]["name"] = "fc_box_7"
    model["config"]["layers"].append(extra)


def one_between(model):
    """A second ReLU, of a layer kind that is known, in a place where it is not."""
    extra = deepcopy(layer(model, "activation_1"))
    extra["name"] = extra["config"]["name"] = "extra"
    inputs("conv_2", "extra")(model)
    extra["inbound_nodes"] = [[["activation_1", 0, 0, {}]]]
    model["config"]["layers"].append(extra)


def fewer_outputs(model):
    model["config"]["output_layers"].pop()


def other_order(model):
    model["config"]["output_layers"].reverse()


def shared(model):
    layer(model, "conv_2")["inbound_nodes"] *= 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (kind("activation_1", "LeakyReLU"), "kind LeakyReLU"),
        (kind("lambda_3", "Rescaling"), "kind Rescaling"),
        (kind("conv_2", "SeparableConv1D"), "kind SeparableConv1D"),
        (kind("flatten", "GlobalAveragePooling1D"), "kind GlobalAveragePooling1D"),
        (one_more, "lead to no output"),
        (one_between, "not QuasarNET's"),
        (inputs("conv_2", "batch_normalization_1"), "not QuasarNET's"),
        (inputs("conv_1", "activation_1"), "in a circle"),
        (inputs("fc_box_3", "flatten"), "connects output 3"),
        (inputs("conc_box_3", "lambda_3", "fc_box_3"), "connects output 3"),
        (inputs("conc_box_3", "fc_box_2", "lambda_3"), "connects output 3"),
        (inputs("conc_box_3", "fc_box_3", "fc_offset_3"), "of some outputs only"),
        (fewer_outputs, "6 outputs"),
        (other_order, "connects output"),
        (shared, "more than once"),
    ],
)
def test_another_graph_is_refused(model, change, says):
    model = deepcopy(model)
    change(model)
    with pytest.raises(architecture.UnknownArchitectureError, match=says):
        read(model)


def test_dropout_does_nothing(model):
    model = deepcopy(model)
    config = {"name": "dropout", "rate": 0.2}
    model["config"]["layers"].append(
        {"class_name": "Dropout", "name": "dropout", "config": config,
         "inbound_nodes": [[["activation_1", 0, 0, {}]]]}
    )  # fmt: skip
    inputs("conv_2", "dropout")(model)
    assert read(model).convs == ["conv_1", "conv_2"]


@pytest.mark.parametrize(
    "text", ["", "[]", "null", '{"config": []}', '{"config": {"layers": 3}}', "[" * 10**5]
)
def test_text_that_is_not_a_model_is_refused(text):
    with pytest.raises(architecture.UnknownArchitectureError, match="not a Keras 2 model"):
        architecture.read(text)


def with_function(model, code, *more):
    model = deepcopy(model)
    for number in range(7):
        name = f"lambda_{number}" if number else "lambda"
        text = base64.encodebytes(code).decode()
        layer(model, name)["config"]["function"] = [text, *(more or (None, None))]
    return model


#: `lambda x: -0.1 + 1.2 * x` as CPython 3.8 to 3.10 and 3.12 marshal it, up to its constants
#: (instructions: the modules `dis` and `opcode` of each; numbers of arguments, stack and flags).
OLD = bytes.fromhex("6401 6402 7c00 1400 1700 5300")
NEW = bytes.fromhex("9700 6401 6402 7c00 7a05 0000 7a00 0000 5300")
CONSTANTS = b")\x03N" + b"".join(b"g" + np.float64(x).tobytes() for x in (-0.1, 1.2))


def marshalled(instructions, numbers):
    size = np.uint32(len(instructions)).tobytes()
    return b"\xe3" + bytes(4 * numbers) + b"s" + size + instructions + CONSTANTS


@pytest.mark.parametrize(
    "code",
    [
        marshalled(OLD, 5),
        marshalled(OLD, 6),
        marshalled(NEW, 5),
        marshal.dumps((lambda x: -0.1 + 1.2 * x).__code__),
        marshal.dumps((lambda x: 1.2 * x - 0.1).__code__),
    ],
)
def test_the_published_rescaling_is_known_in_any_python(model, code):
    assert read(with_function(model, code)).rescale


@pytest.mark.parametrize(
    "function",
    [
        lambda x: 1.2 * (x - 0.1),
        lambda x: (x + (-0.1)) * 1.2,
        lambda x: -0.2 + 1.4 * x,
        lambda x: x,
        lambda x: 1.2 * x * x - 0.1,
        lambda x: 1.2 * x - 0.1 if x else x,
        lambda x, y=2: -0.1 + 1.2 * y,
        lambda x: float("nan") * x,
        abs,
    ],
)
def test_another_rescaling_is_refused(model, function):
    code = marshal.dumps(function.__code__) if hasattr(function, "__code__") else b"abs"
    defaults = list(getattr(function, "__defaults__", None) or []) or None
    with pytest.raises(architecture.UnknownArchitectureError, match="rescales offsets by"):
        read(with_function(model, code, defaults, None))


def test_no_byte_of_a_function_makes_more_than_a_refusal():
    whole = marshal.dumps((lambda x: -0.1 + 1.2 * x).__code__)
    rng = np.random.default_rng(3)
    for _ in range(2000):
        data = bytearray(whole[: rng.integers(len(whole) + 1)])
        for place in rng.integers(max(len(data), 1), size=3) if data else []:
            data[place] = rng.integers(256)
        found = architecture.affine(bytes(data))
        assert found is None or len(found) == 2
