"""Linking an account that was just proven. The caller holds the member's lock."""

from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

import asyncpg
import msgspec

from directory.accounts import (
    MAX_ACCOUNTS,
    AccountNetwork,
    LinkedAccount,
    ProvenAccount,
)
from directory.members.errors import AccountLinkedElsewhere, TooManyAccounts
from directory.members.renewal import is_same_x_account, prove_again
from directory.store.accounts import (
    ACCOUNT_COLUMNS,
    X_CODE,
    account_of,
    fetch_accounts,
    find_account,
    insert_account,
    recheck_namesakes_now,
    save_account,
)
from directory.store.database import Connection
from directory.store.mappings import encode_evidence
from directory.store.publication_rows import restate_account

_X_CLAIM_LOCK: Final = 0x7063
"""The space of the advisory locks on X handles: two members proving one account take turns."""


class Contested(msgspec.Struct, frozen=True):
    """Another member holds the X account. The claim is written down for the moderators."""

    claim: UUID


async def link_account(
    connection: Connection, member: UUID, proven: ProvenAccount, now: datetime
) -> LinkedAccount | Contested:
    """Links an account, or renews it where the member holds it; what is published of it is said anew.

    Raises AccountLinkedElsewhere (not for X), TooManyAccounts.
    """
    if proven.network is AccountNetwork.X:
        linked = await _link_x(connection, member, proven, now)
    else:
        linked = await _link_new(connection, member, proven, now)
    if isinstance(linked, LinkedAccount):
        await restate_account(connection, linked, now)
    return linked


async def _link_new(
    connection: Connection, member: UUID, proven: ProvenAccount, now: datetime
) -> LinkedAccount:
    held = await find_account(connection, proven)
    if held is None:
        try:
            async with connection.transaction():
                return await _insert(connection, member, proven, now)
        except asyncpg.UniqueViolationError:
            held = await find_account(connection, proven)
    if held is None or held.member != member:
        raise AccountLinkedElsewhere
    return await _renew(connection, held, proven, now)


async def _link_x(
    connection: Connection, member: UUID, proven: ProvenAccount, now: datetime
) -> LinkedAccount | Contested:
    # By id and by handle: a claim with an id and one without meet on the handle.
    for key in sorted({proven.account_id, proven.handle_key}):
        await connection.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", _X_CLAIM_LOCK, key)
    same = await _find_same(connection, proven)
    while others := [account for account in same if account.member != member]:
        try:
            async with connection.transaction():
                return Contested(await _write_claim(connection, member, others[0], proven, now))
        except asyncpg.ForeignKeyViolationError:
            same = await _find_same(connection, proven)  # the holder has let go of it, or left, a moment ago
    await recheck_namesakes_now(connection, member, proven.handle_key, now)
    if not same:
        return await _insert(connection, member, proven, now)
    # With an id before without one; a second of the member's own is the same account before its id was known.
    same.sort(key=lambda account: (account.account_id != proven.account_id, account.x_id is None))
    return await _renew(connection, same[0], proven, now)


async def _find_same(connection: Connection, proven: ProvenAccount) -> list[LinkedAccount]:
    """Whoever holds the X account, by its id or by its handle."""
    rows = await connection.fetch(
        f"SELECT {ACCOUNT_COLUMNS} FROM linked_account"
        " WHERE network = $1 AND (account_id = $2 OR handle_key = $3) ORDER BY linked_at, id",
        X_CODE,
        proven.account_id,
        proven.handle_key,
    )
    return [account for account in map(account_of, rows) if is_same_x_account(account, proven)]


async def _renew(
    connection: Connection, held: LinkedAccount, proven: ProvenAccount, now: datetime
) -> LinkedAccount:
    renewed = prove_again(held, proven, now)
    await save_account(connection, held, renewed, now)
    return renewed


async def _insert(
    connection: Connection, member: UUID, proven: ProvenAccount, now: datetime
) -> LinkedAccount:
    if len(await fetch_accounts(connection, member)) >= MAX_ACCOUNTS:
        raise TooManyAccounts
    return await insert_account(connection, member, proven, now)


async def _write_claim(
    connection: Connection, member: UUID, holder: LinkedAccount, proven: ProvenAccount, now: datetime
) -> UUID:
    """A claim made twice is one claim, with its newest evidence."""
    claim = await connection.fetchval(
        "INSERT INTO contested_claim (id, member, holder, account_id, handle, evidence, claimed_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)"
        " ON CONFLICT (member, holder) WHERE settled_at IS NULL DO UPDATE SET account_id = EXCLUDED.account_id,"
        " handle = EXCLUDED.handle, evidence = EXCLUDED.evidence RETURNING id",
        uuid4(),
        member,
        holder.id,
        proven.account_id,
        proven.handle,
        encode_evidence((proven.evidence,)),
        now,
    )
    return UUID(int=claim.int)
