# Everything that is done by hand, and what CI runs.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check --no-deps
LOCKED := $(INSTALL) --require-hashes

.PHONY: help run test test-slow check chaos bench lock archive clean
.DEFAULT_GOAL := help

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.installed ## Install what is missing, and watch.
	@$(VENV)/bin/ebbwatch run

test: $(VENV)/.installed-dev ## Run the tests.
	$(PY) -m pytest $(AT_ONCE)

test-slow: $(VENV)/.installed-dev ## Run the tests that take minutes.
	$(PY) -m pytest -m slow

check: $(VENV)/.installed-dev ## Run what CI runs.
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(PY) -m pytest $(AT_ONCE)

# Each worker that wants one starts a PostgreSQL server of its own: four are enough.
AT_ONCE = --numprocesses=auto --maxprocesses=4

chaos: $(VENV)/.installed-dev ## Break daemons on purpose, and count what was lost (about an hour).
	$(PY) -m tests.chaos --kills $(or $(KILLS),500) $(if $(SEED),--seed $(SEED))
	$(PY) -m tests.chaos --kills $(or $(KILLS),150) --replicas 3 $(if $(SEED),--seed $(SEED))

bench: $(VENV)/.installed-dev ## Measure, against peers in the same run.
	@for script in tests/bench/bench_*.py; do echo "== $$script"; $(PY) $$script || exit 1; done

lock: $(VENV)/.installed-dev ## Pin the newest versions, with hashes and without hosts.
	$(LOCK) --group=build --output-file=requirements.lock pyproject.toml
	$(LOCK) --group=build --group=dev --constraints=requirements.lock \
		--output-file=requirements-dev.lock pyproject.toml

# One version of each package for every Python and every system: `fewest` splits none of them.
LOCK = $(VENV)/bin/uv pip compile --quiet --upgrade --universal --python-version=3.11 \
	--fork-strategy=fewest --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links

archive: $(VENV)/.installed-dev ## Write the bundled history anew, from a folder of collected figures.
	$(PY) scripts/build_archive.py $(or $(FROM),../shared/history)

clean: ## Remove what was built here.
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks

# The stamps make a second start cost nothing. A developer's environment holds the user's. A
# lock is complete, so nothing is resolved: no later release of anything can change what it says.

$(VENV)/.installed: requirements.lock pyproject.toml | $(PY)
	$(LOCKED) --requirement requirements.lock
	$(INSTALL) --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	$(LOCKED) --requirement requirements-dev.lock
	@touch $@

$(PY):
	$(PYTHON) -m venv $(VENV)
