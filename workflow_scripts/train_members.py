"""Train a team of an ensemble's members; the one program that needs TensorFlow.

Each member has its own bootstrap sample and seed, which depend on its number alone and
not on its team. With several GPUs (CUDA_VISIBLE_DEVICES) the members train at the same
time, one process and one GPU each; otherwise in turn. A member that was trained, or
trained halfway, before a job ended is kept in --checkpoints and not trained again.
"""

import argparse
import hashlib
import multiprocessing
import os
import queue
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from quasarnet_al.core import options
from quasarnet_al.core.files import InputError, at_once, write_text
from quasarnet_al.core.program import command_line, program
from quasarnet_al.network import recipe, weights
from quasarnet_al.spectra import pool
from quasarnet_al.tasks.registry import TASKS


# Finished members and checkpoints last, whatever becomes of the others.
@at_once()
def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--task", choices=TASKS, default="quasar", help="what is classified")
    parser.add_argument("--training", required=True, help="the training set (FITS)")
    parser.add_argument(
        "--validation", help="validation set (FITS): keep the epoch with the smallest loss on it"
    )
    parser.add_argument(
        "--members", nargs="+", type=int, required=True, help="numbers of the members"
    )
    parser.add_argument("--seed", nargs="+", type=int, default=[0], help="of the run and round")
    options.add_arguments(parser, recipe.Recipe)
    parser.add_argument("--no-bootstrap", action="store_true", help="train on the whole set")
    parser.add_argument("--checkpoints", required=True, help="folder for unfinished work")
    parser.add_argument("--output", required=True, help="the trained members (HDF5)")
    args = parser.parse_args(argv)

    # Say what is wrong before any process starts.
    recipe.need_tensorflow()
    pool.read_grid(*filter(None, (args.training, args.validation)))
    for path in filter(None, (args.training, args.validation)):
        if not len(pool.read_labelled(path)[2]):
            raise InputError(path, "has no spectra", "label more")
    devices = [d for d in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if d]
    finished = {m: Path(args.checkpoints, f"member-{m:02d}.h5") for m in args.members}
    _drop_stale(args, list(finished.values()))
    todo = [member for member, path in finished.items() if not path.exists()]
    if len(devices) > 1 and todo:
        failed = _train_on_devices(args, finished, todo, devices)
    else:
        failed = [member for member in todo if not _trained(args, member, finished[member])]
    if failed:
        names = ", ".join(f"member-{member:02d}" for member in failed)
        sys.exit(f"train_members.py: {names} failed (see above); run again: the others are kept")
    layout = TASKS[args.task].layout
    networks = [weights.read_network(path, layout) for path in finished.values()]
    weights.pack(args.output, networks, {"seed": " ".join(map(str, args.seed))}, layout)
    for path in finished.values():
        path.unlink()
        path.with_suffix(".key").unlink()
    print(f"{args.output}: {len(networks)} members")


def _drop_stale(args: argparse.Namespace, finished: list[Path]) -> None:
    """Remove work that was begun on another training set or recipe, or was half written."""
    begun = [args.seed, args.no_bootstrap, options.from_arguments(recipe.Recipe, args)]
    sets = [Path(path).read_bytes() for path in (args.training, args.validation) if path]
    key = hashlib.sha256(b"".join([*sets, repr(begun).encode()])).hexdigest()
    for path in finished:
        record = path.with_suffix(".key")
        if record.exists() and record.read_text() != key:
            path.unlink(missing_ok=True)
            path.with_suffix(".npz").unlink(missing_ok=True)
        write_text(record, key)


def _trained(args: argparse.Namespace, member: int, finished: Path) -> bool:
    """Train one member here; say on stderr why not, where it fails."""
    try:
        _train(args, member, finished)
    except InputError:
        raise
    except Exception as error:  # one member's fault must not cost the others' work
        _say(f"member-{member:02d}: {type(error).__name__}: {error}", sys.stderr)
        return False
    return True


def _train(args: argparse.Namespace, member: int, finished: Path) -> None:
    from quasarnet_al.network import training  # TensorFlow takes seconds to start

    chosen = options.from_arguments(recipe.Recipe, args)
    training.configure(chosen.threads)
    spectra, _, labels = pool.read_labelled(args.training)
    grid = pool.read_grid(args.training)
    seed = [*args.seed, member]
    validation = None
    if args.validation:
        known, _, truth = pool.read_labelled(args.validation)
        validation = known, truth
    checkpoint = finished.with_suffix(".npz")
    task = TASKS[args.task]
    network, history = task.train_member(
        spectra,
        labels,
        grid,
        chosen,
        seed,
        not args.no_bootstrap,
        checkpoint,
        lambda line: _say(f"member-{member:02d} {line}", sys.stdout),
        validation,
    )
    provenance = {
        "member": member,
        "seed": " ".join(map(str, seed)),
        "training_spectra": len(spectra),
        "loss": " ".join(f"{row['loss']:.5g}" for row in history),
    } | asdict(chosen)
    if validation:
        best = min(history, key=lambda row: row["validation_loss"])
        provenance |= {name: f"{best[name]:.5g}" for name in ("epoch", "validation_loss")}
    weights.write_network(finished, network, provenance, task.layout)
    checkpoint.unlink(missing_ok=True)


def _train_on_devices(
    args: argparse.Namespace, finished: dict[int, Path], todo: list[int], devices: list[str]
) -> list[int]:
    """Train the members in processes of their own, one on a GPU at a time; return who failed."""
    context = multiprocessing.get_context("spawn")
    free = queue.SimpleQueue()
    for device in devices:
        free.put(device)

    def succeeds(member: int) -> bool:
        device = free.get()
        _say(f"member-{member:02d}: on device {device}", sys.stdout)
        process = context.Process(target=_on_device, args=(args, member, finished[member], device))
        process.start()
        process.join()
        free.put(device)
        if process.exitcode not in (0, 1):  # killed: it could not say so itself
            _say(f"member-{member:02d}: exit status {process.exitcode}", sys.stderr)
        return process.exitcode == 0

    with ThreadPoolExecutor(len(devices)) as threads:
        success = list(threads.map(succeeds, todo))
    return [member for member, good in zip(todo, success, strict=True) if not good]


def _on_device(args: argparse.Namespace, member: int, finished: Path, device: str) -> None:
    os.environ["CUDA_VISIBLE_DEVICES"] = device
    sys.exit(0 if _trained(args, member, finished) else 1)


def _say(line: str, stream: TextIO) -> None:
    """Print a line in one piece: members share the log, and `print` writes its end apart."""
    stream.write(f"{line}\n")
    stream.flush()


if __name__ == "__main__":
    program(main)
