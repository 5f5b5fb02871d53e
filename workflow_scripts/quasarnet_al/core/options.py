"""Options: a frozen dataclass says once all there is to say about a section of the config.

Each field that is made by `option` is a key of the config and an option of the programs. From the
fields follow a program's command line (`add_arguments`, `from_arguments`), the words that a rule
writes there (`words`), and the properties of the config's schema (`properties`), from which
`workflow.schema` writes config/README.md.
"""

import argparse
import operator
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, field, fields
from typing import Any, TypeVar

T = TypeVar("T")

#: JSON schema's names of types and limits.
_TYPES = {int: "integer", float: "number", bool: "boolean", str: "string"}
_LIMITS = {
    "minimum": ("at least", operator.ge),
    "exclusiveMinimum": ("above", operator.gt),
    "maximum": ("at most", operator.le),
    "exclusiveMaximum": ("below", operator.lt),
}


def option(
    default: Any,
    help: str,
    *,
    unit: str = "",
    minimum: float | None = None,
    above: float | None = None,
    maximum: float | None = None,
    below: float | None = None,
    choices: Sequence[str] = (),
) -> Any:
    """Return a dataclass field that is a key of the config and an option of programs.

    Parameters
    ----------
    help : the meaning, without default, range and unit
    minimum, maximum : smallest and largest value
    above, below : limits that the value must not reach
    choices : the values of a text
    """
    limits = dict(zip(_LIMITS, (minimum, above, maximum, below), strict=True))
    metadata = {
        "help": f"{help} ({unit})" if unit else help,
        "limits": {name: limit for name, limit in limits.items() if limit is not None},
        "choices": tuple(choices),
    }
    return field(default=default, metadata=metadata)


def add_arguments(parser: argparse.ArgumentParser, cls: type, *names: str) -> None:
    """Add to a program the options of the dataclass `cls`: those in `names`, or all."""
    for each in _options(cls, names):
        # argparse takes a per cent sign for a format.
        about: dict[str, Any] = {"help": each.metadata["help"].replace("%", "%%")}
        if each.type is bool:
            about["action"] = argparse.BooleanOptionalAction
        else:
            about |= {"type": _reader(each), "choices": each.metadata["choices"] or None}
        parser.add_argument(_flag(each), default=each.default, **about)


def reader(cls: type, name: str) -> Callable[[str], Any]:
    """Return argparse's `type` for values as one option of `cls` takes them, with its limits."""
    return _reader(*_options(cls, [name]))


def from_arguments(cls: type[T], args: argparse.Namespace) -> T:
    """Return the instance of `cls` that a program's arguments give; others are the defaults."""
    return cls(**{o.name: getattr(args, o.name) for o in _options(cls) if o.name in args})


def from_text(cls: type[T], values: Mapping[str, str]) -> T:
    """Return the instance of `cls` that some texts by name give; others are the defaults.

    Raises ValueError, with the fault, where one is not allowed.
    """
    try:
        given = [each for each in _options(cls) if each.name in values]
        return cls(**{each.name: _reader(each)(values[each.name]) for each in given})
    except argparse.ArgumentTypeError as error:
        raise ValueError(str(error)) from error


def words(cls: type, values: Mapping[str, Any], *names: str) -> str:
    """Return the options of `cls`, with the values of a section of the config, for a shell."""
    found = []
    for each in _options(cls, names):
        value = values[each.name]
        if each.type is bool:
            found.append(_flag(each) if value else _flag(each).replace("--", "--no-", 1))
        else:
            found += [_flag(each), str(value)]
    return shlex.join(found)


def properties(cls: type) -> dict[str, dict[str, Any]]:
    """Return the JSON-schema property of each option, with its default and description."""
    found = {}
    for each in _options(cls):
        choices = each.metadata["choices"]
        rules = {"enum": list(choices)} if choices else {"type": _TYPES[_type(each)]}
        about = {"default": each.default, "description": each.metadata["help"]}
        found[each.name] = {**rules, **each.metadata["limits"], **about}
    return found


def _options(cls: Any, names: Sequence[str] = ()) -> list[Field]:
    known = {each.name: each for each in fields(cls) if "help" in each.metadata}
    return [known[name] for name in names or known]


def _type(each: Field) -> type:
    assert isinstance(each.type, type), each.name  # a text where annotations are postponed
    return each.type


def _flag(each: Field) -> str:
    return f"--{each.name.replace('_', '-')}"


def _reader(each: Field) -> Callable[[str], Any]:
    """Return a function of an argument's text that gives its value, or says what is allowed."""
    limits = each.metadata["limits"]
    kind = {int: "a whole number", float: "a number"}.get(_type(each), "")
    allowed = [f"{_LIMITS[name][0]} {limit:g}" for name, limit in limits.items()]

    def read(text: str) -> Any:
        try:
            value = _type(each)(text)
            if all(_LIMITS[name][1](value, limit) for name, limit in limits.items()):
                return value
        except ValueError:
            pass
        raise argparse.ArgumentTypeError(f"{text!r} is not {kind} {' and '.join(allowed)}".strip())

    return read
