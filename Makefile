# Needs Python 3.11 or newer and make; everything else comes into .venv.
# Every path is relative, so the checkout may stand anywhere, spaces included.

PYTHON ?= python3
ARGS ?=
UPGRADE ?=

BIN := .venv/bin
UV := $(BIN)/uv
SOURCES := domain projections services infra tests

# uv reads no settings of pip, so a mirror named there is handed on; empty means the default index.
MIRROR = $${UV_DEFAULT_INDEX:-$${PIP_INDEX_URL:-$$($(BIN)/python -m pip config get global.index-url 2>/dev/null)}}

SHELL := /bin/sh
MAKEFLAGS += --no-print-directory --no-builtin-rules
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help env run test test-unit test-long fuzz lint lint-style lint-types lint-imports lint-deploy bench format lock wheel clean

# say WHAT: one line before a step
say = @printf '\033[1m%s\033[0m\n' $(1)

# quietly LOG, COMMAND: silent when it works; a sentence when the network is missing; otherwise what the command said
define quietly
	@{ $(2); } >.venv/install.log 2>&1 || { \
		if grep -qiE 'dns error|name resolution|name or service not known|failed to (connect|lookup)|unreachable|connection (refused|reset)|timed out|tunnel' .venv/install.log; then \
			echo '$(1): no package index could be reached; connect this machine or name a mirror in PIP_INDEX_URL and run make again.' >&2; \
		else cat .venv/install.log >&2; fi; exit 1; }
endef

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' Makefile

env: .venv/.stamp ## Make .venv with every package at its pinned hash

# A crash at any line leaves no stamp, so the next run starts over with what is already there.
.venv/.stamp: constraints.txt pyproject.toml
	@command -v '$(PYTHON)' >/dev/null || { echo 'Changqing needs Python 3.11 to 3.14, and there is no $(PYTHON); name one: make PYTHON=python3.13' >&2; exit 1; }
	@'$(PYTHON)' -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' || { echo "Changqing needs Python 3.11 to 3.14, and $(PYTHON) is $$('$(PYTHON)' -c 'import platform; print(platform.python_version())'); name another: make PYTHON=python3.13" >&2; exit 1; }
	@'$(PYTHON)' -c 'import ensurepip, venv' 2>/dev/null || { echo 'This Python comes without its venv module; install it (Debian and Ubuntu: apt install python3-venv).' >&2; exit 1; }
	$(call say,'Packages into .venv')
	@$(BIN)/python -c '' 2>/dev/null || '$(PYTHON)' -m venv --clear .venv
	@awk '/^[^ ]/ { ours = /^uv==/ } ours' constraints.txt >.venv/uv.txt
	$(call quietly,Installing uv,$(UV) --version || $(BIN)/python -m pip install --disable-pip-version-check --retries 1 --require-hashes --no-deps -r .venv/uv.txt)
	$(call quietly,Installing the packages,UV_DEFAULT_INDEX="$(MIRROR)" $(UV) pip sync --python $(BIN)/python --require-hashes constraints.txt)
	$(call quietly,Installing the project,$(UV) pip install --python $(BIN)/python --offline --no-deps --no-build-isolation --editable .)
	@touch $@

run: env ## Run everything on this machine, embedded (ARGS are passed on)
	@$(BIN)/changqing run $(ARGS)

test: lint ## Every check and every test
	$(call say,'Tests: unit')
	@$(BIN)/pytest --numprocesses=auto tests/unit $(ARGS)
	$(call say,'Tests: integration')
	@$(BIN)/pytest --numprocesses=auto --dist=loadfile tests/integration $(ARGS)
	$(call say,'Tests: acceptance')
	@$(BIN)/pytest tests/acceptance $(ARGS)

test-unit: env ## The tests that need no server
	@$(BIN)/pytest --numprocesses=auto tests/unit $(ARGS)

# Each test ends by itself when its time is over, and what it started with it: under 15 minutes together.
test-long: env ## Minutes of kills under load, a life of 10,000 facts (ARGS=--seed=N for the same again)
	@$(BIN)/pytest tests/long -s $(ARGS)

fuzz: env ## Try the whole API against its document, 20 minutes (ARGS='--seconds=600 --seed=N', -k officer)
	@$(BIN)/pytest tests/fuzz -s $(ARGS)

bench: env ## Measure against the stock library and PostgreSQL itself (ARGS=--help)
	@$(BIN)/python -m tests.bench $(ARGS)

lint: lint-style lint-types lint-imports lint-deploy ## Style, types, layers, compose file and Dockerfile

lint-style: env
	$(call say,'Style: ruff')
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --diff .

lint-types: env
	$(call say,'Types: mypy')
	@$(BIN)/mypy

lint-imports: env
	$(call say,'Layers: import-linter')
	@$(BIN)/lint-imports --no-logo >.venv/imports.log || { cat .venv/imports.log; exit 1; }

# Neither needs a Docker engine: the schema is the Compose specification's own, carried in check-jsonschema.
lint-deploy: env
	$(call say,'Deployment: docker-compose.yml against the Compose schema; Dockerfile through hadolint')
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml >.venv/compose.log || { cat .venv/compose.log; exit 1; }
	@$(BIN)/hadolint --failure-threshold style Dockerfile

format: env ## Rewrite the code in the project's format
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format .

lock: ## Solve constraints.txt anew (UPGRADE=1 takes newer versions)
	$(call say,'Solving constraints.txt')
	@test -x $(UV) || $(MAKE) env
	@UV_DEFAULT_INDEX="$(MIRROR)" $(UV) pip compile pyproject.toml --quiet --all-extras --group dev --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate $(if $(UPGRADE),--upgrade) --output-file constraints.txt

wheel: env ## Build the wheel into dist/
	@$(BIN)/python -m hatchling build --target wheel --directory dist

clean: ## Remove .venv, caches and built files
	@rm -rf .venv dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find $(SOURCES) -type d -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
