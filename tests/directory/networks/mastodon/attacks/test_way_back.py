"""Strangers on the way back from a Mastodon-API server: states, codes and issuers that are not ours. Each test's docstring tells the attack."""

from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
import pytest

from directory.identifiers import Acct
from directory.networks.sign_in_errors import (
    IssuerMismatch,
    SignInExpired,
    StateMismatch,
)
from tests.directory.networks.mastodon.signing_in import CALLBACK, Instance
from tests.harness.fake_mastodon.internet import FakeInternet, Response
from tests.harness.fake_mastodon.profiles import MASTODON_4_1, MASTODON_4_3, STRICT, TAKAHE, Profile
from tests.harness.fake_mastodon.site import FakeServer

strict = pytest.mark.parametrize("profile", STRICT, ids=lambda profile: profile.name)


def with_fields(returned_to: str, **fields: str) -> str:
    address, _, query = returned_to.partition("?")
    old = {name: values[0] for name, values in parse_qs(query).items()}
    return f"{address}?{urlencode({**old, **fields})}"


async def test_login_csrf(internet: FakeInternet, instance: Instance) -> None:
    """The attacker signs in as themselves and hands the victim's browser the last address."""
    FakeServer.at(internet, "social.test", accounts=["alice", "mallory"], now=instance.now)
    theirs, victims = await instance.start("social.test"), await instance.start("social.test")
    returned = await instance.visit(theirs, "mallory")
    with pytest.raises(StateMismatch):
        await instance.finish(victims, returned)


@pytest.mark.parametrize("state", ["", "guess", "é" * 43, "\ud800"])
async def test_a_state_of_their_own(internet: FakeInternet, instance: Instance, state: str) -> None:
    """The attacker leaves the state out, or writes one."""
    FakeServer.at(internet, "social.test", now=instance.now)
    started = await instance.start("social.test")
    returned = await instance.visit(started, "alice")
    address, _, _ = returned.partition("?")
    with pytest.raises(StateMismatch):
        await instance.finish(started, f"{address}?code=x&state={state}")


async def test_two_states(internet: FakeInternet, instance: Instance) -> None:
    """The attacker adds a second state or code and hopes that we read the other one."""
    FakeServer.at(internet, "social.test", now=instance.now)
    started = await instance.start("social.test")
    returned = await instance.visit(started, "alice")
    for more in ("&state=guess", "&code=theirs", "&state=" + started.state):
        with pytest.raises(StateMismatch):
            await instance.finish(started, returned + more)


async def test_a_server_that_drops_the_state(internet: FakeInternet, instance: Instance) -> None:
    """Some old servers did: without the state nobody knows whose sign-in it is."""
    FakeServer.at(internet, "social.test", TAKAHE, now=instance.now)
    started = await instance.start("social.test")
    code = parse_qs(urlsplit(await instance.visit(started, "alice")).query)["code"][0]
    with pytest.raises(StateMismatch):
        await instance.finish(started, f"{CALLBACK}/social.test?code={code}")


@strict
async def test_a_code_serves_once(internet: FakeInternet, instance: Instance, profile: Profile) -> None:
    """The attacker saw the last address (a log, a referrer) and opens it a second time.

    Takahē gives a second token. There the sign-in alone ends it, which is taken once (`SigningIn.finish`).
    """
    FakeServer.at(internet, "social.test", profile, now=instance.now)
    started = await instance.start("social.test")
    returned = await instance.visit(started, "alice")
    await instance.finish(started, returned)
    if profile.takes_code_twice:
        assert (await instance.finish(started, returned)).account.handle == Acct("alice", "social.test")
        return
    with pytest.raises(SignInExpired):
        await instance.finish(started, returned)


async def test_a_code_for_another_session(internet: FakeInternet, instance: Instance) -> None:
    """The attacker puts a code that the victim got into a sign-in of their own: PKCE ties it to the victim's.

    Where a server has no PKCE, nothing ties a code to a session: there it only must not leak.
    """
    FakeServer.at(internet, "social.test", MASTODON_4_3, accounts=["alice", "mallory"], now=instance.now)
    victims, theirs = await instance.start("social.test"), await instance.start("social.test")
    code = parse_qs(urlsplit(await instance.visit(victims, "alice")).query)["code"][0]
    with pytest.raises(SignInExpired):
        await instance.finish(theirs, with_fields(f"{CALLBACK}/social.test", state=theirs.state, code=code))


@strict
async def test_a_guessed_code(internet: FakeInternet, instance: Instance, profile: Profile) -> None:
    """The attacker comes back with a code that nobody gave, right after the victim signed in."""
    FakeServer.at(internet, "social.test", profile, now=instance.now)
    await instance.signed_in("social.test")
    started = await instance.start("social.test")
    with pytest.raises(SignInExpired):
        await instance.finish(
            started, with_fields(f"{CALLBACK}/social.test", state=started.state, code="guess")
        )
    assert instance.apps.kept, "a wrong code must not cost us the app"


async def test_too_late(internet: FakeInternet, instance: Instance) -> None:
    """A browser that was left open, and found by somebody else in the evening."""
    FakeServer.at(internet, "social.test", now=instance.now)
    started = await instance.start("social.test")
    returned = await instance.visit(started, "alice")
    instance.wait(minutes=15)
    with pytest.raises(SignInExpired):
        await instance.finish(started, returned)


async def test_a_code_too_old(internet: FakeInternet, instance: Instance) -> None:
    """The server's own limit comes first."""
    FakeServer.at(internet, "social.test", now=instance.now)
    started = await instance.start("social.test")
    returned = await instance.visit(started, "alice")
    instance.time = started.expires - timedelta(minutes=1)
    with pytest.raises(SignInExpired):
        await instance.finish(started, returned)


async def test_mix_up(internet: FakeInternet, instance: Instance) -> None:
    """The attacker's server sends the victim on to the victim's own server, with our app there.

    The victim signs in where they always do; the code is brought back as if the attacker's server
    had given it, and we would take it there. Each server's way back is its own.
    """
    FakeServer.at(internet, "social.test", MASTODON_4_1, now=instance.now)
    FakeServer.at(internet, "evil.test", MASTODON_4_1, now=instance.now)
    at_evil = await instance.start("evil.test")
    honest = await instance.start("social.test")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(honest.authorize_url).query).items()}
    bridged = f"https://social.test/oauth/authorize?{urlencode({**asked, 'state': at_evil.state})}"
    returned = await instance.visit(msgspec.structs.replace(honest, authorize_url=bridged), "alice")
    before = len(internet.asked("evil.test"))
    with pytest.raises(StateMismatch):
        await instance.finish(at_evil, returned)
    assert len(internet.asked("evil.test")) == before, "the code must not reach the other server"


async def test_mix_up_by_metadata(internet: FakeInternet, instance: Instance) -> None:
    """The attacker's metadata gives the victim's server for the page and its own for the token."""
    server = FakeServer.at(internet, "evil.test", now=instance.now)
    evil = "https://evil.test/"
    server.broken["/.well-known/oauth-authorization-server"] = lambda _: Response.json(
        {
            "issuer": evil,
            "authorization_endpoint": "https://social.test/oauth/authorize",
            "token_endpoint": f"{evil}oauth/token",
            "scopes_supported": ["profile"],
        }
    )
    started = await instance.start("evil.test")
    assert urlsplit(started.authorize_url).hostname == "evil.test"


@pytest.mark.parametrize("issuer", ["https://social.test", "", "https://evil.test.social.test", "://["])
async def test_a_wrong_issuer(internet: FakeInternet, instance: Instance, issuer: str) -> None:
    """The way back names another server than the one the person was sent to (RFC 9207)."""
    FakeServer.at(internet, "evil.test", now=instance.now)
    started = await instance.start("evil.test")
    returned = await instance.visit(started, "alice")
    with pytest.raises(IssuerMismatch):
        await instance.finish(started, with_fields(returned, iss=issuer))


async def test_the_right_issuer(internet: FakeInternet, instance: Instance) -> None:
    FakeServer.at(internet, "social.test", now=instance.now)
    started = await instance.start("social.test")
    returned = await instance.visit(started, "alice")
    assert await instance.finish(started, with_fields(returned, iss="https://social.test/"))


async def test_a_promised_issuer_that_is_missing(internet: FakeInternet, instance: Instance) -> None:
    """A server that says it names itself always does: who leaves the name out is not that server."""
    server = FakeServer.at(internet, "social.test", now=instance.now)
    server.broken["/.well-known/oauth-authorization-server"] = lambda _: Response.json(
        {"issuer": "https://social.test/", "authorization_response_iss_parameter_supported": True}
    )
    started = await instance.start("social.test")
    returned = await instance.visit(started, "alice")
    with pytest.raises(IssuerMismatch):
        await instance.finish(started, returned)


async def test_metadata_of_another_server(internet: FakeInternet, instance: Instance) -> None:
    """Metadata that names another issuer is not the host's (RFC 8414, 3.3): as if there were none."""
    server = FakeServer.at(internet, "evil.test", now=instance.now)
    server.broken["/.well-known/oauth-authorization-server"] = lambda _: Response.json(
        {"issuer": "https://social.test/", "scopes_supported": ["profile"]}
    )
    started = await instance.start("evil.test")
    assert "scope=read%3Aaccounts" in started.authorize_url
