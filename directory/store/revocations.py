"""Tokens that their networks have still to revoke. They are stored with the grant or with the erasure, so that a
crash loses none.

Some servers give the same token again for the same app, person and scope: a revocation must not end a token that
somebody keeps. Keeping and revoking one token take turns (`take_token_turn`), and in its turn
- keeping a token drops the revocations of it that wait (`need_token`);
- an attempt begins only where nobody keeps the token, and marks its row (`begin`);
- an attempt ends by deleting the token that was kept while it was at the network (`_end`): that one is dead, and
  its owner is asked to sign in again. A mark that a killed process left has the next attempt do the same.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Final

import asyncpg

from directory.clock import CLOCK_SLACK
from directory.members.tokens import (
    MAX_REVOCATION_DELAY,
    REVOCATION_LEASE,
    Revocation,
    delay_before_revoking,
    is_given_up,
)
from directory.store.account_columns import account_network_code, account_network_of_code
from directory.store.account_hosts import host_in
from directory.store.accounts import plain_uuid
from directory.store.database import Connection, Database
from directory.store.leases import Lease, LeasedTable
from directory.store.tokens import take_token_turn

REVOCATIONS: Final = LeasedTable(
    name="revocation",
    lease=REVOCATION_LEASE,
    waits="true",
    ending=None,
    hosts=f"ARRAY[{host_in('issuer')}]",
    farthest=MAX_REVOCATION_DELAY + CLOCK_SLACK,
    heeds_backoff=True,
)
_COLUMNS: Final = "id, network, issuer, token_hash, sealed, attempts, asked_at"


class RevocationStore:
    """Names no member. Trusted: whoever can delete these rows keeps permissions alive."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim_due_revocations(
        self, now: datetime, limit: int, busy: Collection[str] = ()
    ) -> list[Revocation]:
        """Claims revocations to attempt now, each for five minutes; none at a `busy` host. Revoking twice is
        harmless."""
        async with self._database.connection() as connection:
            rows = await REVOCATIONS.claim(connection, now, limit, _COLUMNS, busy)
        return [_revocation_of(row) for row in rows]

    async def add_revocation(self, revocation: Revocation, due: datetime) -> None:
        """Stores a token that is to be revoked at `due`, unless it is kept before. Durable once it returns."""
        async with self._database.connection() as connection:
            await connection.execute(
                "INSERT INTO revocation (id, network, issuer, token_hash, sealed, asked_at, next_at)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7)",
                revocation.id,
                account_network_code(revocation.network),
                revocation.issuer,
                revocation.hash,
                revocation.sealed,
                revocation.asked_at,
                due,
            )

    async def begin_revocation(self, revocation: Revocation, now: datetime) -> bool:
        """Marks that an attempt goes to the network now.

        Returns False where it must not: somebody keeps the token, and the revocation is dropped; or another
        attempt counts by now.
        """
        async with self._database.transaction() as connection:
            await take_token_turn(connection, revocation.hash)
            if not await REVOCATIONS.lock(connection, _lease_of(revocation)):
                return False
            dropped = await connection.fetchval(
                "DELETE FROM revocation WHERE id = $1 AND sent_at IS NULL"
                " AND EXISTS (SELECT FROM token WHERE token_hash = $2) RETURNING true",
                revocation.id,
                revocation.hash,
            )
            if dropped:
                return False
            await connection.execute("UPDATE revocation SET sent_at = $2 WHERE id = $1", revocation.id, now)
        return True

    async def release_revocation(self, revocation: Revocation, now: datetime) -> None:
        """Releases a revocation whose attempt was broken off: it is due again now. Its mark stays."""
        async with self._database.connection() as connection:
            await REVOCATIONS.release(connection, _lease_of(revocation), now)

    async def finish_revocation(self, revocation: Revocation) -> None:
        """Deletes a revocation that is done, or whose token its network does not know. No copy of the token is
        left."""
        async with self._database.transaction() as connection:
            await _end(connection, revocation)
            await REVOCATIONS.finish(connection, _lease_of(revocation))

    async def reschedule_revocation(self, revocation: Revocation, now: datetime) -> bool:
        """Reschedules a revocation whose network was unreachable. Returns False if it was given up after 30
        days, and is deleted."""
        async with self._database.transaction() as connection:
            await _end(connection, revocation)
            if is_given_up(revocation, now):
                return not await REVOCATIONS.finish(connection, _lease_of(revocation))
            due = now + delay_before_revoking(revocation.attempt)
            await REVOCATIONS.reschedule(connection, _lease_of(revocation), due)
        return True


async def _end(connection: Connection, revocation: Revocation) -> None:
    """Ends an attempt that was at the network: deletes the token that was kept meanwhile.

    Whatever the network answered: it may have revoked the token and not said so. Where another attempt counts by
    now, nothing is done.
    """
    await take_token_turn(connection, revocation.hash)
    was_sent = await connection.fetchval(
        "UPDATE revocation SET sent_at = NULL WHERE id = $1 AND attempts = $2 AND sent_at IS NOT NULL"
        " RETURNING true",
        *_lease_of(revocation),
    )
    if was_sent:
        await connection.execute("DELETE FROM token WHERE token_hash = $1", revocation.hash)


def _lease_of(revocation: Revocation) -> Lease:
    return Lease(revocation.id, revocation.attempt)


def _revocation_of(row: asyncpg.Record) -> Revocation:
    return Revocation(
        plain_uuid(row["id"]),
        account_network_of_code(row["network"]),
        row["issuer"],
        row["token_hash"],
        row["sealed"],
        row["attempts"],
        row["asked_at"],
        tuple(row["hosts"]),
    )
