# make up        the stack, healthy, from whatever this machine has
# make down      remove it; data stays
# make test      every check and test
# make test-all  the same, then the tests on containers again on each other release of Airflow
# make preview   what a pull request shows of the stacks
STACK  ?= local
PYTHON ?= python3
BIN    := .venv/bin
STACKS ?=
BASE   ?=
TESTS  ?=
REGIONS ?=
VERSIONS ?=

.PHONY: up down test test-all check pytest preview check-dags deploy lock schema prices options policies help
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

up: .venv/runtime
	@$(BIN)/airflow-stack up --stack $(STACK)

down: .venv/runtime
	@$(BIN)/airflow-stack down --stack $(STACK)

# Both at once: the first tests wait for images to be built.
test: .venv/dev
	@$(MAKE) --no-print-directory --jobs 2 check pytest

test-all: .venv/dev
	@$(MAKE) --no-print-directory test
	@for version in $$($(BIN)/python -c 'from airflow_stack.releases import *; print(*[v for v in RELEASES if v != DEFAULT])'); do \
	  echo "Airflow $$version"; \
	  AIRFLOW_STACK_TEST_VERSION=$$version $(MAKE) --no-print-directory pytest TESTS=tests/e2e || exit 1; done

pytest: .venv/dev
	@env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL $(BIN)/python -m pytest $(TESTS) --numprocesses 2 --dist loadfile --no-loadscope-reorder

check: .venv/dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# What a pull request shows, on this machine: make preview STACKS="local prod" BASE=main
preview: .venv/runtime policies
	@$(BIN)/airflow-stack preview $(STACKS:%=--stack %) $(if $(BASE),--base '$(BASE)')

check-dags: .venv/runtime
	@$(BIN)/airflow-stack dags check --stack $(STACK)

# The workflow's deployment of a stack on AWS, after its approval: make deploy STACK=prod
deploy: .venv/runtime policies
	@pulumi up --stack $(STACK) --yes --skip-preview --non-interactive --policy-pack policies

# Lock files hold hashes and no download address. Airflow's own: images/airflow/requirements/compile.
lock: .venv/dev
	for file in requirements/runtime requirements/dev policies/requirements images/rehearsal/requirements; do (cd $${file%/*} && \
	  env -u PIP_FIND_LINKS -u UV_FIND_LINKS uv pip compile --quiet --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' \
	    $${file##*/}.in -o $${file##*/}.txt); done

# The policy pack, in an environment of its own. Then: pulumi preview -s prod --policy-pack policies
policies: policies/.venv/installed

policies/.venv/installed: policies/requirements.txt
	@$(PYTHON) -m venv policies/.venv
	@policies/.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# Prices of `airflow-stack cost` from AWS's price list; needs pricing:GetProducts. Adds regions: make prices REGIONS=...
prices: .venv/runtime
	@$(BIN)/python scripts/prices.py $(REGIONS)

# Airflow's options, from the packages that its lock files pin. Of one release: make options VERSIONS=2.10.2
options: .venv/runtime
	@$(BIN)/python scripts/options.py $(VERSIONS)

schema: .venv/runtime
	@$(BIN)/airflow-stack schema > airflow-stack.schema.json

# pip says nothing while it works: five seconds on a fast line, a minute on a slow one. It would compile on one core as
# long again; compileall takes all of them, and skips what this Python can't read, as pip does.
unexport PYTHONDONTWRITEBYTECODE
.venv/runtime .venv/dev: .venv/%: requirements/%.txt pyproject.toml
	@test -x $(BIN)/pip || { echo "creating .venv"; $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: Python 3.11 or later is needed; name one: make PYTHON=python3.12 ..." >&2; exit 1; }; \
	  $(PYTHON) -m venv .venv || { rm -rf .venv; \
	  echo "error: this Python has no venv module. On Debian or Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }; }
	@echo "installing the locked requirements ($*)"
	@$(BIN)/pip install --quiet --no-compile --disable-pip-version-check --require-hashes -r requirements/$*.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -qq -j 0 .venv/lib airflow_stack || true
	@touch $@
