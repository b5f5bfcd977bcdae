"""Answers requests that were refused before they reached the application: see `deploy/edge`."""

from http import HTTPStatus
from typing import Final

import msgspec
from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from web.problems import PROBLEM_JSON

_STATUSES: Final = frozenset({400, 408, 414, 417, 431, 501, 505})


@get("/refused/{status:int}/{reason:str}", include_in_schema=False)
async def refused(status: FromPath[int], reason: FromPath[str]) -> Response[bytes]:
    """Answers as a route, so that what is refused is limited and counted like any other request."""
    if status not in _STATUSES or not reason.replace("-", "").isalpha():
        raise NotFoundException
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": reason}
    return Response(
        msgspec.json.encode(document),
        status_code=status,
        media_type=PROBLEM_JSON,
        headers={"cache-control": "no-store", "connection": "close"},
    )
