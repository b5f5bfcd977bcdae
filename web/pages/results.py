"""Matches a follow list, from an archive or from the lists read in the browser, and shows who is already here."""

import asyncio
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.enums import MediaType
from litestar.response import Redirect

from directory.choosing import Chosen, may_choose
from directory.exports import (
    MASTODON_CSV_MAX_ROWS,
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
from directory.queries import Lists, format_lines
from directory.ranking import Match
from directory.texts import N_
from web.language import translate
from web.middleware.rate_limit import ClientKeys, RateLimiter
from web.pages.downloads import download
from web.pages.links import LINKS_PAGE, links_to_chosen
from web.pages.results_form import Action, ResultsForm, read_results_form
from web.pages.selection import View, page_of, select_matches
from web.pages.ticks import ticked_answers, toggled_after, toggled_for_all
from web.pages.uploads import Portion, notices_of, portion_of, read_sent
from web.rendering import Renderer, is_fragment
from web.services import Services

_LIST_OF_ACTION: Final = {Action.BLOCKED: Lists.BLOCK, Action.MUTED: Lists.MUTE}
_DOWNLOADS: Final = frozenset(
    {Action.JSON, Action.CSV, Action.LINES, Action.HANDLES, Action.LINKS, *_LIST_OF_ACTION}
)
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
    form = await read_results_form(request)
    if not form.has_files and not form.has_list:
        return Redirect("/", status_code=303)
    read = await read_sent(form)
    portion = portion_of(read, form.portion) if read else None
    queries = form.queries + (portion.people if portion else [])
    pair_limiter.take(client_keys.key_of(request.scope), max(1, len(queries))).check()
    async with services.large_matches:
        matches = await services.lookup.match(queries, with_evidence=False)
        notices = notices_of(read, renderer.language_of(request)) if read else []
        asked = _Asked(
            max(form.asked, len(queries)),
            notices,
            portion,
            _has_follows(services),
            services.members is not None,
        )
        return await asyncio.to_thread(_answer, request, renderer, form, asked, matches)


class _Asked(msgspec.Struct, frozen=True):
    """How many people were asked for, the notices about the archive they came from, which portion of it they are, and whether
    members can have them followed here."""

    count: int
    notices: list[str]
    portion: Portion | None
    has_follows: bool
    has_members: bool


class _Found(msgspec.Struct, frozen=True):
    """The query, who was found, and how it is shown."""

    asked: _Asked
    matches: list[Match]
    view: View


def _answer(
    request: Request[Any, Any, Any],
    renderer: Renderer,
    form: ResultsForm,
    asked: _Asked,
    matches: list[Match],
) -> Response[Any]:
    view = msgspec.structs.replace(form.view, toggled=_toggled(matches, form))
    if (file := _file(form.action, matches, ticked_answers(matches, view.toggled))) is not None:
        return download(file)
    if form.action is Action.LINKS and (links := links_to_chosen(ticked_answers(matches, view.toggled))):
        return renderer.page(request, LINKS_PAGE, headers=NO_STORE, links=links)
    if form.action in _DOWNLOADS:
        nobody = translate(renderer.language_of(request), NOBODY_CHOSEN)
        asked = msgspec.structs.replace(asked, notices=[nobody])
    return _results_page(request, renderer, _Found(asked, matches, view))


def _file(action: Action, matches: list[Match], chosen: list[Chosen]) -> ExportedFile | None:
    """Makes the file that a button asks for. Returns None where nobody is to be in it, and for other buttons."""
    if action is Action.JSON and chosen:
        return ExportedFile("passerelle.json", MediaType.JSON, accounts_json(chosen))
    if action in {Action.CSV, Action.LINES} and (accounts := mastodon_accounts(chosen)):
        return mastodon_file(accounts) if action is Action.CSV else address_lines(accounts)
    if action is Action.HANDLES and (handles := bluesky_handles(chosen)):
        return address_lines(handles, Network.BLUESKY)
    listed = _LIST_OF_ACTION.get(action)
    if listed is not None and (accounts := listed_accounts(matches, listed)):
        return list_file(accounts, listed)
    return None


def _toggled(matches: list[Match], form: ResultsForm) -> frozenset[str]:
    """Returns the ticks that differ from the default after the form's action."""
    view = form.view
    if form.action in {Action.TICK_ALL, Action.TICK_NONE}:
        tick = form.action is Action.TICK_ALL
        return toggled_for_all(select_matches(matches, view), view.toggled, tick=tick)
    return toggled_after(matches, view.toggled, form.shown, form.ticked)


def _results_page(request: Request[Any, Any, Any], renderer: Renderer, found: _Found) -> Response[Any]:
    chosen = ticked_answers(found.matches, found.view.toggled)
    mastodon = mastodon_accounts(chosen)
    return renderer.page(
        request,
        "_results.html" if is_fragment(request) else "results.html",
        headers=NO_STORE,
        view=found.view,
        page=page_of(select_matches(found.matches, found.view), found.view),
        asked=found.asked.count,
        notices=found.asked.notices,
        found=len(found.matches),
        beside=_count_beside(found.matches),
        chosen=len(chosen),
        mastodon=len(mastodon),
        bluesky=len(bluesky_handles(chosen)),
        mastodon_files=number_of_files(len(mastodon)),
        mastodon_max_rows=MASTODON_CSV_MAX_ROWS,
        has_mastodon=_has_any_on(Network.MASTODON, found.matches),
        has_bluesky=_has_any_on(Network.BLUESKY, found.matches),
        lists=_lists_in(found.matches),
        portion=found.asked.portion,
        blocked=len(listed_accounts(found.matches, Lists.BLOCK)),
        muted=len(listed_accounts(found.matches, Lists.MUTE)),
        pairs="\n".join(format_lines(match.query for match in found.matches)),
        toggled=" ".join(sorted(found.view.toggled)),
        has_follows=found.asked.has_follows,
        has_members=found.asked.has_members,
    )


def _has_follows(services: Services) -> bool:
    return services.members is not None and services.members.follows is not None


def _lists_in(matches: list[Match]) -> Lists:
    """Returns the lists of the people found; where they stand on one list alone, a filter would be no choice."""
    found = Lists.NONE
    for lists in {match.query.lists for match in matches}:
        found |= lists
    return found


def _count_beside(matches: list[Match]) -> int:
    """Counts the people found whom nobody asked for: followers, and whoever is blocked or muted."""
    return sum(not match.query.lists.is_wanted for match in matches)


def _has_any_on(network: Network, matches: list[Match]) -> bool:
    """Returns whether anybody could be chosen for a network's files."""
    return any(
        answer.mapping.network is network and may_choose(match.query, answer)
        for match in matches
        for answer in match.answers
    )
