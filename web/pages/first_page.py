"""The first page: the box, the place for an archive, how to be found, and the figures of this instance."""

from typing import Any

import msgspec
from litestar import Request, Response

from web.auth.member_context import NO_STORE
from web.rendering import Renderer
from web.services import Services


class UnreadList(msgspec.Struct, frozen=True):
    """Names that were pasted, and the sentence for the first line of them that is no account."""

    names: str
    sentence: str


async def first_page(
    request: Request[Any, Any, Any],
    services: Services,
    renderer: Renderer,
    unread: str | UnreadList | None = None,
) -> Response[Any]:
    """Renders the first page; `unread` is what the box or the list was given and is no account, for a sentence and
    status 400.

    The page is there without figures where they cannot be had.
    """
    values: dict[str, Any] = {
        "upload_max_mb": services.settings.upload_max_mb,
        "statistics": await services.statistics.at_hand(),
        "has_members": services.members is not None,
    }
    renderer.compile_ahead()
    if unread is None:
        return renderer.page_for_all(request, "home.html", typed=None, unread_list=None, **values)
    typed, unread_list = (None, unread) if isinstance(unread, UnreadList) else (unread, None)
    return renderer.page(
        request, "home.html", status=400, headers=NO_STORE, typed=typed, unread_list=unread_list, **values
    )
