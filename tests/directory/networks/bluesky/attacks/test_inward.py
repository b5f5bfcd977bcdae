"""Accounts on Bluesky that would lead us to addresses of our own network. Each test's docstring tells the attack."""

import pytest

from directory.errors import InvalidIdentifier
from directory.networks.sign_in_errors import (
    AccountNotFound,
    ServerMisbehaved,
    ServerNotAllowed,
)
from tests.directory.networks.bluesky.fakes import MALLORY, FakePds, Neighbourhood, both, evil
from tests.harness.fake_mastodon.internet import Response

ADDRESSES = [
    "http://pds.test",
    "https://pds.test/path",
    "https://pds.test?x=y",
    "https://user:secret@pds.test",
    "https://127.0.0.1",
    "https://[::1]",
    "http://localhost:2583",
    "https://localhost",
    "https://169.254.169.254",
    "https://2130706433",
    "https://pds.test:22",
    "file:///etc/passwd",
    "https://pds.test\\@inward.test",
    "https://pds.test\t.evil",
    "ftp://pds.test",
    "https://",
    "",
    "x" * 5_000,
    7,
    None,
    ["https://pds.test"],
]


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda address: str(address)[:30])
async def test_a_document_that_leads_inward(near: Neighbourhood, address: object) -> None:
    """SSRF by PDS: the attacker's DID document names an address of ours, or none at all."""
    near.documents[MALLORY]["service"][0]["serviceEndpoint"] = address
    with pytest.raises((ServerMisbehaved, ServerNotAllowed)):
        await near.start("mallory.test")
    assert {request.host for request in near.internet.requests} == {"plc.directory"}


@pytest.mark.parametrize("inward", ["10.0.0.5", "127.0.0.1", "169.254.169.254", "::1", "fd00::1"])
async def test_a_name_that_leads_inward(near: Neighbourhood, inward: str) -> None:
    """SSRF by host: names of the attacker's have addresses of our own network."""
    near.internet.addresses["inward.test"] = [inward]
    near.documents[MALLORY]["service"][0]["serviceEndpoint"] = "https://inward.test"
    for account in ("mallory.test", "https://inward.test", "did:web:inward.test"):
        with pytest.raises(ServerNotAllowed):
            await near.start(account)
    evil(near).issuer = "https://inward.test"
    near.documents[MALLORY]["service"][0]["serviceEndpoint"] = "https://evil.test"
    with pytest.raises(ServerNotAllowed):
        await near.start("mallory.test")


@pytest.mark.parametrize("name", ["pushed_authorization_request_endpoint", "token_endpoint"])
async def test_an_endpoint_that_leads_inward(near: Neighbourhood, name: str) -> None:
    """SSRF by metadata."""
    started = await near.start("alice.test")
    near.internet.addresses["inward.test"] = ["10.0.0.5"]
    pds = near.internet.sites["pds.test"]
    assert isinstance(pds, FakePds)
    pds.changed[name] = "https://inward.test/oauth"
    with pytest.raises(ServerNotAllowed):
        await both(near, started)


async def test_a_handle_that_leads_inward(near: Neighbourhood) -> None:
    """SSRF by handle: its host is inside, or sends us there. It is a handle of nobody."""
    near.internet.addresses["inward.test"] = ["10.0.0.5"]
    near.internet.sites["bounce.test"] = lambda _: Response.redirect("https://inward.test/")
    for handle in ("inward.test", "bounce.test"):
        with pytest.raises(AccountNotFound):
            await near.start(handle)


@pytest.mark.parametrize(
    "text", ["", "@", "alice", "alice@pds.test", "https://pds.test/@alice", "did:key:z6Mk", "localhost"]
)
async def test_a_text_that_is_no_account(near: Neighbourhood, text: str) -> None:
    with pytest.raises(InvalidIdentifier):
        await near.start(text)
    assert not near.internet.requests
