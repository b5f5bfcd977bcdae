"""A walk over the route table with what no person sends: a route that is added is walked, too."""

import inspect
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Final
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from litestar.routes import HTTPRoute
from structlog.testing import capture_logs

from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_x import FakeX
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import Visitor
from tests.web.members.worlds import client_of, enrol
from tests.web.rawhttp import RawAnswer, ask
from web.app import create_litestar

EVIL: Final = {
    "NUL": b"a%00b",
    "no UTF-8": b"%ff%fe",
    "a lone surrogate": b"%ed%a0%80",
    "up": b"..",
    "up, escaped": b"%2e%2e%2f%2e%2e%2fetc",
    "a name that no file can have": b"a" * 300,
    "over-long": b"%e2%80%ae" * 500,
    "lines": b"a%0d%0aSet-Cookie:%20a=b",
    "a huge number": b"9" * 40,
    "below zero": b"-1",
    "beyond the basic plane": b"%f0%90%8d%88'\"%3c",
}
IN_FORMS: Final = ("NUL", "a lone surrogate", "over-long", "a huge number")
GOOD: Final = {
    "int": b"1",
    "uuid": b"00000000-0000-4000-8000-000000000000",
    "str": b"jack",
    "path": b"tile/0/000",
}
FAREWELLS: Final = ("/sign-out", "/end", "/leave")
"""Forms after which nobody is signed in: walked last."""
HEADERS: Final = (
    b"Accept", b"Accept-Language", b"Accept-Encoding", b"Content-Type", b"If-None-Match", b"Origin", b"Referer",
    b"Sec-Fetch-Site", b"User-Agent", b"X-Forwarded-For", b"HX-Request", b"Signature", b"Signature-Input",
    b"Content-Digest", b"Last-Event-ID", b"Authorization",
)  # fmt: skip
RAW_HEADER_VALUES: Final = (b"\xff\xfe\xed\xa0\x80", b'%00"; q=', b"a" * 4_000)
JSON_BODIES: Final = (
    b'{"pairs": [["1", "a\\u0000b"], [null, "\\ud800"]]}', b'{"pairs": [["\\u0000", null]]}', b"\xff\xfe", b"\0",
    b'"\\udfff"', b'{"a\\u0000": 1}', b"[]", b"1" * 5_000,
)  # fmt: skip
FIELD: Final = re.compile(r"""(?:form|request)[^"\n]{0,40}"([a-z_]{2,30})\"""")
QUERIES: Final = (
    "lang",
    "x",
    "account",
    "page",
    "after",
    "token",
    "code",
    "state",
    "iss",
    "error",
    "v",
    "resource",
)


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, x: FakeX, internet: FakeInternet) -> Iterator[MemberInstance]:
    with member_instance(module_dsn, data, x=x, open_client=client_of(internet), jobs=False) as running:
        yield running


class Route:
    """A method of an address, and the names of what it reads."""

    def __init__(self, path: str, method: str, fields: Sequence[str], queries: Sequence[str]) -> None:
        self.path, self.method, self.fields, self.queries = path, method, fields, queries
        self.holes = re.findall(r"{\w+:\w+}", path)

    def filled(self, hole: str = "", evil: bytes = b"") -> bytes:
        path = self.path.encode()
        for each in self.holes:
            value = evil if each == hole else GOOD[each.strip("{}").partition(":")[2]]
            path = path.replace(each.encode(), value)
        return path


def routes_of(instance: MemberInstance) -> list[Route]:
    found = []
    for route in create_litestar(instance.services).routes:
        if not isinstance(route, HTTPRoute):
            continue
        for handler in route.route_handlers:
            fields = fields_of(inspect.getmodule(handler.fn))
            queries = sorted({*QUERIES, *handler.parsed_fn_signature.parameters})
            found += [
                Route(route.path, method, fields, queries)
                for method in sorted(handler.http_methods - {"OPTIONS", "HEAD"})
            ]
    return sorted(found, key=lambda each: (each.path.endswith(FAREWELLS), each.path, each.method))


@cache
def fields_of(module: ModuleType | None) -> tuple[str, ...]:
    """Returns the names of fields in the source of a module, and of the modules whose functions it reads forms with."""
    modules = {module} | {
        inspect.getmodule(each) for _, each in inspect.getmembers(module, inspect.isfunction)
    }
    ours = [each for each in modules if each is not None and each.__name__.startswith("web.")]
    return tuple(sorted({name for each in ours for name in FIELD.findall(inspect.getsource(each))}))


class Walk:
    """One signed-in browser that says anything at all."""

    def __init__(self, instance: MemberInstance, member: Visitor) -> None:
        self.instance = instance
        self.cookies = b"; ".join(f"{each.name}={each.value}".encode() for each in member.client.cookies.jar)
        self.token = member.form_token("/account")
        self.wrong: list[str] = []
        self.asked = 0

    def ask(
        self, route: Route, target: bytes, what: str, *lines: bytes, body: bytes = b"", method: str = ""
    ) -> None:
        if not any(line.startswith(b"Cookie") for line in lines):
            lines = (*lines, b"Cookie: " + self.cookies)
        self.asked += 1
        answer = ask(self.instance.url, method or route.method, target, *lines, body=body)
        self.judge(answer, route, f"{method} {what}")

    def other_methods(self, route: Route) -> None:
        for method in ("HEAD", "PUT", "BREW"):
            self.ask(route, route.filled(), "as it is", method=method)
            self.ask(route, route.filled() + b"/%00", "with NUL", method=method)

    def judge(self, answer: RawAnswer, route: Route, what: str) -> None:
        kept = answer.headers.get("cache-control", [])
        forged = any(value.startswith("a=b") for value in answer.headers.get("set-cookie", []))
        if answer.status >= 500 or len(kept) != 1 or forged:
            self.wrong.append(f"{route.method} {route.path}: {what}: {answer.status} {kept}")

    def paths_and_queries(self, route: Route) -> None:
        for name, evil in EVIL.items():
            for hole in route.holes:
                self.ask(route, route.filled(hole, evil), f"{name} as {hole}")
        for name in IN_FORMS:
            evil = EVIL[name]
            query = b"&".join(each.encode() + b"=" + evil for each in route.queries)
            self.ask(route, route.filled() + b"?" + query[:8_000], f"{name} in the query")

    def cookies_and_headers(self, route: Route) -> None:
        for value in RAW_HEADER_VALUES:
            names = (b"passerelle", b"passerelle-browser", b"lang")
            self.ask(
                route,
                route.filled(),
                "cookies",
                b"Cookie: " + b"; ".join(each + b"=" + value[:2_000] for each in names),
            )
            short = value[:500]
            self.ask(route, route.filled(), "headers", *(each + b": " + short for each in HEADERS))

    def bodies(self, route: Route) -> None:
        form = b"Content-Type: application/x-www-form-urlencoded"
        token = urlencode({"form_token": self.token}).encode()
        for name in IN_FORMS:
            evil = EVIL[name]
            for field in route.fields:
                body = token + b"&" + field.encode() + b"=" + evil
                self.ask(route, route.filled(), f"{name} in the field {field}", form, body=body)
            body = token + b"".join(b"&" + field.encode() + b"=" + evil for field in route.fields)
            self.ask(route, route.filled(), f"{name} in all fields", form, body=body)
        for body in JSON_BODIES:
            self.ask(route, route.filled(), "a body", b"Content-Type: application/json", body=body)
        multipart = b"Content-Type: multipart/form-data; boundary=b"
        for odd in (b"a\0b", b"\xff\xfe", b"../../etc/passwd", b"a" * 3_000):
            part = b'--b\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n\r\n\xff\0\r\n'
            fields = (b"files", b"pairs", b"names", odd)
            body = b"".join(part % (each, odd) for each in fields) + b"--b--\r\n"
            self.ask(route, route.filled(), "a file", multipart, body=body)


def test_no_route_fails_whatever_it_is_asked(
    instance: MemberInstance, ada: Visitor, internet: FakeInternet
) -> None:
    """NUL in the address of a page, a name of 300 bytes for a file: a 500 and a traceback each, for anybody to fill the
    log with."""
    ada.sign_in_at_mastodon(internet, enrol(internet, f"w{uuid4().hex[:8]}"))
    walk, routes = Walk(instance, ada), routes_of(instance)
    assert len(routes) > 60
    with capture_logs() as said:
        for route in routes:
            walk.paths_and_queries(route)
            walk.cookies_and_headers(route)
            walk.other_methods(route)
            if route.method != "GET":
                walk.bodies(route)
    assert walk.wrong == []
    assert [line for line in said if line["log_level"] in {"error", "critical"}] == []
    assert walk.asked > 1_000
