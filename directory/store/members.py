"""Members and their accounts: found at sign-in, linked, unlinked, shown on their page."""

from datetime import datetime
from uuid import UUID, uuid4

import asyncpg
import msgspec

from directory.accounts import LinkedAccount, Member, ProvenAccount
from directory.members.errors import (
    LastAccount,
    NewAccountFirst,
    RegistrationClosed,
    UnknownAccount,
    XAccountContested,
)
from directory.store.account_linking import Contested, link_account
from directory.store.accounts import (
    ACCOUNT_COLUMNS,
    IS_NOT_LAPSED,
    account_of,
    fetch_accounts,
    find_account,
    insert_account,
    lock_member,
    plain_uuid,
    update_rechecks,
)
from directory.store.database import Connection, Database
from directory.store.lonely_hosts import fetch_hosts_of_account, forget_lonely_hosts
from directory.store.publication_rows import withdraw_all_of_account
from directory.store.tokens import hand_over_tokens_of_account


class SignedIn(msgspec.Struct, frozen=True):
    """A member, by an account that they have just proven."""

    account: LinkedAccount
    is_new: bool

    @property
    def member(self) -> UUID:
        return self.account.member


class MemberStore:
    """Trusted: whoever can change these rows can take over a membership."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sign_in(self, proven: ProvenAccount, now: datetime, *, may_join: bool = True) -> SignedIn:
        """Finds the member who holds the account, or makes a new one.

        Raises NewAccountFirst for an unknown X account, and RegistrationClosed where nobody may join.
        """
        if proven.x is not None and proven.x.id is None:
            raise NewAccountFirst("an X handle alone lets nobody in: it can pass to somebody else")
        while True:
            async with self._database.connection() as connection:
                held = await find_account(connection, proven.account)
            if held is not None:
                account = await self._renew(held.member, proven, now)
                if account is not None:
                    return SignedIn(account, is_new=False)
            elif proven.x is not None:
                raise NewAccountFirst
            elif not may_join:
                raise RegistrationClosed
            else:
                account = await self._join(proven, now)
                if account is not None:
                    return SignedIn(account, is_new=True)

    async def _renew(self, member: UUID, proven: ProvenAccount, now: datetime) -> LinkedAccount | None:
        """Renews an account. Returns None where it was unlinked, or its member erased, since it was read."""
        async with self._database.transaction() as connection:
            if not await connection.fetchval(
                "SELECT true FROM member WHERE id = $1 FOR NO KEY UPDATE", member
            ):
                return None
            held = await find_account(connection, proven.account)
            if held is None or held.member != member:
                return None
            linked = await link_account(connection, member, proven, now)
        return linked if isinstance(linked, LinkedAccount) else held

    async def _join(self, proven: ProvenAccount, now: datetime) -> LinkedAccount | None:
        """Makes a member. Returns None where somebody signed in with the same account at the same moment."""
        try:
            async with self._database.transaction() as connection:
                member = uuid4()
                await connection.execute("INSERT INTO member (id, created) VALUES ($1, $2)", member, now)
                return await insert_account(connection, member, proven, now)
        except asyncpg.UniqueViolationError:
            return None

    async def find_member(self, member: UUID) -> Member | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow("SELECT id, created FROM member WHERE id = $1", member)
        return Member(plain_uuid(row["id"]), row["created"]) if row is not None else None

    async def list_accounts(self, member: UUID) -> list[LinkedAccount]:
        """Lists the member's accounts, the first linked first."""
        async with self._database.connection() as connection:
            return await fetch_accounts(connection, member)

    async def link_account(self, member: UUID, proven: ProvenAccount, now: datetime) -> LinkedAccount:
        """Links an account to a member, or renews it.

        Raises MemberGone, AccountLinkedElsewhere, TooManyAccounts, and XAccountContested once the claim is
        stored.
        """
        async with self._database.transaction() as connection:
            await lock_member(connection, member)
            linked = await link_account(connection, member, proven, now)
        if isinstance(linked, Contested):
            raise XAccountContested
        return linked

    async def unlink_account(self, member: UUID, account: UUID, now: datetime) -> LinkedAccount:
        """Unlinks an account: what is published of it is withdrawn, its tokens are revoked. Returns the
        account.

        Raises MemberGone, UnknownAccount, LastAccount.
        """
        async with self._database.transaction() as connection:
            await lock_member(connection, member)
            accounts = await fetch_accounts(connection, member)
            unlinked = next((each for each in accounts if each.id == account), None)
            if unlinked is None:
                raise UnknownAccount
            if unlinked.target is not None and sum(each.target is not None for each in accounts) == 1:
                raise LastAccount
            await remove_account(connection, unlinked, now)
        return unlinked

    async def show_on_page(self, member: UUID, account: UUID, *, shown: bool) -> None:
        """Shows an account on the member's page, or takes it off. Raises UnknownAccount."""
        async with self._database.connection() as connection:
            found = await connection.fetchval(
                "UPDATE linked_account SET on_page = $3 WHERE id = $1 AND member = $2 RETURNING true",
                account,
                member,
                shown,
            )
        if not found:
            raise UnknownAccount

    async def find_page(self, handle: str) -> list[LinkedAccount]:
        """Reads the accounts on the page of the member who shows an account of this handle. Returns an empty
        list where there is no page.

        Where a handle has passed to another member, the newest proof of it counts.
        """
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                f"SELECT {ACCOUNT_COLUMNS} FROM linked_account WHERE on_page AND {IS_NOT_LAPSED} AND member ="
                f" (SELECT member FROM linked_account WHERE handle_key = $1 AND on_page AND {IS_NOT_LAPSED}"
                "  ORDER BY proven_at DESC, id LIMIT 1) ORDER BY linked_at, id",
                handle.removeprefix("@").lower(),
            )
        return [account_of(row) for row in rows]


async def remove_account(connection: Connection, account: LinkedAccount, now: datetime) -> None:
    """Deletes an account: its publications are withdrawn, its tokens handed over for revocation. The member is
    locked."""
    hosts = await fetch_hosts_of_account(connection, account.id)
    await withdraw_all_of_account(connection, account.id)
    await hand_over_tokens_of_account(connection, account.id, now)
    await connection.execute("DELETE FROM linked_account WHERE id = $1", account.id)
    await forget_lonely_hosts(connection, hosts)
    await update_rechecks(connection, account.member, now)
