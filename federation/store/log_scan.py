"""Reads the log in pieces, in its own order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from directory.mappings import Strength
from directory.store.database import Connection
from directory.store.mapping_conditions import (
    IS_ACTIVE,
    IS_WITHDRAWN,
    SAME_ACCOUNT,
    STANDING_ANSWERS,
    has_begun,
)
from federation.protocol.entry import STRIDE_BYTES
from federation.tlog.tiles import TILE_WIDTH

StatementRow = tuple[int, bytes, bytes, int | None, int | None]
"""Leaf, salt, body, the reason with which it is to be revoked, and the entry that revokes it."""


async def fetch_tiles_between(connection: Connection, first: int, end: int) -> dict[int, bytes]:
    """Fetches what is stored at the places from `first` up to `end`."""
    rows = await connection.fetch(
        "SELECT place, data FROM log_tile WHERE place >= $1 AND place < $2", first, end
    )
    return {row["place"]: bytes(row["data"]) for row in rows}


async def fetch_statements_after(connection: Connection, leaf: int, limit: int) -> list[StatementRow]:
    """Fetches the next rows after `leaf`."""
    rows = await connection.fetch(
        "SELECT leaf, salt, body, ended, revoked_by FROM log_statement WHERE leaf > $1 ORDER BY leaf LIMIT $2",
        leaf,
        limit,
    )
    return list(map(tuple, rows))


async def fetch_documents(connection: Connection, limit: int) -> list[tuple[int, bytes, int | None]]:
    """Fetches number, signed note and leaf of the operations documents, the first one first."""
    rows = await connection.fetch(
        "SELECT number, note, leaf FROM log_operations ORDER BY number LIMIT $1", limit
    )
    return list(map(tuple, rows))


async def fetch_last_tile(connection: Connection, first: int, end: int) -> tuple[int, int] | None:
    """Fetches the highest place from `first` up to `end` at which anything is stored, and its length in bytes. Returns
    None where nothing is."""
    row = await connection.fetchrow(
        "SELECT place, length(data) FROM log_tile WHERE place >= $1 AND place < $2 ORDER BY place DESC LIMIT 1",
        first,
        end,
    )
    return None if row is None else (row[0], row[1])


async def fetch_places_within(
    connection: Connection, ranges: Sequence[tuple[int, int]], limit: int
) -> list[int]:
    """Fetches the places at which anything is stored, in ranges whose first and last number are given."""
    rows = await connection.fetch(
        "SELECT t.place FROM unnest($1::bigint[], $2::bigint[]) AS r (first, last)"
        " JOIN log_tile t ON t.place BETWEEN r.first AND r.last ORDER BY t.place LIMIT $3",
        [first for first, _ in ranges],
        [last for _, last in ranges],
        limit,
    )
    return [row["place"] for row in rows]


async def fetch_unsaid_answers(connection: Connection, origin: str, limit: int) -> list[int]:
    """Fetches the rows of active mappings of `origin` that differ from the body of their leaf, but for the evidence.
    One that is marked as contested before its log says so does not differ: it says less.

    SQL composes the end of a body as the protocol writes it, which is far quicker than to parse
    each; bodies themselves may be damaged, so they are only compared.
    """
    rows = await connection.fetch(_UNSAID_ANSWERS, origin, limit, timeout=SCAN_TIMEOUT_S)
    return [row["id"] for row in rows]


async def count_revokes(connection: Connection, size: int) -> int:
    """Counts the leaves that are known to be revoked by an entry below `size`."""
    return int(await connection.fetchval("SELECT count(*) FROM log_revoke WHERE leaf < $1", size))


async def fetch_wrong_revokes(connection: Connection, limit: int) -> list[int]:
    """Fetches leaves that are known to be revoked by an entry which is stored, and does not revoke them."""
    rows = await connection.fetch(_WRONG_REVOKES, limit, timeout=SCAN_TIMEOUT_S)
    return [row["target"] for row in rows]


SCAN_TIMEOUT_S: Final = 3_600.0

# An entry in its bundle: its length in 2 bytes, its type, the target in 8, the reason, and 23 zeros.
_ENTRY_AT: Final = f"((r.leaf % {TILE_WIDTH}) * {STRIDE_BYTES})::int"
_WRONG_REVOKES: Final = rf"""
SELECT r.target FROM log_revoke r LEFT JOIN log_tile t ON t.place = r.leaf / {TILE_WIDTH} AND r.leaf >= 0
WHERE t.place IS NULL OR r.target >= r.leaf
    OR substring(t.data FROM {_ENTRY_AT} + 1 FOR 11) <> '\x002102'::bytea || int8send(r.target)
    OR substring(t.data FROM {_ENTRY_AT} + 13 FOR 23) <> decode(repeat('00', 23), 'hex')
LIMIT $1
"""
_SAID: Final = r"""
SELECT m.id FROM mapping m
LEFT JOIN log_statement s ON s.leaf = m.leaf
CROSS JOIN LATERAL (SELECT convert_to(format(
    ',"expires":%s,"issued":%s,"strength":"%s","to":{"handle":"%s","id":"%s","network":"%s"},"v":1,"x":{"handle":"%s"%s}}',
    floor(extract(epoch FROM m.expires))::bigint, floor(extract(epoch FROM m.issued))::bigint,
    (ARRAY['imported', 'linked', 'handle', 'bound'])[m.strength], m.target_handle, m.target_id,
    (ARRAY['bluesky', 'mastodon'])[m.network], m.x_handle, coalesce(',"id":"' || m.x_id || '"', '')
), 'UTF8') AS said) AS body
"""
_UNSAID_ANSWERS: Final = f"""
{_SAID} WHERE {IS_ACTIVE} AND NOT (m.strength = {Strength.IMPORTED.value} AND m.leaf IS NULL)
    AND m.origin = (SELECT id FROM origin WHERE name = $1)
    AND (s.leaf IS NULL OR substr(s.body, length(s.body) - length(body.said) + 1) <> body.said
        OR (NOT m.is_contested AND substr(s.body, 1, 13) = '{{"contested":'::bytea)
        OR m.name_until > m.expires
        OR (m.name_until < m.expires AND position('"kind":"x-oauth"' IN encode(s.body, 'escape')) = 0)
        OR m.x_handle_key <> lower(m.x_handle) OR m.target_handle_key <> lower(m.target_handle))
LIMIT $2
"""


@dataclass(frozen=True, slots=True)
class QuietLeaves:
    """How many leaves hold, and do not answer for a reason that is known. One can count for several."""

    ending: int
    """Withdrawn or replaced: their revokes come."""
    expired: int
    ahead: int
    """Issued in the future: they wait for their time."""
    hidden: int
    """Hidden by the moderators."""


async def fetch_silent_leaves(connection: Connection, origin: str, ingested: int, limit: int) -> list[int]:
    """Fetches leaves of our own log below `ingested`, in order, that hold, and for which nothing answers without a reason.

    The mapping of such a leaf is missing, was put back before it was taken in, or was set aside without having been
    withdrawn. Together with `fetch_unsaid_answers`, answers and log say the same.
    """
    rows = await connection.fetch(_SILENT, origin, ingested, limit, timeout=SCAN_TIMEOUT_S)
    return sorted(row["leaf"] for row in rows)


async def fetch_quiet_leaves(connection: Connection, origin: str, now: datetime) -> QuietLeaves:
    """Counts the leaves of our own log that hold and do not answer, by what keeps them from it."""
    row = await connection.fetchrow(_QUIET, origin, now, timeout=SCAN_TIMEOUT_S)
    return QuietLeaves(*(tuple(row) if row is not None else (0, 0, 0, 0)))


async def is_origin_answering(connection: Connection, origin: str) -> bool:
    """Tells whether our own origin may answer: a standing or a time that are a peer's would hide all of it. It may
    where nothing was said yet."""
    sql = f"SELECT NOT EXISTS (SELECT FROM origin WHERE name = $1 AND NOT ({STANDING_ANSWERS} AND heard_at IS NULL))"
    return bool(await connection.fetchval(sql, origin))


# A withdrawn row is blank and no publication's: another one was set aside by something else than its member. Two
# conditions, so that the first is one join of two indexes.
_OURS: Final = "m.leaf = s.leaf AND m.origin = (SELECT id FROM origin WHERE name = $1)"
_SILENT: Final = f"""
SELECT s.leaf FROM log_statement s WHERE s.leaf < $2 AND s.revoked_by IS NULL
    AND NOT EXISTS (SELECT FROM mapping m WHERE {_OURS} AND {IS_ACTIVE})
    AND NOT EXISTS (SELECT FROM mapping m WHERE {_OURS} AND {IS_WITHDRAWN} AND m.x_handle = ''
        AND NOT EXISTS (SELECT FROM publication p WHERE p.mapping = m.id OR p.replaces = m.id))
LIMIT $3
"""
_QUIET: Final = f"""
SELECT count(*) FILTER (WHERE {IS_WITHDRAWN}), count(*) FILTER (WHERE {IS_ACTIVE} AND m.expires <= $2),
    count(*) FILTER (WHERE {IS_ACTIVE} AND NOT {has_begun("$2")}),
    (SELECT count(DISTINCT m.id) FROM hide h JOIN mapping m ON {SAME_ACCOUNT}
     WHERE {IS_ACTIVE} AND m.leaf IS NOT NULL AND m.origin = (SELECT id FROM origin WHERE name = $1))
FROM mapping m WHERE m.leaf IS NOT NULL AND m.origin = (SELECT id FROM origin WHERE name = $1)
"""
