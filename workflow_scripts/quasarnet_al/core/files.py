"""Files: whole or not at all, errors in one line, provenance in every output."""

import contextlib
import gzip
import hashlib
import json
import os
import platform
import re
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from quasarnet_al import __version__

if TYPE_CHECKING:
    import fitsio
    import h5py


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


#: Seconds after which a temporary file of another machine counts as abandoned: longer than any
#: job of the queues that the profiles name (48 hours), shorter than a scratch folder's purge.
ABANDONED = 3 * 24 * 3600


class _Batch(dict[Path, Path]):
    """Files that wait to be renamed: their temporary files by path."""

    def __init__(self) -> None:
        super().__init__()
        self.pid = os.getpid()


_batch: _Batch | None = None
#: Words of the command line, some of which are paths (`all_or_none`).
_words: Sequence[str] = ()
#: Names of the temporary files of this process, and the folders that it has swept.
_written: set[str] = set()
_swept: set[Path] = set()


def write_bytes(path: str | os.PathLike, content: bytes) -> None:
    """Write a file, whole or not at all; every other function here writes through this one.

    The bytes go to a temporary file beside `path`, are forced onto the disk, and their number
    is checked. Then the file is renamed: at once, or at the end of a block of `all_or_none`.
    A reader sees the old file, the new file or none.

    Raises
    ------
    InputError where the disk is full or the folder cannot be written, nothing is left then, and
    where the file is an input too
    """
    path = Path(path)
    if _is_input(path):
        raise InputError(path, "is an input and an output", "give the output another name")
    temporary = _temporary(path)
    # A forked worker's files are its own: the batch of its parent does not rename them.
    batch = _batch if _batch is not None and _batch.pid == os.getpid() else None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path.parent)
        if path.exists() and not path.is_file():
            raise OSError("it exists and is not a file")
        _written.add(temporary.name)
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if temporary.stat().st_size != len(content):
            raise OSError("the disk kept fewer bytes than were written")
        if batch is None:
            os.replace(temporary, path)
        else:
            batch[path] = temporary
    except OSError as error:
        _remove(temporary)
        raise _unwritable(path, error) from error
    except BaseException:
        _remove(temporary)
        raise


def _is_input(path: Path) -> bool:
    """Say whether the command line names a file twice: no program has two outputs of one name."""

    def same(word: str) -> bool:
        try:
            return path.samefile(word)
        except (OSError, ValueError):
            return False

    return path.is_file() and sum(map(same, _words)) > 1


@contextlib.contextmanager
def all_or_none(words: Sequence[str] = ()) -> Iterator[None]:
    """Rename everything that the block writes when it ends well, and nothing where it raises.

    No file is replaced that two `words` of the command line name.
    """
    global _batch, _words
    outer, batch = (_batch, _words), _Batch()
    _batch, _words = batch, words
    try:
        yield
        # A signal between two renames would leave one output new and the other old.
        old = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))
        try:
            for path, temporary in batch.items():
                try:
                    os.replace(temporary, path)
                except OSError as error:
                    raise _unwritable(path, error) from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, old)
    finally:
        _batch, _words = outer
        if batch.pid == os.getpid():
            for temporary in batch.values():
                _remove(temporary)


@contextlib.contextmanager
def at_once() -> Iterator[None]:
    """Rename what the block writes without waiting for `all_or_none`: checkpoints."""
    global _batch
    outer, _batch = _batch, None
    try:
        yield
    finally:
        _batch = outer


def _temporary(path: Path) -> Path:
    """Return a hidden name that is not too long and that says whose file it is."""
    name = os.fsencode(path.name)
    digest = hashlib.sha256(name).hexdigest()[:8]
    start = os.fsdecode(name[:60])
    return path.with_name(f".{start}.{digest}.{_host()}.{os.getpid()}.partial")


def _host() -> str:
    return re.sub(r"[^\w-]", "-", platform.node()) or "localhost"


def _sweep(folder: Path) -> None:
    """Remove the temporary files of killed processes: once for each folder written to."""
    if folder in _swept:
        return
    _swept.add(folder)
    for path in folder.glob(".*.partial"):
        *_, host, pid, _ = path.name.split(".")
        with contextlib.suppress(OSError, ValueError):
            here = host == _host()
            age = time.time() - path.stat().st_mtime
            if path.name not in _written and (_gone(int(pid)) if here else age > ABANDONED):
                path.unlink()


def _gone(pid: int) -> bool:
    """Say whether no other process has this number (in a container ours may be used again)."""
    if pid == os.getpid():
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def _remove(temporary: Path) -> None:
    with contextlib.suppress(OSError):
        temporary.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(
        path,
        f"cannot be written ({error.strerror or error})",
        "check the folder's permissions and the free space, then run again",
    )


def set_aside(folder: str | os.PathLike, pattern: str, keep: Iterable[str | os.PathLike]) -> None:
    """Move the files of `folder` that match `pattern` and are not in `keep` to `stale/` there.

    They are of another plan (more members, more minibatches): a glob of a person or a program
    would mix them with the new ones. Says so on stdout; replaces nothing that is in `stale/`.
    """
    folder, kept = Path(folder), {Path(path).name for path in keep}
    for path in sorted(folder.glob(pattern)):
        if path.name in kept or not path.is_file():
            continue
        number, target = 0, folder / "stale" / path.name
        while target.exists():
            number += 1
            target = target.with_name(f"{path.stem}.{number}{path.suffix}")
        try:
            target.parent.mkdir(exist_ok=True)
            os.replace(path, target)
        except OSError as error:
            raise _unwritable(target, error) from error
        print(f"{path} is not part of this plan any more: moved to {target}")


@contextlib.contextmanager
def fits_file(path: str | os.PathLike) -> Iterator["fitsio.FITS"]:
    """Yield an empty FITS file in memory, which is written to `path` when the block ends well.

    fitsio does not report errors when it closes a file, so a full disk would leave a
    truncated one. Takes twice the file's size in memory. A name that ends in .gz is packed.
    """
    from quasarnet_al.core.fits import Fits

    with Fits("mem://", "rw") as fits:
        yield fits
        content = fits.read_raw()
    write_bytes(path, _packed(path, content))


@contextlib.contextmanager
def hdf5_file(path: str | os.PathLike) -> Iterator["h5py.File"]:
    """Yield an empty HDF5 file in memory, which is written to `path` when the block ends well.

    HDF5 crashes when it cannot flush a file to a full disk. Takes twice the file's size.
    """
    import h5py

    with h5py.File("memory", "w", driver="core", backing_store=False) as file:
        yield file
        file.flush()
        content = file.id.get_file_image()
    write_bytes(path, content)


def _packed(path: str | os.PathLike, content: bytes) -> bytes:
    """Pack what goes to a name that ends in .gz; no time in it: the same bytes again."""
    return gzip.compress(content, mtime=0) if os.fspath(path).endswith(".gz") else content


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all; what is not UTF-8 in a name is escaped."""
    write_bytes(path, _packed(path, text.encode("utf-8", "backslashreplace")))


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


#: What values of another form make a program raise.
UNUSABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


@contextlib.contextmanager
def content_of(path: object, remedy: str = "make it again") -> Iterator[None]:
    """Blame `path`, by an `InputError`, for what its values make the block raise.

    For files whose keys were checked, and which nobody is expected to edit.
    """
    try:
        yield
    except UNUSABLE as error:
        fault = f"has a value that cannot be used ({type(error).__name__}: {error})"
        raise InputError(path, fault, remedy) from error


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
