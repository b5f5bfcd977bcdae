"""Where a name leads is checked once, and that is where the connection goes."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from directory.networks.errors import NotSecure, Refused, Unreachable
from directory.networks.http import GuardedClient
from tests.directory.networks.conftest import Internet
from tests.directory.networks.strangers import (
    HASTY,
    OK,
    answer,
    client_tls,
    loopback_client,
    names,
    says,
    stranger,
)

PUBLIC = "93.184.215.14"
PUBLIC_V6 = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
HOST = "host.example.net"
URL = f"https://{HOST}/"


def public_client(table: dict[str, Sequence[str]]) -> GuardedClient:
    """The client as an instance runs it, with a name server and a certificate authority of ours."""
    return GuardedClient("Passerelle/test", resolve=names(table), tls=client_tls())


@pytest.fixture
async def at_host() -> AsyncIterator[GuardedClient]:
    async with public_client(
        {HOST: [PUBLIC], "next.example.net": [PUBLIC], "inside.example.net": ["10.0.0.1"]}
    ) as ours:
        yield ours


async def test_the_name_stays_while_the_address_is_pinned(at_host: GuardedClient, internet: Internet) -> None:
    """TLS asks for the name, `Host` says the name, and the connection is made to the number."""
    async with stranger(says(OK), tls=True) as them:
        internet.port = them.port
        assert (await at_host.get(URL)).body == b"ok"
    assert internet.dialled == [(PUBLIC, 443)]
    assert them.names_asked_for == [HOST]
    assert b"\r\nhost: host.example.net\r\n" in them.requests[0]


async def test_a_name_that_changes_between_check_and_connection(internet: Internet) -> None:
    """DNS rebinding: public when it is checked, 169.254.169.254 when it is connected to a moment later."""
    asked = 0

    async def rebinds(_host: str) -> Sequence[str]:
        nonlocal asked
        asked += 1
        return [PUBLIC] if asked == 1 else ["169.254.169.254"]

    async with GuardedClient("Passerelle/test", resolve=rebinds, tls=client_tls()) as ours:
        with pytest.raises(Unreachable):
            await ours.get(URL)
        assert (asked, internet.dialled) == (1, [(PUBLIC, 443)])
        with pytest.raises(Refused):
            await ours.get(URL)
    assert internet.dialled == [(PUBLIC, 443)]


@pytest.mark.parametrize(
    "found",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["0.0.0.0"],  # noqa: S104 - what a name server says
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["::ffff:a9fe:a9fe"],
        ["64:ff9b::7f00:1"],
        ["2002:7f00:1::"],
        ["fd00:ec2::254"],
        ["fe80::1%lo"],
        ["not an address"],
        [PUBLIC, "10.0.0.1"],
        [PUBLIC_V6, "::1"],
        [PUBLIC] * 20 + ["192.168.0.1"],
    ],
)
async def test_a_name_that_leads_inside(internet: Internet, found: list[str]) -> None:
    """A name server of the stranger's own answers with an address of our network, alone or among good ones."""
    async with public_client({HOST: found}) as ours:
        with pytest.raises(Refused) as caught:
            await ours.get(URL)
    assert internet.dialled == []
    assert caught.value.may_have_arrived is False
    assert not any(address in str(caught.value) for address in found), "tells what our network looks like"


async def test_only_a_few_addresses_of_a_name_are_tried(internet: Internet) -> None:
    """A name with a hundred addresses would have us knock at a hundred doors."""
    async with public_client({HOST: [f"93.184.215.{number}" for number in range(100)]}) as ours:
        with pytest.raises(Unreachable):
            await ours.get(URL)
    assert len(internet.dialled) == 4


async def test_a_name_without_addresses(internet: Internet) -> None:
    async with public_client({HOST: []}) as ours:
        with pytest.raises(Unreachable):
            await ours.get(URL)
    assert internet.dialled == []


@pytest.mark.parametrize(
    "location",
    [
        "https://inside.example.net/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://localhost/",
        "http://host.example.net/",
        "https://host.example.net:8443/",
        "//user@host.example.net/",
        "file:///etc/passwd",
        pytest.param("https://host.example.net/" + "a" * 9_000, id="long"),
        "https://\xe9.example.net/",
    ],
)
async def test_a_redirect_that_leads_inside(
    at_host: GuardedClient, internet: Internet, location: str
) -> None:
    """The address we were given is fine; where it sends us is not, and is checked like the first."""
    moved = f"HTTP/1.1 302 Found\r\ncontent-length: 0\r\nlocation: {location}\r\n\r\n".encode("latin-1")
    async with stranger(says(moved), tls=True) as them:
        internet.port = them.port
        with pytest.raises(Refused) as caught:
            await at_host.get(URL, redirects=5)
    assert len(them.requests) == 1
    assert caught.value.may_have_arrived, "the first server was asked"
    assert internet.dialled == [(PUBLIC, 443)]


async def test_a_redirect_to_another_public_name_is_checked_and_followed(
    at_host: GuardedClient, internet: Internet
) -> None:
    async def sends_on(request: bytes, writer: asyncio.StreamWriter) -> None:
        arrived = b"\r\nhost: next.example.net\r\n" in request
        writer.write(
            OK if arrived else answer(b"", "location: https://next.example.net/", status="302 Found")
        )

    async with stranger(sends_on, tls=True) as them:
        internet.port = them.port
        assert (await at_host.get(URL, redirects=1)).url == "https://next.example.net/"
    assert them.names_asked_for == [HOST, "next.example.net"]


async def test_a_certificate_for_another_name(internet: Internet) -> None:
    """Whoever sits at the address, or on the way to it, has a good certificate of their own name."""
    async with public_client({"other.example.net": [PUBLIC]}) as ours, stranger(says(OK), tls=True) as them:
        internet.port = them.port
        with pytest.raises(NotSecure) as caught:
            await ours.get("https://other.example.net/")
    assert them.requests == []
    assert caught.value.may_have_arrived is False


async def test_a_certificate_nobody_vouches_for(internet: Internet) -> None:
    async with (
        GuardedClient("Passerelle/test", resolve=names({HOST: [PUBLIC]})) as ours,
        stranger(says(OK), tls=True) as them,
    ):
        internet.port = them.port
        with pytest.raises(NotSecure):
            await ours.get(URL)
    assert them.requests == []


async def test_a_server_without_tls(at_host: GuardedClient, internet: Internet) -> None:
    """It speaks plain HTTP on the secure port, and would be told our tokens in clear."""
    async with stranger(says(OK)) as them:
        internet.port = them.port
        with pytest.raises(Unreachable):
            await at_host.get(URL, limits=HASTY)
    assert them.requests == []


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://host.example.net/", [PUBLIC]),
        ("https://host.example.net:8443/", [PUBLIC]),
        ("http://host.example.net:8080/", [PUBLIC, "127.0.0.1"]),
        ("https://host.example.net/", ["10.0.0.1"]),
        ("http://host.example.net:8080/", ["::ffff:127.0.0.1"]),
        ("http://host.example.net:8080/", ["::"]),
    ],
)
async def test_the_setting_for_tests_allows_this_machine_only(
    internet: Internet, url: str, found: list[str]
) -> None:
    """An operator who leaves it on must not have opened the network to http or to private addresses."""
    async with loopback_client(resolve=names({HOST: found})) as ours:
        with pytest.raises(Refused):
            await ours.get(url)
    assert internet.dialled == []


async def test_without_the_setting_this_machine_is_not_asked(internet: Internet) -> None:
    async with stranger(says(OK)) as them, public_client({HOST: ["127.0.0.1"]}) as ours:
        for url in (them.url, f"http://localhost:{them.port}/", "https://127.0.0.1/", URL):
            with pytest.raises(Refused):
                await ours.get(url)
    assert internet.dialled == []
