#!/bin/bash
# What comes before the first training, on one CPU node of Perlmutter: coadds are read, the
# self-organizing map is fitted, training and validation sets are assembled. GPU hours are not spent
# on it; gpu.sh does the rest. In the folder of the project, with the environment activated:
#
#     sbatch profiles/perlmutter-node/cpu.sh --configfile config/my-dr1.yaml
#
# Arguments go to Snakemake. Options of sbatch, before the script, replace those below.
#SBATCH --account=desi
#SBATCH --qos=regular
#SBATCH --constraint=cpu
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=256
#SBATCH --time=02:00:00
#SBATCH --output=quasarnet-al-%j.log
set -euo pipefail
exec snakemake --profile profiles/perlmutter-node "$@" --resources mem_mb=480000 \
    --until map_spectra assemble_training assemble_validation
