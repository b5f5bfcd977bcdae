"""The mark of what was signed is lost: nothing is signed until the operator has confirmed what was."""

from pathlib import Path

import pytest

from directory.store.database import Database
from federation.errors import LogRefused
from federation.keys.instance import MARK_FILE
from federation.own_log.confirming import MarkIsThere, confirm, find_confirmable
from federation.own_log.high_water import MissingMark, SignedMark
from federation.protocol.log_state import read_own_checkpoint
from tests.federation.log_harness import LogHarness
from tests.harness.clock import FakeClock


@pytest.fixture
def harness(database: Database, tmp_path: Path, clock: FakeClock) -> LogHarness:
    return LogHarness(database, tmp_path / "data", clock)


def lose_mark(harness: LogHarness) -> None:
    (harness.keys.path / MARK_FILE).unlink()


async def confirm_size(harness: LogHarness, size: int) -> None:
    async with harness.database.connection() as connection:
        await confirm(connection, harness.keys, await find_confirmable(connection, harness.keys, size))


async def test_nothing_is_signed_without_the_mark(harness: LogHarness) -> None:
    """Attack by accident: an older database and the keys were restored, and the mark was not, as it should not be.
    Its absence counted as consent: the log went on from the older tree, and forked."""
    await harness.add_pending(5)
    await harness.run()
    signed = (await harness.state()).signed
    await harness.add_pending(5)
    lose_mark(harness)
    with pytest.raises(MissingMark, match="holds 6 leaves") as refused:
        await harness.run()
    assert "passerelle recover --confirm SIZE" in refused.value.mend
    async with harness.database.connection() as connection:
        with pytest.raises(MissingMark):
            await harness.sequencer().check(connection)
    assert (await harness.state()).signed == signed


async def test_what_is_staged_is_not_signed_without_the_mark(harness: LogHarness) -> None:
    """The mark is lost between the two steps of a batch."""
    await harness.run()
    await harness.add_pending(3)
    sequencer = harness.sequencer()
    async with harness.database.connection() as connection:
        await sequencer._stage(connection)
        lose_mark(harness)
        with pytest.raises(MissingMark):
            await sequencer.run_once(connection)
    assert (await harness.state()).signed_size == 1
    await confirm_size(harness, 1)
    await harness.run()
    await harness.check()


async def test_an_empty_database_is_not_begun_without_the_mark(harness: LogHarness) -> None:
    """The keys of a log that others know, over a database that was made anew: the log would begin a second time."""
    await harness.run()
    async with harness.database.connection() as connection:
        await connection.execute("TRUNCATE log_state, log_tile, log_statement, log_operations")
    lose_mark(harness)
    with pytest.raises(MissingMark, match="holds 0 leaves"):
        await harness.run()
    async with harness.database.connection() as connection:
        with pytest.raises(MissingMark):
            await harness.sequencer().check(connection)


async def test_the_operator_confirms_a_size(harness: LogHarness) -> None:
    await harness.add_pending(5)
    await harness.run()
    lose_mark(harness)
    await confirm_size(harness, 6)
    await harness.add_pending(2)
    assert await harness.run() == 2
    await harness.check()
    await harness.check_history()


async def test_a_log_that_never_signed_is_confirmed_as_empty(harness: LogHarness) -> None:
    """The keys of an instance were moved before its first batch, and the mark was left behind."""
    lose_mark(harness)
    await confirm_size(harness, 0)
    await harness.add_pending(1)
    assert await harness.run() == 2
    await harness.check()


@pytest.mark.parametrize("size", [0, 5, 7])
async def test_only_what_the_database_holds_is_confirmed(harness: LogHarness, size: int) -> None:
    await harness.add_pending(5)
    await harness.run()
    lose_mark(harness)
    with pytest.raises(LogRefused, match=f"holds 6 leaves as signed, and not {size}"):
        await confirm_size(harness, size)
    assert SignedMark(harness.keys.path).read() is None


async def test_a_mark_is_never_overruled(harness: LogHarness) -> None:
    """A database from a backup, whose operator confirms what it holds: the mark knows better."""
    await harness.add_pending(5)
    await harness.run()
    mark = harness.keys.path / MARK_FILE
    mark.write_text(mark.read_text().replace("\n6\n", "\n7\n"))
    with pytest.raises(MarkIsThere):
        await confirm_size(harness, 6)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE log_state SET signed = 'x'",
        "UPDATE log_tile SET data = sha256('x') || substr(data, 33) WHERE place >= 281474976710656",
        "UPDATE log_state SET staged_root = sha256('x')",
    ],
)
async def test_a_damaged_database_is_not_confirmed(harness: LogHarness, damage: str) -> None:
    await harness.add_pending(5)
    await harness.run()
    lose_mark(harness)
    async with harness.database.connection() as connection:
        await connection.execute(damage)
    with pytest.raises(LogRefused):
        await confirm_size(harness, 6)
    assert SignedMark(harness.keys.path).read() is None


async def test_what_changed_while_the_operator_was_asked_is_not_confirmed(
    harness: LogHarness, tmp_path: Path
) -> None:
    """Another machine with a mark of its own goes on with the log meanwhile."""
    await harness.add_pending(5)
    await harness.run()
    mark = harness.keys.path / MARK_FILE
    away = mark.rename(tmp_path / "away")
    async with harness.database.connection() as connection:
        found = await find_confirmable(connection, harness.keys, 6)
        away.rename(mark)
        await harness.add_pending(1)
        await harness.run()
        mark.unlink()
        with pytest.raises(LogRefused, match="holds 7 leaves"):
            await confirm(connection, harness.keys, found)
    assert read_own_checkpoint((await harness.state()).signed or b"").size == 7
