"""Active learning for QuasarNET on DESI spectra: rounds of training, scoring and inspection.

`snakemake` builds all rounds that have labels, and the first that waits for them.
"""

import sys
from pathlib import Path

# The project's folder, also where another workflow uses this one as a module.
PROJECT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True))
sys.path.insert(0, str(PROJECT / "workflow_scripts"))

from snakemake.cli import get_argument_parser
from snakemake.logging import logger
from snakemake.utils import min_version

from quasarnet_al.core.files import InputError
from quasarnet_al.tasks.registry import TASKS
from quasarnet_al.workflow import plan, retries, revisions, rounds, slurm
from quasarnet_al.workflow.config import read_yaml, set_environment

# The version that the project is tested with; older ones lack keywords that the rules use.
min_version("9.27")

# A config given with --configfile is complete: the demo's keys must not fill its gaps. Snakemake
# has no public name for the list of these files.
CONFIGFILES = workflow.overwrite_configfiles or [str(PROJECT / "config/config.yaml")]
try:
    for path in CONFIGFILES:
        read_yaml(path)
except InputError as error:
    sys.exit(str(error))
if not workflow.overwrite_configfiles:

    configfile: CONFIGFILES[0]


try:
    config = plan.check(config, PROJECT / "config/schemas/config.schema.yaml")
    CAMPAIGN = rounds.Campaign(config)
    CAMPAIGN.check_frozen()
    ROUNDS = CAMPAIGN.numbers
except InputError as error:
    sys.exit(str(error))


# `results/<run>/...` in the rules is the run of this config; its pool may be another run's.
pathvars:
    run=config["run"],
    pool=plan.pool_folder(config),


set_environment(config, PROJECT)
COMMAND = rounds.command_to_go_on(sys.argv[1:])
rounds.show_on_pages(COMMAND)
IS_MODULE = not workflow.modifier.is_main_snakefile()
if workflow.is_main_process and not IS_MODULE:
    rounds.when_nothing_is_to_be_done(logger, lambda: CAMPAIGN.next_steps(COMMAND))
    retries.not_after_refusal(logger, workflow)


# `snakemake restore` makes what is gone, and nothing that is there.
RESTORES = "restore" in sys.argv[1:]


# A frozen file is a source: no rule makes it, whatever Snakemake finds changed.
wildcard_constraints:
    round=CAMPAIGN.constraint("round", r"\d\d", RESTORES),
    team=r"\d\d+",
    minibatch=r"\d\d+",
    tiles=CAMPAIGN.constraint("tiles", r"[A-Za-z0-9_-]+", RESTORES),
    set=CAMPAIGN.constraint("set", r"[a-z][a-z0-9-]*", RESTORES),
    survey=CAMPAIGN.constraint("survey", r"[a-z][a-z0-9-]*", RESTORES),
    variant=r"[a-z][a-z0-9-]*",
    arm=r"[a-z][a-z0-9-]*",
    seed=r"\d+",
    fit=CAMPAIGN.constraint("fit", r"(?:run|round-\d\d)", RESTORES),


include: "rules/common.smk"
include: "rules/pool.smk"
include: "rules/assemble.smk"
include: f"rules/{config['task']}.smk"
include: "rules/train.smk"
include: "rules/som.smk"
include: "rules/score.smk"
include: "rules/select.smk"
include: "rules/inspect.smk"
include: "rules/evaluate.smk"
include: "rules/report.smk"
include: "rules/publish.smk"
include: "rules/experiment.smk"
include: "rules/compare.smk"
include: "rules/archive.smk"


rule all:
    """Every round that has labels, and the pages of the first that waits for them."""
    default_target: True
    input:
        what_to_build(),
    localrule: True


rule restore:
    """Make again what is gone of the files that the rounds were made of, and nothing else."""
    input:
        CAMPAIGN.missing() if RESTORES else [],
    localrule: True


if workflow.is_main_process:
    try:
        if IS_MODULE:
            # Snakemake calls the hooks of the main workflow only.
            CAMPAIGN.record(labelled_rounds())
        else:
            typed = get_argument_parser().parse_known_args(sys.argv[1:])[0]
            for target in typed.targets:
                CAMPAIGN.check_target(target, workflow.rules)
            for target in sorted(typed.forcerun or []):
                CAMPAIGN.check_target(target, workflow.rules, forced=True)
            if RESTORES:
                CAMPAIGN.check_restorable()
    except InputError as error:
        sys.exit(str(error))


onstart:
    jobs = list(workflow.dag.needrun_jobs())
    submitted = [
        slurm.Request(
            job.rule.name, *map(job.resources.get, ("slurm_account", "qos", "runtime"))
        )
        for job in jobs
        if not job.is_local
    ]
    made = {path for job in jobs for path in job.output}
    read = {path for job in jobs for path in job.input} - made
    old = revisions.note(read)
    if old:
        print(old, file=sys.stderr)
    CAMPAIGN.note_batches(
        int(job.wildcards.round) for job in jobs if job.rule.name == "select_batch"
    )
    merged = {int(job.wildcards.round) for job in jobs if job.rule.name == "merge_labels"}
    try:
        CAMPAIGN.check_merged(read)
        if not RESTORES:
            CAMPAIGN.set_aside(PLACES)
        CAMPAIGN.record(merged)
        slurm.refuse(Path.cwd(), config["run"], submitted)
    except InputError as error:
        sys.exit(str(error))


onsuccess:
    if RESTORES:
        # As old as what they are made of: nothing that came after them is out of date.
        for level in workflow.dag.toposorted():
            # Of today's pool, say, a restored map is not made: such inputs are `ancient`.
            CAMPAIGN.date_back(
                [
                    ([path for path in job.input if not path.is_ancient], job.output)
                    for job in level
                ]
            )
    print(CAMPAIGN.next_steps(COMMAND))
