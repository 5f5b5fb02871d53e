"""The `perlmutter` profile on a SLURM, and what happens when jobs, nodes and heads die.

Jobs of a tiny mock run go to the SLURM of tests/slurm (`make slurm` starts it). On another
one, where jobs cost somebody something, only with QUASARNET_AL_TEST_SLURM=yes.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from datetime import datetime
from pathlib import Path

import pytest

import estimate_cost
from helpers.paths import PYTHON, ROOT
from quasarnet_al.workflow import cost

CONFIG = "tests/slurm/config.yaml"
HOLD = "tests/slurm/hold"
RESULTS = "results/slurm"
MAP = f"{RESULTS}/som/run/1003-all.fits"
#: A step and the one that follows it: the batch is selected from all score tables.
SCORES = f"{RESULTS}/round-01/scores/1003-all.fits"
BATCH = [
    f"{RESULTS}/round-01/{name}"
    for name in ("batch.csv", "batch.fits", "selection.fits", "selection.json")
]
TEAM = f"{RESULTS}/round-01/train/team-02.h5"
FIELDS = (
    *("JobIDRaw", "Submit", "Comment", "State", "Account", "QOS", "Constraints"),
    *("ReqMem", "TimelimitRaw", "NodeList", "WorkDir"),
)


def cluster() -> str:
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        shown = subprocess.run(
            ["scontrol", "show", "config"], capture_output=True, text=True, timeout=30, check=True
        )
        for line in shown.stdout.splitlines():
            if line.startswith("ClusterName"):
                return line.split("=")[1].strip()
    return ""


CLUSTER = cluster()
pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(not CLUSTER, reason="no SLURM answers here (make slurm starts one)"),
    pytest.mark.skipif(
        CLUSTER not in ("", "quasarnet-al") and "QUASARNET_AL_TEST_SLURM" not in os.environ,
        reason=f"the SLURM here is {CLUSTER}, not the tests' own",
    ),
]
own_slurm = pytest.mark.skipif(CLUSTER != "quasarnet-al", reason="needs to rule over the nodes")


def eventually(check, seconds: float = 1800, pause: float = 0.2):
    """Call `check` until it returns something true, and return that.

    The time limit ends a test that hangs; it is far above what a busy machine needs.
    """
    end = time.monotonic() + seconds
    while True:
        if found := check():
            return found
        assert time.monotonic() < end, f"not within {seconds} s: {check}"
        time.sleep(pause)


def ask(*command: str) -> list[str]:
    """Return the lines that a command of SLURM prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


class Head:
    """A Snakemake process that submits jobs."""

    def __init__(self, folder: Path, arguments: tuple, environment: dict, changes: tuple = ()):
        self.output = folder / f"head-{time.monotonic_ns()}.log"
        command = [PYTHON, "-m", "snakemake", "--profile", "perlmutter"]
        command += ["--configfile", CONFIG, *changes]
        command += ["--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "10"]
        with self.output.open("w") as stream:
            self.process = subprocess.Popen(
                [*command, *arguments],
                cwd=folder,
                stdout=stream,
                stderr=subprocess.STDOUT,
                # There is nothing behind the GPUs of the tests' SLURM.
                env=os.environ
                | {"PYTHONPATH": str(folder / HOLD), "QUASARNET_AL_TRAIN_ON_CPU": "yes"}
                | environment,
            )

    @property
    def text(self) -> str:
        return self.output.read_text()

    def end(self, seconds: float = 3600) -> int:
        return self.process.wait(seconds)

    def submitted(self) -> list[str]:
        """Numbers of the jobs that it has submitted."""
        return re.findall(r"submitted with SLURM jobid (\d+)", self.text)


class Checkout:
    """A copy of the project that runs in it work on."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name in ("rules", "workflow_scripts", "config", "envs", "profiles", "tests/slurm"):
            # Other tests write byte code meanwhile.
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        shutil.copy(ROOT / "Snakefile", folder)
        shutil.copy(ROOT / "perlmutter", folder, follow_symlinks=False)
        self.heads: list[Head] = []
        # An earlier run of the tests may have had the same folder. SLURM's times are whole seconds.
        self.made = datetime.now().isoformat(timespec="seconds")

    def start(self, *arguments: str, changes: tuple = (), **environment: str) -> Head:
        self.heads.append(Head(self.folder, arguments, environment, changes))
        return self.heads[-1]

    def run(self, *arguments: str) -> Head:
        head = self.start(*arguments)
        head.end()
        return head

    @contextlib.contextmanager
    def held(self, where: str = "start"):
        """Within the block, programs wait at their start or members after their first epoch."""
        mark = self.folder / f"hold-{where}"
        mark.touch()
        try:
            yield
        finally:
            mark.unlink()

    def queue(self, state: str = "", *options: str) -> dict[str, str]:
        """Jobs of this folder in the queue, with a state or any: number to state."""
        listed = ask("squeue", "--noheader", "--format=%i|%T|%Z", *options)
        rows = [line.split("|") for line in listed]
        return {i: s for i, s, place in rows if place == str(self.folder) and state in ("", s)}

    def running(self, program: str) -> str:
        """Wait for a job that runs, and `program` in it; return its number."""
        (job,) = eventually(lambda: self.queue("RUNNING"))
        eventually(lambda: processes(job, program))
        return job

    def gone(self, job: str, node: str = "") -> None:
        """Wait until a job runs no more, or not on `node`, and has no process left."""
        listed = ["squeue", "--noheader", "--states=RUNNING,COMPLETING", "--format=%i|%N"]
        eventually(lambda: not [x for x in ask(*listed) if x.startswith(f"{job}|{node}")])

    def jobs(self) -> list[dict]:
        """What accounting knows of this folder's jobs, once it knows how all of them ended."""
        query = ["sacct", "-X", "-P", "-n", "-D", "-S", "now-1day", f"--format={','.join(FIELDS)}"]

        def ended():
            rows = [dict(zip(FIELDS, line.split("|"), strict=True)) for line in ask(*query)]
            rows = [row for row in rows if row["WorkDir"] == str(self.folder)]
            known = {row["JobIDRaw"]: row["State"].split()[0] for row in rows}
            # The controller forgets a job in time, accounting learns of it a little late.
            return rows if self.queue("", "--states=all").items() <= known.items() else None

        return [row for row in eventually(ended, pause=1) if row["Submit"] >= self.made]

    def files(self) -> dict[str, int]:
        """Results and the times they were written."""
        paths = (self.folder / RESULTS).rglob("*")
        return {
            str(path.relative_to(self.folder)): path.stat().st_mtime_ns
            for path in paths
            if path.is_file() and "benchmarks" not in path.parts
        }

    def kept(self, before: dict[str, int], *made: str) -> None:
        """All is as before but what was `made` anew; nothing is half-written."""
        after = self.files()
        assert {path for path in before.keys() | after if before.get(path) != after.get(path)} <= {
            *made
        }
        assert all((self.folder / path).is_file() for path in made)
        assert not [path for path in after if ".partial" in path]
        assert not self.queue()


def processes(job: str, program: str) -> list[int]:
    """Processes of a job with `program` in their command line."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            mine = f"SLURM_JOB_ID={job}".encode() in (place / "environ").read_bytes().split(b"\0")
            if mine and program.encode() in (place / "cmdline").read_bytes():
                found.append(int(place.name))
    return sorted(found)


def log(site: Checkout, team: str) -> str:
    return (site.folder / f"logs/slurm/round-01/train_members/{team}.log").read_text()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A checkout in which one round has been run through SLURM."""
    checkout = Checkout(tmp_path_factory.mktemp("slurm").resolve())
    try:
        checkout.run()
        yield checkout
    finally:
        for head in checkout.heads:
            head.process.kill()
        subprocess.run(["scancel", *checkout.queue()], stderr=subprocess.DEVNULL)


def test_a_round_runs_and_each_job_lands_where_it_should(site):
    head = site.heads[0]
    assert head.process.returncode == 0, head.text
    jobs = site.jobs()
    assert {job["State"] for job in jobs} == {"COMPLETED"}
    training = [job for job in jobs if job["Comment"].startswith("rule_train_members")]
    others = [job for job in jobs if job not in training]
    assert {(job["Constraints"], job["Account"], job["QOS"]) for job in training} == {
        ("gpu", "desi_g", "regular")
    }
    assert {(job["Constraints"], job["Account"], job["QOS"]) for job in others} == {
        ("cpu", "desi", "shared")
    }
    # The command that foretells the number of jobs has it right, rule by rule.
    counted = cost.jobs_of_round(estimate_cost.read(CONFIG), 1)
    assert {rule: count for rule, count in counted.items() if count} == {
        rule: sum(f"{job['Comment']}_".startswith(f"rule_{rule}_") for job in jobs)
        for rule in counted
        if counted[rule]
    }
    assert len(jobs) == sum(counted.values())
    # Four members on a node of four GPUs, and a team of two that leaves two of them alone.
    for team, members in (("team-01", range(4)), ("team-02", range(4, 6))):
        pairs = {f"member-{m:02d}: on device {d}" for d, m in enumerate(members)}
        assert pairs == {line for line in log(site, team).splitlines() if "on device" in line}


def test_dry_runs_as_they_are_typed(site):
    dry_run(site)
    dry_run(site, "results/demo/round-01/inspect/index.html")
    dry_run(site, f"{RESULTS}/round-01/ensemble.h5", "--configfile", CONFIG)
    (training,) = [text for text in dry_run(site, "release") if "rule train_release:" in text]
    for wanted in ("slurm_account=desi_g", "constraint=gpu", "qos=regular", "gpu=4"):
        assert wanted in training


def test_dry_run_of_dr1(site):
    """As config/dr1.yaml is given, but for where the data are: the table of tiles is made up."""
    data = site.folder / "data"
    data.mkdir()
    rows = [f"{n},main,dark,{20210514 + n % 17}" for n in range(1, 2801)]
    rows += [f"{n},sv1,dark,20210205" for n in range(80601, 80641)]
    table = "\n".join(["TILEID,SURVEY,PROGRAM,LASTNIGHT", *rows]) + "\n"
    (data / "tiles-iron.csv").write_text(table)
    for name in ("data_dr12.fits", "truth_dr12q.fits", "desi-vi-truth.csv"):
        (data / name).touch()
    path = site.folder / "config/dr1.yaml"
    path.write_text(re.sub(r"/\S+/redux/iron", str(data), path.read_text()))
    steps = dry_run(site, "--configfile", "config/dr1.yaml")
    counted = cost.jobs_of_round(estimate_cost.read(path), 1)
    assert counted["score_spectra"] == 28
    for rule, count in counted.items():
        assert sum(f"rule {rule}:" in text for text in steps) == count, rule


def dry_run(site: Checkout, *arguments: str) -> list[str]:
    """Return what a dry run says of each job."""
    command = [PYTHON, "-m", "snakemake", "-n", "--profile", "perlmutter", *arguments]
    done = subprocess.run(command, cwd=site.folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # Snakemake warns of a path that a rule lacks here, and goes on.
    assert "Empty file path" not in done.stderr
    return (done.stdout + done.stderr).split("\n\n")


def test_cancelled_job_is_run_again_with_more_of_all(site):
    before = site.files()
    (site.folder / MAP).unlink()
    with site.held():
        head = site.start(MAP)
        job = site.running("map_spectra.py")
        ask("scancel", job)
        site.gone(job)
    assert head.end() == 0, head.text
    first, second = site.jobs()[-2:]
    assert first["State"].startswith("CANCELLED")
    assert second["State"] == "COMPLETED"
    assert int(second["TimelimitRaw"]) == 2 * int(first["TimelimitRaw"])
    assert int(second["ReqMem"].strip("MG")) == 2 * int(first["ReqMem"].strip("MG"))
    site.kept(before, MAP)


def test_job_over_its_memory_is_run_again(site):
    before = site.files()
    (site.folder / MAP).unlink()
    # Snakemake's own two processes need more than that.
    less = "map_spectra:mem_mb=60 if attempt == 1 else 2000"
    with site.held():
        head = site.start("--set-resources", less, "--", MAP)
        job = eventually(head.submitted)[0]
        eventually(lambda: job not in site.queue())
    assert head.end() == 0, head.text
    first, second = site.jobs()[-2:]
    assert first["State"] in ("FAILED", "OUT_OF_MEMORY")
    assert second["State"] == "COMPLETED"
    site.kept(before, MAP)


def test_bad_input_is_not_submitted_again(site):
    before = site.files()
    pool, kept = site.folder / f"{RESULTS}/pool/1003-all.fits", site.folder / "pool.kept"
    (site.folder / MAP).unlink()
    pool.rename(kept)
    pool.write_bytes(kept.read_bytes()[:-10_000])
    shutil.copystat(kept, pool)
    number = len(site.jobs())
    head = site.run(MAP)
    assert head.process.returncode != 0
    assert f"map_spectra.py: {RESULTS}/pool/1003-all.fits: " in head.text
    assert "Trying to restart" not in head.text
    assert [job["State"] for job in site.jobs()[number:]] == ["FAILED"]
    kept.rename(pool)
    head = site.run(MAP)
    assert head.process.returncode == 0, head.text
    site.kept(before, MAP)


@own_slurm
def test_job_on_a_node_that_goes_down_goes_on_elsewhere(site):
    before = site.files()
    (site.folder / MAP).unlink()
    node = ""
    try:
        with site.held():
            head = site.start(MAP)
            job = site.running("map_spectra.py")
            (node,) = ask("squeue", "--noheader", "--format=%N", "--job", job)
            ask("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
            site.gone(job, node)
        assert head.end() == 0, head.text
    finally:
        if node:
            ask("scontrol", "update", f"NodeName={node}", "State=RESUME")
    *_, lost, last = site.jobs()
    assert lost["JobIDRaw"] == last["JobIDRaw"] == job
    assert (lost["State"], last["State"]) == ("NODE_FAIL", "COMPLETED")
    assert lost["NodeList"] == node != last["NodeList"]
    site.kept(before, MAP)


def test_head_that_is_asked_to_end_waits_for_its_jobs(site):
    before = site.files()
    for path in (SCORES, *BATCH):
        (site.folder / path).unlink()
    with site.held():
        head = site.start(BATCH[0])
        site.running("score_spectra.py")
        head.process.send_signal(signal.SIGTERM)
        eventually(lambda: "Will exit after finishing currently running jobs" in head.text)
    assert head.end() != 0
    # The job that ran is done and its output counts; the next one was not begun.
    site.kept({path: when for path, when in before.items() if path not in BATCH}, SCORES)
    done = site.files()
    head = site.run(BATCH[0])
    assert head.process.returncode == 0, head.text
    assert site.jobs()[-1]["Comment"].startswith("rule_select_batch")
    site.kept(done, *BATCH)


def test_job_that_outlives_its_head_is_not_done_again(site):
    before = site.files()
    for path in (SCORES, *BATCH):
        (site.folder / path).unlink()
    with site.held():
        head = site.start(BATCH[0])
        job = site.running("score_spectra.py")
        head.process.kill()
        head.end()
    eventually(lambda: not site.queue())
    done = site.files()
    assert site.run("--unlock").process.returncode == 0
    head = site.run(BATCH[0])
    assert head.process.returncode == 0, head.text
    first, second = site.jobs()[-2:]
    assert (first["JobIDRaw"], first["State"]) == (job, "COMPLETED")
    assert second["Comment"].startswith("rule_select_batch")
    site.kept(done, *BATCH)
    site.kept(before, SCORES, *BATCH)


def test_orphans_of_a_killed_head_are_noticed(site):
    before = site.files()
    (site.folder / MAP).unlink()
    with site.held():
        head = site.start("--slurm-jobname-prefix", "mine", "--", MAP)
        job = site.running("map_spectra.py")
        head.process.kill()
        head.end()
        head = site.run(MAP)
        assert head.process.returncode != 0
        assert "--unlock" in head.text
        assert site.run("--unlock").process.returncode == 0
        head = site.run(MAP)
        assert head.process.returncode != 0
        assert f"earlier run of slurm are still in the queue: {job} (running)" in head.text
        assert f"scancel {job}" in head.text
        ask("scancel", job)
        eventually(lambda: not site.queue())
    head = site.run(MAP)
    assert head.process.returncode == 0, head.text
    site.kept(before, MAP)


@pytest.mark.parametrize(
    ("target", "variable", "value", "message"),
    [
        (MAP, "QUASARNET_AL_ACCOUNT", "nobody", "account nobody: is not one that you can charge ("),
        (TEAM, "QUASARNET_AL_GPU_QOS", "debug", "QOS debug: allows 30 minutes, and train_members"),
    ],
)
def test_what_slurm_would_refuse_is_refused_before_anything_is_submitted(
    site, target, variable, value, message
):
    before = site.files()
    kept = site.folder / f"{target}.kept"
    (site.folder / target).rename(kept)
    head = site.start(target, **{variable: value})
    assert head.end() != 0
    assert message in head.text
    assert f"set {variable}" in head.text
    assert not head.submitted()
    kept.rename(site.folder / target)
    site.kept(before)


@own_slurm
def test_jobs_that_slurm_forgets_at_once_are_known_from_accounting(site):
    before = site.files()
    (site.folder / MAP).unlink()
    settings = Path("/etc/slurm/slurm.conf").resolve()
    text = settings.read_text()
    assert "MinJobAge=300" in text
    try:
        # Less than three times the seconds before a head's first look.
        settings.write_text(text.replace("MinJobAge=300", "MinJobAge=5"))
        ask("scontrol", "reconfigure")
        head = site.run(MAP)
    finally:
        settings.write_text(text)
        ask("scontrol", "reconfigure")
    assert head.process.returncode == 0, head.text
    assert "SLURM forgets ended jobs after 5 s (MinJobAge)" in head.text
    site.kept(before, MAP)


def test_two_runs_from_one_checkout_do_not_disturb_each_other(site):
    before = site.files()
    (site.folder / MAP).unlink()
    (site.folder / "other.yaml").write_text("run: other\n")
    truth = "results/other/mock/initial/truth.csv"
    with site.held():
        first = site.start(MAP)
        site.running("map_spectra.py")
        second = site.start(truth, changes=("other.yaml",))
        eventually(lambda: second.submitted() or second.process.poll() is not None)
        assert second.submitted(), second.text
    assert first.end() == 0, first.text
    assert second.end() == 0, second.text
    assert (site.folder / truth).is_file()
    site.kept(before, MAP)


def test_four_members_train_at_once_and_one_that_dies_costs_only_itself(site):
    before = site.files()
    team = f"{RESULTS}/round-01/train/team-01.h5"
    (site.folder / team).unlink()
    with site.held("epoch"):
        head = site.start(team)
        job = site.running("train_members.py")
        # All four are in training at the same time, each told another of the job's devices.
        eventually(lambda: len(checkpoints(site)) == 4)
        assert log(site, "team-01").count("on device") == 4
        # Spawned by multiprocessing, one a member.
        four = processes(job, "spawn_main")
        assert len(four) == 4
        os.kill(four[2], signal.SIGKILL)
    assert head.end() == 0, head.text
    failed, done = site.jobs()[-2:]
    assert (failed["State"], done["State"]) == ("FAILED", "COMPLETED")
    # The log of the first attempt names who failed; the second trains nobody else, and
    # goes on after the epoch that was kept.
    assert "exit status -9" in head.text
    assert " failed (see above); run again: the others are kept" in head.text
    epochs = [line.split()[:3] for line in log(site, "team-01").splitlines() if "epoch" in line]
    (victim,) = {member for member, *_ in epochs}
    assert f"{victim}: exit status -9" in head.text
    assert epochs[0] == [victim, "epoch", "2/5:"]
    site.kept(before, team)


def checkpoints(site: Checkout) -> list[Path]:
    return [*(site.folder / TEAM).parent.glob("member-*.npz")]


def test_inside_one_allocation_nothing_more_is_submitted(site):
    before, jobs = site.files(), len(site.jobs())
    team = f"{RESULTS}/round-01/train/team-01.h5"
    (site.folder / team).unlink()
    submitted(site, "gpu.sh", team, wait=True)
    assert all(f"member-{n:02d}: on device {n}" in log(site, "team-01") for n in range(4))
    site.kept(before, team)
    # What comes before the first training, on a CPU node.
    (site.folder / MAP).unlink()
    submitted(site, "cpu.sh", wait=True)
    site.kept(before, team, MAP)
    assert len(site.jobs()) == jobs + 2


def test_four_strategies_of_a_study_in_one_allocation_take_four_devices(site):
    before = site.files()
    arms = ("one", "two", "three", "four")
    (site.folder / "study.yaml").write_text(
        f"oracle: {{truth: {RESULTS}/mock/pool/truth.csv}}\n"
        "experiment: {rounds: 1, seeds: 1, baseline: one, arms: {one: {}, two: {}, three: {}, "
        "four: {}}}\n"
    )
    study = site.folder / RESULTS / "experiment"
    (study / "1").mkdir(parents=True)
    shutil.copy(site.folder / RESULTS / "round-01/ensemble.h5", study / "1/start.h5")
    locks = f"quasarnet-al-{os.getuid()}-{{job}}-gpu-{{device}}.lock"
    with site.held("device"):
        # As many CPUs as the node claims, so that all four run at once.
        curves = [f"{RESULTS}/experiment/1/{arm}.csv" for arm in arms]
        job = submitted(site, "gpu.sh", *curves, "--cores", "128", configs=("study.yaml",))
        files = [Path("/tmp", locks.format(job=job, device=n)) for n in range(4)]
        eventually(lambda: all(path.exists() for path in files))
    logs = [site.folder / f"logs/slurm/run_arm/1/{arm}.log" for arm in arms]
    eventually(lambda: all("on device" in log.read_text() for log in logs))
    taken = [log.read_text().partition("on device ")[2][0] for log in logs]
    assert sorted(taken) == ["0", "1", "2", "3"]
    # What they would find out takes minutes.
    ask("scancel", job)
    site.gone(job)
    assert site.run("--unlock").process.returncode == 0
    shutil.rmtree(study)
    site.kept(before)


def submitted(
    site: Checkout, script: str, *arguments: str, wait: bool = False, configs: tuple = ()
) -> str:
    """Submit a batch script of one node; return the number of its job."""
    command = ["sbatch", "--parsable", "--time=30", "--output=allocation.log"]
    command += ["--wait"] if wait else []
    command += [f"profiles/perlmutter-node/{script}", *arguments, "--configfile", CONFIG, *configs]
    path = f"{Path(PYTHON).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "QUASARNET_AL_TRAIN_ON_CPU": "yes"}
    environment |= {"PYTHONPATH": str(site.folder / HOLD)}
    done = subprocess.run(
        command, cwd=site.folder, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert done.returncode == 0, (site.folder / "allocation.log").read_text()
    return done.stdout.strip()


@pytest.mark.slow
def test_job_over_its_time_goes_on_from_its_last_epoch(site):
    before = site.files()
    (site.folder / TEAM).unlink()
    with site.held("epoch"):
        head = site.start(TEAM)
        job = site.running("train_members.py")
        eventually(lambda: len(checkpoints(site)) == 2)
        # It would end by itself in an hour or two.
        ask("scontrol", "update", f"JobId={job}", "TimeLimit=1")
        site.gone(job)
    assert head.end() == 0, head.text
    first, second = site.jobs()[-2:]
    assert (first["State"], second["State"]) == ("TIMEOUT", "COMPLETED")
    goes_on_after_its_first_epoch(site)
    site.kept(before, TEAM)


@pytest.mark.slow
@own_slurm
def test_preempted_job_is_queued_again_and_goes_on_from_its_last_epoch(site):
    before = site.files()
    (site.folder / TEAM).unlink()
    with site.held("epoch"):
        head = site.start(TEAM, QUASARNET_AL_GPU_QOS="preempt")
        job = site.running("train_members.py")
        eventually(lambda: len(checkpoints(site)) == 2)
        urgent = ["sbatch", "--constraint=gpu", "--account=desi_g", "--qos=regular"]
        # Both GPU nodes: there is no other place for it.
        ask(*urgent, "--nodes=2", "--output=/dev/null", "--wrap=true")
        eventually(lambda: site.queue()[job] != "RUNNING")
        eventually(lambda: not processes(job, "spawn_main"))
    assert head.end() == 0, head.text
    *_, first, second = site.jobs()
    assert first["JobIDRaw"] == second["JobIDRaw"] == job
    assert (first["State"], second["State"]) == ("PREEMPTED", "COMPLETED")
    goes_on_after_its_first_epoch(site)
    site.kept(before, TEAM)


def goes_on_after_its_first_epoch(site: Checkout) -> None:
    said = log(site, "team-02")
    assert all(f"member-{m:02d} epoch 2/5" in said for m in (4, 5))
    assert "epoch 1/" not in said
