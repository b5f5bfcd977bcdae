"""The page of a plan: choose the account, tick and untick, ignore and restore, then start a run or take files.

An uploaded list is in the form, as on the page of results: never in an address, and nothing of it is kept.
"""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery

from directory.accounts import LinkedAccount
from directory.exports import ExportedFile, list_file, listed_accounts, number_of_files
from directory.follows.errors import NoAccount, RunOpen
from directory.follows.estimate import estimate
from directory.follows.files import follows_file, plan_json
from directory.follows.plan import may_be_bridged, plan_follows
from directory.follows.reasons import Reason
from directory.follows.refusals import plan_refusals
from directory.follows.runs import Run, RunKind, Source
from directory.mappings import Network
from directory.networks.callers import current_caller
from directory.queries import Lists, Query, format_lines
from directory.ranking import Answer, Match
from directory.services.following import Asked as RunWish
from directory.services.planning import UPLOADED, matches_of
from web.auth.errors import SIGN_IN_AT
from web.auth.journey import Journeys
from web.auth.member_context import MemberContext
from web.auth.read_only import GOES_ON
from web.auth.signed_in import Here
from web.follow_sentences import REASONS
from web.follow_services import FollowServices
from web.held_answers import HeldAnswer
from web.middleware.rate_limit import ClientKeys, RateLimiter
from web.pages.downloads import download
from web.pages.follow_form import RUNS, SOURCE_NAMES, SOURCES, Do, FollowForm, Part, read_follow_form
from web.pages.follow_permit import back_to, permission_page
from web.pages.links import LINKS_PAGE, links_to_wanted
from web.pages.plan_faces import look_of_page
from web.pages.plan_rows import PlanPage, Span, count_reasons, plan_page
from web.pages.planned import Planned, count_refusals, estimate_elsewhere, look_at_bridges
from web.pages.results_form import Action, ResultsForm
from web.pages.selection import View
from web.pages.sign_in import TO_FOLLOW
from web.pages.tick_keys import write_keys
from web.pages.ticks import is_ticked, toggled_after
from web.pages.uploads import Sent, read_people
from web.rendering import is_fragment

FOLLOW_PATH: Final = "/account/follow"
MAX_AHEAD: Final = timedelta(days=366)
"""How far ahead a run may be planned."""


_NO_RESULTS: Final = ResultsForm([], False, [], False, 0, 1, View(), Action.SHOW, frozenset(), frozenset())


@get(FOLLOW_PATH, include_in_schema=False)
async def follow_page(
    here: NamedDependency[Here],
    pair_limiter: NamedDependency[RateLimiter],
    client_keys: NamedDependency[ClientKeys],
    source: FromQuery[str] = "",
) -> Response[Any]:
    """Shows where a plan can come from; or the plan of a list that is kept here."""
    chosen = SOURCES.get(source)
    if chosen is None or chosen in UPLOADED:
        return await _start_page(here)
    form = FollowForm(_NO_RESULTS, chosen, None, Do.SHOW, Part.WANTED, "", "", None)
    pair_limiter.take(client_keys.key_of(here.request.scope), await _count(here, chosen, [])).check()
    async with here.context.services.large_matches:
        return await _plan_page(here, await _plan(here, form, Sent([], [])))


# Nothing of the list was kept where nobody is signed in: the sign-in page says so.
@post(
    FOLLOW_PATH,
    status_code=200,
    include_in_schema=False,
    opt={**GOES_ON, SIGN_IN_AT: f"/sign-in?to={TO_FOLLOW}"},
)
async def follow(
    here: NamedDependency[Here],
    journeys: NamedDependency[Journeys],
    pair_limiter: NamedDependency[RateLimiter],
    client_keys: NamedDependency[ClientKeys],
) -> Response[Any]:
    """Plans, and does what the pressed button says."""
    form = await read_follow_form(here.request)
    if form.changes:
        await here.context.my_form(here.request)
        here.context.require_writable()
    sent = await read_people(form.results, here.language)
    number = await _count(here, form.source, sent.people)
    pair_limiter.take(client_keys.key_of(here.request.scope), number).check()
    async with here.context.turns.of(here.me.member) if form.changes else nullcontext():
        return await _plan_and_act(here, journeys, form, sent)


async def _plan_and_act(here: Here, journeys: Journeys, form: FollowForm, sent: Sent) -> Response[Any]:
    async with here.context.services.large_matches:
        planned = await _plan(here, form, sent)
        if form.do is Do.SHOW:
            return await _plan_page(here, planned)
    # No place is held while a bridge is waited for.
    planned = await look_at_bridges(here.context.members.follows.bridging, planned)
    async with here.context.services.large_matches:
        if planned.are_unseen:
            return await _plan_page(here, planned)
        if (file := await asyncio.to_thread(_file, planned)) is not None:
            return HeldAnswer(download(file), here.context.services.held_answers, current_caller().network)
        if form.do is Do.LINKS:
            return here.page(LINKS_PAGE, links=links_to_wanted(planned.network, planned.plan.wanted))
        if form.do not in RUNS or _starts(here.context, form) is None:
            return await _plan_page(here, planned)
        try:
            run = await _start(here, planned)
        except RunOpen as other:
            return back_to(other.run.id, "run-open")
    # No place is held while a server is asked where its permission is given.
    return await permission_page(here, journeys, planned.account, back_to(run.id, "started"), run)


async def _count(here: Here, source: Source, people: Sequence[Query]) -> int:
    """Counts who is to be matched: those that were sent, or all of the kept list, which a match reads. At least one."""
    if source in UPLOADED:
        return max(1, len(people))
    sizes = await here.context.members.follow_lists.sizes(here.me.member)
    return max(1, sizes.get(Lists.FOLLOWING, 0))


async def _plan(here: Here, form: FollowForm, sent: Sent) -> Planned:
    follows, context, me = here.context.members.follows, here.context, here.me
    own = await context.members.membership.accounts(me.member)
    accounts = [each for each in own if each.target is not None and not each.is_lapsed]
    if not accounts:
        raise NoAccount
    account = next((each for each in accounts if each.id == (form.account or me.account)), accounts[0])
    found = await follows.planning.match(me.member, form.source, sent.people)
    matches = matches_of(form.source, found)
    await _ignore_or_restore(here, form, account, matches)
    shown = form.results
    toggled = toggled_after(matches, shown.view.toggled, shown.shown, shown.ticked)
    wishes = await follows.planning.wishes(account, own, partial(_is_ticked, toggled=toggled))
    known = [await follows.faces.known(network, matches) for network in Network]
    wishes = msgspec.structs.replace(wishes, known={key: each for of in known for key, each in of.items()})
    plan = await asyncio.to_thread(plan_follows, matches, wishes)
    uploaded = [match.query for match in found] if form.source in UPLOADED else []
    ticked = form.bridges & may_be_bridged(plan).keys()
    planned = Planned(form, account, accounts, uploaded, matches, toggled, wishes, plan, ticked)
    return msgspec.structs.replace(planned, notices=sent.notices)


async def _ignore_or_restore(
    here: Here, form: FollowForm, account: LinkedAccount, matches: Sequence[Match]
) -> None:
    """Ignores one person of a list, or restores one who is ignored; nobody else, whatever the form says. Raises
    TooManyIgnored."""
    planning, network = here.context.members.follows.planning, account.network.target
    if network is None or not (form.ignore or form.restore):
        return
    if form.ignore in {str(answer.mapping.target_id) for match in matches for answer in match.answers}:
        await planning.ignore(account.member, network, form.ignore)
    if form.restore in await planning.ignored(account.member, network):
        await planning.restore(account.member, network, form.restore)


async def _start(here: Here, planned: Planned) -> Run:
    """Stores the run, before a permission is asked for: nothing of the plan is lost on the way. Raises FollowError."""
    account = planned.account
    kind = RUNS[planned.form.do]
    asked = RunWish(kind=kind, source=planned.form.source, starts_at=_starts(here.context, planned.form))
    plan = planned.plan
    if kind is not RunKind.FOLLOW:
        plan = await asyncio.to_thread(plan_refusals, planned.matches, kind, planned.wishes)
    run = await here.context.members.follows.following.start(account.member, account.id, plan, asked)
    here.context.members.wake_jobs()
    return run


def _starts(context: MemberContext, form: FollowForm) -> datetime | None:
    """Returns when a run starts. None for a day that is too far ahead."""
    now = context.services.clock.now()
    if form.starts_on is None or form.do is not Do.START:
        return now
    chosen = datetime.combine(form.starts_on, time(), UTC)
    return max(now, chosen) if chosen - now < MAX_AHEAD else None


async def _plan_page(here: Here, planned: Planned) -> Response[Any]:
    follows, form, wishes = here.context.members.follows, planned.form, planned.wishes
    number, ignored = form.results.view.page, frozenset(wishes.ignored)
    page = await asyncio.to_thread(plan_page, planned.plan, planned.matches, form.part, number, ignored)
    page, faces = await look_of_page(follows.faces, follows.bridging, wishes, page)
    today, first_day = (
        here.context.services.clock.now().date(),
        here.context.services.instance.now.first_day_of_follows,
    )
    return here.page(
        "_plan.html" if is_fragment(here.request) else "plan.html",
        faces=faces,
        open_run=await _open_run(follows, planned.account),
        is_too_far=form.do is Do.START and _starts(here.context, form) is None,
        today=today,
        first_day=first_day if first_day is not None and first_day > today else None,
        elsewhere=await asyncio.to_thread(estimate_elsewhere, planned),
        **_values(planned, page),
    )


def _values(planned: Planned, page: PlanPage) -> dict[str, Any]:
    form, count = planned.form, len(planned.plan.wanted) + len(planned.bridges)
    return {
        "page": page,
        "notices": planned.notices,
        "source": SOURCE_NAMES[form.source],
        "is_uploaded": form.source in UPLOADED,
        "has_followers": any(Lists.FOLLOWER in query.lists for query in planned.uploaded),
        "account": planned.account,
        "accounts": planned.accounts,
        "network": planned.network.value,
        "wanted": count,
        "left_out": len(planned.plan.left_out) - len(planned.bridges),
        "bridges": planned.bridges,
        "are_unseen": planned.are_unseen,
        "reasons": [(REASONS[reason], number) for reason, number in count_reasons(planned.plan)],
        "sentences": REASONS,
        "other_network": Reason.OTHER_NETWORK,
        "span": Span.of(estimate(planned.network, count)),
        "files": number_of_files(count),
        "blocked": count_refusals(planned, RunKind.BLOCK),
        "muted": count_refusals(planned, RunKind.MUTE),
        "pairs": "\n".join(format_lines(planned.uploaded)),
        "toggled": write_keys(planned.toggled),
        "found": len(planned.matches),
    }


async def _start_page(here: Here) -> Response[Any]:
    follows, member = here.context.members.follows, here.me.member
    sizes = await here.context.members.follow_lists.sizes(member)
    return here.page(
        "follow.html",
        people=sizes.get(Lists.FOLLOWING, 0),
        newcomers=await follows.planning.count_newcomers(member),
        runs=await follows.following.list_of(member),
        upload_max_mb=here.context.services.settings.upload_max_mb,
    )


async def _open_run(follows: FollowServices, account: LinkedAccount) -> Run | None:
    runs = await follows.following.list_of(account.member)
    return next((run for run in runs if run.account == account.id and run.state.is_open), None)


def _file(planned: Planned) -> ExportedFile | None:
    """Makes the file that the pressed button asks for; None for the other buttons."""
    match planned.form.do:
        case Do.FOLLOWS if planned.network is Network.MASTODON:
            return follows_file(planned.plan.wanted)
        case Do.BLOCKS:
            return list_file(listed_accounts(planned.matches, Lists.BLOCK), Lists.BLOCK)
        case Do.MUTES:
            return list_file(listed_accounts(planned.matches, Lists.MUTE), Lists.MUTE)
        case Do.JSON:
            return plan_json(planned.network, planned.plan.wanted)
        case _:
            return None


def _is_ticked(query: Query, answer: Answer, *, toggled: frozenset[str]) -> bool:
    return is_ticked(query, answer, toggled)
