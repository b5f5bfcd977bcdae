"""The samples of peers as rows of work, and what looking at them has shown."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

import msgspec

from directory.mappings import Mapping
from directory.origins import ANSWERING
from directory.store.database import Connection, Database
from directory.store.leases import Lease, LeasedTable
from directory.store.mapping_conditions import IS_ACTIVE
from directory.store.mapping_rows import find_origin_number, record_own_look
from directory.store.mappings import mapping_of
from federation.protocol.peer import WeFollow

SAMPLE_LEASE: Final = timedelta(minutes=5)
SAMPLES: Final = LeasedTable(
    name="peer_sample", lease=SAMPLE_LEASE, waits="result IS NULL", ending="result = $3, reason = $4"
)
_STANDINGS: Final = [standing.value for standing in sorted(ANSWERING)]
_PEER: Final = """
SELECT p.origin, o.id, p.sample_size, l.size FROM peer p JOIN origin o ON o.name = p.origin
JOIN peer_log l ON l.origin = p.origin
WHERE p.confirmed_at IS NOT NULL AND p.we_follow = $2 AND o.standing = ANY($3::smallint[])
"""
_UNPLANNED: Final = f"""
{_PEER} AND p.sample_size > 0 AND NOT EXISTS (SELECT FROM peer_sample s WHERE s.origin = p.origin AND s.month = $1)
    AND EXISTS (SELECT FROM mapping m WHERE m.origin = o.id AND m.leaf IS NOT NULL AND {IS_ACTIVE})
"""
_OF_ORIGIN: Final = f"{_PEER} AND p.origin = $1"
_NEW: Final = (
    "NOT EXISTS (SELECT FROM peer_sample s WHERE s.origin = $2 AND s.month = $3 AND s.leaf = m.leaf)"
)
_LEAVES: Final = f"SELECT m.leaf FROM mapping m WHERE m.origin = $1 AND m.leaf IS NOT NULL AND {IS_ACTIVE} AND {_NEW} LIMIT $4"
_ALIVE: Final = f"SELECT m.leaf FROM mapping m WHERE m.origin = $1 AND m.leaf = ANY($4::bigint[]) AND {IS_ACTIVE} AND {_NEW}"
_MAPPING: Final = f"""
SELECT m.x_id, m.x_handle, m.network, m.target_id, m.target_handle, m.strength, m.evidence, origin.name AS origin, m.leaf,
    m.issued, m.expires, origin.standing, m.is_contested, true AS answers_by_name, false AS is_stale, false AS is_checked
FROM mapping m JOIN origin ON origin.id = m.origin WHERE origin.name = $1 AND m.leaf = $2 AND {IS_ACTIVE}
"""


# What was seen last of a leaf counts, in whichever month.
_REFUTED: Final = """
SELECT leaf FROM (SELECT DISTINCT ON (leaf) leaf, result FROM peer_sample
    WHERE origin = $1 AND leaf >= $2 AND leaf < $3 AND result IS NOT NULL ORDER BY leaf, month DESC) AS looked
WHERE result = $4
"""


class SampledPeer(msgspec.Struct, frozen=True):
    """A peer that is looked at: `count` samples a month of a log of `size` leaves."""

    origin: str
    number: int
    count: int
    size: int


class SampleJob(msgspec.Struct, frozen=True):
    """One attempt at a sample. `leaf` is None until it is drawn, when its moment has come."""

    id: int
    attempt: int
    origin: str
    month: date
    leaf: int | None

    @property
    def lease(self) -> Lease:
        return Lease(self.id, self.attempt)


class PeerSampleStore:
    """Trusted: whoever can change these rows can have a peer limited, or its mappings followed unseen."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_unplanned(self, month: date) -> list[SampledPeer]:
        """Finds the followed and limited peers that have mappings here, and no samples of a month."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_UNPLANNED, month, WeFollow.FOLLOWING.value, _STANDINGS)
        return [SampledPeer(*row) for row in map(tuple, rows)]

    async def find_sampled(self, origin: str) -> SampledPeer | None:
        """Finds a peer that is followed or limited. Returns None where it does not answer here."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_OF_ORIGIN, origin, WeFollow.FOLLOWING.value, _STANDINGS)
        return None if row is None else SampledPeer(*tuple(row))

    async def find_leaves(self, peer: SampledPeer, month: date, limit: int) -> list[int]:
        """Finds leaves of a peer that answer and were not drawn in a month, at most `limit`, in no order."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_LEAVES, peer.number, peer.origin, month, limit)
        return [row[0] for row in rows]

    async def keep_alive(self, peer: SampledPeer, month: date, leaves: Sequence[int]) -> set[int]:
        """Returns those of the leaves that answer and were not drawn in a month."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_ALIVE, peer.number, peer.origin, month, leaves)
        return {row[0] for row in rows}

    async def record_planned(self, origin: str, month: date, moments: Sequence[datetime]) -> None:
        """Records when samples of a month are drawn, unless another process has."""
        async with self._database.transaction() as connection:
            await connection.execute("SELECT FROM peer WHERE origin = $1 FOR UPDATE", origin)
            await connection.execute(
                "INSERT INTO peer_sample (origin, month, next_at) SELECT $1, $2, moment"
                " FROM unnest($3::timestamptz[]) AS planned (moment)"
                " WHERE NOT EXISTS (SELECT FROM peer_sample WHERE origin = $1 AND month = $2)",
                origin,
                month,
                moments,
            )

    async def record_drawn(self, job: SampleJob, leaf: int) -> bool:
        """Records which leaf was drawn. Returns False where another attempt counts by now, or has drawn the same."""
        async with self._database.transaction() as connection:
            await connection.execute("SELECT FROM peer WHERE origin = $1 FOR UPDATE", job.origin)
            if not await SAMPLES.lock(connection, job.lease):
                return False
            done = await connection.execute(
                "UPDATE peer_sample SET leaf = $2 WHERE id = $1 AND NOT EXISTS (SELECT FROM peer_sample s"
                " WHERE s.origin = $3 AND s.month = $4 AND s.leaf = $2)",
                job.id,
                leaf,
                job.origin,
                job.month,
            )
        return done == "UPDATE 1"

    async def claim_due(self, now: datetime) -> SampleJob | None:
        """Claims a sample that is due. Returns None where none is."""
        async with self._database.connection() as connection:
            rows = await SAMPLES.claim(connection, now, 1, "id, attempts, origin, month, leaf")
        return SampleJob(*tuple(rows[0])[:5]) if rows else None

    async def release(self, job: SampleJob, now: datetime) -> None:
        """Releases a sample whose attempt was broken off: it is due again now."""
        async with self._database.connection() as connection:
            await SAMPLES.release(connection, job.lease, now)

    async def reschedule(self, job: SampleJob, due: datetime) -> None:
        """Ends an attempt, and makes the next one due at `due`."""
        async with self._database.connection() as connection:
            await SAMPLES.reschedule(connection, job.lease, due)

    async def drop(self, job: SampleJob) -> None:
        """Deletes a sample whose mapping answers no more, or for which there is none."""
        async with self._database.transaction() as connection:
            if await SAMPLES.lock(connection, job.lease):
                await connection.execute("DELETE FROM peer_sample WHERE id = $1", job.id)

    async def find_mapping(self, job: SampleJob) -> Mapping | None:
        """Finds the mapping of a sample, with its evidence. Returns None where it answers no more."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_MAPPING, job.origin, job.leaf)
        return None if row is None else mapping_of(row)

    async def find_former(self, origin: str) -> list[str]:
        """Finds the origins that have moved to this one, by their own word."""
        async with self._database.connection() as connection:
            rows = await connection.fetch("SELECT origin FROM peer WHERE moved_to = $1", origin)
        return [row[0] for row in rows]

    async def record(
        self, job: SampleJob, result: int, reason: str, until: datetime | None, *, is_refuted: bool
    ) -> bool:
        """Records a result, with the mapping: `until` is how long a look that it withstood counts. Returns False where
        another attempt counts by now."""
        async with self._database.transaction() as connection:
            if not await SAMPLES.finish(connection, job.lease, result, reason):
                return False
            number = await connection.fetchval("SELECT id FROM origin WHERE name = $1", job.origin)
            if job.leaf is not None:
                await record_own_look(connection, number, job.leaf, until, is_refuted=is_refuted)
        return True

    async def count_results(self, origin: str, month: date) -> dict[int, int]:
        """Counts the results of a month by their numbers."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT result, count(*) FROM peer_sample WHERE origin = $1 AND month = $2 AND result IS NOT NULL"
                " GROUP BY result",
                origin,
                month,
            )
        return {row[0]: row[1] for row in rows}


async def mark_refuted(connection: Connection, origin: str, leaves: range, refuted: int) -> None:
    """Marks the mappings of a run of leaves of which our own look has shown the result `refuted` last. They may have been
    deleted since, with the mark, and taken in anew."""
    found = await connection.fetch(_REFUTED, origin, leaves.start, leaves.stop, refuted)
    number = await find_origin_number(connection, origin) if found else None
    if number is not None:
        for row in found:
            await record_own_look(connection, number, row["leaf"], None, is_refuted=True)


async def forget_leaves(connection: Connection, origin: str, first: int) -> None:
    """Forgets of which leaves samples are, from leaf `first` on: they may say something else from now on. What came of the
    samples counts for the peer still."""
    await connection.execute(
        "UPDATE peer_sample SET leaf = NULL WHERE origin = $1 AND leaf >= $2", origin, first
    )
