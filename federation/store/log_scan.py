"""Reads of the log in pieces, in its own order."""

from directory.store.database import Connection


async def fetch_tiles_between(connection: Connection, first: int, end: int) -> dict[int, bytes]:
    """What is kept at the places from `first` up to `end`."""
    rows = await connection.fetch(
        "SELECT place, data FROM log_tile WHERE place >= $1 AND place < $2", first, end
    )
    return {row["place"]: bytes(row["data"]) for row in rows}


async def fetch_statements_after(
    connection: Connection, leaf: int, end: int, limit: int
) -> list[tuple[int, bytes, bytes]]:
    """Leaf, salt and body of the next leaves after `leaf` and below `end`."""
    rows = await connection.fetch(
        "SELECT leaf, salt, body FROM log_statement WHERE leaf > $1 AND leaf < $2 ORDER BY leaf LIMIT $3",
        leaf,
        end,
        limit,
    )
    return [(row["leaf"], row["salt"], row["body"]) for row in rows]


async def fetch_document(connection: Connection, leaf: int) -> bytes | None:
    """The signed operations document that a leaf introduces."""
    note = await connection.fetchval("SELECT note FROM log_operations WHERE leaf = $1", leaf)
    return None if note is None else bytes(note)


async def fetch_answers_without_leaf(connection: Connection, origin: str, limit: int) -> list[int]:
    """Rows of active mappings of `origin` that no statement of the log stands behind; strength 1 is IMPORTED."""
    rows = await connection.fetch(
        "SELECT m.id FROM mapping m WHERE m.state = 1 AND m.strength > 1"
        " AND m.origin = (SELECT id FROM origin WHERE name = $1)"
        " AND NOT EXISTS (SELECT FROM log_statement s WHERE s.leaf = m.leaf) LIMIT $2",
        origin,
        limit,
    )
    return [row["id"] for row in rows]
