"""One flipped bit in any column of the log's tables, or of what answers, is found, and where it is."""
# ruff: noqa: S608 - the names of tables and columns are those below

import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from directory.store.database import Connection, Database
from federation.fsck.findings import Fault
from federation.fsck.run import FsckReport, check_database_log
from federation.keys.rotate import KeyRotation
from federation.own_log.sequencer import Sequencer
from federation.protocol.log_state import LogState
from federation.protocol.tile_places import name_of, places_beyond
from federation.store.log_scan import QuietLeaves, fetch_quiet_leaves
from tests.federation.log_harness import ORIGIN, LogHarness
from tests.harness.clock import FakeClock

BITS_OF_EACH = 5
PEOPLE = 300


@pytest.fixture
async def harness(database: Database, tmp_path: Path, clock: FakeClock) -> LogHarness:
    """Makes a log of people, one of them withdrawn, an announced key, and a pending document that switches to it."""
    made = LogHarness(database, tmp_path / "data", clock)
    rotation = KeyRotation(database, made.keys, clock)
    await made.add_pending(PEOPLE)
    await made.run()
    await made.withdraw([20])
    clock.advance(hours=1)
    await rotation.rotate()
    await made.run()
    clock.advance(days=7)
    await rotation.rotate()
    await made.check()
    return made


class OnlyStages(Sequencer):
    """A sequencer that crashes before it signs what it has staged."""

    async def _sign(self, connection: Connection, state: LogState) -> None:
        """Does nothing."""

    async def _publish(self, connection: Connection) -> None:
        """Does nothing."""


class OnlySigns(Sequencer):
    """A sequencer that crashes before it publishes what it has signed."""

    async def _publish(self, connection: Connection) -> None:
        """Does nothing."""


async def go_on(harness: LogHarness, steps: type[Sequencer]) -> None:
    """Withdraws one more and adds three more people, as far as these steps go."""
    await harness.withdraw([30])
    await harness.add_pending(3)
    async with harness.database.connection() as connection:
        await steps(harness.keys, ORIGIN, harness.clock).run_once(connection)


async def check(harness: LogHarness) -> FsckReport:
    keys = [key.vkey for key in harness.keys.read().logs]
    return await check_database_log(harness.database, checkpoint_keys=keys, first_key=keys[0])


@dataclass(frozen=True)
class Column:
    """A column of one row, and what is reported where a bit of it flips."""

    table: str
    name: str
    row: str
    told: str
    bits: tuple[int, ...] = ()
    """The bits of a number to flip, from the lowest; where empty, some are drawn."""

    def __str__(self) -> str:
        return f"{self.table}.{self.name} {self.row}"


AT_REST = [
    Column("log_state", "origin", "id = 1", "`origin`"),
    Column("log_state", "staged_size", "id = 1", "`staged_size`", (0, 3, 8, 40, 62)),
    Column("log_state", "staged_root", "id = 1", "`staged_root`"),
    Column("log_state", "signed", "id = 1", "`signed`"),
    Column("log_state", "published", "id = 1", "`published`"),
    Column("log_state", "published_size", "id = 1", "`published_size`", (0, 3, 8, 40, 62)),
    Column("log_state", "ingested_size", "id = 1", "`ingested_size`", (4, 40, 62, 63)),
    Column("log_tile", "place", "place = 1", "tile/entries/001"),
    Column("log_tile", "place", "place = 1::bigint << 48", "tile/0/000"),
    Column("log_tile", "data", "place = 0", "tile/entries/000 byte"),
    Column("log_tile", "data", "place = 1", "tile/entries/001.p/47 byte"),
    Column("log_tile", "data", "place = 1::bigint << 48", "tile/0/000 byte"),
    Column("log_tile", "data", "place = (1::bigint << 48) + 1", "tile/0/001.p/47 byte"),
    Column("log_tile", "data", "place = 2::bigint << 48", "tile/1/000.p/1 byte"),
    Column("log_statement", "leaf", "leaf = 7", "leaf 7: no body and no revoke", (9, 30, 62, 63)),
    Column("log_statement", "salt", "leaf = 7", "leaf 7: body does not match"),
    Column("log_statement", "body", "leaf = 290", "leaf 290: body does not match"),
    Column("log_revoke", "target", "target = 20", "the rows that tell of revokes", (0, 4, 9, 40, 63)),
    Column("log_revoke", "leaf", "target = 20", "the rows that tell of revokes", (0, 3, 8, 40, 63)),
    Column("log_operations", "number", "number = 1", "leaf 30[12]: an operations document does not belong", (3,)),
    Column("log_operations", "note", "number = 0", "leaf 0: the operations document"),
    Column("log_operations", "note", "number = 1", "leaf 30[12]: the operations document"),
    Column("log_operations", "note", "number = 2", "the operations document"),
    Column("log_operations", "leaf", "number = 0", "leaf 0: the operations document is missing", (4, 62, 63)),
]  # fmt: skip
STAGED = [
    Column("log_state", "staged_size", "id = 1", "`staged_size`", (0, 1, 2, 3, 8, 40, 62)),
    Column("log_state", "staged_root", "id = 1", "signed root"),
    Column("log_statement", "revoked_by", "leaf = 30", "leaf 30: marked as revoked", (0, 1, 4, 8, 40, 62)),
    Column("log_statement", "ended", "leaf = 7", "leaf 7: marked as revoked", (3, 4, 8, 14)),
]
ANSWER = [
    "x_id", "x_handle", "x_handle_key", "network", "target_id", "target_handle", "target_handle_key", "strength",
    "leaf", "issued", "expires",
]  # fmt: skip
NOTHING_TELLS = {("log_state", "id"), ("log_state", "staged_at"), ("log_state", "issued_at")}
"""Columns whose damage cannot be found: the number of the only row, and when it was written."""
BESIDE = {"log_doubt", "log_cosignature", "log_known", "log_recovery"}
"""Tables that are no part of the log: why it waits; cosignatures, which are verified whenever they are shown, and made
again within ten minutes; what peers hold of it, which is signed; and how far it is brought back."""


def flip(value: Any, bit: int) -> Any:
    """Returns the value with one bit flipped, counted from the lowest where it is a number."""
    if isinstance(value, int):
        return int.from_bytes((value ^ 1 << bit).to_bytes(9, "big", signed=True)[-8:], "big", signed=True)
    data = bytearray(value.encode() if isinstance(value, str) else value)
    data[bit // 8] ^= 1 << bit % 8
    return data.decode() if isinstance(value, str) else bytes(data)


def bits_of(column: Column, value: Any) -> list[int]:
    draw = random.Random(str(column))  # noqa: S311 - the same each time
    if isinstance(value, int):
        return list(column.bits) or [draw.randrange(48) for _ in range(BITS_OF_EACH)]
    count = len(value) * 8
    drawn = [0, count - 2, *(draw.randrange(count) for _ in range(BITS_OF_EACH))]
    # A text stays one: its letters change within ASCII.
    return [bit // 8 * 8 + bit % 3 for bit in drawn] if isinstance(value, str) else drawn


async def look(harness: LogHarness, column: Column, bit: int) -> FsckReport:
    """Checks with this bit flipped, and flips it back. Returns what was found."""
    where = f"FROM {column.table} WHERE {column.row}"
    async with harness.database.connection() as connection:
        place = await connection.fetchval(f"SELECT ctid {where}")
        value = await connection.fetchval(f"SELECT {column.name} {where}")
        update = f"UPDATE {column.table} SET {column.name} = $1 WHERE ctid = $2 RETURNING ctid"
        place = await connection.fetchval(update, flip(value, bit), place)
    try:
        return await check(harness)
    finally:
        async with harness.database.connection() as connection:
            await connection.execute(update, value, place)


async def find(harness: LogHarness, columns: list[Column]) -> None:
    for column in columns:
        async with harness.database.connection() as connection:
            value = await connection.fetchval(f"SELECT {column.name} FROM {column.table} WHERE {column.row}")
        for bit in bits_of(column, value):
            report = await look(harness, column, bit)
            told = " | ".join(map(str, report.findings))
            assert re.search(column.told, told), f"{column}, bit {bit}: {told}"
            assert len(report.findings) <= 4, f"{column}, bit {bit}: {told}"
    await harness.check()


async def test_a_bit_of_any_column_at_rest(harness: LogHarness) -> None:
    await find(harness, AT_REST)


@pytest.mark.parametrize("steps", [OnlyStages, OnlySigns])
async def test_a_bit_of_any_column_between_writing_and_publishing(
    harness: LogHarness, steps: type[Sequencer]
) -> None:
    """After a crash, what is staged is not to be signed on trust, and what it revokes is still there."""
    await go_on(harness, steps)
    async with harness.database.connection() as connection:
        await connection.execute("UPDATE log_statement SET ended = 2 WHERE leaf = 7")
    await harness.check()
    signed = [Column("log_state", "signed", "id = 1", "`signed`")]
    staged = STAGED if steps is OnlyStages else [*signed, *STAGED[2:]]
    await find(harness, staged + [each for each in AT_REST if each.name in {"published", "published_size"}])
    await harness.run()
    await harness.check()


async def test_a_bit_of_what_answers(harness: LogHarness) -> None:
    """Who can write to the table of answers changes whom people follow, and touches nothing of the log."""
    async with harness.database.connection() as connection:
        row = await connection.fetchval("SELECT id FROM mapping WHERE leaf = 9")
    for name in ANSWER:
        async with harness.database.connection() as connection:
            before = await connection.fetchval(f"SELECT {name} FROM mapping WHERE id = {row}")
        # To the number of an unused leaf: two rows cannot have the same.
        changes = [before ^ 512, before ^ 1 << 40] if name == "leaf" else changes_of(before)
        for change in changes:
            async with harness.database.connection() as connection:
                await connection.execute(f"UPDATE mapping SET {name} = $1 WHERE id = {row}", change)
            report = await check(harness)
            assert report.unsaid_answers == (row,), (name, change)
        async with harness.database.connection() as connection:
            await connection.execute(f"UPDATE mapping SET {name} = $1 WHERE id = {row}", before)
    await harness.check()


async def test_a_contest_that_the_log_says_cannot_be_lifted_in_the_answers(harness: LogHarness) -> None:
    """Who can write to the table of answers has a contested mapping followed unseen. To mark one that the log does not
    call contested yet says less, and is what happens at once where somebody else proves the account."""
    mark = "UPDATE mapping SET is_contested = %s WHERE leaf = %d"
    async with harness.database.connection() as connection:
        await connection.execute(mark % ("true", 9))
    await harness.check()
    (said,) = await harness.add_pending(1)
    async with harness.database.connection() as connection:
        await connection.execute("UPDATE mapping SET is_contested = true WHERE leaf IS NULL")
        await harness.run()
        row, leaf, is_contested = await connection.fetchrow(
            "SELECT id, leaf, is_contested FROM mapping ORDER BY leaf DESC LIMIT 1"
        ) or (0, 0, False)
        assert is_contested, said
        await harness.check()
        await connection.execute(mark % ("false", leaf))
        assert (await check(harness)).unsaid_answers == (row,)
        await connection.execute(mark % ("true", leaf))
    await harness.check()


def changes_of(value: Any) -> list[Any]:
    if isinstance(value, int):
        return [value ^ 1, value ^ 2, value ^ 8, *([None] if value > 100 else [])]
    if isinstance(value, str):
        return [flip(value, 0), flip(value, len(value) * 8 - 7)]
    return [value.replace(second=value.second ^ 1)]


async def test_every_column_is_looked_at(database: Database) -> None:
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_name LIKE 'log\\_%' AND table_schema = 'public'"
        )
    tried = {(each.table, each.name) for each in AT_REST + STAGED}
    found = {(table, column) for table, column in rows if table not in BESIDE}
    assert found == tried | NOTHING_TELLS


async def test_ingested_too_small_mends_itself(harness: LogHarness) -> None:
    async with harness.database.connection() as connection:
        await connection.execute("UPDATE log_state SET ingested_size = ingested_size - 256")
    await harness.run()
    assert (await harness.state()).is_published
    await harness.check()


async def test_a_revoke_that_is_not_known_any_more_is_told(harness: LogHarness) -> None:
    """A peer that asks for an erased body would be told that it was lost."""
    async with harness.database.connection() as connection:
        await connection.execute("DELETE FROM log_revoke")
    assert [each.fault for each in (await check(harness)).findings] == [Fault.REVOKE_ROW]


@pytest.mark.parametrize("table", ["log_tile", "log_statement", "log_revoke", "log_operations"])
async def test_a_row_too_many_is_told(harness: LogHarness, table: str) -> None:
    rows = {
        "log_tile": "(5, 'stray')",
        "log_statement": "(100000, 'salt', 'body')",
        "log_revoke": "(100000, 100001)",
        "log_operations": "(9, 'note', 33)",
    }
    async with harness.database.connection() as connection:
        await connection.execute(f"INSERT INTO {table} VALUES {rows[table]}")
    expected = {
        "log_tile": (Fault.STRAY_TILE, "tile/entries/005"),
        "log_statement": (Fault.STRAY_ROW, "leaf 100000"),
        "log_revoke": (Fault.REVOKE_ROW, "leaf 100000"),
        "log_operations": (Fault.OPERATIONS_STRAY, "leaf 33"),
    }
    [finding] = (await check(harness)).findings
    fault, where = expected[table]
    assert finding.fault is fault
    assert where in str(finding)


def test_where_a_log_has_nothing() -> None:
    beyond = places_beyond(70_000)
    assert [name_of(first) for first, _ in beyond[1:4]] == ["tile/entries/274", "tile/0/274", "tile/1/002"]
    assert name_of(beyond[-1][0]) == "nothing that a log can have"
    assert places_beyond(0)[:2] == [(-(2**63), -1), (0, 2**48 - 1)]


SET_ASIDE = [
    "DELETE FROM mapping WHERE leaf > 100 AND leaf <= 150",
    "UPDATE mapping SET state = 0 WHERE leaf > 100 AND leaf <= 150",
    "UPDATE mapping SET state = 2 WHERE leaf > 100 AND leaf <= 150",
    "UPDATE mapping SET leaf = NULL WHERE leaf > 100 AND leaf <= 150",
    "UPDATE mapping SET leaf = leaf + 100000 WHERE leaf > 100 AND leaf <= 150",
    "WITH o AS (INSERT INTO origin (name) VALUES ('other.example/log') RETURNING id)"
    " UPDATE mapping SET origin = (SELECT id FROM o) WHERE leaf > 100 AND leaf <= 150",
]


@pytest.mark.parametrize("change", SET_ASIDE)
async def test_what_the_log_says_and_nothing_answers_is_told(harness: LogHarness, change: str) -> None:
    """Somebody takes 50 people out of the answers, and leaves the log as it is: every hash is right."""
    async with harness.database.connection() as connection:
        assert await connection.execute(change) in {"UPDATE 50", "DELETE 50"}
    report = await check(harness)
    assert report.silent_leaves == tuple(range(101, 151))
    assert "leaf 101: it holds, and nothing answers for it: its mapping is gone, or was set aside" in (
        report.sentences
    )


@pytest.mark.parametrize("change", ["standing = 2", "standing = 3", "heard_at = '2020-01-01T00:00:00Z'"])
async def test_a_log_of_ours_that_is_set_not_to_answer_is_told(harness: LogHarness, change: str) -> None:
    """One row sets aside all that we ever said."""
    async with harness.database.connection() as connection:
        await connection.execute(f"UPDATE origin SET {change} WHERE name = '{ORIGIN}'")
    assert [each.fault for each in (await check(harness)).findings] == [Fault.WRONG_STATE]


async def test_a_name_that_ends_before_its_mapping_is_told(harness: LogHarness) -> None:
    """Somebody ends the names of people whose X account was seen in a post: they are found by id alone."""
    async with harness.database.connection() as connection:
        await connection.execute("UPDATE mapping SET name_until = issued WHERE leaf = 7")
        row = await connection.fetchval("SELECT id FROM mapping WHERE leaf = 7")
    assert (await check(harness)).unsaid_answers == (row,)


async def quiet(harness: LogHarness) -> QuietLeaves:
    async with harness.database.connection() as connection:
        return await fetch_quiet_leaves(connection, ORIGIN, harness.clock.now())


async def test_who_does_not_answer_for_a_reason_is_counted(harness: LogHarness, clock: FakeClock) -> None:
    await harness.withdraw([30, 31])
    async with harness.database.connection() as connection:
        await connection.execute(
            "INSERT INTO hide (id, origin, network, x_id, x_handle, x_handle_key, reason, hidden_by, hidden_at)"
            " SELECT gen_random_uuid(), origin, network, x_id, x_handle, x_handle_key, 'rules', 'x', now()"
            " FROM mapping WHERE leaf BETWEEN 40 AND 43"
        )
    await harness.check()
    assert await quiet(harness) == QuietLeaves(ending=2, expired=0, ahead=0, hidden=4)
    clock.advance(days=400)
    await harness.check()
    assert await quiet(harness) == QuietLeaves(ending=2, expired=PEOPLE - 3, ahead=0, hidden=4)
    clock.advance(days=-800)
    await harness.check()
    assert await quiet(harness) == QuietLeaves(ending=2, expired=0, ahead=PEOPLE - 3, hidden=4)
