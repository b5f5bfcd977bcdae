"""The page of one X account, to share: where that person is now."""

from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import Parameter
from litestar.response import Redirect

from directory.identifiers import XId
from directory.pasted.x_account import parse_x_handle
from directory.queries import Query
from web.middleware.caching import ASKED_AGAIN
from web.rendering import Renderer
from web.services import Services

MAX_SEGMENT_CHARS = 64


@get("/x/{handle:str}", include_in_schema=False)
async def person(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    renderer: NamedDependency[Renderer],
    handle: Annotated[str, Parameter(max_length=MAX_SEGMENT_CHARS)],
) -> Response[Any]:
    """Shows the page by handle. `/x/@name` redirects to `/x/name`."""
    parsed = parse_x_handle(handle)
    if str(parsed) != handle:
        return Redirect(f"/x/{parsed}", status_code=301)
    return await _person_page(request, services, renderer, Query(x_handle=parsed), f"/x/{parsed}")


@get("/x/i/{number:str}", include_in_schema=False)
async def person_by_id(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    renderer: NamedDependency[Renderer],
    number: Annotated[str, Parameter(max_length=MAX_SEGMENT_CHARS)],
) -> Response[Any]:
    """Shows the page by the number of the account."""
    parsed = XId.parse(number)
    return await _person_page(request, services, renderer, Query(x_id=parsed), f"/x/i/{parsed}")


async def _person_page(
    request: Request[Any, Any, Any], services: Services, renderer: Renderer, query: Query, canonical: str
) -> Response[Any]:
    match = await services.single_lookup.lookup(query)
    return renderer.page(
        request,
        "person.html",
        status=200 if match.answers else 404,
        headers=ASKED_AGAIN,
        query=query,
        answers=match.answers,
        name=f"@{query.x_handle}" if query.x_handle else str(query.x_id),
        canonical=renderer.base_url + canonical,
    )
