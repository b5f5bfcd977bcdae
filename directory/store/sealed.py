"""Reads and replaces every sealed column, for rotating the vault's keys."""

from collections.abc import Callable
from uuid import UUID

import msgspec

from directory.store.accounts import plain_uuid
from directory.store.database import Connection, Database
from directory.store.member_tables import SEALED_TABLES
from directory.vault import HEADER_BYTES


class SealedRow(msgspec.Struct, frozen=True):
    """A sealed message and the row that it is in."""

    id: UUID
    sealed: bytes


class SealedStore:
    """Trusted: whoever can change these columns can destroy what is sealed, and read none of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_headers(self) -> set[bytes]:
        """Lists the headers of all sealed messages: a version and the key each was sealed under. Empty where
        nothing is sealed."""
        async with self._database.connection() as connection:
            return await fetch_headers(connection)

    async def reseal_rows(
        self, table: str, header: bytes, after: UUID, limit: int, reseal: Callable[[SealedRow], bytes | None]
    ) -> UUID | None:
        """Reseals up to `limit` rows above `after` that do not begin with `header`, in one transaction, but for those that
        somebody is changing: whoever holds rows and waits for others can wait for one that waits for them.

        `reseal` returns None for what cannot be opened. Returns the id of the last row; None where no more follow.
        """
        async with self._database.transaction() as connection:
            rows = await _lock_rows(connection, f"{_to_reseal(table)} SKIP LOCKED", after, header, limit)
            await _reseal(connection, table, rows, reseal)
        return rows[-1].id if len(rows) == limit else None

    async def reseal_next(
        self, table: str, header: bytes, after: UUID, reseal: Callable[[SealedRow], bytes | None]
    ) -> tuple[UUID | None, bool]:
        """Reseals the next row above `after` that does not begin with `header`, and waits for whoever is changing it.

        Returns its id, None where no more follow, and whether it could be opened.
        """
        async with self._database.transaction() as connection:
            rows = await _lock_rows(connection, _to_reseal(table), after, header, 1)
            opened = await _reseal(connection, table, rows, reseal)
        return (rows[0].id if rows else None), opened == len(rows)


async def _lock_rows(connection: Connection, sql: str, *values: object) -> list[SealedRow]:
    return [SealedRow(plain_uuid(row["id"]), row["sealed"]) for row in await connection.fetch(sql, *values)]


def _to_reseal(table: str) -> str:
    """Returns the statement that locks rows above $1 that do not begin with the header $2, at most $3."""
    return (
        f"SELECT id, sealed FROM {table} WHERE id > $1"
        f" AND substring(sealed FROM 1 FOR {HEADER_BYTES}) <> $2 ORDER BY id LIMIT $3 FOR UPDATE"
    )


async def _reseal(
    connection: Connection, table: str, rows: list[SealedRow], reseal: Callable[[SealedRow], bytes | None]
) -> int:
    """Returns how many could be opened."""
    resealed = [(row.id, sealed) for row in rows if (sealed := reseal(row)) is not None]
    await connection.executemany(f"UPDATE {table} SET sealed = $2 WHERE id = $1", resealed)
    return len(resealed)


async def fetch_headers(connection: Connection) -> set[bytes]:
    """Reads the headers of all sealed messages: a version and the key each was sealed under. Empty where
    nothing is sealed."""
    found: set[bytes] = set()
    for table in SEALED_TABLES:
        rows = await connection.fetch(
            f"SELECT DISTINCT substring(sealed FROM 1 FOR {HEADER_BYTES}) AS header FROM {table}"
        )
        found |= {row["header"] for row in rows}
    return found
