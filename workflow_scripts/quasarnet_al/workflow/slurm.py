"""What a run on SLURM looks at before it submits anything: old jobs, and who pays."""

import getpass
import os
import re
import subprocess
import sys
from pathlib import Path

from quasarnet_al.core.files import InputError

#: Snakemake's SLURM plugin names the jobs of a run by a UUID.
_RUN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def orphans(folder: str | Path) -> dict[str, str]:
    """Return the jobs in the queue that Snakemake submitted from `folder`: number to state.

    A Snakemake process holds the lock of its folder, so one that has just got it has
    submitted nothing yet. Empty where there is no SLURM; where it does not answer, too,
    but not without a word.
    """
    found = {}
    for line in _ask("squeue", "--me", "--noheader", "--format=%i|%T|%j|%Z"):
        number, state, name, place = line.split("|", 3)
        here = os.path.realpath(place) == os.path.realpath(folder)
        if here and _RUN.fullmatch(name) and number != os.environ.get("SLURM_JOB_ID"):
            found[number] = state
    return found


def refuse_orphans(folder: str | Path) -> None:
    """Raise `InputError` where jobs of an earlier run still write into `folder`."""
    found = orphans(folder)
    if found:
        jobs = ", ".join(f"{number} ({state.lower()})" for number, state in found.items())
        raise InputError(
            folder,
            f"jobs of an earlier run are still in the queue: {jobs}",
            f"wait for them, or end them: scancel {' '.join(found)}",
        )


def refuse_accounts(accounts: set[str]) -> None:
    """Raise `InputError` where the user may not charge one of the accounts."""
    if not accounts:
        return
    query = ["show", "association", "where", f"user={getpass.getuser()}", "format=account"]
    mine = set(_ask("sacctmgr", "-n", "-P", *query))
    # Where accounting tells nothing, sbatch will.
    if mine and accounts - mine:
        raise InputError(
            f"account {min(accounts - mine)}",
            f"is none of yours ({', '.join(sorted(mine))})",
            "set QUASARNET_AL_ACCOUNT, and QUASARNET_AL_GPU_ACCOUNT for the GPU nodes",
        )


def _ask(*command: str) -> list[str]:
    """Return the lines that a command of SLURM prints; none where there is no SLURM.

    None either where it does not answer, but not without a word.
    """
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except OSError:
        return []
    except subprocess.SubprocessError as error:
        told = (error.stderr or "").strip().splitlines() or [str(error)]
        print(f"SLURM does not answer {command[0]}: {told[-1]}", file=sys.stderr)
        return []
    return run.stdout.splitlines()
