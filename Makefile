# Every target makes its own environment in .venv from nothing but python3 (3.11 or newer) and make;
# uv installs into it, pip where uv cannot be had (scripts/install.sh).
# `make` alone prints the list below.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Two steps into the same environment: make demo needs the first alone.
DEMO_STAMP := $(VENV)/.installed-demo
STAMP := $(VENV)/.installed
EXTRAS := fcm,ses,backfill,report,alert,metrics,bigquery,receiver,google-function,aws-lambda,sandbox,dev
# What runs in the cloud: the receiver as a function or image, and jobs on BigQuery (they push to FCM and SES and send alerts and
# metrics, too).
CLOUD_EXTRAS := receiver fcm ses bigquery google-function aws-lambda alert metrics
INSTALL := PYTHON="$(PYTHON)" scripts/install.sh
# Tools of the tests that cannot share .venv: a BigQuery emulator and GoogleSQL's analyzer.
TOOLS := .tools
TOOL_STAMPS := $(TOOLS)/emulator/.installed $(TOOLS)/analyzer/.installed
# Scratch place of `make docs`; ignored by git.
DOCS_DIR := build/docs

# Sizes of the demo and the benchmark: `make demo EVENTS=20000`, `make bench BENCH_EVENTS=10000000`.
EVENTS ?= 2000
# Days of the demo: on the third, all other platforms are connected.
DAYS ?= 2
export BENCH_EVENTS ?= 1000000
# Minutes of traffic of `make soak`.
SOAK_MINUTES ?= 60
# What pytest is given: `make test TESTS="tests/python/demo -k generator"`.
TESTS ?=
# Three workers for two cores, as some tests wait for limits and deadlines. One file, or group of files, stays on one
# worker, so that fixtures are made once; the longest come first (tests/python/conftest.py): the workers end together.
PYTEST_ARGS ?= -n 3 --dist loadfile --no-loadscope-reorder

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := False
# A caller's PYTHONPATH would shadow what .venv holds.
unexport PYTHONPATH

.PHONY: help setup demo test test-deep lint format bench soak mutants docs constraints clean

help: ## Print this list
	@echo "contact-sync: one place that knows whether a person may be contacted, and makes every platform obey."
	@echo
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "New here? 'make demo' shows the whole loop in a minute or two. Then 'make test'."

setup: $(STAMP) ## Install everything into .venv (the other targets do it by themselves)
	@echo "Ready: $(BIN)/contact-sync, $(BIN)/dbt"

# What the demo needs, its third day included (FCM and SES sign).
$(DEMO_STAMP): pyproject.toml constraints.txt
	@$(INSTALL) $(VENV) "what the demo needs" -c constraints.txt -e '.[sandbox,fcm,ses]'
	@touch $@

$(STAMP): pyproject.toml constraints.txt
	@$(INSTALL) $(VENV) "everything, tests and tools included," -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $(DEMO_STAMP) $@

demo: $(DEMO_STAMP) ## Show the loop in two days: webhooks in, build, push to a sandbox (DAYS=3: all sixteen platforms)
	@$(BIN)/contact-sync demo --events $(EVENTS) --days $(DAYS)

$(TOOL_STAMPS): $(TOOLS)/%/.installed: tests/tools/%/requirements.txt | $(STAMP)
	@$(INSTALL) $(@D) "the $* of BigQuery's tests" -r $<
	@if [ $* = analyzer ]; then echo '{"tables": {}, "scripts": ["select 1"]}' | $(@D)/bin/python -m tests.tools.analyzer.analyze >/dev/null; fi
	@touch $@

test: $(STAMP) $(TOOL_STAMPS) ## Run every test: the dbt project's unit and data tests, and the Python tests
	@$(BIN)/python -m pytest $(PYTEST_ARGS) $(TESTS)

test-deep: ## The same tests with many more histories, spoiled bodies and kills (hours)
	@TEST_SIZE=deep $(MAKE) test

lint: $(STAMP) ## Check style and types: ruff, mypy, sqlfluff
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint --processes 2 models tests/data

format: $(STAMP) ## Rewrite the Python files to the style that lint asks for
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

$(TOOLS)/dlt/.installed: bench/requirements-dlt.txt | $(STAMP)
	@$(INSTALL) $(@D) "dlt, to measure against," -r $<
	@touch $@

bench: $(STAMP) $(TOOLS)/dlt/.installed ## Measure the speed goals (minutes; BENCH_EVENTS=10000000 for the full size, more in docs/performance.md)
	@$(BIN)/python -m bench

soak: $(STAMP) ## Run contact-sync run under an hour of made-up traffic, and check that nothing is lost or leaked (SOAK_MINUTES=60)
	@$(BIN)/python -m bench.soak --minutes $(SOAK_MINUTES)

mutants: $(STAMP) ## Break the rules on purpose, one at a time: each break must be caught by the tests
	@$(BIN)/python -m tests.mutants.run $(MUTANTS_ARGS)

docs: $(STAMP) ## Write docs/cli.md from the commands' own help, and dbt's pages into target/
	@$(BIN)/python -m sync.docs
	@rm -rf $(DOCS_DIR) && mkdir -p $(DOCS_DIR)/landing && cp profiles.example.yml $(DOCS_DIR)/profiles.yml
	@export CONTACT_SYNC_DUCKDB="$(CURDIR)/$(DOCS_DIR)/contact_sync.duckdb" CONTACT_SYNC_LANDING="$(CURDIR)/$(DOCS_DIR)/landing"; \
	$(BIN)/dbt --quiet build --profiles-dir $(DOCS_DIR) --target duckdb --exclude-resource-type test unit_test; \
	$(BIN)/dbt --quiet docs generate --profiles-dir $(DOCS_DIR) --target duckdb
	@echo "docs/cli.md is written. dbt's pages: $(BIN)/dbt docs serve --profiles-dir $(DOCS_DIR)"

constraints: ## Resolve every dependency anew (from pyproject.toml): write constraints.txt and requirements-cloud.txt
	@rm -rf build/lock && "$(PYTHON)" -m venv build/lock
	@# One file for all Pythons: from 3.13 on, newer releases of it and dbt-bigquery want different google-cloud-storage.
	@build/lock/bin/python -m pip install --quiet --upgrade setuptools uv -e '.[$(EXTRAS)]' 'google-cloud-aiplatform<1.149'
	@{ echo "# Exact versions of everything that make setup installs, so that every install is the same."; \
	   echo "# Written by make constraints."; \
	   build/lock/bin/python -m pip freeze --all --exclude-editable --exclude pip; } > constraints.txt
	@# The hashes are of every file of a release: wheels of all machines and Pythons. setuptools builds our own package.
	@{ echo "# Exact versions, as in constraints.txt, with the hashes of their files: for the receiver and the jobs in the cloud."; \
	   echo "# Written by make constraints."; \
	   echo setuptools | build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	   $(foreach extra,$(CLOUD_EXTRAS),--extra $(extra)) --constraint constraints.txt --no-annotate --no-header \
	   --no-emit-index-url --no-emit-find-links pyproject.toml -; } > requirements-cloud.txt
	@rm -rf build/lock

clean: ## Delete what the targets made, the environments excepted
	@rm -rf target logs build .demo .bench .pytest_cache .mypy_cache .ruff_cache .hypothesis
