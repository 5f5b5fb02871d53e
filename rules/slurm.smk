"""What a run on SLURM looks at before it submits anything."""

from quasarnet_al import orphans


onstart:
    try:
        orphans.refuse(Path.cwd())
    except InputError as error:
        sys.exit(str(error))
