"""The forms of the environment say the same."""

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
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", (ENVS / f"{name}.txt").read_text(), re.M)
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
