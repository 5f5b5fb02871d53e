"""What a run on SLURM looks at before it submits anything."""

from quasarnet_al import slurm


onstart:
    submitted = [job for job in workflow.dag.needrun_jobs() if not job.is_local]
    accounts = {job.resources.get("slurm_account") for job in submitted}
    try:
        slurm.refuse_orphans(Path.cwd())
        slurm.refuse_accounts(accounts - {None})
    except InputError as error:
        sys.exit(str(error))
