"""Reads the log in pieces, in its own order."""

from collections.abc import Sequence
from typing import Final

from directory.mappings import Strength
from directory.store.database import Connection
from directory.store.mapping_conditions import IS_ACTIVE

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


SCAN_TIMEOUT_S: Final = 3_600.0

_SAID: Final = r"""
SELECT m.id FROM mapping m
LEFT JOIN log_statement s ON s.leaf = m.leaf
CROSS JOIN LATERAL (SELECT format(
    ',"expires":%s,"issued":%s,"strength":"%s","to":{"handle":"%s","id":"%s","network":"%s"},"v":1,"x":{"handle":"%s"%s}}',
    floor(extract(epoch FROM m.expires))::bigint, floor(extract(epoch FROM m.issued))::bigint,
    (ARRAY['imported', 'linked', 'handle', 'bound'])[m.strength], m.target_handle, m.target_id,
    (ARRAY['bluesky', 'mastodon'])[m.network], m.x_handle, coalesce(',"id":"' || m.x_id || '"', '')
) AS said) AS body
"""
_UNSAID_ANSWERS: Final = f"""
{_SAID} WHERE {IS_ACTIVE} AND NOT (m.strength = {Strength.IMPORTED.value} AND m.leaf IS NULL)
    AND m.origin = (SELECT id FROM origin WHERE name = $1)
    AND (s.leaf IS NULL OR right(encode(s.body, 'escape'), length(body.said)) <> body.said
        OR (NOT m.is_contested AND starts_with(encode(s.body, 'escape'), '{{"contested":'))
        OR m.x_handle_key <> lower(m.x_handle) OR m.target_handle_key <> lower(m.target_handle))
LIMIT $2
"""
