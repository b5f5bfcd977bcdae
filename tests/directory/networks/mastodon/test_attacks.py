"""What strangers try at a sign-in with a Mastodon-API server. Each test's docstring tells the attack."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
import pytest

from directory.errors import InvalidIdentifier
from directory.identifiers import Acct, ActorUri
from directory.networks import oauth
from directory.networks.sign_in_errors import (
    AccountNotFound,
    IdentityMismatch,
    IssuerMismatch,
    NotAServer,
    ServerMisbehaved,
    ServerNotAllowed,
    ServerUnreachable,
    SignInError,
    SignInExpired,
    StateMismatch,
)
from tests.directory.networks.mastodon.signing_in import CALLBACK, Instance
from tests.harness.fake_mastodon.internet import FakeInternet, Request, Response
from tests.harness.fake_mastodon.profiles import MASTODON_4_1, MASTODON_4_3, STRICT, TAKAHE, Profile
from tests.harness.fake_mastodon.site import JRD, Account, FakeServer

strict = pytest.mark.parametrize("profile", STRICT, ids=lambda profile: profile.name)


def with_fields(returned_to: str, **fields: str) -> str:
    address, _, query = returned_to.partition("?")
    old = {name: values[0] for name, values in parse_qs(query).items()}
    return f"{address}?{urlencode({**old, **fields})}"


def jrd(subject: str, actor: str) -> Callable[[Request], Response]:
    """A WebFinger that says this to every question."""
    link = {"rel": "self", "type": "application/activity+json", "href": actor}
    return lambda _: Response.json({"subject": subject, "links": [link], "aliases": [actor]}, type_=JRD)


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
    """The attacker saw the last address (a log, a referrer) and opens it a second time."""
    FakeServer.at(internet, "social.test", profile, now=instance.now)
    started = await instance.start("social.test")
    returned = await instance.visit(started, "alice")
    await instance.finish(started, returned)
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
    assert done.account_id == ActorUri.parse("https://mallory.test/@alice@mallory.test/")


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
    assert [token.is_revoked for token in server.oauth.tokens if token.user] == [True]


STEPS = [
    "/.well-known/oauth-authorization-server",
    "/.well-known/webfinger",
    "/.well-known/host-meta",
    "/api/v1/apps",
    "/oauth/token",
    "/api/v1/accounts/verify_credentials",
]
ANSWERS: dict[str, Callable[[Request], Response]] = {
    "5 MB": lambda _: Response.json({"issuer": "x" * 5_000_000}),
    "no JSON": lambda _: Response(200, b"{", {"content-type": "application/json"}),
    "a list": lambda _: Response.json([1]),
    "deep": lambda _: Response(200, b"[" * 50_000, {"content-type": "application/json"}),
    "nothing": lambda _: Response(200),
    "numbers": lambda _: Response.json(
        {"issuer": 1, "subject": 1, "client_id": 1, "access_token": 1, "username": 1, "links": 1}
    ),
    "not UTF-8": lambda _: Response(200, b'{"issuer":"\xff"}'),
    "teapot": lambda _: Response(418),
    "busy": lambda _: Response(503),
    "loop": lambda request: Response.redirect(f"https://{request.host}{request.path}"),
    "inward": lambda _: Response.redirect("http://169.254.169.254/latest/meta-data/"),
    "to a file": lambda _: Response.redirect("file:///etc/passwd"),
    "header in token": lambda _: Response.json({"access_token": "a\r\nx: y", "token_type": "Bearer"}),
}


@pytest.mark.parametrize("path", STEPS)
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_an_answer_that_is_none(
    internet: FakeInternet, instance: Instance, path: str, answer: Callable[[Request], Response]
) -> None:
    """At every step the server answers with something else. One of our errors comes of it, or nothing."""
    server = FakeServer.at(internet, "social.test", now=instance.now)
    started = await instance.start("@alice@social.test")
    returned = await instance.visit(started, "alice")
    server.broken[path] = answer
    for typed in ("@alice@social.test", "social.test"):
        instance.apps.kept.clear()
        with suppress(SignInError):
            await instance.start(typed)
    with suppress(SignInError):
        assert (await instance.finish(started, returned)).handle == Acct("alice", "social.test")


@pytest.mark.parametrize("path", STEPS)
async def test_a_server_that_hangs(
    internet: FakeInternet, instance: Instance, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At some step the server takes the request and says nothing: nobody waits for ever."""
    server = FakeServer.at(internet, "social.test", MASTODON_4_1, now=instance.now)
    started = await instance.start("social.test")
    returned = await instance.visit(started, "alice")
    instance.apps.kept.clear()
    monkeypatch.setattr(oauth, "STEP_TIMEOUT_S", 0.3)
    server.broken[path] = internet.hang
    ended = await asyncio.gather(
        instance.start("@alice@social.test"),
        instance.start("social.test"),
        instance.finish(started, returned),
        return_exceptions=True,
    )
    failed = [type(outcome) for outcome in ended if isinstance(outcome, BaseException)]
    assert failed
    assert set(failed) == {ServerUnreachable}


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


@pytest.mark.parametrize("record", [b"", b"{}", b"\xff", b'{"type":"bluesky"}', b"[" * 10_000])
async def test_a_record_that_is_none(instance: Instance, record: bytes) -> None:
    with pytest.raises(StateMismatch):
        await instance.sign_in.finish_sign_in(record, f"{CALLBACK}/social.test?code=x", instance.time)


@pytest.mark.parametrize(
    ("status", "expected"), [(403, NotAServer), (429, ServerUnreachable), (500, ServerUnreachable)]
)
async def test_a_server_that_registers_nobody(
    internet: FakeInternet, instance: Instance, status: int, expected: type[SignInError]
) -> None:
    server = FakeServer.at(internet, "social.test")
    server.broken["/api/v1/apps"] = lambda _: Response(status)
    with pytest.raises(expected):
        await instance.start("social.test")
