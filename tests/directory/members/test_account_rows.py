"""Accounts as rows: each kind is read as it was written, and the database itself keeps identities unique."""

from datetime import datetime
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from directory.accounts import Account, LinkedAccount, ProvenAccount, TargetAccount, XAccount
from directory.members.claims import Settled
from directory.members.errors import XAccountContested
from directory.services.leaving import Leaving
from directory.services.membership import Membership
from directory.store.account_columns import columns_of, read_account, read_targets, target_columns
from directory.store.accounts import fetch_accounts, find_account, find_same_x_accounts, insert_account
from directory.store.claims import ClaimStore
from directory.store.database import Connection, Database
from tests.directory.account_strategies import accounts, targets
from tests.directory.members.people import (
    at_bluesky,
    at_mastodon,
    bluesky,
    mastodon,
    on_x,
    x_account,
    x_ids,
)
from tests.directory.members.test_leaving import unzip
from tests.harness.clock import START, FakeClock


@given(accounts)
def test_columns_are_read_back(account: Account) -> None:
    columns = columns_of(account)
    assert read_account(columns.network, columns.account_id, columns.handle) == account
    assert columns_of(read_account(*columns[:3])) == columns
    assert columns.account_id is not None or isinstance(account, XAccount)


@given(st.lists(targets, max_size=4))
def test_targets_are_read_back(named: list[TargetAccount]) -> None:
    assert read_targets(*target_columns(named)) == tuple(named)


@given(account=accounts)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_rows_are_read_back(database: Database, account: Account) -> None:
    """A row of the table, found by its identity; each example leaves nothing behind."""
    async with database.connection() as connection:
        transaction = connection.transaction()
        await transaction.start()
        member = await new_member(connection)
        inserted = await insert(connection, member, account)
        row = await connection.fetchrow("SELECT network, account_id, handle, handle_key FROM linked_account")
        assert row is not None
        assert tuple(row) == columns_of(account)
        assert inserted.account == account
        assert await fetch_accounts(connection, member) == [inserted]
        assert await find_account(connection, account) == inserted
        await transaction.rollback()


async def new_member(connection: Connection) -> UUID:
    member = uuid4()
    await connection.execute("INSERT INTO member (id, created) VALUES ($1, $2)", member, START)
    return member


async def insert(
    connection: Connection, member: UUID, account: Account, now: datetime = START
) -> LinkedAccount:
    """Inserts an account past all checks but the database's own."""
    return await insert_account(connection, member, ProvenAccount(account, on_x("ada").evidence), now)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (x_account("ada"), x_account("ADA")),
        (x_account("ada", 5), x_account("renamed", 5)),
        (bluesky("ada"), bluesky("ada", "renamed.example")),
        (mastodon("ada"), mastodon("ada", acct="renamed@social.example")),
    ],
)
async def test_two_members_never_hold_one_account(database: Database, one: Account, other: Account) -> None:
    """Whatever the code above forgets: two members with one account would be two homes of one person."""
    async with database.connection() as connection:
        await insert(connection, await new_member(connection), one)
        for member in (await new_member(connection), await new_member(connection)):
            with pytest.raises(asyncpg.UniqueViolationError):
                await insert(connection, member, other)


async def test_one_x_handle_may_stand_with_and_without_an_id(database: Database) -> None:
    """X gives handles away: rows under one handle are of different people, and each is found as itself."""
    async with database.connection() as connection:
        rows = {
            account: await insert(connection, await new_member(connection), account)
            for account in (x_account("ada"), x_account("ada", 5), x_account("Ada", 6))
        }
        for account, row in rows.items():
            assert await find_account(connection, account) == row
        assert await find_account(connection, x_account("ada", 7)) is None
        assert await find_account(connection, x_account("ADA")) == rows[x_account("ada")]
        same = await find_same_x_accounts(connection, x_account("ada", 5))
        assert {each.account for each in same} == {x_account("ada"), x_account("ada", 5)}
        assert len(await find_same_x_accounts(connection, x_account("ADA"))) == 3


@pytest.mark.parametrize("network", [1, 2])
async def test_only_an_x_account_can_be_without_an_id(database: Database, network: int) -> None:
    async with database.connection() as connection:
        held = await insert(connection, await new_member(connection), x_account("ada"))
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute("UPDATE linked_account SET network = $2 WHERE id = $1", held.id, network)


@pytest.mark.parametrize("claimed", [x_account("ADA"), x_account("ada", 5)])
async def test_a_claim_meets_its_holder_by_handle(
    membership: Membership, claims: ClaimStore, clock: FakeClock, claimed: XAccount
) -> None:
    """The holder's id was never told. The claim is kept as it was proven, and upheld as that."""
    ada = (await membership.sign_in(at_bluesky("ada"))).member
    eve = (await membership.sign_in(at_bluesky("eve"))).member
    held = await membership.link(ada, on_x("Ada"))
    proven = on_x(str(claimed.handle), claimed.id.value if claimed.id is not None else None)
    with pytest.raises(XAccountContested):
        await membership.link(eve, proven)
    (claim,) = await claims.list_open_claims(10)
    assert (claim.member, claim.holder, claim.account) == (eve, held.id, claimed)
    case = await claims.find_case(claim.id)
    assert case is not None
    assert await claims.uphold(case, proven, clock.now()) is Settled.HANDED_OVER
    assert [each.account for each in await membership.accounts(eve) if each.x is not None] == [claimed]
    assert [each.x for each in await membership.accounts(ada)] == [None]


async def test_a_second_handle_and_then_the_id(membership: Membership) -> None:
    """Two rows of one member meet once the id is told: the one that has it is renewed, no row is doubled."""
    member = (await membership.sign_in(at_bluesky("ada"))).member
    by_handle = await membership.link(member, on_x("ada"))
    by_id = await membership.link(member, on_x("former", 5))
    renamed = await membership.link(member, on_x("ada", 5))
    assert (renamed.id, renamed.account) == (by_id.id, x_account("ada", 5))
    again = await membership.link(member, on_x("ada"))
    assert again.id == by_handle.id, "what tells the handle alone renews what is known by it"
    assert x_ids(await membership.accounts(member)) == [x_account("ada", 5).id]


async def test_an_id_that_nobody_told_is_null_in_an_export(membership: Membership, leaving: Leaving) -> None:
    ada = (await membership.sign_in(at_mastodon("ada"))).member
    eve = (await membership.sign_in(at_bluesky("eve"))).member
    await membership.link(ada, on_x("Star"))
    await membership.link(eve, on_x("Eve"))
    with pytest.raises(XAccountContested):
        await membership.link(eve, on_x("star"))
    files = unzip(await leaving.export(eve))
    assert {(each["id"], each["handle"]) for each in files["accounts.json"]} == {
        (str(bluesky("eve").did), "eve.bsky.example"),
        (None, "Eve"),
    }
    assert [(each["x_account"], each["x_handle"]) for each in files["claims.json"]] == [(None, "star")]
