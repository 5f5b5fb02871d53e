"""What jobs cost: what they took, by Snakemake's benchmark files, and what they will need."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from quasarnet_al.core.files import InputError
from quasarnet_al.spectra.tiles import matching
from quasarnet_al.workflow import plan

#: Perlmutter's nodes: hardware threads of a CPU node and of a GPU node, GPUs of the latter
#: (https://docs.nersc.gov/systems/perlmutter/architecture/).
CPU_NODE_THREADS, GPU_NODE_THREADS, NODE_GPUS = 256, 128, 4
#: Threads of a CPU job in `shared`, by profiles/perlmutter.
CPU_JOB_THREADS = 32
#: Snakemake measures a job's memory at its start, when there is none yet, and then after seconds.
SEEN = 2.0
#: Steps of a round that run as jobs, in their order; the others take seconds and run beside the
#: head process.
RULES = (
    "simulate_survey", "extract_spectra", "extract_labelled", "fit_som", "map_spectra",
    "train_members", "score_spectra", "select_batch", "evaluate_ensemble",
)  # fmt: skip
#: Steps that train; the others take CPU nodes.
TRAININGS = ("train_members", "train_release", "train_variant", "start_arms", "run_arm")
#: Seconds per tile: 0.85 GB of its coadds are read, at a guessed 1 GB/s; per MB of other files at
#: the same rate; and per spec-*.fits, a guess.
TILE_SECONDS, MB_SECONDS, SPEC_SECONDS = 0.85, 0.001, 0.02
#: Memory per tile, MB: three copies of the 5,000 spectra that it has at most.
TILE_MEMORY = 30
#: Spectra per second through the map, through one network and through the selection, on 16
#: cores: measured on two cores of another machine and scaled (tests/benchmarks).
MAP_RATE, SCORE_RATE, SELECT_RATE = 50_000, 16 * 2_500, 20_000
#: Spectra per second that MiniSom fits a map to (`som.engine: minisom`), and that a mock survey
#: simulates, on one core.
MINISOM_RATE, MOCK_RATE = 150, 50
#: Seconds of a job beside its work: SLURM's, Snakemake's two starts, TensorFlow's.
OVERHEAD = 20
#: Spectra per second that one A100 trains on: a guess, 11 times the 874 of two CPU cores; an H100
#: trained 31,600 (tests/benchmarks/NOTES.md). And seconds in which TensorFlow prepares a network,
#: a guess as well.
TRAINING_RATE, NETWORK_SECONDS = 10_000, 15
#: Minutes of a time limit beside the work: files, Snakemake, slow nodes; for a training also
#: TensorFlow. The work may take a few times as long as it should.
LIMIT_OVERHEAD, TRAINING_OVERHEAD, LIMIT_FACTOR = 15, 30, 3
#: Bytes of a spectrum in a pool or training set: 443 float32 pixels, its catalogue row, its label.
SPECTRUM_BYTES = 2_000
#: Spectra of a tile where nobody knows their number.
TILE_SPECTRA = 1_000


def node_share(threads: int, gpus: int = 0) -> float:
    """Return the part of a node that a job is charged for, 1 for all of it.

    It is the largest of its parts (https://docs.nersc.gov/jobs/policy/); memory is left out.
    """
    if gpus:
        return max(gpus / NODE_GPUS, threads / GPU_NODE_THREADS)
    return threads / CPU_NODE_THREADS


def limit(rule: str, seconds: float) -> int:
    """Return the time limit (minutes) of a job of `rule` whose work should take `seconds`.

    The training of an ensemble that reaches it goes on from its last epoch.
    """
    overhead = TRAINING_OVERHEAD if rule in TRAININGS else LIMIT_OVERHEAD
    return overhead + math.ceil(LIMIT_FACTOR * seconds / 60)


def spectra_in(size_mb: float) -> float:
    """Return about how many spectra files of a size (MB) hold."""
    return size_mb * 1e6 / SPECTRUM_BYTES


def training_seconds(
    recipe: Mapping, networks: int, spectra: float, gpus: int = NODE_GPUS, at_once: int = 1
) -> float:
    """Return the seconds in which GPUs train `networks` on a set of `spectra`.

    `recipe` is a section of the config, with the keys of `Recipe`. Where a GPU trains `at_once` of
    them they are taken to need as long as in turn, so that the limit holds on any GPU.
    """
    shown = max(recipe["epochs"] * spectra, recipe["min_steps"] * recipe["batch_size"])
    turns = math.ceil(math.ceil(networks / at_once) / gpus)
    return turns * (NETWORK_SECONDS + min(at_once, networks) * shown / TRAINING_RATE)


def training_memory(size_mb: float, at_once: int = 1) -> int:
    """Return the memory in MB of a training: TensorFlow's own, and copies of its input.

    450,000 spectra, a file of 0.9 GB, took 4.95 GB. Each of the networks that are trained at once
    has a sample of its own, in up to three copies, and a fourth while a GPU trains on the third.
    """
    return 2000 + math.ceil((2 + 4 * at_once) * size_mb)


def scoring_seconds(networks: int, spectra: float) -> float:
    """Return the seconds in which `networks` are applied to `spectra`."""
    return networks * spectra / SCORE_RATE


def fitting_seconds(som: Mapping) -> float:
    """Return the seconds in which a map is fitted; `som` is that section of the config."""
    rate = MAP_RATE if som["engine"] == "batch" else MINISOM_RATE
    return som["epochs"] * som["sample"] / rate


def arm_seconds(config: dict, arm: str) -> float:
    """Return the seconds that a strategy of the study takes on one GPU.

    Each of its rounds trains an ensemble on the initial set and the labels so far, and applies
    it to the pool; both are counted by the config.
    """
    ensemble, rounds = config["ensemble"], config["experiment"]["rounds"]
    pool = sum(_planned(config, source, TILE_SPECTRA) for source in config["pool"]["sources"])
    most = (
        training_spectra(training_sizes(config))
        + rounds * config["experiment"]["arms"][arm]["size"]
    )
    members, at_once = ensemble["members"], ensemble["members_at_once"]
    trained = training_seconds(ensemble, members, most, gpus=1, at_once=at_once)
    return rounds * (trained + scoring_seconds(members, pool))


def unpack(config: dict) -> dict:
    """Return the config with one job per tile and per member."""
    alone = {"pool": {"tiles_per_job": 1}, "ensemble": {"members_per_team": 1}}
    return config | {key: config[key] | value for key, value in alone.items()}


def jobs_of_round(config: dict, number: int) -> dict[str, int]:
    """Return the number of jobs of each step of a round; round 1 includes those of the run."""
    chunks, first = len(plan.chunks(config)), number == 1
    refits = number in config["som"]["refit_rounds"]
    fits = refits or (first and not config["shares_map"])
    extracts = first and not config["pool"]["run"]
    return {
        "simulate_survey": len(config["mock"]) * first,
        "extract_spectra": chunks * extracts,
        "extract_labelled": len(config["labelled"]) * first,
        "fit_som": int(fits),
        "map_spectra": chunks * fits,
        "train_members": len(plan.teams(config)),
        "score_spectra": chunks,
        "select_batch": 1,
        "evaluate_ensemble": 1,
    }


def job_seconds(config: dict, spectra_per_tile: float, training_spectra: float) -> dict[str, float]:
    """Return the seconds that a full job of each step works; other steps take next to nothing."""
    ensemble = config["ensemble"]
    tiles = max(len(chunk.tiles) for chunk in plan.chunks(config).values())
    spectra = tiles * spectra_per_tile
    return {
        "extract_spectra": tiles * TILE_SECONDS,
        "fit_som": fitting_seconds(config["som"]),
        "map_spectra": spectra / MAP_RATE,
        "train_members": training_seconds(
            ensemble,
            ensemble["members_per_team"],
            training_spectra,
            at_once=ensemble["members_at_once"],
        ),
        "score_spectra": scoring_seconds(ensemble["members"], spectra),
    }


class Step(NamedTuple):
    """The jobs of one step of a round: their number, the same unpacked, and all that they cost.

    `minutes` is the time that one should take, `limit` its time limit in minutes, 0 where the
    config does not tell it.
    """

    rule: str
    jobs: int
    unpacked: int
    minutes: float
    limit: int
    cpu_node_hours: float
    gpu_node_hours: float


def steps(
    config: dict, number: int, expected: Mapping[str, float], recorded: Mapping[str, float]
) -> list[Step]:
    """Return the steps of a round that run as jobs.

    `expected` and `recorded` are the seconds that a job of a step works; the latter count.
    """
    jobs, unpacked = jobs_of_round(config, number), jobs_of_round(unpack(config), number)
    found = []
    for rule in filter(jobs.get, RULES):
        wall = recorded.get(rule, expected.get(rule, 0)) + OVERHEAD
        gpu = rule in TRAININGS
        hours = jobs[rule] * wall * (1 if gpu else node_share(CPU_JOB_THREADS)) / 3600
        most = limit(rule, expected[rule]) if rule in expected else 0
        row = (jobs[rule], unpacked[rule], wall / 60, most, hours * (not gpu), hours * gpu)
        found.append(Step(rule, *row))
    return found


def training_sizes(config: dict, spectra_per_tile: float = TILE_SPECTRA) -> dict[str, float]:
    """Return the number of training spectra that each labelled set gives; NaN where it is unknown.

    From the header of the extracted set, or of the file that it is made from, where it exists;
    else from the config.
    """
    return {
        name: (1 - source["validation"]) * _size(config, name, source, spectra_per_tile)
        for name, source in config["labelled"].items()
        if not source["check"]
    }


def training_spectra(sizes: Mapping[str, float]) -> float:
    """Return the sum of `training_sizes`, as far as they are known."""
    return sum(size for size in sizes.values() if size == size)


def labelled_seconds(config: dict, source: dict) -> float:
    """Return the seconds in which a labelled set is extracted, from its section of the config."""
    if "training_data" in source:
        path = Path(source["training_data"])
        return MB_SECONDS * path.stat().st_size / 1e6 if path.is_file() else 0
    if "boss" in source:
        return _planned(config, source, 0) * SPEC_SECONDS
    return len(plan.tiles(config, source)) * TILE_SECONDS


def _size(config: dict, name: str, source: dict, spectra_per_tile: float) -> float:
    from quasarnet_al.spectra import hdus  # only here: rules import this module, too

    extracted = Path("results", config["run"], "labelled", f"{name}.fits")
    for path, table in ((extracted, "SPECTRA"), (Path(source.get("training_data", "")), 0)):
        if path.is_file():
            with hdus.opened(path, "an image of spectra", "replace it") as fits:
                return float(fits[table].read_header()["NAXIS2"])
    return _planned(config, source, spectra_per_tile)


def _planned(config: dict, source: dict, spectra_per_tile: float) -> float:
    """Return how many spectra a source of the config gives; NaN where only its file knows."""
    if "digits" in source:
        return float(source["digits"])
    if "boss" in source:
        return float(len(matching(source["boss"])))
    if "survey" in source:
        return mock_spectra(config["mock"][source["survey"]])
    if "training_data" in source:
        return float("nan")
    return len(plan.tiles(config, source)) * spectra_per_tile


def mock_spectra(survey: Mapping) -> float:
    """Return how many spectra a mock survey has; `survey` is its section of the config."""
    return float(len(survey["tiles"]) * survey["petals"] * survey["targets_per_petal"])


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
