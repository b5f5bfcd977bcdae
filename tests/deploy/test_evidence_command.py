"""`passerelle peers evidence` and `passerelle verify`, as an operator runs them."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.embedded import open_database
from deploy.migrate import migrate
from deploy.ports import free_port
from directory.store.database import Database
from federation.keys.evidence import make_evidence
from federation.keys.forks import record_fork
from federation.tlog.note import parse_note
from tests.harness.command import Command
from tests.harness.forking import Forks
from tests.harness.known_log import PeerLog, confirm_peer
from tests.harness.postgres import FAST_SETTINGS

LOG = PeerLog("forking.example")
KEY = str(LOG.documents[0].log_key)


async def _fill(dsn: str) -> None:
    await migrate(dsn)
    database = await Database.connect(dsn, max_connections=2)
    evidence = make_evidence(
        LOG.note(200, "other"), LOG.note(200), documents=[parse_note(note) for note in LOG.notes]
    )
    try:
        await confirm_peer(database, LOG)
        async with database.transaction() as connection:
            await record_fork(
                connection, LOG.origin, evidence, datetime.now(UTC), told_by="other.example/log"
            )
    finally:
        await database.close()


@pytest.fixture(scope="module")
def command(folder: Path) -> Iterator[Command]:
    with open_database(folder / "data", FAST_SETTINGS) as database:
        asyncio.run(_fill(database.dsn))
        yield Forks(folder, {"data": str(folder / "data"), "port": str(free_port())})


def test_an_operator_sees_writes_and_verifies_it(command: Command) -> None:
    listed = command.run("peers", "evidence")
    assert "forking.example/log: trees of 200 and 200 leaves contradict each other" in listed.out, listed.err
    assert "told by other.example/log" in listed.out
    written = command.run("peers", "evidence", LOG.origin, "--out", "fork.txt")
    assert (written.code, KEY in written.out) == (0, True), written.err
    verified = command.run("verify", "fork.txt", "--key", KEY)
    assert (verified.code, "Proven: forking.example/log" in verified.out) == (0, True), verified.err
    told = command.run("doctor")
    assert "forking.example/log has signed two trees" in " ".join(told.out.split())


def test_of_a_log_without_any_nothing_is_written(command: Command) -> None:
    answer = command.run("peers", "evidence", "honest.example/log", "--out", "none.txt")
    assert (answer.code, answer.out.strip()) == (1, "There is no evidence of a fork.")
    assert not (command.folder / "none.txt").exists()
    assert command.run("peers", "evidence", "--out", "none.txt").code == 2
