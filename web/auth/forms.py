"""Checks that a form was sent from a page of ours, by the browser it was made for."""

import hashlib
import hmac
from typing import Any, Final
from urllib.parse import urlsplit

from litestar import Request
from litestar.datastructures import FormMultiDict

from web.auth.errors import ForgedForm

FIELD: Final = "form_token"
_PURPOSE: Final = b"passerelle/form/v1"
_NO_ORIGIN: Final = "null"


def form_token(secret: str) -> str:
    """Returns the token in the forms of one browser, made from a cookie that no other site can read."""
    return hmac.digest(secret.encode(), _PURPOSE, hashlib.sha256).hex()


async def read_form(request: Request[Any, Any, Any], secret: str, base_url: str) -> FormMultiDict:
    """Reads the fields of a form of ours. Raises ForgedForm."""
    _check_origin(request, base_url)
    form = await request.form()
    given = form.get(FIELD)
    if not secret or not isinstance(given, str):
        raise ForgedForm
    if not hmac.compare_digest(given.encode("utf-8", "replace"), form_token(secret).encode()):
        raise ForgedForm
    return form


def text_of(form: FormMultiDict, name: str, max_chars: int = 2_048) -> str:
    """Returns a field as text. Empty where it is missing, or a file."""
    value = form.get(name)
    return value.strip()[:max_chars] if isinstance(value, str) else ""


def _check_origin(request: Request[Any, Any, Any], base_url: str) -> None:
    """Refuses a form that comes from another site, by Fetch Metadata or else by its Origin (RFC 6454).

    A client that sends neither can only harm itself: the form's token decides.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site != "same-origin":
            raise ForgedForm
        return
    origin = request.headers.get("origin")
    if origin in {None, _NO_ORIGIN}:
        return
    if urlsplit(origin or "")[:2] != urlsplit(base_url)[:2]:
        raise ForgedForm
