"""One spelling of each address, what is not there is counted, and static files are what their address says."""

import gzip
import json
import re
import socket
import struct
from collections.abc import Iterator
from contextlib import nullcontext
from typing import cast
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar.exceptions import ClientException
from litestar.types import HTTPScope

from tests.harness.instance import RunningInstance, running_instance
from tests.harness.waiting import wait_until
from tests.web.rawhttp import ask
from web.middleware import spelling
from web.static_files import asset_url, scripts_folder, static_files


@pytest.mark.parametrize(
    "target",
    [
        b"/metrics",
        b"//metrics",
        b"/metrics/",
        b"/%6detrics",
        b"/metrics%2f",
        b"/metrics%5c",
        b"/./metrics",
        b"/x/../metrics",
        b"/x/%2e%2e/metrics",
        b"/%2e/metrics",
        b"/metrics%00",
        b"/METRICS",
    ],
)
def test_metrics_are_at_no_address_of_the_pages(instance: RunningInstance, target: bytes) -> None:
    """A proxy that keeps `/metrics` from strangers was passed by any other spelling."""
    answer = ask(instance.url, "GET", target)
    assert answer.status in {308, 404}
    assert b"passerelle_" not in answer.body
    if answer.status == 308:
        (location,) = answer.headers["location"]
        assert ask(instance.url, "GET", location.encode()).status == 404


@pytest.mark.parametrize(
    "target",
    [
        b"//healthz",
        b"/healthz/",
        b"/%68ealthz",
        b"/api//v1/stats",
        b"/api/v1/stats/",
        b"/api/v1%2fstats",
        b"/.well-known/%6eodeinfo",
        b"/%2ewell-known/nodeinfo",
        b"/static//icon.svg",
        b"/static/icon%2esvg",
        b"/static/css%2fpasserelle.css",
        b"/static/js/../icon.svg",
        b"/log//checkpoint",
        b"/nodeinfo/2%2E1",
    ],
)
def test_programs_write_each_address_in_one_way(instance: RunningInstance, target: bytes) -> None:
    answer = ask(instance.url, "GET", target)
    assert answer.status == 404
    if not target.startswith((b"/static", b"//", b"/%")):
        assert answer.headers["content-type"] == ["application/problem+json"]


@pytest.mark.parametrize(
    ("target", "location"),
    [
        (b"/about/", "/about"),
        (b"//about", "/about"),
        (b"/x/jack/?lang=fr", "/x/jack?lang=fr"),
        (b"/x/%6aack", "/x/jack"),
        (b"///evil.example/", "/evil.example"),
    ],
)
def test_people_are_led_to_the_address_that_they_mean(
    instance: RunningInstance, target: bytes, location: str
) -> None:
    answer = ask(instance.url, "GET", target)
    assert (answer.status, answer.headers["location"]) == (308, [location])


@pytest.mark.parametrize("target", [b"//evil.example/%00", b"//evil.example/%2f"])
def test_no_page_links_to_what_was_asked(instance: RunningInstance, target: bytes) -> None:
    """`//evil.example` in the links to other languages led away from the instance."""
    answer = ask(instance.url, "GET", target)
    assert answer.status == 404
    assert b"evil.example" not in answer.body


def test_metrics_have_an_address_of_their_own(instance: RunningInstance) -> None:
    assert urlsplit(instance.metrics_url).hostname == "127.0.0.1"
    url = instance.metrics_url.removesuffix("/metrics")
    assert b"passerelle_requests_total" in ask(url, "GET", b"/metrics").body
    for target in (
        b"//metrics",
        b"/metrics/",
        b"/%6detrics",
        b"/metrics%2f",
        b"/",
        b"/x/jack",
        b"/metrics?x=1",
    ):
        answer = ask(url, "GET", target)
        assert answer.status == (200 if target.startswith(b"/metrics?") else 404)
    assert ask(url, "POST", b"/metrics").status == 404


@pytest.fixture(scope="module")
def strict(module_dsn: str) -> Iterator[RunningInstance]:
    with running_instance(module_dsn, rate_lookups_per_minute=10) as running:
        yield running


def under_way(instance: RunningInstance) -> float:
    text = httpx.get(instance.metrics_url, trust_env=False).text
    found = re.search(r"^passerelle_requests_in_progress (.+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def counted(instance: RunningInstance, method: str, status: int, path: str = "none") -> float:
    text = httpx.get(instance.metrics_url, trust_env=False).text
    found = re.search(
        rf'^passerelle_requests_total{{method="{method}",path="{re.escape(path)}",status_code="{status}"}} (.+)$',
        text,
        re.MULTILINE,
    )
    return float(found[1]) if found else 0.0


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", b"/nothing", 404),
        ("POST", b"/about", 405),
        ("GET", b"/static/nothing.js", 404),
        ("GET", b"/static/%00", 404),
        ("GET", b"/log/nothing", 404),
        ("GET", b"/healthz/", 404),
        ("BREW", b"/about", 405),
        ("HEAD", b"/nothing", 404),
        ("HEAD", b"/static/%00", 404),
    ],
)
def test_what_is_not_there_is_counted_and_limited(
    module_dsn: str, method: str, target: bytes, status: int
) -> None:
    """What no route answers passed no limit and stood in no count: a free path to ask as much as one likes."""
    with running_instance(module_dsn, rate_lookups_per_minute=5, rate_pages_per_minute=5) as strict:
        known = method if method != "BREW" else "other"
        path = "/static/{path}" if target == b"/static/nothing.js" else "none"
        before = counted(strict, known, status, path), counted(strict, known, 429, path)
        answers = [ask(strict.url, method, target) for _ in range(8)]
        assert [each.status for each in answers] == [status] * 5 + [429] * 3
        assert method != "HEAD" or not any(each.body for each in answers)
        assert all("retry-after" in each.headers for each in answers[5:])
        assert all("ratelimit" in each.headers for each in answers)
        after = counted(strict, known, status, path), counted(strict, known, 429, path)
        assert after == (before[0] + 5, before[1] + 3)
        # What is there is still free.
        assert ask(strict.url, "GET", asset_url("icon.svg").encode()).status == 200
        assert ask(strict.url, "GET", b"/healthz").status == 200


def test_a_broken_off_upload_is_no_failure_of_ours(
    instance: RunningInstance, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Anybody could fill the log with tracebacks by leaving in the middle of a form."""
    parts = urlsplit(instance.url)
    errors = counted(instance, "POST", 500, "/results")
    before = counted(instance, "POST", 400, "/results") + counted(instance, "POST", 499, "/results")
    kind = "multipart/form-data; boundary=b"
    head = f"POST /results HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\nContent-Type: {kind}\r\n\r\n"
    for _ in range(3):
        with socket.create_connection((parts.hostname or "", parts.port or 80), 30) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(head.encode() + b"--b\r\n")
            wait_until(lambda: under_way(instance) > 0, 30)  # else it was never a request
    for _ in range(500):
        done = counted(instance, "POST", 400, "/results") + counted(instance, "POST", 499, "/results")
        if done >= before + 3:
            break
    assert done == before + 3
    assert counted(instance, "POST", 500, "/results") == errors
    said = capfd.readouterr()
    assert "request failed" not in said.out + said.err + caplog.text
    assert "Traceback" not in said.out + said.err + caplog.text


@pytest.mark.parametrize(
    "version", ["", "?v=0123456789ab", "?v=", "?v=anything", "?x=1", "?v={v}&v=2", "?V={v}"]
)
def test_only_the_right_version_is_kept_for_ever(instance: RunningInstance, version: str) -> None:
    """Any `?v=` was kept for ever: whoever had others load it decided what they see until they clear their browser."""
    right = static_files()["icon.svg"].version
    answer = ask(instance.url, "GET", b"/static/icon.svg" + version.replace("{v}", right).encode())
    assert answer.headers["cache-control"] == ["no-cache"]
    kept = ask(instance.url, "GET", asset_url("icon.svg").encode())
    assert kept.headers["cache-control"] == ["public, max-age=31536000, immutable"]


def test_scripts_and_what_they_import_are_kept_for_ever_in_the_folder_of_all_of_them(
    instance: RunningInstance,
) -> None:
    """A module imports its neighbour by its place: without a version in it, each visit asked for 26 of them again."""
    drop = asset_url("js/archive/drop.js")
    for address in (drop, urljoin(drop, "./worker.js"), urljoin(drop, "../problem.js")):
        kept = ask(instance.url, "GET", address.encode())
        assert kept.status == 200
        assert kept.headers["cache-control"] == ["public, max-age=31536000, immutable"]


@pytest.mark.parametrize(
    "address",
    [
        "/static/scripts-0123456789ab/js/problem.js",
        "/static/scripts-/js/problem.js",
        "{right}?v=0123456789ab",
        "{right}?{right}",
    ],
)
def test_the_folder_of_other_scripts_has_the_present_ones_for_this_time(
    instance: RunningInstance, address: str
) -> None:
    """A page that was open before an upgrade loads the rest of its scripts from there; nobody is to keep them as those."""
    answer = ask(instance.url, "GET", address.replace("{right}", asset_url("js/problem.js")).encode())
    assert answer.headers["cache-control"] == ["no-cache"]


@pytest.mark.parametrize(
    "path", ["{folder}/icon.svg", "{folder}", "{folder}/js", "{folder}/{folder}/js/problem.js", "scripts-x"]
)
def test_the_folder_of_scripts_has_nothing_else(instance: RunningInstance, path: str) -> None:
    path = path.replace("{folder}", scripts_folder())
    assert ask(instance.url, "GET", f"/static/{path}".encode()).status == 404


def test_what_is_missing_has_one_lifetime(instance: RunningInstance) -> None:
    for target in (b"/static/nothing.js?v=0123456789ab", b"/static/nothing.js", b"/nothing", b"/x/i/0"):
        answer = ask(instance.url, "GET", target)
        assert answer.status in {400, 404}
        assert answer.headers["cache-control"] == ["no-store"]


def test_static_files_are_served_whole_zipped_or_not_at_all(client: httpx.Client) -> None:
    for path, file in static_files().items():
        plain = client.get(f"/static/{path}", headers={"accept-encoding": "identity"})
        assert plain.content == file.content
        assert "content-encoding" not in plain.headers
        answer = client.get(f"/static/{path}", headers={"accept-encoding": "br, gzip;q=0.5"})
        assert answer.content == file.content
        is_zipped = path.endswith((".js", ".css")) and len(file.content) > 2_000
        assert (answer.headers.get("content-encoding") == "gzip") or not is_zipped
        if is_zipped:
            assert answer.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
            assert answer.headers["etag"] != plain.headers["etag"]
            assert int(answer.headers["content-length"]) < len(file.content)
        known = client.get(f"/static/{path}", headers={"if-none-match": f'"x", {answer.headers["etag"]}'})
        assert (known.status_code, known.content) == (304, b"")
    refused = client.get("/static/css/passerelle.css", headers={"accept-encoding": "gzip;q=0, br"})
    assert "content-encoding" not in refused.headers
    assert client.head("/static/icon.svg").headers["content-length"] == str(
        len(static_files()["icon.svg"].content)
    )
    zipped = static_files()["css/passerelle.css"].zipped
    assert zipped is not None
    assert gzip.decompress(zipped) == static_files()["css/passerelle.css"].content


def test_what_browsers_and_crawlers_ask_for_by_themselves(client: httpx.Client) -> None:
    icon = client.get("/favicon.ico")
    assert (icon.status_code, icon.headers["content-type"], icon.content[:4]) == (
        200,
        "image/x-icon",
        b"\0\0\1\0",
    )
    for path in ("/apple-touch-icon.png", "/apple-touch-icon-precomposed.png"):
        touch = client.get(path)
        assert (touch.headers["content-type"], touch.content[:4]) == ("image/png", b"\x89PNG")
    robots = client.get("/robots.txt")
    assert robots.headers["content-type"].startswith("text/plain")
    assert {"User-agent: *", "Disallow: /account"} <= set(robots.text.splitlines())
    assert not any("Disallow: /x/".startswith(line) for line in robots.text.splitlines())
    manifest = client.get("/manifest.webmanifest")
    assert manifest.headers["content-type"] == "application/manifest+json"
    told = json.loads(manifest.text)
    assert told["name"]
    for each in told["icons"]:
        assert client.get(each["src"]).headers["content-type"].partition(";")[0] == each["type"]
    home = client.get("/").text
    assert 'rel="manifest"' in home
    assert 'rel="apple-touch-icon"' in home


def test_a_page_for_a_form_alone_says_so(client: httpx.Client) -> None:
    """The API's advice helped nobody who pressed reload."""
    answer = client.request("DELETE", "/results")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, OPTIONS, POST"
    assert "This page cannot be opened like that" in answer.text
    assert "API page" not in answer.text


@pytest.mark.parametrize(
    "path", ["/", "/about", "/api/docs", "/x/jack", "/x/nobody", "/whose?account=nina_3@social.example"]
)
def test_a_link_to_any_public_page_has_a_preview(client: httpx.Client, path: str) -> None:
    page = client.get(path).text
    for name in ("site_name", "type", "title", "description", "image"):
        (content,) = re.findall(rf'<meta property="og:{name}"\s+content="([^"]+)"', page)
        assert content.strip()
    assert content.startswith("https://find.example/static/icon-512.png?v=")


@given(
    st.lists(
        st.sampled_from(
            [b"/", b"//", b".", b"..", b"a", b"Z9", b"%2f", b"%61", b"%", b"@", b"-", b"\\", b"\n", b"\xc3"]
        )
    )
)
def test_what_looks_plain_is_in_one_spelling(parts: list[bytes]) -> None:
    """Attack: a path that the short way takes as it is, and that the long way would have led elsewhere or refused."""
    raw = b"/" + b"".join(parts)
    assert spelling._in_one_spelling(raw) == spelling._spell(raw)


def test_a_query_of_thousands_of_parts_is_refused(instance: RunningInstance) -> None:
    """Attack: eight kilobytes of `a&` held everybody up for eight milliseconds, and were kept as 300 kB."""
    most = b"/?lang=fr" + b"&a" * (spelling.MAX_QUERY_PARTS - 1)
    assert ask(instance.url, "GET", most).status == 200
    refused = ask(instance.url, "GET", most + b"&")
    assert refused.status == 400
    assert b'lang="fr"' in refused.body
    assert "Cette adresse ne peut pas être lue".encode() in refused.body, "and no word of a form"
    assert ask(instance.url, "GET", b"/api/v1/lookup?x=@jack" + b"&a" * 64).status == 400


@given(st.lists(st.sampled_from([b"x=", b"a", b"%00", b"%c3", b"%a9", b"\0", b"\xc3", b"&", b"+", b"%"])))
def test_a_query_is_text_or_refused(parts: list[bytes]) -> None:
    query = b"".join(parts)
    try:
        is_text = "\0" not in unquote_to_bytes(query).decode()
    except UnicodeDecodeError:
        is_text = False
    with nullcontext() if is_text else pytest.raises(ClientException):
        spelling._check_query(cast("HTTPScope", {"query_string": query}))
