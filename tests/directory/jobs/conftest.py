"""Fixtures for jobs: a real database, a fake X, and a network that answers when a test lets it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from directory.networks.http import GuardedClient
from directory.services.membership import Membership
from directory.services.page_links import PageLinks
from directory.services.permissions import Permissions
from directory.services.proving import Proving
from directory.store.database import Database
from directory.vault import Vault
from tests.directory.jobs.site import JobSite
from tests.directory.members.conftest import (  # noqa: F401 - fixtures, which pytest finds by their names
    claims,
    join,
    membership,
    page_links,
    permissions,
    proving,
    publishing,
    vault,
)
from tests.harness.clock import FakeClock
from tests.harness.fake_x import FakeX


@pytest.fixture
def x() -> Iterator[FakeX]:
    with FakeX() as fake:
        yield fake


@pytest.fixture
async def client() -> AsyncIterator[GuardedClient]:
    async with GuardedClient("Passerelle/test", allow_loopback=True) as opened:
        yield opened


@pytest.fixture
def site(  # noqa: PLR0917 - what jobs work with
    database: Database,
    clock: FakeClock,
    vault: Vault,  # noqa: F811 - the fixture
    client: GuardedClient,
    x: FakeX,
    membership: Membership,  # noqa: F811 - the fixture of that name
    proving: Proving,  # noqa: F811 - the fixture of that name
    permissions: Permissions,  # noqa: F811 - the fixture of that name
    page_links: PageLinks,  # noqa: F811 - the fixture of that name
) -> JobSite:
    return JobSite(
        database=database,
        clock=clock,
        vault=vault,
        client=client,
        x=x,
        membership=membership,
        proving=proving,
        permissions=permissions,
        page_links=page_links,
    )
