"""Copy the pages and reports of a run to a folder that others can read.

Each file keeps its place below the run's folder, so that links between the files hold, and appears
by rename. Pages of more minibatches than there are now are set aside there.
"""

from pathlib import Path

from quasarnet_al.core.files import InputError, set_aside, write_bytes
from quasarnet_al.core.program import command_line, program


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument(
        "--files", nargs="+", type=Path, required=True, help="pages and reports (HTML)"
    )
    parser.add_argument(
        "--root", type=Path, required=True, help="folder of the run, which has them"
    )
    parser.add_argument("--output-dir", type=Path, required=True, help="folder of the copies")
    args = parser.parse_args(argv)

    copies = {}
    for path in args.files:
        if not path.is_relative_to(args.root):
            raise InputError(path, f"is not in {args.root}", "check --root")
        copies[args.output_dir / path.relative_to(args.root)] = path
    for copy, path in copies.items():
        write_bytes(copy, _content(path))
    for folder in {copy.parent for copy in copies if copy.name.startswith("minibatch-")}:
        set_aside(folder, "minibatch-*.html", [copy for copy in copies if copy.parent == folder])
    print(f"{args.output_dir}: {len(copies)} pages and reports")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "make it again") from error


if __name__ == "__main__":
    program(main)
