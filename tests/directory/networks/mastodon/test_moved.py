"""An account that moved is followed where both accounts say so, and nowhere else."""

import pytest

from directory.accounts import MastodonAccount
from directory.identifiers import Acct, ActorUri
from directory.networks.mastodon.moved import NotForStrangers
from directory.networks.sign_in_errors import (
    AccountNotFound,
    ServerMisbehaved,
    ServerUnreachable,
    SignInError,
)
from tests.directory.networks.mastodon.signing_in import Instance
from tests.harness.fake_mastodon.internet import FakeInternet, Response
from tests.harness.fake_mastodon.profiles import ALL, GOTOSOCIAL, MASTODON_4_1, TAKAHE, Profile
from tests.harness.fake_mastodon.site import ACTIVITY, FakeServer

OPEN = [profile for profile in ALL if profile.public_lookup]


def identity(server: FakeServer, user: str = "alice") -> MastodonAccount:
    account = server.account(user)
    assert account is not None
    return MastodonAccount(ActorUri.parse(server.actor(account)), Acct(account.user, account.domain))


async def home_of(instance: Instance, here: MastodonAccount) -> MastodonAccount | None:
    """Returns the account that another moved to, where both confirm it."""
    there = await instance.sign_in.moved_to(here)
    if there is None or not await instance.sign_in.confirms_move(there, here):
        return None
    return there


async def test_nobody_moved(internet: FakeInternet, instance: Instance) -> None:
    old = FakeServer.at(internet, "social.test")
    assert await home_of(instance, identity(old)) is None


@pytest.mark.parametrize("profile", OPEN, ids=lambda profile: profile.name)
async def test_somebody_moved(internet: FakeInternet, instance: Instance, profile: Profile) -> None:
    old = FakeServer.at(internet, "social.test", profile)
    new = FakeServer.at(internet, "new.test", accounts=["alice2"])
    old.move("alice", new, "alice2")
    assert await home_of(instance, identity(old)) == identity(new, "alice2")


async def test_to_another_name_on_the_same_server(internet: FakeInternet, instance: Instance) -> None:
    server = FakeServer.at(internet, "social.test", accounts=["alice", "alice2"])
    server.move("alice", server, "alice2")
    server.accounts[0].moved = "alice2"  # an account of its own is told without the domain
    assert await home_of(instance, identity(server)) == identity(server, "alice2")


async def test_a_move_that_one_side_says(internet: FakeInternet, instance: Instance) -> None:
    """The attacker, who has the old account's password for a minute, or is its server, names a stranger."""
    old = FakeServer.at(internet, "social.test")
    new = FakeServer.at(internet, "new.test", accounts=["stranger"])
    old.move("alice", new, "stranger", is_confirmed=False)
    assert await home_of(instance, identity(old)) is None


async def test_an_alias_alone_moves_nobody(internet: FakeInternet, instance: Instance) -> None:
    """The attacker's account names the victim's as its former one."""
    old = FakeServer.at(internet, "social.test")
    evil = FakeServer.at(internet, "evil.test", accounts=["mallory"])
    evil.accounts[0].aliases.append(str(identity(old).actor))
    assert await home_of(instance, identity(old)) is None


async def test_an_address_that_passed_to_somebody_else(internet: FakeInternet, instance: Instance) -> None:
    """The address leads to another actor now, whose holder says that they moved, to an account that names the
    member's actor: anybody may write that there. The move is that of another account."""
    server = FakeServer.at(internet, "social.test")
    evil = FakeServer.at(internet, "evil.test", accounts=["mallory"])
    server.move("alice", evil, "mallory")
    formerly = "https://social.test/users/0001"
    evil.accounts[0].aliases.append(formerly)
    former = MastodonAccount(ActorUri.parse(formerly), Acct("alice", "social.test"))
    with pytest.raises(AccountNotFound):
        await home_of(instance, former)


async def test_a_name_that_is_two_peoples(internet: FakeInternet, instance: Instance) -> None:
    """On a server of several domains the API is asked for a name, and may tell of its other bearer."""
    server = FakeServer.at(internet, "social.test", TAKAHE)
    evil = FakeServer.at(internet, "evil.test", accounts=["mallory"])
    server.broken["/api/v1/accounts/lookup"] = lambda _: Response.json(
        {"acct": "alice", "moved": {"acct": "mallory@evil.test"}}
    )
    evil.accounts[0].aliases.append(str(identity(server).actor))
    assert await home_of(instance, identity(server)) is None


async def test_moved_to_nobody(internet: FakeInternet, instance: Instance) -> None:
    """The old server names an account that its own server does not know."""
    old = FakeServer.at(internet, "social.test")
    FakeServer.at(internet, "new.test", accounts=[])
    old.accounts[0].moved = "alice2@new.test"
    with pytest.raises(AccountNotFound):
        await home_of(instance, identity(old))


@pytest.mark.parametrize("moved", ["@", "a b@c", "alice@localhost", "x" * 5_000])
async def test_moved_to_what_is_no_account(internet: FakeInternet, instance: Instance, moved: str) -> None:
    server = FakeServer.at(internet, "social.test")
    server.accounts[0].moved = moved
    with pytest.raises(SignInError):
        await home_of(instance, identity(server))


@pytest.mark.parametrize("moved", ["", "https://localhost/x", "mailto:alice", "x" * 5_000])
async def test_an_actor_that_moved_to_what_is_none(
    internet: FakeInternet, instance: Instance, moved: str
) -> None:
    server = FakeServer.at(internet, "social.test", MASTODON_4_1)
    server.accounts[0].moved, server.accounts[0].moved_actor = "alice@new.test", moved
    with pytest.raises(ServerMisbehaved):
        await home_of(instance, identity(server))


async def test_moved_is_told_by_the_actor_where_the_api_is_closed(
    internet: FakeInternet, instance: Instance
) -> None:
    server = FakeServer.at(internet, "social.test", GOTOSOCIAL)
    new = FakeServer.at(internet, "new.test")
    here, there = identity(server), identity(new)
    with pytest.raises(NotForStrangers):
        await home_of(instance, here)
    document: dict[str, object] = {"id": str(here.actor)}
    server.broken["/users/alice"] = lambda _: Response.json(document, type_=ACTIVITY)
    assert await home_of(instance, here) is None
    document["movedTo"] = str(there.actor)
    assert await home_of(instance, here) is None, "the new one does not say so"
    new.accounts[0].aliases.append(str(here.actor))
    assert await home_of(instance, here) == there
    document["id"] = str(there.actor)
    with pytest.raises(ServerMisbehaved):
        await home_of(instance, here)


async def test_a_new_server_that_shows_its_actors_to_no_stranger(
    internet: FakeInternet, instance: Instance
) -> None:
    """Nobody can tell whether the new account agrees: the member can sign in there."""
    old = FakeServer.at(internet, "social.test")
    new = FakeServer.at(internet, "new.test", GOTOSOCIAL)
    old.move("alice", new, "alice")
    with pytest.raises(NotForStrangers):
        await home_of(instance, identity(old))


async def test_a_server_that_is_away(internet: FakeInternet, instance: Instance) -> None:
    server = FakeServer.at(internet, "social.test")
    server.broken["/api/v1/accounts/lookup"] = lambda _: Response(503)
    with pytest.raises(ServerUnreachable) as caught:
        await home_of(instance, identity(server))
    assert not isinstance(caught.value, NotForStrangers)
