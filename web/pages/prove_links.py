"""Proves an X account by links, where no post can be made: the address to link to, and its check."""

from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import FormMultiDict
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Redirect

from directory.accounts import AccountNetwork
from directory.errors import InvalidIdentifier
from directory.members.challenges import CheckState
from directory.pasted.cleaning import MAX_PASTED_CHARS
from directory.pasted.x_account import parse_x_handle
from directory.proofs.link_support import can_show_link
from directory.texts import N_
from web.auth.forms import text_of
from web.auth.member_context import NO_STORE, MemberContext, SignedIn
from web.auth.signed_in import Asked
from web.member_services import MemberServices
from web.pages.prove import DECIDED, Progress

MAX_TYPED_CHARS: Final = MAX_PASTED_CHARS + 1
"""One more than is taken: what is cut short could be the name of somebody else."""
UNREAD_HANDLE: Final = N_("That is not a name on X: write it as it stands on your profile there, like @name.")
_SHOWN_CHARS: Final = 200
_HERE: Final = "/account/prove/links"


class Filled(msgspec.Struct, frozen=True):
    """What the form holds, and the sentence above it."""

    typed: str = ""
    error: str = ""
    progress: Progress | None = None


@get(_HERE, include_in_schema=False)
async def links_page(
    request: Request[Any, Any, Any],
    context: NamedDependency[MemberContext],
    me: NamedDependency[SignedIn],
    new: FromQuery[bool] = False,
) -> Response[Any]:
    """Shows the steps, or that links are not offered here. `new` asks for another X account."""
    check = await context.members.page_links.latest_check(me.member)
    if check is not None and check.state is CheckState.WAITING and not new:
        return Redirect("/account/prove", headers=dict(NO_STORE))
    progress = Progress.of(check) if check is not None and check.state in DECIDED and not new else None
    filled = Filled(typed=str(check.x_handle) if check is not None else "", progress=progress)
    return await _page(request, context, me, filled)


@post(f"{_HERE}/page", status_code=303, include_in_schema=False)
async def make_page(asked: NamedDependency[Asked]) -> Redirect:
    """Makes the member's page public, with all their new accounts."""
    if asked.members.page_links.is_offered and await _can_any_show_link(asked.members, asked.member):
        await asked.members.page_links.make_page(asked.member)
    return Redirect(_HERE, status_code=303, headers=dict(NO_STORE))


@post(_HERE, status_code=303, include_in_schema=False)
async def check_links(
    request: Request[Any, Any, Any],
    context: NamedDependency[MemberContext],
    me: NamedDependency[SignedIn],
    my_form: NamedDependency[FormMultiDict],
) -> Response[Any]:
    """Submits a check of the profiles, and shows its progress."""
    if not context.members.page_links.is_offered or not await _can_any_show_link(context.members, me.member):
        return Redirect(_HERE, status_code=303, headers=dict(NO_STORE))
    typed = text_of(my_form, "x_handle", MAX_TYPED_CHARS)
    try:
        handle = parse_x_handle(typed)
    except InvalidIdentifier:
        return await _page(
            request, context, me, Filled(typed[:_SHOWN_CHARS], context.say(request, UNREAD_HANDLE))
        )
    await context.members.page_links.submit(me.member, handle)
    context.members.wake_jobs()
    return Redirect("/account/prove", status_code=303, headers=dict(NO_STORE))


async def _can_any_show_link(members: MemberServices, member: UUID) -> bool:
    """Tells whether any new account of a member is on a server that looks at links."""
    own = await members.page_links.page_of(member)
    accounts = (own.new_accounts if own is not None else ()) or [
        each for each in await members.membership.accounts(member) if each.target is not None
    ]
    return any(can_show_link(each) for each in accounts)


async def _page(
    request: Request[Any, Any, Any], context: MemberContext, me: SignedIn, filled: Filled
) -> Response[Any]:
    page_links = context.members.page_links
    own = await page_links.page_of(me.member)
    accounts = await context.members.membership.accounts(me.member)
    new_accounts = own.new_accounts if own is not None else ()
    hidden = [each for each in accounts if each.network is not AccountNetwork.X and not each.is_lapsed]
    named = new_accounts or hidden
    unable = [each for each in named if not can_show_link(each)]
    return context.page(
        request,
        "prove_links.html",
        status=400 if filled.error else 200,
        form_token=me.form_token,
        is_offered=page_links.is_offered,
        address=page_links.address(own.code) if own is not None and new_accounts else "",
        networks={each.network for each in new_accounts if can_show_link(each)},
        hidden=hidden,
        unable=unable,
        is_possible=len(unable) < len(named),
        progress=filled.progress,
        typed=filled.typed,
        error=filled.error,
    )
