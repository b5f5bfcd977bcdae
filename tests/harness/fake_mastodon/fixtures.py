"""Makes the fixtures of a small internet and of our client in it, for a module or a conftest."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Literal

import pytest
import pytest_asyncio

from directory.networks.http import GuardedClient
from tests.harness.fake_mastodon.internet import FakeInternet


def internet_fixture(
    scope: Literal["function", "module"] = "function",
) -> Callable[[], Iterator[FakeInternet]]:
    """Makes a fixture that yields an internet with nobody in it: `internet = internet_fixture()`."""

    def internet() -> Iterator[FakeInternet]:
        with FakeInternet() as fake:
            yield fake

    return pytest.fixture(scope=scope)(internet)


def http_fixture() -> Callable[[FakeInternet], AsyncIterator[GuardedClient]]:
    """Makes a fixture that yields our client in the internet of the test: `http = http_fixture()`."""

    async def http(internet: FakeInternet) -> AsyncIterator[GuardedClient]:
        async with internet.client() as client:
            yield client

    return pytest_asyncio.fixture(http)
