# From a clean clone: make demo, make test, make lab. Nothing has to be installed by hand but Python and make.

PYTHON      ?= python3
VENV        ?= .venv
TORCH       ?= torch==2.13.0            # TORCH=torch takes another build, TORCH= keeps what VENV has
CONSTRAINTS ?= constraints/py311.txt    # CONSTRAINTS= lets pip choose, for another Python than 3.11
WORKERS     ?= 2

TORCH       := $(strip $(TORCH))
CONSTRAINTS := $(strip $(CONSTRAINTS))
BIN         := $(VENV)/bin
PIP         := $(BIN)/python -m pip install -qq --disable-pip-version-check
NBVAL       := --nbval-lax --nbval-current-env --nbval-cell-timeout=120 --nbval-kernel-startup-timeout=180 --nbval-sanitize-with tests/nbval.cfg

export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-ray lab notebooks lint bench chromium

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

demo: $(VENV)/.installed  ## run the first tutorial headless: prints the findings, writes build/demo.html
	$(BIN)/python tools/demo.py

test: export PYTHONDONTWRITEBYTECODE :=  # or each process that a test starts would compile the package anew
test: $(VENV)/.installed chromium  ## all tests: unit, twin runs, patients, notebooks, browser
	$(BIN)/python -m pytest -n $(WORKERS) -p no:cacheprovider $(NBVAL) tests notebooks

test-ray: $(VENV)/.installed  ## runs through Ray Train, which it installs: 0.4 GB, minutes, not part of make test
	$(PIP) $(if $(CONSTRAINTS),-c $(CONSTRAINTS)) -e '.[test,ray]'
	$(BIN)/python -m pytest -p no:cacheprovider tests/ray

lab: $(VENV)/.installed  ## open JupyterLab on the tutorials
	$(BIN)/python -m jupyter lab --notebook-dir=notebooks

notebooks: $(VENV)/.installed  ## execute the tutorials again and rewrite their committed outputs
	$(BIN)/python tools/run_notebooks.py

lint: $(VENV)/.installed  ## ruff, and the committed notebooks
	$(BIN)/python -m ruff check .
	$(BIN)/python tools/run_notebooks.py --check

bench: $(VENV)/.installed  ## measure import time and cost, printed as ratios
	@for bench in benchmarks/[a-z]*.py; do echo "== $$bench"; $(BIN)/python $$bench || exit 1; done

chromium:
	@tools/ensure_chromium.sh

$(VENV)/.installed: pyproject.toml $(CONSTRAINTS)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(if $(TORCH),$(PIP) '$(TORCH)')
	$(PIP) $(if $(CONSTRAINTS),-c $(CONSTRAINTS)) -e '.[test]'
	touch $@
