"""The first page: the box, the place for an archive, how to be found, and the figures of this instance."""

from typing import Any

from litestar import Request, Response

from web.rendering import Renderer
from web.services import Services


async def first_page(
    request: Request[Any, Any, Any], services: Services, renderer: Renderer, unread: str | None = None
) -> Response[Any]:
    """Renders the first page; `unread` is what the box was given and is no account, for a sentence and status 400.

    The page is there without figures where they cannot be had.
    """
    return renderer.page(
        request,
        "home.html",
        status=200 if unread is None else 400,
        upload_max_mb=services.settings.upload_max_mb,
        typed=unread or "",
        is_unread=unread is not None,
        statistics=await services.statistics.at_hand(),
        has_members=services.members is not None,
    )
