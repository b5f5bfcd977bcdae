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
    ) -> tuple[UUID | None, int]:
        """Reseals up to `limit` rows above `after` that do not begin with `header`, in one transaction.

        `reseal` returns None for what cannot be opened. Returns the id of the last row (None where no more
        follow) and how many could not be opened.
        """
        async with self._database.transaction() as connection:
            rows = [
                SealedRow(plain_uuid(row["id"]), row["sealed"])
                for row in await connection.fetch(
                    f"SELECT id, sealed FROM {table} WHERE id > $1"
                    f" AND substring(sealed FROM 1 FOR {HEADER_BYTES}) <> $2 ORDER BY id LIMIT $3 FOR UPDATE",
                    after,
                    header,
                    limit,
                )
            ]
            resealed = [(row.id, reseal(row)) for row in rows]
            await connection.executemany(
                f"UPDATE {table} SET sealed = $2 WHERE id = $1",
                [(number, sealed) for number, sealed in resealed if sealed is not None],
            )
        broken = sum(sealed is None for _, sealed in resealed)
        return (rows[-1].id if len(rows) == limit else None), broken


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
