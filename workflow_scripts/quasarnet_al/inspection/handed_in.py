"""What people hand in: read from the folder where they put it, kept in an append-only record.

The folder (`labels/<run>/round-NN/`) belongs to people: nothing here writes to it. The record
(`results/<run>/round-NN/handed-in/`) holds a copy of every version of every file that could be
read, under the first digits of its sha256 and its name; `SHA256SUMS` lists the copies in the
order in which they came, so that the last line of a name is the version that counts.
Nothing is ever removed from a record, and no rule of the workflow owns it.
"""

import errno
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from quasarnet_al.core.files import InputError, write_bytes, write_text

#: Longer names leave no room for those of temporary files beside them (255 bytes at most).
LONGEST_NAME = 200
#: No inspector types as much; a million rows of a page are 100 MB.
LARGEST = 100_000_000
#: A file of this name says that the round is closed, whatever is answered.
CLOSED = "closed"
#: What file systems and version control leave behind; nobody means it as an answer.
_IGNORED = {CLOSED, ".DS_Store", ".gitkeep", ".gitignore"}


@dataclass(frozen=True)
class HandedIn:
    """One file that an inspector handed in.

    Attributes
    ----------
    name : of the file
    content : its bytes
    digest : their sha256, in hexadecimal digits
    """

    name: str
    content: bytes
    digest: str

    @property
    def copy(self) -> str:
        """The path of its copy in the record."""
        return f"{self.digest[:12]}/{self.name}"


def read_folder(folder: str | Path) -> tuple[list[HandedIn], dict[str, str]]:
    """Read the CSV files that people put into a folder; an absent folder is an empty one.

    Links are not followed, and nothing but regular files is opened.

    Returns
    -------
    files : those that can be read, by name
    passed_over : why each other entry is not read, by its name as it can be printed
    """
    files, passed_over = [], {}
    for entry in _entries(folder):
        name = entry.name
        if name in _IGNORED:
            continue
        is_folder = entry.is_dir(follow_symlinks=False)
        reason = "it is a folder; put its files beside it" if is_folder else _unfit(name)
        try:
            if not reason:
                content = _content(entry)
                files.append(HandedIn(name, content, hashlib.sha256(content).hexdigest()))
        except _PassedOver as why:
            reason = str(why)
        if reason:
            passed_over[printable(name)] = reason
    return files, passed_over


def is_closed(folder: str | os.PathLike) -> bool:
    """Return whether people say that the round is closed."""
    return Path(folder, CLOSED).exists()


def printable(name: str) -> str:
    """Return a file's name as it can be printed, whatever bytes it has."""
    text = name.encode("utf-8", "backslashreplace").decode()
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


class _PassedOver(Exception):
    """Why an entry of the folder is not read."""


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(str(folder)) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(
            folder, f"cannot be read ({error.strerror or error})", "make it a readable folder"
        ) from error


def _unfit(name: str) -> str:
    """Say what is wrong with a file's name, or nothing."""
    if not name.lower().endswith(".csv"):
        return "its name does not end in .csv"
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "its name is not UTF-8; rename it"
    if size > LONGEST_NAME:
        return f"its name has {size} bytes, more than {LONGEST_NAME}; rename it"
    if not name.isprintable():
        return "its name has a line break or another control character; rename it"
    return ""


def _content(entry: os.DirEntry) -> bytes:
    """Return the bytes of a regular file; never wait for a pipe, never follow a link."""
    try:
        handle = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _PassedOver("it is a symbolic link; put the file itself there") from error
        raise _PassedOver(f"it cannot be read ({error.strerror})") from error
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise _PassedOver("it is not a regular file")
        if status.st_size > LARGEST:
            raise _PassedOver(f"it has {status.st_size / 1e6:.0f} MB, too much for answers")
        try:
            return file.read(LARGEST)
        except OSError as error:
            raise _PassedOver(f"it cannot be read ({error.strerror})") from error


def record(folder: str | os.PathLike, files: Iterable[HandedIn]) -> None:
    """Copy the files that the record in `folder` does not hold yet; change nothing else."""
    known = recorded(folder)
    latest = {Path(copy).name: digest for digest, copy in known}
    added = []
    for file in files:
        copy = Path(folder, file.copy)
        if not copy.exists():
            write_bytes(copy, file.content)
        if latest.get(file.name) != file.digest:
            added.append((file.digest, file.copy))
    if added:
        lines = [f"{digest}  {copy}\n" for digest, copy in known + added]
        write_text(Path(folder, "SHA256SUMS"), "".join(lines))


def gone(folder: str | os.PathLike, files: Iterable[HandedIn]) -> dict[str, Path]:
    """Return the recorded files that people's folder no longer holds, and where their copies are.

    A file under a new name, and a corrected one under its old name, are not gone.
    """
    names = {file.name for file in files}
    digests = {file.digest for file in files}
    latest = {Path(copy).name: (digest, copy) for digest, copy in recorded(folder)}
    return {
        name: Path(folder, copy)
        for name, (digest, copy) in latest.items()
        if name not in names and digest not in digests
    }


def recorded(folder: str | os.PathLike) -> list[tuple[str, str]]:
    """Return (digest, path of the copy) of each line of the record, oldest first."""
    path = Path(folder, "SHA256SUMS")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read ({error})", "restore it") from error
    found = []
    for line in lines:
        match = re.fullmatch(r"([0-9a-f]{64})  (.+)", line)
        if not match:
            raise InputError(path, f"has the line {line!r}, which is not a sum", "restore it")
        found.append((match[1], match[2]))
    return found


def move_aside(
    folder: str | os.PathLike, record: str | os.PathLike, names: Iterable[str], aside: Path
) -> None:
    """Move files out of people's folder, and their copies out of the record, to `aside`.

    The copies come first: a process that ends halfway leaves a file that is recorded again.
    """
    chosen, known = set(names), recorded(record)
    gone = [(digest, copy) for digest, copy in known if Path(copy).name in chosen]
    left = [line for line in known if line not in gone]
    (aside / "labels").mkdir(parents=True)
    for _, copy in gone:
        source, target = Path(record, copy), aside / "handed-in" / copy
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(source, target)
    if gone:
        text = "".join(f"{digest}  {copy}\n" for digest, copy in gone)
        write_text(aside / "handed-in" / "SHA256SUMS", text)
    if left:
        write_text(
            Path(record, "SHA256SUMS"), "".join(f"{digest}  {copy}\n" for digest, copy in left)
        )
    else:
        Path(record, "SHA256SUMS").unlink(missing_ok=True)
    for name in sorted(chosen):
        if Path(folder, name).exists():
            shutil.move(Path(folder, name), aside / "labels" / name)
