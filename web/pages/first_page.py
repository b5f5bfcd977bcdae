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
    values: dict[str, Any] = {
        "upload_max_mb": services.settings.upload_max_mb,
        "statistics": await services.statistics.at_hand(),
        "has_members": services.members is not None,
    }
    renderer.compile_ahead()
    if unread is None:
        return renderer.page_for_all(request, "home.html", typed="", is_unread=False, **values)
    return renderer.page(request, "home.html", status=400, typed=unread, is_unread=True, **values)
