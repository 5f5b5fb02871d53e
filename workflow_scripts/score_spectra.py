"""Score the spectra of one pool file with every member of an ensemble."""

from quasarnet_al.core import options
from quasarnet_al.core.files import InputError
from quasarnet_al.core.program import command_line, positive, program
from quasarnet_al.learning import scores
from quasarnet_al.network.lines import VOTING, Classification
from quasarnet_al.network.weights import read_ensemble
from quasarnet_al.spectra import pool
from quasarnet_al.tasks.registry import TASKS


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--task", choices=TASKS, default="quasar", help="what is classified")
    parser.add_argument("--ensemble", required=True, help="ensemble file (HDF5)")
    parser.add_argument("--pool", required=True, help="pool file (FITS)")
    options.add_arguments(parser, Classification, *VOTING)
    parser.add_argument(
        "--seed", type=int, default=0, help="random seed of the acquisition function `random`"
    )
    parser.add_argument("--threads", type=positive, default=1, help="number of threads")
    parser.add_argument("--output", required=True, help="score table (FITS)")
    args = parser.parse_args(argv)

    task = TASKS[args.task]
    networks = read_ensemble(args.ensemble, task.layout)
    spectra, catalog = pool.read(args.pool)
    if networks[0].grid.size != spectra.shape[1]:
        raise InputError(args.pool, "is on another grid than the ensemble", "extract it again")
    columns = {name: catalog[name] for name in ("TARGETID", "TILEID", "ARMS", "SNR")}
    classification = options.from_arguments(Classification, args)
    columns |= task.score(
        networks, spectra, catalog["TARGETID"], classification, args.seed, args.threads
    )
    attributes = {"members": len(networks), "c_thresh": args.c_thresh, "n_thresh": args.n_thresh}
    scores.write_scores(args.output, columns, attributes)
    print(f"{args.output}: {len(catalog)} spectra scored by {len(networks)} members")


if __name__ == "__main__":
    program(main)
