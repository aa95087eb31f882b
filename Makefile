# make up     the stack, healthy, from whatever this machine has
# make down   remove it; data stays
# make test   every check and test
STACK  ?= local
PYTHON ?= python3
BIN    := .venv/bin

.PHONY: up down test check lock schema help
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# //p' Makefile

up: .venv/runtime
	@$(BIN)/airflow-stack up --stack $(STACK)

down: .venv/runtime
	@$(BIN)/airflow-stack down --stack $(STACK)

test: check
	@$(BIN)/python -m pytest

check: .venv/dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# Lock files hold hashes and no download address. Airflow's own: images/airflow/requirements/compile.
lock: .venv/dev
	cd requirements && for name in runtime dev; do \
	  env -u PIP_FIND_LINKS -u UV_FIND_LINKS uv pip compile --quiet --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' $$name.in -o $$name.txt; done

schema: .venv/runtime
	@$(BIN)/airflow-stack schema > airflow-stack.schema.json

# pip says nothing while it works: five seconds on a fast line, a minute on a slow one.
.venv/runtime .venv/dev: .venv/%: requirements/%.txt pyproject.toml
	@test -x $(BIN)/pip || { echo "creating .venv"; $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: Python 3.11 or later is needed; name one: make PYTHON=python3.12 ..." >&2; exit 1; }; \
	  $(PYTHON) -m venv .venv || { rm -rf .venv; \
	  echo "error: this Python has no venv module. On Debian or Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }; }
	@echo "installing the locked requirements ($*)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/$*.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
