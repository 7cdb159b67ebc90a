# One line per task. `make` lists them.
# `override` and `unexport` keep what the caller's environment sets from changing what these recipes do.

# An environment that exists keeps its Python; `make install PYTHON=python3.12` makes it anew with another one.
ifeq ($(origin PYTHON),undefined)
PYTHON := $(shell test -x .venv/bin/python && echo .venv/bin/python || echo python3)
endif
unexport PYTHONPATH PYTHONHOME PYTHONSAFEPATH VIRTUAL_ENV
# Each of a thousand processes of the suite would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

override venv := .venv/bin
override cli := .tools/pulumi-directory
# The caller's account, keys and state backend are out of reach of everything that runs here.
override launch = "$(PYTHON)" scripts/clean_environment.py
override run = $(launch) --path $(venv) --path "$$(cat $(cli))" --

.DEFAULT_GOAL := help
SEED = 1
ROUNDS = 1000
JOBS = 4
BENCH =
# Targets share .venv and build/; what can run side by side does so inside one of them.
.NOTPARALLEL:
.PHONY: help install demo test thorough faults bench lint types layers wheel docs clean python

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s  %s\n", $$1, $$2}' Makefile

python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo 'make: $(PYTHON) is missing or older than Python 3.10; name another one: make install PYTHON=python3.12' >&2; \
	  exit 1; }

install: python ## create .venv, install the package, get the Pulumi CLI
	@$(launch) -- "$(PYTHON)" scripts/install.py
	@directory=$$($(launch) --keep PULUMI_ARCHIVE -- "$(PYTHON)" scripts/get_pulumi.py --into .tools/pulumi) \
	  && printf '%s\n' "$$directory" > $(cli).$$$$ && mv -f $(cli).$$$$ $(cli)

demo: install ## a whole serving stack on the simulator: up, canary, failure, recovery, down
	@$(run) python scripts/demo.py

test: install ## the suite
	@$(run) python -m pytest -n 4 --dist worksteal

thorough: install ## the whole stories that take too long for the suite
	@$(run) python -m pytest -n 4 --dist worksteal -m thorough

faults: install ## the fault campaign; SEED=, ROUNDS= and JOBS= choose another one
	@$(run) python -W ignore -m tests.faults --seed $(SEED) --rounds $(ROUNDS) --jobs $(JOBS)

bench: install ## how long all that takes; BENCH=--help says how to measure less
	@$(run) python -m benchmarks --page docs/performance.md $(BENCH)

lint: install ## style and formatting
	@$(run) python -m ruff check .
	@$(run) python -m ruff format --check .

types: install ## mypy, strict, on the package, the examples and the stacks
	@$(run) python -m mypy
	@for program in $(wildcard examples/*/__main__.py stacks/*/__main__.py); do $(run) python -m mypy "$$program" || exit 1; done

layers: install ## imports point downwards only
	@$(run) lint-imports

wheel: install ## build the wheel and try it in an environment of its own
	@$(run) python scripts/try_wheel.py

docs: install ## regenerate the generated reference
	@$(run) python scripts/generate_reference.py

clean: ## remove what the other targets made
	rm -rf .venv .tools build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
