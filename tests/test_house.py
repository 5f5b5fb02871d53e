"""The structure of the library: its wings, and which of them may import which."""

import ast
import re

import pytest

from helpers.cases import PROGRAMS
from helpers.diagrams import LIBRARY, WINGS, wings_imported
from helpers.paths import ROOT
from quasarnet_al.learning import acquisition
from quasarnet_al.spectra import columns

MODULES = sorted(LIBRARY.rglob("*.py"))


def test_the_list_of_wings_is_complete():
    found = {path.parent.name for path in LIBRARY.glob("*/__init__.py")}
    assert len(WINGS) == len(set(WINGS)) and set(WINGS) == found
    assert {path.name for path in LIBRARY.glob("*.py")} == {"__init__.py"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(LIBRARY)))
def test_a_wing_imports_only_those_before_it(path):
    wing = path.relative_to(LIBRARY).parts[0]
    allowed = set(WINGS[: WINGS.index(wing) + 1]) if wing in WINGS else set()
    assert wings_imported(path) <= allowed


@pytest.mark.parametrize("wing", WINGS)
def test_a_wing_itself_imports_nothing(wing):
    """`import quasarnet_al.<wing>.<module>` loads that module and no other."""
    tree = ast.parse((LIBRARY / wing / "__init__.py").read_text())
    assert [type(node) for node in tree.body] == [ast.Expr]


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("*.py")), ids=lambda path: path.name)
def test_no_test_imports_another(path):
    """What several share is in `tests/helpers`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert not re.match(r"(test_|conftest)", node.module), node.lineno
        elif isinstance(node, ast.Import):
            assert not any(re.match(r"(test_|conftest)", name.name) for name in node.names)


def test_tests_mirror_the_wings():
    """A module's tests have its name, in a folder of its wing's name."""
    for wing in WINGS:
        modules = {path.stem for path in (LIBRARY / wing).glob("*.py")}
        for path in (ROOT / "tests" / wing).glob("test_*.py"):
            name = path.stem.removeprefix("test_")
            assert name in modules | {"reports", "tasks", "slurm_checks"}, path


def test_every_acquisition_function_has_its_columns_described():
    """Their names become columns of FITS tables, whose headers say what they are."""
    assert {acquisition.column(name) for name in acquisition.NAMES} <= columns.COLUMNS.keys()


def test_every_program_is_tried_with_bad_input():
    """But for those that read no file that people or other programs made."""
    tried = {name.partition(".")[0] for name in PROGRAMS}
    programs = {path.stem for path in (ROOT / "workflow_scripts").glob("*.py")}
    assert programs - tried == {"check_gpu", "discard_answers", "record_round"}


def test_rules_find_their_programs_wherever_snakemake_runs():
    for path in (ROOT / "rules").glob("*.smk"):
        for line in re.findall(r"^ *python .*", path.read_text(), re.MULTILINE):
            assert line.strip().startswith('python "$QUASARNET_AL_PROGRAMS/'), (path.name, line)
