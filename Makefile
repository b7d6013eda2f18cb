# Two commands for everyone: `make demo` and `make test`. Each sets up what it needs and may come first.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3

.DEFAULT_GOAL := help
.PHONY: help setup programs demo test lint format proto lock bench clean

help: ## Says what each target does
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## Makes .venv from requirements.lock (no root)

$(VENV)/.ready: requirements.lock pyproject.toml tools/setup-venv
	tools/setup-venv $(PYTHON) $(VENV)

programs: ## Installs the Debian programs that the tests drive (tools/debian-packages); asks for root or sudo
	tools/install-programs

demo: setup ## Runs the whole round trip on loopback: no root, no service to install
	$(BIN)/srx-lab demo $(ARGS)

test: setup programs lint ## Lints, type-checks and runs every test
	$(BIN)/pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: setup ## ruff, mypy --strict, import-linter, buf
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	cd proto && ../$(BIN)/buf lint

format: setup ## Formats and mends what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

proto: setup ## Generates proto/atp/v1/*_pb2* from the .proto files
	tools/generate-proto $(BIN)/python proto

lock: setup ## Resolves requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --generate-hashes --no-emit-index-url --no-header \
		--python-version 3.11 --quiet --upgrade --output-file requirements.lock

bench: setup programs ## Measures the device side by side with direct delivery and nginx
	$(BIN)/srx-lab bench $(ARGS)

clean: ## Removes .venv and what builds and tests left
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
