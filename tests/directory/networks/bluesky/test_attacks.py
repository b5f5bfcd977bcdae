"""What strangers try at a sign-in with Bluesky. Each test's docstring tells the attack."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from directory.errors import InvalidIdentifier
from directory.identifiers import Did
from directory.networks import oauth
from directory.networks.bluesky.client import SCOPE_FOLLOW, SCOPE_FOLLOW_BROAD
from directory.networks.http import GuardedClient
from directory.networks.port import Purpose, SignInStart
from directory.networks.sign_in_errors import (
    AccountNotFound,
    HandleMismatch,
    IdentityMismatch,
    IssuerMismatch,
    NotAServer,
    RefusedByPerson,
    ServerMisbehaved,
    ServerNotAllowed,
    ServerUnreachable,
    SignInError,
    StateMismatch,
)
from tests.directory.networks.bluesky.fakes import ALICE, MALLORY, REDIRECT, FakePds, Neighbourhood, document
from tests.harness.fake_mastodon.internet import FakeInternet, Request, Response


@pytest.fixture
def internet() -> Iterator[FakeInternet]:
    with FakeInternet() as internet:
        yield internet


@pytest.fixture
async def http(internet: FakeInternet) -> AsyncIterator[GuardedClient]:
    async with internet.client() as client:
        yield client


@pytest.fixture
def near(internet: FakeInternet, http: GuardedClient) -> Neighbourhood:
    """Alice at an honest server, Mallory at a server of her own."""
    near = Neighbourhood(internet, http)
    near.person(ALICE, "alice.test", near.server("pds.test", ALICE).origin)
    near.person(MALLORY, "mallory.test", near.server("evil.test", MALLORY).origin)
    return near


def evil(near: Neighbourhood) -> FakePds:
    server = near.internet.sites["evil.test"]
    assert isinstance(server, FakePds)
    return server


async def test_the_fakes_sign_in(near: Neighbourhood) -> None:
    started = await near.start("alice.test")
    done = await near.finish(started, "https://pds.test")
    assert done.account_id == Did(ALICE)
    assert str(done.handle) == "alice.test"


async def test_a_server_that_signs_in_accounts_of_another(near: Neighbourhood) -> None:
    """The attacker's server says that whoever signs in there is Alice."""
    evil(near).signs_in = ALICE
    started = await near.start("https://evil.test")
    with pytest.raises(IssuerMismatch):
        await near.finish(started, "https://evil.test")


async def test_a_token_for_somebody_else(near: Neighbourhood) -> None:
    """Mallory starts as herself; her server then says that it was Alice."""
    evil(near).signs_in = ALICE
    started = await near.start("mallory.test")
    with pytest.raises(IdentityMismatch):
        await near.finish(started, "https://evil.test")


async def test_a_document_that_points_elsewhere(near: Neighbourhood) -> None:
    """Alice's account moved away; her old server still signs people in as her."""
    started = await near.start("alice.test")
    near.documents[ALICE] = document(ALICE, "alice.test", near.server("new.test", ALICE).origin)
    with pytest.raises(IssuerMismatch):
        await near.finish(started, "https://pds.test")


async def test_a_pds_that_points_to_another_issuer(near: Neighbourhood) -> None:
    """The PDS of the account names another authorization server than the one that gave the token."""
    started = await near.start("alice.test")
    pds = near.internet.sites["pds.test"]
    assert isinstance(pds, FakePds)
    pds.issuer = "https://evil.test"
    with pytest.raises(IssuerMismatch):
        await near.finish(started, "https://pds.test")


async def test_a_pds_that_signs_in_through_an_honest_server(near: Neighbourhood) -> None:
    """The attacker's PDS names the honest server: Alice signs in there, for a sign-in of Mallory's."""
    evil(near).issuer = "https://pds.test"
    started = await near.start("mallory.test")
    with pytest.raises(IdentityMismatch):
        await near.finish(started, "https://pds.test")


@pytest.mark.parametrize(
    "issuer", ["https://pds.test", "", "https://evil.test/", "HTTPS://EVIL.TEST", "evil.test"]
)
async def test_mix_up(near: Neighbourhood, issuer: str) -> None:
    """The code of an honest server comes back into a sign-in with the attacker's (RFC 9207)."""
    started = await near.start("mallory.test")
    before = len(near.internet.asked("evil.test"))
    with pytest.raises(IssuerMismatch):
        await near.finish(started, issuer)
    assert len(near.internet.asked("evil.test")) == before, "the code must not reach the other server"


async def test_a_missing_issuer(near: Neighbourhood) -> None:
    """The parameter is left out, in the hope that then nothing is compared."""
    started = await near.start("mallory.test")
    with pytest.raises(IssuerMismatch):
        await near.sign_in.finish_sign_in(
            started.record,
            f"{REDIRECT}?state={started.state}&code=code",
            started.expires.replace(hour=12, minute=1),
        )


async def test_metadata_of_another_server(near: Neighbourhood) -> None:
    """The attacker's server calls itself by the honest one's name."""
    evil(near).changed["issuer"] = "https://pds.test"
    with pytest.raises(IssuerMismatch):
        await near.start("mallory.test")


WEAKER: list[dict[str, Any]] = [
    {"code_challenge_methods_supported": ["plain"]},
    {"dpop_signing_alg_values_supported": ["none"]},
    {"authorization_response_iss_parameter_supported": False},
    {"require_pushed_authorization_requests": False},
    {"client_id_metadata_document_supported": False},
    {"scopes_supported": ["openid"]},
]


@pytest.mark.parametrize("changed", WEAKER, ids=lambda changed: next(iter(changed)))
async def test_a_server_without_the_safeguards(near: Neighbourhood, changed: dict[str, Any]) -> None:
    """A server offers less, so that what protects the sign-in is left out."""
    evil(near).changed.update(changed)
    with pytest.raises(NotAServer):
        await near.start("mallory.test")


@pytest.mark.parametrize(
    "endpoint",
    [
        "javascript:alert(1)",
        "http://evil.test/oauth",
        "https://user@evil.test/",
        "//evil.test",
        "https://",
        "x" * 3000,
    ],
)
async def test_an_endpoint_that_is_no_web_address(near: Neighbourhood, endpoint: str) -> None:
    """The browser would be sent to it."""
    evil(near).changed["authorization_endpoint"] = endpoint
    with pytest.raises(ServerMisbehaved):
        await near.start("mallory.test")


TOKENS: list[dict[str, Any]] = [
    {"token_type": "Bearer"},
    {"scope": "transition:generic"},
    {"scope": ""},
    {"sub": "mallory.test"},
    {"sub": "did:key:zQ3sh"},
    {"sub": None},
    {"access_token": ""},
    {"access_token": "x" * 10_000},
    {"refresh_token": "x" * 10_000},
    {"expires_in": "soon"},
]


@pytest.mark.parametrize("tokens", TOKENS, ids=str)
async def test_tokens_that_are_not_those_of_a_sign_in(near: Neighbourhood, tokens: dict[str, Any]) -> None:
    """Without its binding to a key, without the scope, or for nobody, a token proves nothing."""
    evil(near).tokens.update(tokens)
    started = await near.start("mallory.test")
    with pytest.raises(ServerMisbehaved):
        await near.finish(started, "https://evil.test")


async def test_a_handle_that_leads_to_somebody_else(near: Neighbourhood) -> None:
    """The attacker's domain leads to Alice's account, which has another name."""
    near.txt["_atproto.famous.test"] = [f"did={ALICE}"]
    with pytest.raises(HandleMismatch):
        await near.start("famous.test")


async def test_a_document_that_claims_a_handle(near: Neighbourhood) -> None:
    """The attacker writes Alice's handle into a document of their own. The tokens are ended."""
    near.documents[MALLORY]["alsoKnownAs"] = ["at://alice.test"]
    started = await near.start(MALLORY)
    with pytest.raises(HandleMismatch):
        await near.finish(started, "https://evil.test")
    assert near.internet.asked("evil.test")[-1] == "/oauth/revoke"


@pytest.mark.parametrize(
    "names", [[], ["https://mallory.test"], ["at://not a handle"], ["at://localhost"], [7]]
)
async def test_a_document_without_a_handle(near: Neighbourhood, names: list[object]) -> None:
    near.documents[MALLORY]["alsoKnownAs"] = names
    started = await near.start(MALLORY)
    with pytest.raises(HandleMismatch):
        await near.finish(started, "https://evil.test")


async def test_a_handle_that_leads_to_two_accounts(near: Neighbourhood) -> None:
    """Two records: one for those who look first, one for those who look last."""
    near.txt["_atproto.alice.test"].append(f"did={MALLORY}")
    with pytest.raises(AccountNotFound):
        await near.start("alice.test")


async def test_a_document_of_another_account(near: Neighbourhood) -> None:
    """The directory (or a did:web host) answers with a document of somebody else."""
    near.documents[MALLORY] = near.documents[ALICE]
    with pytest.raises(ServerMisbehaved):
        await near.start("mallory.test")


async def test_somebody_else_than_expected(near: Neighbourhood) -> None:
    """A follow run asks for the rights of the account it belongs to; another one signs in."""
    with pytest.raises(IdentityMismatch):
        await near.start("mallory.test", expected=Did(ALICE))
    started = await near.start("https://evil.test", expected=Did(ALICE))
    with pytest.raises(IdentityMismatch):
        await near.finish(started, "https://evil.test")


async def test_login_csrf(near: Neighbourhood) -> None:
    """The attacker signs in as themselves and hands the victim's browser the last address."""
    theirs, victims = await near.start("mallory.test"), await near.start("alice.test")
    with pytest.raises(StateMismatch):
        await near.finish(victims, "https://evil.test", state=theirs.state)


async def test_a_person_says_no(near: Neighbourhood) -> None:
    started = await near.start("alice.test")
    with pytest.raises(RefusedByPerson):
        await near.finish(started, "https://pds.test", error="access_denied")
    with pytest.raises(ServerMisbehaved):
        await near.finish(started, "https://pds.test", error="server_error")
    with pytest.raises(ServerMisbehaved):
        await near.finish(started, "https://pds.test", code="")


async def test_a_record_of_the_other_network(near: Neighbourhood) -> None:
    for record in (b"", b"{}", b'{"type":"mastodon"}', b"\xff"):
        with pytest.raises(StateMismatch):
            await near.sign_in.finish_sign_in(record, f"{REDIRECT}?code=x", (await near.start(ALICE)).expires)


async def both(near: Neighbourhood, started: SignInStart) -> None:
    """A start of its own, and the end of one started before."""
    await near.start("alice.test")
    await near.finish(started, "https://pds.test")


STEPS = [
    ("plc.directory", f"/{ALICE}"),
    ("pds.test", "/.well-known/oauth-protected-resource"),
    ("pds.test", "/.well-known/oauth-authorization-server"),
    ("pds.test", "/oauth/par"),
    ("pds.test", "/oauth/token"),
]
ANSWERS: dict[str, Callable[[Request], Response]] = {
    "5 MB": lambda _: Response.json({"issuer": "x" * 5_000_000}),
    "no JSON": lambda _: Response(200, b"{", {"content-type": "application/json"}),
    "a list": lambda _: Response.json([1]),
    "deep": lambda _: Response(200, b"[" * 50_000, {"content-type": "application/json"}),
    "nothing": lambda _: Response(200),
    "numbers": lambda _: Response.json({"id": 1, "issuer": 1, "request_uri": 1, "authorization_servers": 1}),
    "long": lambda _: Response.json(
        {"request_uri": "x" * 10_000, "authorization_servers": ["https://x" * 999]}
    ),
    "teapot": lambda _: Response(418),
    "busy": lambda _: Response(503),
    "a page": lambda _: Response.html("<h1>Hello</h1>"),
    "loop": lambda request: Response.redirect(f"https://{request.host}{request.path}"),
    "inward": lambda _: Response.redirect("http://169.254.169.254/latest/meta-data/"),
    "nonce for ever": lambda _: Response(
        400, b'{"error":"use_dpop_nonce"}', {"dpop-nonce": "again", "content-type": "application/json"}
    ),
    "nonce too long": lambda _: Response(400, b'{"error":"use_dpop_nonce"}', {"dpop-nonce": "x" * 600}),
    "strange error": lambda _: Response.json({"error": "<script>" * 20}, 400),
}


@pytest.mark.parametrize(("host", "path"), STEPS)
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_an_answer_that_is_none(
    near: Neighbourhood, host: str, path: str, answer: Callable[[Request], Response]
) -> None:
    """At every step a server answers with something else: one of our errors comes of it."""
    started = await near.start("alice.test")
    site = near.internet.sites[host]
    near.internet.sites[host] = lambda request: answer(request) if request.path == path else site(request)
    before = len(near.internet.requests)
    with pytest.raises(SignInError) as caught:
        await both(near, started)
    assert "script" not in str(caught.value)
    assert len(near.internet.requests) - before < 20


@pytest.mark.parametrize(("host", "path"), STEPS)
async def test_a_server_that_hangs(
    near: Neighbourhood, host: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At some step a server takes the request and says nothing: nobody waits for ever."""
    started = await near.start("alice.test")
    monkeypatch.setattr(oauth, "STEP_TIMEOUT_S", 0.3)
    site = near.internet.sites[host]
    near.internet.sites[host] = lambda request: (
        near.internet.hang(request) if request.path == path else site(request)
    )
    ended = await asyncio.gather(
        near.start("alice.test"), near.finish(started, "https://pds.test"), return_exceptions=True
    )
    failed = [type(outcome) for outcome in ended if isinstance(outcome, BaseException)]
    assert failed
    assert set(failed) == {ServerUnreachable}


ADDRESSES = [
    "http://pds.test",
    "https://pds.test/path",
    "https://pds.test?x=y",
    "https://user:secret@pds.test",
    "https://127.0.0.1",
    "https://[::1]",
    "http://localhost:2583",
    "https://localhost",
    "https://169.254.169.254",
    "https://2130706433",
    "https://pds.test:22",
    "file:///etc/passwd",
    "https://pds.test\\@inward.test",
    "https://pds.test\t.evil",
    "ftp://pds.test",
    "https://",
    "",
    "x" * 5_000,
    7,
    None,
    ["https://pds.test"],
]


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda address: str(address)[:30])
async def test_a_document_that_leads_inward(near: Neighbourhood, address: object) -> None:
    """SSRF by PDS: the attacker's DID document names an address of ours, or none at all."""
    near.documents[MALLORY]["service"][0]["serviceEndpoint"] = address
    with pytest.raises((ServerMisbehaved, ServerNotAllowed)):
        await near.start("mallory.test")
    assert {request.host for request in near.internet.requests} == {"plc.directory"}


@pytest.mark.parametrize("inward", ["10.0.0.5", "127.0.0.1", "169.254.169.254", "::1", "fd00::1"])
async def test_a_name_that_leads_inward(near: Neighbourhood, inward: str) -> None:
    """SSRF by host: names of the attacker's have addresses of our own network."""
    near.internet.addresses["inward.test"] = [inward]
    near.documents[MALLORY]["service"][0]["serviceEndpoint"] = "https://inward.test"
    for account in ("mallory.test", "https://inward.test", "did:web:inward.test"):
        with pytest.raises(ServerNotAllowed):
            await near.start(account)
    evil(near).issuer = "https://inward.test"
    near.documents[MALLORY]["service"][0]["serviceEndpoint"] = "https://evil.test"
    with pytest.raises(ServerNotAllowed):
        await near.start("mallory.test")


@pytest.mark.parametrize("name", ["pushed_authorization_request_endpoint", "token_endpoint"])
async def test_an_endpoint_that_leads_inward(near: Neighbourhood, name: str) -> None:
    """SSRF by metadata."""
    started = await near.start("alice.test")
    near.internet.addresses["inward.test"] = ["10.0.0.5"]
    pds = near.internet.sites["pds.test"]
    assert isinstance(pds, FakePds)
    pds.changed[name] = "https://inward.test/oauth"
    with pytest.raises(ServerNotAllowed):
        await both(near, started)


async def test_a_handle_that_leads_inward(near: Neighbourhood) -> None:
    """SSRF by handle: its host is inside, or sends us there. It is a handle of nobody."""
    near.internet.addresses["inward.test"] = ["10.0.0.5"]
    near.internet.sites["bounce.test"] = lambda _: Response.redirect("https://inward.test/")
    for handle in ("inward.test", "bounce.test"):
        with pytest.raises(AccountNotFound):
            await near.start(handle)


@pytest.mark.parametrize(
    "text", ["", "@", "alice", "alice@pds.test", "https://pds.test/@alice", "did:key:z6Mk", "localhost"]
)
async def test_a_text_that_is_no_account(near: Neighbourhood, text: str) -> None:
    with pytest.raises(InvalidIdentifier):
        await near.start(text)
    assert not near.internet.requests


async def test_a_server_that_does_not_know_the_narrow_scope(near: Neighbourhood) -> None:
    """Following is then asked for in the broad way; the proof of an account never is."""
    asked: list[str] = []

    def older(request: Request) -> Response:
        asked.append(request.form["scope"])
        if "repo:" in asked[-1]:
            return Response.json({"error": "invalid_scope"}, 400)
        return Response.json({"request_uri": "urn:x"}, 201)

    evil(near).broken["/oauth/par"] = older
    evil(near).scope = SCOPE_FOLLOW_BROAD
    started = await near.start("mallory.test", Purpose.FOLLOW)
    assert asked == [SCOPE_FOLLOW, SCOPE_FOLLOW_BROAD]
    assert (await near.finish(started, "https://evil.test")).may_follow
    await near.start("mallory.test", Purpose.PROVE)
    assert asked[2:] == ["atproto"]


async def test_a_silent_revocation_does_not_hide_the_reason(near: Neighbourhood) -> None:
    """What is wrong with the sign-in is said, also when its tokens cannot be ended."""
    evil(near).signs_in = ALICE
    evil(near).broken["/oauth/revoke"] = lambda _: Response(503)
    started = await near.start("https://evil.test")
    with pytest.raises(IssuerMismatch):
        await near.finish(started, "https://evil.test")
