"""Who of a follow list is already here: from an archive, or from the lists read in the browser."""

import asyncio
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.enums import MediaType
from litestar.response import Redirect

from directory.archive import NOTICE_SENTENCES, Archive, Notice
from directory.exports import accounts_json, mastodon_csv
from directory.mappings import Network
from directory.queries import Lists, format_lines
from directory.ranking import Match
from web.middleware.rate_limit import ClientKeys, RateLimiter
from web.pages.results_form import Action, ResultsForm, read_results_form
from web.pages.selection import (
    Row,
    View,
    page_of,
    rows_of,
    select_rows,
    ticked_answers,
    toggled_after,
    toggled_for_all,
)
from web.pages.uploads import read_uploads
from web.rendering import Renderer
from web.services import Services

FRAGMENT_HEADERS: Final = ("x-passerelle-fragment", "hx-request")
NO_STORE: Final = {"cache-control": "no-store"}


@get("/results", include_in_schema=False)
async def results_start() -> Redirect:
    """Results come from a list: without one, there is the first page."""
    return Redirect("/")


@post("/results", status_code=200, include_in_schema=False)
async def results(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    renderer: NamedDependency[Renderer],
    pair_limiter: NamedDependency[RateLimiter],
    client_keys: NamedDependency[ClientKeys],
) -> Response[Any]:
    """Matches the list that the form holds, and shows a page of it or hands out what was chosen."""
    form = await read_results_form(request)
    if not form.uploads and not form.has_list:
        return Redirect("/", status_code=303)
    read = await read_uploads(form.uploads)
    queries = form.queries + (read.people if read else [])
    pair_limiter.take(client_keys.key_of(request.scope), max(1, len(queries))).check()
    async with services.large_matches:
        matches = await services.lookup.match(queries)
        return await asyncio.to_thread(
            _answer, request, renderer, form, _Asked(len(queries), _notices(read)), matches
        )


class _Asked(msgspec.Struct, frozen=True):
    """How many were asked for, and what is to be said about the archive they came from."""

    count: int
    notices: list[str]


class _Found(msgspec.Struct, frozen=True):
    """What was asked, who was found, and how it is shown."""

    asked: _Asked
    matches: list[Match]
    rows: list[Row]
    view: View


def _answer(
    request: Request[Any, Any, Any],
    renderer: Renderer,
    form: ResultsForm,
    asked: _Asked,
    matches: list[Match],
) -> Response[Any]:
    rows = rows_of(matches, form.view.toggled)
    view = _after_ticks(rows, form)
    if view.toggled != form.view.toggled:
        rows = rows_of(matches, view.toggled)
    if form.action is Action.CSV:
        return _download(mastodon_csv(ticked_answers(rows)).encode(), "text/csv", "passerelle-mastodon.csv")
    if form.action is Action.JSON:
        return _download(accounts_json(ticked_answers(rows)), MediaType.JSON, "passerelle.json")
    return _results_page(request, renderer, _Found(asked, matches, rows, view))


def _after_ticks(rows: list[Row], form: ResultsForm) -> View:
    view = form.view
    if form.action in {Action.TICK_ALL, Action.TICK_NONE}:
        tick = form.action is Action.TICK_ALL
        toggled = toggled_for_all(select_rows(rows, view), view, tick=tick)
    else:
        toggled = toggled_after(rows, view, form.shown, form.ticked)
    return msgspec.structs.replace(view, toggled=toggled)


def _results_page(request: Request[Any, Any, Any], renderer: Renderer, found: _Found) -> Response[Any]:
    is_fragment = any(request.headers.get(name) for name in FRAGMENT_HEADERS)
    chosen = ticked_answers(found.rows)
    return renderer.page(
        request,
        "_results.html" if is_fragment else "results.html",
        headers=NO_STORE,
        view=found.view,
        page=page_of(select_rows(found.rows, found.view), found.view.page),
        asked=found.asked.count,
        notices=found.asked.notices,
        found=len(found.rows),
        chosen=len(chosen),
        chosen_mastodon=sum(answer.mapping.network is Network.MASTODON for answer in chosen),
        lists=_lists_in(found.matches),
        pairs="\n".join(format_lines(match.query for match in found.matches)),
        toggled=" ".join(sorted(found.view.toggled)),
    )


def _notices(read: Archive | None) -> list[str]:
    """What a person should know about the archive, beside the results: an empty one has words of its own."""
    if read is None:
        return []
    return [
        sentence for notice, sentence in NOTICE_SENTENCES.items() if notice in read.notices - {Notice.NOBODY}
    ]


def _lists_in(matches: list[Match]) -> Lists:
    """The lists that anybody found stands on: a filter for one list alone would be no choice."""
    found = Lists.NONE
    for match in matches:
        found |= match.query.lists
    return found


def _download(content: bytes, media_type: str, name: str) -> Response[Any]:
    headers = {**NO_STORE, "content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media_type, headers=headers)
