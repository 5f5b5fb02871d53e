#!/bin/bash
# Everything that a run can do now, on one GPU node of Perlmutter; nothing more is submitted.
# In the folder of the project, with the environment activated:
#
#     sbatch profiles/perlmutter-node/gpu.sh --configfile config/my-dr1.yaml
#
# Arguments go to Snakemake. Options of sbatch, before the script, replace those below:
# `sbatch --account=m1234_g --time=02:00:00 profiles/perlmutter-node/gpu.sh ...`
#SBATCH --account=desi_g
#SBATCH --qos=regular
#SBATCH --constraint=gpu
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=128
#SBATCH --gpus-per-node=4
#SBATCH --time=04:00:00
#SBATCH --output=quasarnet-al-%j.log
set -euo pipefail
# On a node without what TensorFlow needs, end now and not after hours on the CPU.
[ "${QUASARNET_AL_TRAIN_ON_CPU:-}" = yes ] || python workflow_scripts/check_gpu.py
# At the time limit SLURM's signal reaches Snakemake; a later run goes on from the last epoch.
exec snakemake --profile profiles/perlmutter-node "$@"
