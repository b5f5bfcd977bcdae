"""The first page, and the search box."""

from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import Parameter
from litestar.response import Redirect

from directory.errors import InvalidIdentifier
from directory.identifiers import XHandle, XId
from directory.pasted.any_account import parse_any_account
from web.pages.first_page import first_page
from web.pages.unread import unread_page
from web.pages.whose import whose_path
from web.rendering import Renderer
from web.services import Services


@get("/", include_in_schema=False)
async def home(
    request: Request[Any, Any, Any], services: NamedDependency[Services], renderer: NamedDependency[Renderer]
) -> Response[str]:
    """Shows the search box and the place to drop an archive."""
    return await first_page(request, services, renderer)


@get("/search", include_in_schema=False)
async def search(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    renderer: NamedDependency[Renderer],
    x: Annotated[str, Parameter(max_length=2_048)] = "",
) -> Response[Any]:
    """Redirects to the page of the person, in either direction; an invalid name leads back to the box with a
    sentence."""
    if not x.strip():
        return Redirect("/")
    try:
        account = parse_any_account(x)
    except InvalidIdentifier:
        return await unread_page(request, services, renderer, x)
    match account:
        case XId():
            return Redirect(f"/x/i/{account}")
        case XHandle():
            return Redirect(f"/x/{account}")
        case _:
            return Redirect(whose_path(account))
