"""Who is at an address: which addresses are asked at all, and what is refused of what they answer."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from directory.networks.http import GuardedClient
from federation.errors import IntroductionFailed, InvalidDescriptor, PeeringRefused
from federation.keys.fingerprints import to_words
from federation.peers.addresses import address_of, parse_peer_address
from federation.peers.introduction import Bounds, Introducer, Introduction, is_fingerprint
from federation.protocol.descriptor import MAX_DESCRIPTOR_BYTES, parse_descriptor
from federation.protocol.peer import MAX_NAME_CHARS
from tests.directory.networks.conftest import Internet
from tests.directory.networks.strangers import client_tls
from tests.federation.peers.test_asking import PRIVATE
from tests.harness.clock import FakeClock
from tests.harness.peers import PeerInstance

DESCRIPTOR: dict[str, Any] = {"v": 1, "origin": "one.example/log", "operations": 1, "name": "One"}


@pytest.mark.parametrize("text", ["find.example", "https://Find.Example/", " https://find.example:443 "])
def test_an_address_as_people_type_it(text: str) -> None:
    address = parse_peer_address(text, allow_loopback=False)
    assert (address.url, address.authority) == ("https://find.example", "find.example")
    assert address.origin == "find.example/log"


BAD_ADDRESSES = [
    "", "http://find.example", "https://find.example:8443", "https://find.example/a", "https://find.example?a=b",
    "https://ada@find.example", "https://find.example@evil.example", "ftp://find.example", "intranet",
    "127.0.0.1", "10.0.0.1", "169.254.169.254", "2130706433", "0x7f000001", "0x7f.0.0.1", "017700000001", "127.1", "0",
    "https://[::1]", "https://[::ffff:127.0.0.1]", "https://[fd00::1]", "https://[fe80::1]", "https://[2606:2800::1]",
    "localhost", "http://localhost:8000", "http://demo.localhost:8000",
]  # fmt: skip


@pytest.mark.parametrize("allow_loopback", [False, True])
@pytest.mark.parametrize("text", BAD_ADDRESSES)
def test_an_address_that_is_nobodys(text: str, allow_loopback: bool) -> None:
    """Attack: an operator is talked into a peer whose address leads into their own network."""
    with pytest.raises(PeeringRefused):
        parse_peer_address(text, allow_loopback=allow_loopback)


@pytest.mark.parametrize("text", ["http://one.localhost:8001", "https://two.localhost:8443"])
def test_instances_of_one_machine_are_peers_where_that_is_allowed_alone(text: str) -> None:
    assert parse_peer_address(text, allow_loopback=True).url == text
    with pytest.raises(PeeringRefused):
        parse_peer_address(text, allow_loopback=False)


def test_the_address_of_an_origin_is_its_host() -> None:
    """Whatever a request says; only on one machine it tells the port."""
    assert address_of("find.example/log", None, allow_loopback=True).url == "https://find.example"
    said = "http://one.localhost:8001"
    assert address_of("one.localhost/log", said, allow_loopback=True).url == said
    for origin, other in (
        ("find.example/log", said),
        ("find.example/log", "https://evil.example"),
        ("two.localhost/log", said),
    ):
        with pytest.raises(PeeringRefused):
            address_of(origin, other, allow_loopback=True)


def test_a_descriptor_holds_nothing_that_a_terminal_obeys() -> None:
    """Attack: a name that clears the operator's screen, and shows other words in place of the true ones."""
    said = parse_descriptor(
        json.dumps({**DESCRIPTOR, "name": "\x1b[2J\x1b[31m\u202eTrusted\r\n" + "x" * 9_000}).encode()
    )
    assert said.name.isprintable()
    assert len(said.name) <= MAX_NAME_CHARS
    assert "\x1b" not in said.name


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        b"[" * 60_000,
        b"{" * MAX_DESCRIPTOR_BYTES,
        b" " * (MAX_DESCRIPTOR_BYTES + 1),
        json.dumps({**DESCRIPTOR, "v": 2}).encode(),
        json.dumps({**DESCRIPTOR, "origin": "One.Example/log"}).encode(),
        json.dumps({**DESCRIPTOR, "origin": "one.example"}).encode(),
        json.dumps({**DESCRIPTOR, "operations": 0}).encode(),
        json.dumps({**DESCRIPTOR, "operations": 10**9}).encode(),
        json.dumps({**DESCRIPTOR, "operations": "1"}).encode(),
        json.dumps({**DESCRIPTOR, "name": 7}).encode(),
        b'{"v":1,"origin":"one.example/log","operations":1,"name":"\xff"}',
    ],
    ids=range(13),
)
def test_what_is_no_descriptor(data: bytes) -> None:
    with pytest.raises(InvalidDescriptor):
        parse_descriptor(data)


@pytest.mark.parametrize("addresses", PRIVATE, ids=" ".join)
async def test_a_name_that_leads_inside(
    clock: FakeClock, internet: Internet, addresses: Sequence[str]
) -> None:
    """Attack: the name of a peer leads to the operator's own network; nothing is connected to."""

    async def resolve(host: str) -> Sequence[str]:
        return addresses

    async with GuardedClient("tests", resolve=resolve, tls=client_tls()) as http:
        with pytest.raises(IntroductionFailed):
            await Introducer(http, clock).introduce(parse_peer_address("evil.example", allow_loopback=False))
    assert internet.dialled == []


async def test_a_name_that_leads_elsewhere_a_moment_later(clock: FakeClock, internet: Internet) -> None:
    """Attack: DNS rebinding. A name is resolved for each connection, and each answer is checked."""
    answers = iter([["93.184.215.14"], ["169.254.169.254"], ["10.0.0.1"]])

    async def resolve(host: str) -> Sequence[str]:
        return next(answers)

    address = parse_peer_address("evil.example", allow_loopback=False)
    async with GuardedClient("tests", resolve=resolve, tls=client_tls()) as http:
        for _ in range(3):
            with pytest.raises(IntroductionFailed):
                await Introducer(http, clock).introduce(address)
    assert internet.dialled == [("93.184.215.14", 443)]


def introduce(by: PeerInstance, address: str, bounds: Bounds | None = None) -> Introduction:
    async def run() -> Introduction:
        found = parse_peer_address(address, allow_loopback=True)
        introducer = Introducer(by.running.http, by.running.clock)
        return await (introducer.introduce(found, bounds) if bounds else introducer.introduce(found))

    return by.running.call(run)


def test_an_instance_shows_itself(one: PeerInstance, two: PeerInstance) -> None:
    found = introduce(two, one.address)
    keys = one.keys.read()
    assert (found.origin, found.size, found.descriptor.operations) == (one.origin, 301, 1)
    assert found.first_key == keys.logs[0].vkey
    assert found.document.peer_key == keys.peer.public_key
    assert found.descriptor.federation == f"{one.address}/federation/v1/"
    assert list(found.fingerprints) == ["log key", "witness key", "peer key"]


def test_an_instance_under_another_name(one: PeerInstance, two: PeerInstance) -> None:
    """Attack: an address whose instance is another one: its operator would be pinned under the wrong name."""
    port = one.running.settings.port
    with pytest.raises(IntroductionFailed, match=r"is the log one\.localhost/log"):
        introduce(two, f"http://three.localhost:{port}")


def test_more_documents_than_are_read_of_a_stranger(one: PeerInstance, two: PeerInstance) -> None:
    """Attack: a stranger with a thousand documents has us fetch them all for one request."""
    with pytest.raises(IntroductionFailed, match="more than 0"):
        introduce(two, one.address, Bounds(documents=0, seconds=5))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE log_operations SET note = replace(convert_from(note, 'utf8'), 'validity', 'valadity')::bytea",
        "UPDATE log_operations SET note = '\\x00'",
    ],
)
def test_documents_that_are_no_chain(one: PeerInstance, two: PeerInstance, change: str) -> None:
    """Attack: a document that nobody has signed so, or none at all."""
    one.fetch(change)
    with pytest.raises(IntroductionFailed):
        introduce(two, one.address)


def test_a_fingerprint_as_operators_tell_it(one: PeerInstance, two: PeerInstance) -> None:
    fingerprint = introduce(two, one.address).first_key.fingerprint
    words = to_words(fingerprint)
    for text in (fingerprint.hex(), fingerprint.hex().upper(), words, f" {words.upper()} "):
        assert is_fingerprint(text, fingerprint)
    for text in ("", " ", words[:-6], fingerprint.hex()[:-2], to_words(bytes(32))):
        assert not is_fingerprint(text, fingerprint)
