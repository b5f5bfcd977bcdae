"""The first page, and the search box."""

from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import Parameter
from litestar.response import Redirect

from directory.errors import InvalidIdentifier
from directory.identifiers import XId, parse_x_account
from web.rendering import Renderer
from web.services import Services


@get("/", include_in_schema=False)
async def home(
    request: Request[Any, Any, Any], services: NamedDependency[Services], renderer: NamedDependency[Renderer]
) -> Response[str]:
    """Shows the search box and the place to drop an archive."""
    return renderer.page(
        request, "home.html", upload_max_mb=services.settings.upload_max_mb, typed="", unread=None
    )


@get("/search", include_in_schema=False)
async def search(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    renderer: NamedDependency[Renderer],
    x: Annotated[str, Parameter(max_length=2_048)] = "",
) -> Response[Any]:
    """Redirects to the page of the person; an invalid name leads back to the box with a sentence."""
    typed = x.strip()
    if not typed:
        return Redirect("/")
    try:
        account = parse_x_account(typed)
    except InvalidIdentifier as error:
        return renderer.page(
            request,
            "home.html",
            status=400,
            upload_max_mb=services.settings.upload_max_mb,
            typed=typed[:200],
            unread=error,
        )
    return Redirect(f"/x/i/{account}" if isinstance(account, XId) else f"/x/{account}")
