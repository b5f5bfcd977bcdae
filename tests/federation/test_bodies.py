"""What our log answers who asks for the body of each leaf, and what a reader makes of a body that is missing."""

import asyncio
from pathlib import Path
from typing import Final

import pytest

from directory.store.database import Database
from federation.errors import InvariantBroken, UnknownLeaf
from federation.own_log.bodies import BodyService
from federation.own_log.draining import drain
from federation.own_log.reader import LogService
from federation.protocol.body_answers import (
    BODY_GRACE_S,
    Body,
    Ended,
    Erased,
    LeafAnswer,
    Lost,
    Missing,
    NeverMapping,
    NotYet,
    judge_missing,
)
from federation.protocol.entry import MappingEntry, RevokeEntry, RevokeReason, parse_entry
from federation.protocol.statement import commitment
from federation.store.bodies import BodyStore
from federation.store.log import LogStore
from federation.tlog.tiles import Bundle
from tests.federation.log_harness import LogHarness
from tests.harness.clock import FakeClock

PATIENCE_S: Final = 30


@pytest.fixture
def harness(database: Database, tmp_path: Path, clock: FakeClock) -> LogHarness:
    return LogHarness(database, tmp_path / "data", clock)


async def ask(harness: LogHarness, number: int = 0, width: int = 256) -> list[LeafAnswer]:
    return await BodyService(BodyStore(harness.database), harness.clock).read(Bundle(number, width))


async def test_each_leaf_has_its_answer(harness: LogHarness) -> None:
    assert await ask(harness, width=2) == [NotYet(), NotYet()]
    await harness.add_pending(5)
    await harness.run()
    answers = await ask(harness, width=7)
    assert answers[0] == NeverMapping()
    assert answers[6] == NotYet()
    for entry, answer in zip((await harness.entries())[1:], answers[1:6], strict=True):
        assert isinstance(answer, Body)
        assert parse_entry(entry) == MappingEntry(commitment(answer.salt, answer.body))
    assert await ask(harness, number=1, width=1) == [NotYet()]


async def test_a_body_is_not_served_from_the_moment_of_its_withdrawal(harness: LogHarness) -> None:
    """A peer that asked between a withdrawal and its revoke was given what its member had just taken back."""
    await harness.add_pending(4)
    await harness.run()
    await harness.withdraw([2])
    async with harness.database.connection() as connection:
        await connection.execute("UPDATE mapping SET expires = $1 WHERE leaf = 3", harness.clock.now())
    await harness.withdraw([3])
    answers = await ask(harness, width=5)
    assert answers[2:4] == [Ended(RevokeReason.WITHDRAWN), Ended(RevokeReason.LAPSED)]
    assert {type(each) for each in (answers[1], answers[4])} == {Body}
    async with harness.database.connection() as connection:
        await harness.sequencer()._stage(connection)
    staged = await ask(harness, width=7)
    assert staged[:5] == answers, "what is staged is no revoke that a peer could find"
    assert staged[5:] == [NotYet(), NotYet()]
    await harness.run()
    after = await ask(harness, width=7)
    assert {after[2], after[3]} == {Erased(5), Erased(6)}
    assert after[5:] == [NeverMapping(), NeverMapping()]
    entries = await harness.entries()
    for leaf in (2, 3):
        gone = after[leaf]
        assert isinstance(gone, Erased)
        assert int.from_bytes(entries[gone.by][1:9], "big") == leaf
    await harness.check()


async def test_a_body_that_we_lost_is_not_called_erased(harness: LogHarness) -> None:
    """Otherwise damage here would pass for a withdrawal at every peer."""
    await harness.add_pending(2)
    await harness.run()
    async with harness.database.connection() as connection:
        await connection.execute("DELETE FROM log_statement WHERE leaf = 1")
    assert (await ask(harness, width=2))[1] == Lost()


async def test_who_withdraws_is_revoked_though_the_body_is_lost(harness: LogHarness) -> None:
    """Attack: whoever can write to the database deletes the salts and bodies of some people. Their withdrawals never came
    into the log, so that peers went on answering with them; and commands that wait for the log never ended."""
    await harness.add_pending(3)
    await harness.run()
    async with harness.database.connection() as connection:
        await connection.execute("DELETE FROM log_statement WHERE leaf = 2")
    await harness.withdraw([2])
    async with asyncio.timeout(PATIENCE_S):
        await drain(harness.database, harness.sequencer(), harness.clock, lambda waiting: None)
    revoke = parse_entry((await harness.entries())[4])
    assert revoke == RevokeEntry(2, RevokeReason.UNSPECIFIED)
    assert await harness.fetch("SELECT FROM mapping WHERE leaf = 2") == []
    await harness.check()


async def test_no_proof_is_made_of_what_was_withdrawn(harness: LogHarness) -> None:
    """Attack: a link that was made before the withdrawal, used while the log is in doubt and revokes nothing for days."""
    await harness.add_pending(2)
    await harness.run()
    service = LogService(LogStore(harness.database), harness.clock)
    kept, withdrawn = await service.create_proof_link(1), await service.create_proof_link(2)
    await harness.withdraw([2])
    with pytest.raises(UnknownLeaf):
        await service.redeem_proof_link(2, withdrawn)
    assert await service.redeem_proof_link(1, kept)


async def test_leaves_of_a_later_bundle(harness: LogHarness) -> None:
    await harness.add_pending(300)
    await harness.run()
    await harness.withdraw([260])
    await harness.run()
    assert (await ask(harness, 1, 46))[4] == Erased(301)
    assert len([each for each in await ask(harness) if isinstance(each, Body)]) == 255


def test_a_body_that_is_missing_has_its_time() -> None:
    assert judge_missing(None, None, 1_000) is Missing.ASK_AGAIN
    assert judge_missing(None, 1_000, 1_000 + BODY_GRACE_S - 1) is Missing.ASK_AGAIN
    assert judge_missing(9, 1_000, 1_000 + BODY_GRACE_S) is Missing.GONE
    with pytest.raises(InvariantBroken):
        judge_missing(None, 1_000, 1_000 + BODY_GRACE_S)


def test_nobody_is_accused_by_a_reader_that_was_away() -> None:
    """The checkpoint that the reader has is as old as before, however long it slept: the revoke may have come since."""
    assert judge_missing(None, 1_000, 1_000) is Missing.ASK_AGAIN
    assert judge_missing(None, 1_000, 500) is Missing.ASK_AGAIN
