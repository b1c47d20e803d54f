# `make verify` and `make test` each set up .venv and do their job on a fresh clone; they need Python >= 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PROFILE ?= standard
OUT ?= report
ARGS ?=

.PHONY: verify test lint types bench selftest docs clean

verify: $(VENV)/.ready
	$(BIN)/python -m verify all --profile $(PROFILE) --out $(OUT) $(ARGS)

selftest: $(VENV)/.ready
	$(BIN)/python -m verify selftest --profile $(PROFILE) --out selftest $(ARGS)

test: $(VENV)/.images
	$(BIN)/python -m pytest -q -n auto --dist worksteal $(ARGS)

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.types
	$(BIN)/pyright

bench: $(VENV)/.ready
	$(BIN)/python benchmarks/run.py --out bench.json $(ARGS)

# A warning is an error: so is every link, anchor, reference and formula that leads nowhere, and a cell that raises.
docs: $(VENV)/.docs
	$(BIN)/python docs/make_paper_map.py
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going --fresh-env --nitpicky -d site/doctrees docs site/html

# The stamp comes last: an interrupted set-up is done again.
$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; set PYTHON=python3.x")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

# Figures 2 and 4 on real images, clusters, and their tests: nothing else needs these packages.
$(VENV)/.images: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[images,cluster]'
	touch $@

# What one target alone needs.
$(VENV)/.docs $(VENV)/.types: $(VENV)/.images
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[$(@:$(VENV)/.%=%)]'
	touch $@

clean:
	rm -rf $(VENV) report selftest site bench.json dist
