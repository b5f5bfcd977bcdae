# make run      start Passerelle on http://127.0.0.1:8000
# make test     set up what the tests need, and run them all
# make fuzz     run the property tests with other examples than the suite's, ten times as many (FUZZ=tests/federation for some)
# make mutants  change one thing at a time in what decides who is who: the tests have to notice (takes an hour;
#               MODULE=directory/ranking.py for one module)
# make worlds   play a million generated worlds on all cores, and judge every follow without a tick (takes an hour or more;
#               WORLDS=20000 for fewer)
# make check    format, lint, types, import directions, templates, texts
# Everything is installed in .venv, tests/*/node_modules and var. As root there is more: the database gets a system
# user, `passerelle`, and the tests' browser comes from the system's packages.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check

# The user's own settings of pip and Python apply to where packages come from, never to which or where they go.
# (A pip.conf that names a target, a prefix or a root stops the install with pip's own sentence.)
unexport PYTHONHOME PYTHONPATH PIP_PREFIX PIP_ROOT PIP_TARGET
export PIP_CONSTRAINT := /dev/null
export PIP_DRY_RUN := 0
export PIP_REQUIRE_HASHES := 0
export PIP_USER := 0

.PHONY: run install install-dev test fuzz mutants worlds check format lock vendor texts clean
.DEFAULT_GOAL := run

run: install
	@exec $(BIN)/passerelle serve

install: .venv/.installed

install-dev: .venv/.installed-dev

# Installs the packages of the lock that the target depends on, and nothing else. The environment is made anew, so
# that nothing of an older lock or of a broken-off install stays in it (a browser of the tests does).
# --without-pip: Debian splits ensurepip from Python; the pip outside serves as well. --no-deps: pip below 23.3 does
# not apply a lock's hash to `pydantic[email]`, which a dependency asks for, once there is a newer release.
# PYTHONWARNINGS: setuptools warns of each editable install. The stamp comes last, so that a failed install is repeated.
define install_lock
@rm -rf $(addprefix .venv/,.installed .installed-dev bin include lib lib64)
$(PYTHON) -m venv --without-pip .venv
$(PIP) install --quiet --no-deps --require-hashes -r $<
PYTHONWARNINGS=ignore $(PIP) install --quiet --no-deps --no-build-isolation -e .
@missing=$$($(PIP) check) || { echo "$< does not hold all that is needed (\`make lock\` renews it):"; echo "$$missing"; exit 1; } >&2
@touch $@
endef

.venv/.installed: requirements.lock pyproject.toml
	$(install_lock)

# The development lock includes the other one.
.venv/.installed-dev: requirements-dev.lock pyproject.toml
	$(install_lock)
	@touch .venv/.installed

test: install-dev
	@$(BIN)/python -m tests.setup
	@$(BIN)/python -m pytest -n 3 --dist worksteal $(PYTEST_ARGS)

fuzz: install-dev
	@$(BIN)/python -m tests.setup
	@PASSERELLE_TEST_FUZZ=1 $(BIN)/python -m pytest -n 3 --dist worksteal $(FUZZ)

mutants: install-dev
	@$(BIN)/python -m tests.mutants $(MODULE)

worlds: install-dev
	@$(BIN)/python -m tests.worlds $(WORLDS)

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
lock: $(BIN)/uv
	$(BIN)/uv pip compile pyproject.toml --extra build --universal --python-version 3.11 --generate-hashes --no-annotate --no-header -q $(LOCK_ARGS) -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra build --extra dev --universal --python-version 3.11 --generate-hashes --no-annotate --no-header -q $(LOCK_ARGS) -c requirements.lock -o requirements-dev.lock

# Not install-dev: it fails where a lock lacks a package, which is renewed here.
$(BIN)/uv:
	-@$(MAKE) install-dev

# Fetches and checks the third-party scripts of the pages, and keeps them in web/static/vendor.
vendor: install-dev
	$(BIN)/python -m web.vendor

texts: install-dev
	$(BIN)/python -m web.texts update

clean:
	rm -rf .venv node_modules tests/peers/node_modules .mypy_cache .ruff_cache .pytest_cache *.egg-info
