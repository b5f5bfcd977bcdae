"""Where the page of a member leads to, which says that all of it is of one person."""

import pytest

from directory.accounts import Account
from tests.directory.members.people import bluesky, linked, mastodon, x_account
from web.pages.member_page import profile_address


@pytest.mark.parametrize(
    ("account", "address"),
    [
        (bluesky("alice"), f"https://bsky.app/profile/{bluesky('alice').id}"),
        (x_account("alice", 12), "https://x.com/i/user/12"),
        (x_account("alice"), "https://x.com/alice"),
        (mastodon("alice"), "https://social.example/users/alice"),
    ],
)
def test_a_profile_is_linked_by_its_id(account: Account, address: str) -> None:
    """Attack: a domain or a name passes to somebody else, and the page of its former bearer, which no re-check looks after as
    nothing is published, says that the new one's account was proven to be theirs, and leads people there."""
    assert profile_address(linked(account)) == address
