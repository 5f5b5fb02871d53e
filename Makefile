# make demo        the mock survey: two rounds of active learning and the pages of a third
# make test        all tests; ARGS="-k report" selects some
# make coverage    all tests but those of SLURM, and the share of lines and branches they execute
# make lint        ruff, snakefmt, snakemake --lint, codespell, shellcheck, node --check, mypy
# make docs        what is generated: the diagrams of docs/architecture.md, the schema's blocks
#                  and the tables of config/README.md
# make env         only the environment, in .venv
# make benchmark   speeds against limits and peers, into tests/benchmarks/RESULTS.md;
#                  ARGS="--quasarnp FOLDER --peers FOLDER" for peers that are not installed
# make slurm       a SLURM shaped like Perlmutter's, for its tests (Debian, root)
# make lock        new pins in envs/*.txt after a change of envs/*.in
PYTHON ?= python3
CORES ?= 2
# At NERSC: envs/gpu.txt
REQUIREMENTS ?= envs/cpu.txt
VENV := .venv
ENV := $(VENV)/installed
BIN := $(VENV)/bin
# snakefmt looks for its shell formatter on the PATH.
export PATH := $(abspath $(BIN)):$(PATH)

.PHONY: demo test coverage lint docs env slurm benchmark lock

demo: $(ENV)
	$(BIN)/snakemake --cores $(CORES)

# Two workers: the tests of SLURM mostly wait.
test: $(ENV)
	$(BIN)/pytest -n 2 --dist loadfile $(ARGS)

coverage: $(ENV)
	$(BIN)/pytest -n 2 --dist loadfile --cov --ignore tests/test_slurm.py $(ARGS)

SHELL_SCRIPTS := $(shell git grep -l -E '^\#!.*\b(ba)?sh$$')
JAVASCRIPT := $(shell git ls-files '*.js' '*.mjs')

lint: $(ENV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint
	$(BIN)/codespell
	$(call if_installed,shellcheck,shellcheck $(SHELL_SCRIPTS))
	$(call if_installed,node,for file in $(JAVASCRIPT); do node --check $$file || exit 1; done)
	$(BIN)/mypy

# A tool that is not a Python package (Debian: apt install shellcheck nodejs): without it the
# check is left out, and a line says so. In CI it must be there.
define if_installed
	@if command -v $(1) >/dev/null; then set -x; $(2); \
	elif [ -n "$$CI" ]; then echo "make lint: $(1) is not installed"; exit 1; \
	else echo "make lint: $(1) is not installed, its check is left out"; fi
endef

docs: $(ENV)
	PYTHONPATH=workflow_scripts $(BIN)/python -m quasarnet_al.workflow.schema
	$(BIN)/python tests/helpers/diagrams.py

env: $(ENV)

benchmark: $(ENV)
	$(BIN)/python tests/benchmarks/run_all.py $(ARGS)

slurm:
	tests/slurm/start

# The environment is complete when `installed` exists and is not older than its pins.
$(ENV): $(REQUIREMENTS)
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "make: needs Python >= 3.11 with venv (Debian: apt install python3-venv); or set PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $(REQUIREMENTS)
	touch $@

lock: $(ENV)
	$(BIN)/pip install --quiet uv
	for name in cpu gpu; do \
		$(BIN)/uv pip compile --quiet --python-version 3.11 --no-header --no-annotate \
			--no-strip-extras \
			--python-platform x86_64-manylinux_2_28 --generate-hashes \
			envs/$$name.in --output-file envs/$$name.txt; done
