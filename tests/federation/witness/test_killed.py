"""kill -9 of our witness at each point of an answer: another process never says anything that contradicts what may be out."""

from pathlib import Path

import pytest

from directory.origins import Standing
from directory.store.database import Database
from federation.keys.instance import KeyFolder
from federation.store.peer_evidence import list_forks
from federation.store.witnessed import fetch_witnessed
from federation.tlog.cosignature import CosignatureVerifier
from federation.tlog.note import parse_signatures
from tests.federation.witness.killing import (
    BEFORE_STORE,
    OTHER,
    REFUSED,
    STORED,
    UNANSWERED,
    run_witness,
)
from tests.harness.clock import FakeClock
from tests.harness.known_log import PeerLog, confirm_peer, standing_of

KILLED = -9


@pytest.fixture
def log() -> PeerLog:
    return PeerLog()


@pytest.fixture
def keys(tmp_path: Path) -> KeyFolder:
    folder = KeyFolder(tmp_path / "data")
    folder.make("own.example")
    return folder


def is_ours(keys: KeyFolder, log: PeerLog, size: int, answer: bytes) -> bool:
    (line,) = parse_signatures(answer)
    verifier = CosignatureVerifier(keys.read().witness.vkey)
    return verifier.is_valid(str(log.checkpoint(size)).encode(), line.payload)


@pytest.mark.parametrize("point", [BEFORE_STORE, STORED, UNANSWERED])
async def test_a_witness_that_is_killed_says_the_same_afterwards(  # noqa: PLR0917 - fixtures
    point: str, database: Database, dsn: str, keys: KeyFolder, log: PeerLog, clock: FakeClock
) -> None:
    """The log asks for a cosignature, the process is killed, and the log asks again: first for the same tree, then for another
    one of that size, as it would who has the first line from the wire."""
    data = keys.path.parent
    await confirm_peer(database, log)
    assert run_witness(dsn, data, clock.now(), log.request(0, 100))[0] == 0
    assert run_witness(dsn, data, clock.now(), log.request(100, 200), point) == (KILLED, b"")

    stored = 200 if point == UNANSWERED else 100
    async with database.connection() as connection:
        kept = await fetch_witnessed(connection, log.origin)
    assert kept is not None
    assert (kept.size, kept.root) == (stored, log.root(stored))

    clock.advance(seconds=1)
    told = run_witness(dsn, data, clock.now(), log.request(100, 200))
    if point == UNANSWERED:
        assert told == (0, OTHER + b"200")
        told = run_witness(dsn, data, clock.now(), log.request(200, 200))
    assert told[0] == 0
    assert is_ours(keys, log, 200, told[1])

    assert run_witness(dsn, data, clock.now(), log.request(200, 200, "other")) == (
        0,
        REFUSED + b"InvalidProof",
    )
    assert await standing_of(database, log.origin) is Standing.FROZEN
    async with database.connection() as connection:
        assert len(await list_forks(connection, log.origin)) == 1
        assert await fetch_witnessed(connection, log.origin) is not None
    assert run_witness(dsn, data, clock.now(), log.request(200, 200)) == (0, REFUSED + b"UnknownLog")


async def test_the_other_tree_is_refused_though_nobody_got_the_first_line(
    database: Database, dsn: str, keys: KeyFolder, log: PeerLog, clock: FakeClock
) -> None:
    """Attack: the log has its own witness's process killed, and shows another tree as if the first had never been asked for."""
    data = keys.path.parent
    await confirm_peer(database, log)
    assert run_witness(dsn, data, clock.now(), log.request(0, 200), UNANSWERED) == (KILLED, b"")
    for old in (0, 200):
        status, answer = run_witness(dsn, data, clock.now(), log.request(old, 200, "other"))
        assert status == 0
        assert answer.startswith(REFUSED)
    async with database.connection() as connection:
        kept = await fetch_witnessed(connection, log.origin)
    assert kept is not None
    assert kept.root == log.root(200)
