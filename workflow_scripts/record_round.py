"""Record what a round's batch was chosen by, and the sums of its files."""

import hashlib
import json
from pathlib import Path

from quasarnet_al.core.files import InputError, provenance, write_json
from quasarnet_al.core.program import command_line, program


def main(argv: list[str] | None = None) -> None:
    parser = command_line(__doc__)
    parser.add_argument("--settings", required=True, help="what the batch was chosen by (JSON)")
    parser.add_argument("--files", nargs="+", required=True, help="files of the round's batch")
    parser.add_argument("--labels", nargs="*", default=[], help="labels.csv of the earlier rounds")
    parser.add_argument("--output", required=True, help="the record (JSON)")
    args = parser.parse_args(argv)

    try:
        settings = json.loads(args.settings)
    except ValueError as error:
        raise InputError("--settings", f"is not JSON ({error})", "quote it") from error
    if not isinstance(settings, dict):
        raise InputError("--settings", "is not a JSON object", "give the keys of the config")
    sums = {Path(path).name: _digest(path) for path in args.files}
    for path in map(Path, args.labels):
        sums[f"{path.parent.name}/{path.name}"] = _digest(path)
    write_json(args.output, settings | {"sums": sums, "provenance": provenance()})


def _digest(path: str | Path) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "make it again") from error


if __name__ == "__main__":
    program(main)
