"""Which revision of the code made the files that a run starts from.

Snakemake does not run a rule again where only the library behind its program has changed; for most
changes that is right, so a person is told of it, once per run.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from quasarnet_al.core import files

#: Bytes of a FITS file in which its first headers lie, and the card with the revision.
_START = 64 * 1024
_CARD = re.compile(rb"(?:HIERARCH )?\bGIT *= *'([^']*)'", re.IGNORECASE)
#: Files that are looked at, at most: a run may have ten thousand.
_MOST = 100


def revision(path: str | Path) -> str:
    """Return the revision in a file's provenance; '' where it has none, or cannot be read."""
    path = Path(path)
    try:
        if path.suffix == ".fits":
            with path.open("rb") as file:
                card = _CARD.search(file.read(_START))
            return card[1].decode("ascii", "replace").strip() if card else ""
        if path.suffix == ".h5":
            import h5py  # takes half of numpy's time to start

            with h5py.File(path) as hdf5:
                return str(hdf5.attrs.get("git", ""))
        if path.suffix == ".json":
            return str(json.loads(path.read_text(encoding="utf-8"))["provenance"]["git"])
    except (OSError, ValueError, LookupError, TypeError, RuntimeError):
        return ""  # its reader says what is wrong with it
    return ""


def note(paths: Iterable[str | Path]) -> str:
    """Return a line that says which of some files another revision of the code made, or ''."""
    chosen = sorted(set(map(str, paths)))
    now = files.provenance()["git"]
    found: dict[str, list[str]] = {}
    for path in chosen[:: -(-len(chosen) // _MOST) or 1]:
        made = revision(path)
        if made not in ("", "unknown", now):
            found.setdefault(made, []).append(path)
    if not found:
        return ""
    listed = "; ".join(
        f"{made} made {names[0]}" + (f" and {len(names) - 1} more" if names[1:] else "")
        for made, names in found.items()
    )
    return (
        f"inputs of other revisions of the code, which is now {now}: {listed}. They are used as "
        "they are; to make them again, add --forcerun and the rule's name"
    )
