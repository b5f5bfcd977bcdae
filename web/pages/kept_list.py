"""The list of people a member followed, which they let us keep so that newcomers can be found for them."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect

from directory.archive import ArchiveError, ArchiveProblem
from directory.members.consents import PRESENT_VERSION, ConsentKind
from directory.queries import MAX_MATCH_PAIRS, Lists
from web.auth.member_context import NO_STORE, MemberContext, SignedIn
from web.auth.read_only import GOES_ON
from web.auth.signed_in import Asked
from web.middleware.rate_limit import ClientKeys, RateLimiter
from web.pages.results_form import read_results_form
from web.pages.uploads import read_uploads
from web.rendering import is_fragment

KEPT_LIST_PATH = "/account/list"


@get(KEPT_LIST_PATH, include_in_schema=False)
async def kept_list_page(
    request: Request[Any, Any, Any], context: NamedDependency[MemberContext], me: NamedDependency[SignedIn]
) -> Response[Any]:
    """Shows what is kept, until when, and the form for a list."""
    return await _page(request, context, me, "kept_list.html")


@post(KEPT_LIST_PATH, status_code=200, include_in_schema=False)
async def keep_list(
    request: Request[Any, Any, Any],
    context: NamedDependency[MemberContext],
    me: NamedDependency[SignedIn],
    pair_limiter: NamedDependency[RateLimiter],
    client_keys: NamedDependency[ClientKeys],
) -> Response[Any]:
    """Keeps the people of an archive whom the member followed, but for blocked and muted ones, in place of those
    before.

    An archive that names none of them changes nothing.
    """
    await context.my_form(request)
    form = await read_results_form(request)
    read = await read_uploads(form.uploads) if form.uploads or form.has_files else None
    if read and len(read.people) > MAX_MATCH_PAIRS:
        raise ArchiveError(ArchiveProblem.TOO_MANY_ROWS, form.uploads[0].filename)
    people = form.queries + (read.people if read else [])
    pair_limiter.take(client_keys.key_of(request.scope), max(1, len(people))).check()
    followed = [query for query in people if query.lists and query.lists.is_wanted]
    if followed:
        async with context.services.large_matches:
            await context.members.follow_lists.keep(me.member, Lists.FOLLOWING, followed)
    if followed and not is_fragment(request):
        return Redirect(KEPT_LIST_PATH, status_code=303, headers=dict(NO_STORE))
    template = "_kept_list.html" if is_fragment(request) else "kept_list.html"
    return await _page(request, context, me, template, is_unchanged=not followed)


@post(f"{KEPT_LIST_PATH}/consent", status_code=303, include_in_schema=False)
async def agree_to_keep(asked: NamedDependency[Asked]) -> Redirect:
    """Gives the consent to keep a list, to the text that was shown, for twelve months."""
    version = asked.text("version")
    await asked.members.consenting.give(
        asked.member, ConsentKind.KEEP_FOLLOW_LIST, int(version) if version.isdecimal() else 0
    )
    return Redirect(KEPT_LIST_PATH, status_code=303, headers=dict(NO_STORE))


@post(f"{KEPT_LIST_PATH}/delete", status_code=303, include_in_schema=False, opt=GOES_ON)
async def delete_list(asked: NamedDependency[Asked]) -> Redirect:
    """Deletes the list; the member may send another one."""
    await asked.members.follow_lists.drop(asked.member, Lists.FOLLOWING)
    return Redirect(KEPT_LIST_PATH, status_code=303, headers=dict(NO_STORE))


async def _page(
    request: Request[Any, Any, Any],
    context: MemberContext,
    me: SignedIn,
    template: str,
    *,
    is_unchanged: bool = False,
) -> Response[Any]:
    held = (await context.members.consenting.present(me.member)).get(ConsentKind.KEEP_FOLLOW_LIST)
    version = PRESENT_VERSION[ConsentKind.KEEP_FOLLOW_LIST]
    sizes = await context.members.follow_lists.sizes(me.member)
    return context.page(
        request,
        template,
        form_token=me.form_token,
        consent=held if held is not None and held.version == version else None,
        consent_version=version,
        people=sizes.get(Lists.FOLLOWING, 0),
        is_unchanged=is_unchanged,
        upload_max_mb=context.services.settings.upload_max_mb,
    )
