# Everything runs in .venv, which the first target that needs it makes. What must be there
# already: make, and Python 3.11 or newer with its venv module.
#
#   make demo                           sees embeddb at work
#   make test                           runs every check; CI runs exactly this
#   make test PYTHON=python3.13         with another Python (after make clean)

SHELL := /bin/sh
.DEFAULT_GOAL := help

# The machine's own Python if it is new enough, else the newest other one.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& echo $$python && break; done)
BIN := .venv/bin
INSTALLED := .venv/installed
JOBS ?= 2
TESTS ?= tests

.PHONY: help demo test lint format bench clean

help: ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

demo: $(INSTALLED) ## See embeddb at work, on a server and with a model of its own
	@$(BIN)/embeddb demo

test: lint ## Check style and types, and run the tests (TESTS=… for some, JOBS=… at once)
	@HF_HUB_OFFLINE=1 $(BIN)/python -m pytest --numprocesses $(JOBS) $(TESTS)

lint: $(INSTALLED) ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(INSTALLED) ## Put the code into the project's style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(INSTALLED) .venv-peers/installed ## Measure what docs/benchmarks.md claims, side by side (hours; see docs/benchmarks.md)
	@for name in storage filters search write encode chunk ingest memory compare growth triggers sync chaos sql_encoder; do $(BIN)/python -m benchmarks.$$name || exit 1; done

.venv-peers/installed: benchmarks/peers/requirements.txt
	@test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	@.venv-peers/bin/python -m pip install --quiet --requirement $<
	@touch $@

clean: ## Remove .venv and every cache; data of the embedded server stays
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml .ci/constraints.txt
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or newer found; say PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Installing into .venv (once; some hundred megabytes)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --upgrade pip
	@$(BIN)/python -m pip install --quiet --constraint .ci/constraints.txt --editable '.[embedded,documents,code,test]'
	@touch $@
