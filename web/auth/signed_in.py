"""The dependencies of every page of members: who it is, and the form that they sent."""

from typing import Any

from litestar import Request
from litestar.datastructures import FormMultiDict
from litestar.di import NamedDependency

from web.auth.desk import Desk, SignedIn


async def provide_me(request: Request[Any, Any, Any], desk: NamedDependency[Desk]) -> SignedIn:
    """The member. Raises SignInNeeded."""
    return await desk.me(request)


async def provide_my_form(
    request: Request[Any, Any, Any], desk: NamedDependency[Desk], me: NamedDependency[SignedIn]
) -> FormMultiDict:
    """What the member sent from a page of ours. Raises SignInNeeded, ForgedForm."""
    _ = me
    return await desk.my_form(request)
