# Two commands on a fresh machine: make demo, make test. Each sets up what it needs; a second run does nothing again.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DONE := $(VENV)/.done
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --progress-bar off
ASSETS := package.json package-lock.json scripts/assets.py

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast bench check fmt lock clean setup setup-dev browser

help:  ## Show this list
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
		printf '  make %-10s %s\n' "$$name" "$$text"; done

demo: setup  ## Start the hub with made-up counties, plans and people (HUB_PORT, HUB_DATA, HUB_DATABASE_URL)
	@exec $(BIN)/hub demo

test: setup-dev browser  ## Run every test: SQLite, PostgreSQL and the browser
	@$(BIN)/python -m pytest -n 2 --dist worksteal

test-fast: setup-dev  ## Run the quick tests: SQLite only, no browser, stop at the first failure
	@$(BIN)/python -m pytest -x -q -m "not browser and not postgres"

bench: setup-dev  ## Measure what the hub promises and write docs/performance.md (FAST=1: smaller data, 3 minutes)
	@$(BIN)/python -m bench $(if $(FAST),--mode fast)

check: setup-dev  ## Lint, check types and check who imports whom
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fmt: setup-dev  ## Format the code and mend what the linter can mend
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

lock: setup-dev  ## Lock the dependencies anew (make lock UPGRADE=--upgrade for newer ones)
	@BIN=$(BIN) UPGRADE="$(UPGRADE)" bash scripts/lock.sh

clean:  ## Remove everything that the set-up made
	rm -rf $(VENV) node_modules static/vendor tests/vendor build dist bench/.data
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find hub tests bench scripts -name __pycache__ -type d -prune -exec rm -rf {} +

setup: $(DONE)/project $(DONE)/assets  ## Set up what `make demo` needs
setup-dev: $(DONE)/dev $(DONE)/project $(DONE)/assets-dev  ## Set up what `make test` needs, but for the browser

browser:  ## Make sure that a Chromium is there for the browser tests
	@bash scripts/ensure-browser.sh

$(DONE)/venv:
	@bash scripts/check-machine.sh "$(PYTHON)"
	@echo "Making the virtual environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@mkdir -p $(DONE) && touch $@

# The dev lock contains the run lock, so where it is installed there is nothing left to do for the run lock.
$(DONE)/run: requirements/run.txt | $(DONE)/venv
	@echo "Installing the packages that the hub runs on (first time: about half a minute) ..."
	@$(PIP) --require-hashes -r requirements/run.txt
	@touch $@

$(DONE)/dev: requirements/dev.txt | $(DONE)/run
	@echo "Installing the packages that the tests and checks need (first time: about half a minute) ..."
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

$(DONE)/project: pyproject.toml | $(DONE)/run
	@echo "Installing the hub itself ..."
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(DONE)/assets: $(ASSETS) | $(DONE)/venv
	@echo "Fetching the design system and htmx ..."
	@$(BIN)/python scripts/assets.py
	@touch $@

$(DONE)/assets-dev: $(ASSETS) | $(DONE)/venv
	@echo "Fetching the design system, htmx and axe-core ..."
	@$(BIN)/python scripts/assets.py --dev
	@touch $@ $(DONE)/assets
