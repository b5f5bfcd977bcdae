"""Reads the mappings that answer a list, written as JSON by the database.

A list of thousands is read so in a fraction of the time: no value becomes an object of this process. What is written has a
mark in the place of the verdict on a mapping (`strength` to `disputed`), which `directory.ranking` alone gives, from the
mapping's state.
The fields, their order and spelling are those of `web.api.schema`; a test holds the two equal to the byte.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from directory.identifiers import ActorUri, Did
from directory.mappings import Network
from directory.origins import HIDDEN_AFTER
from directory.profile_pages import profile_url
from directory.store.mapping_conditions import (
    IS_ACTIVE,
    NOBODY_HIDES_IT,
    holds_at,
    is_checked,
    is_stale,
    origin_answers,
)
from directory.store.mappings import any_of, network_code
from directory.store.reading import Readable

NOT_WRITTEN: Final = -1
"""The state of a mapping that is to be read value by value."""
VERDICT_MARK: Final = "\x01"
"""Stands where the verdict belongs. No text of JSON has it."""
MAX_WRITTEN_EVIDENCE: Final = 1_000
"""Bytes of evidence of a mapping that is written: an honest log says some hundred. A log may say four times as much, and so
sixteen times of each X account; all of it would come in one row."""
_CONTESTED: Final = 8
_STALE: Final = 16
_CHECKED: Final = 32
_OWN: Final = 64
_NETWORK: Final = 128
_STANDING: Final = 1_024


class StateOfMapping(msgspec.Struct, frozen=True):
    """What of a mapping decides how it is judged beside others of the same X account."""

    strength: int
    network: Network
    standing: int
    is_contested: bool
    is_stale: bool
    is_checked: bool
    is_own: bool
    """Its origin is the log of this instance."""


class WrittenRows(msgspec.Struct, frozen=True):
    """Mappings in columns: the X account that each was found by, its state as a number, and what is written of it. In no
    order; an X account stands in them once for each of its mappings."""

    names: list[Any]
    states: list[int]
    texts: list[str]


class WrittenMappings(msgspec.Struct, frozen=True):
    """What a list has found, by X ids and by handles. `beside` are those handles of the list that stand beside an id, and that
    a mapping without an id has."""

    by_id: WrittenRows
    by_handle: WrittenRows
    beside: frozenset[str]


NOTHING_WRITTEN: Final = WrittenMappings(WrittenRows([], [], []), WrittenRows([], [], []), frozenset())


_MARK: Final = "did:plc:mark"
_PROFILE_START: Final = profile_url(Did(_MARK)).removesuffix(_MARK)
if profile_url(Did(_MARK)) != _PROFILE_START + _MARK or profile_url(ActorUri(_MARK)) != _MARK:
    raise RuntimeError("the database cannot write the addresses of profiles")

_BLUESKY: Final = network_code(Network.BLUESKY)
_NETWORK_OF_CODE: Final = {network_code(network): network for network in Network}

# What is the same for all mappings of an origin is written once.
_ORIGINS: Final = f"""
WITH origin AS MATERIALIZED (
    SELECT origin.id, {_STANDING} * origin.standing + CASE WHEN {is_stale("$1")} THEN {_STALE} ELSE 0 END
        + CASE WHEN origin.name = $6 THEN {_OWN} ELSE 0 END AS state,
        concat(',"origin":', to_json(origin.name), ',"stale":', CASE WHEN {is_stale("$1")} THEN 'true' ELSE 'false' END,
            ',"agreeing":[],"leaf":') AS said
    FROM origin WHERE {origin_answers("$2")})"""
_IS_SHORT: Final = f"octet_length(m.evidence::text) <= {MAX_WRITTEN_EVIDENCE}"
# Texts that JSON spells with a backslash, times with a part of a second, and names that no mapping has, are not written here.
_IS_WRITTEN: Final = (
    _IS_SHORT + """ AND strpos(m.target_id, '"') = 0 AND strpos(m.target_id, '\\') = 0"""
    " AND m.issued::timestamptz(0) = m.issued AND m.expires::timestamptz(0) = m.expires"
    """ AND strpos(m.evidence::text, '"names":') = 0"""
)
_STATE: Final = f"""CASE WHEN {_IS_WRITTEN} THEN m.strength + {_NETWORK} * m.network + origin.state
    + CASE WHEN m.is_contested THEN {_CONTESTED} ELSE 0 END + CASE WHEN {is_checked("$1")} THEN {_CHECKED} ELSE 0 END
    ELSE {NOT_WRITTEN} END"""


def _time(column: str) -> str:
    """Writes a time as JSON does, whatever the session's zone and style are: `"2026-05-31T12:00:00`."""
    return f"left(to_json({column} AT TIME ZONE INTERVAL '0')::text, -1)"


def _text(x_id: str) -> str:
    """Writes a mapping. Joined by `||`, which takes half as long as `concat`: nothing that stands here is NULL."""
    return f"""('{{"x":{{"id":' || {x_id} || ',"handle":"' || m.x_handle
    || CASE m.network WHEN {_BLUESKY} THEN '"}},"network":"{Network.BLUESKY}","id":"'
        ELSE '"}},"network":"{Network.MASTODON}","id":"' END || m.target_id || '","handle":"' || m.target_handle
    || CASE m.network WHEN {_BLUESKY} THEN '","url":"{_PROFILE_START}' ELSE '","url":"' END || m.target_id || '",')
    || ('{VERDICT_MARK}"evidence":' || m.evidence::text || origin.said || coalesce(m.leaf::text, 'null')
    || ',"issued":' || {_time("m.issued")} || 'Z","expires":' || {_time("m.expires")} || 'Z"}}')"""


_FROM: Final = (
    "FROM mapping m JOIN origin ON origin.id = m.origin"
    f" WHERE {IS_ACTIVE} AND {NOBODY_HIDES_IT} AND {holds_at('$1')}"
)
_ID, _HANDLE, _BESIDE = range(3)


def _read(way: int, name: str, x_id: str) -> str:
    text = f"CASE WHEN {_IS_SHORT} THEN {_text(x_id)} ELSE '' END"
    return f"SELECT {way}, {name}, array_agg({_STATE}), array_agg({text}) {_FROM}"


_X_ID: Final = """'"' || m.x_id::text || '"'"""
# All take all parameters, so that one call serves both statements.
_BY_ID: Final = f"""
{_read(_ID, "array_agg(m.x_id), NULL::text[]", _X_ID)}
AND m.x_id = {any_of("$3::text", "bigint[]")} AND $4::text[] IS NOT NULL AND $5::text[] IS NOT NULL"""
_ANY_X_ID: Final = """coalesce('"' || m.x_id::text || '"', 'null')"""
_BY_HANDLE: Final = f"""
{_read(_HANDLE, "NULL::bigint[], array_agg(m.x_handle_key::text)", _ANY_X_ID)}
AND m.x_handle_key = {any_of("$5", "text[]")} AND m.name_until > $1"""
_WITHOUT_ID: Final = f"""
SELECT {_BESIDE}, NULL::bigint[], array_agg(m.x_handle_key::text), NULL::int[], NULL::text[] {_FROM}
AND m.x_id IS NULL AND m.x_handle_key = {any_of("$4", "text[]")} AND m.name_until > $1"""
_IDS_ALONE: Final = f"{_ORIGINS} {_BY_ID}"
_ALL_WAYS: Final = f"{_ORIGINS} {_BY_ID} UNION ALL {_BY_HANDLE} UNION ALL {_WITHOUT_ID}"


class WrittenMappingStore:
    """Mappings that answer, as JSON. Trusted: whoever can change these rows can send follows to the wrong accounts."""

    def __init__(self, database: Readable, own_origin: str) -> None:
        self._database = database
        self._own_origin = own_origin

    async def find(
        self, x_ids: Sequence[int], beside: Sequence[str], alone: Sequence[str], now: datetime
    ) -> WrittenMappings:
        """Finds all mappings that answer for any of the X accounts, in one statement, as `MappingStore.find_mappings` does.

        `beside` are handles that stand beside an id, `alone` those that stand alone; all in lower case.
        """
        sql = _ALL_WAYS if beside or alone else _IDS_ALONE
        # As one text: asyncpg takes as long to encode an array of numbers as to decode what is found.
        ids = f"{{{msgspec.json.encode(x_ids)[1:-1].decode()}}}"
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql, now, now - HIDDEN_AFTER, ids, beside, alone, self._own_origin)
        found = {row[0]: row for row in rows}
        return WrittenMappings(
            _rows_of(found[_ID], 1),
            _rows_of(found.get(_HANDLE), 2),
            frozenset(found[_BESIDE][2] or ()) if _BESIDE in found else frozenset(),
        )


def _rows_of(row: Any, name: int) -> WrittenRows:
    """Returns the mappings of one way to find them. The arrays are NULL where there is none."""
    if row is None or row[name] is None:
        return WrittenRows([], [], [])
    return WrittenRows(row[name], row[3], row[4])


def read_state(state: int) -> StateOfMapping:
    """Reads the state of a mapping that is written, from its number."""
    return StateOfMapping(
        strength=state % _CONTESTED,
        network=_NETWORK_OF_CODE[state // _NETWORK % (_STANDING // _NETWORK)],
        standing=state // _STANDING,
        is_contested=bool(state & _CONTESTED),
        is_stale=bool(state & _STALE),
        is_checked=bool(state & _CHECKED),
        is_own=bool(state & _OWN),
    )
