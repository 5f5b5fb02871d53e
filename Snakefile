"""Active learning for QuasarNET on DESI spectra: rounds of training, scoring and inspection.

`snakemake` builds all rounds that have labels, and the first that waits for them.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir, "workflow_scripts")))

from snakemake.utils import min_version

from quasarnet_al.core.files import InputError
from quasarnet_al.tasks.registry import TASKS
from quasarnet_al.workflow import plan, rounds, slurm
from quasarnet_al.workflow.config import set_environment

# The version that the project is tested with; older ones lack keywords that the rules use.
min_version("9.27")

# A config given with --configfile is complete: the demo's keys must not fill its gaps. Snakemake
# has no public name for the list of these files.
if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


try:
    config = plan.check(config, Path(workflow.basedir, "config/schemas/config.schema.yaml"))
    ROUNDS = rounds.in_graph(config)
except InputError as error:
    sys.exit(str(error))


# `results/<run>/...` in the rules is the run of this config.
pathvars:
    run=config["run"],


set_environment(config)


wildcard_constraints:
    round=r"\d\d",
    team=r"\d\d+",
    minibatch=r"\d\d+",
    tiles=r"[A-Za-z0-9_-]+",
    set=r"[a-z][a-z0-9-]*",
    survey=r"[a-z][a-z0-9-]*",
    variant=r"[a-z][a-z0-9-]*",
    arm=r"[a-z][a-z0-9-]*",
    seed=r"\d+",
    fit=r"run|round-\d\d",


include: "rules/common.smk"
include: f"rules/{config['task']}.smk"
include: "rules/assemble.smk"
include: "rules/train.smk"
include: "rules/som.smk"
include: "rules/score.smk"
include: "rules/select.smk"
include: "rules/inspect.smk"
include: "rules/evaluate.smk"
include: "rules/experiment.smk"
include: "rules/compare.smk"
include: "rules/archive.smk"


rule all:
    """Every round that has labels, and the pages of the first that waits for them."""
    default_target: True
    input:
        what_to_build(),
    localrule: True


onstart:
    jobs = list(workflow.dag.needrun_jobs())
    accounts = {job.resources.get("slurm_account") for job in jobs if not job.is_local}
    batches = {int(job.wildcards.round) for job in jobs if job.rule.name == "select_batch"}
    try:
        slurm.refuse_orphans(Path.cwd())
        slurm.refuse_accounts(accounts - {None})
        # Who forces a rule means it: the same inputs give the same batch.
        rounds.refuse_void(config, [] if workflow.dag_settings.forcerun else batches)
    except InputError as error:
        sys.exit(str(error))


onsuccess:
    print(rounds.next_steps(config, ROUNDS, next_command()))
