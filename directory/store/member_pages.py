"""The lasting addresses of members' pages."""

from typing import Final
from uuid import UUID

from directory.accounts import LinkedAccount
from directory.members.page_links import MemberPage, new_page_code
from directory.store.account_columns import X_CODE
from directory.store.accounts import ACCOUNT_COLUMNS, IS_NOT_LAPSED, account_of, lock_member
from directory.store.database import Connection, Database

_SHOWN: Final = (
    f"SELECT {ACCOUNT_COLUMNS} FROM linked_account WHERE member = $1 AND on_page AND {IS_NOT_LAPSED}"
    " ORDER BY linked_at, id"
)


class MemberPageStore:
    """Trusted: whoever can change a code can have one member's links prove another's accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def make_page(self, member: UUID) -> str:
        """Makes the member's page where it is missing, and shows all their new accounts on it. Returns its
        code. Raises MemberGone."""
        async with self._database.transaction() as connection:
            await lock_member(connection, member)
            code = await fetch_page_code(connection, member)
            if code is None:
                code = new_page_code()
                await connection.execute(
                    "INSERT INTO member_page (code, member) VALUES ($1, $2)", code, member
                )
            await connection.execute(
                f"UPDATE linked_account SET on_page = true WHERE member = $1 AND network <> $2 AND {IS_NOT_LAPSED}",
                member,
                X_CODE,
            )
        return code

    async def find_page_of_member(self, member: UUID) -> MemberPage | None:
        """Finds the member's page, which may show nothing. Returns None where they made none."""
        async with self._database.connection() as connection:
            return await fetch_page(connection, member)

    async def find_page(self, code: str) -> list[LinkedAccount]:
        """Reads the accounts that a page shows. Returns an empty list where there is no such page."""
        async with self._database.connection() as connection:
            member = await connection.fetchval("SELECT member FROM member_page WHERE code = $1", code)
            return list(await _fetch_shown(connection, member)) if member is not None else []


async def fetch_page(connection: Connection, member: UUID) -> MemberPage | None:
    """Reads the member's page. Returns None where they made none."""
    code = await fetch_page_code(connection, member)
    return MemberPage(code, await _fetch_shown(connection, member)) if code is not None else None


async def fetch_page_code(connection: Connection, member: UUID) -> str | None:
    """Reads the code of the member's page. Returns None where they made none."""
    code: str | None = await connection.fetchval("SELECT code FROM member_page WHERE member = $1", member)
    return code


async def _fetch_shown(connection: Connection, member: UUID) -> tuple[LinkedAccount, ...]:
    return tuple(account_of(row) for row in await connection.fetch(_SHOWN, member))
