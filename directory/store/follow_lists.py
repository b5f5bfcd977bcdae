"""Kept follow lists: replaced as a whole, readable only while the consent holds."""

from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

import asyncpg

from directory.members.consents import ConsentKind
from directory.members.kept_lists import KeptList
from directory.queries import Lists
from directory.store.accounts import lock_member
from directory.store.consents import require_consent
from directory.store.database import Connection, Database
from directory.store.known_accounts import hand_on_known, note_known_of_list, read_known
from directory.store.standing_ends import end_standing

_COLUMNS: Final = "kind, x_ids, x_handles, x_seen, kept_at"
_WITH_CONSENT: Final = (
    "EXISTS (SELECT FROM consent WHERE consent.member = follow_list.member"
    f" AND consent.kind = {ConsentKind.KEEP_FOLLOW_LIST:d} AND ended_at IS NULL AND expires > $1)"
)
# Spelled out, so that PostgreSQL uses the partial indexes.
_IS_FOLLOWING: Final = f"kind = {Lists.FOLLOWING.value}"
IS_KEPT_TO_FOLLOW: Final = f"{_IS_FOLLOWING} AND {_WITH_CONSENT}"
"""The list is one of people followed, and its consent holds. $1 is now."""


class FollowListStore:
    """Not trusted with more than it holds: ids, handles and days. Nothing shows on how many lists a person stands."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep_list(self, member: UUID, kept: KeptList, consent: int | None) -> None:
        """Keeps a list in place of the one before.

        `consent` is the version that was agreed to with it; None relies on an earlier consent. Raises
        MemberGone, ConsentMissing, ConsentOutdated.
        """
        async with self._database.transaction() as connection:
            await lock_member(connection, member)
            await require_consent(connection, member, ConsentKind.KEEP_FOLLOW_LIST, consent, kept.kept_at)
            # Newcomers of the list before, or found for it right now, are none of this one: it is a new row.
            known = await read_known(connection, member, kept.kind)
            await connection.execute(
                "DELETE FROM follow_list WHERE member = $1 AND kind = $2", member, kept.kind.value
            )
            await connection.execute(
                "INSERT INTO follow_list (id, member, kind, x_ids, x_handles, x_seen, kept_at)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7)",
                uuid4(),
                member,
                kept.kind.value,
                kept.x_ids,
                kept.x_handles,
                kept.x_seen,
                kept.kept_at,
            )
            if kept.kind is Lists.FOLLOWING:
                await hand_on_known(connection, member, kept.kind, known)
                await note_known_of_list(connection, member, kept.kept_at)

    async def find_list(self, member: UUID, kind: Lists, now: datetime) -> KeptList | None:
        """Finds a member's list. Returns None where none is kept, or its consent no longer holds."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                f"SELECT {_COLUMNS} FROM follow_list WHERE member = $2 AND kind = $3 AND {_WITH_CONSENT}",
                now,
                member,
                kind.value,
            )
        return _list_of(row) if row is not None else None

    async def count_people(self, member: UUID) -> dict[Lists, int]:
        """Counts the people on each list that is kept."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT kind, cardinality(x_ids) AS people FROM follow_list WHERE member = $1 ORDER BY kind",
                member,
            )
        return {Lists(row["kind"]): row["people"] for row in rows}

    async def drop_list(self, member: UUID, kind: Lists, now: datetime) -> bool:
        """Deletes one list; returns whether it was kept. With the list of people followed the wish ends that newcomers are.
        Raises MemberGone."""
        async with self._database.transaction() as connection:
            await lock_member(connection, member)
            dropped = await connection.fetchval(
                "DELETE FROM follow_list WHERE member = $1 AND kind = $2 RETURNING true", member, kind.value
            )
            if kind is Lists.FOLLOWING:
                await end_standing(connection, member, now)
        return bool(dropped)


async def fetch_lists(connection: Connection, member: UUID) -> list[KeptList]:
    """Reads all kept lists of a member."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM follow_list WHERE member = $1 ORDER BY kind", member
    )
    return [_list_of(row) for row in rows]


def _list_of(row: asyncpg.Record) -> KeptList:
    return KeptList(Lists(row["kind"]), row["x_ids"], row["x_handles"], row["x_seen"], row["kept_at"])
