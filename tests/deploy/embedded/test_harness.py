"""The server that all tests share: one for several workers, templates made once, nothing left behind."""

import os
import subprocess
import sys
from pathlib import Path

from tests.deploy.embedded.programs import CHECKOUT, execute, fetch
from tests.harness.postgres import FOLDER, SharedPostgres, with_database

TESTS_OF_TWO_WORKERS = """
import os
import pathlib

import pytest

from tests.deploy.embedded.programs import execute, fetch

NOTES = pathlib.Path(__file__).with_name("notes")


async def fill(dsn):
    with NOTES.open("a") as notes:
        notes.write(os.environ["PASSERELLE_TEST_POSTGRES_FOLDER"] + "\\n")
    await execute(dsn, "CREATE TABLE rows (n int)")


@pytest.mark.parametrize("n", range(4))
async def test_a_database_of_its_own(postgres, n):
    async with postgres.database(await postgres.template("rows", fill)) as dsn:
        await execute(dsn, "INSERT INTO rows VALUES (1)")
        assert await fetch(dsn, "SELECT count(*) FROM rows") == 1
"""


async def nothing(_dsn: str) -> None:
    return None


async def test_databases_come_and_go(postgres: SharedPostgres) -> None:
    template = await postgres.template("harness", nothing)
    dsn = await postgres.create_database_from_template("one", template)
    await execute(dsn, "CREATE TABLE here ()")
    assert dsn == postgres.dsn("one")
    await postgres.drop_database("one")
    await postgres.drop_database("one")
    async with postgres.database(template) as fresh:
        assert await fetch(fresh, "SELECT to_regclass('here')") is None


async def test_a_template_that_was_not_filled_to_the_end_is_made_again(postgres: SharedPostgres) -> None:
    await execute(await postgres.create_database_from_template("broken"), "CREATE TABLE half ()")
    await postgres.template("broken", nothing)
    async with postgres.database("broken") as dsn:
        assert await fetch(dsn, "SELECT to_regclass('half')") is None
    await postgres.drop_database("broken")


def test_the_address_of_another_database() -> None:
    assert with_database("postgresql://u:p@h:5/a?x=1", "b") == "postgresql://u:p@h:5/b?x=1"
    assert with_database("postgresql://u@/a?host=/s", "b") == "postgresql://u@/b?host=/s"


def test_workers_share_one_server_and_leave_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_rows.py").write_text(TESTS_OF_TWO_WORKERS)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"
    )
    # Only the plugins that matter: three interpreters load them.
    plugins = [f"-p{name}" for name in ("xdist.plugin", "pytest_asyncio.plugin", "tests.harness.postgres")]
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "PASSERELLE"))
    }
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", *plugins, tmp_path],
        cwd=tmp_path,
        env=environment
        | {"PYTHONPATH": os.pathsep.join([str(CHECKOUT), *sys.path]), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        check=True,
    )
    (folder,) = (tmp_path / "notes").read_text().split()
    assert folder != os.environ[FOLDER]
    assert not Path(folder).exists()
