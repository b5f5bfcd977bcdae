"""Arrivals: leaves that were taken in and are still to be matched with kept follow lists.

An arrival is a range of leaves of one origin, not a row for each person: the first sync of a large peer stores
a few.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from directory.follows.newcomers import Newcomer
from directory.mappings import MAX_AHEAD
from directory.store.database import Connection, Database
from directory.store.follow_lists import IS_KEPT_TO_FOLLOW
from directory.store.known_accounts import digest_of, is_sure
from directory.store.leases import Lease, LeasedTable
from directory.store.mapping_conditions import IS_ACTIVE, IS_NOT_HIDDEN, STANDING_ANSWERS, has_begun
from directory.store.mappings import mapping_of

LEAVES_AT_ONCE: Final = 30_000
"""Leaves that are matched with the kept lists in one transaction: each list that holds one of them is read once."""
FEW_LEAVES: Final = 500
"""A step that took too long is made again with so many: where everybody waits for the same people, each who arrives is a
thousand rows."""
MEET_TIMEOUT_S: Final = 60.0
"""For one try at a step: two of them end before half of the lease."""

_COLUMNS: Final = (
    "m.x_id, m.x_handle, m.network, m.target_id, m.target_handle, m.strength, '[]' AS evidence,"
    " origin.name AS origin, m.leaf, m.issued, m.expires, origin.standing, m.is_contested"
)
# Hides and standings change, an arrival is matched once: so both are applied when newcomers are read.
_ARRIVED: Final = f"{IS_ACTIVE} AND m.expires > $1 AND m.origin = $2 AND m.leaf >= $3 AND m.leaf < $4"
_LATER: Final = f"NOT ({has_begun('$1')})"
_SUM_UP: Final = f"""
SELECT count(*) AS arrived, max(m.leaf) AS last, min(m.issued) FILTER (WHERE {_LATER}) AS due,
    min(m.leaf) FILTER (WHERE {_LATER}) AS first_later, max(m.leaf) FILTER (WHERE {_LATER}) AS last_later
FROM (SELECT m.leaf, m.issued FROM mapping m WHERE {_ARRIVED} ORDER BY m.leaf LIMIT $5) AS m
"""
# The rule of `directory.ranking.select_candidates`, for all at once: by id where both sides have one, else by handle.
# The lists are found by their indexes, and each is read once. Lists and mappings are locked: one that is being deleted
# right now is left out and breaks no foreign key. Whose account was known keeps the day on which it was found. What is noted is
# noted in one order by all: two that note the same wait for each other, and never in a circle.
_MEET: Final = f"""
WITH arrived AS MATERIALIZED (
    SELECT m.id, m.x_id, m.x_handle_key::text, m.name_until > $1 AS answers_by_name
    FROM mapping m WHERE {_ARRIVED} AND {has_begun("$1")}
), waiting AS MATERIALIZED (
    SELECT follow_list.id, x_ids, x_handles FROM follow_list
    WHERE {IS_KEPT_TO_FOLLOW} AND (x_ids && ARRAY(SELECT x_id FROM arrived WHERE x_id IS NOT NULL)
        OR x_handles && ARRAY(SELECT x_handle_key FROM arrived WHERE answers_by_name))
), met AS (
    SELECT w.id AS follow_list, a.id AS mapping FROM waiting w
    CROSS JOIN LATERAL unnest(w.x_ids) AS person (x_id) JOIN arrived a ON a.x_id = person.x_id
    UNION ALL
    SELECT w.id, a.id FROM waiting w
    CROSS JOIN LATERAL unnest(w.x_ids, w.x_handles) AS person (x_id, x_handle)
    JOIN arrived a ON a.x_handle_key = person.x_handle AND a.answers_by_name
    WHERE person.x_id = 0 OR a.x_id IS NULL
), found AS MATERIALIZED (
    SELECT f.id AS follow_list, m.id AS mapping, {digest_of("f.member", "m.target_id")} AS digest, {is_sure("$1")} AS is_sure
    FROM met JOIN follow_list f ON f.id = met.follow_list JOIN mapping m ON m.id = met.mapping
    JOIN origin ON origin.id = m.origin FOR KEY SHARE OF f, m
), noted AS (
    INSERT INTO known_account (follow_list, digest, found_at)
    SELECT DISTINCT follow_list, digest, $1 FROM found WHERE is_sure ORDER BY follow_list, digest
    ON CONFLICT (follow_list, digest) DO NOTHING
)
INSERT INTO newcomer (follow_list, mapping, found_at, is_again)
SELECT follow_list, mapping, coalesce(known.found_at, $1), known.digest IS NOT NULL FROM found
LEFT JOIN known_account known USING (follow_list, digest) WHERE known.digest IS NULL OR known.found_at IS NOT NULL
ON CONFLICT (follow_list, mapping) DO NOTHING
"""
# Found once, they are told whether the handle still answers or not, and whether their instance is heard from.
_OF_MEMBER: Final = f"""
SELECT n.found_at, {_COLUMNS}, true AS answers_by_name, false AS is_stale, false AS is_checked FROM newcomer n JOIN follow_list f ON f.id = n.follow_list
JOIN mapping m ON m.id = n.mapping JOIN origin ON origin.id = m.origin
WHERE f.member = $1 AND {IS_ACTIVE} AND {IS_NOT_HIDDEN} AND {STANDING_ANSWERS} ORDER BY n.found_at, n.id
"""
# Few lists are few rows, so the planner would read them all: and compare each of thousands of people with each who arrived.
_BY_INDEX: Final = "SET LOCAL enable_seqscan = off"

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


class Seen(msgspec.Struct, frozen=True):
    """The leaves of one step: how many arrived, up to which leaf; and those that wait for their time, from `due` on."""

    arrived: int
    last: int | None
    due: datetime | None
    first_later: int | None
    last_later: int | None


class ArrivalStore:
    """Trusted: whoever can change these rows can have people found for members who did not wait for them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_newcomers(self, member: UUID) -> list[Newcomer]:
        """Lists the newcomers found for a member, as `fetch_newcomers` does."""
        async with self._database.connection() as connection:
            return await fetch_newcomers(connection, member)

    async def claim_due_arrival(self, now: datetime) -> Arrival | None:
        """Claims the arrival that has waited longest. Returns None where none is due."""
        async with self._database.connection() as connection:
            rows = await ARRIVALS.claim(connection, now, 1, "id, attempts, origin, next_leaf, end_leaf")
        return Arrival(*tuple(rows[0])[:5]) if rows else None

    async def release_arrival(self, arrival: Arrival, now: datetime) -> None:
        """Releases an arrival whose attempt was broken off: it is due again now."""
        async with self._database.connection() as connection:
            await ARRIVALS.release(connection, arrival.lease, now)

    async def meet_arrival(
        self,
        arrival: Arrival,
        now: datetime,
        leaves_at_once: int = LEAVES_AT_ONCE,
        timeout_s: float = MEET_TIMEOUT_S,
    ) -> int:
        """Matches the next leaves of an arrival with all kept lists, in one transaction.

        Those that were issued in the future are recorded as an arrival of their own, due when the first of them has
        begun to hold. The arrival then starts behind them and is due again; after the last leaf it is finished. Returns how
        many newcomers were found. Repeated, or after the lease was lost, it changes nothing. Raises DirectoryUnavailable, also where
        it took longer than `timeout_s`.
        """
        async with self._database.transaction() as connection:
            if not await ARRIVALS.lock(connection, arrival.lease):
                return 0
            await connection.execute(_BY_INDEX)
            leaves = (now, arrival.origin, arrival.next_leaf, arrival.end_leaf)
            seen = Seen(*tuple(await connection.fetchrow(_SUM_UP, *leaves, leaves_at_once) or ()))
            found = 0
            if seen.last is not None:
                found = await _find_newcomers(connection, (*leaves[:3], seen.last + 1), timeout_s)
            await _put_off_waiting(connection, arrival, seen)
            await _advance(connection, arrival, seen, now, leaves_at_once)
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
    connection: Connection, leaves: tuple[datetime, int, int, int], timeout_s: float
) -> int:
    done = await connection.execute(_MEET, *leaves, timeout=timeout_s)
    return int(done.rpartition(" ")[2])


async def _put_off_waiting(connection: Connection, arrival: Arrival, seen: Seen) -> None:
    """Records the range of those that wait for their time. It may hold others, which are not found twice."""
    if seen.due is not None and seen.first_later is not None and seen.last_later is not None:
        due = seen.due - MAX_AHEAD
        await record_arrival(connection, arrival.origin, seen.first_later, seen.last_later + 1, due)


async def _advance(
    connection: Connection, arrival: Arrival, seen: Seen, now: datetime, leaves_at_once: int
) -> None:
    if seen.last is None or seen.arrived < leaves_at_once or seen.last + 1 >= arrival.end_leaf:
        await ARRIVALS.finish(connection, arrival.lease)
        return
    await connection.execute("UPDATE arrival SET next_leaf = $2 WHERE id = $1", arrival.id, seen.last + 1)
    await ARRIVALS.reschedule(connection, arrival.lease, now)
