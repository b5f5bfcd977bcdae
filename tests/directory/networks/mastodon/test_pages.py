"""The address of a profile is the one that its server tells, on a host that stands for the account, or none."""

import pytest

from directory.accounts import MastodonAccount
from directory.identifiers import Acct, ActorUri
from directory.networks.mastodon.pages import choose_page
from tests.directory.networks.mastodon.signing_in import Instance
from tests.harness.fake_mastodon.internet import FakeInternet, Request, Response
from tests.harness.fake_mastodon.profiles import MASTODON_4_3, STRICT, Profile
from tests.harness.fake_mastodon.site import JRD, FakeServer

ALICE = MastodonAccount(ActorUri.parse("https://web.test/users/alice"), Acct("alice", "fern.test"))
PAGE = "https://web.test/@alice"
strict = pytest.mark.parametrize("profile", STRICT, ids=lambda profile: profile.name)


@pytest.mark.parametrize(
    "told",
    [
        "https://evil.test/@alice",
        "https://web.test.evil.test/@alice",
        "https://evil.web.test/@alice",
        "https://web.test@evil.test/@alice",
        "https://alice:secret@web.test/@alice",
        "https://web.test:8443/@alice",
        "http://web.test/@alice",
        "//web.test/@alice",
        "javascript:alert(1)//web.test/",
        "data:text/html,web.test",
        "https://web.test/out?to=https://evil.test",
        "https://web.test/@alice#:~:text=log in",
        "https://web.test/ @alice",
        "https://web.test/@alice\n",
        "https://web.test\\@evil.test/@alice",
        "https://wеb.test/@alice",
        "https://127.0.0.1/@alice",
        "https://web.test/",
        "https://web.test/" + "a" * 256,
        "",
        None,
    ],
)
def test_what_no_page_may_be(told: str | None) -> None:
    """The attacker's server is asked who alice is, says the truth, and names a page of the attacker's as hers: people
    who click on her name on our pages log in there."""
    assert choose_page((told,), ALICE) is None
    assert choose_page((told, PAGE), ALICE) == PAGE


@pytest.mark.parametrize(
    "told", [PAGE, "https://fern.test/~alice", "https://WEB.test/@alice", "https://web.test/users/alice"]
)
def test_what_a_page_may_be(told: str) -> None:
    assert choose_page((told,), ALICE) == told.replace("WEB", "web")


@strict
@pytest.mark.parametrize("domain", [None, "fern.test"])
async def test_a_sign_in_tells_the_page(
    internet: FakeInternet, instance: Instance, profile: Profile, domain: str | None
) -> None:
    """The domain of an address may have no pages: `https://fern.test/@alice` is a 404 of a shop."""
    server = FakeServer.at(internet, "web.test", profile, domain=domain, now=instance.now)
    done = await instance.signed_in("web.test")
    assert done.page == server.page(server.accounts[0])
    assert isinstance(done.account, MastodonAccount)
    assert await instance.sign_in.find_page(done.account) == done.page


async def test_a_server_that_names_a_page_elsewhere(internet: FakeInternet, instance: Instance) -> None:
    """The sign-in is as good as any, and the page is not taken."""
    server = FakeServer.at(internet, "web.test", MASTODON_4_3, now=instance.now)

    def told(request: Request) -> Response:
        del server.broken["/.well-known/webfinger"]
        try:
            answer = server(request)
        finally:
            server.broken["/.well-known/webfinger"] = told
        body = answer.body.replace(PAGE.encode(), b"https://evil.test/@alice")
        return Response(200, body, {"content-type": JRD})

    server.broken["/.well-known/webfinger"] = told
    who = {"username": "alice", "acct": "alice", "url": "https://evil.test/@alice", "uri": str(ALICE.actor)}
    server.broken["/api/v1/accounts/verify_credentials"] = lambda _: Response.json(who)
    done = await instance.signed_in("web.test")
    assert done.account.id == ALICE.actor
    assert done.page is None
    assert await instance.sign_in.find_page(MastodonAccount(ALICE.actor, Acct("alice", "web.test"))) is None
