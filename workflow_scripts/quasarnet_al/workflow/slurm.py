"""What is asked of SLURM before a run submits anything: jobs of earlier runs, accounts, limits."""

import getpass
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from quasarnet_al.core.files import InputError
from quasarnet_al.workflow import cost

#: Snakemake's SLURM plugin names the jobs of a process by a UUID, after a prefix if one was given.
_NAME = re.compile(r"(?:[\w-]+_)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: The config files on the command line that a job runs.
_CONFIGS = re.compile(r"\s--configfiles((?:\s+(?!-)\S+)+)")
#: Limit of NERSC's QOS `debug`, which goes by other names in its accounting
#: (https://docs.nersc.gov/jobs/policy/).
DEBUG_MINUTES = 30
#: Seconds between two questions of the plugin, at most; `init-seconds` of the profile is a third,
#: so that it asks sacct where squeue forgets sooner.
_INTERVAL = 180


class Request(NamedTuple):
    """What a job asks for: the rule, the account, the QOS, and minutes (text where unknown)."""

    rule: str
    account: str | None
    qos: str | None
    minutes: int | str


def refuse(folder: str | Path, run: str, requests: Iterable[Request]) -> None:
    """Raise `InputError` where jobs of this run still write, or SLURM would refuse the new ones."""
    requests = [request for request in requests if request.account]
    refuse_orphans(folder, run)
    if requests:
        refuse_accounts({str(request.account) for request in requests})
        refuse_limits(requests)
        warn_of_short_memory()


def orphans(folder: str | Path, run: str) -> dict[str, str]:
    """Return the jobs in the queue that write the results of `run` in `folder`: number to state.

    Snakemake locks the files of a run, so a process that has just got the lock has submitted
    nothing yet: such jobs are left from one that was killed. Jobs of other runs from the same
    checkout are not. Empty where there is no SLURM; where it does not answer, a line says so.
    """
    found = {}
    for line in _ask("squeue", "--me", "--noheader", "--format=%i|%T|%j|%Z"):
        number, state, name, place = line.split("|", 3)
        here = os.path.realpath(place) == os.path.realpath(folder)
        if not here or not _NAME.fullmatch(name) or number == os.environ.get("SLURM_JOB_ID"):
            continue
        if _run_of_job(number, Path(folder)) in (run, None):
            found[number] = state
    return found


def _run_of_job(number: str, folder: Path) -> str | None:
    """Return the run that a job belongs to, by the config files on its command line."""
    import yaml  # takes a third of numpy's time to start

    script = "\n".join(_ask("scontrol", "write", "batch_script", number, "-"))
    named = _CONFIGS.search(script)
    run = None
    try:
        for name in named[1].split() if named else ["config/config.yaml"]:
            run = yaml.safe_load((folder / name.strip("'")).read_text()).get("run", run)
    except (OSError, ValueError, AttributeError, yaml.YAMLError):
        return None
    return run if script else None


def refuse_orphans(folder: str | Path, run: str) -> None:
    """Raise `InputError` where jobs of an earlier process still write the results of `run`."""
    found = orphans(folder, run)
    if found:
        jobs = ", ".join(f"{number} ({state.lower()})" for number, state in found.items())
        raise InputError(
            folder,
            f"jobs of an earlier run of {run} are still in the queue: {jobs}",
            f"wait for them, or end them: scancel {' '.join(found)}",
        )


def refuse_accounts(accounts: set[str]) -> None:
    """Raise `InputError` where the user cannot charge one of the accounts."""
    if not accounts:
        return
    query = ["show", "association", "where", f"user={getpass.getuser()}", "format=account"]
    mine = set(_ask("sacctmgr", "-n", "-P", *query))
    # Where accounting does not answer, sbatch will.
    if mine and accounts - mine:
        raise InputError(
            f"account {min(accounts - mine)}",
            f"is not one that you can charge ({', '.join(sorted(mine))})",
            "set QUASARNET_AL_ACCOUNT, and QUASARNET_AL_GPU_ACCOUNT for the GPU nodes",
        )


def refuse_limits(requests: Iterable[Request]) -> None:
    """Raise `InputError` where a job asks for more time than its QOS allows.

    SLURM would refuse the job, or leave it in the queue for ever.
    """
    limits = {"debug": DEBUG_MINUTES}
    for line in _ask("sacctmgr", "-n", "-P", "show", "qos", "format=Name,MaxWall"):
        name, _, limit = line.partition("|")
        if limit:
            limits[name] = _minutes(limit)
    for request in requests:
        allowed = limits.get(str(request.qos))
        # The time of a job follows from its input, which may not be there yet.
        minutes, said = request.minutes, f"{request.minutes}"
        if not isinstance(minutes, int):
            least = cost.limit(request.rule, 0)
            minutes, said = least + 1, f"more than {least}"
        if allowed and minutes > allowed:
            raise InputError(
                f"QOS {request.qos}",
                f"allows {allowed} minutes, and {request.rule} asks for {said}",
                "set QUASARNET_AL_GPU_QOS (training) or QUASARNET_AL_QOS to another one",
            )


def _minutes(limit: str) -> int:
    """Return the minutes of SLURM's [DAYS-]HOURS:MINUTES:SECONDS."""
    days, _, clock = limit.rpartition("-")
    hours, minutes, _ = map(int, clock.split(":"))
    return (int(days or 0) * 24 + hours) * 60 + minutes


def warn_of_short_memory() -> None:
    """Print a line where SLURM forgets ended jobs before the plugin asks for them again."""
    for line in _ask("scontrol", "show", "config"):
        found = re.match(r"MinJobAge\s*=\s*(\d+)", line)
        if found and int(found[1]) < _INTERVAL:
            print(
                f"SLURM forgets ended jobs after {found[1]} s (MinJobAge): end jobs with Ctrl-C "
                "here, not with scancel, which this run might never notice",
                file=sys.stderr,
            )


def _ask(*command: str) -> list[str]:
    """Return the lines that a command of SLURM prints.

    Empty where there is no SLURM, and where it does not answer; then a line says so.
    """
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except OSError:
        return []
    except subprocess.SubprocessError as error:
        stderr = getattr(error, "stderr", None) or ""
        message = str(stderr).strip().splitlines() or [str(error)]
        print(f"SLURM does not answer {command[0]}: {message[-1]}", file=sys.stderr)
        return []
    return run.stdout.splitlines()
