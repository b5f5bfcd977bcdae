"""The first page, with the sentence for what the box or the list was given and is no account."""

from typing import Any, Final

from litestar import Request, Response

from directory.errors import InvalidLine
from web.errors import unread_line
from web.pages.first_page import UnreadList, first_page
from web.rendering import Renderer, is_fragment
from web.services import Services

_SHOWN_CHARS: Final = 200
MAX_NAMES_CHARS: Final = 100_000
"""Of a pasted list that is shown again: some five thousand names."""


async def unread_page(
    request: Request[Any, Any, Any], services: Services, renderer: Renderer, typed: str
) -> Response[Any]:
    """Renders the first page with what was typed, and a sentence: status 400."""
    return await first_page(request, services, renderer, typed.strip()[:_SHOWN_CHARS])


async def unread_list_page(
    request: Request[Any, Any, Any], services: Services, renderer: Renderer, error: InvalidLine
) -> Response[Any]:
    """Renders the first page with the whole list that was pasted, and the sentence for a line of it: status 400.

    Raises the error for a longer list, and for what no page of ours sends.
    """
    names = (await request.form()).get("names")
    if is_fragment(request) or not isinstance(names, str) or len(names) > MAX_NAMES_CHARS:
        raise error
    sentence = unread_line(renderer.language_of(request), error)
    return await first_page(request, services, renderer, UnreadList(names, sentence))
