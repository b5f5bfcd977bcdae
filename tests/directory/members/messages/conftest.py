"""A site that sends messages, and a member who keeps a list."""

from collections.abc import AsyncIterator

import pytest

from directory.queries import Lists, parse_lines
from directory.services.follow_lists import FollowLists
from directory.services.membership import Membership
from directory.store.database import Database
from directory.vault import Vault
from tests.directory.members.messages.me import ACCT, ACTOR, Me
from tests.directory.members.messaging import Messaging
from tests.directory.members.people import at_bluesky, at_mastodon
from tests.harness.clock import FakeClock
from tests.harness.fake_mastodon.fixtures import internet_fixture
from tests.harness.fake_mastodon.internet import FakeInternet

internet = internet_fixture()


@pytest.fixture
async def site(
    database: Database, clock: FakeClock, vault: Vault, internet: FakeInternet
) -> AsyncIterator[Messaging]:
    async with internet.client() as http:
        made = Messaging(database=database, clock=clock, vault=vault, http=http, internet=internet)
        made.posts.accounts[ACCT] = ACTOR
        yield made


@pytest.fixture
async def me(membership: Membership, follow_lists: FollowLists, site: Messaging) -> Me:
    signed_in = await membership.sign_in(at_bluesky("me"))
    other = await membership.link(signed_in.member, at_mastodon("me"))
    people = parse_lines("\n".join(str(number) for number in range(1, 10)))
    await follow_lists.keep(signed_in.member, Lists.FOLLOWING, people, consent=1)
    return Me(signed_in.member, {"bluesky": signed_in.account.id, "mastodon": other.id}, site)
