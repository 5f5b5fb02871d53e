"""Train a team of an ensemble's members; the only program that needs TensorFlow.

Each member has its own bootstrap sample and seed, which depend on its number alone and
not on its team. With several GPUs (CUDA_VISIBLE_DEVICES) the members train at the same
time, one process and one GPU each; otherwise in turn. With --at-once several members train
in the same steps, for GPUs that a small network leaves idle. A member that was trained, or
trained halfway, before a job ended is kept in --checkpoints and not trained again.
"""

import os
import sys
from pathlib import Path

from quasarnet_al.core import options
from quasarnet_al.core.files import at_once
from quasarnet_al.core.program import command_line, positive, program
from quasarnet_al.network import recipe
from quasarnet_al.tasks import team
from quasarnet_al.tasks.registry import TASKS


# Finished members and checkpoints are kept, whatever becomes of the others.
@at_once()
def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--task", choices=TASKS, default="quasar", help="what is classified")
    parser.add_argument("--training", required=True, help="training set (FITS)")
    parser.add_argument(
        "--validation", help="validation set (FITS): keep the epoch with the smallest loss on it"
    )
    parser.add_argument(
        "--members", nargs="+", type=int, required=True, help="numbers of the members"
    )
    parser.add_argument(
        "--seed", nargs="+", type=int, default=[0], help="random seed of the run, and the round"
    )
    parser.add_argument(
        "--start",
        nargs="+",
        help="weights (HDF5) that the members go on from: one file for all, or one each",
    )
    options.add_arguments(parser, recipe.Recipe)
    parser.add_argument(
        "--no-bootstrap", action="store_true", help="train each member on the whole set"
    )
    parser.add_argument(
        "--at-once", type=positive, default=1, help="number of members trained in the same steps"
    )
    parser.add_argument("--checkpoints", required=True, help="folder for unfinished work")
    parser.add_argument("--output", required=True, help="trained members (HDF5)")
    args = parser.parse_args(argv)

    work = team.Work(
        task=args.task,
        training=args.training,
        validation=args.validation,
        seed=args.seed,
        recipe=options.from_arguments(recipe.Recipe, args),
        bootstrap=not args.no_bootstrap,
        folder=Path(args.checkpoints),
        starts=team.starts(args.members, args.start or []),
        at_once=args.at_once,
    )
    # Say what is wrong before any process starts.
    recipe.need_tensorflow()
    team.check(work)
    devices = [d for d in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if d]
    failed = team.train(work, args.members, devices)
    if failed:
        names = ", ".join(f"member-{member:02d}" for member in failed)
        sys.exit(f"train_members.py: {names} failed (see above); run again: the others are kept")
    print(f"{args.output}: {team.pack(work, args.members, args.output)} members")


if __name__ == "__main__":
    program(main)
