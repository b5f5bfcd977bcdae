"""Checks of links: asked for, claimed for an attempt, and what came of it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import asyncpg

from directory.accounts import LinkedAccount, ProvenAccount
from directory.identifiers import XHandle
from directory.mappings import Evidence
from directory.members.challenges import CHECK_LEASE, CheckState
from directory.members.errors import NoPage, TooManyAccounts
from directory.members.page_links import LinkCheck, LinkJob
from directory.members.renewal import add_link
from directory.store.account_linking import Contested, link_account
from directory.store.accounts import fetch_accounts, lock_member, plain_uuid, save_account
from directory.store.check_table import CheckTable
from directory.store.database import Connection, Database
from directory.store.member_pages import fetch_page
from directory.store.publication_rows import restate_account

LINK_CHECKS: Final = CheckTable("link_check")
KEEP_FINISHED: Final = timedelta(days=30)
_COLUMNS: Final = "id, member, x_handle, state, attempts, created, next_at, finished_at, reason"


class LinkCheckStore:
    """Trusted: whoever can write results can prove anything."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def submit(self, member: UUID, x_handle: XHandle, now: datetime) -> LinkCheck:
        """Asks for a look, due now. Another X account takes the place of one that still waits; the same one
        again changes nothing. Raises MemberGone, NoPage, TooManyAttempts."""
        async with self._database.transaction() as connection:
            await lock_member(connection, member)
            page = await fetch_page(connection, member)
            if page is None or not page.new_accounts:
                raise NoPage
            waiting = await _fetch(connection, "member = $1 AND state = 0", member)
            if waiting is not None and waiting.x_handle.key == x_handle.key:
                return waiting
            await LINK_CHECKS.require_room(connection, member, now)
            if waiting is not None:
                await LINK_CHECKS.finish(connection, waiting.id, CheckState.CLOSED, None, now)
            check = LinkCheck(
                id=uuid4(),
                member=member,
                x_handle=x_handle,
                state=CheckState.WAITING,
                attempts=0,
                created=now,
                next_at=now,
                finished_at=None,
                reason=None,
            )
            await connection.execute(
                "INSERT INTO link_check (id, member, x_handle, state, created, next_at)"
                " VALUES ($1, $2, $3, $4, $5, $5)",
                check.id,
                member,
                str(x_handle),
                check.state,
                now,
            )
        return check

    async def latest(self, member: UUID) -> LinkCheck | None:
        """The member's newest check, in whatever state."""
        async with self._database.connection() as connection:
            return await _fetch(connection, "member = $1 ORDER BY created DESC, id LIMIT 1", member)

    async def claim_due(self, now: datetime, limit: int) -> list[LinkJob]:
        """Checks to attempt now, each for five minutes nobody else's."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "UPDATE link_check SET attempts = attempts + 1, next_at = $2 WHERE id IN"
                " (SELECT id FROM link_check WHERE state = 0 AND next_at <= $1 ORDER BY next_at LIMIT $3"
                f" FOR UPDATE SKIP LOCKED) RETURNING {_COLUMNS}",
                now,
                now + CHECK_LEASE,
                limit,
            )
            checks = [_check_of(row) for row in rows]
            pages = [await fetch_page(connection, check.member) for check in checks]
        return [LinkJob(check, page) for check, page in zip(checks, pages, strict=True) if page is not None]

    async def release(self, check: LinkCheck, now: datetime) -> None:
        """An attempt that was broken off counts for nothing: the check is due again now."""
        async with self._database.connection() as connection:
            await LINK_CHECKS.release(connection, check, now)

    async def record_shown(
        self, check: LinkCheck, proven: ProvenAccount, new: Mapping[UUID, Evidence], now: datetime
    ) -> LinkedAccount | None:
        """Both sides link to the page: the X account is linked, and the new accounts keep what was seen of them.

        None where another member holds the X account (the claim is written down), or nobody waits for this
        any more: erased, answered by another attempt, or all accounts that linked were unlinked meanwhile.
        """
        async with self._database.transaction() as connection:
            if not await LINK_CHECKS.lock(connection, check):
                return None
            if not await _add_links(connection, check.member, new, now):
                await LINK_CHECKS.finish(connection, check.id, CheckState.CLOSED, None, now)
                return None
            try:
                linked = await link_account(connection, check.member, proven, now)
            except TooManyAccounts as error:
                await LINK_CHECKS.finish(connection, check.id, CheckState.CLOSED, error.code, now)
                return None
            state = CheckState.CONTESTED if isinstance(linked, Contested) else CheckState.VERIFIED
            await LINK_CHECKS.finish(connection, check.id, state, None, now)
        return linked if isinstance(linked, LinkedAccount) else None

    async def record_not_shown(self, check: LinkCheck, reason: str, now: datetime) -> bool:
        """A profile was seen and does not link to the page. False: nobody waits."""
        async with self._database.transaction() as connection:
            return await LINK_CHECKS.refute(connection, check, reason, now)

    async def record_unseen(
        self, check: LinkCheck, reason: str, now: datetime, retry_after_s: int | None
    ) -> bool:
        """A profile could not be seen: it is tried again later, for a day. False: nobody waits, or it was
        given up and the member is asked."""
        async with self._database.transaction() as connection:
            return await LINK_CHECKS.put_off(connection, check, reason, now, retry_after_s)

    async def purge(self, now: datetime, limit: int) -> int:
        """Deletes checks that ended a month ago; returns how many."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "DELETE FROM link_check WHERE id IN (SELECT id FROM link_check WHERE state <> 0"
                " AND finished_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING id",
                now - KEEP_FINISHED,
                limit,
            )
        return len(rows)


async def fetch_link_checks(connection: Connection, member: UUID) -> list[LinkCheck]:
    """All checks of a member, the oldest first."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM link_check WHERE member = $1 ORDER BY created, id", member
    )
    return [_check_of(row) for row in rows]


async def _add_links(
    connection: Connection, member: UUID, new: Mapping[UUID, Evidence], now: datetime
) -> bool:
    """Writes down what was seen of the new accounts; False where none of them is the member's any more."""
    accounts = [each for each in await fetch_accounts(connection, member) if each.id in new]
    linking = [each for each in accounts if each.target is not None and not each.is_lapsed]
    for account in linking:
        renewed = add_link(account, new[account.id])
        await save_account(connection, account, renewed, now)
        await restate_account(connection, renewed, now)
    return bool(linking)


async def _fetch(connection: Connection, condition: str, *values: object) -> LinkCheck | None:
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM link_check WHERE {condition}", *values)
    return _check_of(row) if row is not None else None


def _check_of(row: asyncpg.Record) -> LinkCheck:
    return LinkCheck(
        id=plain_uuid(row["id"]),
        member=plain_uuid(row["member"]),
        x_handle=XHandle(row["x_handle"]),
        state=CheckState(row["state"]),
        attempts=row["attempts"],
        created=row["created"],
        next_at=row["next_at"],
        finished_at=row["finished_at"],
        reason=row["reason"],
    )
