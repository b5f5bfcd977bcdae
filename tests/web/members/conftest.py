"""A browser, a real PDS, a fake X, and an instance with members over them, one a module."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page

from tests.harness.fake_mastodon.fixtures import internet_fixture
from tests.harness.fake_x import FakeX
from tests.peers.pds import Account, Pds, shared_pds
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import Visitor


@pytest.fixture(scope="session")
def pds() -> Pds:
    """The PDS that the tests of this process share."""
    return shared_pds()


@pytest.fixture(scope="module")
def x() -> Iterator[FakeX]:
    with FakeX() as fake:
        yield fake


internet = internet_fixture("module")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, pds: Pds, x: FakeX) -> Iterator[MemberInstance]:
    with member_instance(module_dsn, data, pds=pds, x=x) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def context(chromium: Browser, instance: MemberInstance) -> AsyncIterator[BrowserContext]:
    opened = await chromium.new_context(base_url=instance.url)
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext) -> Page:
    return await context.new_page()


@pytest.fixture
def visitor(instance: MemberInstance) -> Iterator[Visitor]:
    """Somebody who has not signed in."""
    with Visitor(instance) as opened:
        yield opened


@pytest.fixture
def ada(instance: MemberInstance) -> Iterator[Visitor]:
    """One of two people at browsers of their own."""
    with Visitor(instance) as opened:
        yield opened


@pytest.fixture
def eve(instance: MemberInstance) -> Iterator[Visitor]:
    """The other one."""
    with Visitor(instance) as opened:
        yield opened


@pytest.fixture
def alice(pds: Pds) -> Account:
    """A new account at the PDS."""
    return pds.create_account()
