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
from pathlib import Path

import numpy as np

from quasarnet_al import pool, targets, weights
from quasarnet_al.files import InputError, program, write_text
from quasarnet_al.grid import Grid

RECIPE = (
    *("layers", "filters", "epochs", "min_steps", "batch_size"),
    *("learning_rate", "schedule", "dropout"),
)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--training", required=True, help="the training set (FITS)")
    parser.add_argument(
        "--validation", help="validation set (FITS): keep the epoch with the smallest loss on it"
    )
    parser.add_argument("--members", nargs="+", type=int, required=True, help="their numbers")
    parser.add_argument("--seed", nargs="+", type=int, default=[0], help="of the run and round")
    parser.add_argument("--layers", type=int, default=6, help="convolutions (%(default)s)")
    parser.add_argument("--filters", type=int, default=100, help="a convolution (%(default)s)")
    parser.add_argument("--epochs", type=int, default=10, help="(%(default)s)")
    parser.add_argument(
        "--min-steps", type=int, default=0, help="more epochs where the set is small"
    )
    parser.add_argument("--batch-size", type=int, default=256, help="(%(default)s)")
    parser.add_argument("--learning-rate", type=float, default=2e-4, help="(%(default)s)")
    parser.add_argument(
        "--schedule", choices=("constant", "cosine"), default="constant", help="of the rate"
    )
    parser.add_argument("--dropout", type=float, default=0.2, help="(%(default)s)")
    parser.add_argument("--no-bootstrap", action="store_true", help="train on the whole set")
    parser.add_argument(
        "--threads", type=int, default=1, help="of TensorFlow; results vary with it"
    )
    parser.add_argument("--checkpoints", required=True, help="folder for unfinished work")
    parser.add_argument("--output", required=True, help="the trained members (HDF5)")
    args = parser.parse_args(argv)

    # Say what is wrong before any process starts.
    pool.read_grid(*filter(None, (args.training, args.validation)))
    pool.read_labelled(args.training)
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
    networks = [weights.read_network(path) for path in finished.values()]
    weights.pack(args.output, networks, {"seed": " ".join(map(str, args.seed))})
    for path in finished.values():
        path.unlink()
        path.with_suffix(".key").unlink()
    print(f"{args.output}: {len(networks)} members")


def _drop_stale(args: argparse.Namespace, finished: list[Path]) -> None:
    """Remove work that was begun on another training set or recipe, or was half written."""
    recipe = [args.seed, args.no_bootstrap, args.threads, *(getattr(args, name) for name in RECIPE)]
    sets = [Path(path).read_bytes() for path in (args.training, args.validation) if path]
    key = hashlib.sha256(b"".join([*sets, repr(recipe).encode()])).hexdigest()
    for path in finished:
        # What a process left that was killed as it wrote: nobody else trains these members.
        for partial in path.parent.glob(f".{path.stem}.*.partial.*"):
            partial.unlink()
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
        print(f"member-{member:02d}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return False
    return True


def _train(args: argparse.Namespace, member: int, finished: Path) -> None:
    from quasarnet_al import training  # TensorFlow takes seconds to start

    training.configure(args.threads)
    spectra, _, labels = pool.read_labelled(args.training)
    grid = pool.read_grid(args.training)
    seed = [*args.seed, member]
    if not args.no_bootstrap:
        rows = targets.bootstrap(len(spectra), seed)
        spectra, labels = spectra[rows], labels[rows]
    recipe = training.Recipe(**{name: getattr(args, name) for name in RECIPE})
    validation = None
    if args.validation:
        known, _, truth = pool.read_labelled(args.validation)
        validation = known, _targets(truth, grid)
    checkpoint = finished.with_suffix(".npz")
    network, history = training.train(
        spectra,
        _targets(labels, grid),
        grid,
        recipe,
        int(np.random.SeedSequence(seed).generate_state(1)[0]),
        checkpoint,
        lambda line: print(f"member-{member:02d} {line}", flush=True),
        validation,
    )
    provenance = {
        "member": member,
        "seed": " ".join(map(str, seed)),
        "training_spectra": len(spectra),
        "loss": " ".join(f"{row['loss']:.5g}" for row in history),
    } | {name: getattr(args, name) for name in RECIPE}
    if validation:
        best = min(history, key=lambda row: row["validation_loss"])
        provenance |= {name: f"{best[name]:.5g}" for name in ("epoch", "validation_loss")}
    weights.write_network(finished, network, provenance)
    checkpoint.unlink(missing_ok=True)


def _targets(labels: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what the network learns from labels; their weights are in the loss's."""
    box, offset, weight = targets.line_targets(
        labels["SPECTYPE"] == "QSO", labels["Z"], labels["BAL"], grid
    )
    return box, offset, weight * labels["WEIGHT"][:, None]


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
        print(f"member-{member:02d}: on device {device}", flush=True)
        process = context.Process(target=_on_device, args=(args, member, finished[member], device))
        process.start()
        process.join()
        free.put(device)
        if process.exitcode not in (0, 1):  # killed: it could not say so itself
            print(f"member-{member:02d}: exit status {process.exitcode}", file=sys.stderr)
        return process.exitcode == 0

    with ThreadPoolExecutor(len(devices)) as threads:
        success = list(threads.map(succeeds, todo))
    return [member for member, good in zip(todo, success, strict=True) if not good]


def _on_device(args: argparse.Namespace, member: int, finished: Path, device: str) -> None:
    os.environ["CUDA_VISIBLE_DEVICES"] = device
    sys.exit(0 if _trained(args, member, finished) else 1)


if __name__ == "__main__":
    program(main)
