"""`peers add` of a public instance, from the address to the request that follows: it never leads inside, at whatever point."""

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import trustme

from deploy.wiring.peers import build_peering
from directory.settings import Settings
from directory.store.database import Database
from federation.errors import IntroductionFailed, PeeringRefused
from federation.keys.instance import KeyFolder
from federation.peers.peering import Delivered, Peering
from federation.protocol.descriptor import DESCRIPTOR_PATH
from tests.directory.networks.conftest import Internet
from tests.federation.peers.test_addresses_of_peers import (
    ADDRESSES,
    INSIDE,
    PUBLIC,
    TURNED,
    authority,
    honest,
    public_client,
    server_tls,
)
from tests.harness.clock import FakeClock
from tests.harness.peer_log import HOST, ORIGIN, LogServer, PeerLog, Serve, log_server

__all__ = ["authority"]


class Names:
    """A name server, which tells what a test wants now."""

    def __init__(self) -> None:
        self.found: Sequence[str] = [PUBLIC]

    async def resolve(self, _: str) -> Sequence[str]:
        return self.found


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
async def peering(
    database: Database, clock: FakeClock, names: Names, authority: trustme.CA, folder: Path
) -> AsyncIterator[Peering]:
    KeyFolder(folder / "find").make("find.example")
    settings = Settings(public_url="https://find.example", data=folder / "find")
    async with public_client(names.resolve, authority) as http:
        yield build_peering(settings, database, clock, http)


@pytest.fixture
async def server(clock: FakeClock, internet: Internet, authority: trustme.CA) -> AsyncIterator[LogServer]:
    """An instance at a public address, which shows its log and takes no request."""
    log = honest(clock)
    async with log_server(shown(log), tls=server_tls(authority.issue_cert(HOST))) as server:
        internet.port = server.port
        yield server


def shown(log: PeerLog) -> Serve:
    async def serve(path: str) -> bytes | None:
        if path == DESCRIPTOR_PATH:
            return json.dumps({"v": 1, "origin": ORIGIN, "operations": 1, "name": "Two"}).encode()
        return await log.serve(path)

    return serve


async def peers(database: Database) -> int:
    async with database.connection() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM peer"))


@pytest.mark.parametrize("address", ADDRESSES)
async def test_an_address_of_no_public_host_adds_nobody(
    address: str, peering: Peering, names: Names, internet: Internet, database: Database
) -> None:
    """Attack: an operator is talked into an address of their own network, however it is written."""
    names.found = ["127.0.0.1"]
    with pytest.raises(PeeringRefused):
        await peering.introduce(address)
    assert (internet.dialled, await peers(database)) == ([], 0)


@pytest.mark.parametrize("inside", INSIDE)
async def test_a_name_that_leads_inside_adds_nobody(
    inside: str, peering: Peering, names: Names, internet: Internet, database: Database
) -> None:
    for names.found in ([inside], [PUBLIC, inside]):
        with pytest.raises(IntroductionFailed):
            await peering.introduce(HOST)
    assert (internet.dialled, await peers(database)) == ([], 0)


@pytest.mark.parametrize("inside", TURNED)
@pytest.mark.parametrize("part", [DESCRIPTOR_PATH, "/log/operations/", "/log/checkpoint"])
async def test_a_name_that_turns_inside_in_the_middle_adds_nobody(  # noqa: PLR0917 - fixtures
    part: str,
    inside: str,
    peering: Peering,
    names: Names,
    internet: Internet,
    database: Database,
    server: LogServer,
) -> None:
    """DNS rebinding: the first answers come from a public address, and the next request would go to our own network."""

    async def turn(path: str) -> None:
        if path.startswith(part):
            names.found = [inside]
            for writer in server.writers:
                writer.transport.abort()

    server.before = turn
    with pytest.raises(IntroductionFailed):
        await peering.introduce(HOST)
    assert names.found == [inside]
    assert set(internet.dialled) == {(PUBLIC, 443)}
    assert await peers(database) == 0


@pytest.mark.parametrize("inside", TURNED)
async def test_a_name_that_turns_inside_before_our_request_is_sent_nothing(
    inside: str, peering: Peering, names: Names, internet: Internet, server: LogServer
) -> None:
    """DNS rebinding: the operator has compared the keys, and our signed request would be posted into our own network."""
    introduction = await peering.introduce(HOST)
    names.found = [inside]
    for writer in server.writers:
        writer.transport.abort()
    delivery = await peering.add(introduction)
    assert delivery.state is Delivered.FAILED
    assert inside not in delivery.why
    assert set(internet.dialled) == {(PUBLIC, 443)}
