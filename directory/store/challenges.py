"""Challenges: at most one open for each member. Opening another one ends it, and the check that waits for it."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from directory.accounts import TargetAccount
from directory.members.challenges import MAX_CHALLENGES_PER_DAY, ChallengeState, CheckState
from directory.members.errors import TooManyAttempts
from directory.store.account_columns import read_targets, target_columns
from directory.store.accounts import lock_member, plain_uuid
from directory.store.check_table import IS_WAITING
from directory.store.database import Connection, Database

CHALLENGE_COLUMNS: Final = (
    "id, member, sealed, instance, language, targets, target_handles, state, created, expires, closed_at"
)
IS_OPEN: Final = f"state = {ChallengeState.OPEN:d}"
_ENDED_IN_NOTHING: Final = f"state IN ({ChallengeState.SUPERSEDED:d}, {ChallengeState.EXPIRED:d})"
KEEP_CLOSED: Final = timedelta(days=30)
PURGE_LIMIT: Final = 10_000
# A challenge whose post is being checked stays open until the check has ended.
_EXPIRE: Final = f"""
UPDATE challenge SET state = $3, closed_at = expires WHERE id IN (SELECT id FROM challenge c
    WHERE {IS_OPEN} AND expires <= $1
    AND NOT EXISTS (SELECT FROM proof_check p WHERE p.challenge = c.id AND p.state = {CheckState.WAITING:d})
    LIMIT $2 FOR UPDATE SKIP LOCKED)
"""

_IN_USE: Final = (
    f"SELECT EXISTS (SELECT FROM challenge WHERE member = $1 AND {IS_OPEN} AND expires > $2)"
    f" OR EXISTS (SELECT FROM proof_check WHERE member = $1 AND {IS_WAITING})"
)


# What is used has ended in nothing once no evidence of its member names its post.
_LET_GO: Final = f"""
UPDATE challenge c SET state = {ChallengeState.SUPERSEDED:d}, post_id = NULL
WHERE c.member = $1 AND c.state = {ChallengeState.USED:d} AND NOT EXISTS (
    SELECT FROM (SELECT evidence FROM linked_account WHERE member = $1
        UNION ALL SELECT evidence FROM contested_claim WHERE member = $1) held,
        jsonb_array_elements(held.evidence::jsonb) piece
    WHERE piece ->> 'ref' LIKE '%/' || c.post_id)
RETURNING c.id
"""


class ChallengeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A challenge as it is stored: its nonce sealed, and hashed so that it is unique."""

    id: UUID
    member: UUID
    sealed: bytes
    instance: str
    language: str
    targets: tuple[TargetAccount, ...]
    state: ChallengeState
    created: datetime
    expires: datetime
    closed_at: datetime | None


class ChallengeStore:
    """Trusted: whoever can change these rows can have another post accepted as a member's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_challenge(self, row: ChallengeRow, nonce_hash: bytes, *, replaces: bool = True) -> bool:
        """Opens a challenge in place of the member's open one, whose check ends.

        Where it `replaces` nothing, it is opened only if no other is open and no post is being checked; returns
        whether it was. Raises MemberGone, TooManyAttempts.
        """
        ids, handles = target_columns(row.targets)
        async with self._database.transaction() as connection:
            await lock_member(connection, row.member)
            if not replaces and await connection.fetchval(_IN_USE, row.member, row.created):
                return False
            recent = await connection.fetchval(
                "SELECT count(*) FROM challenge WHERE member = $1 AND created > $2",
                row.member,
                row.created - timedelta(days=1),
            )
            if recent >= MAX_CHALLENGES_PER_DAY:
                raise TooManyAttempts
            await _supersede(connection, row.member, row.created)
            await connection.execute(
                "INSERT INTO challenge (id, member, nonce_hash, sealed, instance, language, targets,"
                " target_handles, state, created, expires) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                row.id,
                row.member,
                nonce_hash,
                row.sealed,
                row.instance,
                row.language,
                ids,
                handles,
                row.state,
                row.created,
                row.expires,
            )
        return True

    async def find_open_challenge(self, member: UUID, now: datetime) -> ChallengeRow | None:
        """Finds the member's open challenge. Returns None where there is none, or it expired."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                f"SELECT {CHALLENGE_COLUMNS} FROM challenge WHERE member = $1 AND {IS_OPEN} AND expires > $2",
                member,
                now,
            )
        return challenge_row_of(row) if row is not None else None

    async def purge_challenges(self, now: datetime) -> int:
        """Closes expired challenges, and deletes those that ended unused a month ago; at most 10,000 at a time.

        Used ones stay as long as their member: each re-check compares the post with them.
        """
        async with self._database.transaction() as connection:
            await connection.execute(_EXPIRE, now, PURGE_LIMIT, ChallengeState.EXPIRED)
            rows = await connection.fetch(
                f"DELETE FROM challenge WHERE id IN (SELECT id FROM challenge WHERE {_ENDED_IN_NOTHING}"
                " AND expires <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING id",
                now - KEEP_CLOSED,
                PURGE_LIMIT,
            )
        return len(rows)


async def let_go_of_proofs(connection: Connection, member: UUID) -> None:
    """Forgets which posts have proven what a member has no more: their challenges have ended in nothing. The member is locked.

    The challenges themselves go as others do: they count for how many a day may be made.
    """
    rows = await connection.fetch(_LET_GO, member)
    await connection.execute(
        "DELETE FROM proof_check WHERE challenge = ANY($1::uuid[])", [row["id"] for row in rows]
    )


async def _supersede(connection: Connection, member: UUID, now: datetime) -> None:
    await connection.execute(
        f"UPDATE proof_check SET state = $2, finished_at = $3 WHERE member = $1 AND {IS_WAITING}",
        member,
        CheckState.CLOSED,
        now,
    )
    await connection.execute(
        f"UPDATE challenge SET state = $2, closed_at = $3 WHERE member = $1 AND {IS_OPEN}",
        member,
        ChallengeState.SUPERSEDED,
        now,
    )


async def fetch_challenges(connection: Connection, member: UUID) -> list[ChallengeRow]:
    """Reads all challenges of a member, the oldest first."""
    rows = await connection.fetch(
        f"SELECT {CHALLENGE_COLUMNS} FROM challenge WHERE member = $1 ORDER BY created, id", member
    )
    return [challenge_row_of(row) for row in rows]


async def fetch_challenges_by_id(
    connection: Connection, challenges: Collection[UUID]
) -> dict[UUID, ChallengeRow]:
    """Reads those of the challenges that exist, by their ids."""
    rows = await connection.fetch(
        f"SELECT {CHALLENGE_COLUMNS} FROM challenge WHERE id = ANY($1::uuid[])", list(challenges)
    )
    return {row.id: row for row in map(challenge_row_of, rows)}


def challenge_row_of(row: asyncpg.Record) -> ChallengeRow:
    """Reads a row of CHALLENGE_COLUMNS."""
    return ChallengeRow(
        id=plain_uuid(row["id"]),
        member=plain_uuid(row["member"]),
        sealed=row["sealed"],
        instance=row["instance"],
        language=row["language"],
        targets=read_targets(row["targets"], row["target_handles"]),
        state=ChallengeState(row["state"]),
        created=row["created"],
        expires=row["expires"],
        closed_at=row["closed_at"],
    )
