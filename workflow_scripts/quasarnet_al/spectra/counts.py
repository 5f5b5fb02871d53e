"""What was read and left out, by set and reason, as the headers of pool files say."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quasarnet_al.core.files import InputError
from quasarnet_al.spectra import pool
from quasarnet_al.spectra.extraction import BROKEN, READ


@dataclass
class Counts:
    """What a pool file or a labelled set was made of; the counts of several can be added.

    Attributes
    ----------
    spectra : how many there are, of a labelled set by the ORIGIN of their labels
    left_out : how many are not there, by reason
    files : how many were read, are `BROKEN`, lack a camera and the like
    """

    spectra: Counter
    left_out: Counter
    files: Counter

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.spectra + other.spectra, self.left_out + other.left_out, self.files + other.files
        )


def read(path: str | Path) -> Counts:
    """Return the counts of one file; those that its maker did not write are 0."""
    with pool.opened(path) as fits:
        header, (rows, _) = fits["SPECTRA"].read_header(), fits["SPECTRA"].get_dims()
        origins = np.full(rows, "unlabelled")
        if "LABELS" in fits and rows:
            origins = np.char.strip(fits["LABELS"].read_column("ORIGIN"))
        left_out, files = (
            Counter({str(name): int(n) for name, n in json.loads(header.get(key, "{}")).items()})
            for key in ("DROPPED", "FILES")
        )
    return Counts(Counter(origins.tolist()), left_out, files)


def refuse_broken(found: Mapping[str, Counts], allowed: float) -> None:
    """Raise `InputError` where too many of the files of a run are broken or absent.

    Parameters
    ----------
    found : counts by the path of the pool file
    allowed : largest fraction of all files
    """
    total = sum((counts.files for counts in found.values()), Counter())
    broken, count = total[BROKEN], total[READ] + total[BROKEN]
    if broken > allowed * count:
        worst = max(found, key=lambda path: found[path].files[BROKEN])
        raise InputError(
            worst,
            f"lacks {found[worst].files[BROKEN]} broken or absent files, and all pool files "
            f"together {broken} of {count}, more than the allowed fraction of {allowed:g}",
            "fetch the files that the logs name, remove the pool files that lack them and run "
            "again, or raise pool.broken",
        )
