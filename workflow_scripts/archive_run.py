"""Bundle what must be kept of a run: labels, weights, metrics, batches.

The bundle is a tar file with the files under their own paths, and SHA256SUMS first:
`tar xf BUNDLE && sha256sum -c SHA256SUMS` takes it out and checks it. Scratch folders
are purged, so copy it to where files stay.
"""

import hashlib
import io
import os
import tarfile
from pathlib import Path

from quasarnet_al.core.files import InputError, write_bytes
from quasarnet_al.core.program import command_line, program


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument(
        "--files", nargs="+", type=Path, required=True, help="files, or folders of files"
    )
    parser.add_argument("--output", required=True, help="the bundle (tar)")
    args = parser.parse_args(argv)

    members = {}
    for given in args.files:
        for path in sorted(given.rglob("*")) if given.is_dir() else [given]:
            if not path.is_dir() and not path.name.startswith(".snakemake"):
                members[_name(path)] = path
    # The bundle is small; a file is read once, so its sum is of the bytes that are stored.
    contents = {name: _content(path) for name, path in sorted(members.items())}
    sums = [_sum(name, data) for name, data in contents.items()]
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as bundle:
        for name, data in ({"SHA256SUMS": "".join(sums).encode()} | contents).items():
            # No owner and no time: the same files give the same bundle.
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            bundle.addfile(entry, io.BytesIO(data))
    write_bytes(args.output, content.getvalue())
    size = sum(map(len, contents.values())) / 1e6
    print(f"{args.output}: {len(contents)} files, {size:.1f} MB; copy it where files stay")


def _name(path: Path) -> str:
    """Return a file's path in the bundle: from where the program runs, or below `elsewhere`."""
    path, here = Path(os.path.abspath(path)), Path.cwd()
    inside = path.is_relative_to(here)
    return str(path.relative_to(here) if inside else Path("elsewhere", *path.parts[1:]))


def _sum(name: str, data: bytes) -> str:
    """Return a file's line in SHA256SUMS; `sha256sum` escapes backslashes and line breaks."""
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    mark = "\\" if escaped != name else ""
    return f"{mark}{hashlib.sha256(data).hexdigest()}  {escaped}\n"


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            path, f"cannot be read ({error.strerror})", "finish the run first"
        ) from error


if __name__ == "__main__":
    program(main)
