"""The forms of the environment say the same."""

import importlib.metadata
import re
from pathlib import Path

import pytest
import yaml

ENVS = Path(__file__).resolve().parents[1] / "envs"
#: For developing, not for running a rule.
DEVELOPMENT = {
    *("pytest", "pytest-xdist", "pytest-cov", "hypothesis", "playwright", "desispec"),
    *("ruff", "snakefmt", "codespell", "mypy", "pandas-stubs", "types-PyYAML", "types-jsonschema"),
}


def asked(name):
    lines = (ENVS / f"{name}.in").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def pinned(name):
    pins = r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)"
    found = re.findall(pins, (ENVS / f"{name}.txt").read_text(), re.M)
    return {package.lower().replace("_", "-"): version for package, version in found}


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_pins_are_what_was_asked_for(name):
    pins = pinned(name)
    for package, version in asked(name).items():
        assert pins[package.split("[")[0].lower()] == version


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_conda_file_is_in_step(name):
    *_, pip = yaml.safe_load((ENVS / f"{name}.yaml").read_text())["dependencies"]
    wanted = {k: v for k, v in asked(name).items() if k not in DEVELOPMENT}
    assert dict(package.split("==") for package in pip["pip"]) == wanted


def test_cpu_and_gpu_agree():
    """Both run the same code on the same numbers: what they share has one version."""
    cpu, gpu = pinned("cpu"), pinned("gpu")
    assert {k: (cpu[k], gpu[k]) for k in cpu.keys() & gpu.keys() if cpu[k] != gpu[k]} == {}


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_every_pin_has_hashes_and_no_host(name):
    text = (ENVS / f"{name}.txt").read_text()
    assert text.count("==") == len(re.findall(r"==[^\n]*\\\n    --hash=sha256:[0-9a-f]{64}", text))
    assert "://" not in text


def test_pins_have_the_extras_that_other_packages_ask_for():
    """Where `coverage` is pinned and `coverage[toml]` is asked for, pip takes the newest of it."""
    text = (ENVS / "cpu.txt").read_text().lower()
    asked_for = set()
    for distribution in importlib.metadata.distributions():
        for line in distribution.requires or ():
            match = re.match(r"([A-Za-z0-9._-]+)\[([^\]]+)\]", line)
            if match and "extra ==" not in line:
                asked_for.add((match[1].lower(), match[2].lower()))
    assert ("coverage", "toml") in asked_for
    for package, extra in asked_for:
        assert f"\n{package}[{extra}]==" in f"\n{text}", package
