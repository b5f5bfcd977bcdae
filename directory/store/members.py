"""Members and their accounts: found at sign-in, linked, unlinked, shown on their page."""

from datetime import datetime
from uuid import UUID, uuid4

import asyncpg
import msgspec

from directory.accounts import LinkedAccount, Member, ProofState, ProvenAccount, TargetAccount
from directory.members.errors import (
    ClaimPaused,
    LapsedSignIn,
    LastAccount,
    NewAccountFirst,
    RegistrationClosed,
    UnknownAccount,
    XAccountContested,
)
from directory.members.rechecks import lose_handle
from directory.store.account_linking import Contested, link_account
from directory.store.account_removal import remove_account
from directory.store.accounts import (
    ACCOUNT_COLUMNS,
    IS_NOT_LAPSED,
    account_of,
    fetch_accounts,
    find_account,
    insert_account,
    lock_member,
    lock_with_holder,
    lock_x_parties,
    opens_nothing,
    plain_uuid,
    save_health,
    update_rechecks,
)
from directory.store.database import Connection, Database
from directory.store.publication_rows import restate_account


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

    async def sign_in(
        self, proven: ProvenAccount, now: datetime, *, may_join: bool = True, afresh: bool = False
    ) -> SignedIn:
        """Finds the member who holds the account, or makes a new one.

        An account whose proof lapsed opens nothing where its member has another; `afresh` then begins a new
        membership with it. Raises LapsedSignIn, NewAccountFirst for an unknown X account, and RegistrationClosed
        where nobody may join.
        """
        if proven.x is not None and proven.x.id is None:
            raise NewAccountFirst("an X handle alone lets nobody in: it can pass to somebody else")
        while True:
            async with self._database.connection() as connection:
                held = await find_account(connection, proven.account)
            if held is not None:
                entered = await self._enter(held.member, proven, now, may_join=may_join, afresh=afresh)
            elif proven.x is not None:
                raise NewAccountFirst
            elif not may_join:
                raise RegistrationClosed
            else:
                entered = await self._join(proven, now)
            if entered is not None:
                return entered

    async def _enter(
        self, member: UUID, proven: ProvenAccount, now: datetime, *, may_join: bool, afresh: bool
    ) -> SignedIn | None:
        """Renews an account of a member, or begins a new membership with a lapsed one. Returns None where it was
        unlinked, or its member erased, since it was read."""
        async with self._database.transaction() as connection:
            if proven.x is not None:
                await lock_x_parties(connection, [member], proven.x)
            if not await connection.fetchval(
                "SELECT true FROM member WHERE id = $1 FOR NO KEY UPDATE", member
            ):
                return None
            held = await find_account(connection, proven.account)
            if held is None or held.member != member:
                return None
            if await opens_nothing(connection, held, now):
                if proven.x is not None or not afresh:
                    raise LapsedSignIn(proven.account)
                if not may_join:
                    raise RegistrationClosed
                await remove_account(connection, held, now)
                return await _begin_membership(connection, proven, now)
            try:
                linked = await link_account(connection, member, proven, now)
            except ClaimPaused:
                linked = held
        return SignedIn(linked if isinstance(linked, LinkedAccount) else held, is_new=False)

    async def enter(self, account: TargetAccount, now: datetime, *, is_refuted: bool) -> LinkedAccount | None:
        """Finds an account by its id alone, for somebody who has just proven to hold it. No proof is renewed by that; one
        that held is as after a re-check that saw the same: in doubt where `is_refuted`, else stale.

        Returns None where nobody holds it, or it lapsed. Raises LapsedSignIn where it opens nothing.
        """
        async with self._database.transaction() as connection:
            before = await find_account(connection, account)
            if before is None or not await connection.fetchval(
                "SELECT true FROM member WHERE id = $1 FOR NO KEY UPDATE", before.member
            ):
                return None
            held = await find_account(connection, account)
            if held is None or held.member != before.member:
                return None
            if await opens_nothing(connection, held, now):
                raise LapsedSignIn(held.account)
            after = lose_handle(held, now, is_refuted=is_refuted)
            if after != held:
                await save_health(connection, after)
                if after.health is ProofState.IN_DOUBT:
                    await restate_account(connection, after, now)
                await update_rechecks(connection, held.member, now)
        return None if held.is_lapsed else after

    async def _join(self, proven: ProvenAccount, now: datetime) -> SignedIn | None:
        """Makes a member. Returns None where somebody signed in with the same account at the same moment."""
        try:
            async with self._database.transaction() as connection:
                return await _begin_membership(connection, proven, now)
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

        Raises MemberGone, AccountLinkedElsewhere, TooManyAccounts, ClaimPaused, and XAccountContested once the
        claim is stored.
        """
        linked = await self._link(member, proven, now)
        if isinstance(linked, Contested):
            raise XAccountContested
        return linked

    async def _link(self, member: UUID, proven: ProvenAccount, now: datetime) -> LinkedAccount | Contested:
        while True:
            async with self._database.transaction() as connection:
                if proven.x is not None:
                    await lock_x_parties(connection, [member], proven.x)
                    await lock_member(connection, member)
                elif not await lock_with_holder(connection, member, proven.account):
                    continue
                return await link_account(connection, member, proven, now)

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


async def _begin_membership(connection: Connection, proven: ProvenAccount, now: datetime) -> SignedIn:
    """Makes a member with one account. Raises asyncpg.UniqueViolationError where it is linked already."""
    member = uuid4()
    await connection.execute("INSERT INTO member (id, created) VALUES ($1, $2)", member, now)
    return SignedIn(await insert_account(connection, member, proven, now), is_new=True)
