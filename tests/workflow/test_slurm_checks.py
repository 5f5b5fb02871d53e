"""What is asked of SLURM before anything is submitted; its commands are made-up ones here."""

import pytest

from quasarnet_al.core.files import InputError
from quasarnet_al.workflow import slurm

RUN = "159ac3fb-0b8e-4b0e-9d0f-2f8d6f0c9a11"


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Install a command of SLURM."""

    def install(name: str, script: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return install


def queue(command, rows: list[str], **configs: str) -> None:
    """A queue of jobs, and the config files that each of them runs with."""
    command("squeue", "\n".join(f"echo '{row}'" for row in rows))
    cases = "\n".join(
        f"{number.strip('j')}) echo python -m snakemake --configfiles {files} --mode remote;;"
        for number, files in configs.items()
    )
    command("scontrol", f'case "$3" in\n{cases}\nesac')


def test_only_jobs_of_this_folder_that_snakemake_named(command, tmp_path, monkeypatch):
    rows = [f"11|RUNNING|{RUN}|{tmp_path}", f"12|PENDING|my-prefix_{RUN}|{tmp_path}"]
    rows += [f"13|RUNNING|{RUN}|/elsewhere", f"14|RUNNING|by-hand|{tmp_path}"]
    # 15 is the job in which the head process itself runs.
    rows += [f"15|RUNNING|{RUN}|{tmp_path}"]
    queue(command, rows)
    monkeypatch.setenv("SLURM_JOB_ID", "15")
    assert slurm.orphans(tmp_path, "dr1") == {"11": "RUNNING", "12": "PENDING"}
    with pytest.raises(InputError, match=r"11 \(running\), 12 \(pending\); .* scancel 11 12"):
        slurm.refuse_orphans(tmp_path, "dr1")


def test_jobs_of_other_runs_from_the_same_checkout_are_left_alone(command, tmp_path):
    (tmp_path / "config").mkdir()
    for name, content in (
        ("config/config.yaml", "run: demo"),
        ("config/dr1.yaml", "run: dr1\nseed: 1"),
        ("config/more.yaml", "seed: 2"),
        ("config/other.yaml", "run: other"),
    ):
        (tmp_path / name).write_text(content)
    rows = [f"{number}|RUNNING|{RUN}|{tmp_path}" for number in range(11, 16)]
    queue(
        command,
        rows,
        j11="config/dr1.yaml config/more.yaml",
        j12="'config/other.yaml'",
        j13="config/other.yaml config/dr1.yaml",
        j14="config/gone.yaml",  # nobody knows whose it is: it counts
    )
    command_of_15 = "15) echo python -m snakemake --mode remote;;\nesac"  # the demo's own config
    script = (tmp_path / "scontrol").read_text().replace("esac", command_of_15)
    (tmp_path / "scontrol").write_text(script)
    assert set(slurm.orphans(tmp_path, "dr1")) == {"11", "13", "14"}
    assert set(slurm.orphans(tmp_path, "other")) == {"12", "14"}
    assert set(slurm.orphans(tmp_path, "demo")) == {"14", "15"}


def test_a_slurm_that_does_not_answer_is_reported(command, tmp_path, capsys):
    command("squeue", "echo no controller >&2; exit 1")
    slurm.refuse_orphans(tmp_path, "dr1")
    assert capsys.readouterr().err.endswith("squeue: no controller\n")


def test_no_slurm(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    slurm.refuse(tmp_path, "dr1", [slurm.Request("train_members", "desi_g", "regular", 120)])
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    ("limit", "minutes"), [("00:30:00", 30), ("2-00:00:00", 2880), ("1-12:30:00", 2190)]
)
def test_a_job_longer_than_its_qos_allows_is_refused(command, limit, minutes):
    command("sacctmgr", f"echo 'debug|{limit}'; echo 'regular|'")
    ask = slurm.Request("train_members", "desi_g", "debug", minutes)
    slurm.refuse_limits([ask, ask._replace(qos="regular", minutes=99_999)])
    with pytest.raises(InputError, match=rf"QOS debug: allows {minutes} minutes, and train_mem"):
        slurm.refuse_limits([ask._replace(minutes=minutes + 1)])


def test_debug_is_refused_for_a_training_whose_time_is_not_known_yet():
    """NERSC's accounting calls it by another name."""
    ask = slurm.Request("train_members", "desi_g", "debug", "<TBD>")
    with pytest.raises(InputError, match=r"QOS debug: allows 30 minutes, and .* more than 30;"):
        slurm.refuse_limits([ask])
    slurm.refuse_limits([ask._replace(qos="regular")])


@pytest.mark.parametrize(("age", "warns"), [(60, True), (180, False), (300, False)])
def test_a_slurm_that_forgets_soon_is_reported(command, capsys, age, warns):
    command("scontrol", f"echo 'MinJobAge               = {age} sec'")
    slurm.warn_of_short_memory()
    assert ("MinJobAge" in capsys.readouterr().err) == warns
