"""The operator's terms and legal notice, and what is kept of whom."""

from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.response import Redirect

from directory.operator_texts import OperatorText
from web.rendering import Renderer
from web.services import Services


@get("/terms", include_in_schema=False)
async def terms(
    request: Request[Any, Any, Any], services: NamedDependency[Services], renderer: NamedDependency[Renderer]
) -> Response[Any]:
    """Shows the operator's terms of use, or leads to them."""
    return _text(request, renderer, "terms.html", services.texts.terms)


@get("/notice", include_in_schema=False)
async def notice(
    request: Request[Any, Any, Any], services: NamedDependency[Services], renderer: NamedDependency[Renderer]
) -> Response[Any]:
    """Shows the operator's legal notice, or leads to it."""
    return _text(request, renderer, "notice.html", services.texts.notice)


@get("/privacy", include_in_schema=False)
async def privacy(
    request: Request[Any, Any, Any], services: NamedDependency[Services], renderer: NamedDependency[Renderer]
) -> Response[str]:
    """Shows what the software keeps, wherever the operator's own words are."""
    return renderer.page(request, "privacy.html", text=services.texts.privacy)


def _text(
    request: Request[Any, Any, Any], renderer: Renderer, template: str, text: OperatorText | None
) -> Response[Any]:
    """Raises NotFoundException where the operator has set none."""
    if text is None:
        raise NotFoundException
    if text.address:
        return Redirect(text.address, status_code=302)
    return renderer.page(request, template, text=text)
