"""Messages about newcomers: a row for each member who chose an account for them, which is also the job of the next one.

At most once: a message is marked as sent, in one transaction with a look at the consent, before the call to the network.
Only who marked it can take the mark back, and only where nothing was sent. A process that ends in between leaves the mark.
"""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import asyncpg

from directory.accounts import AccountNetwork, LinkedAccount
from directory.members.consents import ConsentKind, check_version
from directory.members.errors import MemberGone, UnknownAccount
from directory.members.newcomer_messages import (
    EVERY,
    MAX_FAILURES,
    MESSAGE_LEASE,
    TEST_PAUSE,
    WHILE_AWAY,
    MessageEnd,
    MessageJob,
    MessageState,
    NewcomerMessages,
    Tiding,
    Trouble,
)
from directory.members.rechecks import may_be_anothers
from directory.store.account_columns import account_network_code, account_network_of_code
from directory.store.accounts import fetch_accounts, lock_member, plain_uuid
from directory.store.consents import find_consent, give_consent
from directory.store.database import Connection, Database
from directory.store.leases import Lease, LeasedTable
from directory.store.mapping_conditions import IS_ACTIVE, IS_NOT_HIDDEN, STANDING_ANSWERS, holds_at

CLOCK_SLACK: Final = timedelta(hours=1)
MESSAGES: Final = LeasedTable(
    name="newcomer_message",
    lease=MESSAGE_LEASE,
    waits=f"state = {MessageState.ACTIVE.value}",
    ending="state = $3, ended_by = $4",
    farthest=EVERY + CLOCK_SLACK,
    hosts="ARRAY['messages-' || network]",  # one at a time on each network: all are from one account
)
_COLUMNS: Final = "id, member, account, network, language, state, ended_by, is_tested, chosen_at, next_at, last_sent_at, told_until"
# Everybody once, however many networks they came to, and nobody who was told before: of who renewed, the time tells. What is contested is told by the page
# alone: a message would be a thief's advertisement.
_COUNT: Final = f"""
SELECT count(DISTINCT coalesce(m.x_id::text, m.x_handle_key)) FILTER (WHERE {IS_ACTIVE} AND {IS_NOT_HIDDEN}
    AND {STANDING_ANSWERS} AND {holds_at("$3")} AND NOT m.is_contested AND (NOT n.is_again OR n.found_at > $4) AND NOT EXISTS (
        SELECT FROM newcomer told JOIN mapping before ON before.id = told.mapping
        WHERE told.follow_list = n.follow_list AND told.id <= $2 AND (before.x_id = m.x_id
            OR before.x_handle_key = m.x_handle_key AND (before.x_id IS NULL OR m.x_id IS NULL)))) AS people,
    max(n.id) AS newest
FROM newcomer n JOIN follow_list f ON f.id = n.follow_list
JOIN mapping m ON m.id = n.mapping JOIN origin ON origin.id = m.origin WHERE f.member = $1 AND n.id > $2
"""
_NEWEST: Final = "SELECT coalesce(max(n.id), 0) FROM newcomer n JOIN follow_list f ON f.id = n.follow_list WHERE f.member = $1"


class NewcomerMessageStore:
    """Trusted: whoever can change these rows can have messages sent to members who did not ask for them, or none to
    those who did."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def choose(  # noqa: PLR0913 - what a choice consists of, by keyword
        self,
        member: UUID,
        account: UUID,
        *,
        version: int,
        language: str,
        networks: Collection[AccountNetwork],
        code_hash: bytes,
        seal: Callable[[UUID], bytes],
        now: datetime,
    ) -> NewcomerMessages:
        """Gives the consent, and chooses an account: the test message to it is due now, unless it had one.

        What has arrived before is not told. Raises MemberGone, UnknownAccount, ConsentOutdated.
        """
        check_version(ConsentKind.ANNOUNCE_NEWCOMERS, version)
        async with self._database.transaction() as connection:
            await lock_member(connection, member)
            chosen = await _find_writable(connection, member, account)
            if chosen is None or chosen.network not in networks:
                raise UnknownAccount
            await give_consent(connection, member, ConsentKind.ANNOUNCE_NEWCOMERS, now)
            before = await _fetch(connection, "member = $1", member)
            if before is not None and before.account == account and before.end is not MessageEnd.SEALED:
                return await _resume(connection, before, language, now)
            row = (chosen, language, code_hash, seal)
            return await _replace(connection, before, row, now)

    async def find_of_member(self, member: UUID) -> NewcomerMessages | None:
        """Finds the messages of a member. Returns None where they never chose an account, or it is unlinked."""
        async with self._database.connection() as connection:
            return await _fetch(connection, "member = $1", member)

    async def find_by_code(self, code_hash: bytes) -> NewcomerMessages | None:
        """Finds messages by the hash of the code that stops them. Returns None where no message holds it."""
        async with self._database.connection() as connection:
            return await _fetch(connection, "code_hash = $1", code_hash)

    async def claim_due(self, now: datetime, busy: Collection[str]) -> MessageJob | None:
        """Claims the next message that is due; none on a busy network. Returns None where none is due."""
        async with self._database.connection() as connection:
            columns = f"{_COLUMNS}, attempts, failures, trouble, troubles, sealed"
            rows = await MESSAGES.claim(connection, now, 1, columns, busy)
        if not rows:
            return None
        row = rows[0]
        return MessageJob(
            _messages_of(row),
            row["attempts"],
            row["failures"],
            Trouble(row["trouble"]),
            row["troubles"],
            row["sealed"],
            tuple(row["hosts"]),
        )

    async def release(self, job: MessageJob, now: datetime) -> None:
        """Releases a message whose attempt was broken off before it was marked: it is due again now."""
        async with self._database.transaction() as connection:
            if await _is_unmarked(connection, job):
                await MESSAGES.release(connection, _lease_of(job), now)

    async def find_tiding(self, job: MessageJob, now: datetime) -> Tiding | None:
        """Finds what a message is to tell. Returns None where nothing may be sent: the consent has ended, or the
        proof of the account has lapsed, and the messages are stopped; or the account may be somebody else's by now, and they
        wait."""
        async with self._database.transaction() as connection:
            try:
                account = await _find_allowed(connection, job, now)
            except MemberGone:
                return None
            if account is None:
                await MESSAGES.finish(connection, _lease_of(job), MessageState.STOPPED, MessageEnd.NONE)
                return None
            if may_be_anothers(account, now):
                await MESSAGES.reschedule(connection, _lease_of(job), now + WHILE_AWAY)
                return None
            if not job.messages.is_tested:
                return Tiding(job, account, 0, job.messages.told_until)
            messages = job.messages
            row = await connection.fetchrow(
                _COUNT, messages.member, messages.told_until, now, messages.told_at
            )
        people, newest = (row["people"], row["newest"]) if row is not None else (0, None)
        return Tiding(job, account, people, newest if newest is not None else job.messages.told_until)

    async def skip(self, job: MessageJob, due: datetime) -> None:
        """Ends an attempt that sends nothing, and counts as no failure; the next is at `due`."""
        async with self._database.connection() as connection:
            await MESSAGES.reschedule(connection, _lease_of(job), due)

    async def wait_anew(self, job: MessageJob, now: datetime) -> None:
        """Begins the week anew, where the last message was sent by a clock that ran ahead."""
        async with self._database.connection() as connection:
            await connection.execute(
                "UPDATE newcomer_message SET last_sent_at = $3, next_at = $4 WHERE id = $1 AND attempts = $2",
                *_lease_of(job),
                now,
                now + EVERY,
            )

    async def mark_sent(self, tiding: Tiding, now: datetime) -> bool:
        """Marks a message as sent, before it is. Durable once it returns. Returns False where it must not be sent: the
        consent or the account has gone, the member has, or another attempt counts by now."""
        async with self._database.transaction() as connection:
            try:
                account = await _find_allowed(connection, tiding.job, now)
            except MemberGone:
                return False
            if account is None or account.account != tiding.account.account or may_be_anothers(account, now):
                return False
            return await _mark(connection, tiding, now)

    async def take_back(self, tiding: Tiding, due: datetime) -> None:
        """Takes the mark of a message back that was surely not sent; the next attempt is at `due`."""
        before = tiding.job.messages
        async with self._database.connection() as connection:
            await connection.execute(
                "UPDATE newcomer_message SET is_tested = $3, last_sent_at = $4, told_until = $5, next_at = $6,"
                f" failures = LEAST(failures + 1, {MAX_FAILURES}), troubles = 0 WHERE id = $1 AND attempts = $2",
                *_lease_of(tiding.job),
                before.is_tested,
                before.last_sent_at,
                before.told_until,
                due,
            )

    async def fail(self, job: MessageJob, due: datetime, trouble: Trouble = Trouble.OTHER) -> None:
        """Ends an attempt that failed before it was marked; the next is at `due`."""
        async with self._database.connection() as connection:
            await connection.execute(
                f"UPDATE newcomer_message SET next_at = $3, failures = LEAST(failures + 1, {MAX_FAILURES}),"
                f" trouble = $4, troubles = LEAST($5, {MAX_FAILURES}) WHERE id = $1 AND attempts = $2 AND {MESSAGES.waits}",
                *_lease_of(job),
                due,
                trouble,
                job.times(trouble),
            )

    async def end(self, job: MessageJob, why: MessageEnd) -> None:
        """Ends messages to an account that cannot be written to."""
        async with self._database.connection() as connection:
            await MESSAGES.finish(connection, _lease_of(job), MessageState.ENDED, why)


async def fetch_messages(connection: Connection, member: UUID) -> NewcomerMessages | None:
    """Reads the messages of a member. Returns None where they never chose an account."""
    return await _fetch(connection, "member = $1", member)


async def _find_writable(connection: Connection, member: UUID, account: UUID) -> LinkedAccount | None:
    """Returns an account of a member that messages can go to: one on a new network whose proof has not lapsed."""
    accounts = await fetch_accounts(connection, member)
    return next(
        (each for each in accounts if each.id == account and each.target is not None and not each.is_lapsed),
        None,
    )


async def _find_allowed(connection: Connection, job: MessageJob, now: datetime) -> LinkedAccount | None:
    """Returns the account, where the member still agrees. Locks the member. Raises MemberGone."""
    await lock_member(connection, job.messages.member)
    kind = ConsentKind.ANNOUNCE_NEWCOMERS
    if await find_consent(connection, job.messages.member, kind, now) is None:
        return None
    return await _find_writable(connection, job.messages.member, job.messages.account)


async def _is_unmarked(connection: Connection, job: MessageJob) -> bool:
    """Returns whether the attempt counts still, and has marked nothing. Locks the row."""
    sql = "SELECT last_sent_at FROM newcomer_message WHERE id = $1 AND attempts = $2 FOR UPDATE"
    row = await connection.fetchrow(sql, *_lease_of(job))
    return row is not None and row["last_sent_at"] == job.messages.last_sent_at


async def _mark(connection: Connection, tiding: Tiding, now: datetime) -> bool:
    marked = await connection.fetchval(
        "UPDATE newcomer_message SET is_tested = true, last_sent_at = $3, next_at = $4, told_until = $5, failures = 0, troubles = 0"
        f" WHERE id = $1 AND attempts = $2 AND {MESSAGES.waits} RETURNING true",
        *_lease_of(tiding.job),
        now,
        now + EVERY,
        tiding.newest,
    )
    return bool(marked)


async def _resume(
    connection: Connection, before: NewcomerMessages, language: str, now: datetime
) -> NewcomerMessages:
    """Goes on with the account that was chosen before: without another test message, unless it could not be
    written to."""
    is_tested = before.is_tested and before.state is not MessageState.ENDED
    due = max(now, _after(before.last_sent_at, EVERY if is_tested else TEST_PAUSE, now))
    row = await connection.fetchrow(
        "UPDATE newcomer_message SET state = $2, ended_by = $3, is_tested = $4, language = $5, next_at = $6, failures = 0, troubles = 0"
        f" WHERE id = $1 RETURNING {_COLUMNS}",
        before.id,
        MessageState.ACTIVE,
        MessageEnd.NONE,
        is_tested,
        language,
        due,
    )
    return _found(row)


async def _replace(
    connection: Connection,
    before: NewcomerMessages | None,
    chosen: tuple[LinkedAccount, str, bytes, Callable[[UUID], bytes]],
    now: datetime,
) -> NewcomerMessages:
    """Begins with an account, in the place of the one before. The links in messages to that one end with it."""
    account, language, code_hash, seal = chosen
    last_sent_at = before.last_sent_at if before is not None else None
    await connection.execute("DELETE FROM newcomer_message WHERE member = $1", account.member)
    number = uuid4()
    row = await connection.fetchrow(
        "INSERT INTO newcomer_message (id, member, account, network, language, sealed, code_hash, chosen_at, next_at,"
        f" last_sent_at, told_until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING {_COLUMNS}",
        number,
        account.member,
        account.id,
        account_network_code(account.network),
        language,
        seal(number),
        code_hash,
        now,
        max(now, _after(last_sent_at, TEST_PAUSE, now)),
        last_sent_at,
        await connection.fetchval(_NEWEST, account.member),
    )
    return _found(row)


def _after(last: datetime | None, pause: timedelta, now: datetime) -> datetime:
    return last + pause if last is not None else now


async def _fetch(connection: Connection, condition: str, value: object) -> NewcomerMessages | None:
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM newcomer_message WHERE {condition}", value)
    return _messages_of(row) if row is not None else None


def _lease_of(job: MessageJob) -> Lease:
    return Lease(job.messages.id, job.attempt)


def _found(row: asyncpg.Record | None) -> NewcomerMessages:
    if row is None:
        raise UnknownAccount
    return _messages_of(row)


def _messages_of(row: asyncpg.Record) -> NewcomerMessages:
    return NewcomerMessages(
        id=plain_uuid(row["id"]),
        member=plain_uuid(row["member"]),
        account=plain_uuid(row["account"]),
        network=account_network_of_code(row["network"]),
        language=row["language"],
        state=MessageState(row["state"]),
        end=MessageEnd(row["ended_by"]),
        is_tested=row["is_tested"],
        chosen_at=row["chosen_at"],
        next_at=row["next_at"],
        last_sent_at=row["last_sent_at"],
        told_until=row["told_until"],
    )
