"""Write each trained member as a weights file that QuasarNP can read."""

from pathlib import Path

from quasarnet_al.core.files import InputError, provenance, set_aside
from quasarnet_al.core.program import command_line, program
from quasarnet_al.network.weights import read_ensemble, write_network
from quasarnet_al.tasks.registry import TASKS


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--task", choices=TASKS, default="quasar", help="what is classified")
    parser.add_argument("--trained", nargs="+", required=True, help="output of train_members.py")
    parser.add_argument("--output", nargs="+", required=True, help="one file per member (HDF5)")
    args = parser.parse_args(argv)

    layout = TASKS[args.task].layout
    networks = [network for path in args.trained for network in read_ensemble(path, layout)]
    if len(networks) != len(args.output):
        raise InputError(
            args.trained[0],
            f"{len(networks)} members in all",
            f"name as many, not {len(args.output)}",
        )
    for network, path in zip(networks, args.output, strict=True):
        write_network(path, network, provenance(), layout)
        print(path)
    for folder in {Path(path).parent for path in args.output}:
        set_aside(folder, "member-*.h5", args.output)


if __name__ == "__main__":
    program(main)
