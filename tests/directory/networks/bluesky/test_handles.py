"""From a handle to a DID, by every way there is."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.identifiers import AtHandle, Did
from directory.networks.bluesky.did import DidResolver, _Document, parse_document
from directory.networks.bluesky.handles import (
    HandleResolver,
    dns_source,
    service_source,
    well_known_source,
)
from directory.networks.bluesky.origins import parse_origin
from directory.networks.http import GuardedClient
from directory.networks.sign_in_errors import (
    AccountNotFound,
    ServerMisbehaved,
    ServerUnreachable,
    SignInError,
)
from tests.directory.networks.bluesky.fakes import ALICE, MALLORY, document
from tests.harness.fake_mastodon.fixtures import http_fixture, internet_fixture
from tests.harness.fake_mastodon.internet import FakeInternet, Request, Response

HANDLE = AtHandle("alice.test")


internet = internet_fixture()
http = http_fixture()


def says(*texts: str) -> HandleResolver:
    async def look_up(name: str) -> Sequence[str]:
        assert name == "_atproto.alice.test"
        return texts

    return HandleResolver(dns_source(look_up))


async def down(_name: str) -> Sequence[str]:
    raise OSError("no answer")


async def empty(_name: str) -> Sequence[str]:
    return []


async def test_a_record_in_the_dns() -> None:
    assert await says("v=spf1", f"did={ALICE}").resolve(HANDLE) == Did(ALICE)
    assert await says(f"did={ALICE}", f"did={ALICE}").resolve(HANDLE) == Did(ALICE)


@pytest.mark.parametrize(
    "texts",
    [[], ["did="], ["did=did:key:z6Mk"], [ALICE], [f" did={ALICE}"], [f"did={ALICE}", f"did={MALLORY}"]],
)
async def test_records_that_lead_nowhere(texts: list[str]) -> None:
    with pytest.raises(AccountNotFound):
        await says(*texts).resolve(HANDLE)


@pytest.mark.parametrize("body", [ALICE, f"{ALICE}\n", f"  {ALICE}\r\n"])
async def test_a_file_on_the_host(internet: FakeInternet, http: GuardedClient, body: str) -> None:
    internet.sites["alice.test"] = lambda request: Response(
        200 if request.path == "/.well-known/atproto-did" else 404, body.encode()
    )
    resolver = HandleResolver(dns_source(empty), well_known_source(http))
    assert await resolver.resolve(HANDLE) == Did(ALICE)


async def test_a_file_somewhere_else(internet: FakeInternet, http: GuardedClient) -> None:
    """The specification allows redirects here."""
    internet.sites["alice.test"] = lambda _: Response.redirect("https://www.alice.test/did")
    internet.sites["www.alice.test"] = lambda _: Response(200, ALICE.encode())
    assert await HandleResolver(well_known_source(http)).resolve(HANDLE) == Did(ALICE)


FILES = [
    Response(404),
    Response(200, b""),
    Response(200, b"<html>"),
    Response(200, b"\xff\xfe"),
    Response(200, b"x" * 100_000),
    Response(200, f"{ALICE}\n{MALLORY}".encode()),
    Response.redirect("https://alice.test/.well-known/atproto-did"),
    Response.redirect("http://127.0.0.1/"),
]


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.status} {len(file.body)}")
async def test_files_that_lead_nowhere(internet: FakeInternet, http: GuardedClient, file: Response) -> None:
    internet.sites["alice.test"] = lambda _: file
    with pytest.raises(AccountNotFound):
        await HandleResolver(dns_source(empty), well_known_source(http)).resolve(HANDLE)


async def test_a_service_is_asked(internet: FakeInternet, http: GuardedClient) -> None:
    def service(request: Request) -> Response:
        if request.query == {"handle": "alice.test"}:
            return Response.json({"did": ALICE})
        return Response.json({"error": "InvalidRequest"}, 400)

    internet.sites["service.test"] = service
    resolver = HandleResolver(service_source(http, "https://service.test/"))
    assert await resolver.resolve(HANDLE) == Did(ALICE)
    with pytest.raises(AccountNotFound):
        await resolver.resolve(AtHandle("bob.test"))
    internet.sites["service.test"] = lambda _: Response.json({"did": 7})
    with pytest.raises(AccountNotFound):
        await resolver.resolve(HANDLE)


async def test_silence_is_not_an_answer(internet: FakeInternet, http: GuardedClient) -> None:
    """Unreachable is never refuted: who could know and does not answer may say another thing tomorrow."""
    internet.sites["alice.test"] = lambda _: Response(404)
    with pytest.raises(ServerUnreachable):
        await HandleResolver(dns_source(down), well_known_source(http)).resolve(HANDLE)
    internet.sites["alice.test"] = lambda _: Response(503)
    with pytest.raises(ServerUnreachable):
        await HandleResolver(dns_source(empty), well_known_source(http)).resolve(HANDLE)
    internet.sites["alice.test"] = lambda _: Response(200, ALICE.encode())
    assert await HandleResolver(dns_source(down), well_known_source(http)).resolve(HANDLE) == Did(ALICE)


async def test_a_did_of_a_host(internet: FakeInternet, http: GuardedClient) -> None:
    """did:web: the document is on the host itself, and redirects are not followed."""
    did = Did("did:web:alice.test")
    paths: list[str] = []

    def host(request: Request) -> Response:
        paths.append(request.path)
        return Response.json(document(str(did), "alice.test", "https://pds.test"))

    internet.sites["alice.test"] = host
    found = await DidResolver(http).resolve(did)
    assert (found.did, found.handle, found.pds) == (did, HANDLE, "https://pds.test")
    assert paths == ["/.well-known/did.json"]
    internet.sites["alice.test"] = lambda _: Response.redirect("https://elsewhere.test/did.json")
    with pytest.raises(ServerMisbehaved):
        await DidResolver(http).resolve(did)


@pytest.mark.parametrize("status", [404, 410])
async def test_an_account_that_is_gone(internet: FakeInternet, http: GuardedClient, status: int) -> None:
    internet.sites["plc.directory"] = lambda _: Response(status)
    with pytest.raises(AccountNotFound):
        await DidResolver(http).resolve(Did(ALICE))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just("at://alice.test"),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    ),
    st.lists(
        st.sampled_from(["at://alice.test", "at://", "https://x.test", "at://UP.test", 7, None]), max_size=3
    ),
)
def test_any_document(endpoint: object, names: list[object]) -> None:
    given_document = document(ALICE, "alice.test", "")
    given_document["service"][0]["serviceEndpoint"] = endpoint
    given_document["alsoKnownAs"] = names
    read = msgspec.convert(given_document, _Document)
    try:
        found = parse_document(Did(ALICE), read, "plc.directory", allow_loopback=False)
    except SignInError:
        return
    assert found.pds.startswith("https://")


@given(st.text(max_size=60) | st.from_regex(r"https?://[a-z.:@/\\\[\]0-9?#]{0,30}", fullmatch=True))
def test_any_origin(text: str) -> None:
    try:
        origin = parse_origin(text, allow_loopback=False)
    except SignInError:
        return
    assert parse_origin(origin, allow_loopback=False) == origin
    assert origin.startswith("https://")
