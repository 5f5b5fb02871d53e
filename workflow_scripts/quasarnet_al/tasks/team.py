"""A team: the members of an ensemble that one job trains, in turn or on one GPU each.

A member has its own bootstrap sample and seed, which depend on its number alone and not on
its team. What was trained before a job ended, or trained halfway, is kept.
"""

import hashlib
import multiprocessing
import os
import queue
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from quasarnet_al.core.files import InputError, write_text
from quasarnet_al.network import weights
from quasarnet_al.network.recipe import Recipe
from quasarnet_al.spectra import pool
from quasarnet_al.tasks.registry import TASKS
from quasarnet_al.tasks.task import Labelled


@dataclass(frozen=True)
class Work:
    """How the members of a team are trained.

    Attributes
    ----------
    task : name of the task
    training : path of the training set
    validation : path of the validation set; a member is then that of its best epoch there
    seed : of the run and the round
    recipe : of each network
    bootstrap : whether each member has a sample of its own, or the whole set
    folder : for unfinished work, `member-MM.h5` where a member is trained
    start : path of weights that the members go on from
    """

    task: str
    training: str
    validation: str | None
    seed: Sequence[int]
    recipe: Recipe
    bootstrap: bool
    folder: Path
    start: str | None = None

    def member(self, number: int) -> Path:
        """Return the file of a trained member; beside it are its checkpoint and its key."""
        return self.folder / f"member-{number:02d}.h5"

    @property
    def sets(self) -> list[str]:
        """Paths of the training set and, where there is one, of the validation set."""
        return [self.training, *([self.validation] if self.validation else [])]


def train(work: Work, members: Sequence[int], devices: Sequence[str]) -> list[int]:
    """Train the members of a team that are not trained yet; return the numbers of those that
    failed, which is said on stderr.

    With more than one of `devices` (GPUs) they train at the same time, a process and a device
    each; otherwise in turn, in this process.
    """
    _drop_stale(work, members)
    todo = [member for member in members if not work.member(member).exists()]
    if len(devices) > 1 and todo:
        return _train_on_devices(work, todo, devices)
    return [member for member in todo if not _trained(work, member)]


def pack(work: Work, members: Sequence[int], path: str) -> int:
    """Write the trained members to one file and remove the others'; return how many they are."""
    layout = TASKS[work.task].layout
    networks = weights.read_networks([work.member(member) for member in members], layout)
    weights.pack(path, networks, {"seed": " ".join(map(str, work.seed))}, layout)
    for member in members:
        work.member(member).unlink()
        work.member(member).with_suffix(".key").unlink()
    return len(networks)


def _drop_stale(work: Work, members: Sequence[int]) -> None:
    """Remove work that was begun on another training set or with another recipe."""
    begun = [work.seed, work.bootstrap, work.recipe]
    files = [*work.sets, *([work.start] if work.start else [])]
    content = [Path(path).read_bytes() for path in files]
    key = hashlib.sha256(b"".join([*content, repr(begun).encode()])).hexdigest()
    for path in map(work.member, members):
        record = path.with_suffix(".key")
        if record.exists() and record.read_text() != key:
            path.unlink(missing_ok=True)
            path.with_suffix(".npz").unlink(missing_ok=True)
        write_text(record, key)


def _trained(work: Work, member: int) -> bool:
    """Train one member here; where it fails, say why on stderr."""
    try:
        _train(work, member)
    except InputError:
        raise
    except Exception as error:  # one member's fault must not cost the others' work
        _say(f"member-{member:02d}: {type(error).__name__}: {error}", sys.stderr)
        return False
    return True


def _train(work: Work, member: int) -> None:
    from quasarnet_al.network import training  # TensorFlow takes seconds to start

    training.configure(work.recipe.threads)
    grid = pool.read_grid(*work.sets)

    def labelled(path: str) -> Labelled:
        spectra, _, labels = pool.read_labelled(path)
        return Labelled(spectra, labels, grid)

    known = labelled(work.training)
    seed = [*work.seed, member]
    checkpoint = work.member(member).with_suffix(".npz")
    task = TASKS[work.task]
    network, history = task.train_member(
        known,
        work.recipe,
        seed,
        work.bootstrap,
        checkpoint,
        lambda line: _say(f"member-{member:02d} {line}", sys.stdout),
        labelled(work.validation) if work.validation else None,
        weights.read_network(work.start) if work.start else None,
    )
    provenance = {
        "member": member,
        "seed": " ".join(map(str, seed)),
        "training_spectra": len(known.spectra),
        "loss": " ".join(f"{row['loss']:.5g}" for row in history),
    } | asdict(work.recipe)
    if work.validation:
        best = min(history, key=lambda row: row["validation_loss"])
        provenance |= {name: f"{best[name]:.5g}" for name in ("epoch", "validation_loss")}
    weights.write_network(work.member(member), network, provenance, task.layout)
    checkpoint.unlink(missing_ok=True)


def _train_on_devices(work: Work, todo: Sequence[int], devices: Sequence[str]) -> list[int]:
    """Train the members in processes of their own, one per GPU at a time; return who failed."""
    context = multiprocessing.get_context("spawn")
    free: queue.SimpleQueue[str] = queue.SimpleQueue()
    for device in devices:
        free.put(device)

    def succeeds(member: int) -> bool:
        device = free.get()
        _say(f"member-{member:02d}: on device {device}", sys.stdout)
        process = context.Process(target=_on_device, args=(work, member, device))
        process.start()
        process.join()
        free.put(device)
        if process.exitcode not in (0, 1):  # killed: it could not say so itself
            _say(f"member-{member:02d}: exit status {process.exitcode}", sys.stderr)
        return process.exitcode == 0

    with ThreadPoolExecutor(len(devices)) as threads:
        success = list(threads.map(succeeds, todo))
    return [member for member, good in zip(todo, success, strict=True) if not good]


def _on_device(work: Work, member: int, device: str) -> None:
    os.environ["CUDA_VISIBLE_DEVICES"] = device
    sys.exit(0 if _trained(work, member) else 1)


def _say(line: str, stream: TextIO) -> None:
    """Print a line in one piece: members share the log, and `print` writes its end apart."""
    stream.write(f"{line}\n")
    stream.flush()
