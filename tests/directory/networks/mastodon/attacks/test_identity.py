"""Strangers who would sign in with a Mastodon-API server as somebody else. Each test's docstring tells the attack."""

from collections.abc import Callable

import pytest

from directory.identifiers import ActorUri
from directory.networks.sign_in_errors import (
    AccountNotFound,
    IdentityMismatch,
    ServerMisbehaved,
)
from tests.directory.networks.mastodon.signing_in import Instance, jrd
from tests.harness.fake_mastodon.internet import FakeInternet, Request, Response
from tests.harness.fake_mastodon.profiles import TAKAHE
from tests.harness.fake_mastodon.site import Account, FakeServer

EVIL_ANSWERS = [
    pytest.param({"username": "alice", "acct": "alice@social.test"}, None, id="an acct of another host"),
    pytest.param(
        {"username": "alice", "url": "https://social.test/users/alice"},
        jrd("acct:alice@social.test", "https://social.test/users/alice"),
        id="an actor of another host",
    ),
    pytest.param(
        {"username": "alice", "uri": "https://evil.test/users/alice"},
        jrd("acct:alice@social.test", "https://evil.test/users/alice"),
        id="an own actor with an address of another host",
    ),
    pytest.param(
        {"username": "alice", "uri": "https://social.test/users/alice"},
        jrd("acct:alice@evil.test", "https://social.test/users/alice"),
        id="an own address with an actor of another host",
    ),
    pytest.param(
        {"username": "alice", "uri": "https://social.test/users/alice"},
        lambda _: Response.redirect(
            "https://social.test/.well-known/webfinger?resource=acct:alice@social.test"
        ),
        id="a redirect to another host's WebFinger",
    ),
    pytest.param(
        {"username": "alice", "uri": "https://evil.test/users/alice"},
        jrd("acct:alice@evil.test", "https://evil.test:8443/users/alice"),
        id="an actor on another port",
    ),
    pytest.param({"username": "alice@social.test", "acct": ""}, None, id="a name with a host in it"),
    pytest.param({"username": "../../users/alice", "acct": "x"}, None, id="a name that is a path"),
    pytest.param({"username": "mallory"}, None, id="no address of the account at all"),
]


@pytest.mark.parametrize(("credentials", "webfinger"), EVIL_ANSWERS)
async def test_an_identity_of_another_host(
    internet: FakeInternet,
    instance: Instance,
    credentials: dict[str, str],
    webfinger: Callable[[Request], Response] | None,
) -> None:
    """The attacker runs a server and says that whoever signs in there is alice@social.test."""
    FakeServer.at(internet, "social.test", now=instance.now)
    evil = FakeServer.at(internet, "evil.test", accounts=["mallory", "alice"], now=instance.now)
    evil.broken["/api/v1/accounts/verify_credentials"] = lambda _: Response.json(credentials)
    if webfinger is not None:
        evil.broken["/.well-known/webfinger"] = webfinger
    started = await instance.start("evil.test")
    with pytest.raises((IdentityMismatch, AccountNotFound, ServerMisbehaved)):
        await instance.finish(started, await instance.visit(started, "mallory"))


async def test_a_shared_server_of_several_domains(internet: FakeInternet, instance: Instance) -> None:
    """On a server with several domains, the attacker is `alice` too, at a domain of their own.

    They sign in at the victim's domain, choose their own identity on the page, and the API says
    only `alice`. (Takahē lets people choose among their identities on all domains.)
    """
    server = FakeServer.at(internet, "social.test", TAKAHE, now=instance.now)
    server.accounts.append(Account("alice", "mallory.test"))
    internet.sites["mallory.test"] = server
    started = await instance.start("@alice@social.test")
    with pytest.raises(IdentityMismatch):
        await instance.finish(started, await instance.visit(started, "alice@mallory.test"))
    done = await instance.signed_in("@alice@mallory.test", "alice@mallory.test")
    assert done.account.id == ActorUri.parse("https://mallory.test/@alice@mallory.test/")


async def test_somebody_else_than_expected(internet: FakeInternet, instance: Instance) -> None:
    """A follow run asks for the rights of the account it belongs to; another one signs in."""
    FakeServer.at(internet, "social.test", accounts=["alice", "bob"], now=instance.now)
    alice = ActorUri.parse("https://social.test/users/alice")
    started = await instance.start("social.test", expected=alice)
    with pytest.raises(IdentityMismatch):
        await instance.finish(started, await instance.visit(started, "bob"))


async def test_tokens_of_a_failed_sign_in_are_ended(internet: FakeInternet, instance: Instance) -> None:
    server = FakeServer.at(internet, "social.test", accounts=["alice", "bob"], now=instance.now)
    alice = ActorUri.parse("https://social.test/users/alice")
    started = await instance.start("social.test", expected=alice)
    with pytest.raises(IdentityMismatch):
        await instance.finish(started, await instance.visit(started, "bob"))
    await instance.grants.revoke_all(instance.sign_in, instance.time)
    assert [token.is_revoked for token in server.oauth.tokens if token.user] == [True]
