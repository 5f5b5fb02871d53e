"""The recipe of a network, and what it needs."""

import argparse
import importlib.util

import pytest

import train_members
from helpers.networks import random_network
from quasarnet_al.core import options
from quasarnet_al.core.files import InputError
from quasarnet_al.network import recipe
from quasarnet_al.spectra.grid import GRIDS, LOG


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


@pytest.mark.parametrize(
    ("wanted", "fault"),
    [
        ({"layers": 4}, "has 6 layers of 3 filters and 8 units on the log grid, where the recipe"),
        ({"filters": 4}, "has 6 layers of 3 filters .* has 6 of 4 and 8 on the log grid"),
        ({"units": 9}, "has 6 layers of 3 filters .* has 6 of 3 and 9 on the log grid"),
    ],
)
def test_a_start_of_another_structure_is_refused(wanted, fault):
    network = random_network(layers=6, filters=3, units=8)
    made = recipe.Recipe(**{"layers": 6, "filters": 3, "units": 8} | wanted)
    with pytest.raises(InputError, match=f"start.h5: {fault}"):
        recipe.need_structure(network, "start.h5", made, LOG)
    same = recipe.Recipe(layers=6, filters=3, units=8)
    recipe.need_structure(network, "start.h5", same, LOG)
    with pytest.raises(InputError, match="on the linear grid"):
        recipe.need_structure(network, "start.h5", same, GRIDS["linear"])
