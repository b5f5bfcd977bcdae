"""Serves the pictures of people on a member's plan from this instance's own address.

An address is drawn by lot: nobody can ask whether somebody else looked for a person.
"""

import re
from typing import Any, Final

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from web.auth.member_context import MemberContext, SignedIn

_CODE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""No database takes every text that an address can hold."""
_HEADERS: Final = {"cache-control": "private, max-age=3600", "content-disposition": "inline"}


@get("/account/faces/{code:str}", include_in_schema=False)
async def face(
    context: NamedDependency[MemberContext],
    me: NamedDependency[SignedIn],
    code: FromPath[str],
) -> Response[Any]:
    """Serves one picture: of a raster type by its first bytes, which `nosniff` holds browsers to."""
    _ = me  # whoever is signed out is shown no face
    if _CODE.fullmatch(code) is None:
        raise NotFoundException
    picture = await context.members.follows.faces.picture(code)
    if picture is None:
        raise NotFoundException
    return Response(picture.content, media_type=picture.media_type, headers=dict(_HEADERS))
