# Triggerfish. `make` alone lists what there is to say. Needs Python 3.11 or newer, and for the tests Chromium.

SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
BIN := .venv/bin
MANAGE := $(BIN)/python manage.py
CHECKS := lint format types imports django migrations deploy

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

.PHONY: run
run: .installed ## Start everything, on http://127.0.0.1:8000/ (PORT=8001 for another)
	@exec $(MANAGE) up

.PHONY: test
test: .installed-dev ## Run all tests, in the browser too (ARGS="-k word" narrows the first part)
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
		echo "The browser tests need Chromium, which is not here. Install it: sudo apt-get install chromium" >&2; exit 1; }
	@failed=; \
	$(BIN)/python -m pytest tests --ignore=tests/browser -n 3 --dist loadfile --no-loadscope-reorder $(ARGS) || failed="$$failed tests"; \
	$(BIN)/python -m pytest tests/browser || failed="$$failed tests/browser"; \
	if [ -n "$$failed" ]; then echo "make test: failed:$$failed" >&2; exit 1; fi

.PHONY: check
check: .installed-dev ## Lint, format, types, imports, Django's own checks
	@failed=; for check in $(CHECKS); do \
		printf '\n== %s\n' "$$check"; \
		$(MAKE) --no-print-directory --silent check-$$check || failed="$$failed $$check"; \
	done; \
	if [ -n "$$failed" ]; then printf '\nmake check: failed:%s\n' "$$failed" >&2; exit 1; fi; \
	printf '\nmake check: all passed (%s)\n' "$(CHECKS)"

# Each part of `make check`, for running alone: make check-types. None needs a server.
NO_SERVER := DATABASE_URL=postgres://nobody@127.0.0.1:1/none REDIS_URL=redis://127.0.0.1:1/0
PRODUCTION := SITE_URL=https://triggerfish.example ALLOWED_HOSTS=triggerfish.example \
	SECRET_KEY=only-for-make-check-0123456789-abcdefghijklmnopqrstuvwxyz \
	FIELD_KEY=b25seS1mb3ItbWFrZS1jaGVjay0wMTIzNDU2Nzg5YWI=

check-lint:
	$(BIN)/ruff check
check-format:
	$(BIN)/ruff format --check
check-types:
	$(BIN)/mypy
check-imports:
	$(BIN)/lint-imports
check-django:
	env $(NO_SERVER) $(PRODUCTION) $(MANAGE) check --fail-level WARNING
check-migrations: # without a database, Django warns that it cannot compare with what is applied: that is not asked here
	env $(NO_SERVER) $(PRODUCTION) $(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
check-deploy:
	env $(NO_SERVER) $(PRODUCTION) $(MANAGE) check --deploy --fail-level WARNING

.PHONY: bench
bench: .installed ## Measure; prints a table, writes JSON (ARGS=--help lists what it can do)
	@$(BIN)/python -m benchmarks $(ARGS)

.PHONY: faults
faults: .installed-dev ## Break it with real faults at full size, hours long; writes docs/reliability.md (ONLY=P3 runs one)
	@$(BIN)/python -m tests.faults --report $(or $(ONLY),all) $(ARGS)

.PHONY: shell
shell: .installed ## A Python shell with the models, on the running system
	@$(MANAGE) shell

.PHONY: logs
logs: ## Follow the logs of every process
	@tail -n 3 -F var/log/*.log

.PHONY: reset
reset: ## Delete the local database, keys and mail in var/ (asks first)
	@$(PYTHON) -I config/up/reset.py

.PHONY: requirements
requirements: .python ## Compile the three .in files into hashed .txt files
	@set -e; uv=$$($(PYTHON) -I config/up/install.py uv); \
	compile="$$uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url"; \
	$$compile requirements.in -o requirements.txt; \
	$$compile --constraint requirements.txt requirements-queues.in -o requirements-queues.txt; \
	$$compile --constraint requirements.txt --constraint requirements-queues.txt requirements-dev.in -o requirements-dev.txt; \
	if grep -nE '^ *(-i|--index-url|--extra-index-url|--find-links)|://|@ file:' requirements.txt requirements-queues.txt requirements-dev.txt; then \
		echo "The lines above name where packages came from: that does not belong in a requirements file." >&2; exit 1; fi

.PHONY: .installed .installed-dev .python
.installed: .python
	@$(PYTHON) -I config/up/install.py requirements.txt
.installed-dev: .python
	@$(PYTHON) -I config/up/install.py requirements-dev.txt
.python:
	@test -n "$(PYTHON)" || { echo "Triggerfish needs Python 3.11 or newer: install it, or say PYTHON=/path/to/python3.11" >&2; exit 1; }
