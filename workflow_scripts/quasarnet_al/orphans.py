"""SLURM jobs that an earlier Snakemake process submitted and did not live to see end."""

import os
import re
import subprocess
import sys
from pathlib import Path

from quasarnet_al.files import InputError

#: Snakemake's SLURM plugin names the jobs of a run by a UUID.
_RUN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def orphans(folder: str | Path) -> dict[str, str]:
    """Return the jobs in the queue that Snakemake submitted from `folder`: number to state.

    A Snakemake process holds the lock of its folder, so one that has just got it has
    submitted nothing yet. Empty where there is no SLURM; where it does not answer, too,
    but not without a word.
    """
    command = ["squeue", "--me", "--noheader", "--format=%i|%T|%j|%Z"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except OSError:
        return {}
    except subprocess.SubprocessError as error:
        told = (error.stderr or "").strip().splitlines() or [str(error)]
        print(
            f"SLURM does not answer, jobs of an earlier run were not looked for: {told[-1]}",
            file=sys.stderr,
        )
        return {}
    found = {}
    for line in listed.stdout.splitlines():
        number, state, name, place = line.split("|", 3)
        here = os.path.realpath(place) == os.path.realpath(folder)
        if here and _RUN.fullmatch(name) and number != os.environ.get("SLURM_JOB_ID"):
            found[number] = state
    return found


def refuse(folder: str | Path) -> None:
    """Raise `InputError` where jobs of an earlier run still write into `folder`."""
    found = orphans(folder)
    if found:
        jobs = ", ".join(f"{number} ({state.lower()})" for number, state in found.items())
        raise InputError(
            folder,
            f"jobs of an earlier run are still in the queue: {jobs}",
            f"wait for them, or end them: scancel {' '.join(found)}",
        )
