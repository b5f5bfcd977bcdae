"""The sign-in: one field, the way to the network, and this instance's client for Bluesky's servers."""

from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import FormMultiDict
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.response import Redirect

from directory.accounts import AccountNetwork
from directory.errors import InvalidIdentifier
from directory.members.sessions import new_token
from directory.networks.bluesky.client import CLIENT_METADATA_PATH, JWKS_PATH, PublishedClient
from directory.networks.sign_in_errors import OurselvesBusy, SignInError
from directory.pasted.cleaning import MAX_PASTED_CHARS
from directory.proofs.sentence import MAX_TARGETS
from web.auth.forms import form_token, read_form, text_of
from web.auth.journey import Journeys
from web.auth.member_context import AtBrowser, MemberContext
from web.auth.read_only import GOES_ON
from web.auth.sentences import SIGN_IN, UNREAD_ACCOUNT
from web.member_services import MemberServices
from web.middleware.rate_limit import ClientKeys

MAX_TYPED_CHARS: Final = MAX_PASTED_CHARS + 1
"""One more than is taken: what is cut short could be the name of somebody else."""
BUSY_S: Final = 60
"""When to come again, told while all places for requests to other servers are taken."""
TO_FOLLOW: Final = "follow"
"""`?to=`: whoever comes here from a list wanted people followed."""
TO_KEEP: Final = "list"
"""`?to=`: they wanted a list kept."""
_SHOWN_CHARS: Final = 200
_LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")


@get("/sign-in", include_in_schema=False)
async def sign_in(request: Request[Any, Any, Any], context: NamedDependency[MemberContext]) -> Response[Any]:
    """Shows the field and the buttons."""
    if _is_other_name_of_here(request, context.base_url):
        return Redirect(f"{context.base_url}/sign-in")
    at = await context.at_browser(request)
    return Redirect("/account") if at.me is not None else sign_in_page(request, context, at)


@post("/sign-in", status_code=200, include_in_schema=False, opt=GOES_ON)
async def start_sign_in(
    request: Request[Any, Any, Any],
    context: NamedDependency[MemberContext],
    journeys: NamedDependency[Journeys],
    client_keys: NamedDependency[ClientKeys],
) -> Response[Any]:
    """Sends the browser to the network. A member who is signed in links another account this way."""
    context.members.sign_in_limiter.take(client_keys.key_of(request.scope)).check()
    at = await context.at_browser(request)
    if at.me is None and not at.browser:
        # The browser keeps no cookie, or waited for more than an hour: it gets a new form.
        return sign_in_page(request, context, at, error=SIGN_IN["expired"])
    form = await read_form(request, at.session if at.me is not None else at.browser, context.base_url)
    if not at.browser:
        at = msgspec.structs.replace(at, browser=new_token())
    typed = text_of(form, "account", MAX_TYPED_CHARS)
    if at.me is not None:
        context.require_writable()  # they would come back to link another account
    if not typed and text_of(form, "network") == AccountNetwork.MASTODON:
        return _server_page(request, context, at)
    try:
        url = await _depart(context, journeys, form, at)
    except InvalidIdentifier:
        return sign_in_page(request, context, at, typed, UNREAD_ACCOUNT)
    except SignInError as failure:
        return failed_page(request, context, at, failure, typed)
    # Not a redirect: our security policy lets a form lead only to this site.
    headers = {"refresh": f"0;url={url}"}
    leaving = context.page(request, "leaving_for_network.html", headers=headers, url=url)
    context.cookies.keep_browser(leaving, at.browser)
    return leaving


@get(CLIENT_METADATA_PATH, include_in_schema=False)
async def client_metadata(context: NamedDependency[MemberContext]) -> Response[Any]:
    """Serves this instance's client metadata to authorization servers."""
    return _document(_published(context.members).metadata())


@get(JWKS_PATH, include_in_schema=False)
async def client_keys_document(context: NamedDependency[MemberContext]) -> Response[Any]:
    """Serves the public halves of the keys that the client signs with."""
    return _document(_published(context.members).jwks())


async def _depart(context: MemberContext, journeys: Journeys, form: FormMultiDict, at: AtBrowser) -> str:
    """Returns the address to send the browser to. With an empty field, Bluesky's button leads to its largest
    server."""
    typed, asked = text_of(form, "account", MAX_TYPED_CHARS), _asked_network(text_of(form, "network"))
    if not typed and asked is AccountNetwork.BLUESKY:
        typed = context.services.settings.bluesky_server
    names = [str(name)[:MAX_TYPED_CHARS] for name in form.getall("name", [])[:MAX_TARGETS]]
    return await journeys.depart(typed, asked, at, names=names, afresh=text_of(form, "afresh") == "yes")


def _published(members: MemberServices) -> PublishedClient:
    """Returns the published client. Raises NotFoundException on an instance without a public address."""
    if not isinstance(members.bluesky_client, PublishedClient):
        raise NotFoundException
    return members.bluesky_client


def _document(content: dict[str, object]) -> Response[Any]:
    return Response(
        msgspec.json.encode(content),
        media_type="application/json",
        headers={"cache-control": "public, max-age=300"},
    )


def failed_page(
    request: Request[Any, Any, Any],
    context: MemberContext,
    at: AtBrowser,
    failure: SignInError,
    typed: str = "",
) -> Response[Any]:
    """Renders the page with the sentence of a failed sign-in: 503 where it is only we who are busy."""
    answer = sign_in_page(request, context, at, typed, SIGN_IN[failure.code])
    if isinstance(failure, OurselvesBusy):
        answer.status_code = 503
        answer.headers["retry-after"] = str(BUSY_S)
    return answer


def sign_in_page(
    request: Request[Any, Any, Any], context: MemberContext, at: AtBrowser, typed: str = "", error: str = ""
) -> Response[Any]:
    """Renders the sign-in page, with a form that only this browser can send."""
    return _page(request, context, at, typed=typed[:_SHOWN_CHARS], error=context.say(request, error))


def _server_page(request: Request[Any, Any, Any], context: MemberContext, at: AtBrowser) -> Response[Any]:
    """Renders the page that asks somebody who chose Mastodon for their server: it has many."""
    return _page(request, context, at, typed="", error="", asks_server=True)


def _page(
    request: Request[Any, Any, Any], context: MemberContext, at: AtBrowser, **values: Any
) -> Response[Any]:
    browser = at.browser or new_token()
    answer = context.page(
        request,
        "sign_in.html",
        status=400 if values["error"] else 200,
        is_linking=at.me is not None,
        wanted=request.query_params.get("to") if at.me is None else None,
        has_x=context.members.x is not None,
        form_token=at.me.form_token if at.me is not None else form_token(browser),
        **{"asks_server": False, **values},
    )
    context.cookies.keep_browser(answer, browser)
    return answer


def _asked_network(text: str) -> AccountNetwork | None:
    try:
        return AccountNetwork(text)
    except ValueError:
        return None


def _is_other_name_of_here(request: Request[Any, Any, Any], base_url: str) -> bool:
    """Returns whether the page was asked for by another name of this machine.

    For a browser `localhost` and `127.0.0.1` are two hosts, and a cookie belongs to one.
    """
    asked = request.headers.get("host", "")
    here = base_url.partition("://")[2]
    is_local_name = asked.rpartition(":")[0] in _LOOPBACK
    return base_url.startswith("http://127.0.0.1") and is_local_name and asked != here
