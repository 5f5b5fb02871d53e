"""The config: checked by its schema, filled with defaults."""

import difflib
import hashlib
import json
import os
import sys
from pathlib import Path

import jsonschema
import yaml

from quasarnet_al.core.files import InputError
from quasarnet_al.tasks.registry import TASKS


def validate(config: dict, schema: str | Path) -> dict:
    """Return the config with the schema's defaults filled in; `plan.check` also looks at tiles.

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
