"""Accounts are values: whether two are one account is told by what stays with the person."""

import pytest
from hypothesis import given

from directory.accounts import Account, AccountNetwork, XAccount
from directory.identifiers import AtHandle, Did, XHandle
from tests.directory.account_strategies import accounts, x_accounts
from tests.directory.members.people import bluesky, mastodon, x_account


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (x_account("ada", 5), x_account("renamed", 5), True),
        (x_account("ada", 5), x_account("ada", 6), False),
        (x_account("ada"), x_account("ADA"), True),
        (x_account("ada"), x_account("Ada", 5), True),
        (x_account("ada"), x_account("renamed", 5), False),
        (bluesky("ada"), bluesky("ada", "renamed.example"), True),
        (bluesky("ada"), bluesky("bob", "ada.bsky.example"), False),
        (mastodon("ada"), mastodon("ada", acct="ada@other.example"), True),
        (mastodon("ada"), mastodon("bob", acct="ada@social.example"), False),
        (x_account("ada"), bluesky("ada"), False),
        (bluesky("ada"), mastodon("ada"), False),
        (mastodon("ada"), x_account("ada", 5), False),
    ],
)
def test_same_account(one: Account, other: Account, same: bool) -> None:
    """X sells handles again, and a name elsewhere can pass on too: whoever bears it later is somebody else."""
    assert one.is_same(other) is other.is_same(one) is same


@given(accounts, accounts)
def test_each_is_itself_and_the_order_does_not_matter(one: Account, other: Account) -> None:
    assert one.is_same(one)
    assert one.is_same(other) is other.is_same(one)
    assert one.network is other.network or not one.is_same(other)


@given(accounts)
def test_its_parts_are_read_back(account: Account) -> None:
    """What `str` writes of an id and a handle, their parsers read."""
    assert account.id is None or type(account.id).parse(str(account.id)) == account.id
    assert type(account.handle).parse(str(account.handle)) == account.handle
    assert account.handle.key == str(account.handle).lower()
    assert account.id is not None or account.network is AccountNetwork.X


@given(x_accounts, x_accounts)
def test_a_known_id_stays_where_none_is_told(seen: XAccount, known: XAccount) -> None:
    after = seen.with_id_of(known)
    assert after.handle == seen.handle
    assert after.id == (seen.id if seen.id is not None else known.id)


def test_a_value_is_compared_by_what_it_holds() -> None:
    assert x_account("ada", 5) != x_account("ADA", 5)
    assert len({x_account("ada"), x_account("ada"), bluesky("ada"), bluesky("ada")}) == 2
    assert (bluesky("ada").id, bluesky("ada").handle) == (
        Did.parse("did:plc:adaaaaaaaaaaaaaaaaaaaaaa"),
        AtHandle.parse("ada.bsky.example"),
    )
    assert x_account("ada").handle == XHandle("ada")
