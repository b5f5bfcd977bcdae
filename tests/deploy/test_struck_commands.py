"""kill -9 before every write of the commands that change keys. After each, the operator has seen a recovery key with
which the log can be recovered."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from deploy.log_check import look_at_keys
from directory.store.database import Database
from federation.keys.documents import load_documents
from federation.keys.fingerprints import to_words
from federation.keys.instance import KeyFolder
from federation.keys.operations import Operations, fingerprint_recovery
from federation.own_log.sequencer import Sequencer
from federation.tlog.keys import PrivateKey
from tests.deploy.striking import KILLED, Program, Striking, Struck, running
from tests.harness.clock import FakeClock

LOCAL: Final = "localhost"
PUBLIC: Final = "one.peertest.dev"
MAX_POINTS: Final = 60
TABLES: Final = "log_state, log_tile, log_statement, log_operations, proof_link, instance_identity"


class Operator:
    """Somebody who keeps every recovery key that they have confirmed, or found in a file."""

    def __init__(self, database: Database, data: Path, striking: Striking) -> None:
        self.database = database
        self.keys = KeyFolder(data)
        self.striking = striking
        self.kept: dict[bytes, str] = {}

    def keep(self, *keys: str) -> None:
        for key in keys:
            self.kept[fingerprint_recovery(PrivateKey.parse(key).vkey.public_key)] = key

    def look_around(self) -> None:
        """Keeps the keys that wait in files."""
        self.keep(*(path.read_text().strip() for path in self.keys.list_recovery_keys()))

    async def publish(self, host: str, ahead: timedelta = timedelta()) -> None:
        """Publishes all that waits, as a running instance does."""
        sequencer = Sequencer(self.keys, f"{host}/log", FakeClock(datetime.now(UTC) + ahead))
        async with self.database.connection() as connection:
            await sequencer.check(connection)
            while await sequencer.run_once(connection):
                pass

    async def documents(self) -> list[Operations]:
        async with self.database.connection() as connection:
            return [document for document, _ in await load_documents(connection)]

    async def begin(self, host: str) -> None:
        """Begins a new log, whose recovery key is kept."""
        async with self.database.connection() as connection:
            await connection.execute(f"TRUNCATE {TABLES} CASCADE")
        for path in self.keys.path.parent.glob("keys*"):
            shutil.rmtree(path)
        recovery = self.keys.make(host)
        assert recovery is not None
        self.keep(recovery.reveal())
        await self.publish(host)

    async def holds_the_key(self) -> str:
        """Returns the key of the newest document. Fails where any document names one that was never seen."""
        documents = await self.documents()
        for document in documents:
            assert document.recovery in self.kept, f"document {document.number}"
        return self.kept[documents[-1].recovery]


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    with running() as started:
        yield started


@pytest.fixture
def operator(database: Database, dsn: str, tmp_path: Path, program: Program) -> Operator:
    data = tmp_path / "data"
    settings = {"data": str(data), "database_url": dsn, "public_url": f"https://{PUBLIC}"}
    return Operator(database, data, Striking(program, tmp_path, settings))


def recover(operator: Operator, key: str, at: int, *, in_terminal: bool) -> Struck:
    if in_terminal:
        return operator.striking.run_in_terminal("keys", "recover", key=key, at=at)
    return operator.striking.run("keys", "recover", typed=key, at=at)


@pytest.mark.parametrize("in_terminal", [False, True])
async def test_a_recovery_that_is_killed_at_any_write(operator: Operator, in_terminal: bool) -> None:
    """What happened: the document was stored, its key never shown, and nobody could ever recover the log again. Each
    next recovery starts with a key that was seen, after one that was published or still waits, and is killed one write
    later."""
    await operator.begin(PUBLIC)
    for at in range(MAX_POINTS):
        ended = recover(operator, await operator.holds_the_key(), at, in_terminal=in_terminal)
        operator.keep(*ended.confirmed)
        operator.look_around()
        assert not in_terminal or operator.keys.list_recovery_keys() == []
        if ended.status != KILLED:
            break
        await operator.holds_the_key()
        if at % 2:
            await operator.publish(PUBLIC)
    assert (ended.status, at > 15) == (0, True), ended.out
    await operator.holds_the_key()
    await operator.publish(PUBLIC)


async def test_who_does_not_confirm_has_changed_nothing(operator: Operator) -> None:
    await operator.begin(PUBLIC)
    before, key = await operator.documents(), await operator.holds_the_key()
    ended = operator.striking.run_in_terminal("keys", "recover", key=key, answer=False)
    assert ended.status == 130
    assert await operator.documents() == before
    assert len(operator.keys.read().logs) == 1
    assert operator.keys.list_recovery_keys() == []


async def test_a_rotation_that_is_killed_at_any_write(operator: Operator) -> None:
    """It announces and switches in turn; a document that waits is published by the instance."""
    await operator.begin(PUBLIC)
    for at in range(MAX_POINTS):
        ahead = timedelta(days=8 * (at + 1))
        ended = operator.striking.run("keys", "rotate", at=at, ahead_s=int(ahead.total_seconds()))
        assert ended.status in (KILLED, 0), ended.out
        await operator.publish(PUBLIC, ahead)
        key = await operator.holds_the_key()
        if ended.status != KILLED:
            break
    assert at > 10
    ahead_s = int(ahead.total_seconds())
    assert operator.striking.run("keys", "recover", typed=key, ahead_s=ahead_s).status == 0


@pytest.mark.parametrize("in_terminal", [False, True])
async def test_a_change_of_name_that_is_killed_at_any_write(operator: Operator, in_terminal: bool) -> None:
    """It is done again; where the former keys are away already, the next start makes keys."""
    run = operator.striking.run_in_terminal if in_terminal else operator.striking.run
    for at in range(MAX_POINTS):
        await operator.begin(LOCAL)
        ended = run("keys", "leave-localhost", at=at)
        operator.keep(*ended.confirmed)
        if ended.status == KILLED:
            is_left = not operator.keys.exists() or operator.keys.read().origin != f"{LOCAL}/log"
            again = run("keys", "make") if is_left else run("keys", "leave-localhost")
            assert again.status == 0, again.out
            operator.keep(*again.confirmed)
        operator.look_around()
        await operator.publish(PUBLIC)
        key = await operator.holds_the_key()
        if ended.status != KILLED:
            break
    assert (ended.status, at > 5) == (0, True), ended.out
    assert recover(operator, key, -1, in_terminal=in_terminal).status == 0


async def test_what_is_in_force_is_shown_and_not_what_the_files_say(operator: Operator) -> None:
    """What happened: after a recovery the former recovery fingerprint was shown, and a retired log key first.
    Operators compare these words."""
    await operator.begin(PUBLIC)
    (before,) = await operator.documents()
    assert recover(operator, await operator.holds_the_key(), -1, in_terminal=False).status == 0
    after = (await operator.documents())[-1]
    shown = operator.striking.run("keys").out
    first, rest = shown.split("Log key, retired", 1)
    assert first.startswith(f"Log key, in power\n  verify with  {after.log_key}\n")
    assert f"verify with  {before.log_key}" in rest
    assert f"fingerprint  {after.recovery.hex()}\n  in words     {to_words(after.recovery)}" in rest
    assert before.recovery.hex() not in shown
    assert f"{operator.keys.list_recovery_keys()[0]} holds the recovery key that is in force." in shown

    shutil.rmtree(operator.keys.path)
    without = operator.striking.run("keys")
    assert (without.status, "and its private key is not here" in without.out) == (0, True)
    async with operator.database.connection() as connection:
        seen = await look_at_keys(connection, datetime.now(UTC))
        early = await look_at_keys(connection, datetime.now(UTC) - timedelta(days=1))
    assert (seen.is_good, early.is_good) == (True, False)
    assert to_words(after.recovery) in seen.seen
    assert "passerelle keys recover" in early.mend
