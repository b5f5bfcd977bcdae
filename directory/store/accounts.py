"""Linked accounts as rows, and the lock that every change to a member takes."""

from collections.abc import Awaitable, Callable, Collection, Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import msgspec

from directory.accounts import Account, LinkedAccount, ProofState, ProvenAccount, XAccount
from directory.identifiers import Acct
from directory.mappings import Evidence
from directory.members.errors import MemberGone
from directory.members.rechecks import may_be_anothers, next_recheck_at
from directory.store.account_columns import columns_of, read_account
from directory.store.database import Connection
from directory.store.hide_rows import tell_hides_of_account
from directory.store.mappings import encode_evidence

_HEALTH_CODE: Final = {
    ProofState.HOLDS: 0,
    ProofState.STALE: 1,
    ProofState.IN_DOUBT: 2,
    ProofState.LAPSED: 3,
}
_HEALTH_OF_CODE: Final = {code: state for state, code in _HEALTH_CODE.items()}
HOLDS: Final = f"health = {_HEALTH_CODE[ProofState.HOLDS]}"
IN_DOUBT: Final = f"health = {_HEALTH_CODE[ProofState.IN_DOUBT]}"
IS_NOT_LAPSED: Final = f"health <> {_HEALTH_CODE[ProofState.LAPSED]}"

X_TURN_LOCK: Final = 0x70617373_65726505
"""`pass` `ere` 05: one change of an X account's holder or handle at a time."""
_LOCK_PARTIES: Final = "SELECT FROM member WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE"
ACCOUNT_COLUMNS: Final = (
    "id, member, network, account_id, handle, evidence, linked_at, proven_at, checked_at, recheck_at, "
    "health, health_since, on_page, moved_to, has_rival, "
    "page, software"
)
_evidence_decoder: Final = msgspec.json.Decoder(tuple[Evidence, ...])


def decode_evidence(stored: str) -> tuple[Evidence, ...]:
    """Decodes stored evidence: the inverse of `encode_evidence`."""
    return _evidence_decoder.decode(stored)


def plain_uuid(value: Any) -> UUID:
    """Turns the driver's UUID into a standard one, which values can be compared by and encoded with."""
    return UUID(int=value.int)


def account_of(row: asyncpg.Record) -> LinkedAccount:
    """Reads a row of ACCOUNT_COLUMNS."""
    return LinkedAccount(
        id=plain_uuid(row["id"]),
        member=plain_uuid(row["member"]),
        account=read_account(row["network"], row["account_id"], row["handle"]),
        evidence=decode_evidence(row["evidence"]),
        linked_at=row["linked_at"],
        proven_at=row["proven_at"],
        checked_at=row["checked_at"],
        recheck_at=row["recheck_at"],
        health=_HEALTH_OF_CODE[row["health"]],
        health_since=row["health_since"],
        on_page=row["on_page"],
        moved_to=Acct.parse(row["moved_to"]) if row["moved_to"] is not None else None,
        has_rival=row["has_rival"],
        page=row["page"],
        software=row["software"],
    )


async def lock_member(connection: Connection, member: UUID, *, to_erase: bool = False) -> None:
    """Locks a member against changes by others until the transaction ends.

    The first lock taken, but for `lock_x_parties`, so that no two transactions deadlock. Raises MemberGone.
    """
    strength = "FOR UPDATE" if to_erase else "FOR NO KEY UPDATE"
    found = await connection.fetchval(f"SELECT id FROM member WHERE id = $1 {strength}", member)
    if found is None:
        raise MemberGone


async def lock_with_holder(connection: Connection, member: UUID, account: Account) -> bool:
    """Locks a member and whoever holds the account, in the order of their ids, as all do who lock two members.

    Returns False where another member holds it by now: the transaction is to begin again. Raises MemberGone.
    """
    before = await find_account(connection, account)
    locked = {member} if before is None else {member, before.member}
    rows = await connection.fetch(
        "SELECT id FROM member WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE", list(locked)
    )
    if member not in {plain_uuid(row["id"]) for row in rows}:
        raise MemberGone
    held = await find_account(connection, account)
    return held is None or held.member in locked


async def opens_nothing(connection: Connection, held: LinkedAccount, now: datetime) -> bool:
    """Returns whether the account lapsed, or its server was out of reach for a month, and its member, who is locked,
    has another account of any network.

    Whoever bears its name now may be somebody else, and the member has another way in.
    """
    if not may_be_anothers(held, now):
        return False
    return len(await fetch_accounts(connection, held.member)) > 1


async def fetch_accounts(connection: Connection, member: UUID) -> list[LinkedAccount]:
    """Reads all accounts of a member, the first linked first."""
    rows = await connection.fetch(
        f"SELECT {ACCOUNT_COLUMNS} FROM linked_account WHERE member = $1 ORDER BY linked_at, id", member
    )
    return [account_of(row) for row in rows]


async def find_account(connection: Connection, account: Account) -> LinkedAccount | None:
    """Finds a linked account by its id or, for an X account without one, by its handle. Returns None where
    nobody holds it."""
    columns = columns_of(account)
    has_id = columns.account_id is not None
    row = await connection.fetchrow(
        f"SELECT {ACCOUNT_COLUMNS} FROM linked_account WHERE network = $1 AND"
        f" {'account_id = $2' if has_id else 'account_id IS NULL AND handle_key = $2'}",
        columns.network,
        columns.account_id if has_id else columns.handle_key,
    )
    return account_of(row) if row is not None else None


async def find_same_x_accounts(connection: Connection, x: XAccount) -> list[LinkedAccount]:
    """Finds the linked accounts that may be this X account, the first linked first."""
    alike = await find_like_x_accounts(connection, x)
    return [held for held in alike if held.x is not None and held.x.is_same(x)]


async def find_like_x_accounts(connection: Connection, x: XAccount) -> list[LinkedAccount]:
    """Finds the linked X accounts with this id or this handle, the first linked first."""
    columns = columns_of(x)
    rows = await connection.fetch(
        f"SELECT {ACCOUNT_COLUMNS} FROM linked_account"
        " WHERE network = $1 AND (account_id = $2 OR handle_key = $3) ORDER BY linked_at, id",
        columns.network,
        columns.account_id,
        columns.handle_key,
    )
    return [account_of(row) for row in rows]


async def insert_account(
    connection: Connection, member: UUID, proven: ProvenAccount, now: datetime
) -> LinkedAccount:
    """Inserts a linked account. Raises asyncpg.UniqueViolationError where it is linked already."""
    row = await connection.fetchrow(
        "INSERT INTO linked_account (id, member, network, account_id, handle, handle_key, evidence,"
        " linked_at, proven_at, checked_at, moved_to, page, software)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10, $11, $12)"
        f" RETURNING {ACCOUNT_COLUMNS}",
        uuid4(),
        member,
        *columns_of(proven.account),
        encode_evidence((proven.evidence,)),
        now,
        min(proven.evidence.at, now),
        _text_of(proven.moved_to),
        proven.page,
        proven.software,
    )
    if proven.x is not None:
        await tell_hides_of_account(connection, proven.x)
    return account_of(_there(row))


async def save_account(
    connection: Connection, before: LinkedAccount, after: LinkedAccount, now: datetime
) -> None:
    """Stores an account that was proven again or re-checked; the attempts of its re-check start anew."""
    columns = columns_of(after.account)
    await connection.execute(
        "UPDATE linked_account SET account_id = $2, handle = $3, handle_key = $4, evidence = $5, proven_at = $6,"
        " checked_at = $7, recheck_at = $8, recheck_attempts = 0, health = $9, health_since = $10,"
        " moved_to = $11, has_rival = $12, page = $13, software = $14 WHERE id = $1",
        after.id,
        columns.account_id,
        columns.handle,
        columns.handle_key,
        encode_evidence(after.evidence),
        after.proven_at,
        after.checked_at,
        _recheck_at(before, after, now),
        _HEALTH_CODE[after.health],
        after.health_since,
        _text_of(after.moved_to),
        after.has_rival,
        after.page,
        after.software,
    )
    if after.x is not None:
        await tell_hides_of_account(connection, after.x)
    if after.handle.key != before.handle.key:
        # A changed handle is a reason to re-check what the member has proven beside it.
        await connection.execute(
            "UPDATE linked_account SET recheck_at = $3"
            " WHERE member = $1 AND id <> $2 AND recheck_at IS NOT NULL",
            after.member,
            after.id,
            now,
        )


async def take_x_turn(connection: Connection) -> None:
    """Keeps others from changing the holder or the handle of any X account until the transaction ends.

    Without it, two members who prove one account would both hold it, and two who swap handles would wait for each
    other's rows. Such changes are short and rare. The first lock of all: see `lock_x_parties`.
    """
    await connection.execute("SELECT pg_advisory_xact_lock($1)", X_TURN_LOCK)


async def lock_x_parties(connection: Connection, members: Iterable[UUID], *accounts: XAccount) -> None:
    """Takes the turn to change X accounts, and locks the members and all who hold one of the accounts, or another
    under its handle. Nobody else comes to hold one until the transaction ends.

    Call it before any other lock. Members who are gone are left out: `lock_member` tells.
    """
    named = set(members)

    async def find() -> set[UUID]:
        alike = [await find_like_x_accounts(connection, account) for account in accounts]
        return named | {held.member for each in alike for held in each}

    await take_x_turn_with(connection, find)


async def take_x_turn_with(
    connection: Connection, find_parties: Callable[[], Awaitable[Collection[UUID]]]
) -> None:
    """Takes the turn to change X accounts, and locks the members who are found in it, in the order of their ids.

    The turn is never held while one of them is waited for: they may be held up by a server of their own, and everybody
    else's proofs would be with them.
    """
    while busy := await _try_turn_with(connection, find_parties):
        waiting = connection.transaction()
        await waiting.start()
        await connection.execute(_LOCK_PARTIES, list(busy))
        await waiting.rollback()


async def _try_turn_with(
    connection: Connection, find_parties: Callable[[], Awaitable[Collection[UUID]]]
) -> Collection[UUID]:
    """Returns the members where one of them is busy, and nothing is locked then."""
    parties: Collection[UUID] = ()
    try:
        async with connection.transaction():
            await take_x_turn(connection)
            parties = await find_parties()
            await connection.execute(f"{_LOCK_PARTIES} NOWAIT", list(parties))
    except asyncpg.LockNotAvailableError:
        return parties
    return ()


async def save_health(connection: Connection, after: LinkedAccount) -> None:
    """Stores that a proof is no longer known to hold, and when it is re-checked.

    Where the account lapsed, the sessions that began with it end. No other statement makes an account lapse.
    """
    await connection.execute(
        "UPDATE linked_account SET health = $2, health_since = $3, recheck_at = $4 WHERE id = $1",
        after.id,
        _HEALTH_CODE[after.health],
        after.health_since,
        after.recheck_at,
    )
    if after.is_lapsed:
        await connection.execute("DELETE FROM member_session WHERE account = $1", after.id)


async def update_rechecks(connection: Connection, member: UUID, now: datetime) -> None:
    """Plans re-checks of the accounts that something is published of, and drops those of the others."""
    rows = await connection.fetch(
        f"SELECT {ACCOUNT_COLUMNS}, EXISTS (SELECT FROM publication WHERE x_account = linked_account.id"
        " OR target_account = linked_account.id) AS is_published FROM linked_account WHERE member = $1",
        member,
    )
    changes = [
        (row["id"], next_recheck_at(account_of(row), now) if row["is_published"] else None)
        for row in rows
        if row["is_published"] is (row["recheck_at"] is None)
    ]
    await connection.executemany("UPDATE linked_account SET recheck_at = $2 WHERE id = $1", changes)


def _recheck_at(before: LinkedAccount, after: LinkedAccount, now: datetime) -> datetime | None:
    """Returns when an account is re-checked: now where it has just moved, since what is published may follow it."""
    if before.recheck_at is None:
        return None
    has_moved = after.moved_to is not None and after.moved_to != before.moved_to
    return now if has_moved else next_recheck_at(after, now)


def _text_of(acct: Acct | None) -> str | None:
    return str(acct) if acct is not None else None


def _there(row: asyncpg.Record | None) -> asyncpg.Record:
    if row is None:
        raise MemberGone
    return row
