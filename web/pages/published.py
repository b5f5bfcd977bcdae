"""The page after publishing: "in a moment" until the mapping answers; then what it is and what comes next.

With JavaScript an empty element asks again, and nothing on the page moves until the mapping answers. Without,
the page reloads. Both ask at growing intervals, and stop.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Redirect

from directory.accounts import AccountNetwork
from directory.members.publications import Publication, PublicationState
from directory.members.rechecks import is_by_link_alone
from directory.profile_pages import called
from web.auth.member_context import NO_STORE, MemberContext, SignedIn

PAUSES_S: Final = (1, 1, 2, 2, 3, 3, 5, 5, 10, 10, 20, 30)
"""Before each look. The log takes about a second; after the last look the page tells that it takes longer."""
_INTO_THE_PAGE: Final = {"hx-retarget": "#published", "hx-reswap": "innerHTML"}


def pause_before(look: int) -> int | None:
    """Returns the seconds before a look, counted from 0; None where no more looks follow."""
    return PAUSES_S[look] if 0 <= look < len(PAUSES_S) else None


@get("/account/published", include_in_schema=False)
async def published_page(
    request: Request[Any, Any, Any],
    context: NamedDependency[MemberContext],
    me: NamedDependency[SignedIn],
    look: FromQuery[int] = 0,
) -> Response[Any]:
    """Shows what was just published, and whether it answers yet."""
    publications = await context.members.publishing.list_of(me.member)
    if not publications:
        return Redirect("/account", headers=dict(NO_STORE))
    return context.page(request, "published.html", **await _values(context, me, publications, look))


@get("/account/published/state", include_in_schema=False)
async def published_state(
    request: Request[Any, Any, Any],
    context: NamedDependency[MemberContext],
    me: NamedDependency[SignedIn],
    look: FromQuery[int] = 0,
) -> Response[Any]:
    """Answers a page that asks: with the next pause, or with the page's new content once the wait is over."""
    publications = await context.members.publishing.list_of(me.member)
    if not publications:
        return Response(b"", media_type="text/html", headers={**NO_STORE, "hx-redirect": "/account"})
    values = await _values(context, me, publications, look)
    if values["pause_s"] is not None:
        return context.page(request, "_published_wait.html", **values)
    return context.page(request, "_published_news.html", headers=_INTO_THE_PAGE, **values)


async def _values(
    context: MemberContext, me: SignedIn, publications: Sequence[Publication], look: int
) -> dict[str, Any]:
    now = context.services.clock.now()
    accounts = await context.members.membership.accounts(me.member)
    is_waiting = any(each.state(now) is PublicationState.PENDING for each in publications)
    return {
        "form_token": me.form_token,
        "publications": publications,
        "now": now,
        "look": look,
        "is_waiting": is_waiting,
        "is_log_waiting": is_waiting and await context.is_log_waiting(),
        "shared": _shared(publications, now),
        "is_all_hidden": all(each.hidden is not None for each in publications),
        "pause_s": pause_before(look) if is_waiting else None,
        "has_post": any(item.kind.is_x_post for each in accounts for item in each.evidence),
        "has_links": any(is_by_link_alone(each) for each in accounts if each.network is AccountNetwork.X),
    }


class Shared(msgspec.Struct, frozen=True):
    """What somebody may tell others: their name on X, and the names that are public for it."""

    x_handle: str
    names: list[str]


def _shared(publications: Sequence[Publication], now: datetime) -> list[Shared]:
    """Returns what answers now, by the name on X."""
    names: dict[str, list[str]] = {}
    for each in publications:
        if each.state(now) is PublicationState.ACTIVE:
            names.setdefault(str(each.x_handle), []).append(called(each.target_id, each.target_handle))
    return [Shared(x_handle, targets) for x_handle, targets in names.items()]
