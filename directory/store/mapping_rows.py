"""Every write to the table `mapping`, one function for each move of `directory.mapping_life`. The caller holds
a transaction.

Trusted: whoever can change these rows can send follows to the wrong accounts. A test compares each function
with the table of moves. It also shows that no other module writes here, but for demo rows
(`directory.store.demo`).
"""

from collections.abc import Iterator, Sequence, Set
from collections.abc import Mapping as Leaves
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from directory.mapping_life import Move, target
from directory.mappings import Mapping
from directory.store.copying import copy_rows, execute_many, few_at_a_time
from directory.store.database import Connection
from directory.store.mapping_conditions import IS_ACTIVE, IS_PENDING, in_states_before
from directory.store.mappings import COPY_COLUMNS, network_code, row_of
from directory.store.staged_leaves import STAGED, keep_staged_leaves

_TYPES: Final = [
    "bigint",
    "text",
    "text",
    "smallint",
    "text",
    "text",
    "text",
    "smallint",
    "smallint",
    "integer",
    "bigint",
    "timestamptz",
    "timestamptz",
    "timestamptz",
    "json",
    "boolean",
]
_COLUMNS: Final = ", ".join(COPY_COLUMNS)
# Times go as seconds since 1970: an array of times takes the driver eight times as long as one of numbers.
_SECONDS: Final = "double precision"
_TIMES: Final = [place for place, kind in enumerate(_TYPES) if kind == "timestamptz"]
# Of all rows of a statement it is one value, and not an array.
_STATE: Final = COPY_COLUMNS.index("state")
_ORIGIN: Final = COPY_COLUMNS.index("origin")
_SHARED: Final = {_STATE, _ORIGIN}
_OWN: Final = [place for place in range(len(COPY_COLUMNS)) if place not in _SHARED]
_PARAMETERS: Final = {name: f"${number}" for number, name in enumerate(COPY_COLUMNS, 1)}
# Texts go as one, which the database splits: the driver looks at each element of an array, which takes it longer than all else.
_TEXTS: Final = [place for place, kind in enumerate(_TYPES) if kind in {"text", "json"}]
_BETWEEN: Final = "\x1f"
"""Between two texts. No identifier has a control character, and JSON escapes them."""


def _array_of(place: int) -> str:
    parameter, kind = _PARAMETERS[COPY_COLUMNS[place]], _TYPES[place]
    if place in _TEXTS:
        return f"string_to_array({parameter}::text, E{_BETWEEN!r}){'' if kind == 'text' else f'::{kind}[]'}"
    return f"{parameter}::{_SECONDS if place in _TIMES else kind}[]"


_ARRAYS: Final = ", ".join(map(_array_of, _OWN))
_NAMES: Final = ", ".join(COPY_COLUMNS[place] for place in _OWN)
_ROWS: Final = ", ".join(
    f"{_PARAMETERS[name]}::{kind}"
    if place in _SHARED
    else f"to_timestamp({name})"
    if place in _TIMES
    else name
    for place, (name, kind) in enumerate(zip(COPY_COLUMNS, _TYPES, strict=True))
)
# A mark that was set after the body was written stays: it says less, and the wording that replaces this one tells.
_SAID: Final = ", ".join(
    f"{name} = excluded.{name}" for name in COPY_COLUMNS if name not in {"origin", "leaf", "is_contested"}
)
_IS_CONTESTED: Final = "is_contested = excluded.is_contested OR m.is_contested"

Freed = tuple[int | None, str]
"""Number and key of the X account of a mapping that was let go."""

ROWS_A_STATEMENT: Final = 200
"""Rows that are taken in with one statement. The next ones are encoded and sent while the database is at work on these."""

_STORE: Final = (
    f"INSERT INTO mapping ({_COLUMNS}) VALUES ({', '.join(f'${n}' for n in range(1, len(COPY_COLUMNS) + 1))})"
    " RETURNING id"
)
_LOCK: Final = f"""
SELECT m.leaf FROM mapping m
WHERE m.origin = $1 AND m.leaf = ANY($2::bigint[]) AND {IS_PENDING} FOR UPDATE OF m SKIP LOCKED
"""
_KNOWN: Final = (
    f"SELECT m.leaf, {IS_PENDING} FROM mapping m WHERE m.origin = $1 AND m.leaf = ANY($2::bigint[])"
)
_TAKE_IN: Final = f"""
INSERT INTO mapping AS m ({_COLUMNS}) SELECT {_ROWS} FROM unnest({_ARRAYS}) AS said ({_NAMES})
ON CONFLICT (origin, leaf) WHERE leaf IS NOT NULL DO UPDATE SET {_SAID}, {_IS_CONTESTED}
WHERE {in_states_before(Move.TAKE_IN)}
"""
_LOCK_STAGED: Final = f"""
SELECT m.id FROM mapping m
WHERE m.origin = $1 AND m.id = ANY($2::bigint[]) AND {IS_PENDING} AND m.leaf IS NULL FOR UPDATE OF m SKIP LOCKED
"""
_STILL_STAGED: Final = f"""
SELECT m.id FROM mapping m
WHERE m.origin = $1 AND m.id = ANY($2::bigint[]) AND {IS_PENDING} AND m.leaf IS NULL
"""
# Not an UPDATE: each row is there and locked, and no plan has to find that the primary key leads to it.
_TAKE_IN_STAGED: Final = f"""
INSERT INTO mapping AS m ({_COLUMNS}, id) SELECT {_ROWS}, id
FROM unnest({_ARRAYS}, ${len(COPY_COLUMNS) + 1}::bigint[]) AS said ({_NAMES}, id)
ON CONFLICT (id) DO UPDATE SET leaf = excluded.leaf, {_SAID}, {_IS_CONTESTED}
WHERE {in_states_before(Move.TAKE_IN)}
"""
_SETTLE: Final = f"UPDATE mapping m SET leaf = s.leaf FROM {STAGED} WHERE m.id = s.mapping AND m.leaf IS NULL"
_SETTLE_THESE: Final = f"{_SETTLE} AND m.id = ANY($1::bigint[])"
# Of a withdrawn mapping the row keeps its leaf, which the log has still to revoke.
_WITHDRAW: Final = f"""
UPDATE mapping m SET state = $2, x_id = NULL, x_handle = '', x_handle_key = '', target_id = '',
    target_handle = '', target_handle_key = '', evidence = '[]', is_contested = false
WHERE m.id = ANY($1::bigint[]) AND {in_states_before(Move.WITHDRAW)}
"""
_MARK_CONTESTED: Final = f"""
UPDATE mapping m SET is_contested = true
WHERE m.id = ANY($1::bigint[]) AND ({IS_PENDING} OR {IS_ACTIVE}) AND NOT m.is_contested
"""
_RECORD_LOOK: Final = f"""
UPDATE mapping m SET checked_until = $3, is_contested = m.is_contested OR $4
WHERE m.origin = $1 AND m.leaf = $2 AND {IS_ACTIVE}
"""
_DISCARD: Final = f"""
DELETE FROM mapping m WHERE m.id = ANY($1::bigint[]) AND m.leaf IS NULL AND {in_states_before(Move.DISCARD)}
"""
_LOSE: Final = """
INSERT INTO mapping (origin, leaf, network, strength, state, x_handle, x_handle_key, target_id, target_handle,
    target_handle_key, evidence, issued, expires, name_until, is_contested)
SELECT $1, lost.leaf, 1, 1, $4, '', '', '', '', '', '[]', $3, $3, $3, false FROM unnest($2::bigint[]) AS lost (leaf)
ON CONFLICT (origin, leaf) WHERE leaf IS NOT NULL DO NOTHING
"""
_TAKE_BACK: Final = f"""
UPDATE mapping m SET leaf = NULL WHERE m.origin = $1 AND m.leaf >= $2 AND NOT m.leaf = ANY($3::bigint[])
    AND NOT {IS_ACTIVE} RETURNING m.id
"""
# A hide that knows the handle alone takes over the X id, once a mapping states it: handles change.
_TELL_HIDES: Final = """
UPDATE hide h SET x_id = said.x_id
FROM unnest($2::smallint[], $3::bigint[], $4::text[]) AS said (network, x_id, x_handle_key)
WHERE h.origin = $1 AND h.x_id IS NULL AND h.network = said.network AND h.x_handle_key = said.x_handle_key
    AND said.x_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM hide other WHERE other.origin = h.origin AND other.network = h.network
        AND other.x_handle_key = h.x_handle_key AND other.x_id = said.x_id)
"""
_HAS_HIDES_BY_NAME: Final = "SELECT EXISTS (SELECT FROM hide WHERE origin = $1 AND x_id IS NULL)"
_LET_GO: Final = f"""
DELETE FROM mapping m WHERE m.origin = $1 AND m.leaf = ANY($2::bigint[]) AND {in_states_before(Move.LET_GO)}
    AND NOT EXISTS (SELECT FROM publication p WHERE p.mapping = m.id OR p.replaces = m.id)
RETURNING m.x_id, m.x_handle_key::text
"""
_LET_GO_OF_ORIGIN: Final = f"""
DELETE FROM mapping WHERE id = ANY(ARRAY(
    SELECT m.id FROM mapping m WHERE m.origin = $1 AND m.leaf IS NOT NULL AND {in_states_before(Move.LET_GO)}
    ORDER BY m.leaf LIMIT $2))
"""
_LET_GO_OF_STRENGTHS: Final = f"""
DELETE FROM mapping WHERE id = ANY(ARRAY(
    SELECT m.id FROM mapping m WHERE m.origin = $1 AND m.leaf IS NOT NULL AND m.strength <> ALL($2::smallint[])
    AND {in_states_before(Move.LET_GO)} ORDER BY m.leaf LIMIT $3)) RETURNING leaf, x_id, x_handle_key::text
"""


async def ensure_origin(connection: Connection, name: str, *, is_demo: bool = False) -> int:
    """Returns the row number of an origin; inserts the row where it is missing."""
    number = await connection.fetchval("SELECT id FROM origin WHERE name = $1", name)
    if number is None:
        # Only where it is missing: an insert that conflicts uses up a number of the sequence.
        await connection.execute(
            "INSERT INTO origin (name, is_demo) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", name, is_demo
        )
        number = await connection.fetchval("SELECT id FROM origin WHERE name = $1", name)
    return int(number)


async def store_pending(connection: Connection, mapping: Mapping) -> int:
    """Stores a mapping that a member publishes, without a leaf. Returns its row number."""
    origin = await ensure_origin(connection, mapping.origin)
    await _tell_hides(connection, origin, [mapping])
    return int(await connection.fetchval(_STORE, *row_of(mapping, origin, target(Move.STORE))))


async def settle_leaves(connection: Connection, numbers: Sequence[int]) -> None:
    """Writes staged leaves into the rows with these numbers, where they have none yet. No state changes."""
    await connection.execute(_SETTLE_THESE, numbers)


async def settle_all_leaves(connection: Connection) -> None:
    """Writes all staged leaves into their rows, before anything else is done with the leaves of a log. The caller keeps
    members from their mappings. No state changes."""
    await connection.execute(_SETTLE)
    await keep_staged_leaves(connection, {})


@dataclass(frozen=True, slots=True)
class StagedRows:
    """Rows of pending mappings of ours, which do not have their leaves yet, as one transaction has locked them."""

    numbers: Leaves[int, int]
    """Their row numbers, by leaf."""
    locked: Set[int]
    """Row numbers of those that nobody else had locked."""


async def lock_staged(connection: Connection, origin: int, numbers: Leaves[int, int]) -> StagedRows:
    """Locks rows by their leaves, until the transaction ends. Others go on with those that they have locked."""
    rows = await connection.fetch(_LOCK_STAGED, origin, list(numbers.values()))
    return StagedRows(numbers, {row[0] for row in rows})


async def take_in_staged(
    connection: Connection, origin: int, said: Sequence[tuple[int, Mapping]], staged: StagedRows
) -> set[int]:
    """Takes mappings of our own log in, as `take_in_mappings` does: those of `staged` get the leaf in their rows with what
    it states. Returns the leaves to try again, likewise."""
    numbers, locked = staged.numbers, staged.locked
    taken = [each for each in said if numbers.get(each[0]) in locked]
    if taken:
        args = ([*_columns_of(origin, few), [numbers[leaf] for leaf, _ in few]] for few in _few_of(taken))
        await execute_many(connection, _TAKE_IN_STAGED, args)
        await _tell_hides_by_name(connection, origin, taken)
    if len(taken) == len(said):
        return set()
    # What has its leaf in its row, since it was withdrawn meanwhile, or never had a row here, is taken in as ever.
    postponed = await _find_still_staged(connection, origin, said, staged)
    done = postponed.union(leaf for leaf, _ in taken)
    rest = [each for each in said if each[0] not in done]
    return postponed | (await take_in_mappings(connection, origin, rest) if rest else set())


async def _find_still_staged(
    connection: Connection, origin: int, said: Sequence[tuple[int, Mapping]], staged: StagedRows
) -> set[int]:
    """Finds the leaves whose rows others have locked, and which wait for theirs still."""
    numbers = {leaf: staged.numbers[leaf] for leaf, _ in said if leaf in staged.numbers}
    others = {leaf: number for leaf, number in numbers.items() if number not in staged.locked}
    rows = await connection.fetch(_STILL_STAGED, origin, list(others.values())) if others else []
    waiting = {row[0] for row in rows}
    return {leaf for leaf, number in others.items() if number in waiting}


async def take_in_mappings(
    connection: Connection, origin: int, said: Sequence[tuple[int, Mapping]]
) -> set[int]:
    """Takes mappings in as their leaves state them: from now on they answer.

    Returns the leaves whose rows their members are changing right now. They need another attempt: waiting for
    them could deadlock. Mappings that answer already, or were withdrawn meanwhile, stay as they are.
    """
    leaves = [leaf for leaf, _ in said]
    locked = {row[0] for row in await connection.fetch(_LOCK, origin, leaves)}
    # No other existing row is inserted over either: that would wait for its lock and change nothing.
    rest = [leaf for leaf in leaves if leaf not in locked]
    known = await connection.fetch(_KNOWN, origin, rest) if rest else []
    others: dict[int, bool] = {row[0]: row[1] for row in known}
    taken = [(leaf, mapping) for leaf, mapping in said if leaf not in others]
    if taken:
        await _tell_hides_by_name(connection, origin, taken)
        args = (_columns_of(origin, few) for few in _few_of(taken))
        await execute_many(connection, _TAKE_IN, args)
    return {leaf for leaf, is_pending in others.items() if is_pending}


async def copy_mappings(connection: Connection, origin: int, said: Sequence[tuple[int, Mapping]]) -> None:
    """Takes in mappings of leaves that have no row yet, by COPY: from now on they answer. Raises where one has a row."""
    await _tell_hides_by_name(connection, origin, said)
    active = target(Move.TAKE_IN)
    rows = (row_of(mapping, origin, active, leaf) for leaf, mapping in said)
    await copy_rows(connection, "mapping", rows=few_at_a_time(rows), columns=COPY_COLUMNS)


async def has_mappings(connection: Connection, origin: int, first: int, end: int) -> bool:
    """Tells whether a leaf from `first` up to `end` of an origin has a row."""
    sql = "SELECT EXISTS (SELECT FROM mapping WHERE origin = $1 AND leaf >= $2 AND leaf < $3)"
    return bool(await connection.fetchval(sql, origin, first, end))


async def let_go_mappings_from(connection: Connection, origin: int, leaf: int) -> list[Freed]:
    """Lets go all mappings of an origin from a leaf on. Returns their X accounts."""
    sql = "SELECT m.leaf FROM mapping m WHERE m.origin = $1 AND m.leaf >= $2"
    leaves = [row["leaf"] for row in await connection.fetch(sql, origin, leaf)]
    return await let_go_mappings(connection, origin, leaves)


async def find_origin_number(connection: Connection, name: str) -> int | None:
    """Finds the row number of an origin. Returns None where nobody has entered it."""
    number = await connection.fetchval("SELECT id FROM origin WHERE name = $1", name)
    return None if number is None else int(number)


async def mark_contested(connection: Connection, numbers: Sequence[int]) -> None:
    """Marks mappings as contested by their row numbers: from now on nobody follows them unseen. No state changes.

    Only the wording that replaces a mapping takes the mark away.
    """
    await connection.execute(_MARK_CONTESTED, numbers)


async def record_own_look(
    connection: Connection, origin: int, leaf: int, until: datetime | None, *, is_refuted: bool
) -> None:
    """Records what our own look at the evidence of a peer's mapping has shown: until when it counts, or that it is
    refuted; then nobody follows the mapping unseen. No state changes."""
    await connection.execute(_RECORD_LOOK, origin, leaf, until, is_refuted)


async def withdraw_mappings(connection: Connection, numbers: Sequence[int]) -> None:
    """Withdraws mappings by their row numbers, at once; those without a leaf are deleted."""
    await connection.execute(_WITHDRAW, numbers, target(Move.WITHDRAW))
    # After it, since only then nobody else stages them: what a batch has staged while that waited for it is seen here.
    await settle_leaves(connection, numbers)
    await connection.execute(_DISCARD, numbers)


async def let_go_mappings(connection: Connection, origin: int, leaves: Sequence[int]) -> list[Freed]:
    """Lets mappings go by their leaves: deletes their rows. A mapping that a publication still points at stays
    until its member, or a newer mapping, withdraws it. Returns the X accounts of those that went."""
    return list(map(tuple, await connection.fetch(_LET_GO, origin, leaves)))


async def let_go_of_origin(connection: Connection, origin: int, limit: int) -> int:
    """Lets go of at most `limit` mappings of an origin that is no longer followed or heard from, with what waits to be
    matched of it, and what was left out of it. Returns how many. The origin is a peer: no publication points at its
    mappings."""
    await connection.execute("DELETE FROM arrival WHERE origin = $1", origin)
    await connection.execute("DELETE FROM left_out WHERE origin = $1", origin)
    done = await connection.execute(_LET_GO_OF_ORIGIN, origin, limit)
    return int(done.rpartition(" ")[2])


async def let_go_of_strengths(
    connection: Connection, origin: int, kept: Sequence[int], limit: int
) -> dict[int, Freed]:
    """Lets go of at most `limit` mappings of an origin whose strength is none of `kept`. Returns their leaves, with their X
    accounts."""
    rows = await connection.fetch(_LET_GO_OF_STRENGTHS, origin, list(kept), limit)
    return {row[0]: (row[1], row[2]) for row in rows}


async def store_lost(connection: Connection, origin: int, leaves: Sequence[int], now: datetime) -> None:
    """Stores leaves of our own log that hold and of which nobody knows what they say, so that the next batch revokes
    them. The rows say nothing else."""
    await connection.execute(_LOSE, origin, leaves, now, target(Move.LOSE))


async def take_back_leaves(connection: Connection, origin: int, first: int, kept: Sequence[int]) -> None:
    """Takes the leaves from `first` on back from mappings that were staged and never signed, but for `kept`. No state
    changes: a pending one waits for another leaf. A withdrawn one, which no log has said, is deleted."""
    rows = await connection.fetch(_TAKE_BACK, origin, first, kept)
    await connection.execute(_DISCARD, [row["id"] for row in rows])


async def say_mappings_anew(connection: Connection, before: int, after: int) -> int:
    """Moves the mappings of the log `before` to the log `after`, as pending, with their hides. Returns how many
    there are.

    For a log that another one replaces. Mappings that the new log does not have to append are deleted.
    """
    await keep_staged_leaves(connection, {})
    await connection.execute(
        f"DELETE FROM mapping m WHERE m.origin = $1 AND NOT {in_states_before(Move.SAY_ANEW)}", before
    )
    await connection.execute("UPDATE hide SET origin = $2 WHERE origin = $1", before, after)
    done = await connection.execute(
        "UPDATE mapping m SET origin = $2, leaf = NULL, state = $3 WHERE m.origin = $1",
        before,
        after,
        target(Move.SAY_ANEW),
    )
    return int(done.rpartition(" ")[2])


def _few_of(said: Sequence[tuple[int, Mapping]]) -> Iterator[Sequence[tuple[int, Mapping]]]:
    return (said[at : at + ROWS_A_STATEMENT] for at in range(0, len(said), ROWS_A_STATEMENT))


def _columns_of(origin: int, said: Sequence[tuple[int, Mapping]]) -> list[Any]:
    """Returns the values of the `_PARAMETERS`, of mappings that answer from now on."""
    active = target(Move.TAKE_IN)
    rows = [row_of(mapping, origin, active, leaf) for leaf, mapping in said]
    columns: list[Any] = list(zip(*rows, strict=True))
    for place in _TIMES:
        columns[place] = [time.timestamp() for time in columns[place]]
    for place in _TEXTS:
        columns[place] = _joined(columns[place])
    columns[_STATE], columns[_ORIGIN] = active.value, origin
    return columns


def _joined(texts: Sequence[str]) -> str:
    """Joins texts so that the database can split them. Raises ValueError where one could not be told from two: each of those
    after it would be somebody else's."""
    joined = _BETWEEN.join(texts)
    if joined.count(_BETWEEN) != len(texts) - 1:
        raise ValueError("a text of a mapping has a control character")
    return joined


async def _tell_hides_by_name(
    connection: Connection, origin: int, said: Sequence[tuple[int, Mapping]]
) -> None:
    if await connection.fetchval(_HAS_HIDES_BY_NAME, origin):
        await _tell_hides(connection, origin, [mapping for _, mapping in said])


async def _tell_hides(connection: Connection, origin: int, mappings: Sequence[Mapping]) -> None:
    x_ids = [mapping.x_id for mapping in mappings]
    await connection.execute(
        _TELL_HIDES,
        origin,
        [network_code(mapping.network) for mapping in mappings],
        [None if x_id is None else x_id.value for x_id in x_ids],
        [mapping.x_handle.key for mapping in mappings],
    )
