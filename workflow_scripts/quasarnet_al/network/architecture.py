"""The architecture of a network: the `model_config` of a Keras 2 file, checked layer by layer.

`inference` computes QuasarNET's layers in QuasarNET's order and nothing else. A layer, an
activation or a connection that it does not know would be left out, and every redshift would
be wrong without a word: such files are refused. Nothing in a file is ever run: the function
of a Lambda layer is followed instruction by instruction, and must be the published rescaling.
"""

import base64
import json
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from quasarnet_al.spectra.grid import LINES

#: Names of the seven outputs: the lines, then the broad-absorption-line output.
OUTPUTS = (*LINES, "BAL")
#: Width and stride of every convolution (Busca & Balland 2018, section 3).
WIDTH, STRIDE = 10, 2
#: Keras' default, which QuasarNET and QuasarNP use.
EPSILON = 1e-3
#: The offsets' sigmoid s is stretched to SLOPE s + INTERCEPT, from -0.1 to 1.1.
SLOPE, INTERCEPT = 1.2, -0.1

#: What the configuration of a layer must say: the values allowed for each key, of which the
#: first is the default of Keras 2 for a key that is absent. Lists of one number count as it.
ALLOWED: dict[str, dict[str, tuple]] = {
    "InputLayer": {},
    "Conv1D": {
        "kernel_size": (WIDTH,),
        "padding": ("valid", "same"),
        "dilation_rate": (1,),
        "groups": (1,),
        "activation": ("linear",),
        "use_bias": (True,),
        "data_format": ("channels_last",),
    },
    "BatchNormalization": {
        "epsilon": (EPSILON,),
        "axis": (-1, 1, 2),
        "center": (True,),
        "scale": (True,),
    },
    "Activation": {"activation": ("relu",)},
    "Dropout": {},  # does nothing once trained
    "Flatten": {"data_format": ("channels_last",)},
    "Dense": {"use_bias": (True,)},
    "Lambda": {"arguments": ({},)},
    "Concatenate": {"axis": (-1, 1)},
}
#: The layers from the spectrum to the common dense layer: any number of the first three.
STAGE = ("Conv1D", "BatchNormalization", "Activation")
COMMON = ("Flatten", "Dense", "BatchNormalization", "Activation")


class UnknownArchitectureError(ValueError):
    """The model is not a QuasarNET; says why."""


@dataclass(frozen=True)
class Architecture:
    """A QuasarNET as its model_config describes it.

    Attributes
    ----------
    pixels : of the spectra that it takes, or None where the file does not say
    convs : names of the convolutions, first to last
    paddings : of each convolution, "same" or "valid"
    norms : names of the batch normalisations, that of the common dense layer last
    rescale : whether the offsets are stretched
    """

    pixels: int | None
    convs: Sequence[str]
    paddings: Sequence[str]
    norms: Sequence[str]
    rescale: bool


@dataclass(frozen=True)
class _Layer:
    kind: str
    name: str
    config: dict[str, Any]
    inputs: Sequence[str]


def read(text: str | bytes) -> Architecture:
    """Return the architecture that a model_config describes.

    Raises `UnknownArchitectureError` for anything but a QuasarNET of Keras 2.
    """
    try:
        model = json.loads(text)["config"]
        layers = {layer.name: layer for layer in map(_layer, model["layers"])}
        outputs = [str(name) for name, *_ in model["output_layers"]]
        pixels, chain = _trunk(layers, outputs)
        rescaled = [_head(layers, name, number) for number, name in enumerate(outputs)]
    except UnknownArchitectureError:
        raise
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise UnknownArchitectureError(
            f"has a model_config that is not a Keras 2 model ({error!r})"
        ) from error
    if len(set(rescaled)) > 1:
        raise UnknownArchitectureError("rescales the offsets of some outputs only")
    lambdas = len(OUTPUTS) * rescaled[0]
    known = 3 * len(OUTPUTS) + lambdas
    known += sum(layer.kind in ("InputLayer", "Dropout") for layer in layers.values()) + len(chain)
    if len(layers) != known or len(layers) != len(model["layers"]):
        raise UnknownArchitectureError("has layers that lead to no output")
    convs = [layer for layer in chain if layer.kind == "Conv1D"]
    return Architecture(
        pixels=pixels,
        convs=[layer.name for layer in convs],
        paddings=[_value(layer, "padding") for layer in convs],
        norms=[layer.name for layer in chain if layer.kind == "BatchNormalization"],
        rescale=rescaled[0],
    )


def _layer(entry: dict[str, Any]) -> _Layer:
    """Return a layer of model_config, and check what it is by itself."""
    nodes = entry["inbound_nodes"]
    if len(nodes) > 1:
        raise UnknownArchitectureError(f"uses layer {entry['name']} more than once")
    inputs = []
    for name, node, tensor, *arguments in nodes[0] if nodes else []:
        if node or tensor or any(arguments):
            raise UnknownArchitectureError(f"has an unknown connection to layer {entry['name']}")
        inputs.append(str(name))
    layer = _Layer(entry["class_name"], entry["config"]["name"], entry["config"], inputs)
    if layer.name != entry["name"]:
        raise UnknownArchitectureError(f"names one layer {entry['name']} and {layer.name}")
    if layer.kind not in ALLOWED:
        raise UnknownArchitectureError(
            f"has a layer {layer.name} of kind {layer.kind}, which QuasarNET does not have"
        )
    if layer.kind == "Conv1D" and _value(layer, "strides", 1) != STRIDE:
        raise UnknownArchitectureError(
            f"has strides {_value(layer, 'strides', 1)} in layer {layer.name}, not {STRIDE}"
        )
    for key, allowed in ALLOWED[layer.kind].items():
        if _value(layer, key) not in allowed:
            raise UnknownArchitectureError(
                f"has {key} {_value(layer, key)!r} in layer {layer.name}, not {allowed[0]!r}"
            )
    if layer.kind == "Dense":
        expected = "linear" if layer.name == "fc_common" else "sigmoid"
        if (found := _value(layer, "activation", "linear")) != expected:
            raise UnknownArchitectureError(
                f"has activation {found!r} in layer {layer.name}, not {expected!r}"
            )
    return layer


def _value(layer: _Layer, key: str, default: object = None) -> Any:
    """Return the value of a key, without the list around a single number."""
    if default is None:
        default = ALLOWED[layer.kind][key][0]
    value = layer.config.get(key, default)
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _trunk(layers: dict[str, _Layer], outputs: Sequence[str]) -> tuple[int | None, list[_Layer]]:
    """Return the pixels of the input, and the layers up to the common one, without dropout."""
    if len(outputs) != len(OUTPUTS):
        raise UnknownArchitectureError(f"has {len(outputs)} outputs, not {len(OUTPUTS)}")
    (name,) = layers["fc_box_0"].inputs
    chain: list[_Layer] = []
    for _ in layers:
        layer = layers[name]
        if layer.kind == "InputLayer":
            break
        if layer.kind != "Dropout":
            chain.insert(0, layer)
        (name,) = layer.inputs
    else:
        raise UnknownArchitectureError("has layers that are connected in a circle")
    stages = (len(chain) - len(COMMON)) // len(STAGE)
    kinds = tuple(layer.kind for layer in chain)
    if stages < 1 or kinds != STAGE * stages + COMMON or chain[-3].name != "fc_common":
        raise UnknownArchitectureError(
            f"has layers in an order that is not QuasarNET's: {' '.join(kinds)}"
        )
    shape = layer.config.get("batch_input_shape")
    return (None if shape is None else int(shape[1])), chain


def _head(layers: dict[str, _Layer], name: str, number: int) -> bool:
    """Check the layers of one output; return whether its offsets are rescaled."""
    output = layers[name]
    box, offset = output.inputs
    rescale = layers[offset].kind == "Lambda"
    if rescale:
        _check_rescaling(layers[offset])
        (offset,) = layers[offset].inputs
    ends = (layers[box].inputs, layers[offset].inputs)
    if (
        output.kind != "Concatenate"
        or (box, offset) != (f"fc_box_{number}", f"fc_offset_{number}")
        or any(end != layers["fc_box_0"].inputs for end in ends)
    ):
        raise UnknownArchitectureError(f"connects output {number} in a way QuasarNET does not")
    return rescale


def _check_rescaling(layer: _Layer) -> None:
    """Refuse a Lambda layer unless it is the published rescaling; ours have no function."""
    function = layer.config.get("function")
    if function is None:
        return
    code, defaults, closure = function
    found = affine(base64.b64decode(code)) if not defaults and not closure else None
    # Written so that NaN is refused too.
    if found is None or not (abs(found[0] - SLOPE) < 1e-9 and abs(found[1] - INTERCEPT) < 1e-9):
        what = "an unknown function" if found is None else f"{found[0]:g} x + {found[1]:g}"
        raise UnknownArchitectureError(
            f"rescales offsets by {what} in layer {layer.name}, not by {SLOPE} x + {INTERCEPT}"
        )


#: The start of a code object as CPython 3.6 to 3.12 marshal it: its kind, five or six numbers,
#: then its instructions as a string of bytes (https://docs.python.org/3/library/marshal.html;
#: Python/marshal.c).
_CODE = re.compile(rb"[c\xe3](?:.{20}|.{24})[s\xf3](.{4})", re.DOTALL)
#: Instructions (Include/opcode.h): up to 3.10 each operation has its own, later one has all.
_BINARY = {20: "*", 23: "+", 24: "-"}
_BINARY_OP, _OPERATIONS = 122, {0: "+", 5: "*", 10: "-"}
_LOAD_CONST, _LOAD_FAST, _RETURN, _NOTHING = 100, 124, 83, (0, 9, 151)


def affine(code: bytes) -> tuple[float, float] | None:
    """Return slope and intercept of the function of one number in a marshalled code object.

    The instructions are followed with pairs (slope, intercept) for numbers; nothing is run.
    None is returned for any function that is not affine, or that cannot be followed.
    """
    start = _CODE.match(code)
    if start is None:
        return None
    (length,) = struct.unpack("<I", start[1])
    instructions, rest = code[start.end() :][:length], code[start.end() :][length:]
    constants = _constants(rest)
    stack: list[tuple[float, float]] = []
    try:
        for operation, argument in zip(instructions[::2], instructions[1::2], strict=True):
            if operation == _LOAD_CONST:
                stack.append((0.0, constants[argument]))
            elif operation == _LOAD_FAST and argument == 0:
                stack.append((1.0, 0.0))
            elif operation == _RETURN:
                return stack.pop()
            elif operation not in _NOTHING:
                sign = _OPERATIONS[argument] if operation == _BINARY_OP else _BINARY[operation]
                (b, d), (a, c) = stack.pop(), stack.pop()
                if sign == "*" and a and b:
                    return None
                product = (a * d + b * c, c * d)
                stack.append({"+": (a + b, c + d), "-": (a - b, c - d), "*": product}[sign])
    except (IndexError, KeyError, ValueError):
        return None
    return None


def _constants(code: bytes) -> list[float]:
    """Return the constants at the start of marshalled bytes: None as NaN, floats, integers."""
    found: list[float] = []
    if len(code) < 2 or code[0] & 0x7F != ord(")"):
        return found
    place = 2
    for _ in range(code[1]):
        kind = chr(code[place] & 0x7F) if place < len(code) else ""
        size = {"N": 0, "g": 8, "i": 4}.get(kind)
        value = code[place + 1 :][: size or 0]
        if size is None or len(value) < size:
            return found
        formats = {"N": "", "g": "<d", "i": "<i"}
        found.append(float(struct.unpack(formats[kind], value)[0]) if size else float("nan"))
        place += 1 + size
    return found
