"""Links proven accounts. The caller holds the member's lock, and that of a lapsed holder (`lock_with_holder`)."""

from datetime import datetime
from uuid import UUID, uuid4

import asyncpg
import msgspec

from directory.accounts import MAX_ACCOUNTS, LinkedAccount, ProvenAccount, XAccount
from directory.mappings import Evidence
from directory.members.errors import AccountLinkedElsewhere, TooManyAccounts
from directory.members.renewal import prove_again
from directory.store.account_columns import columns_of
from directory.store.account_removal import remove_account
from directory.store.accounts import (
    fetch_accounts,
    find_account,
    find_same_x_accounts,
    insert_account,
    opens_nothing,
    recheck_namesakes_now,
    save_account,
    take_x_turn,
)
from directory.store.database import Connection
from directory.store.mappings import encode_evidence
from directory.store.publication_rows import restate_account


class Contested(msgspec.Struct, frozen=True):
    """A claim to an X account that another member holds, stored for the moderators."""

    claim: UUID


async def link_account(
    connection: Connection, member: UUID, proven: ProvenAccount, now: datetime
) -> LinkedAccount | Contested:
    """Links an account, or renews the member's own; restates what is published of it. A new account whose proof
    lapsed is taken over from a member who has another.

    Returns Contested where another member holds the X account. Raises AccountLinkedElsewhere (not for X),
    TooManyAccounts.
    """
    if isinstance(proven.account, XAccount):
        linked = await _link_x(connection, member, proven.account, proven.evidence, now)
    else:
        linked = await _link_new(connection, member, proven, now)
    if isinstance(linked, LinkedAccount):
        await restate_account(connection, linked, now)
    return linked


async def _link_new(
    connection: Connection, member: UUID, proven: ProvenAccount, now: datetime
) -> LinkedAccount:
    held = await find_account(connection, proven.account)
    if held is not None and held.member != member and await opens_nothing(connection, held):
        await remove_account(connection, held, now)
        held = None
    if held is None:
        try:
            async with connection.transaction():
                return await _insert(connection, member, proven, now)
        except asyncpg.UniqueViolationError:
            held = await find_account(connection, proven.account)
    if held is None or held.member != member:
        raise AccountLinkedElsewhere
    return await _renew(connection, held, proven, now)


async def _link_x(
    connection: Connection, member: UUID, x: XAccount, evidence: Evidence, now: datetime
) -> LinkedAccount | Contested:
    same = await claim_x_account(connection, member, x, evidence, now)
    if isinstance(same, Contested):
        return same
    await recheck_namesakes_now(connection, member, x.handle, now)
    proven = ProvenAccount(x, evidence)
    if not same:
        return await _insert(connection, member, proven, now)
    # The same id first: another account of the member's own is the same one, linked before its id was known.
    same.sort(key=lambda held: held.x is None or held.x.id != x.id)
    return await _renew(connection, same[0], proven, now)


async def claim_x_account(
    connection: Connection, member: UUID, x: XAccount, evidence: Evidence, now: datetime
) -> list[LinkedAccount] | Contested:
    """Finds the member's own accounts that may be this X account, and keeps others from linking it until the
    transaction ends.

    Returns Contested where another member holds it; the claim is stored.
    """
    await take_x_turn(connection)
    same = await find_same_x_accounts(connection, x)
    while others := [account for account in same if account.member != member]:
        try:
            async with connection.transaction():
                proven = ProvenAccount(x, evidence)
                return Contested(await _write_claim(connection, member, others[0], proven, now))
        except asyncpg.ForeignKeyViolationError:
            # The holder unlinked the account, or was erased, since it was read.
            same = await find_same_x_accounts(connection, x)
    return same


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
    """Stores a claim. Repeated, it stays one claim with its newest evidence."""
    columns = columns_of(proven.account)
    claim = await connection.fetchval(
        "INSERT INTO contested_claim (id, member, holder, account_id, handle, evidence, claimed_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)"
        " ON CONFLICT (member, holder) WHERE settled_at IS NULL DO UPDATE SET account_id = EXCLUDED.account_id,"
        " handle = EXCLUDED.handle, evidence = EXCLUDED.evidence RETURNING id",
        uuid4(),
        member,
        holder.id,
        columns.account_id,
        columns.handle,
        encode_evidence((proven.evidence,)),
        now,
    )
    return UUID(int=claim.int)
