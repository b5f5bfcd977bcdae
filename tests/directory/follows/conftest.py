"""Fixtures of follow runs."""

from pathlib import Path

import pytest

from directory.services.membership import Membership
from directory.services.permissions import Permissions
from directory.store.claims import ClaimStore
from directory.store.database import Database
from directory.store.members import MemberStore
from directory.store.revocations import RevocationStore
from directory.store.tokens import TokenStore
from directory.vault import Vault
from tests.directory.follows.days import Days
from tests.directory.follows.site import FollowSite
from tests.harness.clock import FakeClock
from tests.harness.fake_follows import FakeNetwork


@pytest.fixture
async def site(database: Database, clock: FakeClock, tmp_path: Path) -> FollowSite:
    vault = Vault.open(tmp_path, now=clock.now(), may_create=True)
    made = FollowSite(
        database=database,
        clock=clock,
        permissions=Permissions(TokenStore(database), RevocationStore(database), vault, clock),
        membership=Membership(MemberStore(database), ClaimStore(database), clock),
        network=FakeNetwork(clock=clock),
    )
    await made.join()
    return made


@pytest.fixture
async def days(site: FollowSite) -> Days:
    made = Days(site)
    await made.keep_list()
    return made
