"""The reads and writes of the sequencer. The caller holds the transaction.

Trusted: whoever can change these rows can stop our log, or change what it signs next. They cannot have two trees
of one size signed: what was signed is kept outside the database too.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from directory.store.copying import copy_rows
from directory.store.database import Connection
from federation.errors import LogRefused, LogWaits, Malformed
from federation.protocol.log_state import LogState
from federation.protocol.tile_places import place_of
from federation.tlog.checkpoint import Checkpoint
from federation.tlog.tiles import Bundle, Tile

_SELECT_STATE: Final = (
    "SELECT origin, staged_size, staged_root, staged_at, issued_at, signed, published, published_size, ingested_size"
    " FROM log_state WHERE id = 1"
)


async def fetch_state(connection: Connection, *, lock: bool = False) -> LogState | None:
    """Fetches the state of the log. Returns None before it is begun. With `lock`, the row is locked."""
    row = await connection.fetchrow(_SELECT_STATE + (" FOR UPDATE" if lock else ""))
    if row is None:
        return None
    try:
        staged = Checkpoint(row["origin"], row["staged_size"], row["staged_root"])
    except Malformed as error:
        raise LogRefused(f"the state of the log cannot be read: {error}") from error
    return LogState(
        row["origin"],
        staged,
        row["staged_at"],
        row["issued_at"],
        row["signed"],
        row["published"],
        row["published_size"],
        row["ingested_size"],
    )


async def insert_state(connection: Connection, staged: Checkpoint, now: datetime) -> None:
    """Begins the log; does nothing where it is begun already."""
    await connection.execute(
        "INSERT INTO log_state (id, origin, staged_size, staged_root, staged_at, issued_at, published_size,"
        " ingested_size) VALUES (1, $1, $2, $3, $4, $4, 0, 0) ON CONFLICT (id) DO NOTHING",
        staged.origin,
        staged.size,
        staged.root,
        now,
    )


async def has_leaves(connection: Connection) -> bool:
    """Tells whether anything of a log is stored besides its state."""
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM log_tile) OR EXISTS (SELECT FROM log_statement)"
            " OR EXISTS (SELECT FROM log_revoke)"
            " OR EXISTS (SELECT FROM log_operations WHERE leaf IS NOT NULL)"
        )
    )


async def update_staged(
    connection: Connection, before: Checkpoint, staged: Checkpoint, now: datetime, newest: datetime
) -> None:
    """Replaces the staged tree, which is signed next; `newest` is the newest `issued` in it. Raises LogWaits where
    another process replaced it first."""
    done = await connection.execute(
        "UPDATE log_state SET staged_size = $1, staged_root = $2, staged_at = greatest(staged_at, $3),"
        " issued_at = greatest(issued_at, $4) WHERE id = 1 AND staged_size = $5 AND staged_root = $6",
        staged.size,
        staged.root,
        now,
        newest,
        before.size,
        before.root,
    )
    if done != "UPDATE 1":
        raise LogWaits("another sequencer has written at the same time")


async def reset_times(connection: Connection, before: LogState, now: datetime) -> bool:
    """Sets the times of the last batch to `now`, where they are later. Returns False where the state has changed."""
    done = await connection.execute(
        "UPDATE log_state SET staged_at = least(staged_at, $1), issued_at = least(issued_at, $1)"
        " WHERE id = 1 AND staged_size = $2 AND staged_at = $3 AND issued_at = $4",
        now,
        before.staged.size,
        before.staged_at,
        before.issued_at,
    )
    return done == "UPDATE 1"


async def swap_signed(connection: Connection, before: bytes | None, staged: Checkpoint, note: bytes) -> bool:
    """Replaces the signed checkpoint `before` with `note`, which signs `staged`: compare and swap. Returns False where
    either has changed."""
    done = await connection.execute(
        "UPDATE log_state SET signed = $1 WHERE id = 1 AND signed IS NOT DISTINCT FROM $2"
        " AND staged_size = $3 AND staged_root = $4",
        note,
        before,
        staged.size,
        staged.root,
    )
    return done == "UPDATE 1"


async def update_published(connection: Connection, note: bytes, size: int) -> None:
    """Publishes a checkpoint: readers see it from here on."""
    await connection.execute(
        "UPDATE log_state SET published = $1, published_size = $2 WHERE id = 1", note, size
    )


async def update_ingested(connection: Connection, size: int) -> None:
    await connection.execute("UPDATE log_state SET ingested_size = $1 WHERE id = 1", size)


async def upsert_tiles(connection: Connection, tiles: Sequence[tuple[Tile | Bundle, bytes]]) -> None:
    """Inserts new tiles, and replaces partial ones with wider ones."""
    await connection.execute(
        "INSERT INTO log_tile (place, data) SELECT * FROM unnest($1::bigint[], $2::bytea[])"
        " ON CONFLICT (place) DO UPDATE SET data = excluded.data"
        " WHERE length(log_tile.data) < length(excluded.data)",
        [place_of(item) for item, _ in tiles],
        [data for _, data in tiles],
    )


async def fetch_tiles(connection: Connection, items: Sequence[Tile | Bundle]) -> dict[Tile | Bundle, bytes]:
    """Fetches what is stored for each, which may be wider than asked for; what is missing is left out."""
    rows = await connection.fetch(
        "SELECT place, data FROM log_tile WHERE place = ANY($1::bigint[])", [place_of(item) for item in items]
    )
    kept = {row["place"]: bytes(row["data"]) for row in rows}
    return {item: kept[place_of(item)] for item in items if place_of(item) in kept}


async def copy_statements(connection: Connection, rows: Sequence[tuple[int, bytes, bytes]]) -> None:
    """Inserts leaf, salt and body of new leaves."""
    await copy_rows(connection, "log_statement", rows=rows, columns=("leaf", "salt", "body"))


async def find_highest_leaf(connection: Connection) -> int:
    """Returns the highest leaf with a statement or a document, -1 where there is none."""
    return int(
        await connection.fetchval(
            "SELECT greatest((SELECT max(leaf) FROM log_statement), (SELECT max(leaf) FROM log_operations), -1)"
        )
    )


async def fetch_operation_notes(connection: Connection) -> list[tuple[bytes, int | None]]:
    """Fetches all signed operations documents with their leaves, the first one first."""
    rows = await connection.fetch("SELECT note, leaf FROM log_operations ORDER BY number")
    return [(bytes(row["note"]), row["leaf"]) for row in rows]


async def insert_operations(connection: Connection, number: int, note: bytes) -> bool:
    """Inserts a document, which the next batch appends. Returns False where the number is taken."""
    done = await connection.execute(
        "INSERT INTO log_operations (number, note) VALUES ($1, $2) ON CONFLICT (number) DO NOTHING",
        number,
        note,
    )
    return done == "INSERT 0 1"


async def replace_pending_operations(connection: Connection, number: int, note: bytes) -> bool:
    """Inserts a document in the place of pending ones from its number on. The caller holds the state row. Returns
    False where the number is taken."""
    await connection.execute("DELETE FROM log_operations WHERE leaf IS NULL AND number >= $1", number)
    return await insert_operations(connection, number, note)


async def set_operations_leaf(connection: Connection, number: int, leaf: int) -> None:
    await connection.execute("UPDATE log_operations SET leaf = $2 WHERE number = $1", number, leaf)


async def set_revoked(connection: Connection, revokes: Sequence[tuple[int, int, int]]) -> None:
    """Marks leaves as revoked, by target, revoking leaf and true reason of each. That the leaf was revoked stays when
    its body is erased."""
    targets, revoking = [target for target, _, _ in revokes], [by for _, by, _ in revokes]
    await connection.execute(
        "UPDATE log_statement SET revoked_by = r.by, ended = r.reason"
        " FROM unnest($1::bigint[], $2::bigint[], $3::int[]) AS r (leaf, by, reason)"
        " WHERE log_statement.leaf = r.leaf",
        targets,
        revoking,
        [reason for _, _, reason in revokes],
    )
    await connection.execute(
        "INSERT INTO log_revoke (target, leaf) SELECT * FROM unnest($1::bigint[], $2::bigint[])"
        " ON CONFLICT (target) DO UPDATE SET leaf = excluded.leaf",
        targets,
        revoking,
    )


async def fetch_bodies(connection: Connection, first: int, end: int, limit: int) -> list[tuple[int, bytes]]:
    """Fetches the bodies of leaves from `first` up to `end`, in order, at most `limit`."""
    rows = await connection.fetch(
        "SELECT leaf, body FROM log_statement WHERE leaf >= $1 AND leaf < $2 ORDER BY leaf LIMIT $3",
        first,
        end,
        limit,
    )
    return [(row["leaf"], row["body"]) for row in rows]


async def delete_revoked(connection: Connection, size: int) -> list[int]:
    """Erases salt and body of the leaves that an entry below `size` revokes. Returns these leaves."""
    rows = await connection.fetch("DELETE FROM log_statement WHERE revoked_by < $1 RETURNING leaf", size)
    return [row["leaf"] for row in rows]
