"""The page of a member with `rel="me"` links, for people and for servers that verify links."""

from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import PathParameter

from directory.accounts import BlueskyAccount, LinkedAccount, MastodonAccount, XAccount
from directory.errors import InvalidIdentifier
from directory.pasted.any_account import parse_any_account
from directory.profile_pages import profile_url
from web.auth.member_context import MemberContext
from web.middleware.caching import ASKED_AGAIN
from web.proof_links import x_account_url

MAX_HANDLE_CHARS = 512


@get("/m/{handle:str}", include_in_schema=False)
async def member_page(
    request: Request[Any, Any, Any],
    context: NamedDependency[MemberContext],
    handle: Annotated[str, PathParameter(max_length=MAX_HANDLE_CHARS)],
) -> Response[Any]:
    """Shows a page by the handle of any account on it, or by its own lasting code."""
    accounts = await context.members.page_links.find_page(handle)
    name = str(accounts[0].handle) if accounts else handle.removeprefix("@")
    accounts = accounts or await context.members.membership.page(_handle_of(handle))
    if not accounts:
        raise NotFoundException
    return context.renderer.page(
        request,
        "member_page.html",
        headers=ASKED_AGAIN,
        name=name,
        links=[(each, profile_address(each)) for each in accounts],
        canonical=f"{context.base_url}/m/{handle.removeprefix('@').lower()}",
    )


def _handle_of(pasted: str) -> str:
    """Returns the handle of a page's address in its one spelling; as it is where it is none."""
    try:
        return str(parse_any_account(pasted))
    except InvalidIdentifier:
        return pasted


def profile_address(account: LinkedAccount) -> str:
    """Returns the profile's address, by its id wherever there is one: a name can pass to somebody else. Mastodon compares it
    with the one it has; without one that its server told, the actor URI leads to it."""
    match account.account:
        case XAccount(id=x_id, handle=x_handle):
            return x_account_url(x_id, x_handle)
        case BlueskyAccount(did=did):
            return profile_url(did)
        case MastodonAccount(actor=actor):
            return account.page or str(actor)
