# `make demo` and `make test` need a Python of 3.10 to 3.13 (TensorFlow 2.21 has no others), make, and PyPI. Both set up .venv
# themselves; `make PYTHON=... test` chooses the interpreter.

VENV := .venv
BIN := $(VENV)/bin
CHOOSE := import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for one in python3.12 python3.13 python3.11 python3.10 python3 python; do \
	"$$one" -c '$(CHOOSE)' >/dev/null 2>&1 && echo "$$one" && break; done)
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
PACKAGES := codemods cli harness lint_rules
SOURCES := $(shell find $(PACKAGES) -name '*.py' -o -name '*.json' -o -name '*.tsv' -o -name '*.css' -o -name '*.txt' -o -name 'py.typed')

export TF_CPP_MIN_LOG_LEVEL ?= 3
export CUDA_VISIBLE_DEVICES ?=

.PHONY: demo test lint types unit mutants format clean

demo: $(VENV)/installed
	@rm -rf demo-output
	@echo "== The diff that tf-modernize makes of fixtures/demo =="
	@$(BIN)/tf-modernize upgrade fixtures/demo
	@echo "== The upgraded program, run on TensorFlow 2.21 =="
	@$(BIN)/tf-modernize upgrade fixtures/demo --output demo-output --quiet
	@cd demo-output && $(abspath $(BIN))/python train.py 2>stderr.txt || { cat demo-output/stderr.txt >&2; exit 1; }
	@echo "== Done: the upgraded program is in demo-output =="

test: lint types unit

lint: $(VENV)/tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# mypy takes the packages as they are installed: it does not follow the mapping of an editable install.
types: $(VENV)/installed
	cd $(VENV) && bin/mypy --config-file ../pyproject.toml $(foreach package,$(PACKAGES),-p tf_modernize.$(package))

unit: $(VENV)/installed
	$(BIN)/python -m pytest -q

# All mutants of fixtures/mutants; the suite takes those that are listed first.
mutants: $(VENV)/installed
	MUTANTS=all $(BIN)/python -m pytest -q tests/test_mutants.py

format: $(VENV)/tools
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build demo-output *.egg-info .mypy_cache .pytest_cache .ruff_cache

$(VENV)/made:
	@test -n "$(PYTHON)" || { echo "No Python of 3.10 to 3.13 with venv was found: install one, or name it: make PYTHON=..." >&2; exit 1; }
	"$(PYTHON)" -m venv --clear $(VENV)
	@touch $@

# Everything that the project and its tests need.
$(VENV)/tools: $(VENV)/made pyproject.toml setup.py
	$(PIP) install "setuptools>=77" wheel
	$(PIP) install ".[lint,verify,dev]"
	@touch $@

# The project, as a user would install it; build/ would hand on modules that are gone.
$(VENV)/installed: $(VENV)/tools $(SOURCES)
	@rm -rf build
	$(PIP) install --no-deps --no-build-isolation --force-reinstall .
	@touch $@
