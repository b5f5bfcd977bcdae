"""The page about this instance, and the API in words."""

from typing import Any

from litestar import Litestar, Request, Response, get
from litestar.di import NamedDependency

from web.api.reference import operations_of
from web.problems import PROBLEMS
from web.rendering import Renderer
from web.services import Services
from web.version import VERSION


@get("/about", include_in_schema=False)
async def about(
    request: Request[Any, Any, Any], services: NamedDependency[Services], renderer: NamedDependency[Renderer]
) -> Response[str]:
    """Shows who runs the instance, its counts, whom it hears, and what happens with what people send."""
    return renderer.page(
        request,
        "about.html",
        statistics=await services.statistics.current(),
        peers=await services.heard.list_peers(),
        version=VERSION,
    )


@get("/api/docs", include_in_schema=False)
async def api_docs(
    request: Request[Any, Any, Any], services: NamedDependency[Services], renderer: NamedDependency[Renderer]
) -> Response[str]:
    """Shows the OpenAPI document as a page without any script."""
    app: Litestar = request.app
    return renderer.page(
        request,
        "api.html",
        operations=operations_of(app.openapi_schema.to_schema()),
        problems=sorted(PROBLEMS.values(), key=lambda problem: problem.status),
        settings=services.settings,
    )
