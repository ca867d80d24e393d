# Everything a developer or a fresh machine needs: Python 3.11 to 3.14, Node 20, make, and access to package registries.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup portal demo plan test test-unit test-kube check bench lock clean
unexport PYTHONHOME PYTHONPATH VIRTUAL_ENV

PYTHON ?= python3 python3.13 python3.12 python3.11 python3.14
EXAMPLE ?= $(firstword $(wildcard examples/web-shop.json examples/web-shop.json.gz))
BIN := .venv/bin
UNIT := tests/unit --numprocesses auto --maxprocesses 8 --dist worksteal
PACKAGES := web/node_modules/.package-lock.json
PORTAL := web/dist/index.html
PAGES := $(shell find web/src web/public web/scripts -type f) $(wildcard web/*.html web/*.ts web/*.json)
KERNELS := $(wildcard solvers/placement/*.py) solvers/interruption/kernel.py

define WARM_UP
from adapters.traces.model_text import read_model_text
from solvers.interruption.model_file import MAX_BYTES, parse_model
from solvers.placement import warm_up
warm_up()
data, name = read_model_text(most_bytes=MAX_BYTES)
parse_model(data, of=name)
endef
export WARM_UP

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup: .venv/.warm ## make .venv with all dependencies and the project, once; skipped while nothing has changed

portal: $(PORTAL) ## build the portal into web/dist; skipped while nothing has changed

demo: setup portal ## the platform with five simulated clusters on this machine, until Ctrl-C
	$(BIN)/spotopt demo

plan: setup ## plan the example cluster (EXAMPLE=file) and write plan.html
	$(BIN)/spotopt plan $(or $(EXAMPLE),$(error no example cluster found, name one: make plan EXAMPLE=file)) --report plan.html

test: setup portal ## run all tests: unit, integration, end to end, the portal in a browser
	$(BIN)/pytest $(UNIT)
	npm --prefix web test
	npm --prefix web run test:browser
	$(BIN)/pytest tests/integration tests/e2e

test-unit: setup ## run the unit tests alone
	$(BIN)/pytest $(UNIT)

test-kube: setup ## run the agent and its chart against a real Kubernetes control plane, built from Go modules (needs Go)
	$(BIN)/pytest tests/kube

check: setup $(PACKAGES) ## lint, formatting, types, import contracts, house rules
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	npm --prefix web run check
	$(BIN)/pytest --quiet tests/unit/test_house.py

bench: setup ## run all benchmarks, or one (ONLY=name); writes build/bench.json
	$(BIN)/python -m tests.benchmarks $(if $(ONLY),--only $(ONLY))

lock: setup ## resolve requirements.lock anew from pyproject.toml; UPGRADE=1 takes newer releases
	$(BIN)/uv pip compile pyproject.toml --extra platform --extra agent --extra demo --group dev --universal --python-version 3.11 --fork-strategy fewest \
	  --generate-hashes --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade) --quiet -o requirements.lock

clean: ## remove all that these targets have made, .venv too
	rm -rf .venv build dist plan.html web/dist web/node_modules .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# uv is many times faster; pip also knows mirrors and certificates from its own configuration, so it comes second.
install = $(BIN)/uv pip install --quiet --python $(BIN)/python $(1) || \
  { echo "uv could not; once more with pip"; $(BIN)/python -m pip install --quiet --disable-pip-version-check $(1); }

.venv/pyvenv.cfg:
	@for python in $(PYTHON); do \
	  "$$python" -c 'import sys, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null || continue; \
	  echo "Making .venv with $$("$$python" --version) ($$python)"; \
	  "$$python" -m venv .venv && exit 0; \
	done; \
	echo "No usable Python 3.11 to 3.14 among: $(PYTHON)." >&2; \
	echo "Install one with its venv module (Debian and Ubuntu: python3 and python3-venv)," >&2; \
	echo "or name one: make $(MAKECMDGOALS) PYTHON=/path/to/python" >&2; \
	exit 1

.venv/.locked: requirements.lock .venv/pyvenv.cfg
	@echo "Installing $$(grep -c '^[a-z].*==' requirements.lock) locked packages into .venv (about 250 MB to download)"
	@awk '/^uv==/,!/\\$$/' requirements.lock > .venv/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
	@$(call install,--require-hashes --only-binary :all: -r requirements.lock)
	@touch $@

.venv/.installed: pyproject.toml .venv/.locked
	@echo "Installing spot-optimizer itself, editable"
	@$(call install,--no-deps --no-build-isolation --editable .)
	@touch $@

.venv/.warm: $(KERNELS) .venv/.installed
	@echo "Compiling the solver's kernels"
	@$(BIN)/python -c "$$WARM_UP"
	@touch $@

$(PACKAGES): web/package-lock.json
	@command -v npm >/dev/null || { echo "The portal is built with Node 20 or newer, and there is no npm here." >&2; exit 1; }
	@echo "Installing the portal's packages into web/node_modules"
	@npm ci --prefix web --no-progress --loglevel=error
	@touch $@

$(PORTAL): $(PAGES) $(PACKAGES)
	@echo "Building the portal"
	@npm --prefix web run --silent build
	@touch $@
