"""Members' wishes that newcomers on their kept list are followed as they come, by one account each."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from directory.follows.runs import StandingMatch
from directory.members.errors import UnknownAccount
from directory.store.accounts import lock_member, plain_uuid
from directory.store.database import Database


class StandingMatchStore:
    """Trusted: whoever can change these rows can have newcomers followed without the member's wish."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_standing(self, member: UUID) -> list[StandingMatch]:
        """Lists a member's wishes, the oldest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT member, account, since, last_batch FROM standing_match WHERE member = $1"
                " ORDER BY since, account",
                member,
            )
        return [
            StandingMatch(
                plain_uuid(row["member"]), plain_uuid(row["account"]), row["since"], row["last_batch"]
            )
            for row in rows
        ]

    async def set_standing(self, member: UUID, accounts: Sequence[UUID], now: datetime) -> None:
        """Sets with which of their accounts a member follows newcomers; those that stood stay as they are. Raises
        MemberGone, UnknownAccount."""
        async with self._database.transaction() as connection:
            await lock_member(connection, member)
            await connection.execute(
                "DELETE FROM standing_match WHERE member = $1 AND NOT account = ANY($2::uuid[])",
                member,
                accounts,
            )
            known = await connection.fetchval(
                "SELECT count(*) FROM linked_account WHERE member = $1 AND id = ANY($2::uuid[])",
                member,
                accounts,
            )
            if known != len(set(accounts)):
                raise UnknownAccount
            await connection.execute(
                "INSERT INTO standing_match (member, account, since) SELECT $1, account, $3"
                " FROM unnest($2::uuid[]) AS account ON CONFLICT DO NOTHING",
                member, accounts, now,
            )  # fmt: skip
