"""The public API over real sockets: golden scripts, caching, CORS, limits."""

import json
import re
from html import unescape
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.harness.golden import WRITE, play, read_script, write_script
from tests.harness.instance import RunningInstance, running_instance
from web.static_files import asset_url

SCRIPTS = sorted((Path(__file__).parent / "golden").glob("*.txt"))
JSON = {"content-type": "application/json"}
DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "api.md"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_golden_script(client: httpx.Client, script: Path) -> None:
    played = [(exchange, play(client, exchange)) for exchange in read_script(script)]
    if WRITE:
        write_script(script, played)
    for exchange, answer in played:
        assert answer == exchange.answer or WRITE, exchange.title


def test_a_body_too_large_is_refused_before_it_is_read(client: httpx.Client) -> None:
    answer = client.post("/api/v1/match", content=b'{"pairs": [' + b" " * 1_100_000 + b"]}", headers=JSON)
    assert answer.status_code == 413
    assert answer.json()["type"].endswith("#too-large")


def test_a_body_nested_too_deeply(client: httpx.Client) -> None:
    for body in (b"[" * 200_000, b'{"pairs":' * 50_000, b'{"pairs": [["' + b"9" * 500_000 + b'", null]]}'):
        answer = client.post("/api/v1/match", content=body, headers=JSON)
        assert answer.status_code == 400
        assert len(answer.content) < 1_000


def test_more_pairs_than_a_request_takes(client: httpx.Client) -> None:
    pairs = [[str(number), None] for number in range(1, 10_002)]
    answer = client.post("/api/v1/match", content=json.dumps({"pairs": pairs}), headers=JSON)
    assert answer.status_code == 400
    answer = client.post("/api/v1/match", content=json.dumps({"pairs": pairs[:-1]}), headers=JSON)
    assert answer.status_code == 200
    assert answer.json()["asked"] == 10_000


def test_an_answer_is_validated_and_not_sent_twice(client: httpx.Client) -> None:
    first = client.get("/api/v1/lookup?x=jack")
    assert first.headers["cache-control"] == "public, max-age=0, s-maxage=60"
    etag = first.headers["etag"]
    again = client.get("/api/v1/lookup?x=jack", headers={"if-none-match": f'"other", {etag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == etag
    for lines in ([etag.removeprefix("W/")], ['"other"', etag], ["*"]):
        asked = [("if-none-match", line) for line in lines]
        assert client.get("/api/v1/lookup?x=jack", headers=asked).status_code == 304
    for other in ('"other"', "", "broken", etag.removeprefix("W/").strip('"')):
        assert client.get("/api/v1/lookup?x=jack", headers={"if-none-match": other}).status_code == 200
    assert client.get("/api/v1/lookup?x=nina_3", headers={"if-none-match": etag}).status_code == 200
    assert "etag" not in client.get("/api/v1/lookup?x=a%20b").headers


@pytest.mark.parametrize("path", ["/api/v1/lookup?x=jack", "/api/v1/nothing", "/.well-known/nodeinfo"])
def test_every_site_may_read(client: httpx.Client, path: str) -> None:
    answer = client.get(path, headers={"origin": "https://elsewhere.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


def test_a_page_may_ask_before_it_posts(client: httpx.Client) -> None:
    headers = {"origin": "https://elsewhere.example", "access-control-request-method": "POST"}
    answer = client.request("OPTIONS", "/api/v1/match", headers=headers)
    assert answer.status_code == 204
    assert "POST" in answer.headers["access-control-allow-methods"]


def test_pages_are_not_for_other_sites(client: httpx.Client) -> None:
    assert "access-control-allow-origin" not in client.get("/about").headers


def test_every_answer_is_guarded(client: httpx.Client) -> None:
    for path in ("/", "/x/jack", "/nothing", "/api/v1/lookup?x=jack", "/healthz"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers


def test_only_an_address_with_its_content_in_it_is_kept_for_ever(client: httpx.Client) -> None:
    """Modules import each other without a hash: kept for ever, old ones would outlive an upgrade."""
    assert "immutable" in client.get(asset_url("icon.svg")).headers["cache-control"]
    module = client.get("/static/js/archive/names.js")
    assert module.headers["cache-control"] == "no-cache"
    assert module.headers.get_list("cache-control") == ["no-cache"]


def test_the_openapi_document_names_every_address(client: httpx.Client) -> None:
    document = client.get("/api/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert {path.removeprefix("/api/v1") for path in document["paths"]} == {
        "/lookup",
        "/peers",
        "/match",
        "/reverse",
        "/stats",
        "/instance",
        "/live/{host}/log/{leaf}",
        "/proof/{host}/log/{leaf}",
        "/.well-known/webfinger",
    }
    page = client.get("/api/docs").text
    assert "<script" not in page
    assert all(path in page for path in document["paths"])


def test_metrics_count_and_tell_no_names(instance: RunningInstance, client: httpx.Client) -> None:
    client.get("/api/v1/lookup?x=somebody_in_particular")
    client.get("/x/somebody_in_particular")
    text = httpx.get(instance.metrics_url, trust_env=False).text
    assert "passerelle_requests_total" in text
    assert "somebody_in_particular" not in text


def test_who_asks_too_much_is_told_when_to_come_back(module_dsn: str) -> None:
    with (
        running_instance(module_dsn, rate_lookups_per_minute=3, rate_pairs_per_minute=100) as strict,
        httpx.Client(base_url=strict.url, trust_env=False) as client,
    ):
        first = client.get("/api/v1/lookup?x=jack")
        assert first.headers["ratelimit-policy"] == '"requests";q=3;w=60'
        assert first.headers["ratelimit"].startswith('"requests";r=2;t=')
        client.get("/api/v1/lookup?x=jack")
        pairs = json.dumps({"pairs": [[str(n), None] for n in range(1, 102)]})
        too_many = client.post("/api/v1/match", content=pairs, headers=JSON)
        assert too_many.status_code == 429
        refused = client.get("/api/v1/lookup?x=jack")
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 120
        assert refused.json()["type"].endswith("#too-many-requests")
        assert "That was a little fast" in client.get("/x/jack").text
        assert client.get("/healthz").status_code == 200


def test_nothing_that_was_asked_is_logged(
    client: httpx.Client, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    client.get("/api/v1/lookup?x=secret_name")
    client.post("/api/v1/match", content='{"pairs": [["4242424242", null]]}', headers=JSON)
    client.get("/x/secret_name")
    # What the client of this test says of itself is not the server's.
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("http")]
    seen = "".join([*ours, *capfd.readouterr()])
    assert "secret_name" not in seen
    assert "4242424242" not in seen
    assert "127.0.0.1" not in seen


def test_a_stopped_database_is_a_clear_503(module_dsn: str) -> None:
    with running_instance(module_dsn) as lonely, httpx.Client(base_url=lonely.url, trust_env=False) as client:

        async def cut() -> None:
            await lonely.database.close()

        lonely.call(cut)
        answer = client.get("/api/v1/lookup?x=jack")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "60"
        assert answer.json()["detail"] == "Nothing was lost. Try again in a minute."
        assert "The directory cannot be reached right now" in client.get("/x/jack").text
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200


def test_the_instance_outlives_its_requests(instance: RunningInstance, client: httpx.Client) -> None:
    """Strange requests in a row leave it as it was."""
    for path in (
        "/%00",
        "/x/%2e%2e%2fetc",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/x/i/0",
        "/search?x=" + "a" * 3_000,
    ):
        assert client.get(path).status_code in {301, 302, 400, 404}
    assert client.get("/readyz").status_code == 200


def test_an_archive_too_large_for_the_form(module_dsn: str) -> None:
    with (
        running_instance(module_dsn, upload_max_mb=1) as small,
        httpx.Client(base_url=small.url, trust_env=False) as client,
    ):
        answer = client.post("/results", files={"files": ("twitter.zip", b"PK" + b"0" * 16_000_000)})
        assert answer.status_code == 413
        assert "following.js" in answer.text


@pytest.mark.parametrize("path", ["/x/jack", "/x/i/12", "/whose?account=nina_3@social.example"])
def test_a_page_that_can_be_withdrawn_is_asked_for_again(client: httpx.Client, path: str) -> None:
    """After "Take it back" the browser went on showing the page for a minute, from its own cache."""
    first = client.get(path)
    assert first.headers["cache-control"] == "no-cache"
    if first.status_code == 200:
        known = {"if-none-match": first.headers["etag"]}
        assert client.get(path, headers=known).status_code == 304
        # In another language it is another page.
        assert client.get(path, headers=known | {"accept-language": "fr"}).status_code == 200
    assert client.get("/x/nobody_at_all").headers["cache-control"] == "no-cache"


def test_no_answer_of_a_lookup_is_kept_where_it_was_asked(client: httpx.Client) -> None:
    """A cache that stands between may answer for a minute, which the documentation says; the asker's own may not."""
    for path in ("lookup?x=jack", "lookup?x=nobody", "reverse?account=nina_3@social.example"):
        answer = client.get(f"/api/v1/{path}")
        assert answer.headers["cache-control"] == "public, max-age=0, s-maxage=60"
        assert answer.headers["etag"]


def test_the_api_page_shows_bodies_and_the_types_in_answers(client: httpx.Client) -> None:
    """Who read that page alone could not know what to send to `match`, nor what an answer holds."""
    page = unescape(client.get("/api/docs").text)
    match = page.partition("POST /api/v1/match")[2].partition("</section>")[0]
    assert "pairs" in match
    assert '{"pairs":[["783214","name","2026-05-31"],[null,"other"]]}' in match
    schemas = client.get("/api/openapi.json").json()["components"]["schemas"]
    for name in ("AnswerOut", "LookupOut"):
        assert f"<code>{name}</code>" in match
        for field in schemas[name]["properties"]:
            assert f"<code>{field}</code>" in match


EXAMPLES: Final = {
    "/api/v1/lookup": "/api/v1/lookup?x=jack",
    "/api/v1/reverse": "/api/v1/reverse?account=nina_3@social.example",
    "/.well-known/webfinger": "/.well-known/webfinger?resource=https://x.com/jack",
    "/x/…": "/x/jack",
    "/whose": "/whose?account=nina_3@social.example",
    "/nodeinfo/…": "/nodeinfo/2.1",
}
"""Addresses of the document that need more to be asked for."""
NEED_MEMBERS: Final = {"/m/…", "/api/v1/live/…"}


def test_answers_are_kept_for_as_long_as_the_document_says(client: httpx.Client) -> None:
    """Whoever asks by a program keeps answers by docs/api.md: people withdraw what they said."""
    rows = re.findall(r"^\| (`/.*?) \| `(.*?)` \|", DOCUMENT.read_text(encoding="utf-8"), re.M)
    asked = {each: cache for said, cache in rows for each in re.findall(r"`(/[^`]*)`", said)}
    assert EXAMPLES.keys() | NEED_MEMBERS <= asked.keys()
    for address, cache in asked.items():
        if address not in NEED_MEMBERS:
            answer = client.get(EXAMPLES.get(address, address))
            assert answer.status_code == 200, address
            assert answer.headers.get_list("cache-control") == [cache], address
            assert "etag" in answer.headers, address
    assert client.get("/api/v1/lookup?x=!").headers.get_list("cache-control") == ["no-store"]
