"""The config: checked against its schema, filled with defaults."""

import difflib
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from quasarnet_al.core.files import InputError
from quasarnet_al.spectra.tables import is_number
from quasarnet_al.tasks.registry import TASKS

#: Value of `ensemble.start`: members go on from their weights of the round before.
PREVIOUS = "previous"


#: What a key of a mapping may be in YAML: text, or `<<`.
_NAMES = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge")


class _Loader(yaml.SafeLoader):
    """Reads YAML, but refuses keys whose meaning would be lost.

    Of a key that is twice in a mapping the first would be, and of the name `off` all but False.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            fault = f"the key {key.value!r} is there twice" if key.value in seen else ""
            if key.tag not in _NAMES:
                fault = f"the key {key.value!r} is not text in YAML: put quotes around it"
            if fault:
                raise yaml.constructor.ConstructorError(None, None, fault, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_yaml(path: str | Path) -> Any:
    """Read a file of a config; raise `InputError` with the line of what is wrong in it."""
    try:
        return yaml.load(Path(path).read_text(encoding="utf-8"), _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark else ""
        raise InputError(path, f"{line}{error.problem}", "fix the YAML") from error
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise InputError(path, f"is not a config ({error})", "give a YAML file") from error


def _is_number(value: object) -> bool:
    # Programs keep numbers in 64 bits; NaN is not below any limit.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**63


#: Checks a config. To JSON schema NaN is a number, which no limit excludes, and 4.0 an integer,
#: which no program takes.
Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            "number": lambda _, value: _is_number(value),
            "integer": lambda _, value: _is_number(value) and isinstance(value, int),
        }
    ),
)


def validate(config: dict, schema: str | Path) -> dict:
    """Return the config with the schema's defaults filled in; `plan.check` also looks at tiles.

    Raises
    ------
    InputError naming the key that is wrong
    """
    rules = yaml.safe_load(Path(schema).read_text(encoding="utf-8"))
    # Snakemake hands its config over as ordered dictionaries of its own.
    config = json.loads(json.dumps(config, default=str))
    errors = sorted(Validator(rules).iter_errors(config), key=_place)
    if errors:
        error = jsonschema.exceptions.best_match(errors)
        while error.parent is not None and error.parent.validator == "oneOf":
            error = error.parent  # the source as a whole, not one of the kinds that it is not
        raise InputError("config", f"{_place(error)}: {_fault(error)}", "see config/README.md")
    config = _with_variables(_filled(config, rules))
    config = _with_data(config, config["data"])
    _inherit(config)
    fault = next(_contradictions(config), None)
    if fault:
        raise InputError("config", *fault)
    return config


def _inherit(config: dict) -> None:
    """Give sections that refine another one the values that they do not set."""
    # What is no round has none before it.
    recipe = dict(config["ensemble"])
    if recipe["start"] == PREVIOUS:
        recipe["start"] = ""
    config["release"] = recipe | config["release"]
    sets = [name for name, source in config["labelled"].items() if not source["check"]]
    for section, base in (
        (config["compare"]["variants"], recipe | {"sets": sets}),
        (config["experiment"]["arms"], config["batch"]),
    ):
        section.update({name: base | changes for name, changes in section.items()})


def _contradictions(config: dict) -> Iterator[tuple[str, str]]:
    """Yield what is wrong between keys that are each allowed, and what to do."""
    task, batch, oracle = TASKS[config["task"]], config["batch"], config["oracle"]
    arms, variants = config["experiment"]["arms"], config["compare"]["variants"]
    published, results = Path(config["publish"]).absolute(), Path("results").absolute()
    if config["publish"] and published.is_relative_to(results):
        yield f"publish: {config['publish']} is in results", "name a folder elsewhere"
    for name, variant in variants.items():
        unknown = {
            s for s in variant["sets"] if config["labelled"].get(s, {"check": True})["check"]
        }
        if unknown:
            yield (
                f"compare.variants.{name}: {min(unknown)!r} is not a labelled set for training",
                "name it under labelled",
            )
    recipes = [config["ensemble"], config["release"], *variants.values()]
    started = [recipe["start"] for recipe in recipes if recipe["start"]]
    if started and not task.redshifts:
        yield f"start: {started[0]!r} is a QuasarNET", f"leave it out of the task {config['task']}"
    if config["release"]["start"] == PREVIOUS:
        yield "release.start: a release has no round before it", "name weights, or leave it out"
    if config["ensemble"]["start"] not in ("", PREVIOUS) and (arms or variants):
        yield (
            "experiment and compare train from random weights, but ensemble.start names others",
            "leave out ensemble.start",
        )
    moves = config["grid"] == "log" and task.redshifts
    if any(recipe["shift"] for recipe in recipes) and not moves:
        yield "shift is possible on the log grid only", "set shift: 0 or grid: log"
    if config["release"]["views"] > 1 and not moves:
        yield "release.views: spectra move on the log grid only", "set views: 1 or grid: log"
    varied = [key for key in ("noise", "tilt", "arm_offset") for r in recipes if r[key]]
    if varied and not task.redshifts:
        yield f"{varied[0]} varies spectra only", f"leave it out of the task {config['task']}"
    if arms and config["experiment"]["baseline"] not in arms:
        baseline = config["experiment"]["baseline"]
        yield (
            f"experiment.baseline {baseline!r} is not one of experiment.arms",
            "add it there",
        )
    if arms and not oracle["truth"]:
        yield "experiment needs oracle.truth", "name the truth table"
    pool = config["pool"]
    if (config["rounds"] or arms) and not (pool["sources"] or pool["run"]):
        yield "pool.sources is empty", "name a pool"
    if pool["run"] == config["run"]:
        yield "pool.run is the run itself", "name another run, or give pool.sources"
    if batch["size"] % batch["minibatch"]:
        yield (
            f"batch.size {batch['size']} is not a multiple of batch.minibatch {batch['minibatch']}",
            "change one of them",
        )
    for name, source in config["labelled"].items():
        if source["check"] and (source["validation"] or source["gate"]):
            yield (
                f"labelled.{name}: validation and gate have no effect with check: true",
                "leave them out, or check",
            )
    if oracle["rounds"] and not oracle["truth"]:
        yield "oracle.rounds is set but oracle.truth is not", "name the truth table"
    if config["rounds"] > oracle["rounds"] and not task.pages:
        yield (
            f"task {config['task']} has no inspection pages, so the oracle must answer all rounds",
            "set oracle.rounds as high as rounds",
        )


def _with_variables(value: Any) -> Any:
    """Replace ~ and environment variables in the texts of the config."""
    if isinstance(value, dict):
        return {key: _with_variables(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_variables(inner) for inner in value]
    if not isinstance(value, str):
        return value
    path = os.path.expandvars(os.path.expanduser(value))
    unset = re.search(r"\$(\w+|\{\w+\})", path)
    if unset or path.startswith("~"):
        name = unset[0] if unset else path.partition("/")[0]
        raise InputError("config", f"{value}: there is no {name}", "set it, or write the path")
    return path


def _with_data(value: Any, data: str) -> Any:
    """Replace {data} in the config's paths by the folder of the data."""
    if isinstance(value, dict):
        return {key: _with_data(inner, data) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_data(inner, data) for inner in value]
    if not isinstance(value, str):
        return value
    unknown = re.search(r"\{(?!data\})\w*\}", value)
    if unknown:
        raise InputError(
            "config", f"{value}: there is no {unknown[0]}", "write {data}, or the path"
        )
    if "{data}" in value:
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
    if error.validator == "type" and isinstance(error.instance, str) and is_number(error.instance):
        return f"{error.message}, but text: write it without quotes, and 1e-3 as 1.0e-3"
    if error.validator == "oneOf":
        return _fault_of_source(error)
    if error.validator == "not":
        useless: Any = error.validator_value
        return f"the key {useless['required'][0]!r} has no effect here"
    if error.validator != "additionalProperties" or error.validator_value is not False:
        return error.message
    schema: Any = error.schema
    known = schema.get("properties", {})
    key = min(error.instance.keys() - known.keys())  # type: ignore[union-attr]  # an object
    meant = difflib.get_close_matches(key, known, 1)
    return f"there is no key {key!r}" + (f", perhaps {meant[0]!r} is meant" if meant else "")


def _fault_of_source(error: jsonschema.ValidationError) -> str:
    """Say what a source of spectra lacks, or which of its keys has no effect."""
    kinds: Any = error.validator_value
    given = set(error.instance)  # type: ignore[arg-type]  # an object
    whole = [kind for kind in kinds if given.issuperset(kind["required"])]
    if not whole:
        needs = "; or ".join(", ".join(kind["required"]) for kind in kinds)
        return f"has {', '.join(sorted(given)) or 'no key'}, but a source needs {needs}"
    kind = max(whole, key=lambda kind: len(given & kind["properties"].keys()))
    without = ", ".join(sorted(given - kind["properties"].keys()))
    return f"{without} has no effect beside {', '.join(kind['required'])}: leave it out"


def _filled(value: Any, rules: dict) -> Any:
    """Fill defaults, also of keys of objects that are themselves absent.

    Keys get the order of the schema: in which order they were written is no reason to run a job
    again. What a person names (sets, surveys, arms) keeps its order.
    """
    if rules.get("type") == "object" and isinstance(value, dict):
        known, others = rules.get("properties", {}), rules.get("additionalProperties")
        defaults = {key: inner["default"] for key, inner in known.items() if "default" in inner}
        value = json.loads(json.dumps(defaults)) | value
        named = [key for key in value if key not in known]
        return {key: _filled(value[key], known[key]) for key in known if key in value} | {
            key: _filled(value[key], others if isinstance(others, dict) else {}) for key in named
        }
    if rules.get("type") == "array" and isinstance(value, list) and "items" in rules:
        return [_filled(item, rules["items"]) for item in value]
    return value


def set_environment(config: dict, project: Path) -> None:
    """Set what the jobs of a workflow inherit.

    The programs run in the environment that Snakemake runs in, activated or not. They are in
    the folder of the project, wherever Snakemake runs. The
    config's hash is for the provenance in every output (see `files.provenance`).
    """
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    os.environ["QUASARNET_AL_PROGRAMS"] = str(project.absolute() / "workflow_scripts")
    # Lustre and the read-only mounts of NERSC have no file locks; files are renamed when complete.
    os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")
    text = json.dumps(config, sort_keys=True)
    os.environ["QUASARNET_AL_CONFIG"] = hashlib.sha256(text.encode()).hexdigest()[:12]
