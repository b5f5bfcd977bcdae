"""A server that lost our registration locks nobody out: not for twelve hours, and not for good."""

from datetime import timedelta

import pytest

from directory.networks.mastodon.apps import CHECK_AFTER, RENEW_EVERY, RETURNS_WITHIN
from directory.networks.port import Purpose, Revocation
from directory.networks.sign_in_errors import (
    NeedsSignIn,
    RefusedByPerson,
    ServerMisbehaved,
    SignInExpired,
    StateMismatch,
)
from tests.directory.networks.mastodon.signing_in import CALLBACK, Instance
from tests.harness.fake_mastodon.internet import FakeInternet, Response
from tests.harness.fake_mastodon.profiles import (
    GOTOSOCIAL,
    MASTODON_4_1,
    MASTODON_4_3,
    PLEROMA,
    STRICT,
    TAKAHE,
    Profile,
)
from tests.harness.fake_mastodon.site import FakeServer

strict = pytest.mark.parametrize("profile", STRICT, ids=lambda profile: profile.name)
WAIT = RETURNS_WITHIN / timedelta(seconds=1)


def registrations(internet: FakeInternet) -> int:
    return internet.asked("social.test").count("/api/v1/apps")


async def sees_an_error_page(instance: Instance) -> None:
    """The person is sent to the server, which does not know the app: they never come back."""
    started = await instance.start("social.test")
    with pytest.raises(AssertionError):
        await instance.visit(started, "alice")


async def test_there_are_pages_that_lead_nowhere(internet: FakeInternet, instance: Instance) -> None:
    """What the other tests call an error page is one."""
    server = FakeServer.at(internet, "social.test", now=instance.now)
    started = await instance.start("social.test")
    server.oauth.apps.clear()
    with pytest.raises(AssertionError):
        await instance.visit(started, "alice")


@strict
async def test_who_does_not_come_back_makes_the_app_due(
    internet: FakeInternet, instance: Instance, profile: Profile
) -> None:
    """The server was set up anew, and its page says that there is no such app. Whoever came for the next twelve hours
    saw the same; at Takahē, which gives any app a token of its own, for good."""
    server = FakeServer.at(internet, "social.test", profile, now=instance.now)
    await instance.signed_in("social.test")
    server.oauth.apps.clear()
    await sees_an_error_page(instance)
    instance.wait(seconds=WAIT)
    assert await instance.signed_in("social.test")
    assert registrations(internet) == 2


@strict
async def test_an_app_is_lost_between_leaving_and_coming_back(
    internet: FakeInternet, instance: Instance, profile: Profile
) -> None:
    """Whatever a server calls an app that it does not know, the next person signs in."""
    server = FakeServer.at(internet, "social.test", profile, now=instance.now)
    started = await instance.start("social.test")
    returned = await instance.visit(started, "alice")
    server.oauth.apps.clear()
    with pytest.raises(SignInExpired):
        await instance.finish(started, returned)
    assert await instance.signed_in("social.test")


@pytest.mark.parametrize(
    "answer",
    [
        Response.json({"error": "invalid_client"}, 401),
        Response.json({"error": "invalid_client"}, 400),
        Response.json({"error": "access_denied"}, 401),
        Response.json({"error": "unauthorized_client"}, 403),
        Response.json({"error": "sql: no rows in result set"}, 400),
        Response(403),
        Response(401),
        Response.html("Internal Server Error", 500),
    ],
    ids=lambda answer: f"{answer.status} {answer.body.decode()}",
)
async def test_every_answer_for_an_unknown_app(
    internet: FakeInternet, instance: Instance, answer: Response
) -> None:
    server = FakeServer.at(internet, "social.test", MASTODON_4_1, now=instance.now)
    started = await instance.start("social.test")
    returned = await instance.visit(started, "alice")
    server.broken["/oauth/token"] = lambda _: answer
    with pytest.raises(SignInExpired):
        await instance.finish(started, returned)
    del server.broken["/oauth/token"]
    assert await instance.signed_in("social.test")
    assert registrations(internet) == 2


@pytest.mark.parametrize("error", ["invalid_client", "unauthorized_client", "server_error", "invalid_scope"])
async def test_who_comes_back_with_an_error_makes_the_app_due(
    internet: FakeInternet, instance: Instance, error: str
) -> None:
    FakeServer.at(internet, "social.test", GOTOSOCIAL, now=instance.now)
    started = await instance.start("social.test")
    with pytest.raises(ServerMisbehaved):
        await instance.finish(started, f"{CALLBACK}/social.test?error={error}&state={started.state}")
    assert await instance.signed_in("social.test")
    assert registrations(internet) == 2


async def test_a_no_says_nothing_of_the_app(internet: FakeInternet, instance: Instance) -> None:
    FakeServer.at(internet, "social.test", MASTODON_4_3, now=instance.now)
    started = await instance.start("social.test")
    returned = await instance.visit(started, "alice", deny=True)
    with pytest.raises(RefusedByPerson):
        await instance.finish(started, returned)
    assert await instance.signed_in("social.test")
    assert registrations(internet) == 1


async def test_an_error_of_another_sign_in_is_not_heard(internet: FakeInternet, instance: Instance) -> None:
    """Anybody can open the way back with an error: without the state it makes nothing due."""
    FakeServer.at(internet, "social.test", now=instance.now)
    started = await instance.start("social.test")
    with pytest.raises(StateMismatch):
        await instance.finish(started, f"{CALLBACK}/social.test?error=invalid_client&state=guess")
    (kept,) = instance.apps.kept.values()
    assert not kept.is_due(instance.time)


async def test_a_stranger_makes_us_register_no_more_than_so_often(
    internet: FakeInternet, instance: Instance
) -> None:
    """The attacker leaves and never comes back, again and again, or comes back with errors of their own making: each
    time another server got one more registration of ours."""
    FakeServer.at(internet, "social.test", GOTOSOCIAL, now=instance.now)
    steps = int(RENEW_EVERY / RETURNS_WITHIN * 4)
    for _ in range(steps):
        started = await instance.start("social.test")
        with pytest.raises(ServerMisbehaved):
            await instance.finish(started, f"{CALLBACK}/social.test?error=x&state={started.state}")
        instance.wait(seconds=WAIT)
    assert registrations(internet) <= 1 + steps * RETURNS_WITHIN / RENEW_EVERY


async def test_who_is_under_way_comes_back_with_the_former_app(
    internet: FakeInternet, instance: Instance
) -> None:
    """The attacker has the app replaced while others are at the server: they come back as they went."""
    FakeServer.at(internet, "social.test", now=instance.now)
    honest = await instance.start("social.test")
    instance.wait(seconds=WAIT)
    await instance.start("social.test")
    assert registrations(internet) == 2
    assert await instance.finish(honest, await instance.visit(honest, "alice"))


async def test_a_busy_scope_keeps_no_other_from_being_renewed(
    internet: FakeInternet, instance: Instance
) -> None:
    """The attacker has the registration for sign-ins renewed as often as it may be, in the hope that the one for
    follows, which the server lost, is never its turn."""
    server = FakeServer.at(internet, "social.test", GOTOSOCIAL, now=instance.now)
    await instance.signed_in("social.test", purpose=Purpose.FOLLOW)
    server.oauth.apps.clear()
    stuck = await instance.start("social.test", Purpose.FOLLOW)
    instance.wait(seconds=WAIT)
    bad = await instance.start("social.test")
    with pytest.raises(ServerMisbehaved):
        await instance.finish(bad, f"{CALLBACK}/social.test?error=x&state={bad.state}")
    await instance.start("social.test")
    assert stuck
    assert await instance.signed_in("social.test", purpose=Purpose.FOLLOW)


async def test_a_server_that_takes_no_other_app(internet: FakeInternet, instance: Instance) -> None:
    """The attacker has us register until the server's limit is reached: the stored app, which is good, still serves."""
    server = FakeServer.at(internet, "social.test", GOTOSOCIAL, now=instance.now)
    await instance.start("social.test")
    server.broken["/api/v1/apps"] = lambda _: Response.json({"error": "rate limit reached"}, 429)
    instance.wait(seconds=WAIT)
    assert await instance.signed_in("social.test")


@pytest.mark.parametrize("profile", [PLEROMA, TAKAHE, MASTODON_4_3], ids=lambda profile: profile.name)
async def test_a_renewal_that_the_server_refuses(
    internet: FakeInternet, instance: Instance, profile: Profile
) -> None:
    server = FakeServer.at(internet, "social.test", profile, now=instance.now)
    done = await instance.signed_in("social.test")
    server.oauth.apps.clear()
    if profile is not PLEROMA:
        assert done.tokens.refresh is None
        return
    with pytest.raises(NeedsSignIn):
        await instance.sign_in.refresh(done.tokens, instance.time)
    assert await instance.signed_in("social.test")
    assert registrations(internet) == 2


async def test_a_revocation_that_the_server_refuses(internet: FakeInternet, instance: Instance) -> None:
    """Mastodon deletes the tokens with the app, and says `unauthorized_client` to whoever gives one back."""
    server = FakeServer.at(internet, "social.test", MASTODON_4_3, now=instance.now)
    tokens = (await instance.signed_in("social.test")).tokens
    server.oauth.apps.clear()
    server.oauth.tokens.clear()
    assert await instance.sign_in.revoke(tokens, instance.time) is Revocation.REVOKED
    assert await instance.signed_in("social.test")
    assert registrations(internet) == 2


@pytest.mark.parametrize("shift", [timedelta(days=400), timedelta(days=1)], ids=str)
async def test_a_clock_that_ran_ahead(internet: FakeInternet, instance: Instance, shift: timedelta) -> None:
    """A machine's clock was wrong for a minute, and wrote that the app was checked, and is due, in a year."""
    server = FakeServer.at(internet, "social.test", TAKAHE, now=instance.now)
    instance.time += shift
    await instance.start("social.test")
    instance.time -= shift
    instance.apps.renewed.clear()
    server.oauth.apps.clear()
    assert await instance.signed_in("social.test")


def test_it_is_due_long_before_it_is_checked() -> None:
    assert RETURNS_WITHIN < RENEW_EVERY < CHECK_AFTER / 12
