"""Stores the evidence that is still to be sent to peers. Not trusted: at most can leave a peer untold."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from directory.store.database import Database
from directory.store.leases import Lease, LeasedTable
from directory.store.mapping_conditions import STANDING_ANSWERS

DELIVERY_LEASE: Final = timedelta(minutes=4)
DELIVER_FOR: Final = timedelta(days=30)
"""A peer that has not taken evidence for so long is told no more."""
FARTHEST: Final = timedelta(hours=12)
"""Twice as far ahead as any delivery is scheduled."""

DELIVERIES: Final = LeasedTable(
    name="peer_delivery",
    lease=DELIVERY_LEASE,
    waits=(
        "EXISTS (SELECT FROM peer p JOIN origin ON origin.name = p.origin WHERE p.origin = peer_delivery.origin"
        f" AND p.confirmed_at IS NOT NULL AND {STANDING_ANSWERS})"
    ),
    ending=None,
    hosts="ARRAY(SELECT split_part(p.address, '//', 2) FROM peer p WHERE p.origin = peer_delivery.origin)",
    farthest=FARTHEST,
    heeds_backoff=True,
)
_FILE: Final = """
SELECT p.address, e.file FROM peer_delivery d JOIN peer_evidence e ON e.id = d.evidence
JOIN peer p ON p.origin = d.origin WHERE d.id = $1
"""
_OVERDUE: Final = (
    "DELETE FROM peer_delivery d USING peer_evidence e WHERE e.id = d.evidence AND e.found_at < $1"
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A file of evidence that a peer is told now."""

    lease: Lease
    origin: str
    address: str
    file: bytes
    hosts: tuple[str, ...]


class DeliveryStore:
    """Rows are made with the evidence itself, and deleted once it was taken or is overdue."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, now: datetime, busy: Collection[str]) -> Delivery | None:
        """Claims a delivery that is due; deletes those that are overdue. Returns None where none is due."""
        async with self._database.transaction() as connection:
            await connection.execute(_OVERDUE, now - DELIVER_FOR)
            rows = await DELIVERIES.claim(connection, now, 1, "id, attempts, origin", busy)
            found = await connection.fetchrow(_FILE, rows[0]["id"]) if rows else None
        if found is None:
            return None
        row = rows[0]
        return Delivery(
            Lease(row["id"], row["attempts"]),
            row["origin"],
            found["address"],
            bytes(found["file"]),
            tuple(row["hosts"]),
        )

    async def release(self, lease: Lease, now: datetime) -> None:
        """Makes an interrupted delivery due again."""
        async with self._database.connection() as connection:
            await DELIVERIES.release(connection, lease, now)

    async def reschedule(self, lease: Lease, due: datetime) -> None:
        """Ends an attempt that failed."""
        async with self._database.connection() as connection:
            await DELIVERIES.reschedule(connection, lease, due)

    async def finish(self, lease: Lease) -> None:
        """Deletes a delivery that was made, or that its peer will never take."""
        async with self._database.connection() as connection:
            await DELIVERIES.finish(connection, lease)
