"""Matches a follow list, from an archive or from the lists read in the browser, and shows who is already here."""

import asyncio
from functools import partial
from itertools import chain
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.enums import MediaType
from litestar.response import Redirect

from directory.errors import InvalidLine
from directory.exports import (
    MASTODON_CSV_MAX_ROWS,
    NO_ACCOUNTS_JSON,
    ExportedFile,
    accounts_json,
    address_lines,
    bluesky_handles,
    list_file,
    listed_accounts,
    mastodon_accounts,
    mastodon_file,
    number_of_files,
)
from directory.mappings import Network
from directory.networks.callers import current_caller
from directory.packed.matches import PackedMatches
from directory.packed.queries import PackedQueries
from directory.queries import Lists
from directory.texts import N_
from web.held_answers import HeldAnswer
from web.language import translate
from web.middleware.rate_limit import ClientKeys, RateLimiter
from web.pages.downloads import download
from web.pages.links import LINKS_PAGE, links_to_chosen
from web.pages.results_form import Action, ResultsForm, read_results_form
from web.pages.selection import Selection, View, page_of, select_matches
from web.pages.tally import Tally
from web.pages.tick_keys import write_keys
from web.pages.ticks import ticked_answers, toggled_after, toggled_for_all
from web.pages.unread import unread_list_page
from web.pages.uploads import Portion, notices_of, portion_of, read_sent
from web.rendering import Renderer, is_fragment
from web.services import Services

_LIST_OF_ACTION: Final = {Action.BLOCKED: Lists.BLOCK, Action.MUTED: Lists.MUTE}
_DOWNLOADS: Final = frozenset(
    {Action.JSON, Action.CSV, Action.LINES, Action.HANDLES, Action.LINKS, *_LIST_OF_ACTION}
)
FEW_FOUND: Final = 100
"""People whose page is made in two milliseconds: they are not handed to a thread, which takes half of one."""
FEW_ANSWERS: Final = 2 * FEW_FOUND
"""Likewise: of an X account that many logs dispute, there are many."""
FEW_KEYS: Final = 1_000
"""Of ticks, likewise. A form may hold more than its people have."""
NO_STORE: Final = {"cache-control": "no-store"}
NOBODY_CHOSEN: Final = N_("Nobody is chosen for this file yet, so there is none: tick somebody first.")


@get("/results", include_in_schema=False)
async def results_start() -> Redirect:
    """Redirects to the first page: results come from a list."""
    return Redirect("/")


@post("/results", status_code=200, include_in_schema=False)
async def results(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    renderer: NamedDependency[Renderer],
    pair_limiter: NamedDependency[RateLimiter],
    client_keys: NamedDependency[ClientKeys],
) -> Response[Any]:
    """Matches the list that the form holds, and shows a page of it or serves a file of the ticked accounts."""
    try:
        form = await read_results_form(request)
    except InvalidLine as error:
        return await unread_list_page(request, services, renderer, error)
    if not form.has_files and not form.has_list:
        return Redirect("/", status_code=303)
    read = await read_sent(form)
    portion = await asyncio.to_thread(portion_of, read, form.portion) if read else None
    queries = PackedQueries(chain(form.queries, portion.people)) if portion else form.queries
    key = client_keys.key_of(request.scope)
    pair_limiter.take(key, max(1, len(queries))).check()
    async with services.large_matches:
        matches = await services.lookup.match_packed(queries, with_evidence=False)
        notices = notices_of(read, renderer.language_of(request)) if read else []
        asked = _Asked(
            max(form.asked, len(queries)),
            notices,
            portion,
            _has_follows(services),
            services.members is not None,
        )
        make = partial(_answer, request, renderer, form, asked, matches)
        answer = make() if _is_small(form, matches) else await asyncio.to_thread(make)
    return HeldAnswer(answer, services.held_answers, current_caller().network)


def _is_small(form: ResultsForm, matches: PackedMatches) -> bool:
    if len(matches) > FEW_FOUND or len(form.view.toggled) + len(form.shown) > FEW_KEYS:
        return False
    return sum(len(match.answers) for match in matches) <= FEW_ANSWERS


class _Asked(msgspec.Struct, frozen=True):
    """How many people were asked for, the notices about the archive they came from, which portion of it they are, and whether
    members can have them followed here."""

    count: int
    notices: list[str]
    portion: Portion | None
    has_follows: bool
    has_members: bool


def _answer(
    request: Request[Any, Any, Any],
    renderer: Renderer,
    form: ResultsForm,
    asked: _Asked,
    matches: PackedMatches,
) -> Response[Any]:
    view = msgspec.structs.replace(form.view, toggled=_toggled(matches, form))
    if (file := _file(form.action, matches, view.toggled)) is not None:
        return download(file)
    if form.action is Action.LINKS and (links := links_to_chosen(ticked_answers(matches, view.toggled))):
        return renderer.page(request, LINKS_PAGE, headers=NO_STORE, links=links)
    if form.action in _DOWNLOADS:
        nobody = translate(renderer.language_of(request), NOBODY_CHOSEN)
        asked = msgspec.structs.replace(asked, notices=[nobody])
    return _results_page(request, renderer, asked, matches, view)


def _file(action: Action, matches: PackedMatches, toggled: frozenset[str]) -> ExportedFile | None:
    """Makes the file that a button asks for. Returns None where nobody is to be in it, and for other buttons."""
    chosen = ticked_answers(matches, toggled)
    if action is Action.JSON and (content := accounts_json(chosen)) != NO_ACCOUNTS_JSON:
        return ExportedFile("passerelle.json", MediaType.JSON, content)
    if action in {Action.CSV, Action.LINES} and (accounts := mastodon_accounts(chosen)):
        return mastodon_file(accounts) if action is Action.CSV else address_lines(accounts)
    if action is Action.HANDLES and (handles := bluesky_handles(chosen)):
        return address_lines(handles, Network.BLUESKY)
    listed = _LIST_OF_ACTION.get(action)
    if listed is not None and (accounts := listed_accounts(matches, listed)):
        return list_file(accounts, listed)
    return None


def _toggled(matches: PackedMatches, form: ResultsForm) -> frozenset[str]:
    """Returns the ticks that differ from the default after the form's action."""
    view = form.view
    if form.action in {Action.TICK_ALL, Action.TICK_NONE}:
        tick = form.action is Action.TICK_ALL
        selected = (matches[number] for number in select_matches(matches, view))
        return toggled_for_all(selected, view.toggled, tick=tick)
    return toggled_after(matches, view.toggled, form.shown, form.ticked)


def _results_page(
    request: Request[Any, Any, Any],
    renderer: Renderer,
    asked: _Asked,
    matches: PackedMatches,
    view: View,
) -> Response[Any]:
    return renderer.page(
        request,
        "_results.html" if is_fragment(request) else "results.html",
        headers=NO_STORE,
        view=view,
        asked=asked.count,
        notices=asked.notices,
        mastodon_max_rows=MASTODON_CSV_MAX_ROWS,
        portion=asked.portion,
        toggled=write_keys(view.toggled),
        has_follows=asked.has_follows,
        has_members=asked.has_members,
        **_values(matches, view),
    )


def _values(matches: PackedMatches, view: View) -> dict[str, Any]:
    """Returns what the page says of those who were found. What it takes to know that is gone before the page is made."""
    selection, tally = Selection(view), Tally(view.toggled)
    for match in matches:
        selection.add(match)
        tally.add(match)
    mastodon = tally.chosen_on(Network.MASTODON)
    return {
        "page": page_of(matches, selection.in_order(), view),
        "found": len(matches),
        "beside": tally.beside,
        "chosen": tally.chosen,
        "mastodon": mastodon,
        "bluesky": tally.chosen_on(Network.BLUESKY),
        "mastodon_files": number_of_files(mastodon),
        "has_mastodon": tally.may_choose_on(Network.MASTODON),
        "has_bluesky": tally.may_choose_on(Network.BLUESKY),
        "lists": tally.lists,
        "blocked": tally.listed(Lists.BLOCK),
        "muted": tally.listed(Lists.MUTE),
        "pairs": tally.pairs,
    }


def _has_follows(services: Services) -> bool:
    return services.members is not None and services.members.follows.is_on
