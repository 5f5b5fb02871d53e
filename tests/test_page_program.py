"""The page's program: its modules, and those that compute tried in Node."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from quasarnet_al.inspection import pages

BROWSER = Path(pages.__file__).parent / "browser"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")


def imports(name):
    text = (BROWSER / f"{name}.js").read_text(encoding="utf-8")
    return re.findall(r'^import [^;]*from "\./(\w+)\.js";$', text, re.MULTILINE)


def test_every_module_is_joined_after_those_that_it_imports():
    assert sorted(pages.MODULES) == sorted(path.stem for path in BROWSER.glob("*.js"))
    for at, name in enumerate(pages.MODULES):
        assert set(imports(name)) <= set(pages.MODULES[:at]), name


def test_each_module_is_read_in_one_sitting():
    for name in pages.MODULES:
        assert len((BROWSER / f"{name}.js").read_text(encoding="utf-8").splitlines()) <= 320, name


@needs_node
def test_modules_and_the_joined_program_are_javascript(tmp_path):
    (tmp_path / "page.js").write_text(pages.program(), encoding="utf-8")
    # In one script no name may be given twice.
    for path in [*sorted(BROWSER.glob("*.js")), tmp_path / "page.js"]:
        subprocess.run([NODE, "--check", path], check=True)
    assert "import " not in re.sub(r"//.*|`[^`]*`|\"[^\"]*\"", "", pages.program())


@needs_node
def test_what_computes_in_node():
    tests = sorted((Path(__file__).parent / "inspection" / "browser").glob("*.test.mjs"))
    assert tests
    done = subprocess.run([NODE, "--test", *tests], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-5000:]
