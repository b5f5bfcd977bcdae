"""The erasure of a member: one confirmation, and a receipt that tells what happens here and elsewhere."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.datastructures import FormMultiDict
from litestar.di import NamedDependency
from litestar.response import Redirect

from directory.members.receipts import Elsewhere
from web.auth.forms import text_of
from web.auth.member_context import NO_STORE, MemberContext, SignedIn
from web.auth.read_only import GOES_ON


@get("/account/leave", include_in_schema=False)
async def leave_page(
    request: Request[Any, Any, Any], context: NamedDependency[MemberContext], me: NamedDependency[SignedIn]
) -> Response[Any]:
    """Shows what will be deleted, and the one box to tick."""
    publications = await context.members.publishing.list_of(me.member)
    return context.page(request, "leave.html", form_token=me.form_token, publications=publications)


@post("/account/leave", status_code=200, include_in_schema=False, opt=GOES_ON)
async def leave(
    request: Request[Any, Any, Any],
    context: NamedDependency[MemberContext],
    me: NamedDependency[SignedIn],
    my_form: NamedDependency[FormMultiDict],
) -> Response[Any]:
    """Erases the member and shows the receipt, which is not stored."""
    if text_of(my_form, "sure") != "yes":
        return Redirect("/account/leave", status_code=303, headers=dict(NO_STORE))
    receipt = await context.members.leaving.erase(me.member)
    context.members.wake_jobs()
    was_shared = any(each.elsewhere is Elsewhere.REVOKED for each in receipt.withdrawn)
    answer = context.page(request, "left.html", receipt=receipt, was_shared=was_shared)
    context.cookies.forget_session(answer)
    context.cookies.forget_browser(answer)
    return answer
