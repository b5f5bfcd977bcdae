"""The pages of runs: all of a member's, one with its people, and what can be done with it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, QueryParameter

from directory.follows.errors import NotNow, RunOpen
from directory.follows.runs import RunKind
from directory.follows.states import RunState
from directory.networks.port import purpose_of
from directory.services.following import Following
from web.auth.journey import Journeys
from web.auth.read_only import GOES_ON
from web.auth.signed_in import Asked, Here
from web.pages.follow_permit import back_to, has_permission, permission_page
from web.pages.run_view import RunView, person_row, run_view
from web.run_kind_sentences import WORDS, said_of, states_of

RUNS_PATH: Final = "/account/runs"
MAX_SAID_CHARS: Final = 40
MAX_NUMBER: Final = 2**31 - 1
After = Annotated[int, QueryParameter(ge=-1, le=MAX_NUMBER)]
Said = Annotated[str, QueryParameter(max_length=MAX_SAID_CHARS)]

_Act = Callable[[Following, UUID, UUID], Awaitable[object]]
ACTS: Final[Mapping[str, _Act]] = {
    "pause": lambda following, member, run: following.pause(member, run),
    "resume": lambda following, member, run: following.resume(member, run),
    "cancel": lambda following, member, run: following.cancel(member, run),
    "retry": lambda following, member, run: following.retry_failed(member, run),
    "undo": lambda following, member, run: following.undo(member, run),
}
_FOLLOW_SOMEBODY: Final = frozenset({"resume", "retry"})
"""These are refused while the instance is read only."""
_NEED_PERMISSION: Final = _FOLLOW_SOMEBODY | {"undo"}
PICTURE_HEADERS: Final = {
    "cache-control": "no-store",
    "content-disposition": 'attachment; filename="passerelle.svg"',
}


@get(RUNS_PATH, include_in_schema=False)
async def runs_page(here: NamedDependency[Here]) -> Response[Any]:
    """Lists a member's runs."""
    member = here.me.member
    follows = here.context.members.follows
    runs = await follows.following.list_of(member)
    accounts = {each.id: each for each in await here.context.members.membership.accounts(member)}
    sentences = {run.id: states_of(run.kind)[run.state] for run in runs}
    return here.page(
        "runs.html", has_follows=follows.is_on, runs=runs, accounts=accounts, sentences=sentences, words=WORDS
    )


@get(f"{RUNS_PATH}/{{run_id:uuid}}", include_in_schema=False)
async def run_page(
    here: NamedDependency[Here], run_id: FromPath[UUID], after: After = -1, said: Said = ""
) -> Response[Any]:
    """Shows one run of the member; any other is not found."""
    values = await run_values(here, await find_run(here, run_id), after)
    return here.page("run.html", said=said_of(values["view"].run.kind, said), **values)


@get(f"{RUNS_PATH}/{{run_id:uuid}}/picture.svg", include_in_schema=False)
async def run_picture(here: NamedDependency[Here], run_id: FromPath[UUID]) -> Response[Any]:
    """Serves a picture of how many were found, to share: a number alone, and nobody's name."""
    view = await find_run(here, run_id)
    if view.run.state is not RunState.DONE or view.run.kind is not RunKind.FOLLOW:
        raise NotFoundException
    picture = here.page("_run_picture.html", followed=view.followed)
    return Response(picture.content.encode(), media_type="image/svg+xml", headers=dict(PICTURE_HEADERS))


@post(f"{RUNS_PATH}/{{run_id:uuid}}/permit", status_code=200, include_in_schema=False)
async def permit(
    here: NamedDependency[Here],
    asked: NamedDependency[Asked],
    journeys: NamedDependency[Journeys],
    run_id: FromPath[UUID],
) -> Response[Any]:
    """Sends the browser to the server of the run's account, to permit follows."""
    _ = asked  # the form is one of ours
    view = await find_run(here, run_id)
    if view.account is None or not view.run.state.is_open:
        return back_to(run_id, "not-now")
    return await permission_page(here, journeys, view.account, back_to(run_id, "permitted"), view.run)


@post(f"{RUNS_PATH}/{{run_id:uuid}}/{{act:str}}", status_code=200, include_in_schema=False, opt=GOES_ON)
async def act_on_run(
    here: NamedDependency[Here],
    asked: NamedDependency[Asked],
    journeys: NamedDependency[Journeys],
    run_id: FromPath[UUID],
    act: FromPath[str],
) -> Response[Any]:
    """Pauses, resumes, cancels, retries or undoes a run of the member, and says what happened."""
    view = await find_run(here, run_id)
    if (do := ACTS.get(act)) is None:
        raise NotFoundException
    if act in _FOLLOW_SOMEBODY:
        asked.require_writable()
    try:
        await do(here.context.members.follows.following, asked.member, run_id)
    except NotNow:
        return back_to(run_id, "not-now")
    except RunOpen as other:
        return back_to(other.run.id, "run-open")
    asked.members.wake_jobs()
    if act in _NEED_PERMISSION and view.account is not None:
        return await permission_page(here, journeys, view.account, back_to(run_id, act), view.run)
    return back_to(run_id, act)


async def find_run(here: Here, run_id: UUID) -> RunView:
    """Finds a run of the member. Raises UnknownRun: nobody is told of another's run."""
    progress = await here.context.members.follows.following.progress(here.me.member, run_id)
    accounts = await here.context.members.membership.accounts(here.me.member)
    account = next((each for each in accounts if each.id == progress.run.account), None)
    return run_view(progress, account, here.context.services.clock.now())


async def run_values(here: Here, view: RunView, after: int) -> dict[str, Any]:
    """Returns what the templates of a run need."""
    items = await here.context.members.follows.following.items(here.me.member, view.run.id, after)
    purpose = purpose_of(view.run.kind)
    is_permitted = view.account is not None and await has_permission(here.context, view.account, purpose)
    return {
        "view": view,
        "people": [person_row(item, view.run.kind) for item in items],
        "after": after,
        "next_after": items[-1].number if items and items[-1].number + 1 < view.total else None,
        "needs_permission": view.run.state.is_open
        and view.account is not None
        and (view.run.needs_sign_in or not is_permitted),
    }
