"""The sample configurations of `deploy/proxies`, each run by the real program before a real instance."""

import secrets
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from deploy.ports import free_port
from tests.harness.command import Started
from tests.harness.forking import Forks
from tests.harness.proxies import HOST, NAMES, Proxy, running_proxy
from tests.harness.raw import RawAnswer
from tests.harness.waiting import wait_until

QUICKLY: Final = {
    "caddy": {"read_body 15m": "read_body 7s"},
    "nginx": {"client_body_timeout 15s": "client_body_timeout 1s"},
    "haproxy": {"timeout http-request 15s": "timeout http-request 1s"},
}
"""How long a body may keep silent: seconds are enough to see that there is an end."""
CACHING: Final = {"nginx", "haproxy"}
"""Debian's Caddy has no cache."""
PATIENCE_S: Final = 60


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def instance(folder: Path, port: int) -> Iterator[Started]:
    settings = {
        "data": str(folder / "data"),
        "port": str(port),
        "metrics_port": str(free_port()),
        "public_url": f"https://{HOST}",
        "trusted_proxies": "1",
    }
    with Forks(folder, settings).started("serve") as running:
        running.wait_until_ready(f"http://127.0.0.1:{port}")
        yield running
        running.send(signal.SIGINT)
        assert running.wait() == 0
    assert "Traceback" not in running.logged()


@pytest.fixture(scope="module", params=NAMES)
def proxy(request: pytest.FixtureRequest, folder: Path, port: int, instance: Started) -> Iterator[Proxy]:
    name: str = request.param
    place = (
        folder / f"{name}-{secrets.token_hex(4)}"
    )  # each may be set up again, in whatever order the tests come
    with running_proxy(name, place, port, QUICKLY[name]) as running:
        assert instance.process.poll() is None
        yield running


def ask(proxy: Proxy, path: str, *fields: str) -> RawAnswer:
    lines = [f"GET {path} HTTP/1.1", f"Host: {HOST}", "Connection: close", *fields, "", ""]
    with proxy.connect() as raw:
        return raw.send("\r\n".join(lines).encode()).answer()


def test_pages_come_over_tls_and_some_compressed(proxy: Proxy) -> None:
    with httpx.Client(verify=proxy.trust, trust_env=False) as client:
        answer = client.get(
            f"https://localhost:{proxy.port}/about",
            headers={"host": HOST, "accept-encoding": "gzip"},
            extensions={"sni_hostname": HOST},
        )
    assert answer.status_code == 200
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["strict-transport-security"]
    assert "Passerelle" in answer.text


@pytest.mark.parametrize("upgrade", ["h2c", "websocket"])
def test_no_other_protocol_goes_through(proxy: Proxy, upgrade: str) -> None:
    """A tunnel through the proxy opened what it keeps to itself, and named any caller's address."""
    with proxy.connect() as raw:
        lines = [
            "GET /healthz HTTP/1.1",
            f"Host: {HOST}",
            "Connection: Upgrade, HTTP2-Settings",
            f"Upgrade: {upgrade}",
        ]
        lines += [
            "HTTP2-Settings: AAMAAABk",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
        ]
        answer = raw.send("\r\n".join([*lines, "", ""]).encode()).answer()
    assert answer.status == 200
    assert "upgrade" not in answer.fields


def test_nobody_names_their_own_address(proxy: Proxy) -> None:
    left = [
        ask(proxy, "/api/v1/lookup?x=@somebody", f"X-Forwarded-For: 192.0.2.{number}").fields["ratelimit"]
        for number in range(1, 4)
    ]
    remaining = [int(each.partition("r=")[2].partition(";")[0]) for each in left]
    assert remaining == sorted(remaining, reverse=True)
    assert len(set(remaining)) == 3


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "/refused/400/field"])
def test_what_is_private_stays_so(proxy: Proxy, path: str) -> None:
    assert ask(proxy, path).status == 404


def test_a_body_that_stops_ends(proxy: Proxy) -> None:
    """A byte now and then kept a connection, here and at the instance."""
    with proxy.connect() as raw:
        raw.send(f"POST /results HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000\r\n".encode())
        raw.send(b"Content-Type: application/x-www-form-urlencoded\r\n\r\npairs=")
        try:
            assert raw.answer().status in {400, 408, 502, 504}
        except ConnectionError:
            return
        assert raw.is_ended()


def test_a_body_that_is_too_large(proxy: Proxy) -> None:
    with proxy.connect() as raw:
        raw.send(f"POST /results HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 200000000\r\n".encode())
        raw.send(b"Content-Type: application/x-www-form-urlencoded\r\n\r\n" + bytes(20_000))
        assert raw.answer().status == 413


def test_the_log_is_cached(proxy: Proxy, instance: Started) -> None:
    path = "/log/operations/0"
    assert wait_until(lambda: ask(proxy, path).status == 200, PATIENCE_S)
    first = ask(proxy, path)
    assert "immutable" in first.fields["cache-control"]
    if proxy.name not in CACHING:
        return
    instance.process.send_signal(signal.SIGSTOP)
    try:
        assert ask(proxy, path).body == first.body
    finally:
        instance.process.send_signal(signal.SIGCONT)
