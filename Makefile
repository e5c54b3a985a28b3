# The two commands of a fresh machine:
#   make demo    the whole main job on embedded reviews, in .venv, no download of data or models
#   make test    sets up the development tools and runs every check and every fast test

PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
# Two stamps: what is installed is installed again only when one of these files changes.
FOR_DEMO := $(VENV)/.for-demo
FOR_DEV := $(VENV)/.for-dev
SOURCES := pyproject.toml constraints.txt
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt

# One torch thread a worker: two thread pools on two cores wait for each other, up to ten times slower, measured.
# And no test asks the network. Compiled files are kept, or every worker and every started process compiles all again.
TEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1 $(BIN)/pytest -n $(WORKERS)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo setup test test-slow check format docs clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

demo: $(FOR_DEMO) ## teach, augment, cache, train and compare on embedded reviews
	$(BIN)/potstill demo

setup: $(FOR_DEV) ## make .venv with everything that the tests need

test: check ## every check and every fast test
	$(TEST) -m "not slow"

test-slow: $(FOR_DEV) ## the tests that take more than a few seconds
	$(TEST) -m slow

check: $(FOR_DEV) ## format, lint, types, import rule
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(FOR_DEV) ## format the code and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(FOR_DEV) ## write docs/CLI.md from the commands
	$(BIN)/python -m pipelines.cli_docs

clean: ## remove caches and build products; .venv and runs stay
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . \( -path ./$(VENV) -o -path ./runs -o -path ./.git \) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

$(FOR_DEMO): $(SOURCES)
	@$(call venv)
	$(INSTALL) -e '.[demo]'
	@touch $@

# After this one the demo has all that it needs, too.
$(FOR_DEV): $(SOURCES)
	@$(call venv)
	$(INSTALL) -e '.[demo,ray,s3,zh,hf,sentencepiece,dev]'
	@touch $(FOR_DEMO) $@

# A venv without pip is what a Python without ensurepip leaves behind: it is made again over the old one.
define venv
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "potstill needs Python 3.11 or newer; $(PYTHON) is: $$($(PYTHON) --version 2>&1 || true)"; \
	  echo "name another one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }; \
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV) || { \
	  echo "no virtual environment could be made; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
endef

.PHONY: bench-setup
bench-setup: $(FOR_DEV) ## install the benchmarks' rivals into .cache/rivals
	$(BIN)/python -m benchmarks.race.setup_rivals

.PHONY: faults
faults: $(FOR_DEV) ## break writers, disks and files on purpose, and print what survived
	POTSTILL_FAULT_STRIDE=1 $(TEST) -m slow tests/faults
