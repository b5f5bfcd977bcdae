"""What is brought back of our own log, kept apart until all of it is there; and the one step that makes it the log's.

Not trusted: entries are compared with a signed root, and bodies with their commitments, before the log gets them. Whoever
can change these rows can make a recovery fail.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from directory.store.database import Connection
from federation.protocol.tile_places import place_of, places_beyond
from federation.tlog.checkpoint import Checkpoint
from federation.tlog.tiles import Bundle, Tile

MOVE_TIMEOUT_S: Final = 3_600.0


@dataclass(frozen=True, slots=True)
class Begun:
    """A recovery that has begun: the size from which on entries are brought back, the signed checkpoint that they lead to,
    and the address of the peer whose copy is read."""

    base_size: int
    note: bytes
    source: str


async def fetch_begun(connection: Connection) -> Begun | None:
    """Fetches the recovery that has begun. Returns None where there is none."""
    row = await connection.fetchrow("SELECT base_size, note, source FROM log_recovery")
    return None if row is None else Begun(row["base_size"], bytes(row["note"]), row["source"])


async def begin(connection: Connection, begun: Begun) -> None:
    """Begins a recovery, and forgets what another one has brought. The caller holds a transaction."""
    await forget(connection)
    await connection.execute(
        "INSERT INTO log_recovery (id, base_size, note, source) VALUES (1, $1, $2, $3)",
        begun.base_size,
        begun.note,
        begun.source,
    )


async def forget(connection: Connection) -> None:
    """Deletes all that was brought back and is not the log's."""
    await connection.execute("TRUNCATE log_recovery, recovered_bundle, recovered_statement")


async def store_bundles(connection: Connection, bundles: Sequence[tuple[int, bytes]]) -> None:
    """Stores entry bundles by their number. Can be repeated."""
    await connection.execute(
        "INSERT INTO recovered_bundle (number, data) SELECT * FROM unnest($1::bigint[], $2::bytea[])"
        " ON CONFLICT (number) DO UPDATE SET data = excluded.data",
        [number for number, _ in bundles],
        [data for _, data in bundles],
    )


async def find_bundle_numbers(connection: Connection) -> set[int]:
    """Finds the numbers of the bundles that were brought already."""
    return {row["number"] for row in await connection.fetch("SELECT number FROM recovered_bundle")}


async def fetch_bundle(connection: Connection, number: int) -> bytes | None:
    """Fetches a bundle that was brought. Returns None where it was not."""
    found = await connection.fetchval("SELECT data FROM recovered_bundle WHERE number = $1", number)
    return None if found is None else bytes(found)


async def store_bodies(connection: Connection, bodies: Sequence[tuple[int, bytes, bytes]]) -> None:
    """Stores leaf, salt and body of leaves. Can be repeated."""
    await connection.execute(
        "INSERT INTO recovered_statement (leaf, salt, body)"
        " SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[]) ON CONFLICT (leaf) DO NOTHING",
        [leaf for leaf, _, _ in bodies],
        [salt for _, salt, _ in bodies],
        [body for _, _, body in bodies],
    )


async def fetch_bodies_brought(
    connection: Connection, first: int, end: int
) -> dict[int, tuple[bytes, bytes]]:
    """Fetches salt and body of the leaves from `first` up to `end` that are here: those that were brought before the
    log's own, which may be of another tree."""
    found: dict[int, tuple[bytes, bytes]] = {}
    for table in ("log_statement", "recovered_statement"):
        rows = await connection.fetch(
            f"SELECT leaf, salt, body FROM {table} WHERE leaf >= $1 AND leaf < $2",
            first,
            end,
        )
        found.update({row["leaf"]: (row["salt"], row["body"]) for row in rows})
    return found


async def fetch_staged(connection: Connection, leaves: Sequence[int]) -> dict[int, tuple[bytes, bytes]]:
    """Fetches salt and body of those of the leaves for which the log has them."""
    rows = await connection.fetch(
        "SELECT leaf, salt, body FROM log_statement WHERE leaf = ANY($1::bigint[])", list(leaves)
    )
    return {row["leaf"]: (row["salt"], row["body"]) for row in rows}


async def find_revoked(connection: Connection, leaves: Sequence[int]) -> set[int]:
    """Finds those of the leaves that our log has revoked."""
    rows = await connection.fetch(
        "SELECT target FROM log_revoke WHERE target = ANY($1::bigint[])", list(leaves)
    )
    return {row["target"] for row in rows}


async def list_confirmed_addresses(connection: Connection) -> list[str]:
    """Lists the addresses of the peers whose keys our operators have compared."""
    rows = await connection.fetch("SELECT address FROM peer WHERE confirmed_at IS NOT NULL ORDER BY origin")
    return [row["address"] for row in rows]


async def replace_tiles(connection: Connection, tiles: Sequence[tuple[Tile | Bundle, bytes]]) -> None:
    """Writes tiles over what is there: what was staged and never signed may be another tree. The caller has compared the
    root."""
    last = {place_of(item): data for item, data in tiles}
    await connection.execute(
        "INSERT INTO log_tile (place, data) SELECT * FROM unnest($1::bigint[], $2::bytea[])"
        " ON CONFLICT (place) DO UPDATE SET data = excluded.data",
        list(last),
        list(last.values()),
    )


async def drop_beyond(connection: Connection, size: int) -> None:
    """Deletes the tiles that a log of `size` leaves does not have."""
    for first, last in places_beyond(size):
        await connection.execute("DELETE FROM log_tile WHERE place BETWEEN $1 AND $2", first, last)


async def drop_unsigned(connection: Connection, base: int) -> None:
    """Takes back what was staged from leaf `base` on and never signed. Its revokes and documents wait again, and it is
    added anew where it is in the log after all."""
    await connection.execute(
        "UPDATE log_statement SET revoked_by = NULL, ended = NULL WHERE revoked_by >= $1", base
    )
    await connection.execute("DELETE FROM log_revoke WHERE leaf >= $1", base)
    await connection.execute("UPDATE log_operations SET leaf = NULL WHERE leaf >= $1", base)


async def drop_statements(connection: Connection, base: int, kept: Sequence[int]) -> None:
    """Deletes the salts and bodies of leaves from `base` on, but for `kept`."""
    await connection.execute(
        "DELETE FROM log_statement WHERE leaf >= $1 AND NOT leaf = ANY($2::bigint[])", base, list(kept)
    )


async def move_statements(connection: Connection) -> None:
    """Makes the salts and bodies that were brought those of the log."""
    await connection.execute(
        "INSERT INTO log_statement (leaf, salt, body) SELECT leaf, salt, body FROM recovered_statement"
        " ON CONFLICT (leaf) DO NOTHING",
        timeout=MOVE_TIMEOUT_S,
    )


async def replace_operations(connection: Connection, said: Sequence[tuple[int, bytes, int]]) -> None:
    """Writes documents of the log: number, note and leaf of each. What waits under one of these numbers is replaced."""
    if not said:
        return
    await connection.execute(
        "DELETE FROM log_operations WHERE number = ANY($1::int[])", [number for number, _, _ in said]
    )
    await connection.execute(
        "INSERT INTO log_operations (number, note, leaf) SELECT * FROM unnest($1::int[], $2::bytea[], $3::bigint[])",
        *map(list, zip(*said, strict=True)),
    )


async def drop_waiting_documents(connection: Connection, first: int) -> None:
    """Deletes the documents that wait for a batch, from number `first` on."""
    await connection.execute("DELETE FROM log_operations WHERE leaf IS NULL AND number >= $1", first)


async def replace_state(connection: Connection, whole: Checkpoint, note: bytes, now: datetime) -> None:
    """Sets the log to a checkpoint that it has signed: staged, signed and published. What was taken into the answers stays
    so."""
    await connection.execute(
        "INSERT INTO log_state AS s (id, origin, staged_size, staged_root, staged_at, issued_at, signed, published,"
        " published_size, ingested_size) VALUES (1, $1, $2, $3, $4, $4, $5, $5, $2, 0)"
        " ON CONFLICT (id) DO UPDATE SET staged_size = $2, staged_root = $3, staged_at = greatest(s.staged_at, $4),"
        " signed = $5, published = $5, published_size = $2",
        whole.origin,
        whole.size,
        whole.root,
        now,
        note,
    )


async def raise_issued(connection: Connection, origin: int) -> None:
    """Raises the newest `issued` of the log to what its mappings say."""
    await connection.execute(
        "UPDATE log_state SET issued_at = greatest(issued_at, (SELECT max(issued) FROM mapping"
        " WHERE origin = $1 AND leaf IS NOT NULL)) WHERE id = 1",
        origin,
    )
