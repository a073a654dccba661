# `make demo` and `make test` need nothing but Python (3.11 or newer), make and gcc: they set up .venv themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
PARALLEL := -n logical --maxprocesses 4 --dist loadfile

.PHONY: demo test test-fast check format proof bench clean

demo: $(VENV)/.demo
	$(BIN)/seasoned demo

test: check
	$(PYTEST) $(PARALLEL)

# The tests of every room that fit no whole model, start no process and compile nothing: two minutes on two cores.
test-fast: $(VENV)/.dev
	$(PYTEST) $(PARALLEL) -m "not slow and not whole"

check: $(VENV)/.dev
	$(BIN)/ruff format --check src tests benchmarks examples tools
	$(BIN)/ruff check src tests benchmarks examples tools
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff format src tests benchmarks examples tools
	$(BIN)/ruff check --fix src tests benchmarks examples tools

# The slow proofs: hundreds of kills, sixteen processes on one store, the wheel in an empty environment; weird tables and
# random ones for every family; samplers on the functions of COCO. It installs what they need, so that none is skipped.
proof: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --editable ".[boosters,embeddings,ray]" coco-experiment
	$(PYTEST) $(PARALLEL) -m slow --hypothesis-profile=proof

# Timings; nothing else should run meanwhile.
bench: $(VENV)/.dev
	$(BIN)/python benchmarks/engine.py

clean:
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'seasoned needs Python 3.11 or newer; make PYTHON=...')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable ".[demo]"
	touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable ".[demo,grad,optuna,postgres]" --group dev
	touch $@
