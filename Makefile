# make table DATASET=/data/urbansas     set up, run the pipeline in runs/urbansas, print the table
# make test                             set up, run the tests
# make help                             all targets

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# Python keeps the bytecode of this package: each job of a run starts half a second sooner
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
CORES ?= $(shell nproc)
DATASET ?=
SNAKEMAKE_OPTIONS ?=
LOCK_ID := $(shell cat constraints.txt pyproject.toml | sha256sum | cut -c1-16)
READY = $(VENV)/.ready-$(LOCK_ID)
PLACED = $(VENV)/.placed-$(shell pwd | sha256sum | cut -c1-16)

.PHONY: help setup dataset table test test-runs test-matrix test-cells test-faults test-mutations test-slurm lint format bench lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY) $(PLACED)  ## make the virtual environment (.venv) with locked versions

$(READY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "flowgrad needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "1 of 3: a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "no virtual environment could be made; on Debian and Ubuntu install python3-venv" >&2; exit 1; }
	@echo "2 of 3: the locked packages, PyTorch among them: minutes, 7 GB"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,slurm]'
	@echo "3 of 3: whether OpenCV starts"
	@$(BIN)/python -c 'import cv2' || \
		{ echo "OpenCV does not start; on a bare machine it needs libgl1 and libglib2.0-0" >&2; exit 1; }
	@rm -f $(VENV)/.ready-* $(VENV)/.placed-*; touch $@

# an environment that several clones share (VENV=...) runs the code of the clone that used it last
$(PLACED): $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@echo "optical flow is compiled for this processor: some seconds"
	@$(BIN)/python -c 'import flowgrad.flow.farneback_kernels'
	@rm -f $(VENV)/.placed-*; touch $@
	@echo "ready: source $(VENV)/bin/activate, then: flowgrad demo, or flowgrad run FOLDER"

# said at once, not after minutes of setting up
dataset:
	@test -n "$(DATASET)" || { echo "name a folder: make table DATASET=/data/urbansas" >&2; exit 2; }
	@test -d "$(DATASET)" || { echo "DATASET: $$(realpath -m "$(DATASET)") is not a folder; name one" >&2; exit 2; }

table: dataset setup  ## run the main job on DATASET (an Urbansas folder, or any folder of videos), in runs/ITS_NAME
	@$(BIN)/flowgrad run "$(DATASET)" --cores $(CORES) $(SNAKEMAKE_OPTIONS)

test: setup  ## run the tests (a quarter of an hour with the reference material of docs/testing.md, a third of that without)
	$(BIN)/python -m pytest -n $(CORES) --maxprocesses 4 --dist loadfile

test-runs: setup  ## run the tests that are whole runs of a minute or more: the demo with its training, kills, odd files
	$(BIN)/python -m pytest -m runs -n $(CORES) --maxprocesses 4 --dist loadfile

test-matrix: setup  ## run small sets in the layout of every dataset, and every model (some minutes)
	$(BIN)/python -m pytest -m matrix -n $(CORES) --maxprocesses 4 tests/test_matrix.py

test-cells: setup  ## the same, every model on every layout (half an hour)
	$(BIN)/python -m pytest -m 'matrix or every_cell' -n $(CORES) --maxprocesses 4 tests/test_matrix.py

test-mutations: setup  ## run the workflow over three hundred damaged files (needs the reference material; minutes)
	$(BIN)/python -m pytest -m mutations tests/test_mutations.py

test-faults: setup  ## put small faults into the code and count those that the fast tests notice (half an hour)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[faults]'
	$(BIN)/python tests/faults.py

test-slurm: setup  ## run the tests on a SLURM that they bring up themselves (Debian, as root; 8 minutes)
	$(BIN)/python -m pytest -m slurm tests/slurm

lint: setup  ## format, lint and type checks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow

format: setup  ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/snakefmt Snakefile workflow

bench: setup  ## measure the stages on the clips of VIDEOS (docs/speed.md)
	$(BIN)/python benchmarks/speed stages $(VIDEOS)

lock: setup  ## lock the newest versions that work together
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --no-annotate --no-header \
		-c <(printf 'torch==2.14.1\ntorchvision==0.29.2\n') -o constraints.txt

clean:  ## remove what was built and computed
	rm -rf .venv results .snakemake runs/*/results runs/*/.snakemake flowgrad-demo build src/*.egg-info
