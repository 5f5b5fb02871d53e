"""A team: the members of an ensemble that one job trains, in turn or on several GPUs.

A member has its own bootstrap sample and seed, which depend on its number alone and not on
its team. Members of a group are trained in the same steps: each learns what it would learn
alone, up to rounding. What was trained before a job ended, or trained halfway, is kept.
"""

import hashlib
import itertools
import multiprocessing
import os
import queue
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO

from quasarnet_al.core.files import InputError, write_text
from quasarnet_al.network import weights
from quasarnet_al.network.recipe import Recipe, need_structure
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
    starts : paths of weights that members go on from, by their numbers; empty: random weights
    at_once : number of members of a group
    """

    task: str
    training: str
    validation: str | None
    seed: Sequence[int]
    recipe: Recipe
    bootstrap: bool
    folder: Path
    starts: Mapping[int, str] = field(default_factory=dict)
    at_once: int = 1

    def member(self, number: int) -> Path:
        """Return the file of a trained member; beside it is its key."""
        return self.folder / f"{_name(number)}.h5"

    def checkpoint(self, group: Sequence[int]) -> Path:
        """Return the file of a group's unfinished training."""
        return self.member(group[0]).with_suffix(".npz")

    @property
    def sets(self) -> list[str]:
        """Paths of the training set and, where there is one, of the validation set."""
        return [self.training, *([self.validation] if self.validation else [])]


def groups(members: Sequence[int], at_once: int) -> list[Sequence[int]]:
    """Return the members that are trained in the same steps, `at_once` of them or the rest."""
    return [members[start : start + at_once] for start in range(0, len(members), at_once)]


def starts(members: Sequence[int], paths: Sequence[str]) -> dict[int, str]:
    """Return which of `paths` each member's training goes on from: one for all, or one each.

    Raises
    ------
    InputError where there are neither none nor one nor as many as members
    """
    if len(paths) not in (0, 1, len(members)):
        raise InputError(
            paths[0],
            f"is one of {len(paths)} files that {len(members)} members are to start from",
            "give one for all, or one each",
        )
    return dict(zip(members, itertools.cycle(paths), strict=False))


def check(work: Work) -> None:
    """Raise `InputError` where a set is empty, or weights to start from do not fit the recipe."""
    grid = pool.read_grid(*work.sets)
    for path in dict.fromkeys(work.starts.values()):
        need_structure(weights.read_network(path), path, work.recipe, grid)
    for path in work.sets:
        if not len(pool.read_labelled(path)[2]):
            raise InputError(path, "has no spectra", "label more")


def train(work: Work, members: Sequence[int], devices: Sequence[str]) -> list[int]:
    """Train the members of a team that are not trained yet; return the numbers of those that
    failed, which is said on stderr.

    With more than one of `devices` (GPUs) groups train at the same time, a process and a device
    each; otherwise in turn, in this process.
    """
    together = groups(members, work.at_once)
    _drop_stale(work, together)
    todo = [group for group in together if not all(work.member(each).exists() for each in group)]
    if len(devices) > 1 and todo:
        failed = _train_on_devices(work, todo, devices)
    else:
        failed = [group for group in todo if not _trained(work, group)]
    return [member for group in failed for member in group]


def pack(work: Work, members: Sequence[int], path: str) -> int:
    """Write the trained members to one file and remove the others'; return how many they are."""
    layout = TASKS[work.task].layout
    networks = weights.read_networks([work.member(member) for member in members], layout)
    weights.pack(path, networks, {"seed": " ".join(map(str, work.seed))}, layout)
    for member in members:
        work.member(member).unlink()
        work.member(member).with_suffix(".key").unlink()
    return len(networks)


def _drop_stale(work: Work, groups: Sequence[Sequence[int]]) -> None:
    """Remove work that was begun on other sets, with another recipe or in other groups."""
    begun = [work.seed, work.bootstrap, work.recipe]
    content = [Path(path).read_bytes() for path in work.sets]
    common = hashlib.sha256(b"".join([*content, repr(begun).encode()]))
    for group in groups:
        key = common.copy()
        if len(group) > 1:
            key.update(repr(list(group)).encode())
        for member in group if work.starts else ():
            key.update(Path(work.starts[member]).read_bytes())
        for member in group:
            path = work.member(member)
            record = path.with_suffix(".key")
            if record.exists() and record.read_text() != key.hexdigest():
                path.unlink(missing_ok=True)
                work.checkpoint([member]).unlink(missing_ok=True)
            write_text(record, key.hexdigest())


def _name(member: int) -> str:
    return f"member-{member:02d}"


def _names(group: Sequence[int]) -> str:
    return ", ".join(map(_name, group))


def _trained(work: Work, group: Sequence[int]) -> bool:
    """Train a group here; where it fails, say why on stderr."""
    try:
        _train(work, group)
    except InputError:
        raise
    except Exception as error:  # one group's fault must not cost the others' work
        _say(f"{_names(group)}: {type(error).__name__}: {error}", sys.stderr)
        return False
    return True


def _train(work: Work, group: Sequence[int]) -> None:
    from quasarnet_al.network import training  # TensorFlow takes seconds to start

    training.configure(work.recipe.threads)
    grid = pool.read_grid(*work.sets)

    def labelled(path: str) -> Labelled:
        spectra, _, labels = pool.read_labelled(path)
        return Labelled(spectra, labels, grid)

    known = labelled(work.training)
    seeds = [[*work.seed, member] for member in group]
    checkpoint = work.checkpoint(group)
    task = TASKS[work.task]
    trained = task.train_members(
        known,
        work.recipe,
        seeds,
        work.bootstrap,
        checkpoint,
        lambda number, line: _say(f"{_name(group[number])} {line}", sys.stdout),
        labelled(work.validation) if work.validation else None,
        [weights.read_network(work.starts[member]) for member in group if work.starts],
    )
    for member, seed, (network, history) in zip(group, seeds, trained, strict=True):
        provenance = {
            "member": member,
            "seed": " ".join(map(str, seed)),
            "training_spectra": len(known.spectra),
            "loss": " ".join(f"{row['loss']:.5g}" for row in history),
        } | asdict(work.recipe)
        if len(group) > 1:
            provenance["trained_with"] = " ".join(map(str, group))
        if work.starts:
            provenance["start"] = work.starts[member]
        if work.validation:
            best = min(history, key=lambda row: row["validation_loss"])
            provenance |= {name: f"{best[name]:.5g}" for name in ("epoch", "validation_loss")}
        weights.write_network(work.member(member), network, provenance, task.layout)
    checkpoint.unlink(missing_ok=True)


def _train_on_devices(
    work: Work, todo: Sequence[Sequence[int]], devices: Sequence[str]
) -> list[Sequence[int]]:
    """Train groups in processes of their own, one per GPU at a time; return those that failed."""
    context = multiprocessing.get_context("spawn")
    free: queue.SimpleQueue[str] = queue.SimpleQueue()
    for device in devices:
        free.put(device)

    def succeeds(group: Sequence[int]) -> bool:
        device = free.get()
        _say(f"{_names(group)}: on device {device}", sys.stdout)
        process = context.Process(target=_on_device, args=(work, group, device))
        process.start()
        process.join()
        free.put(device)
        if process.exitcode not in (0, 1):  # killed: it could not say so itself
            _say(f"{_names(group)}: exit status {process.exitcode}", sys.stderr)
        return process.exitcode == 0

    with ThreadPoolExecutor(len(devices)) as threads:
        success = list(threads.map(succeeds, todo))
    return [group for group, good in zip(todo, success, strict=True) if not good]


def _on_device(work: Work, group: Sequence[int], device: str) -> None:
    os.environ["CUDA_VISIBLE_DEVICES"] = device
    sys.exit(0 if _trained(work, group) else 1)


def _say(line: str, stream: TextIO) -> None:
    """Print a line in one piece: members share the log, and `print` writes its end apart."""
    stream.write(f"{line}\n")
    stream.flush()
