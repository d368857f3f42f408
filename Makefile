# make demo   writes the example report and says where it is
# make test   formatting, lint, types, layers, tests, doctests, README and notebooks
#
# Both make a virtual environment in .venv first, once: a later run installs again only
# after pyproject.toml has changed.

PYTHON ?= python3
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo test format lint types layers tests notebooks clean

help:
	@sed -n 's/^# \{0,1\}//p;/^$$/q' Makefile

demo: $(VENV)/.installed
	$(BIN)/csindex demo

test: lint types layers tests

lint: $(VENV)/.developing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.developing
	$(BIN)/mypy

layers: $(VENV)/.developing
	$(BIN)/lint-imports

# figures are drawn without a screen, and the workers share the machine's cores
tests: export MPLBACKEND := Agg
tests: export OPENBLAS_NUM_THREADS := 1
tests: $(VENV)/.developing
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup

# write what ruff can mend by itself
format: $(VENV)/.developing
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

# run the notebooks and keep their new outputs
notebooks: $(VENV)/.developing
	$(BIN)/pytest -m notebook tests/test_notebooks.py --write-notebooks

clean:
	rm -rf $(VENV) build dist csindex-demo.html \
		.mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find csindex tests datasets notebooks -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/.made:
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	@touch $@

$(VENV)/.installed: $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.developing: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@
