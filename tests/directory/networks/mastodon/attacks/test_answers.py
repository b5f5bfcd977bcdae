"""Mastodon-API servers that answer a sign-in with something else, or nothing. Each test's docstring tells the attack."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest

from directory.identifiers import Acct
from directory.networks import oauth
from directory.networks.sign_in_errors import (
    NotAServer,
    ServerUnreachable,
    SignInError,
    StateMismatch,
)
from tests.directory.networks.mastodon.signing_in import CALLBACK, Instance
from tests.harness.fake_mastodon.internet import FakeInternet, Request, Response
from tests.harness.fake_mastodon.profiles import MASTODON_4_1
from tests.harness.fake_mastodon.site import FakeServer

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
        assert (await instance.finish(started, returned)).account.handle == Acct("alice", "social.test")


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
