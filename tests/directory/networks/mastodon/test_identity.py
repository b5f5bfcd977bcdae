"""An account is what both of its hosts say it is, today."""

import pytest

from directory.accounts import BlueskyAccount, MastodonAccount
from directory.errors import InvalidIdentifier
from directory.identifiers import Acct, ActorUri, AtHandle, Did
from directory.networks.mastodon.identity import resolve_actor
from directory.networks.sign_in_errors import (
    AccountNotFound,
    HandleMismatch,
    IdentityMismatch,
    ServerMisbehaved,
    ServerUnreachable,
)
from tests.directory.networks.mastodon.signing_in import Instance
from tests.harness.fake_mastodon.internet import FakeInternet, Response
from tests.harness.fake_mastodon.profiles import ALL, TAKAHE, Profile
from tests.harness.fake_mastodon.site import JRD, FakeServer

everywhere = pytest.mark.parametrize("profile", ALL, ids=lambda profile: profile.name)


def actor(server: FakeServer, user: str = "alice") -> ActorUri:
    account = server.account(user)
    assert account is not None
    return ActorUri.parse(server.actor(account))


@everywhere
@pytest.mark.parametrize("domain", ["social.test", "pasture.test"])
async def test_there_and_back(
    internet: FakeInternet, instance: Instance, profile: Profile, domain: str
) -> None:
    server = FakeServer.at(internet, "social.test", profile, domain=domain)
    acct = Acct("alice", domain)
    found = await instance.sign_in.resolve_handle(acct)
    assert found == actor(server)
    assert await instance.sign_in.current_account(MastodonAccount(found, acct)) == MastodonAccount(
        found, acct
    )


async def test_letters_of_any_case(internet: FakeInternet, instance: Instance) -> None:
    server = FakeServer.at(internet, "social.test", accounts=["Alice"])
    assert await instance.sign_in.resolve_handle(Acct.parse("ALICE@Social.Test")) == actor(server)


async def test_an_alias_is_not_the_handle(internet: FakeInternet, instance: Instance) -> None:
    """The web domain answers for the account too, but the account goes by its domain."""
    FakeServer.at(internet, "social.pasture.test", domain="pasture.test")
    with pytest.raises(HandleMismatch):
        await instance.sign_in.resolve_handle(Acct("alice", "social.pasture.test"))


async def test_an_address_that_names_somebody_elses_account(
    internet: FakeInternet, instance: Instance
) -> None:
    """The attacker's domain says that alice@evil.test is the actor of the victim."""
    server = FakeServer.at(internet, "social.test")
    link = {"rel": "self", "type": "application/activity+json", "href": str(actor(server))}
    internet.sites["evil.test"] = lambda _: Response.json(
        {"subject": "acct:alice@evil.test", "links": [link]}, type_=JRD
    )
    with pytest.raises((IdentityMismatch, AccountNotFound)):
        await instance.sign_in.resolve_handle(Acct("alice", "evil.test"))


async def test_an_actor_that_takes_somebody_elses_address(internet: FakeInternet, instance: Instance) -> None:
    """The attacker's server says that its actor goes by the victim's address."""
    FakeServer.at(internet, "social.test")
    link = {"rel": "self", "type": "application/activity+json", "href": "https://evil.test/users/x"}
    internet.sites["evil.test"] = lambda _: Response.json(
        {"subject": "acct:alice@social.test", "links": [link]}, type_=JRD
    )
    with pytest.raises(IdentityMismatch):
        await instance.sign_in.current_account(
            MastodonAccount(ActorUri.parse("https://evil.test/users/x"), Acct("x", "evil.test"))
        )


async def test_a_server_that_answers_for_addresses_only(internet: FakeInternet, instance: Instance) -> None:
    server = FakeServer.at(internet, "social.test", TAKAHE, accounts=["alice", "bob"])
    with pytest.raises(ServerMisbehaved):
        await resolve_actor(instance.http, actor(server))
    with pytest.raises(IdentityMismatch):
        await instance.sign_in.current_account(MastodonAccount(actor(server), Acct("bob", "social.test")))


async def test_an_account_that_is_gone(internet: FakeInternet, instance: Instance) -> None:
    server = FakeServer.at(internet, "social.test")
    found = actor(server)
    server.accounts[0].is_gone = True
    with pytest.raises(AccountNotFound):
        await instance.sign_in.current_account(MastodonAccount(found, Acct("alice", "social.test")))


async def test_a_server_that_is_away_has_not_lost_the_account(
    internet: FakeInternet, instance: Instance
) -> None:
    """Unreachable is never refuted."""
    server = FakeServer.at(internet, "social.test")
    found = actor(server)
    server.broken["/.well-known/webfinger"] = lambda _: Response(502)
    with pytest.raises(ServerUnreachable):
        await instance.sign_in.current_account(MastodonAccount(found, Acct("alice", "social.test")))


async def test_names_of_the_other_network(instance: Instance) -> None:
    with pytest.raises(InvalidIdentifier):
        await instance.sign_in.resolve_handle(AtHandle("alice.bsky.social"))
    with pytest.raises(InvalidIdentifier):
        await instance.sign_in.current_account(
            BlueskyAccount(Did("did:web:alice.example.org"), AtHandle("alice.example.org"))
        )


LINKS = [
    [],
    [{"rel": "self", "type": "text/html", "href": "https://social.test/users/alice"}],
    [{"rel": "self", "type": "application/activity+json"}],
    [{"rel": "self", "type": "application/activity+json", "href": "http://social.test/users/alice"}],
    [{"rel": "self", "type": "application/activity+json", "href": "https://social.test/"}],
    [{"rel": "self", "type": "application/activity+json", "href": "https://[::1]/users/alice"}],
    [
        {"rel": "self", "type": "application/activity+json", "href": "https://social.test/users/alice"},
        {"rel": "self", "type": "application/activity+json", "href": "https://social.test/users/bob"},
    ],
]


@pytest.mark.parametrize("links", LINKS)
async def test_a_webfinger_without_one_actor(
    internet: FakeInternet, instance: Instance, links: list[dict[str, str]]
) -> None:
    internet.sites["social.test"] = lambda _: Response.json(
        {"subject": "acct:alice@social.test", "links": links}, type_=JRD
    )
    with pytest.raises(ServerMisbehaved):
        await instance.sign_in.resolve_handle(Acct("alice", "social.test"))


async def test_the_other_type_of_an_actor(internet: FakeInternet, instance: Instance) -> None:
    """ActivityPub has two names for its type; some servers give both links."""
    here = "https://social.test/users/alice"
    types = [
        'application/ld+json; profile="https://www.w3.org/ns/activitystreams"',
        "application/activity+json",
    ]
    links = [{"rel": "self", "type": type_, "href": here} for type_ in types]
    internet.sites["social.test"] = lambda _: Response.json(
        {"subject": "acct:alice@social.test", "links": links}, type_=JRD
    )
    assert await instance.sign_in.resolve_handle(Acct("alice", "social.test")) == ActorUri.parse(here)
