"""The recipe of a network: how it is built and trained. Apart from `training`, which is slow
to start."""

import argparse
import importlib.util
from dataclasses import dataclass, fields

import numpy as np

from quasarnet_al.core.files import InputError
from quasarnet_al.core.program import positive
from quasarnet_al.network import gpu


@dataclass(frozen=True)
class Recipe:
    """How a network is built and trained; the defaults are the published ones.

    Attributes
    ----------
    layers : convolutions; up to 5 with `valid` padding, more with `same`
    filters, units : channels of the convolutions and of the common dense layer
    dropout : share of the activations dropped after each convolution
    learning_rate : of Adam with AMSGrad
    schedule : "constant" (published), or "cosine": the rate falls to zero along a half
        cosine over all steps (Loshchilov & Hutter 2017, arXiv 1608.03983, one cycle),
        which serves short trainings
    epochs : passes over the training set
    min_steps : at least this many gradient steps, with more epochs where the set is small
    batch_size : spectra a step
    shift : in each epoch every spectrum is moved by up to this many pixels anew, and its
        redshift with it (see `targets.shift`)
    """

    layers: int = 6
    filters: int = 100
    units: int = 100
    dropout: float = 0.2
    learning_rate: float = 2e-4
    schedule: str = "constant"
    epochs: int = 10
    min_steps: int = 0
    batch_size: int = 256
    shift: int = 0

    def steps(self, count: int) -> tuple[int, int]:
        """Return the epochs and the steps of an epoch for `count` spectra."""
        steps = -(-count // self.batch_size)
        return max(self.epochs, -(-self.min_steps // steps)), steps

    def rates(self, step: np.ndarray, steps: int) -> np.ndarray:
        """Return the learning rate at each `step` of `steps` in all."""
        if self.schedule == "constant":
            return np.full(step.shape, self.learning_rate)
        return self.learning_rate * (1 + np.cos(np.pi * step / steps)) / 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add an option for each key of the recipe that a config has."""
    parser.add_argument("--layers", type=positive, default=Recipe.layers, help="convolutions")
    parser.add_argument(
        "--filters", type=positive, default=Recipe.filters, help="channels of a convolution"
    )
    parser.add_argument(
        "--epochs", type=positive, default=Recipe.epochs, help="passes over the set"
    )
    parser.add_argument(
        "--min-steps",
        type=int,
        default=Recipe.min_steps,
        help="at least; more epochs where the set is small",
    )
    parser.add_argument(
        "--batch-size", type=positive, default=Recipe.batch_size, help="spectra of a step"
    )
    parser.add_argument(
        "--learning-rate", type=float, default=Recipe.learning_rate, help="at the start"
    )
    parser.add_argument(
        "--schedule", choices=("constant", "cosine"), default=Recipe.schedule, help="of the rate"
    )
    parser.add_argument(
        "--dropout", type=float, default=Recipe.dropout, help="share of the outputs"
    )
    parser.add_argument(
        "--shift",
        type=int,
        default=Recipe.shift,
        help="pixels that spectra are moved by in each epoch",
    )


def from_arguments(args: argparse.Namespace) -> Recipe:
    """Return the recipe that the options of `add_arguments` give."""
    names = [field.name for field in fields(Recipe)]
    return Recipe(**{name: getattr(args, name) for name in names if name in args})


def need_tensorflow(devices: bool = True) -> None:
    """Raise `InputError` where networks cannot be trained, or not on the GPUs of the job."""
    if importlib.util.find_spec("tensorflow") is None:
        raise InputError(
            "TensorFlow",
            "is not in this environment",
            "make it with `make env`, or at NERSC from envs/gpu.txt",
        )
    if devices:
        gpu.need_devices()
