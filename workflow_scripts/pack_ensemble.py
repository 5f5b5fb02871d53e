"""Pack the weights of all members into one ensemble file."""

from quasarnet_al.core.files import provenance
from quasarnet_al.core.program import command_line, program
from quasarnet_al.network.weights import pack, read_networks
from quasarnet_al.tasks.registry import TASKS


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--task", choices=TASKS, default="quasar", help="what is classified")
    parser.add_argument("--weights", nargs="+", required=True, help="weights files (HDF5)")
    parser.add_argument("--output", required=True, help="ensemble (HDF5)")
    args = parser.parse_args(argv)

    layout = TASKS[args.task].layout
    networks = read_networks(args.weights, layout)
    pack(args.output, networks, provenance(members=len(networks)), layout)
    print(f"{args.output}: {len(networks)} members")


if __name__ == "__main__":
    program(main)
