"""Stores when each peer is asked next to cosign our own log, and how that went. Not trusted: at most can ask too often."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from directory.store.database import Connection, Database
from directory.store.leases import Lease, LeasedTable
from directory.store.mapping_conditions import STANDING_ANSWERS
from federation.store.peer_chains import KnownPeer, fetch_known_peer

ROUND_LEASE: Final = timedelta(minutes=4)
RECENT: Final = timedelta(minutes=30)
FARTHEST: Final = timedelta(hours=2)
"""Twice as far ahead as any round is scheduled."""

ROUNDS: Final = LeasedTable(
    name="peer_witness",
    lease=ROUND_LEASE,
    waits=(
        "EXISTS (SELECT FROM peer p JOIN origin ON origin.name = p.origin WHERE p.origin = peer_witness.origin"
        f" AND p.confirmed_at IS NOT NULL AND {STANDING_ANSWERS})"
    ),
    ending="size = $3, cosigned_at = coalesce($4, cosigned_at), fault = $5, failures = $6, next_at = $7",
    hosts="ARRAY(SELECT split_part(p.address, '//', 2) FROM peer p WHERE p.origin = peer_witness.origin)",
    farthest=FARTHEST,
    heeds_backoff=True,
)
_MISSING: Final = """
INSERT INTO peer_witness (origin, next_at) SELECT p.origin, $1 FROM peer p WHERE p.confirmed_at IS NOT NULL
    AND NOT EXISTS (SELECT FROM peer_witness w WHERE w.origin = p.origin) ON CONFLICT DO NOTHING
"""
_STATES: Final = """
SELECT w.origin, w.size, w.cosigned_at, w.fault, s.published_size FROM peer_witness w
JOIN peer p ON p.origin = w.origin LEFT JOIN log_state s ON true ORDER BY w.origin
"""


@dataclass(frozen=True, slots=True)
class Round:
    """A peer that is asked now. `size` is what it was last known to have cosigned of our log."""

    lease: Lease
    peer: KnownPeer
    size: int
    failures: int
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WitnessState:
    """How a peer cosigns our own log: up to which size, when last, and what was wrong the last time."""

    origin: str
    size: int
    cosigned_at: datetime | None
    fault: str
    is_on_published: bool
    """Whether it has cosigned all that is published."""

    def is_recent(self, now: datetime) -> bool:
        """Whether it has cosigned within the last three rounds."""
        return self.cosigned_at is not None and self.cosigned_at > now - RECENT


@dataclass(frozen=True, slots=True)
class RoundEnd:
    """How a round ended: the size that the peer has cosigned, when, or what was wrong; and when it is asked next."""

    size: int
    cosigned_at: datetime | None
    fault: str
    failures: int
    due: datetime


class WitnessRounds:
    """One row for each confirmed peer, made when it is due for the first time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, now: datetime, busy: Collection[str]) -> Round | None:
        """Claims a peer that is due. Returns None where none is."""
        async with self._database.transaction() as connection:
            await connection.execute(_MISSING, now)
            rows = await ROUNDS.claim(connection, now, 1, "id, attempts, origin, size, failures", busy)
            if not rows:
                return None
            row = rows[0]
            peer = await fetch_known_peer(connection, row["origin"])
            if peer is None:
                return None
            lease = Lease(row["id"], row["attempts"])
            return Round(lease, peer, row["size"], row["failures"], tuple(row["hosts"]))

    async def release(self, lease: Lease, now: datetime) -> None:
        """Makes an interrupted round due again."""
        async with self._database.connection() as connection:
            await ROUNDS.release(connection, lease, now)

    async def list_states(self) -> list[WitnessState]:
        """Lists how each peer cosigns our log."""
        async with self._database.connection() as connection:
            return await fetch_witness_states(connection)


async def finish_round(connection: Connection, lease: Lease, end: RoundEnd) -> bool:
    """Records how a round ended. Returns False where another attempt counts by now."""
    return await ROUNDS.finish(connection, lease, end.size, end.cosigned_at, end.fault, end.failures, end.due)


async def fetch_witness_states(connection: Connection) -> list[WitnessState]:
    """Fetches how each peer cosigns our log, over a connection of the caller's."""
    rows = await connection.fetch(_STATES)
    return [
        WitnessState(
            row["origin"], row["size"], row["cosigned_at"], row["fault"], row["size"] == row["published_size"]
        )
        for row in rows
    ]
