"""The plan of a run: what the config means in chunks of tiles, sets, teams and rounds.

The rules ask these functions; nothing else interprets the config's structure.
"""

import difflib
import glob
import hashlib
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import yaml

from quasarnet_al import tile_table
from quasarnet_al.files import InputError, read_json
from quasarnet_al.tasks import TASKS


def check(config: dict, schema: str | Path) -> dict:
    """Return the config with the schema's defaults filled in.

    Raises
    ------
    InputError naming the key that is wrong
    """
    rules = yaml.safe_load(Path(schema).read_text())
    # Snakemake hands its config over as ordered dictionaries of its own.
    config = json.loads(json.dumps(config, default=str))
    errors = sorted(jsonschema.Draft202012Validator(rules).iter_errors(config), key=_place)
    if errors:
        error = jsonschema.exceptions.best_match(errors)
        raise InputError("config", f"{_place(error)}: {_fault(error)}", "see config/README.md")
    config = _with_data(_filled(config, rules), config.get("data", ""))
    config["release"] = config["ensemble"] | config["release"]
    teaching = [name for name, source in config["labelled"].items() if not source["check"]]
    for name, variant in config["compare"]["variants"].items():
        variant = config["ensemble"] | {"sets": teaching} | variant
        config["compare"]["variants"][name] = variant
        unknown = set(variant["sets"]) - set(teaching)
        if unknown:
            raise InputError(
                "config",
                f"compare.variants.{name}: {min(unknown)!r} is no labelled set to train on",
                "name it under labelled",
            )
    recipes = [config["ensemble"], config["release"], *config["compare"]["variants"].values()]
    if any(recipe["shift"] for recipe in recipes) and (
        config["grid"] != "log" or not TASKS[config["task"]].redshifts
    ):
        raise InputError(
            "config", "shift moves spectra on the log grid alone", "set shift: 0 or grid: log"
        )
    arms = config["experiment"]["arms"]
    for name, arm in arms.items():
        arms[name] = config["batch"] | arm
    if arms and config["experiment"]["baseline"] not in arms:
        raise InputError(
            "config",
            f"experiment.baseline {config['experiment']['baseline']!r} is no arm",
            "add it to experiment.arms",
        )
    if arms and not config["oracle"]["truth"]:
        raise InputError("config", "experiment needs oracle.truth", "name the truth")
    if (config["rounds"] or arms) and not config["pool"]["sources"]:
        raise InputError("config", "pool.sources is empty", "name a pool")
    if config["batch"]["size"] % config["batch"]["minibatch"]:
        raise InputError(
            "config",
            f"batch.size {config['batch']['size']} is no multiple of "
            f"batch.minibatch {config['batch']['minibatch']}",
            "change one of them",
        )
    if config["oracle"]["rounds"] and not config["oracle"]["truth"]:
        raise InputError("config", "oracle.rounds is set but oracle.truth is not", "name the truth")
    if config["rounds"] > config["oracle"]["rounds"] and not TASKS[config["task"]].pages:
        raise InputError(
            "config",
            f"task {config['task']} has no pages for people",
            "set oracle.rounds as high as rounds",
        )
    pool, catalog = chunks(config), chunks(config, "catalog")
    for name in pool.keys() & catalog.keys():
        if pool[name] != catalog[name]:
            raise InputError(
                "config",
                f"catalog: the tile {name} is another than the pool's",
                "run it in a config of its own",
            )
    count = max(len(pool), len(catalog))
    if count > 1000:
        # Some steps name the files of all in one command line, which holds 128 kB.
        raise InputError(
            "config", f"the tiles make {count} jobs a step", "raise pool.tiles_per_job"
        )
    sets = labelled_sets(config).values()
    if not any(labelled.validation for labelled in sets if not labelled.check):
        raise InputError(
            "config", "no labelled set gives a validation set", "set labelled.*.validation above 0"
        )
    return config


def _with_data(value: object, data: str) -> object:
    """Put the folder of the data where the config's paths say {data}."""
    if isinstance(value, dict):
        return {key: _with_data(inner, data) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_data(inner, data) for inner in value]
    if isinstance(value, str) and "{data}" in value:
        if not Path(data).is_dir():
            raise InputError(
                data or "{data}", "is not a folder", "set the config's key `data` to the real data"
            )
        return value.replace("{data}", data)
    return value


def _place(error: jsonschema.ValidationError) -> str:
    return ".".join(map(str, error.absolute_path)) or "top level"


def _fault(error: jsonschema.ValidationError) -> str:
    """Say what is wrong with a value, and for an unknown key which one was meant."""
    if error.validator_value == "string" and "tiles" in error.absolute_path:
        return f"{error.message}: write TILEID/NIGHT, as 80693/20210204"
    if error.validator != "additionalProperties" or error.validator_value is not False:
        return error.message
    known = error.schema.get("properties", {})
    key = min(error.instance.keys() - known.keys())
    meant = difflib.get_close_matches(key, known, 1)
    return f"there is no key {key!r}" + (f", perhaps {meant[0]!r} is meant" if meant else "")


def _filled(value: object, rules: dict) -> object:
    """Fill defaults, also of keys of objects that are themselves absent."""
    if rules.get("type") == "object" and isinstance(value, dict):
        for key, inner in rules.get("properties", {}).items():
            if key not in value and "default" in inner:
                value[key] = json.loads(json.dumps(inner["default"]))
            if key in value:
                value[key] = _filled(value[key], inner)
        inner = rules.get("additionalProperties")
        if isinstance(inner, dict):
            for key in value.keys() - rules.get("properties", {}).keys():
                value[key] = _filled(value[key], inner)
    if rules.get("type") == "array" and isinstance(value, list) and "items" in rules:
        value = [_filled(item, rules["items"]) for item in value]
    return value


def set_environment(config: dict) -> None:
    """Set what the jobs of a workflow inherit.

    The programs run in the environment that Snakemake runs in, activated or not. The
    config's hash is for the provenance in every output (see `files.provenance`).
    """
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    # Lustre and the read-only mounts of NERSC have no locks; files are renamed when whole.
    os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")
    text = json.dumps(config, sort_keys=True)
    os.environ["QUASARNET_AL_CONFIG"] = hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Chunk:
    """Tiles that one job extracts, scores and maps; one pool file.

    Attributes
    ----------
    name : of its files: the tile, or the first and the last of several
    root, layout, targets : where the tiles lie and which fibres count (see `desi`)
    tiles : as `desi.coadds` takes them
    survey : name of the mock survey that makes them, or ""
    """

    name: str
    root: str
    layout: str
    targets: str
    tiles: tuple[str, ...]
    survey: str


def chunks(config: dict, section: str = "pool") -> dict[str, Chunk]:
    """Return the chunks of the pool, or of the catalogue, by name, in the order of the config."""
    found: dict[str, Chunk] = {}
    size = config["pool"]["tiles_per_job"]
    for source in config[section]["sources"]:
        place = _tiles(config, source)
        for first in range(0, len(place["tiles"]), size):
            tiles = tuple(place["tiles"][first : first + size])
            names = [_tile_name(tile, place["layout"]) for tile in (tiles[0], tiles[-1])]
            name = names[0] if len(tiles) == 1 else "_".join(names)
            if source["targets"] != "qso":
                name += f"-{source['targets']}"
            if name in found:
                raise InputError("config", f"{section}: the tile {name} stands twice", "remove one")
            found[name] = Chunk(name, targets=source["targets"], **place | {"tiles": tiles})
    return found


def _tiles(config: dict, source: dict) -> dict:
    """Where the tiles of a source lie: given in the config, or made by a mock survey.

    Digits are one tile, which lies nowhere.
    """
    if "digits" in source:
        return {"root": "", "layout": "", "tiles": ["digits"], "survey": ""}
    survey = source.get("survey")
    if survey:
        mock = _survey(config, survey)
        return {
            "root": f"results/{config['run']}/mock/{survey}",
            "layout": "cumulative",
            "tiles": [f"{tile}/{mock['night']}" for tile in mock["tiles"]],
            "survey": survey,
        }
    layout = source["layout"]
    tiles = source.get("tiles") or tile_table.tiles(
        source["tile_table"],
        layout,
        source["surveys"],
        source["programs"],
        source.get("nights"),
        source["tile_list"],
    )
    for tile in tiles:
        tile_table.check_tile(layout, tile)
    return {"root": source["root"], "layout": layout, "tiles": tiles, "survey": ""}


def survey_truth(config: dict, survey: str) -> str:
    """Return the truth table of a mock survey: written last, it says that all is there."""
    return f"results/{config['run']}/mock/{survey}/truth.csv"


def _survey(config: dict, name: str) -> dict:
    if name not in config["mock"]:
        raise InputError("config", f"mock survey {name!r} is not under mock", "add it")
    return config["mock"][name]


def _tile_name(tile: str, layout: str) -> str:
    return tile.split("/")[0] if layout == "cumulative" else tile.replace("/", "-")


@dataclass(frozen=True)
class LabelledSet:
    """Labels that the run starts from.

    Attributes
    ----------
    name : of its file
    arguments : of extract_spectra.py, that make it
    files : that must be there first; the coadds of a production are not looked for
    survey : name of the mock survey that makes its spectra, or ""
    validation : share of its objects that only serve to judge the ensembles
    check : whether it serves `snakemake check` alone
    """

    name: str
    arguments: tuple[str, ...]
    files: tuple[str, ...]
    survey: str
    validation: float
    check: bool


def labelled_sets(config: dict) -> dict[str, LabelledSet]:
    """Return the labelled sets by name."""
    found = {}
    for name, source in config["labelled"].items():
        arguments, survey = _arguments(config, name, source)
        files = [source[key] for key in ("training_data", "truth") if key in source]
        if survey:
            files.append(survey_truth(config, survey))
        found[name] = LabelledSet(
            name, tuple(arguments), tuple(files), survey, source["validation"], source["check"]
        )
    return found


def _arguments(config: dict, name: str, source: dict) -> tuple[list[str], str]:
    if "digits" in source:
        return [], ""
    if "boss" in source:
        files = sorted(glob.glob(source["boss"]))
        if not files:
            raise InputError(source["boss"], "no such files", f"check labelled.{name}.boss")
        return ["--boss", *files], ""
    if "training_data" in source:
        if config["grid"] != "log":
            raise InputError("config", f"labelled.{name} is on the log grid", "set grid: log")
        return ["--training-data", source["training_data"], "--truth", source["truth"]], ""
    place = _tiles(config, source)
    truth = source.get("truth") or f"{place['root']}/truth.csv"
    arguments = ["--input-root", place["root"], "--layout", place["layout"]]
    arguments += ["--targets", source["targets"], "--truth", truth, "--tile", *place["tiles"]]
    return arguments, place["survey"]


def teams(config: dict) -> dict[str, list[int]]:
    """Return the members of each team, by the team's name."""
    ensemble = config["ensemble"]
    members = list(range(ensemble["members"]))
    size = ensemble["members_per_team"]
    return {
        f"{first // size + 1:02d}": members[first : first + size]
        for first in range(0, len(members), size)
    }


def sky_chunks(config: dict) -> list[str]:
    """Return the chunks whose sky fibres the gate looks at: each tile once."""
    places = {}
    for name, chunk in chunks(config).items():
        places.setdefault((chunk.root, chunk.layout, chunk.tiles), name)
    return list(places.values())


def incumbent(config: dict) -> str:
    """Return the weights in use; raise `InputError` where the config names none."""
    if not config["gate"]["incumbent"]:
        raise InputError(
            "config", "gate.incumbent is empty", "name the weights file that is in use"
        )
    return config["gate"]["incumbent"]


def minibatches(config: dict) -> list[str]:
    """Return the names of a round's minibatches: 01, 02 ..."""
    return [f"{n + 1:02d}" for n in range(config["batch"]["size"] // config["batch"]["minibatch"])]


def handed_in(config: dict, number: int) -> list[str]:
    """Return the CSV files that people handed in for a round, sorted."""
    folder = Path("labels", config["run"], f"round-{number:02d}")
    files = folder.iterdir() if folder.is_dir() else []
    return sorted(str(path) for path in files if path.suffix.lower() == ".csv")


def refuse_void(config: dict, numbers: Iterable[int]) -> None:
    """Raise `InputError` where people have answered a batch that is to be chosen again.

    `numbers` are the rounds whose batch is; one that is not on disk is no choice yet.
    """
    for number in sorted(numbers):
        files = handed_in(config, number)
        batch = Path("results", config["run"], f"round-{number:02d}", "batch.csv")
        if number > config["oracle"]["rounds"] and files and batch.exists():
            raise InputError(
                Path(files[0]).parent,
                "holds answers to a batch that would be chosen again",
                "take back what changed before it (snakemake -n tells what), or move these files "
                "elsewhere; --forcerun select_batch goes on as it is",
            )


def waiting(config: dict, number: int) -> list[str]:
    """Return the minibatches of a round that still wait for an inspector.

    While the round's batch is not on disk any CSV counts: `merge_labels.py --whole` looks
    again.
    """
    if number <= config["oracle"]["rounds"]:
        return []
    files = handed_in(config, number)
    batch = Path("results", config["run"], f"round-{number:02d}", "batch.csv")
    if not files:
        return minibatches(config)
    if not batch.exists():
        return []
    from quasarnet_al import inspection  # only here: pandas takes its time to start

    task = TASKS[config["task"]]
    answers, *_ = inspection.read_answers(files, task.spectypes, task.redshifts)
    answers = answers[answers["QUALITY"] >= 0]
    answers = answers.merge(inspection.read_batch(batch)[["TARGETID", "MINIBATCH"]], on="TARGETID")
    answered = answers.groupby(["MINIBATCH", "INSPECTOR"])["TARGETID"].nunique()
    enough = inspection.is_handed_in(answered, config["batch"]["minibatch"])
    inspectors = enough.groupby("MINIBATCH").sum()
    wanted = config["inspection"]["inspectors"]
    return [name for name in minibatches(config) if inspectors.get(int(name), 0) < wanted]


def rounds(config: dict) -> list[int]:
    """Return the numbers of the rounds that belong to the graph now.

    All that are labelled, and the first that is not: it ends the graph.
    """
    numbers = []
    for number in range(1, config["rounds"] + 1):
        numbers.append(number)
        if waiting(config, number):
            break
    return numbers


def release(config: dict) -> str:
    """Return the weights file that the run releases."""
    return f"results/{config['run']}/release/quasarnet-{config['run']}.h5"


def next_steps(config: dict, numbers: list[int], command: str) -> str:
    """Return the lines that tell a person where to look and what to do now.

    `numbers` are the rounds of the graph, `command` is what to type to go on.
    """
    results = f"results/{config['run']}"
    if not numbers:
        made = [release(config)]
        made += [f"{results}/{name}" for name in ("label_ratio.csv", "arms.png", "compare.csv")]
        return "\n".join(["", *(path for path in made if Path(path).exists())])
    last = f"round-{numbers[-1]:02d}"
    places = {
        "report": f"{results}/report.html",
        "curve": f"{results}/learning_curve.csv",
        "batch": f"{results}/{last}/batch.csv",
        "inspection": f"{results}/{last}/inspect/index.html",
        "release": release(config),
        "catalogue": f"{results}/catalog.fits",
        "archive": f"{results}/archive.tar",
    }
    lines = [f"{name + ':':12} {path}" for name, path in places.items() if Path(path).exists()]
    for number in numbers:
        folder = Path(results, f"round-{number:02d}")
        if number <= config["oracle"]["rounds"] or not (folder / "agreement.json").exists():
            continue
        counts = read_json(folder / "agreement.json")
        told = f"round {number}: {counts['accepted']} of {counts['targets']} labels accepted"
        told += "".join(
            f", {counts[name]} {name}"
            for name in ("low quality", "not inspected", "refused rows")
            if counts.get(name)
        )
        lines.append(told + f" (see {folder}/refused.csv)" * bool(counts.get("refused rows")))
        if counts["conflict"]:
            lines.append(
                f"inspectors disagree on {counts['conflict']} spectra of round {number}: decide on "
                f"{folder}/inspect/adjudication.html, before a later round's pages are answered"
            )
    missing = waiting(config, numbers[-1])
    files = handed_in(config, numbers[-1])
    if files:
        from quasarnet_al import inspection  # only here: pandas takes its time to start

        task = TASKS[config["task"]]
        _, faults, refused = inspection.read_answers(files, task.spectypes, task.redshifts)
        lines += faults.values()
        if refused:
            name, line, _, reason = refused[0]
            lines.append(f"{len(refused)} rows are not taken: {name} line {line}: {reason} ...")
    if missing and Path(places["inspection"]).exists():
        lines.append(
            f"round {numbers[-1]} waits for labels of the minibatches {', '.join(missing)}: "
            "inspect the pages, put the CSV files into "
            f"labels/{config['run']}/{last}/ (make the folder), then: {command}"
        )
    if not missing:
        lines.append(f"all {config['rounds']} rounds are labelled; raise `rounds` to go on")
    return "\n".join(["", *lines])
