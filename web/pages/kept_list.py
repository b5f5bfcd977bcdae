"""The list of people a member followed, which they let us keep so that newcomers can be found for them."""

from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Redirect

from directory.members.consents import PRESENT_VERSION, ConsentKind
from directory.queries import Lists
from directory.services.message_texts import LIST_PATH
from web.account_sentences import LIST_SAID
from web.auth.errors import SIGN_IN_AT
from web.auth.member_context import NO_STORE
from web.auth.read_only import GOES_ON
from web.auth.signed_in import Asked, Here
from web.follow_sentences import NEWCOMERS_SAID
from web.middleware.rate_limit import ClientKeys, RateLimiter
from web.pages.arrived import arrived_of
from web.pages.messages import view_messages
from web.pages.newcomers import wish_of
from web.pages.results_form import read_results_form
from web.pages.selection import Page
from web.pages.sign_in import TO_KEEP
from web.pages.uploads import read_people
from web.rendering import is_fragment

KEPT_LIST_PATH = LIST_PATH


# The sign-in page says what becomes of the list, where nobody is signed in.
@get(KEPT_LIST_PATH, include_in_schema=False, opt={SIGN_IN_AT: f"/sign-in?to={TO_KEEP}"})
async def kept_list_page(
    here: NamedDependency[Here],
    pair_limiter: NamedDependency[RateLimiter],
    client_keys: NamedDependency[ClientKeys],
    said: FromQuery[str] = "",
    page: FromQuery[int] = 1,
) -> Response[Any]:
    """Shows what is kept, until when, who of it has arrived, and the form for a list."""
    sizes = await here.context.members.follow_lists.sizes(here.me.member)
    looked_up = pair_limiter.take(
        client_keys.key_of(here.request.scope), max(1, sizes.get(Lists.FOLLOWING, 0))
    )
    arrived = await arrived_of(here.context, here.me.member, page, looked_up)
    outcome = _Outcome(said=NEWCOMERS_SAID.get(said) or LIST_SAID.get(said, ""))
    return await _page(here, "kept_list.html", arrived, outcome)


@post(KEPT_LIST_PATH, status_code=200, include_in_schema=False)
async def keep_list(
    here: NamedDependency[Here],
    pair_limiter: NamedDependency[RateLimiter],
    client_keys: NamedDependency[ClientKeys],
) -> Response[Any]:
    """Keeps the people of an archive whom the member followed, but for blocked and muted ones, under whatever name on X, in
    place of those before.

    An archive that names none of them changes nothing.
    """
    request, context, me = here.request, here.context, here.me
    await context.my_form(request)
    form = await read_results_form(request)
    sent = await read_people(form, here.language)
    looked_up = pair_limiter.take(client_keys.key_of(request.scope), max(1, len(sent.people)))
    looked_up.check()
    followed = [query for query in sent.people if query.lists and query.lists.is_wanted]
    if followed:
        async with context.turns.of(me.member), context.services.large_matches:
            # Who is refused is not kept, so that later nobody knows whose accounts are.
            refused = await context.services.lookup.find_leading_to_refused(sent.people)
            followed = [query for query in followed if query not in refused] if refused else followed
            if followed:
                await context.members.follow_lists.keep(me.member, Lists.FOLLOWING, followed)
    if followed and not sent.notices and not is_fragment(request):
        return Redirect(KEPT_LIST_PATH, status_code=303, headers=dict(NO_STORE))
    template = "_kept_list.html" if is_fragment(request) else "kept_list.html"
    arrived = await arrived_of(context, me.member, 1, looked_up)
    outcome = _Outcome(is_unchanged=not followed, notices=sent.notices)
    return await _page(here, template, arrived, outcome)


@post(f"{KEPT_LIST_PATH}/consent", status_code=303, include_in_schema=False)
async def agree_to_keep(asked: NamedDependency[Asked]) -> Redirect:
    """Gives the consent to keep a list, to the text that was shown, for twelve months."""
    await asked.members.consenting.give(asked.member, ConsentKind.KEEP_FOLLOW_LIST, asked.version)
    return Redirect(KEPT_LIST_PATH, status_code=303, headers=dict(NO_STORE))


@post(f"{KEPT_LIST_PATH}/delete", status_code=303, include_in_schema=False, opt=GOES_ON)
async def delete_list(asked: NamedDependency[Asked]) -> Redirect:
    """Deletes the list; the member may send another one."""
    await asked.members.follow_lists.drop(asked.member, Lists.FOLLOWING)
    return Redirect(f"{KEPT_LIST_PATH}?said=deleted", status_code=303, headers=dict(NO_STORE))


class _Outcome(msgspec.Struct, frozen=True):
    """What the page says of what was just done."""

    is_unchanged: bool = False
    said: str = ""
    notices: Sequence[str] = ()


async def _page(here: Here, template: str, arrived: Page | None, outcome: _Outcome) -> Response[Any]:
    context, me = here.context, here.me
    held = (await context.members.consenting.present(me.member)).get(ConsentKind.KEEP_FOLLOW_LIST)
    version = PRESENT_VERSION[ConsentKind.KEEP_FOLLOW_LIST]
    sizes = await context.members.follow_lists.sizes(me.member)
    return here.page(
        template,
        consent=held if held is not None and held.version == version else None,
        consent_version=version,
        people=sizes.get(Lists.FOLLOWING, 0),
        view=await view_messages(context, me),
        arrived=arrived,
        is_unchanged=outcome.is_unchanged,
        notices=outcome.notices,
        said=outcome.said,
        wish=await wish_of(context, me.member),
        upload_max_mb=context.services.settings.upload_max_mb,
    )
