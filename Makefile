# make table DATASET=/data/urbansas     set up, run the pipeline in runs/urbansas, print the table
# make test                             set up, run the tests
# make help                             all targets

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
CORES ?= $(shell nproc)
DATASET ?=
SNAKEMAKE_OPTIONS ?=
LOCK_ID := $(shell cat constraints.txt pyproject.toml | sha256sum | cut -c1-16)
READY = $(VENV)/.ready-$(LOCK_ID)
PLACED = $(VENV)/.placed-$(shell pwd | sha256sum | cut -c1-16)

.PHONY: help setup dataset table test test-faults test-mutations test-slurm lint format bench lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY) $(PLACED)  ## make the virtual environment (.venv) with locked versions

$(READY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "flowgrad needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "no virtual environment could be made; on Debian and Ubuntu install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,slurm]'
	@$(BIN)/python -c 'import cv2' || \
		{ echo "OpenCV does not start; on a bare machine it needs libgl1 and libglib2.0-0" >&2; exit 1; }
	@rm -f $(VENV)/.ready-* $(VENV)/.placed-*; touch $@

# an environment that several clones share (VENV=...) runs the code of the clone that used it last
$(PLACED): $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@rm -f $(VENV)/.placed-*; touch $@

# said at once, not after minutes of setting up
dataset:
	@test -n "$(DATASET)" || { echo "name a folder: make table DATASET=/data/urbansas" >&2; exit 2; }
	@test -d "$(DATASET)" || { echo "DATASET: $$(realpath -m "$(DATASET)") is not a folder; name one" >&2; exit 2; }

table: dataset setup  ## run the main job on DATASET (an Urbansas folder, or any folder of videos), in runs/ITS_NAME
	@# each dataset has a folder of its own; a run that had something to do has printed its table
	@format=videos; test -d "$(DATASET)/annotations" && format=urbansas; \
	root="$$(realpath "$(DATASET)")"; folder="$$($(BIN)/flowgrad folder "$$root" --format $$format)"; \
	results="$$folder/results"; echo "$$root: results in $$results"; \
	export FLOWGRAD_WEIGHTS="$$(realpath -m "$${FLOWGRAD_WEIGHTS:-weights}")"; touch $(VENV)/.started; \
	$(BIN)/snakemake --directory "$$folder" --cores $(CORES) --config models=available \
		"dataset={format: $$format, root: '$$root'}" $(SNAKEMAKE_OPTIONS) -- all; \
	if [[ -e $$results/clips.csv && ! $$results/clips.csv -nt $(VENV)/.started ]]; then \
		$(BIN)/flowgrad table "$$results"; \
	fi; \
	echo "results in $$results"

test: setup  ## run the tests (a quarter of an hour with the reference material of docs/testing.md, a third of that without)
	$(BIN)/python -m pytest -n $(CORES) --maxprocesses 4 --dist loadfile

test-matrix: setup  ## run every model on a small set in the layout of every dataset (some minutes)
	$(BIN)/python -m pytest -m matrix -n $(CORES) --maxprocesses 4 tests/test_matrix.py

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

bench: setup  ## measure the stages (docs/speed.md)
	$(BIN)/python benchmarks/stages.py

lock: setup  ## lock the newest versions that work together
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --no-annotate --no-header \
		-c <(printf 'torch==2.14.1\ntorchvision==0.29.2\n') -o constraints.txt

clean:  ## remove what was built and computed
	rm -rf .venv results .snakemake runs/*/results runs/*/.snakemake build src/*.egg-info
