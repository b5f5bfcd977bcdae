"""Where a peer's address leads, on an instance of the public internet: nowhere but to public addresses, at each round anew,
and to nobody who has not the certificate of its name."""

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
import trustme

from directory.networks.http import GuardedClient
from directory.networks.resolver import Resolve
from directory.store.database import Database
from federation.errors import PeeringRefused
from federation.peers.addresses import address_of, parse_peer_address
from federation.peers.verdicts import Verdict
from tests.directory.networks.conftest import Internet
from tests.directory.networks.strangers import names
from tests.federation.peers.tailing import Reader
from tests.harness.clock import FakeClock
from tests.harness.peer_log import HOST, PeerLog, log_server

PUBLIC = "93.184.215.14"
INSIDE = [
    "127.0.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "169.254.169.254", "::1",  # noqa: S104 - what a name server says
    "fe80::1", "fd00::1", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
]  # fmt: skip
TURNED = ["127.0.0.1", "169.254.169.254", "fd00::1", "::ffff:10.0.0.1"]
"""One of each kind, to which a name turns at each point."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def public_client(resolve: Resolve, authority: trustme.CA) -> GuardedClient:
    """The client of an instance as it is run in public."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return GuardedClient("Passerelle/test", resolve=resolve, tls=context)


@asynccontextmanager
async def public_reader(
    database: Database, clock: FakeClock, resolve: Resolve, authority: trustme.CA
) -> AsyncIterator[Reader]:
    """An instance as it is run in public."""
    async with public_client(resolve, authority) as client:
        yield Reader(database, clock, client)


def server_tls(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def honest(clock: FakeClock) -> PeerLog:
    log = PeerLog(clock)
    log.add_people(3)
    log.publish()
    return log


async def confirm(reader: Reader, log: PeerLog) -> None:
    await reader.confirm(f"https://{HOST}", log.log_key.vkey)


@pytest.mark.parametrize("found", INSIDE)
async def test_a_name_that_leads_inside_is_asked_nothing(
    found: str, database: Database, clock: FakeClock, internet: Internet, authority: trustme.CA
) -> None:
    """The name server of a peer answers with an address of our own network."""
    async with public_reader(database, clock, names({HOST: [found]}), authority) as reader:
        await confirm(reader, honest(clock))
        assert await reader.round() is Verdict.UNAVAILABLE
        row = await reader.log()
        assert found not in row["fault"]
        assert (row["size"], row["failures"]) == (0, 1)
    assert internet.dialled == []


async def test_a_name_that_turns_inside_between_two_rounds(
    database: Database, clock: FakeClock, internet: Internet, authority: trustme.CA
) -> None:
    """DNS rebinding: a peer that was read for months leads to the cloud's secrets from now on."""
    log, asked = honest(clock), 0
    found = [PUBLIC]

    async def resolve(_: str) -> Sequence[str]:
        nonlocal asked
        asked += 1
        return found

    async with log_server(log.serve, tls=server_tls(authority.issue_cert(HOST))) as server:
        internet.port = server.port
        async with public_reader(database, clock, resolve, authority) as reader:
            await confirm(reader, log)
            assert await reader.round() is Verdict.READ, (await reader.log())["fault"]
            known = await reader.state()
            dialled = len(internet.dialled)
            found[:] = ["169.254.169.254"]
            for writer in server.writers:
                writer.transport.abort()
            clock.advance(seconds=41)
            assert await reader.round() is Verdict.UNAVAILABLE
            assert len(internet.dialled) == dialled
            assert await reader.state() == known
    assert set(internet.dialled) == {(PUBLIC, 443)}


@pytest.mark.parametrize("inside", TURNED)
@pytest.mark.parametrize("part", ["/log/operations/", "/log/tile/entries/", "/federation/v1/statements/"])
async def test_a_name_that_turns_inside_in_the_middle_of_a_round(  # noqa: PLR0917 - fixtures
    part: str, inside: str, database: Database, clock: FakeClock, internet: Internet, authority: trustme.CA
) -> None:
    """DNS rebinding: the peer tells its checkpoint, cuts the connection at what follows, and its name leads inside from then
    on: whatever is asked again is asked nobody there."""
    log, found = honest(clock), [PUBLIC]

    async def resolve(_: str) -> Sequence[str]:
        return found

    async with log_server(log.serve, tls=server_tls(authority.issue_cert(HOST))) as server:
        internet.port = server.port

        async def turn(path: str) -> None:
            if path.startswith(part):
                found[:] = [inside]
                for writer in server.writers:
                    writer.transport.abort()

        server.before = turn
        async with public_reader(database, clock, resolve, authority) as reader:
            await confirm(reader, log)
            assert await reader.round() is Verdict.UNAVAILABLE
            assert found == [inside]
            assert await reader.leaves() == []
            assert (await reader.log())["size"] == (0 if "statements" not in part else 4)
            assert set(internet.dialled) == {(PUBLIC, 443)}
            found[:], server.before = [PUBLIC], None
            clock.advance(hours=1)
            log.publish()
            assert await reader.round() is Verdict.READ, (await reader.log())["fault"]
            assert await reader.leaves() == [1, 2, 3]
    assert set(internet.dialled) == {(PUBLIC, 443)}


@pytest.mark.parametrize("kind", ["another name", "expired", "self-signed", "of a wildcard above"])
async def test_a_certificate_that_is_not_the_peers(
    kind: str, database: Database, clock: FakeClock, internet: Internet, authority: trustme.CA
) -> None:
    """Whoever stands in between has a certificate, but not the right one: nothing is asked, and nothing changes."""
    log = honest(clock)
    made = {
        "another name": lambda: authority.issue_cert("one.example"),
        "expired": lambda: authority.issue_cert(HOST, not_after=datetime(2020, 1, 1, tzinfo=UTC)),
        "self-signed": lambda: trustme.CA().issue_cert(HOST),
        "of a wildcard above": lambda: authority.issue_cert("*.two.example"),
    }[kind]()
    async with log_server(log.serve, tls=server_tls(made)) as server:
        internet.port = server.port
        async with public_reader(database, clock, names({HOST: [PUBLIC]}), authority) as reader:
            await confirm(reader, log)
            known = await reader.state()
            assert await reader.round() is Verdict.UNAVAILABLE
            assert await reader.state() == known
            assert (await reader.log())["failures"] == 1
        assert server.asked == []


ADDRESSES = [
    "https://127.0.0.1", "https://2130706433", "https://0177.0.0.1", "https://0x7f.0.0.1", "https://0x7f000001",
    "https://127.1", "https://[::1]", "https://[::ffff:127.0.0.1]", "https://10.0.0.1", "https://localhost",
    "https://one.localhost", "https://user@two.example", "https://user:secret@two.example",
    "https://two.example@127.0.0.1", "https://two.example:22", "http://two.example", "ftp://two.example",
    "https://two.example/elsewhere", "https://two.example?x=y", "https://two.example#x", "https://two", "https://",
    "https://two.example\r\nhost: x", "//two.example", "https:two.example",
]  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
async def test_an_address_of_no_public_host_is_nobodys(
    address: str, database: Database, clock: FakeClock, internet: Internet, authority: trustme.CA
) -> None:
    """An operator is sent such an address, or a peer tells it for itself; and where it stands in the row of a peer all the
    same, as after a restore from elsewhere, nothing is dialled."""
    with pytest.raises(PeeringRefused):
        parse_peer_address(address, allow_loopback=False)
    with pytest.raises(PeeringRefused):
        address_of("two.example/log", address, allow_loopback=False)
    log = honest(clock)
    async with public_reader(database, clock, names({HOST: ["127.0.0.1"]}), authority) as reader:
        await reader.confirm(address, log.log_key.vkey)
        assert await reader.round() is Verdict.UNAVAILABLE
        assert (await reader.log())["size"] == 0
    assert internet.dialled == []
