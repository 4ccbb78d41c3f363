# Everything one does here: `make help`. It all happens in .venv, which `make serve` and `make test` share.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The first Python that is new enough; the locks were made for 3.11. Choose another with `make serve PYTHON=python3.13`.
PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.13 python3.14; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

BIN := .venv/bin
RUNTIME := .venv/.runtime-installed
DEV := .venv/.dev-installed

.PHONY: help
help: ## Say what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

.PHONY: serve
serve: $(RUNTIME) ## Install what is missing and start the server; ARGS="--port 9000" is passed on
	@exec $(BIN)/heartline serve $(ARGS)

.PHONY: test
test: export HF_HUB_OFFLINE := 1
test: export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
test: $(DEV) ## The whole gate: format, lint, types, import contracts, tests with coverage
	@echo "ruff format";  $(BIN)/ruff format --quiet --check || { echo "Not formatted: make format"; exit 1; }
	@echo "ruff check";   $(BIN)/ruff check --quiet
	@echo "pyright";      $(BIN)/pyright
	@echo "lint-imports"; $(BIN)/lint-imports --no-logo
	@echo "pytest";       $(BIN)/pytest --quiet --cov --cov-report=term $(ARGS)

.PHONY: nightly
nightly: export HF_HUB_OFFLINE := 1
nightly: export NIGHTLY := 1
nightly: $(DEV) ## The long forms: kills by the hundred, 2,000 turns of four processes, two hours of load
	@$(BIN)/pytest --quiet tests/e2e/test_fleet.py tests/e2e/test_killed.py tests/integration/test_following.py $(ARGS)
	@$(BIN)/python -m benchmarks.soak

.PHONY: bench
bench: $(DEV) ## Measure quality and speed; ARGS chooses what
	@HF_HUB_OFFLINE=1 $(BIN)/python -m benchmarks $(ARGS)

.PHONY: lock
lock: $(DEV) ## Write the lock files anew from pyproject.toml; ARGS=--upgrade takes newer versions
	@$(BIN)/python scripts/lock.py $(ARGS)

.PHONY: format
format: $(DEV) ## Format the code and mend what ruff can mend
	@$(BIN)/ruff format && $(BIN)/ruff check --fix

.PHONY: clean
clean: ## Delete caches and reports; never data/, nor .venv
	@rm -rf .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage .coverage.* htmlcov dist *.egg-info
	@find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Heartline needs Python 3.11 or newer; python3 here is $$(python3 --version 2>&1 || echo missing)."; \
		echo "Install one and run make again, or name one: make serve PYTHON=/path/to/python3.11"; exit 1; fi
	@$(PYTHON) -c 'import sys; sys.exit("Heartline needs Python 3.11 or newer." if sys.version_info < (3, 11) else 0)'
	@echo "Making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

$(RUNTIME): requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing requirements.lock into .venv: once, a minute or two"
	@$(BIN)/python scripts/install.py requirements.lock
	@touch $@

$(DEV): requirements-dev.lock pyproject.toml | $(BIN)/python
	@echo "Installing requirements-dev.lock into .venv: once, several minutes, mostly for PyTorch, which the tests compare with"
	@$(BIN)/python scripts/install.py requirements-dev.lock
	@touch $@ $(RUNTIME)
