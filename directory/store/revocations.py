"""Tokens that their networks have still to be told to forget: written with the erasure, so that no crash loses one."""

from datetime import datetime

from directory.members.tokens import (
    GIVE_UP_REVOKING_AFTER,
    REVOCATION_LEASE,
    Revocation,
    delay_before_revoking,
)
from directory.store.account_columns import account_network_of_code
from directory.store.accounts import plain_uuid
from directory.store.database import Database


class RevocationStore:
    """Names no member. Trusted: whoever can delete these rows keeps permissions alive."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim_revocations(self, now: datetime, limit: int) -> list[Revocation]:
        """Due ones, each for five minutes nobody else's. To revoke twice is harmless."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "UPDATE revocation SET attempts = attempts + 1, next_at = $2 WHERE id IN"
                " (SELECT id FROM revocation WHERE next_at <= $1 ORDER BY next_at LIMIT $3"
                " FOR UPDATE SKIP LOCKED) RETURNING id, network, issuer, sealed, attempts",
                now,
                now + REVOCATION_LEASE,
                limit,
            )
        return [
            Revocation(
                plain_uuid(row["id"]),
                account_network_of_code(row["network"]),
                row["issuer"],
                row["sealed"],
                row["attempts"],
            )
            for row in rows
        ]

    async def finish(self, revocation: Revocation) -> None:
        """It is revoked, or its network does not know it: the last copy goes."""
        async with self._database.connection() as connection:
            await connection.execute("DELETE FROM revocation WHERE id = $1", revocation.id)

    async def put_off(self, revocation: Revocation, now: datetime) -> bool:
        """The network could not be reached. False: after 30 days of that it was given up, and is gone."""
        async with self._database.connection() as connection:
            await connection.execute(
                "UPDATE revocation SET next_at = $3 WHERE id = $1 AND attempts = $2",
                revocation.id,
                revocation.attempt,
                now + delay_before_revoking(revocation.attempt),
            )
            given_up = await connection.fetchval(
                "DELETE FROM revocation WHERE id = $1 AND asked_at <= $2 RETURNING true",
                revocation.id,
                now - GIVE_UP_REVOKING_AFTER,
            )
        return given_up is None

    async def count(self) -> int:
        """How many are outstanding."""
        async with self._database.connection() as connection:
            return int(await connection.fetchval("SELECT count(*) FROM revocation"))
