# Everything a fresh clone needs, given Python 3.11 or newer, make and a package index.
# The environment lives in .venv and follows requirements-dev.lock and pyproject.toml.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test chaos mutants check lint format lock audit clean
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url \
	--no-emit-find-links --no-annotate --python-version 3.11 $(ARGS) pyproject.toml

help: ## this list
	@echo 'Usage: make <target> [ARGS="..."]'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r target text; do \
		printf '  %-8s %s\n' "$$target" "$$text"; done

demo: $(INSTALLED) ## the whole way on this machine, with sample traffic; ARGS="--orders 100"
	@$(BIN)/conversions demo $(ARGS)

test: $(INSTALLED) ## all tests; ARGS="-k offsets"; REQUIRE_REAL=1 fails what would be skipped for want of a real service
	@$(BIN)/python -m pytest $(ARGS)

chaos: $(INSTALLED) ## random faults on three brokers, judged from outside; SECONDS=600 SEED=7 ARGS="--rate 500 --report r.json"
	@$(BIN)/python -m tests.chaos --seconds $(or $(SECONDS),60) --seed $(or $(SEED),1) $(ARGS)

mutants: $(INSTALLED) ## remove each guard of the promises in turn and show a test failing for it; ARGS="map commit"
	@$(BIN)/python -m tests.mutation $(ARGS)

check: lint ## format, lint, types and tests: what every change must pass
	@$(MAKE) test

lint: $(INSTALLED) ## format, lint and types only
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy

format: $(INSTALLED) ## rewrite the files in the house format
	@$(BIN)/ruff check --fix-only --quiet
	@$(BIN)/ruff format

lock: $(INSTALLED) ## lock what pyproject.toml asks for; ARGS=--upgrade takes the newest
	@$(COMPILE) --output-file requirements.lock
	@$(COMPILE) --extra aws --constraint requirements.lock --output-file requirements-aws.lock
	@# Not constrained by the one before: Pinterest's SDK, a witness in the tests, wants an old urllib3.
	@$(COMPILE) --extra aws --group dev --constraint requirements.lock --output-file requirements-dev.lock

audit: $(INSTALLED) ## ask whether a version that requirements-aws.lock names is known to be vulnerable
	@$(BIN)/python .ci/audit.py requirements-aws.lock

clean: ## remove the environment and everything built or fetched
	@rm -rf $(VENV) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache

# A candidate is run, not only found: version managers leave commands behind that start nothing, and some
# distributions ship Python without `ensurepip`. PYTHON=... names one outright.
$(BIN)/python:
	@for python in $(or $(PYTHON),python3.11 python3.12 python3.13 python3.14 python3 python); do \
		"$$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
		echo "Creating $(VENV) with $$("$$python" --version)"; \
		exec "$$python" -m venv --clear $(VENV); \
	done; \
	echo 'No Python 3.11 or newer with the venv module was found.' \
		'Install one (Debian, Ubuntu: apt install python3 python3-venv) or name it: make PYTHON=/path/to/python' >&2; \
	exit 1

$(INSTALLED): requirements-dev.lock pyproject.toml $(BIN)/python
	@echo 'Installing what requirements-dev.lock lists (once; a minute on a slow line)'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
