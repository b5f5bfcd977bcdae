"""The web application: routes, their dependencies, and the middleware before them."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from litestar import Litestar, Router
from litestar.config.response_cache import ResponseCacheConfig
from litestar.di import NamedDependency, Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import License
from litestar.types import ASGIApp, ControllerRouterHandler

from federation.keys.instance import log_origin
from web.api import directory as directory_api
from web.api import instance as instance_api
from web.api import log as log_api
from web.api import peers as peers_api
from web.api import proofs as proofs_api
from web.api import witness as witness_api
from web.api.federation import federation_router
from web.api.plain_lookups import PlainLookups
from web.api.signed_requests import StrangerLimit
from web.api.webfinger import webfinger
from web.application import LeanLitestar
from web.errors import exception_handler
from web.forms import FormRequest
from web.member_routes import member_routes
from web.middleware.caching import CachingMiddleware
from web.middleware.counting import Counted
from web.middleware.forgetting import ForgettingMiddleware
from web.middleware.headers import HeadersMiddleware, PreflightMiddleware
from web.middleware.heads import HeadMiddleware
from web.middleware.kept_assets import KeptAssets
from web.middleware.metering import MeteringMiddleware
from web.middleware.rate_limit import ClientKeys, RateLimiter, RateLimitMiddleware
from web.middleware.refusals import RefusalMiddleware, Refusals
from web.middleware.spelling import SpellingMiddleware
from web.middleware.waiting import WaitingMiddleware
from web.pages import about, assets, home, legal, person, refused, results, whose
from web.pages.uploads import max_form_bytes
from web.rendering import Renderer
from web.services import Services
from web.version import VERSION

T = TypeVar("T")


class Shared(NamedTuple):
    """What the routes and what stands around them have in common."""

    renderer: Renderer
    keys: ClientKeys
    requests: RateLimiter
    pages: RateLimiter


def create_app(services: Services, extra_routes: Sequence[ControllerRouterHandler] = ()) -> ASGIApp:
    """Creates the application over services that are already running."""
    shared = _shared(services)
    litestar = _litestar(services, shared, extra_routes)
    refusals = Refusals(litestar, exception_handler(shared.renderer))
    routes = KeptAssets(PlainLookups(litestar, services.single_lookup, refusals))
    # Around the routes, so that it holds for the answers of none, too (404, 405).
    spelled = SpellingMiddleware(PreflightMiddleware(HeadMiddleware(routes)))
    counted = RateLimitMiddleware(
        RefusalMiddleware(spelled, refusals), shared.requests, shared.keys, shared.pages
    )
    answered = RefusalMiddleware(counted, refusals)
    with_headers = HeadersMiddleware(answered, is_https=services.settings.is_https)
    return ForgettingMiddleware(WaitingMiddleware(MeteringMiddleware(with_headers)), litestar)


def create_litestar(services: Services, extra_routes: Sequence[ControllerRouterHandler] = ()) -> Litestar:
    """Creates the routes and their dependencies, without what holds for every answer."""
    return _litestar(services, _shared(services), extra_routes)


def _shared(services: Services) -> Shared:
    settings = services.settings
    renderer = Renderer(
        base_url=settings.base_url,
        own_origin=log_origin(settings),
        instance=lambda: services.instance.now,
        texts=services.texts,
    )
    counting = services.counting
    limiter = counting.limiter(Counted.REQUESTS, settings.rate_lookups_per_minute)
    pages = counting.limiter(Counted.PAGES, settings.rate_pages_per_minute)
    return Shared(renderer, counting.keys(settings.trusted_proxies), limiter, pages)


def _litestar(
    services: Services, shared: Shared, extra_routes: Sequence[ControllerRouterHandler]
) -> Litestar:
    renderer, keys, request_limiter, _ = shared
    pair_limiter = services.counting.limiter(Counted.PEOPLE, services.settings.rate_pairs_per_minute)
    return LeanLitestar(
        route_handlers=[*_routes(services), *member_routes(services, renderer), *extra_routes],
        request_class=FormRequest,
        dependencies={
            "services": _given(services),
            **_given_in_turn(renderer, pair_limiter, keys),
            "stranger_limit": _given(StrangerLimit(request_limiter, keys)),
        },
        exception_handlers={Exception: exception_handler(renderer)},
        middleware=[CachingMiddleware],
        openapi_config=_openapi(),
        response_cache_config=ResponseCacheConfig(),
        logging_config=None,
    )


def _routes(services: Services) -> list[ControllerRouterHandler]:
    api = Router(
        "/api/v1",
        route_handlers=[
            directory_api.lookup_route(services),
            directory_api.match,
            directory_api.reverse,
            instance_api.stats,
            instance_api.instance,
            peers_api.peers,
            proofs_api.live,
            proofs_api.proof,
        ],
    )
    forms = Router(
        "/",
        route_handlers=[results.results],
        request_max_body_size=max_form_bytes(services.settings),
    )
    routes: list[ControllerRouterHandler] = [
        api,
        forms,
        webfinger,
        assets.static_file,
        assets.favicon,
        assets.touch_icon,
    ]
    routes += [assets.robots, assets.manifest]
    routes += [instance_api.nodeinfo_links, instance_api.nodeinfo, instance_api.healthz, instance_api.readyz]
    routes += [log_api.checkpoint, log_api.tile, log_api.operations, log_api.descriptor]
    routes += [witness_api.add_checkpoint, witness_api.latest]
    routes += [home.home, home.search, whose.whose, person.person, person.person_by_id, results.results_start]
    routes += [about.about, about.api_docs, refused.refused]
    routes += [legal.terms, legal.privacy, legal.notice]
    if services.peers is not None:
        routes.append(federation_router())
    return routes


def _openapi() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Passerelle",
        version=VERSION,
        description="Where the people you followed on X are now.",
        license=License(name="AGPL-3.0-or-later", identifier="AGPL-3.0-or-later"),
        path="/api",
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
    )


def _given_in_turn(renderer: Renderer, pair_limiter: RateLimiter, keys: ClientKeys) -> dict[str, Provide]:
    """Gives what pages and lists need, each after the one before. What waits for nothing is given in tasks of its own, which took
    a fifth of a millisecond of each page."""

    def provide_renderer(services: NamedDependency[Services]) -> Any:
        return renderer

    def provide_pair_limiter(renderer: NamedDependency[Renderer]) -> Any:
        return pair_limiter

    def provide_client_keys(pair_limiter: NamedDependency[RateLimiter]) -> Any:
        return keys

    return {
        "renderer": _provided(provide_renderer),
        "pair_limiter": _provided(provide_pair_limiter),
        "client_keys": _provided(provide_client_keys),
    }


def _given(value: T) -> Provide:
    def provide() -> Any:
        return value

    return _provided(provide)


def _provided(provide: Callable[..., Any]) -> Provide:
    return Provide(provide, sync_to_thread=False, use_cache=True)
