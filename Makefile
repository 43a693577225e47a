# Heliograph: `make` shows what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
ARGS ?=

.PHONY: help setup run demo check test test-stack bench quality up down clean

help: ## show the targets
	@awk -F':.*## ' '/^[a-z -]+:.*## /{printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv with everything that runs and tests Heliograph

$(STAMP): pyproject.toml deploy/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "make: Heliograph needs Python 3.11 or newer; say which with: make setup PYTHON=/path/to/python3" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint deploy/constraints.txt --editable '.[dev,distributed]'
	@touch $(STAMP)

run: $(STAMP) ## start Heliograph on http://127.0.0.1:8477 (make run ARGS="--port 9000")
	$(BIN)/heliograph run $(ARGS)

demo: $(STAMP) ## the same against sample feeds on loopback, offline, in a folder of its own
	$(BIN)/heliograph demo $(ARGS)

check: $(STAMP) ## format, lint, types, imports, generated docs and schemas
	$(BIN)/ruff format --check services tests deploy
	$(BIN)/ruff check services tests deploy
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/schemas/generate.py --check
	$(BIN)/python tests/docs/generate.py --check
	$(BIN)/pytest -q tests/docs tests/architecture

test: $(STAMP) ## every test that needs no JVM
	$(BIN)/pytest -q -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

bench: $(STAMP) ## measure, and write docs/reference/benchmarks.md
	$(BIN)/python tests/bench/run.py $(ARGS)

quality: $(STAMP) ## precision and recall of the default topics, with every miss and false alarm
	$(BIN)/python tests/bench/quality.py --write $(ARGS)

test-stack: $(STAMP) ## every test against real Kafka and Elasticsearch, which it starts and ends itself
	$(BIN)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder tests/stack -m 'not soak' $(ARGS)

up: ## start real Kafka and Elasticsearch on this machine, and say where (deploy/stack/README.md)
	@$(PYTHON) deploy/stack/stack.py up $(ARGS)

down: ## end them; their data stay in var/stack
	@$(PYTHON) deploy/stack/stack.py down

clean: ## remove .venv, caches and the local data folder, and what runs from it
	@test ! -e var/stack/stack.json || $(PYTHON) deploy/stack/stack.py down
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist var
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
