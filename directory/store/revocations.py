"""Tokens that their networks have still to revoke. They are stored with the erasure, so that a crash loses
none."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

import asyncpg

from directory.members.tokens import (
    GIVE_UP_REVOKING_AFTER,
    REVOCATION_LEASE,
    Revocation,
    delay_before_revoking,
)
from directory.store.account_columns import account_network_of_code
from directory.store.account_hosts import host_in
from directory.store.accounts import plain_uuid
from directory.store.database import Database
from directory.store.leases import Lease, LeasedTable

REVOCATIONS: Final = LeasedTable(
    name="revocation",
    lease=REVOCATION_LEASE,
    waits="true",
    ending=None,
    hosts=f"ARRAY[{host_in('issuer')}]",
    heeds_backoff=True,
)
_COLUMNS: Final = "id, network, issuer, sealed, attempts, asked_at"


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

    async def release_revocation(self, revocation: Revocation, now: datetime) -> None:
        """Releases a revocation whose attempt was broken off: it is due again now."""
        async with self._database.connection() as connection:
            await REVOCATIONS.release(connection, _lease_of(revocation), now)

    async def finish_revocation(self, revocation: Revocation) -> None:
        """Deletes a revocation that is done, or whose token its network does not know. No copy of the token is
        left."""
        async with self._database.connection() as connection:
            await REVOCATIONS.finish(connection, _lease_of(revocation))

    async def reschedule_revocation(self, revocation: Revocation, now: datetime) -> bool:
        """Reschedules a revocation whose network was unreachable. Returns False if it was given up after 30
        days, and is deleted."""
        async with self._database.connection() as connection:
            if revocation.asked_at <= now - GIVE_UP_REVOKING_AFTER:
                return not await REVOCATIONS.finish(connection, _lease_of(revocation))
            due = now + delay_before_revoking(revocation.attempt)
            await REVOCATIONS.reschedule(connection, _lease_of(revocation), due)
        return True


def _lease_of(revocation: Revocation) -> Lease:
    return Lease(revocation.id, revocation.attempt)


def _revocation_of(row: asyncpg.Record) -> Revocation:
    return Revocation(
        plain_uuid(row["id"]),
        account_network_of_code(row["network"]),
        row["issuer"],
        row["sealed"],
        row["attempts"],
        row["asked_at"],
        tuple(row["hosts"]),
    )
