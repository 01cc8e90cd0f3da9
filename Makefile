# Everything a developer does, by name. `make help` prints the list.
#
# The environment in .venv builds itself from a bare Python and the two locks. Each stamp's name
# carries the checksum of what it was made from, so that a changed lock makes a new environment and
# an unchanged one costs nothing.

PYTHON ?= python3
BIN := .venv/bin

# Every pin comes as a wheel but the four that exist only as source, all pure Python.
# -qq leaves errors only: a warning about a pip configuration of the machine is not ours to print.
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-input --no-deps \
	--no-build-isolation --retries 10 --timeout 60
LOCKED := $(PIP) --require-hashes --only-binary :all: --no-binary varint,python-baseconv,odfpy,zc-zlibstorage

sum = $(firstword $(shell cat $(1) | cksum))
RUNTIME := .venv/.runtime-$(call sum,requirements.lock)
PROJECT := .venv/.project-$(call sum,requirements.lock pyproject.toml)
DEV := .venv/.dev-$(call sum,requirements.lock requirements-dev.lock)

.DELETE_ON_ERROR:
.NOTPARALLEL: # two installers in one .venv
.PHONY: help install localnet demo test check coverage sim soak perturb bench lock clean env
.DEFAULT_GOAL := help

help: ## Print this list.
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

install: $(PROJECT) ## Build what a node runs on in .venv, and start nothing.

localnet: $(PROJECT) ## Start four validators on this machine; returns when block 1 is final.
	@$(BIN)/mithaq localnet up

demo: $(PROJECT) $(DEV) ## Tell how a road is paid for, from the budget law on, on four nodes of its own.
	@PYTHONPATH=.:tests $(BIN)/python -m kit.road

test: $(PROJECT) $(DEV) ## Run every test.
	@$(BIN)/python -m pytest

check: $(PROJECT) $(DEV) ## Check format, lint, types and layers.
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

coverage: $(PROJECT) $(DEV) ## Run every test and report what none of them reached.
	@$(BIN)/coverage run -m pytest
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

SEEDS ?= 0..19999
MUTANTS ?= liveness
sim: $(PROJECT) $(DEV) ## Run the simulator over SEEDS=0..19999, then the mutants of MUTANTS=liveness.
	@$(BIN)/mithaq sim run --seeds $(SEEDS)
	@$(if $(MUTANTS),PYTHONPATH=.:tests $(BIN)/python -m kit.mutants run --kind $(MUTANTS))

SOAK ?= 500
SEED ?= 1
soak: $(PROJECT) $(DEV) ## Kill storage SOAK=500 times by SEED=1; or with HOURS=1 watch a loaded network of hosts.
	@$(if $(HOURS),.ci/hosts)
	@PYTHONPATH=.:tests $(BIN)/python -m $(if $(HOURS),kit.perturb soak --hours $(HOURS),kit.soak --rounds $(SOAK) --seed $(SEED))

MANIFESTS ?= $(wildcard tests/perturb/*.toml tests/perturb/regressions/*.toml)
perturb: $(PROJECT) $(DEV) ## Disturb networks of hosts by MANIFESTS=tests/perturb/*.toml, then by SEEDS=1..5 (root).
	@.ci/hosts
	@PYTHONPATH=.:tests $(BIN)/python -m kit.perturb run $(MANIFESTS) \
		$(if $(filter command environment,$(origin SEEDS)),--seeds $(SEEDS))

bench: $(PROJECT) ## Measure; prints goal and result, fails when a goal is missed.
	@$(BIN)/python -m bench

env: $(PROJECT) $(DEV) ## Build the environment in .venv, with what checks and tests need.

# The only target that needs uv. The development lock is compiled against the runtime lock.
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links --override requirements-override.txt
lock: ## Resolve the dependencies again (needs uv); UPGRADE=--upgrade moves the pins.
	@$(COMPILE) $(UPGRADE) requirements.in -o requirements.lock
	@$(COMPILE) $(UPGRADE) requirements-exchange.in -o requirements-exchange.lock
	@$(COMPILE) $(UPGRADE) requirements-dev.in -o requirements-dev.lock

clean: ## Remove the environment and what tools left behind; never a network's home.
	@rm -rf .venv build dist *.egg-info .coverage .coverage.* htmlcov .hypothesis \
		.import_linter_cache .mypy_cache .pytest_cache .ruff_cache

$(RUNTIME): PROBLEM = $(shell .ci/missing '$(PYTHON)')
$(RUNTIME):
	@$(if $(PROBLEM),$(error $(PROBLEM)))
	@echo "Building .venv from requirements.lock (about a minute, once)"
	@$(PYTHON) -m venv --clear .venv
	@awk '/^[^ #]/ { wanted = /^(setuptools|wheel)==/ } wanted' requirements.lock > .venv/builders.txt
	@$(LOCKED) -r .venv/builders.txt
	@$(LOCKED) -r requirements.lock
	@touch $@

$(PROJECT): $(RUNTIME)
	@$(PIP) --config-settings editable_mode=compat --editable .
	@touch $@

$(DEV): $(RUNTIME)
	@$(LOCKED) -r requirements-dev.lock
	@touch $@
