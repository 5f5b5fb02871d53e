# make demo   the mock survey: two rounds of active learning and the pages of a third
# make test   all tests
# make lint   ruff, snakefmt, snakemake --lint
# make docs   the tables of config/README.md, from the options of the library
# make env    the environment alone, in .venv
# make benchmark   speeds against limits and peers, into tests/benchmarks/RESULTS.md;
#                  ARGS="--quasarnp FOLDER --peers FOLDER" for peers that are not installed
# make slurm  a SLURM shaped like Perlmutter's, for its tests (Debian, root)
PYTHON ?= python3
CORES ?= 2
# At NERSC: envs/gpu.txt
REQUIREMENTS ?= envs/cpu.txt
VENV := .venv
ENV := $(VENV)/installed
BIN := $(VENV)/bin
# snakefmt looks for its shell formatter on the PATH.
export PATH := $(abspath $(BIN)):$(PATH)

.PHONY: demo test lint docs env slurm benchmark lock

demo: $(ENV)
	$(BIN)/snakemake --cores $(CORES)

# Two workers: the tests of SLURM mostly wait.
test: $(ENV)
	$(BIN)/pytest -n 2 --dist loadfile $(ARGS)

lint: $(ENV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint

docs: $(ENV)
	PYTHONPATH=workflow_scripts $(BIN)/python -m quasarnet_al.workflow.schema

env: $(ENV)

benchmark: $(ENV)
	$(BIN)/python tests/benchmarks/run_all.py $(ARGS)

slurm:
	tests/slurm/start

# The environment is whole when `installed` is there, and as old as the pins it was made of.
$(ENV): $(REQUIREMENTS)
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "make: needs Python >= 3.11 with venv (Debian: apt install python3-venv); or set PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $(REQUIREMENTS)
	touch $@

# Pin the packages anew, with hashes, after a change of envs/*.in.
lock: $(ENV)
	$(BIN)/pip install --quiet uv
	for name in cpu gpu; do \
		$(BIN)/uv pip compile --quiet --python-version 3.11 --no-header --no-annotate \
			--python-platform x86_64-manylinux_2_28 --generate-hashes \
			envs/$$name.in --output-file envs/$$name.txt; done
