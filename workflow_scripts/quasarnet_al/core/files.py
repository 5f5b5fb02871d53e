"""Files: whole or not at all, errors in one line, provenance in every output."""

import contextlib
import json
import os
import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from quasarnet_al import __version__


class InputError(Exception):
    """Something a person gave is wrong: says which file, what is wrong and what to do.

    Programs end with status 2 and this as their one line (see `program`).
    """

    def __init__(self, path: object, fault: str, remedy: str):
        super().__init__(str(path), fault, remedy)  # as pickle builds it again

    def __str__(self) -> str:
        # One line, whatever was in a file: a header or a CSV may hold line breaks.
        path, fault, remedy = self.args
        return " ".join(f"{path}: {fault}; {remedy}".split())


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[str]:
    """Yield a temporary path beside `path`, renamed to it when the block ends well.

    The temporary name keeps the suffix (writers look at it) and is removed when the
    block raises, so a reader sees the old file, the new file or none.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield str(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(
            path,
            f"cannot be written ({error.strerror or error})",
            "check the folder's permissions and the free space, then run again",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write `text` as UTF-8 with line feeds, whole or not at all."""
    with replacing(path) as temporary:
        Path(temporary).write_text(text, encoding="utf-8", newline="\n")


def write_json(path: str | os.PathLike, content: object) -> None:
    """Write JSON that diffs well and that any reader accepts (NaN becomes null)."""
    write_text(path, json.dumps(_plain(content), indent=1, allow_nan=False) + "\n")


def read_json(path: str | os.PathLike, *needed: str) -> dict:
    """Read a JSON file; raise `InputError` where it is absent, not JSON, or lacks a key."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError("it is no object")
        missing = [key for key in needed if key not in content]
        if missing:
            raise ValueError(f"it has no {missing[0]!r}")
        return content
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(path, f"is not a readable JSON file ({error})", "make it again") from error


def _plain(content: object) -> object:
    if isinstance(content, dict):
        return {str(key): _plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple | np.ndarray):
        return [_plain(value) for value in content]
    if isinstance(content, np.generic):
        content = content.item()
    if isinstance(content, float) and not np.isfinite(content):
        return None
    return content


def provenance(**more: object) -> dict[str, str]:
    """Return what made an output: version, git revision, config hash, and `more`.

    Nothing in it depends on the time or the machine, so that the same inputs give
    the same bytes. The config's hash comes from the workflow by the environment: a
    rule's parameter would make every job run again after any change of the config.
    """
    record = {
        "software": f"quasarnet-al {__version__}",
        "git": _git_revision(),
        "config": os.environ.get("QUASARNET_AL_CONFIG", "none"),
        "versions": f"python {platform.python_version()} numpy {np.__version__}",
    }
    return record | {key: str(value) for key, value in more.items()}


def _git_revision() -> str:
    here = Path(__file__).parent
    try:
        git = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12"]
        return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
