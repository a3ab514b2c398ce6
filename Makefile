# One target a verb, the same for people and for CI. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= $(firstword $(foreach name,python3.13 python3.12 python3.11 python3,$(shell $(name) -c 'import sys; sys.version_info >= (3, 11) and print("$(name)")' 2>/dev/null)))
VENV := .venv
BIN := $(VENV)/bin
UV := VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv
ARGS ?=
# Without compiled modules beside the sources every process would compile all it imports: two seconds each.
unexport PYTHONDONTWRITEBYTECODE

TEST_PACKAGES := chromium fonts-dejavu-core openssl pgbouncer postgresql-15
BENCH_PACKAGES := prometheus-blackbox-exporter prometheus-alertmanager

.PHONY: help
help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Installs what is missing as root; as anyone else it stops and says what to ask for.
define need
@missing=; for package in $(1); do dpkg -s $$package >/dev/null 2>&1 || missing="$$missing $$package"; done; \
if [ -n "$$missing" ]; then \
  if [ "$$(id -u)" = 0 ]; then \
    apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing >/dev/null || exit 1; \
  else echo "Needed and missing:$$missing. Ask root for: apt-get install$$missing" >&2; exit 1; fi; \
fi
endef

$(BIN)/uv: requirements/tools.txt
	@[ -n "$(PYTHON)" ] || { echo "Nigrani needs Python 3.11 or newer; none was found." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -q >/dev/null && apt-get install -q -y python3-venv >/dev/null; } \
	  || { echo "Needed and missing: python3-venv. Ask root for: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/tools.txt
	@touch $@

$(VENV)/.run: $(BIN)/uv requirements/run.txt pyproject.toml
	$(UV) pip install -q --no-deps --require-hashes -r requirements/run.txt
	$(UV) pip install -q --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	$(UV) pip install -q --no-deps --require-hashes -r requirements/dev.txt
	@touch $@

.PHONY: install
install: $(VENV)/.run ## Install Nigrani; leaves .venv/bin/nigrani.
	@echo "Installed. Try: $(BIN)/nigrani --help"

.PHONY: demo
demo: $(VENV)/.run ## Start a stand-in school and Nigrani, break things and watch. ARGS="--story NAME --json" runs one story.
	@$(BIN)/nigrani demo $(ARGS)

.PHONY: lint
lint: $(VENV)/.dev ## Check style, types, layers and the shipped guide.
	$(BIN)/ruff check
	$(BIN)/ruff format --check -q
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/nigrani guide check

.PHONY: system-packages
system-packages:
	$(call need,$(TEST_PACKAGES))

.PHONY: test
test: system-packages lint ## Run everything that must pass: lint and the whole suite.
	$(BIN)/pytest -n 2 --dist loadgroup --durations 20 $(ARGS)

.PHONY: stories
stories: $(VENV)/.run ## Run every story of the demo cold, one after the other.
	@for story in $$($(BIN)/nigrani demo --list); do \
	  echo "== $$story"; $(BIN)/nigrani demo --story $$story --json | tail -n 1 || exit 1; done

.PHONY: soak
soak: $(VENV)/.dev ## Run the long numbers: kills by the hundred, healthy runs; writes docs/soak.md.
	$(BIN)/python -m bench.soak $(ARGS)

.PHONY: bench
bench: $(VENV)/.dev ## Measure, against a peer or a floor in the same run.
	$(call need,$(BENCH_PACKAGES))
	$(BIN)/python -m bench $(ARGS)

.PHONY: lock
lock: $(VENV)/.dev ## Resolve the dependencies anew and write the hash-locked sets.
	$(UV) pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate requirements/tools.in -o requirements/tools.txt
	$(UV) pip compile -q --upgrade --universal --python-version 3.11 --no-deps --generate-hashes --no-header --no-annotate requirements/soak.in -o requirements/soak.txt
	for set in run dev; do $(UV) pip compile -q --upgrade --universal --python-version 3.11 --override requirements/overrides.txt \
	  --generate-hashes --no-header --no-annotate requirements/$$set.in -o requirements/$$set.txt || exit 1; done

.PHONY: clean
clean: ## Remove what the targets made in this folder.
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache src/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
