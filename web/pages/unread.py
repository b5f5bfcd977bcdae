"""The first page, with the sentence for what the box was given and is no account."""

from typing import Any, Final

from litestar import Request, Response

from web.rendering import Renderer
from web.services import Services

_SHOWN_CHARS: Final = 200


def unread_page(
    request: Request[Any, Any, Any], services: Services, renderer: Renderer, typed: str
) -> Response[Any]:
    """Renders the first page with what was typed, and a sentence: status 400."""
    return renderer.page(
        request,
        "home.html",
        status=400,
        upload_max_mb=services.settings.upload_max_mb,
        typed=typed.strip()[:_SHOWN_CHARS],
        is_unread=True,
    )
