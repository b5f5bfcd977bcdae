"""Our registration at a server is kept, and made anew when the server has forgotten it."""

from urllib.parse import parse_qs, urlsplit

import pytest

from directory.identifiers import Acct
from directory.networks.port import Purpose
from directory.networks.sign_in_errors import ServerUnreachable, SignInExpired
from tests.directory.networks.mastodon.signing_in import Instance
from tests.harness.fake_mastodon.internet import FakeInternet, Response
from tests.harness.fake_mastodon.profiles import MASTODON_4_1, STRICT, TAKAHE, Profile
from tests.harness.fake_mastodon.site import FakeServer

strict = pytest.mark.parametrize("profile", STRICT, ids=lambda profile: profile.name)


def registrations(internet: FakeInternet) -> int:
    return internet.asked("social.test").count("/api/v1/apps")


@strict
async def test_one_registration_serves_many(
    internet: FakeInternet, instance: Instance, profile: Profile
) -> None:
    FakeServer.at(internet, "social.test", profile, accounts=["alice", "bob"], now=instance.now)
    for account in ("alice", "bob", "alice"):
        await instance.signed_in("social.test", account)
    assert registrations(internet) == 1


async def test_each_scope_has_its_own(internet: FakeInternet, instance: Instance) -> None:
    """Scopes are fixed at registration."""
    FakeServer.at(internet, "social.test", now=instance.now)
    await instance.signed_in("social.test")
    await instance.signed_in("social.test", purpose=Purpose.FOLLOW)
    assert registrations(internet) == 2


async def test_an_app_that_was_forgotten_overnight(internet: FakeInternet, instance: Instance) -> None:
    """Mastodon drops apps without a sign-in after a day: the next person must not meet an error there."""
    server = FakeServer.at(internet, "social.test", MASTODON_4_1, now=instance.now)
    await instance.start("social.test")
    instance.wait(days=1)
    server.oauth.forget_apps()
    assert await instance.signed_in("social.test")
    assert registrations(internet) == 2


@strict
async def test_an_app_that_is_still_known(
    internet: FakeInternet, instance: Instance, profile: Profile
) -> None:
    FakeServer.at(internet, "social.test", profile, now=instance.now)
    await instance.signed_in("social.test")
    instance.wait(days=2)
    assert await instance.signed_in("social.test")
    assert registrations(internet) == 1


async def test_an_app_is_not_tried_each_time(internet: FakeInternet, instance: Instance) -> None:
    FakeServer.at(internet, "social.test", TAKAHE, now=instance.now)
    await instance.start("social.test")
    instance.wait(days=1)
    await instance.start("social.test")
    before = internet.asked("social.test").count("/oauth/token")
    await instance.start("social.test")
    assert internet.asked("social.test").count("/oauth/token") == before


async def test_an_app_that_is_forgotten_meanwhile(internet: FakeInternet, instance: Instance) -> None:
    """The person agreed, the server then forgot the app: the next try makes a new one."""
    server = FakeServer.at(internet, "social.test", now=instance.now)
    started = await instance.start("social.test")
    returned = await instance.visit(started, "alice")
    server.oauth.forget_apps()
    with pytest.raises(SignInExpired):
        await instance.finish(started, returned)
    assert await instance.signed_in("social.test")
    assert registrations(internet) == 2


async def test_a_server_too_busy_to_refuse_a_wrong_code_is_asked_again(
    internet: FakeInternet, instance: Instance
) -> None:
    """It was not seen to refuse it: until it was, nobody signs in there."""
    server = FakeServer.at(internet, "social.test", now=instance.now)
    server.broken["/oauth/token"] = lambda _: Response(429)
    started = await instance.start("social.test")
    returned = await instance.visit(started, "alice")
    with pytest.raises(ServerUnreachable):
        await instance.finish(started, returned)
    del server.broken["/oauth/token"]
    assert (await instance.finish(started, returned)).account.handle == Acct("alice", "social.test")


async def test_the_app_says_who_we_are(internet: FakeInternet, instance: Instance) -> None:
    FakeServer.at(internet, "social.test", MASTODON_4_1)
    started = await instance.start("social.test")
    sent = next(request.form for request in internet.requests if request.path == "/api/v1/apps")
    assert sent == {
        "client_name": "Passerelle of the tests",
        "redirect_uris": parse_qs(urlsplit(started.authorize_url).query)["redirect_uri"][0],
        "scopes": "read:accounts",
        "website": "https://find.example.org",
    }
