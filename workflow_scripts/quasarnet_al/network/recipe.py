"""The recipe of a network: how it is built and trained (not in `training`, which starts slowly)."""

import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from quasarnet_al.core.files import InputError
from quasarnet_al.core.options import option
from quasarnet_al.network import gpu
from quasarnet_al.spectra.grid import Grid

if TYPE_CHECKING:
    from quasarnet_al.network.weights import Network


@dataclass(frozen=True)
class Recipe:
    """How a network is built and trained: the config's `ensemble`; the defaults are published."""

    layers: int = option(
        6,
        "number of convolutions: up to 5 with `valid` padding, 6 with `same`; "
        "of the task `mnist`: number of hidden layers",
        minimum=1,
        maximum=6,
    )
    filters: int = option(
        100,
        "number of channels of each convolution; of the task `mnist`: units of each layer",
        minimum=1,
    )
    #: Units of the dense layer that the outputs share.
    units: int = 100
    epochs: int = option(10, "number of passes over the training set", minimum=1)
    min_steps: int = option(
        0,
        "smallest number of gradient steps: a small training set is passed over more often",
        minimum=0,
    )
    batch_size: int = option(256, "number of spectra per gradient step", minimum=1)
    learning_rate: float = option(
        2e-4, "initial learning rate of the optimizer, Adam with AMSGrad", above=0
    )
    # "cosine": one cycle of Loshchilov & Hutter 2017, arXiv 1608.03983.
    schedule: str = option(
        "constant",
        "learning-rate schedule: `constant` (published), or `cosine`, which falls to zero along "
        "a half cosine over all steps and serves short trainings",
        choices=("constant", "cosine"),
    )
    dropout: float = option(
        0.2, "fraction of the activations dropped after each convolution", minimum=0, below=1
    )
    shift: int = option(
        0,
        "in each epoch every spectrum is moved by up to this many pixels, and its redshift with "
        "it, so that few labels teach more; on the log grid only",
        minimum=0,
    )
    noise: float = option(
        0.0,
        "in each epoch noise of up to this many times its own is added to every spectrum, so that "
        "bright spectra teach about faint ones",
        minimum=0,
    )
    tilt: float = option(
        0.0,
        "in each epoch a slope is added to every spectrum, as by an error of the flux calibration; "
        "standard deviation in units of the spectrum's rms",
        minimum=0,
    )
    arm_offset: float = option(
        0.0,
        "in each epoch a step is added to each arm of every spectrum; standard deviation in units "
        "of the spectrum's rms",
        minimum=0,
    )
    offset_weight: float = option(
        1.0,
        "weight of the loss of the lines' positions in their boxes (published: 1); above 1 "
        "redshifts become more precise",
        above=0,
    )
    threads: int = option(
        1,
        "number of CPU threads of TensorFlow per member; the trained weights depend on it",
        minimum=1,
    )

    @property
    def varies(self) -> bool:
        """Whether each epoch sees spectra of its own (see `augmentation`)."""
        return any((self.shift, self.noise, self.tilt, self.arm_offset))

    def steps(self, count: int) -> tuple[int, int]:
        """Return the epochs and the steps of an epoch for `count` spectra."""
        steps = -(-count // self.batch_size)
        return max(self.epochs, -(-self.min_steps // steps)), steps

    def rates(self, step: np.ndarray, steps: int) -> np.ndarray:
        """Return the learning rate at each `step` of `steps` in all."""
        if self.schedule == "constant":
            return np.full(step.shape, self.learning_rate)
        return self.learning_rate * (1 + np.cos(np.pi * step / steps)) / 2


def need_structure(network: "Network", path: str, recipe: Recipe, grid: Grid) -> None:
    """Raise `InputError`, which names `path`, where a training by `recipe` cannot start there."""
    filters = {conv.kernel.shape[2] for conv in network.convs}
    found = (len(network.convs), filters, network.common.kernel.shape[1], network.grid)
    if found != (recipe.layers, {recipe.filters}, recipe.units, grid):
        raise InputError(
            path,
            f"has {found[0]} layers of {' and '.join(map(str, sorted(filters)))} filters and "
            f"{found[2]} units on the {network.grid.kind} grid, where the recipe has "
            f"{recipe.layers} of {recipe.filters} and {recipe.units} on the {grid.kind} grid",
            "start from weights of the same structure, or set `layers` and `filters` to theirs",
        )
    if not network.rescale:
        raise InputError(
            path,
            "has offsets that are not rescaled to -0.1..1.1",
            "start from weights that QuasarNET has trained since",
        )


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
