"""Profiles, so that a person recognises a person."""

import pytest

from directory.accounts import BlueskyAccount, MastodonAccount, TargetAccount
from directory.follows.faces import Profile
from directory.follows.reasons import Reason
from directory.identifiers import Acct, ActorUri, AtHandle, Did
from directory.networks.http import GuardedClient
from directory.networks.mastodon.profiles import AT_ONCE, MastodonProfiles, plain_text
from tests.harness.clock import FakeClock
from tests.harness.fake_mastodon.flavours import GOTOSOCIAL, MASTODON, TAKAHE, Flavour
from tests.harness.fake_mastodon.home import Home
from tests.harness.fake_mastodon.internet import FakeInternet, Response


def account(host: str, user: str = "bob") -> MastodonAccount:
    return MastodonAccount(ActorUri.parse(f"https://{host}/users/{user}"), Acct(user, host))


@pytest.mark.parametrize("flavour", [MASTODON, TAKAHE, GOTOSOCIAL], ids=lambda flavour: flavour.name)
async def test_what_a_server_tells_strangers(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, flavour: Flavour
) -> None:
    """GoToSocial tells nothing, and nobody is left out for it."""
    home = Home.at(internet, "far.test", flavour, clock)
    home.is_open_to_strangers = flavour is not GOTOSOCIAL
    bob = home.add("bob@far.test")
    found = await MastodonProfiles(http).read([bob.account])
    if flavour is GOTOSOCIAL:
        assert found == []
    else:
        picture = f"https://far.test/media/{bob.id}.png"
        assert found == [Profile(bob.account, "Bob", "Writes & reads.", picture)]
    assert not any("authorization" in request.headers for request in internet.requests)


async def test_who_moved_or_is_gone(internet: FakeInternet, http: GuardedClient, clock: FakeClock) -> None:
    home = Home.at(internet, "far.test", MASTODON, clock)
    home.is_open_to_strangers = True
    carol = home.add("carol@new.test")
    people = [home.add("bob@far.test", moved=carol), home.add("eve@far.test", is_suspended=True)]
    internet.sites["gone.test"] = lambda _: Response(410)
    found = await MastodonProfiles(http).read([*(one.account for one in people), account("gone.test")])
    told = {str(profile.account.handle): (profile.reason, profile.moved_to) for profile in found}
    assert told == {
        "bob@far.test": (Reason.MOVED, carol.account),
        "eve@far.test": (Reason.LABELLED, None),
        "bob@gone.test": (Reason.GONE, None),
    }


async def test_a_name_that_is_another_account(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock
) -> None:
    """Its face must not stand beside the mapping."""
    home = Home.at(internet, "far.test", MASTODON, clock)
    home.is_open_to_strangers = True
    bob = home.add("bob@far.test", actor="https://far.test/users/another")
    assert await MastodonProfiles(http).read([account("far.test")]) == []
    assert len(await MastodonProfiles(http).read([bob.account])) == 1


async def test_silent_and_odd_servers_hold_up_nobody(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock
) -> None:
    """More silent servers than are asked at once: what has come in time is told, and no page waits for the rest."""
    home = Home.at(internet, "far.test", MASTODON, clock)
    home.is_open_to_strangers = True
    bob = home.add("bob@far.test")
    internet.sites["odd.test"] = lambda _: Response.html("<h1>Hello</h1>")
    for number in range(AT_ONCE):
        internet.sites[f"silent{number}.test"] = internet.hang
    silent = [account(f"silent{number}.test") for number in range(AT_ONCE)]
    bluesky = BlueskyAccount(Did.parse("did:web:bob.test"), AtHandle.parse("bob.test"))
    for host in internet.sites:
        internet.server_tls(host)  # made before anybody waits for it
    asked: list[TargetAccount] = [bluesky, bob.account, account("odd.test"), *silent, account("nowhere.test")]
    found = await MastodonProfiles(http, read_s=1.0).read(asked)
    assert [profile.account for profile in found] == [bob.account]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("<p>One</p><p>Two<br>three &amp; four</p>", "One\nTwo\nthree & four"),
        ("<script>alert(1)</script><b onclick=x>bold</b>", "bold"),
        ("<<p>a</p", "<\na</p"),
        ("&lt;script&gt;", "<script>"),
        ("  many \n\n spaces ", "many\nspaces"),
        ('<a href="https://x"><span class="invisible">https://</span>x</a>', "https://x"),
    ],
)
def test_notes_as_plain_text(html: str, text: str) -> None:
    assert plain_text(html) == text
