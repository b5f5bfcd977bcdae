"""Read-only commands beside a damaged or missing key file: they do what they can, and say what to do."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from deploy.embedded import open_database
from deploy.ports import free_port
from deploy.wiring.log import build_sequencer
from directory.clock import SystemClock
from directory.settings import Settings
from directory.store.database import Database
from federation.own_log.draining import drain
from federation.own_log.reader import LogService
from federation.store.log import LogStore
from tests.deploy.pending import add_pending
from tests.harness.command import Command
from tests.harness.forking import Forks
from tests.harness.postgres import FAST_SETTINGS

PUBLIC_URL = "HTTPS://Find.Example:443/"
ORIGIN = "find.example/log"
PUT_BACK = "Put it back from the backup of the folder of keys"
BY_DOCUMENTS = "The signatures were checked with the keys that the log's own documents name"


@pytest.fixture(scope="module")
def data(folder: Path) -> Path:
    return folder / "data"


@pytest.fixture(scope="module")
def dsn(data: Path) -> Iterator[str]:
    with open_database(data, FAST_SETTINGS) as database:
        yield database.dsn


@pytest.fixture(scope="module")
def command(folder: Path, data: Path, dsn: str) -> Command:
    made = Forks(folder, {"data": str(data), "port": str(free_port()), "public_url": PUBLIC_URL})
    assert made.run("keys", "make").code == 0
    add_pending(dsn, ORIGIN, 5)
    proof = asyncio.run(_publish(Settings(data=data, public_url=PUBLIC_URL), dsn))
    (folder / "one.tlog-proof").write_bytes(proof)
    return made


async def _publish(settings: Settings, dsn: str) -> bytes:
    """Publishes what is pending. Returns a proof of one leaf."""
    database, clock = await Database.connect(dsn, max_connections=2), SystemClock()
    try:
        await drain(database, build_sequencer(settings), clock, lambda waiting: None)
        return await LogService(LogStore(database), clock).make_proof(3)
    finally:
        await database.close()


@pytest.fixture
def log_key(command: Command, data: Path) -> Iterator[Path]:
    path = data / "keys" / "log.key"
    kept = path.read_bytes()
    yield path
    path.write_bytes(kept)
    path.chmod(0o600)


def test_the_log_is_named_after_the_host_alone(command: Command) -> None:
    """Attack by slip: `HTTPS://Find.Example:443/` began a log `Find.Example:443/log` for ever."""
    shown = command.run("keys").out
    assert f"{ORIGIN}+" in shown
    assert "find.example/witness+" in shown
    checked = command.run("fsck")
    assert (checked.code, checked.out) == (0, f"All is well: 6 leaves of {ORIGIN} lead to the signed root.\n")
    assert checked.err == "", "an empty line is a mail of cron each night"


@pytest.mark.parametrize("content", [b"garbage\n", b"", None], ids=["garbage", "empty", "missing"])
def test_fsck_checks_the_log_beside_a_damaged_key(
    command: Command, log_key: Path, content: bytes | None
) -> None:
    """Just when a disk has damaged a key, the operator must learn whether the log is whole. It was refused, with
    "nothing was signed", as if it signed something."""
    log_key.unlink() if content is None else log_key.write_bytes(content)
    checked = command.run("fsck")
    said = checked.out + checked.err
    assert checked.code == 1
    assert str(log_key) in said
    assert BY_DOCUMENTS in said
    assert f"The log itself is in order: 6 leaves of {ORIGIN}." in said
    assert ("Bring the folder of keys back" if content is None else PUT_BACK) in said
    assert "nothing was signed" not in said.lower()
    assert "Traceback" not in said


def test_fsck_finds_a_damaged_log_beside_a_damaged_key(command: Command, dsn: str, log_key: Path) -> None:
    log_key.write_bytes(b"garbage\n")

    async def change(sql: str) -> None:
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    flip = "UPDATE log_tile SET data = set_byte(data, 70, get_byte(data, 70) # 1) WHERE length(data) = 210"
    asyncio.run(change(flip))
    checked = command.run("fsck")
    asyncio.run(change(flip))
    assert checked.code == 1
    assert "things are wrong in 6 leaves" in checked.out
    assert "nothing was signed" not in (checked.out + checked.err).lower()


def test_fsck_needs_no_other_key(command: Command, data: Path) -> None:
    peer = data / "keys" / "peer.key"
    kept = peer.read_bytes()
    peer.write_bytes(b"garbage\n")
    checked = command.run("fsck")
    peer.write_bytes(kept)
    assert checked.code == 0, checked.out


def test_fsck_under_another_name_is_one_sentence(command: Command) -> None:
    refused = command.run("fsck", public_url="https://other.example")
    assert refused.code == 1
    assert refused.sentence == (
        f"passerelle: the keys are those of {ORIGIN}, and this instance is other.example/log."
    )


def test_a_damaged_mark_is_told_with_what_to_do(command: Command, data: Path) -> None:
    mark = data / "keys" / "signed.checkpoint"
    kept = mark.read_bytes()
    mark.write_bytes(b"garbage\n")
    checked = command.run("fsck")
    mark.write_bytes(kept)
    assert checked.code == 1
    assert f"{mark} cannot be read" in checked.out
    assert "docs/operations.md" in checked.out
    assert "nothing was signed" not in (checked.out + checked.err).lower()


def test_keys_doctor_and_verify_name_a_damaged_key(command: Command, folder: Path, log_key: Path) -> None:
    """The sentence about a damaged key told nothing to do, or what would be refused: a recovery beside it."""
    proof = str(folder / "one.tlog-proof")
    assert command.run("verify", proof).code == 0
    log_key.write_bytes(b"garbage\n")
    shown = command.run("keys")
    assert shown.code == 1
    assert f"{log_key} holds no key" in shown.sentence
    assert PUT_BACK in shown.sentence
    looked = " ".join(command.run("doctor").out.split())
    assert "✗ Signed log" in looked
    assert "Put it back from the backup" in looked
    unverified = command.run("verify", proof)
    assert unverified.code == 2
    assert f"Those of this machine cannot be read: the key file {log_key} holds no key" in unverified.err
    assert "https://find.example/.well-known/passerelle" in unverified.err
