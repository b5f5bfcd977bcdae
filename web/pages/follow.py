"""The page of a plan: choose the account, tick and untick, ignore and restore, then start a run or take files.

An uploaded list is in the form, as on the page of results: never in an address, and nothing of it is kept.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.response import Redirect

from directory.accounts import LinkedAccount
from directory.exports import ExportedFile
from directory.follows.estimate import estimate, number_of_files
from directory.follows.files import blocks_file, follows_file, mutes_file, plan_json, refused
from directory.follows.plan import Wishes, plan_follows
from directory.follows.reasons import Reason
from directory.follows.runs import Plan, Run, Source
from directory.mappings import Network
from directory.queries import Lists, Query, format_lines
from directory.ranking import Answer, Match
from directory.services.planning import UPLOADED, matches_of
from web.auth.journey import Journeys
from web.auth.member_context import NO_STORE, MemberContext, SignedIn
from web.auth.read_only import GOES_ON
from web.follow_services import FollowServices
from web.follow_sentences import REASONS
from web.middleware.rate_limit import ClientKeys, RateLimiter
from web.pages.follow_form import SOURCE_NAMES, SOURCES, Do, FollowForm, Part, read_follow_form
from web.pages.follow_permit import permission_page
from web.pages.plan_rows import PlanPage, Span, count_reasons, plan_page
from web.pages.results_form import Action, ResultsForm
from web.pages.selection import View
from web.pages.ticks import is_ticked, toggled_after
from web.pages.uploads import read_uploads
from web.rendering import is_fragment

FOLLOW_PATH: Final = "/account/follow"
MAX_AHEAD: Final = timedelta(days=366)
"""How far ahead a run may be planned."""
MAX_LINKS: Final = 10_000
"""How many links one page holds."""


_NO_RESULTS: Final = ResultsForm([], False, [], View(), Action.SHOW, frozenset(), frozenset())


class Planned(msgspec.Struct, frozen=True):
    """A plan, and what it was made from. `uploaded` are the people of an uploaded list who were found."""

    form: FollowForm
    account: LinkedAccount
    accounts: Sequence[LinkedAccount]
    uploaded: Sequence[Query]
    matches: Sequence[Match]
    toggled: frozenset[str]
    wishes: Wishes
    plan: Plan

    @property
    def network(self) -> Network:
        return self.wishes.network


@get(FOLLOW_PATH, include_in_schema=False)
async def follow_page(
    request: Request[Any, Any, Any],
    context: NamedDependency[MemberContext],
    me: NamedDependency[SignedIn],
    source: str = "",
) -> Response[Any]:
    """Shows where a plan can come from; or the plan of a list that is kept here."""
    chosen = SOURCES.get(source)
    if chosen is None or chosen in UPLOADED:
        return await _start_page(request, context, me)
    form = FollowForm(_NO_RESULTS, chosen, None, Do.SHOW, Part.WANTED, "", "", None)
    planned = await _plan(context, me, form, [])
    return await _plan_page(request, context, me, planned)


@post(FOLLOW_PATH, status_code=200, include_in_schema=False, opt=GOES_ON)
async def follow(
    request: Request[Any, Any, Any],
    context: NamedDependency[MemberContext],
    me: NamedDependency[SignedIn],
    journeys: NamedDependency[Journeys],
    pair_limiter: NamedDependency[RateLimiter],
    client_keys: NamedDependency[ClientKeys],
) -> Response[Any]:
    """Plans, and does what the pressed button says."""
    form = await read_follow_form(request)
    if form.changes:
        await context.my_form(request)
        context.require_writable()
    read = await read_uploads(form.results.uploads)
    people = form.results.queries + (read.people if read else [])
    pair_limiter.take(client_keys.key_of(request.scope), max(1, len(people))).check()
    async with context.services.large_matches:
        await _ignore_or_restore(context, me, form)
        planned = await _plan(context, me, form, people)
        if (file := await asyncio.to_thread(_file, planned)) is not None:
            return _download(file)
        if form.do is Do.LINKS:
            links = planned.plan.wanted[:MAX_LINKS]
            return context.page(request, "follow_links.html", people=links, network=planned.network)
        if form.do is Do.START and planned.plan.wanted and _starts(context, form) is not None:
            return await _start(request, context, journeys, planned)
        return await _plan_page(request, context, me, planned)


async def _plan(context: MemberContext, me: SignedIn, form: FollowForm, people: Sequence[Query]) -> Planned:
    follows = follows_of(context)
    own = await context.members.membership.accounts(me.member)
    accounts = [each for each in own if each.target is not None and not each.is_lapsed]
    if not accounts:
        raise NotFoundException
    account = next((each for each in accounts if each.id == (form.account or me.account)), accounts[0])
    found = await follows.planning.match(me.member, form.source, people)
    matches = matches_of(form.source, found)
    shown = form.results
    toggled = toggled_after(matches, shown.view.toggled, shown.shown, shown.ticked)
    wishes = await follows.planning.wishes(account, own, partial(_is_ticked, toggled=toggled))
    plan = await asyncio.to_thread(plan_follows, matches, wishes)
    uploaded = [match.query for match in found] if form.source in UPLOADED else []
    return Planned(form, account, accounts, uploaded, matches, toggled, wishes, plan)


async def _ignore_or_restore(context: MemberContext, me: SignedIn, form: FollowForm) -> None:
    """Ignores or restores one person, on the network of the account that the form names."""
    if not (form.ignore or form.restore):
        return
    held = await context.members.membership.accounts(me.member)
    account = next((each for each in held if each.id == (form.account or me.account)), None)
    if account is None or account.network.target is None:
        return
    planning = follows_of(context).planning
    if form.ignore:
        await planning.ignore(me.member, account.network.target, form.ignore)
    else:
        await planning.restore(me.member, account.network.target, form.restore)


async def _start(
    request: Request[Any, Any, Any], context: MemberContext, journeys: Journeys, planned: Planned
) -> Response[Any]:
    """Stores the run, then asks for the permission where there is none: nothing of the plan is lost on the way."""
    account = planned.account
    run = await follows_of(context).following.start(
        account.member,
        account.id,
        planned.plan,
        source=planned.form.source,
        starts_at=_starts(context, planned.form),
    )
    return await permission_page(request, context, journeys, account, run.id, said="started")


def _starts(context: MemberContext, form: FollowForm) -> datetime | None:
    """Returns when a run starts. None for a day that is too far ahead."""
    now = context.services.clock.now()
    if form.starts_on is None:
        return now
    chosen = datetime.combine(form.starts_on, time(), UTC)
    return max(now, chosen) if chosen - now < MAX_AHEAD else None


async def _plan_page(
    request: Request[Any, Any, Any], context: MemberContext, me: SignedIn, planned: Planned
) -> Response[Any]:
    follows, form = follows_of(context), planned.form
    page = await asyncio.to_thread(
        plan_page,
        planned.plan,
        planned.matches,
        form.part,
        form.results.view.page,
        frozenset(planned.wishes.ignored),
    )
    shown = [row.account for row in page.rows if row.account is not None]
    faces = await follows.faces.of(
        planned.network, [each for each in shown if each.network.target is planned.network]
    )
    template = "_plan.html" if is_fragment(request) else "plan.html"
    return context.page(
        request,
        template,
        form_token=me.form_token,
        faces=faces,
        open_run=await _open_run(follows, planned.account),
        is_too_far=form.do is Do.START and _starts(context, form) is None,
        today=context.services.clock.now().date(),
        **_values(planned, page),
    )


def _values(planned: Planned, page: PlanPage) -> dict[str, Any]:
    form, count = planned.form, len(planned.plan.wanted)
    return {
        "page": page,
        "source": SOURCE_NAMES[form.source],
        "is_uploaded": form.source in UPLOADED,
        "has_followers": any(Lists.FOLLOWER in query.lists for query in planned.uploaded),
        "account": planned.account,
        "accounts": planned.accounts,
        "network": planned.network.value,
        "wanted": count,
        "left_out": len(planned.plan.left_out),
        "reasons": [(REASONS[reason], number) for reason, number in count_reasons(planned.plan)],
        "sentences": REASONS,
        "other_network": Reason.OTHER_NETWORK,
        "span": Span.of(estimate(planned.network, count)),
        "files": number_of_files(count),
        "blocked": len(refused(planned.matches, Lists.BLOCK)),
        "muted": len(refused(planned.matches, Lists.MUTE)),
        "pairs": "\n".join(format_lines(planned.uploaded)),
        "toggled": " ".join(sorted(planned.toggled)),
        "found": len(planned.matches),
    }


async def _start_page(request: Request[Any, Any, Any], context: MemberContext, me: SignedIn) -> Response[Any]:
    follows = follows_of(context)
    sizes = await context.members.follow_lists.sizes(me.member)
    return context.page(
        request,
        "follow.html",
        form_token=me.form_token,
        people=sizes.get(Lists.FOLLOWING, 0),
        newcomers=await follows.planning.count_newcomers(me.member),
        runs=await follows.following.list_of(me.member),
        upload_max_mb=context.services.settings.upload_max_mb,
    )


def follows_of(context: MemberContext) -> FollowServices:
    """Returns the services of follows. Raises NotFoundException where the operators let nobody be followed."""
    if context.members.follows is None:
        raise NotFoundException
    return context.members.follows


async def _open_run(follows: FollowServices, account: LinkedAccount) -> Run | None:
    runs = await follows.following.list_of(account.member)
    return next((run for run in runs if run.account == account.id and run.state.is_open), None)


def _file(planned: Planned) -> ExportedFile | None:
    """Makes the file that the pressed button asks for; None for the other buttons."""
    match planned.form.do:
        case Do.FOLLOWS if planned.network is Network.MASTODON:
            return follows_file(planned.plan.wanted)
        case Do.BLOCKS:
            return blocks_file(planned.matches)
        case Do.MUTES:
            return mutes_file(planned.matches)
        case Do.JSON:
            return plan_json(planned.network, planned.plan.wanted)
        case _:
            return None


def _download(file: ExportedFile) -> Response[Any]:
    headers = {**NO_STORE, "content-disposition": f'attachment; filename="{file.name}"'}
    return Response(file.content, media_type=file.media_type, headers=headers)


def _is_ticked(query: Query, answer: Answer, *, toggled: frozenset[str]) -> bool:
    return is_ticked(query, answer, toggled)
