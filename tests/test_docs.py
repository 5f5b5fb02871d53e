"""The documents: links lead somewhere, files and options that they name exist."""

import os
import re
import shutil
import subprocess

import pytest
import yaml

from helpers import diagrams
from helpers.paths import PYTHON, ROOT
from quasarnet_al.workflow import plan
from quasarnet_al.workflow.plan import check

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("docs/*.md")])
#: The files of the project, the options of each program.
CONFIG = re.compile(r"config/[a-z0-9-]+\.yaml")
PROGRAM = re.compile(r"(?:python )?workflow_scripts/(\w+)\.py((?:[^`\n]|\\\n)*)")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_resolve(path):
    text = path.read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target
    for name in CONFIG.findall(text):
        assert (ROOT / name).exists() or name == "config/my-dr1.yaml", name


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_programs_have_the_options_that_are_shown(path, program):
    for name, line in PROGRAM.findall(path.read_text()):
        options = set(re.findall(r"--[a-z-]+", line))
        if options:
            known = program(f"{name}.py", "--help").stdout
            assert not {option for option in options if option not in known}, (name, options)


def test_every_document_is_reached_from_the_readme():
    text = (ROOT / "README.md").read_text()
    for path in ROOT.glob("docs/*"):
        assert f"docs/{path.name}" in text, path.name


def test_the_diagrams_show_the_imports_and_the_graph():
    assert diagrams.DOCUMENT.read_text() == diagrams.document(), "run `make docs`"


def test_only_what_a_longer_path_implies_is_left_out():
    assert diagrams.reduced({("a", "b"), ("b", "c"), ("a", "c"), ("a", "d")}) == {
        *(("a", "b"), ("b", "c"), ("a", "d"))
    }


def test_the_acquisition_function_of_contributing_can_be_added(tmp_path):
    for name in ("config", "tests", "workflow_scripts", "pyproject.toml"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    (diff,) = re.findall(r"```diff\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    apply = {"input": diff, "text": True, "cwd": tmp_path}
    if subprocess.run(["git", "apply", "--reverse", "--check"], **apply).returncode:
        subprocess.run(["git", "apply"], **apply, check=True)
    make_docs = [PYTHON, "-m", "quasarnet_al.workflow.schema"]
    library = {"PYTHONPATH": str(tmp_path / "workflow_scripts")}
    subprocess.run(make_docs, env=os.environ | library, check=True)
    assert "`mean_gini`" in (tmp_path / "config/README.md").read_text()
    tests = [
        "tests/learning/test_acquisition.py",
        "tests/learning/test_scores.py",
        "tests/workflow/test_plan.py",
        "tests/workflow/test_schema.py",
    ]
    run = subprocess.run(
        [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert not run.returncode, run.stdout
    assert "test_gini" in (tmp_path / tests[0]).read_text()


def test_every_module_is_described_in_the_library():
    library = ROOT / "workflow_scripts/quasarnet_al"
    wings = re.split(r"^\* `(\w+)`:", (library / "__init__.py").read_text(), flags=re.MULTILINE)
    told = dict(zip(wings[1::2], wings[2::2], strict=True))
    assert told.keys() == {path.name for path in library.iterdir() if path.is_dir()} - {
        "__pycache__"
    }
    for wing, text in told.items():
        modules = {path.stem for path in (library / wing).glob("*.py")} - {"__init__"}
        assert modules - {"program", "files", "chance"} <= set(re.findall(r"`(\w+)`", text)), wing


def test_the_config_for_ones_own_data_is_valid(tmp_path, monkeypatch):
    (text,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/your-own-data.md").read_text(), re.S)
    assert len(text.splitlines()) <= 16
    monkeypatch.setenv("REDUX", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    found = check(yaml.safe_load(text), ROOT / "config/schemas/config.schema.yaml")
    assert list(plan.chunks(found)) == ["80605", "80607"]
    assert plan.labelled_sets(found)["dr12q"].files[0] == f"{tmp_path}/qn/data_dr12.fits"
