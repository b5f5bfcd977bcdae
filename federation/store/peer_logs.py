"""Claims and stores how far the logs of peers were read. The caller of each function but the claims holds a transaction.

Trusted: whoever can change these rows decides which tree of a peer this instance takes for the right one.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from directory.mappings import MAX_AHEAD
from directory.origins import Standing
from directory.store.database import Connection, Database
from directory.store.leases import Lease, LeasedTable
from federation.store.tailed import Progress, TailedPeer, TailJob, decode_range, encode_range
from federation.tlog.merkle import CompactRange

TAIL_LEASE: Final = timedelta(minutes=1)
"""A round renews it (`federation/peers/renewing.py`): for so long a peer waits after a process that was killed."""
FARTHEST: Final = timedelta(hours=2)
"""Twice as far ahead as any round is scheduled."""
SLOW: Final = "(slow)"
"""What all the slow ones count as, in the place of a host: of one, some run at a time."""
FOLLOWING: Final = 2
"""The number of `peer.we_follow` under which the bodies of a peer are fetched."""

_STANDS: Final = f"coalesce(o.standing, 0) NOT IN ({Standing.SUSPENDED.value}, {Standing.FROZEN.value})"
PEER_LOGS: Final = LeasedTable(
    name="peer_log",
    lease=TAIL_LEASE,
    waits=(
        "EXISTS (SELECT FROM peer p LEFT JOIN origin o ON o.name = p.origin WHERE p.origin = peer_log.origin"
        f" AND p.confirmed_at IS NOT NULL AND {_STANDS})"
    ),
    ending=None,
    hosts=f"CASE WHEN peer_log.slow_until > $1 THEN ARRAY['{SLOW}'] END",
    farthest=FARTHEST,
)

_PEER: Final = (
    "SELECT p.origin, p.address, p.first_key, p.we_follow, p.strengths, p.daily_cap, p.growth_cap"
    " FROM peer p JOIN peer_log l ON l.origin = p.origin WHERE l.id = $1"
)
_CLAIM_LOG: Final = (
    "UPDATE peer_log SET next_at = $2, attempts = attempts + 1"
    f" WHERE origin = $1 AND {PEER_LOGS.waits} RETURNING id, attempts"
)
_PROGRESS: Final = (
    "SELECT id, size, root, frontier, note, cosigned_at, target_size, bodies_size, day, day_size, free_size, day_taken,"
    " unread_document, failures, stopped, fault FROM peer_log WHERE id = $1"
)


class PeerLogStore:
    """Claims the logs of peers that are due: of confirmed ones alone, neither suspended nor frozen."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim_due(self, now: datetime, busy: Collection[str] = ()) -> TailJob | None:
        """Claims the log that has been due for longest; no slow one where `SLOW` is busy. Returns None where none is."""
        async with self._database.transaction() as connection:
            rows = await PEER_LOGS.claim(connection, now, 1, "id, attempts", busy)
            if not rows:
                return None
            lease = Lease(rows[0]["id"], rows[0]["attempts"])
            [row] = await connection.fetch(_PEER, lease.key)
        return TailJob(lease, _peer_of(row), is_slow=bool(rows[0]["hosts"]))

    async def claim_log(self, origin: str, now: datetime) -> TailJob | None:
        """Claims the log of a peer though it is not due: an attempt that is under way stores nothing after this. Returns
        None where the peer is not read."""
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(_CLAIM_LOG, origin, now + TAIL_LEASE)
            if row is None:
                return None
            lease = Lease(row["id"], row["attempts"])
            [peer] = await connection.fetch(_PEER, lease.key)
        return TailJob(lease, _peer_of(peer))

    async def release(self, lease: Lease, now: datetime) -> None:
        """Releases a log whose reading was broken off: due again now."""
        async with self._database.connection() as connection:
            await PEER_LOGS.release(connection, lease, now)

    async def load(self, lease: Lease) -> Progress | None:
        """Loads how far a log was read. Returns None where the lease was lost, or the log is gone."""
        async with self._database.transaction() as connection:
            return await lock_progress(connection, lease)


def _peer_of(row: asyncpg.Record) -> TailedPeer:
    return TailedPeer(
        origin=row["origin"],
        address=row["address"].rstrip("/"),
        first_key=row["first_key"],
        takes_bodies=row["we_follow"] == FOLLOWING,
        strengths=frozenset(row["strengths"]),
        daily_cap=row["daily_cap"],
        growth_cap=row["growth_cap"],
    )


async def lock_progress(connection: Connection, lease: Lease) -> Progress | None:
    """Locks and loads the progress. Returns None where another attempt counts by now, or the peer is read no more."""
    if not await PEER_LOGS.lock(connection, lease):
        return None
    [row] = await connection.fetch(_PROGRESS, lease.key)
    return Progress(
        log=row["id"],
        size=row["size"],
        root=row["root"],
        range=decode_range(row["size"], row["frontier"]),
        note=row["note"],
        cosigned_at=row["cosigned_at"],
        target_size=row["target_size"],
        bodies_size=row["bodies_size"],
        day=row["day"],
        day_size=row["day_size"],
        free_size=row["free_size"],
        day_taken=row["day_taken"],
        unread_document=row["unread_document"],
        failures=row["failures"],
        stopped=row["stopped"],
        fault=row["fault"],
    )


async def renew(connection: Connection, lease: Lease, now: datetime) -> bool:
    """Lets a lease last for its whole time again. Returns False where another attempt counts by now, or the peer is read no
    more."""
    return await PEER_LOGS.reschedule(connection, lease, now + TAIL_LEASE)


async def begin_day(connection: Connection, log: int, now: datetime) -> None:
    """Begins to count the growth of a new day, from the size that was read."""
    await connection.execute(
        "UPDATE peer_log SET day = $2, day_size = greatest(day_size, size), day_taken = 0"
        " WHERE id = $1 AND day IS DISTINCT FROM $2",
        log,
        now.date(),
    )


async def allow_growth(connection: Connection, log: int, entries: int, read: int) -> None:
    """Lets so many entries more be read today: a withdrawal is held up by no cap. There are at most as many of these as
    mappings that were read before. `read` is the size that was read with them: where they were free already, as they were
    seen at the confirmation, they free nothing beyond."""
    await connection.execute(
        "UPDATE peer_log SET day_size = greatest(day_size, least(greatest(day_size, free_size) + $2, $3)) WHERE id = $1",
        log,
        entries,
        read,
    )


async def set_target(connection: Connection, log: int, size: int) -> None:
    """Sets the newest size that the log has signed, for people to see how far it is. What is free is no more than that, nor
    than what it has shown to the tail before: a log that has shown a size which it never had would be capped by nothing."""
    await connection.execute(
        "UPDATE peer_log SET target_size = $2, free_size = least(free_size, greatest(size, target_size, $2))"
        " WHERE id = $1",
        log,
        size,
    )


async def set_tree(connection: Connection, log: int, edge: CompactRange) -> None:
    """Sets the tree that was read."""
    await connection.execute(
        "UPDATE peer_log SET size = $2, root = $3, frontier = $4 WHERE id = $1",
        log,
        edge.size,
        edge.root(),
        encode_range(edge),
    )


async def set_note(connection: Connection, log: int, note: bytes | None) -> None:
    """Sets the newest checkpoint that is believed."""
    await connection.execute("UPDATE peer_log SET note = $2 WHERE id = $1", log, note)


async def set_cosigned(connection: Connection, log: int, at: datetime, now: datetime) -> None:
    """Sets the time of the log; an earlier one than the one kept changes nothing, unless that is from the future: it was
    kept under a clock of ours that ran ahead."""
    await connection.execute(
        "UPDATE peer_log SET cosigned_at = CASE WHEN cosigned_at > $3 THEN $2 ELSE greatest(cosigned_at, $2) END"
        " WHERE id = $1",
        log,
        at,
        now + MAX_AHEAD,
    )


async def set_bodies_size(connection: Connection, log: int, size: int) -> None:
    """Sets up to where bodies were asked for."""
    await connection.execute("UPDATE peer_log SET bodies_size = $2 WHERE id = $1", log, size)


async def count_bodies(connection: Connection, log: int, taken: int, skipped: int, invalid: int) -> None:
    """Counts what came of the bodies of a step."""
    await connection.execute(
        "UPDATE peer_log SET day_taken = day_taken + $2, skipped = skipped + $3, invalid = invalid + $4 WHERE id = $1",
        log,
        taken,
        skipped,
        invalid,
    )


async def set_outcome(  # noqa: PLR0913 - each a column
    connection: Connection,
    log: int,
    now: datetime,
    *,
    stopped: str = "",
    fault: str = "",
    quiet_under: bytes | None = None,
) -> None:
    """Records how a round ended: with a fault it counts as a failure, else there are none."""
    await connection.execute(
        "UPDATE peer_log SET stopped = $2, fault = $3, failures = CASE WHEN $3 = '' THEN 0 ELSE failures + 1 END,"
        " seen_at = CASE WHEN $3 = '' THEN $4 ELSE seen_at END, quiet_under = $5 WHERE id = $1",
        log,
        stopped,
        fault,
        now,
        quiet_under,
    )


async def set_slow(connection: Connection, log: int, until: datetime) -> None:
    """Has a log read among the slow ones until then."""
    await connection.execute("UPDATE peer_log SET slow_until = $2 WHERE id = $1", log, until)


async def cut_progress(connection: Connection, log: int, edge: CompactRange) -> None:
    """Sets the tree back to a smaller one, and what was asked for with it. No checkpoint is believed any more. What was free
    stays free: it has to be read again."""
    await set_tree(connection, log, edge)
    await connection.execute(
        "UPDATE peer_log SET note = NULL, bodies_size = least(bodies_size, $2), day_size = least(day_size, $2),"
        " unread_document = CASE WHEN unread_document < $2 THEN unread_document END WHERE id = $1",
        log,
        edge.size,
    )


async def free_up_to(connection: Connection, log: int, size: int) -> None:
    """Lets a log be read anew up to a size, whatever its caps."""
    await connection.execute(
        "UPDATE peer_log SET free_size = greatest(free_size, $2) WHERE id = $1", log, size
    )


async def fetch_documents(connection: Connection, log: int) -> Sequence[tuple[bytes, int | None]]:
    """Fetches the operations documents of a log, the first one first, with their leaves."""
    rows = await connection.fetch("SELECT note, leaf FROM peer_document WHERE log = $1 ORDER BY number", log)
    return [(row["note"], row["leaf"]) for row in rows]


async def store_documents(
    connection: Connection, log: int, documents: Sequence[tuple[int, bytes, int | None]]
) -> None:
    """Stores documents with their numbers and leaves; those of the same number are replaced."""
    if documents:
        await connection.executemany(
            "INSERT INTO peer_document (log, number, note, leaf) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (log, number) DO UPDATE SET note = excluded.note, leaf = excluded.leaf",
            [(log, *each) for each in documents],
        )


async def set_unread_document(connection: Connection, log: int, leaf: int | None) -> None:
    """Sets which document could not be had, by its leaf."""
    await connection.execute("UPDATE peer_log SET unread_document = $2 WHERE id = $1", log, leaf)


async def delete_documents_from(connection: Connection, log: int, number: int) -> None:
    """Deletes the documents of a log from a number on."""
    await connection.execute("DELETE FROM peer_document WHERE log = $1 AND number >= $2", log, number)


async def cut_documents(connection: Connection, log: int, size: int) -> None:
    """Gives up the documents whose entries are from leaf `size` on, with all after them. The first one stays, which
    operators have compared, as one that is still to be found."""
    await connection.execute(
        "DELETE FROM peer_document WHERE log = $1 AND number > 0"
        " AND number >= (SELECT min(number) FROM peer_document WHERE log = $1 AND leaf >= $2)",
        log,
        size,
    )
    await connection.execute("UPDATE peer_document SET leaf = NULL WHERE log = $1 AND leaf >= $2", log, size)
