"""The pages of runs: all of a member's, one with its people, and what can be done with it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, QueryParameter

from directory.follows.states import RunState
from web.auth.journey import Journeys
from web.auth.member_context import MemberContext, SignedIn
from web.auth.read_only import GOES_ON
from web.auth.signed_in import Asked
from web.follow_sentences import SAID, STATES
from web.follow_services import Following
from web.pages.follow import follows_of
from web.pages.follow_permit import back_to, has_permission, permission_page
from web.pages.run_view import RunView, person_row, run_view

RUNS_PATH: Final = "/account/runs"
MAX_SAID_CHARS: Final = 40
MAX_NUMBER: Final = 2**31 - 1
After = Annotated[int, QueryParameter(ge=-1, le=MAX_NUMBER)]
Said = Annotated[str, QueryParameter(max_length=MAX_SAID_CHARS)]

_Act = Callable[[Following, UUID, UUID], Awaitable[bool]]
ACTS: Final[Mapping[str, _Act]] = {
    "pause": lambda following, member, run: following.pause(member, run),
    "resume": lambda following, member, run: following.resume(member, run),
    "cancel": lambda following, member, run: following.cancel(member, run),
    "retry": lambda following, member, run: following.retry_failed(member, run),
    "undo": lambda following, member, run: following.undo(member, run),
}
_FOLLOWS_ON: Final = frozenset({"resume", "retry"})
"""These may follow somebody: they are refused while the instance is read only, and need a permission."""


@get(RUNS_PATH, include_in_schema=False)
async def runs_page(
    request: Request[Any, Any, Any], context: NamedDependency[MemberContext], me: NamedDependency[SignedIn]
) -> Response[Any]:
    """Lists a member's runs."""
    runs = await follows_of(context).following.list_of(me.member)
    accounts = {each.id: each for each in await context.members.membership.accounts(me.member)}
    return context.page(
        request, "runs.html", runs=runs, accounts=accounts, states=STATES, form_token=me.form_token
    )


@get(f"{RUNS_PATH}/{{run_id:uuid}}", include_in_schema=False)
async def run_page(
    request: Request[Any, Any, Any],
    context: NamedDependency[MemberContext],
    me: NamedDependency[SignedIn],
    run_id: FromPath[UUID],
    after: After = -1,
    said: Said = "",
) -> Response[Any]:
    """Shows one run of the member; any other is not found."""
    view = await find_run(context, me.member, run_id)
    values = await run_values(context, me, view, after)
    return context.page(request, "run.html", said=SAID.get(said, ""), **values)


@get(f"{RUNS_PATH}/{{run_id:uuid}}/picture.svg", include_in_schema=False)
async def run_picture(
    request: Request[Any, Any, Any],
    context: NamedDependency[MemberContext],
    me: NamedDependency[SignedIn],
    run_id: FromPath[UUID],
) -> Response[Any]:
    """Serves a picture of how many were found, to share: numbers alone, and nobody's name."""
    view = await find_run(context, me.member, run_id)
    if view.run.state is not RunState.DONE:
        raise NotFoundException
    followed = sum(number for state, _, number in view.counts if state.label in {"followed", "requested"})
    picture = context.page(request, "_run_picture.html", followed=followed)
    headers = {
        "cache-control": "no-store",
        "content-disposition": 'inline; filename="passerelle.svg"',
        "content-security-policy": "default-src 'none'; sandbox",
    }
    return Response(picture.content.encode(), media_type="image/svg+xml", headers=headers)


@post(f"{RUNS_PATH}/{{run_id:uuid}}/permit", status_code=200, include_in_schema=False)
async def permit(
    request: Request[Any, Any, Any],
    context: NamedDependency[MemberContext],
    asked: NamedDependency[Asked],
    journeys: NamedDependency[Journeys],
    run_id: FromPath[UUID],
) -> Response[Any]:
    """Sends the browser to the server of the run's account, to permit follows."""
    view = await find_run(context, asked.member, run_id)
    if view.account is None or not view.run.state.is_open:
        return back_to(run_id, "not-now")
    return await permission_page(request, context, journeys, view.account, run_id, said="permitted")


@post(f"{RUNS_PATH}/{{run_id:uuid}}/{{act:str}}", status_code=200, include_in_schema=False, opt=GOES_ON)
async def act_on_run(
    request: Request[Any, Any, Any],
    context: NamedDependency[MemberContext],
    asked: NamedDependency[Asked],
    journeys: NamedDependency[Journeys],
    run_id: FromPath[UUID],
    act: FromPath[str],
) -> Response[Any]:
    """Pauses, resumes, cancels, retries or undoes a run of the member, and says what happened."""
    view = await find_run(context, asked.member, run_id)
    do = ACTS.get(act)
    if do is None:
        raise NotFoundException
    if act in _FOLLOWS_ON:
        asked.require_writable()
    is_done = await do(follows_of(context).following, asked.member, run_id)
    context.members.wake_jobs()
    if is_done and act != "pause" and act != "cancel" and view.account is not None:
        return await permission_page(request, context, journeys, view.account, run_id, said=act)
    return back_to(run_id, act if is_done else "not-now")


async def find_run(context: MemberContext, member: UUID, run_id: UUID) -> RunView:
    """Finds a run of the member. Raises NotFoundException: nobody is told of another's run."""
    progress = await follows_of(context).following.progress(member, run_id)
    if progress is None or progress.run.member != member:
        raise NotFoundException
    accounts = await context.members.membership.accounts(member)
    account = next((each for each in accounts if each.id == progress.run.account), None)
    return run_view(progress, account, context.services.clock.now())


async def run_values(context: MemberContext, me: SignedIn, view: RunView, after: int) -> dict[str, Any]:
    """Returns what the templates of a run need."""
    items = await follows_of(context).following.items(me.member, view.run.id, after)
    needs_permission = view.account is not None and not await has_permission(context, view.account)
    return {
        "form_token": me.form_token,
        "view": view,
        "people": [person_row(item) for item in items],
        "after": after,
        "next_after": items[-1].number if items and items[-1].number + 1 < view.total else None,
        "needs_permission": needs_permission and view.run.state.is_open,
    }
