"""The way to a member's server to permit follows, where no permission is kept yet."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response
from litestar.response import Redirect

from directory.accounts import LinkedAccount
from directory.errors import InvalidIdentifier
from directory.follows.runs import Run, RunKind
from directory.members.sessions import new_token
from directory.networks.port import Purpose, purpose_of
from directory.networks.sign_in_errors import NotAServer, ServerMisbehaved, ServerNotSecure, SignInError
from web.auth.follow_journey import Wish
from web.auth.journey import Journeys
from web.auth.member_context import NO_STORE, MemberContext
from web.auth.signed_in import Here


async def permission_page(
    here: Here, journeys: Journeys, account: LinkedAccount, back: Redirect, run: Run | None = None
) -> Response[Any]:
    """Sends the browser to the server of the account; or `back` at once, where the permission is kept and was not refused
    since. Where the server does not answer, the page of the run says so. A run that blocks or mutes has a permission of its
    own."""
    context = here.context
    asked = Wish(
        purpose_of(run.kind if run is not None else RunKind.FOLLOW), run.id if run is not None else None
    )
    is_refused = run is not None and run.needs_sign_in
    if not is_refused and await has_permission(context, account, asked.purpose):
        return back
    at = await context.at_browser(here.request)
    if not at.browser:
        at = msgspec.structs.replace(at, browser=new_token())
    try:
        url = await journeys.depart_to_follow(account, asked, at)
    except (SignInError, InvalidIdentifier) as error:
        return back_to(asked.run, _said_of(error))
    # Not a redirect: our security policy lets a form lead only to this site.
    headers = {"refresh": f"0;url={url}"}
    leaving = context.page(here.request, "leaving_for_network.html", headers=headers, url=url)
    context.cookies.keep_browser(leaving, at.browser)
    return leaving


def _said_of(error: SignInError | InvalidIdentifier) -> str:
    """Returns what the page says of a server that nobody could be sent to."""
    if isinstance(error, ServerNotSecure):
        return "not-secure"
    return "not-a-server" if isinstance(error, NotAServer | ServerMisbehaved) else "unreachable"


async def has_permission(context: MemberContext, account: LinkedAccount, purpose: Purpose) -> bool:
    """Tells whether a permission for an account is kept. It may have ended at the network since."""
    held = await context.members.permissions.list_of(account.member)
    return any(each.account == account.id and each.purpose is purpose for each in held)


def back_to(run: UUID | None, said: str) -> Redirect:
    """Leads to the page of a run, or to that of the kept list, which says what happened."""
    page = f"/account/runs/{run}" if run is not None else "/account/list"
    return Redirect(f"{page}?said={said}", status_code=303, headers=dict(NO_STORE))
