"""An account is what both of its hosts say it is, today and after it moved."""

import pytest

from directory.errors import InvalidIdentifier
from directory.identifiers import Acct, ActorUri, AtHandle, Did
from directory.networks.sign_in_errors import (
    AccountNotFound,
    HandleMismatch,
    IdentityMismatch,
    ServerMisbehaved,
    ServerUnreachable,
    SignInError,
)
from tests.directory.networks.mastodon.signing_in import Instance
from tests.harness.fake_mastodon.internet import FakeInternet, Response
from tests.harness.fake_mastodon.profiles import ALL, GOTOSOCIAL, MASTODON_4_3, TAKAHE, Profile
from tests.harness.fake_mastodon.site import ACTIVITY, JRD, FakeServer

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
    assert await instance.sign_in.current_handle(found, acct) == acct


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
        await instance.sign_in.current_handle(ActorUri.parse("https://evil.test/users/x"))


async def test_a_server_that_answers_for_addresses_only(internet: FakeInternet, instance: Instance) -> None:
    server = FakeServer.at(internet, "social.test", TAKAHE, accounts=["alice", "bob"])
    with pytest.raises(ServerMisbehaved):
        await instance.sign_in.current_handle(actor(server))
    with pytest.raises(IdentityMismatch):
        await instance.sign_in.current_handle(actor(server), Acct("bob", "social.test"))


async def test_an_account_that_is_gone(internet: FakeInternet, instance: Instance) -> None:
    server = FakeServer.at(internet, "social.test")
    found = actor(server)
    server.accounts[0].is_gone = True
    with pytest.raises(AccountNotFound):
        await instance.sign_in.current_handle(found)


async def test_a_server_that_is_away_has_not_lost_the_account(
    internet: FakeInternet, instance: Instance
) -> None:
    """Unreachable is never refuted."""
    server = FakeServer.at(internet, "social.test")
    found = actor(server)
    server.broken["/.well-known/webfinger"] = lambda _: Response(502)
    with pytest.raises(ServerUnreachable):
        await instance.sign_in.current_handle(found)


async def test_names_of_the_other_network(instance: Instance) -> None:
    with pytest.raises(InvalidIdentifier):
        await instance.sign_in.resolve_handle(AtHandle("alice.bsky.social"))
    with pytest.raises(InvalidIdentifier):
        await instance.sign_in.current_handle(Did("did:web:alice.example.org"))


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


async def test_nobody_moved(internet: FakeInternet, instance: Instance) -> None:
    FakeServer.at(internet, "social.test")
    assert await instance.sign_in.moved_to(Acct("alice", "social.test")) is None


@pytest.mark.parametrize("there", ["alice2@new.test", "alice2"])
async def test_somebody_moved(internet: FakeInternet, instance: Instance, there: str) -> None:
    """To another server, or to another name on the same one."""
    old = FakeServer.at(internet, "social.test", accounts=["alice", "alice2"])
    new = FakeServer.at(internet, "new.test", accounts=["alice2"])
    old.accounts[0].moved = there
    moved = await instance.sign_in.moved_to(Acct("alice", "social.test"))
    assert moved is not None
    home = new if "@" in there else old
    assert (moved.acct, moved.actor) == (Acct("alice2", home.host), actor(home, "alice2"))


async def test_moved_to_nobody(internet: FakeInternet, instance: Instance) -> None:
    """The old server names an account that its own server does not know."""
    old = FakeServer.at(internet, "social.test")
    FakeServer.at(internet, "new.test", accounts=[])
    old.accounts[0].moved = "alice2@new.test"
    with pytest.raises(AccountNotFound):
        await instance.sign_in.moved_to(Acct("alice", "social.test"))


@pytest.mark.parametrize("moved", ["@", "a b@c", "alice@localhost", "x" * 5_000])
async def test_moved_to_what_is_no_account(internet: FakeInternet, instance: Instance, moved: str) -> None:
    server = FakeServer.at(internet, "social.test", MASTODON_4_3)
    server.accounts[0].moved = moved
    with pytest.raises(SignInError):
        await instance.sign_in.moved_to(Acct("alice", "social.test"))


async def test_moved_is_told_by_the_actor_where_the_api_is_closed(
    internet: FakeInternet, instance: Instance
) -> None:
    server = FakeServer.at(internet, "social.test", GOTOSOCIAL)
    new = FakeServer.at(internet, "new.test")
    acct = Acct("alice", "social.test")
    with pytest.raises(ServerUnreachable):
        await instance.sign_in.moved_to(acct)
    here = str(actor(server))
    server.broken["/users/alice"] = lambda _: Response.json({"id": here}, type_=ACTIVITY)
    assert await instance.sign_in.moved_to(acct) is None
    server.broken["/users/alice"] = lambda _: Response.json(
        {"id": here, "movedTo": str(actor(new))}, type_=ACTIVITY
    )
    moved = await instance.sign_in.moved_to(acct)
    assert moved is not None
    assert moved.acct == Acct("alice", "new.test")
    server.broken["/users/alice"] = lambda _: Response.json({"id": str(actor(new))}, type_=ACTIVITY)
    with pytest.raises(ServerMisbehaved):
        await instance.sign_in.moved_to(acct)
