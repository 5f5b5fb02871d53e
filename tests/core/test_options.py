"""Options: one dataclass is the command line, the words of a rule, and the schema."""

import argparse
import shlex
from dataclasses import dataclass, fields

import pytest

from quasarnet_al.core import options
from quasarnet_al.core.options import option


@dataclass(frozen=True)
class Oven:
    heat: float = option(180.0, "100 % of the heat", unit="degrees", above=0, maximum=250)
    fan_speed: int = option(2, "speed of the fan", minimum=0, below=5)
    mode: str = option("top", "where it heats", choices=("top", "both sides"))
    light: bool = option(True, "whether the light is on")
    inside: int = 7


def parsed(*words, names=()):
    parser = argparse.ArgumentParser()
    options.add_arguments(parser, Oven, *names)
    return parser, parser.parse_args(words)


def test_arguments_and_words_are_each_others_inverse():
    assert options.from_arguments(Oven, parsed()[1]) == Oven()
    oven = Oven(heat=99.5, fan_speed=0, mode="both sides", light=False)
    words = options.words(Oven, vars(oven))
    assert words == "--heat 99.5 --fan-speed 0 --mode 'both sides' --no-light"
    assert options.from_arguments(Oven, parsed(*shlex.split(words))[1]) == oven


def test_some_options_alone():
    parser, args = parsed("--fan-speed", "4", names=["fan_speed"])
    assert vars(args) == {"fan_speed": 4}
    assert options.from_arguments(Oven, args) == Oven(fan_speed=4)
    assert options.words(Oven, vars(Oven()), "light") == "--light"
    assert "100 %" not in parser.format_help()
    assert "100 % of the heat (degrees)" in parsed()[0].format_help()


@pytest.mark.parametrize(
    "words, fault",
    [
        (["--heat", "0"], "'0' is not a number above 0 and at most 250"),
        (["--heat", "251"], "at most 250"),
        (["--heat", "nan"], "is not a number"),
        (["--heat", "warm"], "is not a number"),
        (["--fan-speed", "1.5"], "'1.5' is not a whole number at least 0 and below 5"),
        (["--fan-speed", "5"], "below 5"),
        (["--mode", "bottom"], "invalid choice"),
    ],
)
def test_what_is_not_allowed_is_refused(words, fault, capsys):
    with pytest.raises(SystemExit):
        parsed(*words)
    assert fault in capsys.readouterr().err


def test_properties():
    found = options.properties(Oven)
    assert found["heat"] == {
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": 250,
        "default": 180.0,
        "description": "100 % of the heat (degrees)",
    }
    assert found["mode"]["enum"] == ["top", "both sides"]
    assert found["light"]["type"] == "boolean"
    assert found.keys() == {field.name for field in fields(Oven)} - {"inside"}
