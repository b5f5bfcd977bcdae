"""Links proven accounts. The caller holds the locks of `lock_with_holder` or, for an X account, `lock_x_parties`."""

from contextlib import suppress
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from directory.accounts import MAX_ACCOUNTS, LinkedAccount, ProvenAccount, XAccount
from directory.mappings import Evidence
from directory.members.errors import AccountLinkedElsewhere, ClaimPaused, TooManyAccounts
from directory.members.renewal import prove_again
from directory.store.account_removal import remove_account
from directory.store.accounts import (
    fetch_accounts,
    find_account,
    find_same_x_accounts,
    insert_account,
    lock_x_parties,
    opens_nothing,
    update_rechecks,
)
from directory.store.claim_rows import find_approved_holders, is_paused, keep_claims_with_holder, write_claim
from directory.store.database import Connection
from directory.store.publication_rows import restate_account
from directory.store.rivals import save_seen, tell_namesakes, tell_of_rival


class Contested(msgspec.Struct, frozen=True):
    """What linking came to: another member holds the X account, and the claim is stored for the moderators."""


async def link_account(
    connection: Connection, member: UUID, proven: ProvenAccount, now: datetime
) -> LinkedAccount | Contested:
    """Links an account, or renews the member's own; restates what is published of it. A new account whose proof
    lapsed is taken over from a member who has another.

    Returns Contested where another member holds the X account. Raises AccountLinkedElsewhere (not for X),
    ClaimPaused (for X alone), TooManyAccounts.
    """
    if isinstance(proven.account, XAccount):
        async with connection.transaction():  # nobody loses an account that the member has no room for
            linked = await _link_x(connection, member, proven.account, proven.evidence, now)
    else:
        linked = await _link_new(connection, member, proven, now)
    if isinstance(linked, LinkedAccount):
        await restate_account(connection, linked, now)
        # What is published may have a proof now that can be looked at again, where it had none.
        await update_rechecks(connection, linked.member, now)
    return linked


async def _link_new(
    connection: Connection, member: UUID, proven: ProvenAccount, now: datetime
) -> LinkedAccount:
    held = await find_account(connection, proven.account)
    if held is not None and held.member != member and await opens_nothing(connection, held, now):
        await remove_account(connection, held, now)
        held = None
    if held is None:
        try:
            async with connection.transaction():
                return await _insert(connection, member, proven, now)
        except asyncpg.UniqueViolationError:
            raise AccountLinkedElsewhere from None  # by another in this moment: the member is locked
    if held.member != member:
        raise AccountLinkedElsewhere
    return await _renew(connection, held, proven, now)


async def _link_x(
    connection: Connection, member: UUID, x: XAccount, evidence: Evidence, now: datetime
) -> LinkedAccount | Contested:
    same = await claim_x_account(connection, member, x, evidence, now)
    if isinstance(same, Contested):
        return same
    await tell_namesakes(connection, x, member, now)
    proven = ProvenAccount(x, evidence)
    if same:
        # The same id first: another account of the member's own is the same one, linked before its id was known.
        same.sort(key=lambda held: held.x is None or held.x.id != x.id)
        linked = await _renew(connection, same[0], proven, now)
    else:
        linked = await _insert(connection, member, proven, now)
    await keep_claims_with_holder(connection, linked, now, is_new_proof=True)
    return linked


async def claim_x_account(
    connection: Connection, member: UUID, x: XAccount, evidence: Evidence, now: datetime
) -> list[LinkedAccount] | Contested:
    """Finds the member's own accounts that may be this X account, which nobody else holds once this returns.

    An account whose proof lapsed is taken from its member, and so is one that the moderators decided to hand over.
    Returns Contested where another member holds it: the claim is stored, and what is published of the holder's
    account is contested from now on. Raises ClaimPaused, without a change.
    """
    # Callers have them already, before any other lock. Without them, a holder could lose an account in mid-change.
    await lock_x_parties(connection, [member], x)
    while True:
        same = await find_same_x_accounts(connection, x)
        approved = await find_approved_holders(connection, member, now)
        others = [held for held in same if held.member != member]
        opposed = [held for held in others if not held.is_lapsed and held.id not in approved]
        if opposed and await is_paused(connection, member, x, now):
            raise ClaimPaused
        if not opposed:
            for held in others:
                await remove_account(connection, held, now)
            return [held for held in same if held.member == member]
        # Again where a holder let the account go, or was erased, since it was read.
        with suppress(asyncpg.ForeignKeyViolationError):
            async with connection.transaction():
                proven = ProvenAccount(x, evidence)
                return await _contest(connection, member, [h for h in others if not h.is_lapsed], proven, now)


async def _contest(
    connection: Connection, member: UUID, holders: list[LinkedAccount], proven: ProvenAccount, now: datetime
) -> Contested:
    """Claims an account from all who hold it. Their proofs are looked at again now."""
    for held in holders:
        await write_claim(connection, member, held, proven, now)
    for held in holders:
        await tell_of_rival(connection, held, now)
    return Contested()


async def _renew(
    connection: Connection, held: LinkedAccount, proven: ProvenAccount, now: datetime
) -> LinkedAccount:
    renewed = prove_again(held, proven, now)
    await save_seen(connection, held, renewed, now)
    return renewed


async def _insert(
    connection: Connection, member: UUID, proven: ProvenAccount, now: datetime
) -> LinkedAccount:
    if len(await fetch_accounts(connection, member)) >= MAX_ACCOUNTS:
        raise TooManyAccounts
    return await insert_account(connection, member, proven, now)
