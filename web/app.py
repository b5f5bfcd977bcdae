"""The web application: routes, their dependencies, and the middleware before them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from litestar import Litestar, Router
from litestar.config.response_cache import ResponseCacheConfig
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import License
from litestar.plugins.prometheus import PrometheusConfig
from litestar.static_files import create_static_files_router
from litestar.types import ASGIApp, ControllerRouterHandler

from federation.keys.instance import log_origin
from web.api import directory as directory_api
from web.api import instance as instance_api
from web.api import log as log_api
from web.api import peers as peers_api
from web.api import proofs as proofs_api
from web.api import witness as witness_api
from web.api.federation import federation_router
from web.api.metrics import Metrics
from web.api.signed_requests import StrangerLimit
from web.api.webfinger import webfinger
from web.errors import exception_handler
from web.member_routes import member_routes
from web.middleware.caching import CachingMiddleware
from web.middleware.headers import HeadersMiddleware
from web.middleware.heads import HeadMiddleware
from web.middleware.rate_limit import ClientKeys, RateLimiter, RateLimitMiddleware
from web.middleware.waiting import WaitingMiddleware
from web.pages import about, home, person, refused, results, whose
from web.pages.uploads import max_form_bytes
from web.rendering import STATIC_FOLDER, Renderer
from web.services import Services
from web.version import VERSION

T = TypeVar("T")


def create_app(services: Services, extra_routes: Sequence[ControllerRouterHandler] = ()) -> ASGIApp:
    """Creates the application over services that are already running."""
    application = create_litestar(services, extra_routes)
    # Outside of Litestar, so that its answers from before any middleware (404, 405) carry the headers too.
    return WaitingMiddleware(
        HeadersMiddleware(HeadMiddleware(application), is_https=services.settings.is_https)
    )


def create_litestar(services: Services, extra_routes: Sequence[ControllerRouterHandler] = ()) -> Litestar:
    """Creates the routes and their dependencies, without the headers that every answer carries."""
    settings = services.settings
    renderer = Renderer(
        base_url=settings.base_url, own_origin=log_origin(settings), instance=lambda: services.instance.now
    )
    keys = ClientKeys(settings.trusted_proxies)
    request_limiter = RateLimiter("requests", settings.rate_lookups_per_minute)
    page_limiter = RateLimiter("pages", settings.rate_pages_per_minute)
    pair_limiter = RateLimiter("people", settings.rate_pairs_per_minute)
    metrics = PrometheusConfig(app_name="passerelle", prefix="passerelle", group_path=True)
    return Litestar(
        route_handlers=[*_routes(services), *member_routes(services, renderer), *extra_routes],
        dependencies={
            "services": _given(services),
            "renderer": _given(renderer),
            "pair_limiter": _given(pair_limiter),
            "client_keys": _given(keys),
            "stranger_limit": _given(StrangerLimit(request_limiter, keys)),
        },
        exception_handlers={Exception: exception_handler(renderer)},
        middleware=[
            *([metrics.middleware] if settings.metrics else []),
            DefineMiddleware(RateLimitMiddleware, limiter=request_limiter, keys=keys, pages=page_limiter),
            CachingMiddleware,
        ],
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
    routes: list[ControllerRouterHandler] = [api, forms, webfinger, _static()]
    routes += [instance_api.nodeinfo_links, instance_api.nodeinfo, instance_api.healthz, instance_api.readyz]
    routes += [log_api.checkpoint, log_api.tile, log_api.operations, log_api.descriptor]
    routes += [witness_api.add_checkpoint, witness_api.latest]
    routes += [home.home, home.search, whose.whose, person.person, person.person_by_id, results.results_start]
    routes += [about.about, about.api_docs, refused.refused]
    if services.peers is not None:
        routes.append(federation_router())
    if services.settings.metrics:
        routes.append(Metrics)
    return routes


def _static() -> Router:
    return create_static_files_router("/static", directories=[Path(STATIC_FOLDER)])


def _openapi() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Passerelle",
        version=VERSION,
        description="Where the people you followed on X are now.",
        license=License(name="AGPL-3.0-or-later", identifier="AGPL-3.0-or-later"),
        path="/api",
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
    )


def _given(value: T) -> Provide:
    def provide() -> Any:
        return value

    provider: Callable[[], Any] = provide
    return Provide(provider, sync_to_thread=False, use_cache=True)
