"""What jobs cost: what they took, by Snakemake's benchmark files, and what they will need."""

import glob
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from quasarnet_al.core.files import InputError
from quasarnet_al.workflow import plan

#: Perlmutter's nodes: hardware threads of a CPU node and of a GPU node, GPUs of the latter
#: (https://docs.nersc.gov/systems/perlmutter/architecture/).
CPU_NODE_THREADS, GPU_NODE_THREADS, NODE_GPUS = 256, 128, 4
#: Snakemake measures a job's memory at its start, when there is none yet, and then after seconds.
SEEN = 2.0
#: Steps of a round that run as jobs, in their order; the others take seconds and run beside the
#: head process.
RULES = (
    "simulate_survey", "extract_spectra", "extract_labelled", "fit_som", "map_spectra",
    "train_members", "score_spectra", "select_batch", "evaluate_ensemble",
)  # fmt: skip
#: Seconds per tile: 0.85 GB of its coadds are read, at a guessed 1 GB/s.
TILE_SECONDS = 0.85
#: Spectra per second through the map, and through one network on 16 cores: measured on two cores
#: of another machine and scaled (tests/benchmarks).
MAP_RATE, SCORE_RATE = 50_000, 16 * 2_500
#: Spectra per second that MiniSom fits a map to (`som.engine: minisom`), on one core.
MINISOM_RATE = 150
#: Seconds of a job beside its work: SLURM's, Snakemake's two starts, TensorFlow's.
OVERHEAD = 20
#: Spectra per second that one A100 trains on: a guess, 11 times the 874 of two CPU cores
#: (tests/benchmarks).
TRAINING_RATE = 10_000
#: Minutes of a training's time limit beside its work: files, Snakemake, TensorFlow, slow nodes.
TRAINING_OVERHEAD = 30
#: Bytes of a spectrum in a training set: 443 float32 pixels, its catalogue row and its label.
SPECTRUM_BYTES = 2_000


def node_share(threads: int, gpus: int = 0) -> float:
    """Return the part of a node that a job is charged for, 1 for all of it.

    It is the largest of its parts (https://docs.nersc.gov/jobs/policy/); memory is left out.
    """
    if gpus:
        return max(gpus / NODE_GPUS, threads / GPU_NODE_THREADS)
    return threads / CPU_NODE_THREADS


def training_seconds(recipe: Mapping, networks: int, spectra: float) -> float:
    """Return the seconds in which a GPU node trains `networks` on a set of `spectra`.

    `recipe` is a section of the config, with the keys of `Recipe`.
    """
    shown = max(recipe["epochs"] * spectra, recipe["min_steps"] * recipe["batch_size"])
    return math.ceil(networks / NODE_GPUS) * shown / TRAINING_RATE


def training_minutes(recipe: Mapping, networks: int, size_mb: float) -> int:
    """Return a time limit for a training, from the size of its input: the overhead, and
    twice the time that it should take. A job that reaches it goes on from its last epoch.
    """
    spectra = size_mb * 1e6 / SPECTRUM_BYTES
    return TRAINING_OVERHEAD + math.ceil(2 * training_seconds(recipe, networks, spectra) / 60)


def training_memory(size_mb: float) -> int:
    """Return the memory in MB of a training: TensorFlow's own, and copies of its input.

    450,000 spectra, a file of 0.9 GB, took 4.95 GB.
    """
    return 2000 + math.ceil(5 * size_mb)


def unpack(config: dict) -> dict:
    """Return the config with one job per tile and per member."""
    alone = {"pool": {"tiles_per_job": 1}, "ensemble": {"members_per_team": 1}}
    return config | {key: config[key] | value for key, value in alone.items()}


def jobs_of_round(config: dict, number: int) -> dict[str, int]:
    """Return the number of jobs of each step of a round; round 1 includes those of the run."""
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
    """Return the seconds that a full job of each step works; other steps take next to nothing."""
    ensemble, som = config["ensemble"], config["som"]
    tiles = max(len(chunk.tiles) for chunk in plan.chunks(config).values())
    spectra = tiles * spectra_per_tile
    return {
        "extract_spectra": tiles * TILE_SECONDS,
        "fit_som": som["epochs"]
        * som["sample"]
        / (MAP_RATE if som["engine"] == "batch" else MINISOM_RATE),
        "map_spectra": spectra / MAP_RATE,
        "train_members": training_seconds(ensemble, ensemble["members_per_team"], training_spectra),
        "score_spectra": spectra * ensemble["members"] / SCORE_RATE,
    }


def training_sizes(config: dict, spectra_per_tile: float) -> dict[str, float]:
    """Return the number of training spectra that each labelled set gives; NaN where it is unknown.

    From the header of the extracted set, or of the file that it is made from, where it exists;
    else from the config.
    """
    return {
        name: (1 - source["validation"]) * _size(config, name, source, spectra_per_tile)
        for name, source in config["labelled"].items()
        if not source["check"]
    }


def _size(config: dict, name: str, source: dict, spectra_per_tile: float) -> float:
    from quasarnet_al.spectra import hdus  # only here: rules import this module, too

    extracted = Path("results", config["run"], "labelled", f"{name}.fits")
    for path, table in ((extracted, "SPECTRA"), (Path(source.get("training_data", "")), 0)):
        if path.is_file():
            with hdus.opened(path, "an image of spectra", "replace it") as fits:
                return float(fits[table].read_header()["NAXIS2"])
    if "digits" in source:
        return float(source["digits"])
    if "boss" in source:
        return float(len(glob.glob(source["boss"])))
    if "survey" in source:
        mock = config["mock"][source["survey"]]
        return float(len(mock["tiles"]) * mock["petals"] * mock["targets_per_petal"])
    if "training_data" in source:
        return float("nan")
    return len(plan.tiles(config, source)) * spectra_per_tile


def recorded_seconds(folder: str | Path, rules: Iterable[str]) -> dict[str, float]:
    """Return the mean seconds of the rules' jobs, from the benchmark files of a run."""
    seconds: dict[str, list[float]] = {rule: [] for rule in rules}
    for job in read(folder):
        if job["rule"] in seconds:
            seconds[job["rule"]].append(job["seconds"])
    for rule, took in seconds.items():
        if not took:
            raise InputError(
                folder, f"has no benchmark of {rule}", "run a round of few tiles first"
            )
    return {rule: sum(took) / len(took) for rule, took in seconds.items()}


def read(folder: str | Path) -> Iterator[dict]:
    """Yield the jobs under a folder of benchmark files: rule, seconds, memory, node_hours.

    Memory is the largest, MB; NaN for a job shorter than `SEEN`.
    """
    for path in sorted(Path(folder).rglob("*.jsonl")):
        # round-NN/<rule>/..., <rule>/..., or <rule>.jsonl
        parts = path.relative_to(folder).parts
        rule = parts[1] if parts[0].startswith("round-") else parts[0]
        try:
            for line in path.read_text(encoding="utf-8").splitlines():
                record = json.loads(line)
                seconds, memory = float(record["s"]), record["max_rss"]
                # Recorded because of `benchmark-extended` in profiles/default.
                gpus = record.get("resources", {}).get("gpu", 0)
                share = node_share(record["threads"], gpus) if "threads" in record else float("nan")
                yield {
                    "rule": rule.removesuffix(".jsonl"),
                    "seconds": seconds,
                    "memory": float("nan" if memory == "NA" or seconds < SEEN else memory),
                    "node_hours": share * seconds / 3600,
                }
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(path, f"is not a benchmark file ({error!r})", "remove it") from error
