"""Jobs that a dead Snakemake has left in the queue; `squeue` is a made-up one."""

import pytest

from quasarnet_al.core.files import InputError
from quasarnet_al.workflow import slurm

RUN = "159ac3fb-0b8e-4b0e-9d0f-2f8d6f0c9a11"


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    def install(script: str) -> None:
        (tmp_path / "squeue").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "squeue").chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return install


def test_only_jobs_of_this_folder_that_snakemake_named(squeue, tmp_path, monkeypatch):
    rows = [f"11|RUNNING|{RUN}|{tmp_path}", f"12|PENDING|{RUN}|{tmp_path}"]
    rows += [f"13|RUNNING|{RUN}|/elsewhere", f"14|RUNNING|by-hand|{tmp_path}"]
    # 15 is the job in which the head process itself runs.
    rows += [f"15|RUNNING|{RUN}|{tmp_path}"]
    squeue("\n".join(f"echo '{row}'" for row in rows))
    monkeypatch.setenv("SLURM_JOB_ID", "15")
    assert slurm.orphans(tmp_path) == {"11": "RUNNING", "12": "PENDING"}
    with pytest.raises(InputError, match=r"11 \(running\), 12 \(pending\); .* scancel 11 12"):
        slurm.refuse_orphans(tmp_path)


def test_a_slurm_that_does_not_answer_is_told_of(squeue, tmp_path, capsys):
    squeue("echo no controller >&2; exit 1")
    slurm.refuse_orphans(tmp_path)
    assert capsys.readouterr().err.endswith("squeue: no controller\n")


def test_no_slurm(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    slurm.refuse_orphans(tmp_path)
    assert not capsys.readouterr().err
