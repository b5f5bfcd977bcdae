# make run      start Passerelle on http://127.0.0.1:8000
# make test     set up what the tests need, and run them all
# make check    format, lint, types, import directions, templates, texts
# Everything lands in .venv, tests/*/node_modules and var. As root a little lands elsewhere: the database gets a
# system user, `passerelle`, and the tests' browser comes from the system's packages.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check

.PHONY: run install install-dev test check format lock vendor texts clean
.DEFAULT_GOAL := run

run: install
	@exec $(BIN)/passerelle serve

install: .venv/.installed

install-dev: .venv/.installed-dev

# --without-pip: Debian splits ensurepip from Python; the pip outside serves as well.
.venv/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv --without-pip .venv
	$(PIP) install --quiet --require-hashes -r requirements.lock
	$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

.venv/.installed-dev: .venv/.installed requirements-dev.lock
	$(PIP) install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

test: install-dev
	@$(BIN)/python -m tests.setup
	@$(BIN)/python -m pytest -n 2 $(PYTEST_ARGS)

check: install-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint --check --lint web/templates --quiet
	$(BIN)/python -m web.texts check

format: install-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	-$(BIN)/djlint --reformat web/templates --quiet

# Newer versions of what we depend on, within pyproject.toml, with their hashes.
lock: install-dev
	$(BIN)/uv pip compile pyproject.toml --extra build --universal --python-version 3.11 --generate-hashes --no-annotate --no-header -q $(LOCK_ARGS) -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra build --extra dev --universal --python-version 3.11 --generate-hashes --no-annotate --no-header -q $(LOCK_ARGS) -c requirements.lock -o requirements-dev.lock

# The scripts of others that the pages use: fetched, checked, and kept in web/static/vendor.
vendor: install-dev
	$(BIN)/python -m web.vendor

texts: install-dev
	$(BIN)/python -m web.texts update

clean:
	rm -rf .venv node_modules tests/peers/node_modules .mypy_cache .ruff_cache .pytest_cache *.egg-info
