"""The page of one account on a new network: who that person was on X."""

from typing import Annotated, Any
from urllib.parse import urlencode

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import Parameter

from directory.errors import InvalidIdentifier
from directory.pasted.target_account import Target, parse_target_account
from web.middleware.caching import ASKED_AGAIN
from web.pages.unread import unread_page
from web.rendering import Renderer
from web.services import Services


def whose_path(account: Target) -> str:
    """Returns the path of the page of an account."""
    return f"/whose?{urlencode({'account': str(account)})}"


@get("/whose", include_in_schema=False)
async def whose(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    renderer: NamedDependency[Renderer],
    account: Annotated[str, Parameter(max_length=2_048)],
) -> Response[Any]:
    """Shows the X accounts whose lookup leads to this account. What names none leads back to the box."""
    try:
        target = parse_target_account(account)
        answers = await services.reversing.reverse(target)
    except InvalidIdentifier:
        return await unread_page(request, services, renderer, account)
    return renderer.page(
        request,
        "whose.html",
        status=200 if answers else 404,
        headers=ASKED_AGAIN,
        name=str(target),
        answers=answers,
    )
