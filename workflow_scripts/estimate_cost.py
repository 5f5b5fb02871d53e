"""Say how many SLURM jobs a round needs, and how many node hours.

Jobs also without packing, one for each tile and member. The times are those of
tests/benchmarks, or with --benchmarks what the jobs of a run have recorded
(results/<run>/benchmarks): run a round with as many tiles a job, then ask.
"""

from collections.abc import Iterable
from pathlib import Path

import yaml

from quasarnet_al.core.files import InputError
from quasarnet_al.core.program import command_line, program
from quasarnet_al.workflow import cost, plan
from quasarnet_al.workflow.plan import check

ROOT = Path(__file__).parents[1]
#: Steps in the order of a round; the others take seconds and run beside the head process.
RULES = (
    "simulate_survey", "extract_spectra", "extract_labelled", "fit_som", "map_spectra",
    "train_members", "score_spectra", "select_batch", "evaluate_ensemble",
)  # fmt: skip
#: Rates of a job, measured on two cores of another machine and scaled (tests/benchmarks)
#: but the first and the last, which are guesses: --benchmarks puts measured ones in their
#: place. A tile: 0.85 GB of its coadds are read, at 1 GB/s. Spectra a second: through the
#: map; through one network on 16 cores; in training on one GPU.
TILE_SECONDS = 0.85
MAP_RATE, SCORE_RATE, TRAINING_RATE = 50_000, 16 * 2_500, 10_000
#: Seconds of a job beside its work: SLURM's, Snakemake's two starts, TensorFlow's.
OVERHEAD = 20
#: Part of a node that a job is charged for: 32 of 256 threads in `shared`, or all of it.
CPU_SHARE, GPU_SHARE = cost.node_share(32), 1


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument(
        "--configfile", default=str(ROOT / "config" / "config.yaml"), help="config of the run"
    )
    parser.add_argument("--round", type=int, default=1, help="1 also extracts and maps the pool")
    parser.add_argument("--spectra-per-tile", type=float, default=1000, help="that networks score")
    parser.add_argument(
        "--training-spectra", type=float, default=50_000, help="of all labelled sets and batches"
    )
    parser.add_argument("--benchmarks", type=Path, help="folder of a run's benchmark files")
    args = parser.parse_args(argv)

    config = read(args.configfile)
    packed, unpacked = jobs_of_round(config, args.round), jobs_of_round(unpack(config), args.round)
    seconds = job_seconds(config, args.spectra_per_tile, args.training_spectra)
    if args.benchmarks:
        seconds = _recorded(args.benchmarks, seconds)
    row = "{:<18} {:>6} {:>9} {:>10} {:>11} {:>11}".format
    print(row("step", "jobs", "unpacked", "min a job", "CPU node h", "GPU node h"))
    total = [0.0, 0.0]
    for rule in filter(packed.get, RULES):
        wall = seconds.get(rule, 0) + OVERHEAD
        gpu = rule == "train_members"
        hours = packed[rule] * wall * (GPU_SHARE if gpu else CPU_SHARE) / 3600
        total[gpu] += hours
        parts = [f"{hours * part:.2f}" for part in (not gpu, gpu)]
        print(row(rule, packed[rule], unpacked[rule], f"{wall / 60:.1f}", *parts))
    sums = [sum(packed.values()), sum(unpacked.values()), "", *(f"{hours:.2f}" for hours in total)]
    print(row("round", *sums))


def read(path: str | Path) -> dict:
    """Read and check a config, as the Snakefile does."""
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise InputError(path, f"is no config ({error})", "give a YAML file") from error
    try:
        return check(content, ROOT / "config" / "schemas" / "config.schema.yaml")
    except InputError as error:
        raise InputError(path, *error.args[1:]) from error


def unpack(config: dict) -> dict:
    """The same with a job for each tile and for each member."""
    alone = {"pool": {"tiles_per_job": 1}, "ensemble": {"members_per_team": 1}}
    return config | {key: config[key] | value for key, value in alone.items()}


def jobs_of_round(config: dict, number: int) -> dict[str, int]:
    """Return how many SLURM jobs each step of a round is; round 1 has those of the run."""
    chunks, first = len(plan.chunks(config)), number == 1
    fits = first or number in config["som"]["refit_rounds"]
    return {
        "simulate_survey": len(config["mock"]) * first,
        "extract_spectra": chunks * first,
        "extract_labelled": len(config["labelled"]) * first,
        "fit_som": int(fits),
        "map_spectra": chunks * fits,
        "train_members": len(plan.teams(config)),
        "score_spectra": chunks,
        "select_batch": 1,
        "evaluate_ensemble": 1,
    }


def job_seconds(config: dict, spectra_per_tile: float, training_spectra: float) -> dict:
    """Return the seconds that a full job of each step works; others' are next to nothing."""
    ensemble, som = config["ensemble"], config["som"]
    tiles = max(len(chunk.tiles) for chunk in plan.chunks(config).values())
    spectra = tiles * spectra_per_tile
    steps = ensemble["min_steps"] * ensemble["batch_size"]
    return {
        "extract_spectra": tiles * TILE_SECONDS,
        "fit_som": som["epochs"] * som["sample"] / MAP_RATE,
        "map_spectra": spectra / MAP_RATE,
        "train_members": max(ensemble["epochs"] * training_spectra, steps) / TRAINING_RATE,
        "score_spectra": spectra * ensemble["members"] / SCORE_RATE,
    }


def _recorded(folder: Path, rules: Iterable[str]) -> dict:
    """Return the mean seconds of the rules' jobs, from the files that `benchmark:` wrote."""
    seconds = {rule: [] for rule in rules}
    for job in cost.read(folder):
        if job["rule"] in seconds:
            seconds[job["rule"]].append(job["seconds"])
    for rule, took in seconds.items():
        if not took:
            raise InputError(
                folder, f"has no benchmark of {rule}", "run a round of few tiles first"
            )
    return {rule: sum(took) / len(took) for rule, took in seconds.items()}


if __name__ == "__main__":
    program(main)
