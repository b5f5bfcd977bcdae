"""Checks of links: submitted, claimed for an attempt, and their results."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import asyncpg
import msgspec

from directory.accounts import LinkedAccount, ProvenAccount
from directory.identifiers import XHandle
from directory.mappings import Evidence
from directory.members.challenges import CheckState
from directory.members.errors import ClaimPaused, NoPage, TooManyAccounts
from directory.members.page_links import LinkCheck, LinkJob
from directory.members.renewal import add_link
from directory.store.account_hosts import HOST_OF_ACCOUNT, IS_ON_MASTODON
from directory.store.account_linking import Contested, link_account
from directory.store.accounts import (
    fetch_accounts,
    lock_member,
    lock_x_parties,
    plain_uuid,
    save_account,
)
from directory.store.check_table import IS_WAITING, CheckTable
from directory.store.database import Connection, Database
from directory.store.member_pages import fetch_page
from directory.store.publication_rows import restate_account

# The servers of the Mastodon accounts on the page. A Bluesky account's server is known only after a look-up.
_HOSTS: Final = (
    f"ARRAY(SELECT {HOST_OF_ACCOUNT} FROM linked_account a"
    f" WHERE a.member = link_check.member AND a.on_page AND a.{IS_ON_MASTODON})"
)
LINK_CHECKS: Final = CheckTable("link_check", _HOSTS)
KEEP_FINISHED: Final = timedelta(days=30)
_COLUMNS: Final = "id, member, x_handle, state, attempts, created, next_at, finished_at, reason"


class LinkCheckStore:
    """Trusted: whoever can write results can prove anything."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def submit_link_check(self, member: UUID, x_handle: XHandle, now: datetime) -> LinkCheck:
        """Submits a check of the profiles, due now.

        A check of another X account replaces one that still waits; the same account again changes nothing.
        Raises MemberGone, NoPage, TooManyAttempts.
        """
        async with self._database.transaction() as connection:
            await lock_member(connection, member)
            page = await fetch_page(connection, member)
            if page is None or not page.new_accounts:
                raise NoPage
            waiting = await _lock_waiting(connection, member)
            if waiting is not None and waiting.x_handle.key == x_handle.key:
                return waiting
            await LINK_CHECKS.require_room(connection, member, now)
            if waiting is not None:
                await LINK_CHECKS.finish(connection, waiting, CheckState.CLOSED, None, now)
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

    async def find_latest_link_check(self, member: UUID) -> LinkCheck | None:
        """Finds the member's newest check, in whatever state."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                f"SELECT {_COLUMNS} FROM link_check WHERE member = $1 ORDER BY created DESC, id LIMIT 1",
                member,
            )
        return _check_of(row) if row is not None else None

    async def claim_due_link_checks(
        self, now: datetime, limit: int, busy: Collection[str] = ()
    ) -> list[LinkJob]:
        """Claims checks to attempt now, each for five minutes; none of a page with an account at a `busy` host."""
        async with self._database.transaction() as connection:
            rows = await LINK_CHECKS.rows.claim(connection, now, limit, _COLUMNS, busy)
            found = [(row, await fetch_page(connection, plain_uuid(row["member"]))) for row in rows]
        return [LinkJob(_check_of(row), page, tuple(row["hosts"])) for row, page in found if page is not None]

    async def release_link_check(self, check: LinkCheck, now: datetime) -> None:
        """Releases a check whose attempt was broken off: it is due again now."""
        async with self._database.connection() as connection:
            await LINK_CHECKS.release(connection, check, now)

    async def record_shown(
        self, check: LinkCheck, proven: ProvenAccount, new: Mapping[UUID, Evidence], now: datetime
    ) -> LinkedAccount | None:
        """Links the X account whose profile links to the page, as those of the new accounts do, which keep
        their evidence.

        Returns None where another member holds the X account (the claim is stored), or the check no longer
        counts: the member was erased, another attempt counts, or all accounts that linked were unlinked
        meanwhile.
        """
        async with self._database.transaction() as connection:
            if proven.x is not None:
                await lock_x_parties(connection, [check.member], proven.x)
            if not await LINK_CHECKS.lock(connection, check):
                return None
            names = await _add_links(connection, check.member, new, now)
            if not names:
                await LINK_CHECKS.finish(connection, check, CheckState.CLOSED, None, now)
                return None
            evidence = msgspec.structs.replace(proven.evidence, names=names)
            try:
                linked = await link_account(
                    connection, check.member, ProvenAccount(proven.account, evidence), now
                )
            except TooManyAccounts as error:
                await LINK_CHECKS.finish(connection, check, CheckState.CLOSED, error.code, now)
                return None
            except ClaimPaused as error:
                await LINK_CHECKS.finish(connection, check, CheckState.REFUTED, error.code, now)
                return None
            state = CheckState.CONTESTED if isinstance(linked, Contested) else CheckState.VERIFIED
            await LINK_CHECKS.finish(connection, check, state, None, now)
        return linked if isinstance(linked, LinkedAccount) else None

    async def record_not_shown(self, check: LinkCheck, reason: str, now: datetime) -> bool:
        """Finishes a check of a profile that does not link to the page. Returns False if the check is gone or
        finished."""
        async with self._database.transaction() as connection:
            return await LINK_CHECKS.refute(connection, check, reason, now)

    async def record_unseen(
        self, check: LinkCheck, reason: str, now: datetime, retry_after_s: int | None
    ) -> bool:
        """Reschedules a check whose profile could not be read; gives up after 24 h. Returns False if the check
        is gone or was given up."""
        async with self._database.transaction() as connection:
            return await LINK_CHECKS.reschedule(connection, check, reason, now, retry_after_s)

    async def purge_link_checks(self, now: datetime, limit: int) -> int:
        """Deletes checks that were finished a month ago; returns how many."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                f"DELETE FROM link_check WHERE id IN (SELECT id FROM link_check WHERE NOT {IS_WAITING}"
                " AND finished_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING id",
                now - KEEP_FINISHED,
                limit,
            )
        return len(rows)


async def fetch_link_checks(connection: Connection, member: UUID) -> list[LinkCheck]:
    """Reads all checks of a member, the oldest first."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM link_check WHERE member = $1 ORDER BY created, id", member
    )
    return [_check_of(row) for row in rows]


async def _add_links(
    connection: Connection, member: UUID, new: Mapping[UUID, Evidence], now: datetime
) -> tuple[str, ...]:
    """Stores the evidence of the new accounts. Returns the ids of those that are still the member's and proven: the
    link of the X profile names these."""
    accounts = [each for each in await fetch_accounts(connection, member) if each.id in new]
    linking = [each for each in accounts if each.target is not None and not each.is_lapsed]
    for account in linking:
        renewed = add_link(account, new[account.id])
        await save_account(connection, account, renewed, now)
        await restate_account(connection, renewed, now)
    return tuple(sorted(str(account.account.id) for account in linking))


async def _lock_waiting(connection: Connection, member: UUID) -> LinkCheck | None:
    """Locks the member's waiting check against claims until the transaction ends. Returns None where none
    waits."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM link_check WHERE member = $1 AND {IS_WAITING} FOR UPDATE", member
    )
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
