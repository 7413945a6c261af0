# `make run` and `make test` are all that a newcomer needs; each builds the environment when it is missing or stale.
SHELL := /bin/sh
VENV  := .venv
BIN   := $(VENV)/bin
READY := $(VENV)/.ready

# Nothing is told to anybody outside: neither Prefect's server and command line nor Great Expectations.
export DO_NOT_TRACK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export GX_ANALYTICS_ENABLED := false

# The first Python of a supported version: the newest torch build at hand is for 3.11, so that one comes first.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)

.PHONY: run deploy test check lint types clean

run: $(READY)                ## a real table in, a published synthetic release out; real images with IMAGES=1
	$(BIN)/likeness run $(if $(IMAGES),fashion_mnist,adult)

deploy: $(READY)             ## the flows to the Prefect server that PREFECT_API_URL names
	$(BIN)/python -m flows.server automations.toml
	$(BIN)/prefect --no-prompt deploy --all

test: $(READY)               ## the tests, without the slow ones
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

check: lint types test       ## everything that must hold before a change lands

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Likeness needs Python 3.11, 3.12 or 3.13 on the PATH, however: none was found. Install one, or name it: make PYTHON=/path/to/python3"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache
