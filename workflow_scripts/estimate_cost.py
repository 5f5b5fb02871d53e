"""Say how many SLURM jobs a round needs, and how many node hours they cost.

The number of jobs is also given without packing, with one job per tile and member. The times are
those of tests/benchmarks or, with --benchmarks, those that the jobs of a run have recorded
(results/<run>/benchmarks): run a round with as many tiles per job, then ask again.
"""

from pathlib import Path

from quasarnet_al.core.files import InputError
from quasarnet_al.core.program import command_line, program
from quasarnet_al.workflow import cost
from quasarnet_al.workflow.config import read_yaml
from quasarnet_al.workflow.plan import check

ROOT = Path(__file__).parents[1]


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument(
        "--configfile", default=str(ROOT / "config" / "config.yaml"), help="config of the run"
    )
    parser.add_argument(
        "--round", type=int, default=1, help="round; the first one also extracts and maps the pool"
    )
    parser.add_argument(
        "--spectra-per-tile",
        type=float,
        default=1000,
        help="number of spectra scored per tile, or per file of `coadds`: a petal has a tenth",
    )
    parser.add_argument(
        "--training-spectra",
        type=float,
        help="number of spectra of the training set; without it, the labelled sets are counted",
    )
    parser.add_argument("--benchmarks", type=Path, help="folder of a run's benchmark files")
    args = parser.parse_args(argv)

    config = read(args.configfile)
    training = args.training_spectra or count(config, args.spectra_per_tile)
    expected = cost.job_seconds(config, args.spectra_per_tile, training)
    recorded = cost.recorded_seconds(args.benchmarks, expected) if args.benchmarks else {}
    row = "{:<18} {:>6} {:>9} {:>12} {:>12} {:>11} {:>11}".format
    units = ("min per job", "limit (min)", "CPU node h", "GPU node h")
    print(row("step", "jobs", "unpacked", *units))
    jobs = unpacked = cpu = gpu = 0.0
    for step in cost.steps(config, args.round, expected, recorded):
        hours = step.cpu_node_hours, step.gpu_node_hours
        minutes = f"{step.minutes:.1f}", step.limit or "-"
        print(row(*step[:3], *minutes, *(f"{part:.2f}" for part in hours)))
        jobs, unpacked = jobs + step.jobs, unpacked + step.unpacked
        cpu, gpu = cpu + hours[0], gpu + hours[1]
    print(row("round", f"{jobs:.0f}", f"{unpacked:.0f}", "", "", f"{cpu:.2f}", f"{gpu:.2f}"))


def count(config: dict, spectra_per_tile: float) -> float:
    """Return the number of training spectra of the labelled sets, and print it by set."""
    sizes = cost.training_sizes(config, spectra_per_tile)
    for name, size in sizes.items():
        known = f"{size:.0f} training spectra" if size == size else "not there yet, not counted"
        print(f"labelled.{name}: {known}")
    return cost.training_spectra(sizes)


def read(path: str | Path) -> dict:
    """Read and check a config, as the Snakefile does."""
    content = read_yaml(path)
    try:
        return check(content, ROOT / "config" / "schemas" / "config.schema.yaml")
    except InputError as error:
        what, *rest = error.args
        raise InputError(path if what == "config" else what, *rest) from error


if __name__ == "__main__":
    program(main)
