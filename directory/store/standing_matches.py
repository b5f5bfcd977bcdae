"""Members' wishes that newcomers on their kept list are followed as they come, by one account each."""

from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Final
from uuid import UUID

import asyncpg

from directory.follows.reasons import MAY_END, Reason
from directory.follows.runs import StandingMatch
from directory.follows.states import OPEN, ItemState
from directory.members.errors import UnknownAccount
from directory.store.accounts import lock_member, plain_uuid
from directory.store.database import Connection, Database
from directory.store.known_accounts import find_no_newcomers, note_known_before
from directory.store.standing_claims import give_day_back, release_batch
from directory.store.standing_ends import end_standing

_CLAIM: Final = """
WITH due AS (
    SELECT account, last_batch FROM standing_match s
    WHERE last_batch IS DISTINCT FROM $4
    AND (looked_at IS NULL OR looked_at < $1 OR looked_at > $3 OR EXISTS (
        SELECT FROM follow_list f JOIN newcomer n ON n.follow_list = f.id
        WHERE f.member = s.member AND n.found_at > s.looked_at
    ))
    AND NOT EXISTS (SELECT FROM follow_run r WHERE r.account = s.account AND r.state = ANY($2::smallint[]))
    ORDER BY last_batch NULLS FIRST, account LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE standing_match s SET last_batch = $4, looked_at = $3, since = LEAST(s.since, $3) FROM due WHERE s.account = due.account
RETURNING s.member, s.account, s.since, due.last_batch, s.looked_at
"""


GONE_TIMES: Final = 3
"""Batches that skip somebody as gone before they are left alone: a service that was wrong for a minute loses nobody."""
_FIND_HAD: Final = f"""
SELECT i.target_id FROM follow_item i JOIN follow_run r ON r.id = i.run
WHERE r.account = $1 AND i.target_id = ANY($2::text[]) AND NOT (i.state = {ItemState.SKIPPED:d} AND i.reason = ANY($3::smallint[]))
GROUP BY i.target_id HAVING count(*) >= {GONE_TIMES}
    OR bool_or(NOT (i.state = {ItemState.SKIPPED:d} AND i.reason = {Reason.GONE:d}))
"""


class StandingMatchStore:
    """Trusted: whoever can change these rows can have newcomers followed without the member's wish."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_standing(self, member: UUID) -> list[StandingMatch]:
        """Lists a member's wishes, the oldest first."""
        async with self._database.connection() as connection:
            return await fetch_standing(connection, member)

    async def set_standing(self, member: UUID, accounts: Sequence[UUID], now: datetime) -> None:
        """Sets with which of their accounts a member follows newcomers; those that stood stay as they are. A
        permission that nothing else needs is given back. Raises MemberGone, UnknownAccount."""
        async with self._database.transaction() as connection:
            await lock_member(connection, member)
            await end_standing(connection, member, now, but=accounts)
            known = await connection.fetchval(
                "SELECT count(*) FROM linked_account WHERE member = $1 AND id = ANY($2::uuid[])",
                member,
                accounts,
            )
            if known != len(set(accounts)):
                raise UnknownAccount
            begun = await connection.execute(
                "INSERT INTO standing_match (member, account, since) SELECT $1, account, $3"
                " FROM unnest($2::uuid[]) AS account ON CONFLICT DO NOTHING",
                member, accounts, now,
            )  # fmt: skip
            if begun != "INSERT 0 0":
                await note_known_before(connection, member, now)

    async def claim_due(self, now: datetime) -> StandingMatch | None:
        """Claims the wish whose batch of the day has waited longest, of an account without an open run: once a day, and again
        as long as that day had no batch and somebody has come since. Returns it as it was before: with the day of the
        batch before. A wish that a clock that ran ahead began begins now. Returns None where there is none."""
        day = datetime.combine(now.date(), time(), UTC)
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(_CLAIM, day, [state.value for state in OPEN], now, now.date())
        return None if row is None else _wish_of(row)

    async def release(self, wish: StandingMatch) -> None:
        """Makes the batch of the day due again now, where the claim still counts and the batch is not made."""
        async with self._database.connection() as connection:
            await release_batch(connection, wish)

    async def give_day_back(self, wish: StandingMatch) -> None:
        """Notes that nobody was followed: whoever comes later today still can be. Where the claim counts no more, nothing."""
        async with self._database.connection() as connection:
            await give_day_back(connection, wish)

    async def find_had(self, account: UUID, target_ids: Sequence[str]) -> set[str]:
        """Finds those of these accounts whom a run of this account had, whatever became of it, but for those that it
        skipped for what ends; and those whom the member has left out of one."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _FIND_HAD, account, list(target_ids), [reason.value for reason in MAY_END]
            )
            left_out = await find_no_newcomers(connection, account, list(target_ids))
        return left_out.union(row["target_id"] for row in rows)


async def fetch_standing(connection: Connection, member: UUID) -> list[StandingMatch]:
    """Reads with which accounts of a member newcomers are followed, the oldest wish first."""
    rows = await connection.fetch(
        "SELECT member, account, since, last_batch, looked_at FROM standing_match WHERE member = $1"
        " ORDER BY since, account",
        member,
    )
    return list(map(_wish_of, rows))


def _wish_of(row: asyncpg.Record) -> StandingMatch:
    return StandingMatch(
        plain_uuid(row["member"]),
        plain_uuid(row["account"]),
        row["since"],
        row["last_batch"],
        row["looked_at"],
    )
