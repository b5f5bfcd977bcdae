"""Names of Mastodon-API servers that would lead us to addresses of our own network. Each test's docstring tells the attack."""

import pytest

from directory.errors import InvalidIdentifier
from directory.networks.sign_in_errors import (
    ServerNotAllowed,
)
from tests.directory.networks.mastodon.signing_in import Instance, jrd
from tests.harness.fake_mastodon.internet import FakeInternet, Request, Response

INWARD = ["127.0.0.1", "10.0.0.5", "169.254.169.254", "::1", "fd00::1", "100.64.0.1"]


@pytest.mark.parametrize("address", INWARD)
async def test_a_name_that_leads_inward(internet: FakeInternet, instance: Instance, address: str) -> None:
    """SSRF: the attacker's domain has an address of our own network."""
    internet.addresses["inward.test"] = [address]
    for typed in ("inward.test", "@alice@inward.test", "https://inward.test/users/alice"):
        with pytest.raises(ServerNotAllowed):
            await instance.start(typed)
    assert not internet.requests


@pytest.mark.parametrize(
    "typed",
    [
        "localhost",
        "127.0.0.1",
        "2130706433",
        "[::1]",
        "https://[::1]/@alice",
        "http://169.254.169.254/",
        "https://social.test:8443/@alice",
        "https://user:secret@social.test/@alice",
        "https://bsky.app/profile/alice.bsky.social",
        "did:plc:" + "a" * 24,
        "",
        "@",
        "@alice",
        "alice@",
        "a b.test",
        "social.test/../../etc",
        "x" * 3_000,
    ],
)
async def test_a_text_that_is_no_account(internet: FakeInternet, instance: Instance, typed: str) -> None:
    """Nothing is asked for what is not a name on the public internet."""
    with pytest.raises(InvalidIdentifier):
        await instance.start(typed)
    assert not internet.requests


async def test_a_webfinger_that_leads_inward(internet: FakeInternet, instance: Instance) -> None:
    """SSRF: WebFinger names an actor on a host of our own network."""
    internet.addresses["inward.test"] = ["10.0.0.5"]
    internet.sites["evil.test"] = jrd("acct:alice@evil.test", "https://inward.test/users/alice")
    with pytest.raises(ServerNotAllowed):
        await instance.start("@alice@evil.test")


async def test_a_host_meta_that_leads_inward(internet: FakeInternet, instance: Instance) -> None:
    """SSRF: host-meta names a host of our own network."""
    internet.addresses["inward.test"] = ["10.0.0.5"]

    def evil(request: Request) -> Response:
        if request.path == "/.well-known/host-meta":
            return Response(
                200, b'<Link template="https://inward.test/.well-known/webfinger?resource={uri}"/>'
            )
        return Response(404)

    internet.sites["evil.test"] = evil
    with pytest.raises(ServerNotAllowed):
        await instance.start("evil.test")
