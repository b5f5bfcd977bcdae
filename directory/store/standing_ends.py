"""Ends wishes that newcomers are followed, and gives back the permissions that nothing else needs."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from directory.members.errors import MemberGone
from directory.queries import Lists
from directory.store.accounts import lock_member
from directory.store.database import Connection, Database
from directory.store.follows import give_back_unless_needed

LIST_COMES_WITHIN: Final = timedelta(hours=1)
"""A wish may come so long before its list."""
_WITHOUT_LIST: Final = (
    "NOT EXISTS (SELECT FROM follow_list f WHERE f.member = standing_match.member"
    f" AND f.kind = {Lists.FOLLOWING.value})"
)


async def end_standing(connection: Connection, member: UUID, now: datetime, but: Sequence[UUID] = ()) -> None:
    """Ends a member's wishes, but those for some accounts. The member is locked."""
    rows = await connection.fetch(
        "DELETE FROM standing_match WHERE member = $1 AND NOT account = ANY($2::uuid[]) RETURNING account",
        member, but,
    )  # fmt: skip
    for row in rows:
        await give_back_unless_needed(connection, row["account"], now)


async def purge_standing(database: Database, now: datetime, limit: int) -> int:
    """Ends wishes without a kept list: else the next list that is kept, maybe years later, would be followed by itself.
    Returns how many members had some."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            f"SELECT DISTINCT member FROM standing_match WHERE since < $1 AND {_WITHOUT_LIST} LIMIT $2",
            now - LIST_COMES_WITHIN, limit,
        )  # fmt: skip
    for row in rows:
        await _end_unlisted(database, row["member"], now)
    return len(rows)


async def _end_unlisted(database: Database, member: UUID, now: datetime) -> None:
    try:
        async with database.transaction() as connection:
            await lock_member(connection, member)
            sql = f"SELECT true FROM standing_match WHERE member = $1 AND {_WITHOUT_LIST}"
            if await connection.fetchval(sql, member):
                await end_standing(connection, member, now)
    except MemberGone:
        return
