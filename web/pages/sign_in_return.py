"""The way back from a network: signed in, asked whether this is the account that was meant, or refused."""

from collections.abc import Awaitable
from contextlib import nullcontext
from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Redirect

from directory.accounts import AccountNetwork
from directory.members.errors import LapsedSignIn, RegistrationClosed
from directory.members.sign_ins import MAX_STATE_CHARS
from directory.networks.sign_in_errors import SignInError
from web.auth.follow_journey import Permitted
from web.auth.forms import form_token, read_form, text_of
from web.auth.journey import CALLBACKS, Arrival, Journeys, Question
from web.auth.member_context import NO_STORE, AtBrowser, MemberContext
from web.auth.read_only import GOES_ON
from web.auth.sentences import MEMBER
from web.pages.follow_permit import back_to
from web.pages.sign_in import failed_page, sign_in_page


@get(
    [
        CALLBACKS[AccountNetwork.BLUESKY],
        CALLBACKS[AccountNetwork.X],
        f"{CALLBACKS[AccountNetwork.MASTODON]}/{{host:str}}",
    ],
    include_in_schema=False,
)
async def callback(
    request: Request[Any, Any, Any],
    context: NamedDependency[MemberContext],
    journeys: NamedDependency[Journeys],
    host: Annotated[str, PathParameter(max_length=255)] = "",
) -> Response[Any]:
    """Finishes a sign-in. Who it is comes from the network, and from this browser's cookie."""
    _ = host  # part of the callback address, which is compared as a whole
    at = await context.at_browser(request)
    network = next(network for network, path in CALLBACKS.items() if request.url.path.startswith(path))
    arriving = journeys.arrive(network, _whole_address(request, context.base_url), at)
    return await _land(request, context, at, arriving)


@post("/sign-in/answer", status_code=303, include_in_schema=False, opt=GOES_ON)
async def answer(
    request: Request[Any, Any, Any],
    context: NamedDependency[MemberContext],
    journeys: NamedDependency[Journeys],
) -> Response[Any]:
    """Goes on as the account that is not the one that was typed, or starts again."""
    at = await context.at_browser(request)
    form = await read_form(request, at.session if at.me is not None else at.browser, context.base_url)
    waiting = text_of(form, "waiting", MAX_STATE_CHARS)
    if text_of(form, "answer") == "go-on":
        return await _land(request, context, at, journeys.go_on(waiting, at))
    await journeys.drop(waiting, at)
    return Redirect("/sign-in", status_code=303, headers=dict(NO_STORE))


async def _land(
    request: Request[Any, Any, Any],
    context: MemberContext,
    at: AtBrowser,
    arriving: Awaitable[Arrival | Question | Permitted],
) -> Response[Any]:
    try:
        async with context.turns.of(at.me.member) if at.me is not None else nullcontext():
            landed = await arriving
    except SignInError as failure:
        return failed_page(request, context, at, failure)
    except RegistrationClosed as refusal:
        return sign_in_page(request, context, at, error=MEMBER[refusal.code])
    except LapsedSignIn as refusal:
        return _refused(request, context, at, refusal)
    if isinstance(landed, Question):
        return _asked(request, context, at, landed)
    if isinstance(landed, Permitted):
        return back_to(landed.run, landed.said)
    home = Redirect(_next_page(landed), status_code=303, headers=dict(NO_STORE))
    if landed.token is not None:
        context.cookies.keep_session(home, landed.token)
    context.cookies.forget_browser(home)
    return home


def _asked(
    request: Request[Any, Any, Any], context: MemberContext, at: AtBrowser, question: Question
) -> Response[Any]:
    """Asks whether the account that signed in is the one that is meant."""
    page = context.page(
        request,
        "other_account.html",
        typed=question.typed,
        account=question.account,
        waiting=question.waiting,
        is_linking=at.me is not None,
        form_token=_form_token(at),
    )
    context.cookies.keep_browser(page, at.browser)
    return page


def _refused(
    request: Request[Any, Any, Any], context: MemberContext, at: AtBrowser, refusal: LapsedSignIn
) -> Response[Any]:
    """Tells why a lapsed account opens nothing, and offers to begin a new membership with it."""
    page = context.page(
        request,
        "lapsed.html",
        status=403,
        account=refusal.account,
        sentence=MEMBER[refusal.code],
        may_begin=refusal.account.network is not AccountNetwork.X
        and context.services.instance.now.takes_members,
        form_token=_form_token(at),
    )
    context.cookies.keep_browser(page, at.browser)
    return page


def _form_token(at: AtBrowser) -> str:
    return at.me.form_token if at.me is not None else form_token(at.browser)


def _next_page(arrival: Arrival) -> str:
    """Returns the page to continue with: publishing, for somebody who has just proven an X account."""
    if arrival.is_new_member:
        return "/account/prove"
    has_proven_x = arrival.token is None and arrival.account.network is AccountNetwork.X
    return "/account/publish" if has_proven_x else "/account"


def _whole_address(request: Request[Any, Any, Any], base_url: str) -> str:
    """Returns the address as the network was given it; behind a proxy the request itself does not know it."""
    query = request.scope["query_string"].decode("latin-1")
    return f"{base_url}{request.url.path}?{query}"
