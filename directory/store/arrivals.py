"""Arrivals: leaves that were taken in and are still to be matched with kept follow lists.

An arrival is a range of leaves of one origin, not a row for each person: the first sync of a large peer stores
a few.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from directory.follows.newcomers import Newcomer, match_waiting
from directory.mappings import MAX_AHEAD, Mapping, has_begun
from directory.store.database import Connection, Database
from directory.store.follow_lists import fetch_waiting
from directory.store.leases import Lease, LeasedTable
from directory.store.mapping_conditions import IS_ACTIVE, IS_NOT_HIDDEN, STANDING_ANSWERS
from directory.store.mappings import mapping_of

LEAVES_AT_ONCE: Final = 1_000
"""Leaves that are matched with the kept lists in one transaction."""

_COLUMNS: Final = (
    "m.x_id, m.x_handle, m.network, m.target_id, m.target_handle, m.strength, '[]' AS evidence,"
    " origin.name AS origin, m.leaf, m.issued, m.expires, origin.standing, m.is_contested"
)
# Hides and standings change, an arrival is matched once: so both are applied when newcomers are read.
_ARRIVED: Final = f"""
SELECT m.id, {_COLUMNS}, m.name_until > $1 AS answers_by_name FROM mapping m JOIN origin ON origin.id = m.origin
WHERE {IS_ACTIVE} AND m.expires > $1 AND m.origin = $2 AND m.leaf >= $3 AND m.leaf < $4 ORDER BY m.leaf LIMIT $5
"""
# Found once, they are told whether the handle still answers or not.
_OF_MEMBER: Final = f"""
SELECT n.found_at, {_COLUMNS}, true AS answers_by_name FROM newcomer n JOIN follow_list f ON f.id = n.follow_list
JOIN mapping m ON m.id = n.mapping JOIN origin ON origin.id = m.origin
WHERE f.member = $1 AND {IS_ACTIVE} AND {IS_NOT_HIDDEN} AND {STANDING_ANSWERS} ORDER BY n.found_at, n.id
"""
# Locks lists and mappings: one that is being deleted right now is left out and breaks no foreign key.
_ADD_NEWCOMERS: Final = """
INSERT INTO newcomer (follow_list, mapping, found_at)
SELECT f.id, m.id, $3 FROM unnest($1::uuid[], $2::bigint[]) AS n (follow_list, mapping)
JOIN follow_list f ON f.id = n.follow_list JOIN mapping m ON m.id = n.mapping FOR KEY SHARE OF f, m
ON CONFLICT (follow_list, mapping) DO NOTHING RETURNING id
"""


ARRIVAL_LEASE: Final = timedelta(minutes=5)
ARRIVALS: Final = LeasedTable(name="arrival", lease=ARRIVAL_LEASE, waits="true", ending=None)


class Arrival(msgspec.Struct, frozen=True):
    """One attempt at a range of leaves of an origin, from `next_leaf` up to `end_leaf`."""

    id: int
    attempt: int
    origin: int
    next_leaf: int
    end_leaf: int

    @property
    def lease(self) -> Lease:
        return Lease(self.id, self.attempt)


class ArrivalStore:
    """Trusted: whoever can change these rows can have people found for members who did not wait for them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim_due_arrival(self, now: datetime) -> Arrival | None:
        """Claims the arrival that has waited longest. Returns None where none is due."""
        async with self._database.connection() as connection:
            rows = await ARRIVALS.claim(connection, now, 1, "id, attempts, origin, next_leaf, end_leaf")
        return Arrival(*tuple(rows[0])[:5]) if rows else None

    async def release_arrival(self, arrival: Arrival, now: datetime) -> None:
        """Releases an arrival whose attempt was broken off: it is due again now."""
        async with self._database.connection() as connection:
            await ARRIVALS.release(connection, arrival.lease, now)

    async def meet_arrival(self, arrival: Arrival, now: datetime) -> int:
        """Matches the next leaves of an arrival with all kept lists, in one transaction.

        Those that were issued in the future are recorded as an arrival of their own, due when the first of them has
        begun to hold. The arrival then starts behind them and is due again; after the last leaf it is finished. Returns how
        many newcomers were found. Repeated, or after the lease was lost, it changes nothing.
        """
        async with self._database.transaction() as connection:
            if not await ARRIVALS.lock(connection, arrival.lease):
                return 0
            rows = await connection.fetch(
                _ARRIVED,
                now,
                arrival.origin,
                arrival.next_leaf,
                arrival.end_leaf,
                LEAVES_AT_ONCE,
            )
            arrived = [(row[0], mapping_of(row[1:])) for row in map(tuple, rows)]
            begun = [each for each in arrived if has_begun(each[1].issued, now)]
            found = await _find_newcomers(connection, begun, now)
            await _put_off_waiting(connection, arrival, [mapping for _, mapping in arrived], now)
            await _advance(connection, arrival, arrived, now)
        return found


async def record_arrival(connection: Connection, origin: int, first: int, end: int, now: datetime) -> None:
    """Records that leaves from `first` up to `end` of an origin were taken in; due at `now`."""
    await connection.execute(
        "INSERT INTO arrival (origin, next_leaf, end_leaf, next_at) VALUES ($1, $2, $3, $4)",
        origin,
        first,
        end,
        now,
    )


async def extend_arrival(connection: Connection, origin: int, first: int, end: int, now: datetime) -> None:
    """Records an arrival as `record_arrival` does, in the one that ends where it begins, as long as nobody has claimed that:
    the first sync of a large peer is few of them."""
    done = await connection.execute(
        "UPDATE arrival SET end_leaf = $3 WHERE origin = $1 AND end_leaf = $2 AND attempts = 0",
        origin,
        first,
        end,
    )
    if done == "UPDATE 0":
        await record_arrival(connection, origin, first, end, now)


async def fetch_newcomers(connection: Connection, member: UUID) -> list[Newcomer]:
    """Reads the newcomers found for a member, the first found first, without evidence.

    Left out are hidden mappings, and those of an origin whose standing does not answer. Some may have expired
    since, or be of an origin that fell silent.
    """
    rows = await connection.fetch(_OF_MEMBER, member)
    return [Newcomer(mapping_of(row[1:]), row[0]) for row in map(tuple, rows)]


async def _find_newcomers(
    connection: Connection, arrived: Sequence[tuple[int, Mapping]], now: datetime
) -> int:
    mappings = [mapping for _, mapping in arrived]
    waiting = await fetch_waiting(connection, mappings, now)
    number_of = {mapping: number for number, mapping in arrived}
    matched = match_waiting(waiting, mappings)
    found = sorted({(each.follow_list, number_of[mapping]) for mapping, each in matched})
    rows = await connection.fetch(
        _ADD_NEWCOMERS,
        [follow_list for follow_list, _ in found],
        [number for _, number in found],
        now,
    )
    return len(rows)


async def _put_off_waiting(
    connection: Connection, arrival: Arrival, arrived: Sequence[Mapping], now: datetime
) -> None:
    """Records the range of those that wait for their time. It may hold others, which are not found twice."""
    waiting = [(mapping.issued, mapping.leaf) for mapping in arrived if not has_begun(mapping.issued, now)]
    leaves = [leaf for _, leaf in waiting if leaf is not None]
    if leaves:
        due = min(issued for issued, _ in waiting) - MAX_AHEAD
        await record_arrival(connection, arrival.origin, min(leaves), max(leaves) + 1, due)


async def _advance(
    connection: Connection, arrival: Arrival, arrived: Sequence[tuple[int, Mapping]], now: datetime
) -> None:
    last = arrived[-1][1].leaf if arrived else None
    if last is None or len(arrived) < LEAVES_AT_ONCE or last + 1 >= arrival.end_leaf:
        await ARRIVALS.finish(connection, arrival.lease)
        return
    await connection.execute("UPDATE arrival SET next_leaf = $2 WHERE id = $1", arrival.id, last + 1)
    await ARRIVALS.reschedule(connection, arrival.lease, now)
