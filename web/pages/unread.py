"""The first page, with the sentence for what the box was given and is no account."""

from typing import Any, Final

from litestar import Request, Response

from web.pages.first_page import first_page
from web.rendering import Renderer
from web.services import Services

_SHOWN_CHARS: Final = 200


async def unread_page(
    request: Request[Any, Any, Any], services: Services, renderer: Renderer, typed: str
) -> Response[Any]:
    """Renders the first page with what was typed, and a sentence: status 400."""
    return await first_page(request, services, renderer, typed.strip()[:_SHOWN_CHARS])
