"""The recipe of a network, and what it needs."""

import argparse
import importlib.util

import pytest

import train_members
from quasarnet_al.core import options
from quasarnet_al.core.files import InputError
from quasarnet_al.network import recipe


def test_options_are_the_recipe():
    parser = argparse.ArgumentParser()
    options.add_arguments(parser, recipe.Recipe)
    assert options.from_arguments(recipe.Recipe, parser.parse_args([])) == recipe.Recipe()
    given = ["--layers", "4", "--learning-rate", "1e-3", "--schedule", "cosine", "--shift", "3"]
    made = options.from_arguments(recipe.Recipe, parser.parse_args(given))
    assert (made.layers, made.learning_rate, made.schedule, made.shift) == (4, 1e-3, "cosine", 3)


def test_small_sets_are_seen_more_often():
    small = recipe.Recipe(epochs=2, min_steps=100, batch_size=10)
    epochs, steps = small.steps(50)
    assert (epochs, steps) == (20, 5)
    assert small.steps(10_000) == (2, 1000)


def test_without_tensorflow_one_line_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    arguments = ["--training", "t.fits", "--members", "0", "--checkpoints", str(tmp_path)]
    with pytest.raises(InputError, match="TensorFlow: is not in this environment; make it with"):
        train_members.main([*arguments, "--output", "x.h5"])
