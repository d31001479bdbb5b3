# Every command a human types.  Bare `make` lists them.

.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LINT := $(VENV)/lint
PYTEST := $(BIN)/python -m pytest
# Tests work more than they wait: one hand for each core, and whoever is done first takes over.
MANY := --numprocesses auto --dist worksteal
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help
help: ## print this list
	@awk 'BEGIN {FS = ":.*## "} /^#@/ {printf "\n%s\n", substr($$0, 4)} /^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

#@ every day
.PHONY: setup demo test check fmt
setup: $(STAMP) ## build .venv from the hashed lock

$(STAMP): requirements.txt requirements-dev.txt pyproject.toml scripts/check_python.py
	@$(PYTHON) scripts/check_python.py
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP) ## the main job, end to end, with a proof (SEED=, KEEP=1, SABOTAGE=lose|double|repeat|regress)
	@SEED="$(SEED)" KEEP="$(KEEP)" SABOTAGE="$(SABOTAGE)" $(BIN)/python scripts/demo.py

test: $(STAMP) ## the fast suites: unit, contract, integration, architecture, acceptance
	@$(PYTEST) $(MANY) -m "not slow" tests

check: $(STAMP) ## what a reviewer need not look for: ruff, mypy, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fmt: $(STAMP) ## format, and mend what can be mended
	@$(BIN)/ruff check --fix --exit-zero --quiet .
	@$(BIN)/ruff format .

#@ checks
.PHONY: again unit integration sql acceptance test-slow mutants sabotage bench bench-freshness lock clean deploy-check
again: $(STAMP) ## what failed last, one after the other: tells a fault from a busy machine
	@$(PYTEST) --last-failed --last-failed-no-failures none tests

unit: $(STAMP) ## pure functions only
	@$(PYTEST) tests/unit tests/architecture

integration: $(STAMP) ## SQL and both look-alikes on real servers
	@$(PYTEST) $(MANY) tests/integration tests/contract

sql: $(STAMP) ## what speaks SQL, on the servers of DATABASE_URL and REDIS_URL
	@$(PYTEST) $(MANY) --profile a -m "not slow" tests/integration $(addprefix --ignore tests/integration/test_,\
	  cli.py commercetools_look_alike.py event_judge.py interleavings.py judge.py) tests/operate/test_metrics.py \
	  tests/operate/test_retention.py tests/operate/test_migrations.py

acceptance: $(STAMP) ## real processes, killed
	@$(PYTEST) -m "not slow" tests/acceptance

test-slow: $(STAMP) ## the long ones: 200 random kills, all kill points
	@$(PYTEST) -m slow tests

deploy-check: $(STAMP) $(LINT)/.installed ## image and compose files, by hadolint and Docker Compose; no engine
	@$(BIN)/python docker/check.py $(LINT)

$(LINT)/.installed: docker/requirements-lint.txt | $(STAMP)
	@$(BIN)/python -m venv $(LINT)
	@$(LINT)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r docker/requirements-lint.txt
	@touch $@

mutants: $(STAMP) ## each committed mutant is caught by the tests of its promise
	@$(BIN)/python tests/mutants/run.py

sabotage: $(STAMP) ## the demo's judge catches each build that is broken on purpose
	@for each in lose double repeat regress; do \
	  if told=$$(SEED="$(SEED)" SABOTAGE=$$each $(BIN)/python scripts/demo.py); \
	  then echo "SURVIVED $$each"; exit 1; else echo "caught $$each: $$(echo "$$told" | tail -1)"; fi; done

bench: $(STAMP) ## entities per second against plain no-op tasks
	@$(BIN)/python benchmarks/throughput.py

bench-freshness: $(STAMP) ## seconds from a change in the shop to its event in the account (CHANGES=, POLL_SECONDS=)
	@CHANGES="$(or $(CHANGES),80)" POLL_SECONDS="$(or $(POLL_SECONDS),10)" $(BIN)/python benchmarks/freshness.py

lock: $(STAMP) ## resolve the locks anew
	@$(BIN)/python scripts/lock.py

clean: ## remove the environment and caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .demo
