"""The fake answers over HTTP in the documented shapes, with texts rewritten as X does."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from directory.proofs.post_url import parse_post_url
from directory.proofs.snowflake import post_time
from tests.harness.clock import START
from tests.harness.fake_x import Failure, FakeX
from tests.harness.fake_x.links import as_html, mentions, rewritten, short_link


@pytest.fixture
def x() -> Iterator[FakeX]:
    with FakeX() as fake:
        yield fake


def get(x: FakeX, path: str, **query: str) -> httpx.Response:
    return httpx.get(f"{x.root}{path}?{urlencode(query)}", trust_env=False)


def embed(x: FakeX, url: str, host: str = "x") -> dict[str, Any]:
    answer: dict[str, Any] = get(x, f"/publish-{host}/oembed", url=url).json()
    return answer


def test_a_post_has_the_number_of_its_time_and_the_address_of_its_author(x: FakeX) -> None:
    alice = x.account("Alice")
    one, two = x.post(alice, "one", START), x.post(alice, "two", START)
    assert post_time(one.id) == post_time(two.id) == START
    assert one.id != two.id
    assert one.url == f"https://x.com/Alice/status/{one.id}"
    assert parse_post_url(one.url) == one.id


def test_the_syndication_wants_its_token(x: FakeX) -> None:
    post = x.post(x.account("alice"), "hello", START)
    for query in ({"id": str(post.id)}, {"id": str(post.id), "token": "x"}):
        assert get(x, "/syndication/tweet-result", **query).json() == {}


def test_any_name_leads_to_the_post(x: FakeX) -> None:
    post = x.post(x.account("alice"), "hello", START)
    x.account("victim")
    assert embed(x, f"https://x.com/victim/status/{post.id}")["author_url"] == "https://x.com/alice"
    answer = get(x, f"/fx/victim/status/{post.id}").json()
    assert answer["tweet"]["author"]["screen_name"] == "alice"


def test_the_older_oembed_host_does_not_know_the_newer_addresses(x: FakeX) -> None:
    post = x.post(x.account("alice"), "hello", START)
    assert get(x, "/publish-twitter/oembed", url=post.url).status_code == 404
    older = post.url.replace("x.com", "twitter.com")
    assert embed(x, older, "twitter")["author_url"] == "https://twitter.com/alice"


def test_what_is_not_there_is_404(x: FakeX) -> None:
    for path in ("/", "/fx/nobody", "/fx/i/status/12", "/syndication/other", "/api/2/other"):
        assert get(x, path).status_code == 404


def test_a_failure_lasts_until_it_is_healed(x: FakeX) -> None:
    alice = x.account("alice")
    x.fail("fxtwitter", Failure.rate_limited(60))
    answer = get(x, "/fx/alice")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
    x.heal("fxtwitter")
    assert json.loads(get(x, "/fx/alice").content)["user"]["id"] == str(alice.id)
    assert len(x.requests) == 2


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("see https://example.org/a?b=c now", f"see {short_link('https://example.org/a?b=c')} now"),
        ("see alice.bsky.social.", f"see {short_link('http://alice.bsky.social')}."),
        ("alice@mastodon.example", "alice@mastodon.example"),
        ("a.b", "a.b"),
    ],
)
def test_links_are_shortened_and_addresses_of_accounts_are_not(text: str, stored: str) -> None:
    assert rewritten(text) == stored


@pytest.mark.parametrize(
    ("text", "mentioned"),
    [("@alice@mastodon.example", ["alice"]), ("alice@mastodon.example", []), ("hi @bob.", ["bob"])],
)
def test_who_is_mentioned(text: str, mentioned: list[str]) -> None:
    assert mentions(text) == mentioned


def test_an_embed_is_html() -> None:
    html = as_html("a & b\n@bob #tag", "x.com")
    assert html == (
        'a &amp; b<br><a href="https://x.com/bob?ref_src=twsrc%5Etfw">@bob</a> '
        '<a href="https://x.com/hashtag/tag?src=hash&amp;ref_src=twsrc%5Etfw">#tag</a>'
    )


def test_signing_in_by_hand_as_a_browser_does(x: FakeX) -> None:
    x.oauth.signed_in = x.account("alice")
    query = {
        "response_type": "code",
        "client_id": x.oauth.client_id,
        "redirect_uri": "https://find.example.org/back",
        "scope": "users.read tweet.read",
        "state": "s",
        "code_challenge": "c" * 43,
        "code_challenge_method": "S256",
    }
    url = f"{x.root}/x/i/oauth2/authorize"
    page = httpx.get(url, params=query, trust_env=False)
    assert "Authorize app" in page.text
    back = httpx.post(url, data=query | {"decision": "allow"}, trust_env=False)
    assert back.status_code == 302
    assert back.headers["location"].startswith("https://find.example.org/back?state=s&code=")
    assert httpx.get(url, params=query | {"scope": "users.read"}, trust_env=False).status_code == 400
    assert httpx.post(url, data=query | {"client_id": "x"}, trust_env=False).status_code == 400
