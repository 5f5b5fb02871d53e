"""Which failed jobs are run again: those that may succeed then, not those with bad input."""

import logging
from pathlib import Path
from typing import Any

from quasarnet_al.core.program import REFUSAL


def is_refusal(log: str | Path) -> bool:
    """Return whether the program that wrote a log refused its input (exit status 2)."""
    try:
        *_, mark, _ = Path(log).read_text(encoding="utf-8", errors="replace").splitlines()
    except (OSError, ValueError):
        return False
    return mark == REFUSAL


def not_after_refusal(logger: logging.Logger, workflow: Any) -> None:
    """Keep Snakemake from running a job again whose program refused its input.

    `retries` counts for whatever ended a job, and no option of Snakemake or of its SLURM plugin
    asks for the cause. So the attempts of such a job are used up when its error is logged, which
    comes before Snakemake looks at them.
    """
    from snakemake_interface_logger_plugins.common import LogEvent

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if getattr(record, "event", None) is not LogEvent.JOB_ERROR:
                return
            if any(map(is_refusal, getattr(record, "log", ()))):
                for job in workflow.dag.jobs:
                    if workflow.dag.jobid(job) == getattr(record, "jobid", None):
                        job.attempt = job.restart_times + 1

    logger.addHandler(Handler())
