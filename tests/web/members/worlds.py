"""Where members of the tests come from: a small internet with a Mastodon server, beside the servers of this machine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from directory.networks.answers import Answer
from directory.networks.http import GuardedClient
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_mastodon.site import Account, FakeServer
from tests.web.members.instance import MemberInstance, OpenClient

HOST: Final = "social.test"


class TwoWorlds(GuardedClient):
    """The small internet for what is asked over https, this machine for the rest."""

    def __init__(self, internet: GuardedClient) -> None:
        super().__init__("Passerelle/test", allow_loopback=True)
        self._internet = internet

    async def request(self, method: str, url: str, **more: Any) -> Answer:
        if url.startswith("http://"):
            return await super().request(method, url, **more)
        return await self._internet.request(method, url, **more)


def client_of(internet: FakeInternet) -> OpenClient:
    """What an instance between the two worlds asks others with."""

    @asynccontextmanager
    async def open_client() -> AsyncIterator[GuardedClient]:
        async with internet.client() as inner, TwoWorlds(inner) as client:
            yield client

    return open_client


def enrol(internet: FakeInternet, user: str) -> str:
    """A new account at the Mastodon server, opened where there is none yet; its address."""
    server = internet.sites.get(HOST)
    if not isinstance(server, FakeServer):
        server = FakeServer.at(internet, HOST, accounts=[])
    server.accounts.append(Account(user, HOST))
    return f"{user}@{HOST}"


def fetch(instance: MemberInstance, sql: str, *values: object) -> list[asyncpg.Record]:
    """What the database of an instance holds, asked past its own code."""

    async def run() -> list[asyncpg.Record]:
        async with instance.database.connection() as connection:
            return list(await connection.fetch(sql, *values))

    return instance.call(run)
