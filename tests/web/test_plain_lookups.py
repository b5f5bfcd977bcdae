"""The plainest look-ups are answered without the framework, and nobody can tell: to the byte, for each problem and header."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from litestar.types import ASGIApp
from prometheus_client import REGISTRY

from directory.errors import DirectoryUnavailable
from directory.mappings import Mapping
from directory.queries import Query
from directory.services.batching import LookupBatcher
from tests.harness.instance import RunningInstance
from tests.harness.mappings import ORIGIN
from tests.harness.stored import StoredMappings
from tests.web.asking import Headers, Said, ask_path
from web import app as web_app
from web.api.plain_lookups import LOOKUP_PATH, PlainLookups, _plain_query
from web.app import create_app, create_litestar
from web.errors import exception_handler
from web.middleware.caching import CachingMiddleware
from web.middleware.refusals import Refusals
from web.services import Services

Both = tuple[ASGIApp, ASGIApp]
NAMES: Final = (
    "jack",
    "Jack",
    "@nina_3",
    "torn",
    "agreed",
    "linked",
    "hint",
    "crowd7",
    "12",
    "@12",
    "77",
    "10003",
)
PLAIN: Final = ("jack", "JACK", "@jack", "%40jack", "12", "@12", "nobody_at_all", "99", "1" * 19)
OTHERS: Final = (
    "",
    "0",
    "9" * 20,
    "a" * 21,
    "%20jack",
    "%6Aack",
    "jack%0A",
    "jack+",
    "a.b",
    "%00",
    "é",
    "https://x.com/jack",
)


async def ask(
    app: ASGIApp, query: str, method: str = "GET", headers: Sequence[tuple[bytes, bytes]] = ()
) -> Said:
    return await ask_path(app, LOOKUP_PATH, query, method, headers)


@pytest.fixture(scope="module")
def both(instance: RunningInstance) -> Both:
    return both_over(instance.services)


def both_over(services: Services) -> Both:
    """Returns the routes with plain look-ups around them, and without."""
    shared = web_app._shared(services)
    litestar = web_app._litestar(services, shared, [])
    refusals = Refusals(litestar, exception_handler(shared.renderer))
    return PlainLookups(litestar, services.single_lookup, refusals), litestar


def is_plain(query: str) -> bool:
    scope: Any = {"path": LOOKUP_PATH, "method": "GET", "query_string": query.encode("latin-1")}
    return _plain_query(scope) is not None


async def compare(both: Both, query: str) -> Said:
    plain, route = both
    said = await ask(plain, query)
    assert said == await ask(route, query)
    if etag := said.of(b"etag"):
        for known in (etag, etag.removeprefix(b"W/"), b"*", b'"other"'):
            asked = [(b"if-none-match", known)]
            assert await ask(plain, query, headers=asked) == await ask(route, query, headers=asked)
    return said


@pytest.mark.parametrize("name", PLAIN)
def test_plain_look_ups_are_answered_as_by_the_route(
    instance: RunningInstance, both: Both, name: str
) -> None:
    assert is_plain(f"x={name}")
    said = instance.call(lambda: compare(both, f"x={name}"))
    assert (said.status, said.route) == (200, LOOKUP_PATH)


@pytest.mark.parametrize(
    "query",
    [
        *(f"x={quote(other, safe='%+')}" for other in OTHERS),
        "",
        "x",
        "y=jack",
        "x=jack&x=nina_3",
        "x=jack&",
        "x=jack;",
    ],
)
def test_all_else_is_left_to_the_route(instance: RunningInstance, both: Both, query: str) -> None:
    """A parameter that is missing, sent twice, too long, or no account: what is refused is refused in one place."""
    assert not is_plain(query)
    instance.call(lambda: compare(both, query))


def test_whatever_is_asked_for_has_one_answer(instance: RunningInstance, both: Both) -> None:
    text = st.one_of(
        st.sampled_from(NAMES),
        st.text("@_%0123456789abcJK", max_size=24),
        st.text(st.characters(max_codepoint=255), max_size=12).map(quote),
    )

    @settings(max_examples=120)
    @given(text)
    def compares(name: str) -> None:
        instance.call(lambda: compare(both, f"x={name}"))

    compares()


class FailingStore(StoredMappings):
    """Fails each statement with one error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def find_mappings(
        self, queries: Sequence[Query], now: datetime, *, with_evidence: bool = True
    ) -> list[Mapping]:
        raise self.error


def failing(services: Services, error: Exception) -> Services:
    batcher = LookupBatcher(FailingStore(error), services.clock, ORIGIN)
    return replace(services, single_lookup=batcher)


@pytest.mark.parametrize(
    ("error", "status"), [(DirectoryUnavailable("gone"), 503), (OSError("gone"), 500), (KeyError("row"), 500)]
)
def test_what_fails_is_told_as_by_the_route(instance: RunningInstance, error: Exception, status: int) -> None:
    said = instance.call(lambda: compare(both_over(failing(instance.services, error)), "x=jack"))
    assert (said.status, said.of(b"content-type")) == (status, b"application/problem+json")
    assert said.of(b"cache-control") == b"no-store"


def limited(services: Services, most: int) -> Services:
    return replace(
        services, settings=msgspec.structs.replace(services.settings, rate_lookups_per_minute=most)
    )


def without_counts(said: Said) -> Headers:
    return [(name, b"" if name in {b"ratelimit", b"retry-after"} else value) for name, value in said.headers]


async def over_the_whole(services: Services, method: str = "GET", known: bytes | None = None) -> list[Said]:
    """Asks the whole application for one account in two spellings, of which the route alone answers one, until it is refused."""
    headers = [] if known is None else [(b"if-none-match", known)]
    said = []
    for query in ("x=jack", "x=%6Aack"):
        app = create_app(limited(services, 1))
        said += [await ask(app, query, method, headers), await ask(app, query, method, headers)]
    return said


@pytest.mark.parametrize("case", ["found", "known", "head", "unavailable"])
def test_everything_around_the_route_holds_for_both(instance: RunningInstance, case: str) -> None:
    """Security headers, CORS, limits, HEAD and conditional requests: a guard that stood around the framework alone would be
    passed by the plain look-ups, which are nearly all."""
    services, method, known, status = instance.services, "GET", None, 200
    if case == "known":
        known, status = b"*", 304
    elif case == "head":
        method = "HEAD"
    elif case == "unavailable":
        services, status = failing(services, DirectoryUnavailable("gone")), 503
    plain, refused, route, route_refused = instance.call(lambda: over_the_whole(services, method, known))
    assert (plain.status, refused.status) == (status, 429)
    for one, other in ((plain, route), (refused, route_refused)):
        assert (one.status, one.body) == (other.status, other.body)
        assert without_counts(one) == without_counts(other)
        names = {name for name, _ in one.headers}
        assert names >= {
            b"content-security-policy",
            b"x-content-type-options",
            b"access-control-allow-origin",
            b"ratelimit",
        }
    assert method == "GET" or plain.body == b""


def test_the_document_names_each_answer_of_a_plain_look_up(instance: RunningInstance) -> None:
    """The OpenAPI document is made from the route: what it promises has to be what is answered beside it."""
    described = create_litestar(instance.services).openapi_schema.to_schema()["paths"][LOOKUP_PATH]["get"][
        "responses"
    ]
    assert set(described) == {"200", "400", "429", "503"}

    async def provoke() -> list[Said]:
        app = create_app(instance.services)
        found, invalid = await ask(app, "x=jack"), await ask(app, "x=a%20b")
        _, refused, *_ = await over_the_whole(instance.services)
        gone = await ask(create_app(failing(instance.services, DirectoryUnavailable("gone"))), "x=jack")
        return [found, invalid, refused, gone]

    answers = instance.call(provoke)
    assert [str(said.status) for said in answers] == sorted(described)
    for said in answers:
        content_type = said.of(b"content-type")
        assert content_type is not None
        assert list(described[str(said.status)]["content"]) == [content_type.decode()]


def test_nothing_stands_around_the_route_alone(instance: RunningInstance) -> None:
    """Attack on ourselves: a guard or a hook that is added to the framework, and is absent from the plain look-ups."""
    litestar = create_litestar(instance.services)
    assert litestar.middleware == [CachingMiddleware]
    route = next(each for each in litestar.routes if each.path == LOOKUP_PATH)
    (handler,) = {id(each): each for each in route.route_handlers if "GET" in each.http_methods}.values()  # type: ignore[union-attr]  # an HTTP route
    assert not handler.resolve_guards()
    assert handler.resolve_before_request() is None
    assert handler.resolve_after_response() is None
    assert [each.after_request for each in handler.ownership_layers] == [None] * len(handler.ownership_layers)
    assert list(handler.resolve_middleware()) == [CachingMiddleware]
    assert not litestar.after_exception


def counted(route: str, status: int) -> float:
    labels = {"method": "GET", "path": route, "status_code": str(status)}
    return REGISTRY.get_sample_value("passerelle_requests_total", labels) or 0.0


def test_plain_look_ups_are_counted(instance: RunningInstance) -> None:
    unavailable = failing(instance.services, DirectoryUnavailable("gone"))
    before = counted(LOOKUP_PATH, 200), counted(LOOKUP_PATH, 503)
    instance.call(lambda: ask(create_app(instance.services), "x=jack"))
    instance.call(lambda: ask(create_app(unavailable), "x=jack"))
    assert (counted(LOOKUP_PATH, 200), counted(LOOKUP_PATH, 503)) == (before[0] + 1, before[1] + 1)
