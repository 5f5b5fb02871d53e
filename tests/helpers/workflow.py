"""Running the workflow in a folder of its own."""

import hashlib
import subprocess
from pathlib import Path

from helpers.paths import PYTHON, ROOT

CONFIG = "tests/configs/tiny.yaml"


def checkout(folder: Path) -> Path:
    """A folder in which Snakemake runs as in a checkout, with results of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ("Snakefile", "rules", "workflow_scripts", "config", "envs", "profiles", "tests")
    for name in (*names, "README.md"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def snakemake(folder, *arguments, config=CONFIG, changes="", status=0):
    """Run Snakemake; `changes` is YAML that overrides keys of the config."""
    command = [PYTHON, "-m", "snakemake", "--cores", "2"]
    command += map(str, arguments)
    command += ["--configfile", config] if config else []
    if changes:
        (folder / "changes.yaml").write_text(changes)
        command.append("changes.yaml")
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert result.returncode == status, result.stdout + result.stderr
    return result


def digests(folder, *patterns):
    """The bytes of files, by name."""
    paths = [path for pattern in patterns for path in sorted(folder.glob(pattern))]
    assert paths
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
    }


def times(folder, pattern):
    return {path: path.stat().st_mtime_ns for path in folder.glob(pattern)}
