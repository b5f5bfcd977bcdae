"""Mastodon.py over the guarded client: nothing that a server says leads it astray."""

from pathlib import Path
from typing import Final

import pytest

from directory.identifiers import Acct
from directory.networks.errors import BadAnswer, Refused, TooLarge
from directory.networks.http import GuardedClient
from directory.networks.limits import Limits
from directory.networks.mastodon.api import Act, Api, Trouble
from directory.networks.mastodon.entities import ApiAccount
from directory.networks.mastodon.wire import Wire
from tests.harness.clock import FakeClock
from tests.harness.fake_mastodon.internet import FakeInternet, Request, Response

HOST: Final = "home.test"
BOB: Final = Acct("bob", "far.test")
ACCOUNT: Final = {"id": "17", "acct": "bob@far.test", "username": "bob"}


def api(http: GuardedClient, clock: FakeClock, access: str = "a token") -> Api:
    return Api(Wire(http, HOST, access), clock)


async def test_what_is_sent(internet: FakeInternet, http: GuardedClient, clock: FakeClock) -> None:
    """One request each, with our own name and no cookie; the server's version is never asked for."""
    internet.sites[HOST] = lambda _: (
        Response.json(ACCOUNT) if _.method == "GET" else Response.json({"id": "17"})
    )
    asking = api(http, clock)
    assert await asking.lookup(str(BOB)) == ApiAccount(id="17", acct="bob@far.test")
    await asking.act(Act.FOLLOW, "17")
    assert internet.asked(HOST) == ["/api/v1/accounts/lookup", "/api/v1/accounts/17/follow"]
    assert asking.wire.requests == 2
    for request in internet.requests:
        assert request.headers["user-agent"] == "Passerelle/test"
        assert request.headers["authorization"] == "Bearer a token"
        assert "cookie" not in request.headers
    assert internet.requests[1].form == {"reblogs": "1", "notify": "0"}


@pytest.mark.parametrize(
    "id_",
    ["17", "0017", "109876543210987654", "01FBVD42CQ3ZEEVMW180SBX03B", "AbCdEf-9_x", "20261101", "1e5"],
)
async def test_ids_stay_as_they_are(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, id_: str
) -> None:
    """Mastodon.py takes some for numbers and dates."""
    internet.sites[HOST] = lambda _: Response.json([{"id": id_, "following": True}])
    rows = await api(http, clock).relationships([id_])
    assert list(rows) == [id_]
    assert parse(internet.requests[0]) == [id_]


def parse(request: Request) -> list[str]:
    return [part.partition("=")[2] for part in request.raw_query.split("&")]


@pytest.mark.parametrize("id_", ["", "../../oauth/revoke", "1/follow?x=", "1 2", "a" * 65, None, {}, True])
async def test_an_id_that_would_be_a_path(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, id_: object
) -> None:
    """An id becomes a part of an address, under the member's token."""
    internet.sites[HOST] = lambda _: Response.json(ACCOUNT | {"id": id_})
    account = await api(http, clock).lookup(str(BOB))
    assert account is not None
    assert account.id in {"", "True"}


@pytest.mark.parametrize(
    "headers",
    [
        {"x-ratelimit-reset": "soon", "x-ratelimit-remaining": "many"},
        {"x-ratelimit-reset": "2026-11-01T12:00:00Z", "date": "yesterday"},
        {"deprecation": "true"},
        {"mastodon-async-refresh": 'id="x", retry=5'},
        {"set-cookie": "a=b"},
        {"link": "nonsense"},
    ],
)
async def test_headers_make_no_failure_of_what_was_done(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, headers: dict[str, str]
) -> None:
    """Mastodon.py raises MastodonRatelimitError over a strange reset time, after the follow was done: it would be
    told as not sent, and sent again."""
    typed = {"content-type": "application/json", **headers}
    internet.sites[HOST] = lambda _: Response(200, b'{"id": "17", "following": true}', typed)
    said = await api(http, clock).act(Act.FOLLOW, "17")
    assert said.status == 200
    assert isinstance(said.read, dict)
    assert said.read["following"] is True


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirects_are_not_followed(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, status: int
) -> None:
    """The library would carry a POST along, and a token within the host."""
    internet.sites[HOST] = lambda _: Response.redirect(f"https://{HOST}/elsewhere", status)
    internet.sites["evil.test"] = lambda _: Response.json(ACCOUNT)
    with pytest.raises(Trouble):
        await api(http, clock).lookup(str(BOB))
    assert internet.asked(HOST) == ["/api/v1/accounts/lookup"]


async def test_a_token_that_names_a_file_is_not_opened(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, tmp_path: Path
) -> None:
    """The server chooses the token. Mastodon.py opens one that is the name of a file and sends its first line: a
    server could ask for any secret of ours so."""
    secret = tmp_path / "secret"
    secret.write_text("the vault key\nhttps://evil.test\n")
    internet.sites[HOST] = lambda _: Response.json(ACCOUNT)
    await api(http, clock, str(secret)).lookup(str(BOB))
    assert internet.requests[0].headers["authorization"] == f"Bearer {secret}"
    assert internet.asked("evil.test") == []


async def test_a_token_that_is_a_header_too(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock
) -> None:
    internet.sites[HOST] = lambda _: Response.json(ACCOUNT)
    with pytest.raises(BadAnswer):
        await api(http, clock, "x\r\nhost: evil.test").lookup(str(BOB))
    assert internet.requests == []


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"5", b'"x"', b"[1, 2]", b"[" * 50_000, b"<html>", b'{"id": {}}', b'{"id": "1"}', b"\xff\xfe"],
)  # fmt: skip
@pytest.mark.parametrize("status", [200, 400, 500])
async def test_an_answer_that_makes_no_sense(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock, body: bytes, status: int
) -> None:
    """Also one that is nested so deeply that reading it ends in RecursionError."""
    internet.sites[HOST] = lambda _: Response(status, body, {"content-type": "application/json"})
    asking = api(http, clock)
    for call in (asking.lookup(str(BOB)), asking.search(BOB), asking.me(), asking.relationships(["1"])):
        with pytest.raises(BadAnswer):
            await call
    assert (await asking.act(Act.FOLLOW, "1")).status == status


async def test_the_rules_of_the_guarded_client_hold(
    internet: FakeInternet, http: GuardedClient, clock: FakeClock
) -> None:
    """Addresses inside, and answers without end."""
    internet.sites[HOST] = lambda _: Response(200, b"[" + b" " * 600_000 + b"]")
    with pytest.raises(TooLarge):
        await api(http, clock).lookup(str(BOB))
    internet.addresses["inside.test"] = ["10.0.0.7"]
    with pytest.raises(Refused):
        await Wire(http, "inside.test", "x").call(lambda one: one.account_lookup("bob"), Limits())
