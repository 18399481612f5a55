# Needs Python 3.11 or newer, make, and a package index; everything else goes into .venv.
# `make` alone lists what it can do. Another interpreter: make run PYTHON=/path/to/python3.12

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV := $(VENV)/.installed-dev
BENCH := $(VENV)/bench

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Hundreds of tests start an interpreter, and each would compile all of Trellis anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help run test check lint format types imports blocks coverage bench soak docs clean

help: ## list these targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

# Asks each candidate to prove itself: a shim may exist and not run, a system Python may lack venv.
$(STAMP): pyproject.toml
	@found=; for candidate in $(PYTHON) $(if $(PYTHON),,python3.13 python3.12 python3.11 python3 python); do \
	  if "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
	  then found=$$candidate; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "make: no Python 3.11 or newer with the venv module among:" \
	    "$(or $(PYTHON),python3.13 python3.12 python3.11 python3 python)" >&2; \
	  echo "make: install one (on Debian also python3-venv), or say: make $(MAKECMDGOALS) PYTHON=/path/to/python" >&2; \
	  exit 1; \
	fi; \
	echo "== $(VENV): installing with $$("$$found" --version) ($$found)"; \
	"$$found" -m venv $(VENV) && $(BIN)/python -m pip install --quiet --editable '.[release]'
	@touch $@

$(DEV): $(STAMP)
	@echo "== $(VENV): installing what tests and checks need"
	@$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

# In an environment of its own: some of what it compares with hooks into every run of pytest beside it.
$(BENCH)/.installed: $(STAMP)
	@echo "== $(BENCH): installing what benchmarks compare with"
	@$(BIN)/python -m venv $(BENCH) && $(BENCH)/bin/python -m pip install --quiet --editable '.[bench]'
	@touch $@

run: $(STAMP) ## build, check and install this project by its own graph, graphs/release.yaml
	@echo "== trellis run graphs/release.yaml"
	@$(BIN)/trellis run graphs/release.yaml --answers graphs/answers/release.yaml --allow process

test: $(DEV) ## run every test but the soak tests; says at the end what was left out
	@echo "== pytest on 3 processes: some tests wait, and two cores are not to wait with them"
	@$(BIN)/python -m pytest -n 3 --dist worksteal -q

check: $(DEV) ## lint, format, types, import contracts, documentation; all of them, even if one fails
	@$(MAKE) --no-print-directory --keep-going lint format types imports blocks coverage
	@echo "== all checks passed"

lint: $(DEV)
	@echo "== ruff check"
	@$(BIN)/ruff check

format: $(DEV)
	@echo "== ruff format --check"
	@$(BIN)/ruff format --check

types: $(DEV)
	@echo "== mypy --strict"
	@$(BIN)/mypy

imports: $(DEV)
	@echo "== import contracts"
	@$(BIN)/lint-imports --no-logo

blocks: $(DEV)
	@echo "== code blocks of the documentation"
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.tooling.docs_blocks

coverage: $(DEV)
	@echo "== docs/coverage.md is fresh"
	@$(BIN)/python -m tests.tooling.coverage --check

bench: $(BENCH)/.installed ## measure, as ratios within one run
	@echo "== benchmarks"
	@$(BENCH)/bin/python -m benchmarks
	@echo "== relation machines"
	@$(BENCH)/bin/python -m benchmarks.relations

soak: $(DEV) ## run the tests that take minutes
	@echo "== pytest, soak tests only"
	@$(BIN)/python -m pytest -m soak

docs: $(DEV) ## regenerate docs/coverage.md from the marks in the tests, and the tables of docs/problems.md from their pages
	@$(BIN)/python -m tests.tooling.coverage
	@$(BIN)/python -m tests.tooling.problem_table

clean: ## remove .venv, builds and caches; runs under .trellis stay
	@rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .trellis/cache
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
	@echo "== removed $(VENV), builds and caches"
