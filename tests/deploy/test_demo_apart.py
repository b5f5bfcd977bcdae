"""Demo people never enter the signed log, and a public instance has none."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from deploy.embedded import open_database
from deploy.ports import free_port
from tests.harness.command import Command
from tests.harness.forking import Forks
from tests.harness.postgres import FAST_SETTINGS

DEMO = ("demo", "--people", "20", "--no-archive")
REFUSED = "passerelle: this is a public instance, and demo people are for trying out."
PUBLIC = {"public_url": "https://find.example"}


@pytest.fixture
def data(folder: Path) -> Path:
    return folder / str(free_port())


@pytest.fixture
def dsn(data: Path) -> Iterator[str]:
    with open_database(data, FAST_SETTINGS) as database:
        yield database.dsn


@pytest.fixture
def command(folder: Path, data: Path, dsn: str) -> Command:
    return Forks(folder, {"data": str(data), "port": str(free_port())})


def fetch(dsn: str, sql: str) -> int:
    async def run() -> int:
        connection = await asyncpg.connect(dsn)
        try:
            return int(await connection.fetchval(sql))
        finally:
            await connection.close()

    return asyncio.run(run())


def test_a_public_instance_refuses_demo_people(folder: Path, dsn: str, command: Command) -> None:
    """Attack by slip: invented people stood in a public log for ever. In a shell without the environment of the
    service the settings do not tell; its keys do."""
    assert command.run("keys", "make", **PUBLIC).code == 0
    for settings in (PUBLIC, {}):
        refused = command.run(*DEMO, **settings)
        assert (refused.code, refused.out) == (1, "")
        assert refused.sentence.startswith(REFUSED)
    assert fetch(dsn, "SELECT count(*) FROM mapping") == 0
    archive = command.run("demo", "--no-people", "--archive", folder / "a.zip", "--follows", "5", **PUBLIC)
    assert archive.code == 0, archive.err


def test_demo_people_stay_out_of_the_log_and_out_of_a_public_instance(dsn: str, command: Command) -> None:
    """They were signed by the instance. And whoever tried it out first, and then went public, answered with them."""
    filled = command.run(*DEMO)
    assert filled.code == 0, filled.err
    assert fetch(dsn, "SELECT count(*) FROM log_statement") == 0
    origins = "SELECT count(*) FROM mapping m JOIN origin o ON o.id = m.origin"
    assert fetch(dsn, f"{origins} WHERE o.is_demo AND o.name LIKE '%.localhost/log'") >= 20
    assert fetch(dsn, f"{origins} WHERE NOT o.is_demo") == 0
    assert "Demo people" in command.run("doctor").out

    refused = command.run("serve", **PUBLIC)
    assert refused.code == 1
    assert refused.sentence == (
        "passerelle: there are demo people in this directory, and this instance has a public address: run"
        " `passerelle demo --remove` first."
    )
    shown = command.run("doctor", **PUBLIC)
    assert "✗  Demo people" in shown.out
    assert "Run `passerelle demo --remove`." in shown.out

    assert command.run("demo", "--remove", **PUBLIC).code == 0
    assert "Demo people" not in command.run("doctor", **PUBLIC).out
