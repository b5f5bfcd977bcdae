"""The table of a mapping's moves, and each function that makes one held against it."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from directory.mapping_life import MOVES, MappingState, Move, Step, check_moves, sources, target
from directory.mappings import Mapping
from directory.store.database import Connection, Database
from directory.store.mapping_rows import (
    ensure_origin,
    let_go_mappings,
    say_mappings_anew,
    store_lost,
    store_pending,
    take_back_leaves,
    take_in_mappings,
    withdraw_mappings,
)
from tests.harness.clock import START
from tests.harness.mappings import ORIGIN, OTHER_ORIGIN, bluesky
from tests.harness.stored import StoredMappings

CODE: Final = Path(__file__).parents[2]
LEAF: Final = 7
SAID: Final = bluesky("jack", 12)
Act = Callable[[Connection, int], Awaitable[object]]


async def _store(connection: Connection, _: int) -> None:
    await store_pending(connection, SAID)


async def _take_in(connection: Connection, _: int) -> None:
    await take_in_mappings(connection, await ensure_origin(connection, ORIGIN), [(LEAF, SAID)])


async def _withdraw(connection: Connection, row: int) -> None:
    await withdraw_mappings(connection, [row])


async def _let_go(connection: Connection, _: int) -> None:
    await let_go_mappings(connection, await ensure_origin(connection, ORIGIN), [LEAF])


async def _say_anew(connection: Connection, _: int) -> None:
    before = await ensure_origin(connection, ORIGIN)
    await say_mappings_anew(connection, before, await ensure_origin(connection, OTHER_ORIGIN))


ACTS: Final[dict[Move, Act]] = {
    Move.TAKE_IN: _take_in,
    Move.WITHDRAW: _withdraw,
    Move.LET_GO: _let_go,
    Move.SAY_ANEW: _say_anew,
}


async def state_of(database: Database, row: int) -> MappingState | None:
    async with database.connection() as connection:
        state = await connection.fetchval("SELECT state FROM mapping WHERE id = $1", row)
    return MappingState(state) if state is not None else None


async def put(mapping_store: StoredMappings, state: MappingState, *, leaf: int | None) -> int:
    """A row in a state, with or without a leaf; its number."""
    await mapping_store.add([SAID], state)
    async with mapping_store.database.connection() as connection:
        row = int(await connection.fetchval("SELECT id FROM mapping"))
        if leaf is not None:
            await connection.execute("UPDATE mapping SET leaf = $2 WHERE id = $1", row, leaf)
    return row


@pytest.mark.parametrize("state", MappingState)
@pytest.mark.parametrize("move", list(ACTS))
async def test_each_move_does_what_the_table_says(
    mapping_store: StoredMappings, database: Database, move: Move, state: MappingState
) -> None:
    """From a state that the table names it goes where the table says; from any other nothing changes, but that a
    log put away forgets what was withdrawn."""
    row = await put(mapping_store, state, leaf=LEAF)
    async with database.transaction() as connection:
        await ACTS[move](connection, row)
    allowed = dict(MOVES[move])
    if move is Move.SAY_ANEW and state is MappingState.WITHDRAWN:
        assert await state_of(database, row) is None
    else:
        assert await state_of(database, row) is allowed.get(state, state)


@pytest.mark.parametrize("state", MappingState)
async def test_what_no_log_has_said_is_discarded(
    mapping_store: StoredMappings, database: Database, state: MappingState
) -> None:
    row = await put(mapping_store, state, leaf=None)
    async with database.transaction() as connection:
        await withdraw_mappings(connection, [row])
    assert await state_of(database, row) is None
    assert sources(Move.DISCARD) == (MappingState.WITHDRAWN,)


async def _lose(connection: Connection, _: int) -> None:
    await store_lost(connection, await ensure_origin(connection, ORIGIN), [LEAF], START)


@pytest.mark.parametrize(
    ("act", "begins"),
    [(_store, MappingState.PENDING), (_take_in, MappingState.ACTIVE), (_lose, MappingState.WITHDRAWN)],
)
async def test_a_mapping_begins_in_one_of_three_ways(
    database: Database, act: Act, begins: MappingState
) -> None:
    async with database.transaction() as connection:
        await act(connection, 0)
        (row,) = await connection.fetch("SELECT id FROM mapping")
    assert await state_of(database, row["id"]) is begins
    assert {after for steps in MOVES.values() for before, after in steps if before is None} == {
        MappingState.PENDING,
        MappingState.ACTIVE,
        MappingState.WITHDRAWN,
    }


@pytest.mark.parametrize("state", MappingState)
async def test_what_has_a_row_is_not_lost(
    mapping_store: StoredMappings, database: Database, state: MappingState
) -> None:
    """A leaf whose mapping is there keeps it, whoever calls it lost."""
    row = await put(mapping_store, state, leaf=LEAF)
    async with database.transaction() as connection:
        await _lose(connection, row)
    assert await state_of(database, row) is state


@pytest.mark.parametrize("state", MappingState)
async def test_a_leaf_that_was_never_signed_is_taken_back(
    mapping_store: StoredMappings, database: Database, state: MappingState
) -> None:
    """No state changes but that of a withdrawn row, which no log has said: it would revoke what somebody else says there."""
    row = await put(mapping_store, state, leaf=LEAF)
    async with database.transaction() as connection:
        number = await ensure_origin(connection, ORIGIN)
        await take_back_leaves(connection, number, LEAF, [LEAF])
        await take_back_leaves(connection, number, LEAF + 1, [])
    assert await state_of(database, row) is state
    async with database.transaction() as connection:
        await take_back_leaves(connection, number, LEAF, [])
        leaf = await connection.fetchval("SELECT leaf FROM mapping WHERE id = $1", row)
    assert await state_of(database, row) is (None if state is MappingState.WITHDRAWN else state)
    assert leaf == (LEAF if state is MappingState.ACTIVE else None)


async def test_a_withdrawn_row_tells_nothing_but_its_leaf(
    mapping_store: StoredMappings, database: Database
) -> None:
    row = await put(mapping_store, MappingState.ACTIVE, leaf=LEAF)
    async with database.transaction() as connection:
        await withdraw_mappings(connection, [row])
        kept = dict(await connection.fetchrow("SELECT * FROM mapping") or {})
    assert kept["leaf"] == LEAF
    assert {kept[name] for name in ("x_handle", "x_handle_key", "target_id", "target_handle")} == {""}
    assert (kept["x_id"], kept["evidence"]) == (None, "[]")


async def test_what_is_taken_in_is_what_the_body_says(
    mapping_store: StoredMappings, database: Database
) -> None:
    """The row that a click has left counts for nothing: a flipped one would answer otherwise than the log says."""
    await put(mapping_store, MappingState.PENDING, leaf=LEAF)
    async with database.transaction() as connection:
        await connection.execute("UPDATE mapping SET target_handle = 'evil.example', x_id = 13")
        await _take_in(connection, 0)
    (found,) = await mapping_store.find_by_target(SAID.target_id, SAID.issued + timedelta(days=1))
    assert (found.x_id, found.target_handle, found.leaf) == (SAID.x_id, SAID.target_handle, LEAF)


async def test_a_row_that_its_member_is_changing_is_not_waited_for(
    mapping_store: StoredMappings, database: Database
) -> None:
    """Waiting could end in a deadlock: the member may wait for another row that is being taken in."""
    row = await put(mapping_store, MappingState.PENDING, leaf=LEAF)
    async with database.transaction() as member, database.transaction() as log:
        await member.execute("SELECT FROM mapping WHERE id = $1 FOR UPDATE", row)
        number = await ensure_origin(log, ORIGIN)
        other: Mapping = bluesky("other", 13)
        assert await take_in_mappings(log, number, [(LEAF, SAID), (LEAF + 1, other)]) == {LEAF}
    assert await state_of(database, row) is MappingState.PENDING


_ONLY_ACTIVE_GOES: Final = frozenset({(MappingState.ACTIVE, None)})
_REVIVED: Final = frozenset({(MappingState.WITHDRAWN, MappingState.ACTIVE)})
_STAYS: Final = frozenset({(MappingState.PENDING, MappingState.PENDING)})
_UNPUBLISHED: Final = frozenset({(MappingState.ACTIVE, MappingState.PENDING)})
BROKEN: Final[dict[str, dict[Move, frozenset[Step]]]] = {
    "a move is missing": {move: steps for move, steps in MOVES.items() if move is not Move.LET_GO},
    "several states": {**MOVES, Move.WITHDRAW: MOVES[Move.WITHDRAW] | _UNPUBLISHED},
    "answers again": {**MOVES, Move.TAKE_IN: MOVES[Move.TAKE_IN] | _REVIVED},
    "nothing leads to WITHDRAWN": {
        **MOVES,
        Move.WITHDRAW: _ONLY_ACTIVE_GOES,
        Move.LOSE: frozenset({(None, MappingState.ACTIVE)}),
    },
    "nothing leads out of WITHDRAWN": {
        **MOVES,
        Move.DISCARD: _ONLY_ACTIVE_GOES,
        Move.LET_GO: _ONLY_ACTIVE_GOES,
    },
    "nothing leads out of PENDING": {
        **MOVES,
        Move.TAKE_IN: frozenset({(None, MappingState.ACTIVE)}),
        Move.WITHDRAW: frozenset({(MappingState.ACTIVE, MappingState.WITHDRAWN)}),
        Move.SAY_ANEW: _STAYS,
    },
}


@pytest.mark.parametrize("said", BROKEN)
def test_a_table_that_no_mapping_could_live_by_is_refused_at_import(said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_moves(BROKEN[said])
    check_moves(MOVES)


def test_what_is_stored_keeps_its_meaning() -> None:
    """Rows hold the numbers: with another, what was withdrawn would answer again, or no more be revoked."""
    assert {state.name: state.value for state in MappingState} == {"PENDING": 0, "ACTIVE": 1, "WITHDRAWN": 2}


@pytest.mark.parametrize("move", [Move.DISCARD, Move.LET_GO])
def test_a_move_that_deletes_the_row_leads_to_no_state(move: Move) -> None:
    """A statement written with it would store a state that there is not."""
    with pytest.raises(ValueError, match=move.name):
        target(move)


_WRITES: Final = re.compile(
    r"\b(INSERT INTO|UPDATE|DELETE FROM|TRUNCATE)\s+mapping\b|copy_records_to_table\(\s*\"mapping\""
)
_MAY_WRITE: Final = {
    "directory/store/mapping_rows.py",
    "directory/store/demo.py",  # invented rows of invented origins, in bulk
    "deploy/bench/log.py",  # a bench's own database
    "deploy/bench/follow_members.py",  # the same
    "deploy/bench/sync.py",  # copies rows into a database to measure
    "deploy/pending.py",  # the same
}
_NUMBER_IN_SQL: Final = re.compile(
    r"\b(state|health|kind|strength|network|purpose|standing)\s*(=|<>|IN \()\s*\(?\s*[0-9]"
)


def _sources_of(*folders: str) -> list[Path]:
    return [path for folder in folders for path in (CODE / folder).rglob("*.py")]


def test_nothing_else_writes_mappings() -> None:
    writing = {
        str(path.relative_to(CODE))
        for path in _sources_of("directory", "federation", "web", "admin", "deploy")
        if _WRITES.search(path.read_text(encoding="utf-8"))
    }
    assert writing <= _MAY_WRITE


def test_no_state_is_a_number_in_a_statement() -> None:
    """A number in a statement tells nobody what it stands for, and stays behind when the enum changes."""
    found = [
        f"{path.relative_to(CODE)}: {line.strip()}"
        for path in _sources_of("directory", "federation", "web", "admin", "deploy")
        for line in path.read_text(encoding="utf-8").splitlines()
        if _NUMBER_IN_SQL.search(line)
    ]
    assert found == []
