"""Accounts that the people of a kept list were found to have: they stay known though the mapping is let go.

Whoever renews, comes back, moves to another instance, or is of a peer that is followed again, is said by a new mapping, and
is no newcomer by that. Nor is anybody whom the member has left out of a run of their own. What is kept is a digest, which names nobody who has left. Only accounts are noted that were offered
without a doubt: whoever spreads hints, or runs a limited instance, makes nobody known.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from directory.mappings import Strength
from directory.origins import HIDDEN_AFTER, Standing
from directory.queries import Lists
from directory.store.database import Connection
from directory.store.mapping_conditions import IS_ACTIVE, IS_NOT_HIDDEN, holds_at, is_checked, origin_answers

BEFORE: Final = timedelta(microseconds=1)
"""So long before a wish those have come who answer as it begins."""

MAX_HANDED_ON: Final = 200_000
"""Twice as many as the people of a list. Without an end, whoever keeps one list after the other of all whom the directory knows
would have all of them stored, and read at once, for each member that they are."""


def digest_of(member: str, target_id: str) -> str:
    """Returns the SQL of the digest of an account, for the lists of one member alone."""
    return f"substr(sha256(uuid_send({member}) || convert_to({target_id}, 'UTF8')), 1, 8)"


def is_sure(now: str) -> str:
    """Returns the condition under which a mapping `m` of `origin` is offered without a doubt, as far as a row tells."""
    return (
        f"(m.strength >= {Strength.HANDLE.value} AND NOT m.is_contested"
        f" AND (origin.standing = {Standing.FOLLOWING.value} OR {is_checked(now)}))"
    )


_ANSWERS: Final = (
    f"{IS_ACTIVE} AND {IS_NOT_HIDDEN} AND {origin_answers('$3')} AND {holds_at('$2')} AND {is_sure('$2')}"
)
_NOTE_PRESENT: Final = f"""
INSERT INTO known_account (follow_list, digest, found_at)
SELECT DISTINCT f.id, {digest_of("f.member", "m.target_id")}, $4::timestamptz FROM follow_list f CROSS JOIN LATERAL (
    SELECT m.target_id FROM unnest(f.x_ids) AS person (x_id)
    JOIN mapping m ON m.x_id = person.x_id JOIN origin ON origin.id = m.origin WHERE {_ANSWERS}
    UNION ALL
    SELECT m.target_id FROM unnest(f.x_ids, f.x_handles) AS person (x_id, x_handle)
    JOIN mapping m ON m.x_handle_key = person.x_handle JOIN origin ON origin.id = m.origin
    WHERE (person.x_id = 0 OR m.x_id IS NULL) AND m.name_until > $2 AND {_ANSWERS}
) AS m WHERE f.member = $1 AND f.kind = {Lists.FOLLOWING.value} ORDER BY 1, 2
ON CONFLICT (follow_list, digest) DO NOTHING
"""
# What is found was found by now, whatever a clock that ran ahead said of it.
_DATE_BACK: Final = """
WITH known AS (
    UPDATE known_account k SET found_at = $2 FROM follow_list f
    WHERE f.id = k.follow_list AND f.member = $1 AND k.found_at > $2
)
UPDATE newcomer n SET found_at = $2 FROM follow_list f
WHERE f.id = n.follow_list AND f.member = $1 AND n.found_at > $2
"""
_LOCK: Final = "SELECT id FROM follow_list WHERE member = $1 ORDER BY id FOR UPDATE"
# One array, not a row for each: they are read in a turn of the loop. The oldest first: whoever fills a list up keeps nobody out who
# was known before.
_READ: Final = """
SELECT array_agg(digest ORDER BY id) FROM (
    SELECT k.id, k.digest FROM known_account k JOIN follow_list f ON f.id = k.follow_list
    WHERE f.member = $1 AND f.kind = $2 ORDER BY k.id LIMIT $3
) AS known
"""
_HAND_ON: Final = """
INSERT INTO known_account (follow_list, digest)
SELECT f.id, known.digest FROM follow_list f CROSS JOIN unnest($3::bytea[]) WITH ORDINALITY AS known (digest, place)
WHERE f.member = $1 AND f.kind = $2 ORDER BY known.place
"""
_NOTE_LEFT_OUT: Final = f"""
UPDATE known_account k SET found_at = NULL FROM follow_list f CROSS JOIN unnest($2::text[]) AS target
WHERE f.member = $1 AND f.kind = {Lists.FOLLOWING.value} AND k.follow_list = f.id
    AND k.digest = {digest_of("f.member", "target")} AND k.found_at IS NOT NULL
"""
_FIND_NO_NEWCOMERS: Final = f"""
SELECT target FROM linked_account a JOIN follow_list f ON f.member = a.member AND f.kind = {Lists.FOLLOWING.value}
CROSS JOIN unnest($2::text[]) AS target
JOIN known_account k ON k.follow_list = f.id AND k.digest = {digest_of("f.member", "target")}
WHERE a.id = $1 AND k.found_at IS NULL
"""
# Of thousands of people each is looked up, whatever the planner takes an array to hold.
_BY_INDEX: Final = "SET LOCAL enable_seqscan = off"


async def note_known_of_list(connection: Connection, member: UUID, now: datetime) -> None:
    """Notes the accounts that answer as a list is kept, whatever was found for it: nobody of them is a newcomer later."""
    await connection.execute(_BY_INDEX)
    await connection.execute(_NOTE_PRESENT, member, now, now - HIDDEN_AFTER, None)


async def note_known_before(connection: Connection, member: UUID, now: datetime) -> None:
    """Notes that all who were found came before a wish that begins now, and so did the accounts that answer and were not known:
    whenever they are found."""
    await connection.execute(_BY_INDEX)
    await connection.execute(_DATE_BACK, member, now - BEFORE)
    await connection.execute(_NOTE_PRESENT, member, now, now - HIDDEN_AFTER, now - BEFORE)


async def lock_lists(connection: Connection, member: UUID) -> None:
    """Locks a member's lists before what was found for them goes. Who matches an arrival locks the list first, too: the other
    way round the two would wait for each other, and one of them fail."""
    await connection.execute(_LOCK, member)


async def read_known(connection: Connection, member: UUID, kind: Lists) -> list[bytes]:
    """Reads what is known from a list that another is to replace, for `hand_on_known`: `MAX_HANDED_ON` at most. Locks the list, with which
    it goes."""
    await lock_lists(connection, member)
    return await connection.fetchval(_READ, member, kind.value, MAX_HANDED_ON) or []


async def hand_on_known(connection: Connection, member: UUID, kind: Lists, digests: list[bytes]) -> None:
    """Hands what the list before knew on to the one in its place: nobody of them is a newcomer of this one."""
    await connection.execute(_HAND_ON, member, kind.value, digests)


async def note_left_out(connection: Connection, member: UUID, target_ids: Sequence[str]) -> None:
    """Notes that a member has left these accounts out: those that are known are newcomers no more. Of others nothing is kept."""
    await connection.execute(_NOTE_LEFT_OUT, member, target_ids)


async def find_no_newcomers(connection: Connection, account: UUID, target_ids: Sequence[str]) -> set[str]:
    """Finds those of these accounts that are no newcomers for the kept list of an account's member."""
    rows = await connection.fetch(_FIND_NO_NEWCOMERS, account, target_ids)
    return {row["target"] for row in rows}
