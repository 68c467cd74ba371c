# Everything a newcomer or CI types. `make help` lists it.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
# Named after the folder, because a virtual environment does not survive being moved.
STAMP := $(VENV)/.setup-$(shell printf %s "$(CURDIR)" | cksum | cut -d ' ' -f 1)
WORKERS ?= 2
PYTEST_FLAGS ?=
RIG ?= bench.toml

.DEFAULT_GOAL := help
.PHONY: help setup run test test-long lint coverage images hil clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## create or update .venv with isoloop and the development tools in it

$(STAMP): pyproject.toml tools/setup.sh
	@sh tools/setup.sh $(VENV) $(STAMP)

run: $(STAMP) ## set up, then fly the MS-22 hole and print the path of the report
	@$(BIN)/isoloop run ms22

lint: $(STAMP) ## ruff and the strict type checker
	$(BIN)/ruff check .
	$(BIN)/mypy

test: lint ## set up, lint, and run every test that takes seconds: what CI runs
	$(BIN)/pytest -n $(WORKERS) -m "not long" $(PYTEST_FLAGS)

test-long: $(STAMP) ## the tests that take minutes: 24 h flights, 20 seeds, identity runs
	$(BIN)/pytest -n $(WORKERS) -m long --timeout 1800 $(PYTEST_FLAGS)

coverage: $(STAMP) ## line coverage of firmware/ under MicroPython, worst module first (needs image unix64cov; a quarter of an hour)
	@$(BIN)/python tests/line_coverage/measure.py

images: $(STAMP) ## build the 32-bit interpreter and the Pico's UF2 from pinned sources (compilers: see docs/images.md)
	@$(BIN)/python -m isoloop.images build

hil: $(STAMP) ## the example tests on a rig: make hil RIG=bench.toml
	$(BIN)/isoloop-rig test $(RIG)
	$(BIN)/pytest hil/example/tests --isoloop-target rig:$(RIG)

clean: ## remove what the other targets made, the runs included
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis isoloop-runs isoloop-logs
	find firmware hil host tests -name __pycache__ -type d -prune -exec rm -rf {} +
