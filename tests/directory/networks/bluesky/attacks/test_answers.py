"""Servers of a sign-in with Bluesky that answer something else, less, or nothing. Each test's docstring tells the attack."""

import asyncio
from collections.abc import Callable

import pytest

from directory.networks import oauth
from directory.networks.bluesky.client import SCOPE_FOLLOW, SCOPE_FOLLOW_BROAD
from directory.networks.port import Purpose
from directory.networks.sign_in_errors import (
    IssuerMismatch,
    ServerUnreachable,
    SignInError,
    StateMismatch,
)
from tests.directory.networks.bluesky.fakes import (
    ALICE,
    REDIRECT,
    Neighbourhood,
    both,
    evil,
)
from tests.harness.fake_mastodon.internet import Request, Response


async def test_a_record_of_the_other_network(near: Neighbourhood) -> None:
    for record in (b"", b"{}", b'{"type":"mastodon"}', b"\xff"):
        with pytest.raises(StateMismatch):
            await near.sign_in.finish_sign_in(record, f"{REDIRECT}?code=x", (await near.start(ALICE)).expires)


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
