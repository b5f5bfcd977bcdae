"""Messages about newcomers: the account they go to, and the link in each of them that stops them.

Programs fetch the links in messages, to show what is behind them: so opening the link changes nothing, and its one button
stops the messages. Whoever holds a link can stop messages, and nothing else: the page names nobody.
"""

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import PathParameter
from litestar.response import Redirect

from directory.accounts import LinkedAccount
from directory.members.consents import PRESENT_VERSION, ConsentKind
from directory.members.errors import UnknownAccount
from directory.members.newcomer_messages import NewcomerMessages
from directory.services.message_texts import LIST_PATH, STOP_PATH
from web.auth.member_context import NO_STORE, MemberContext, SignedIn
from web.auth.read_only import GOES_ON
from web.auth.signed_in import Asked
from web.pages.follow_form import parse_uuid

MESSAGES_PATH: Final = f"{LIST_PATH}/messages"
MAX_CODE_CHARS: Final = 64

StopCode = Annotated[str, PathParameter(max_length=MAX_CODE_CHARS)]


class MessagesView(msgspec.Struct, frozen=True):
    """What the page of the kept list shows of messages: the accounts that can be chosen, and what was chosen."""

    accounts: list[LinkedAccount]
    messages: NewcomerMessages | None
    chosen: LinkedAccount | None
    version: int = PRESENT_VERSION[ConsentKind.ANNOUNCE_NEWCOMERS]

    @property
    def state(self) -> str:
        """Returns the state of the messages. Empty where none were chosen."""
        return self.messages.state.label if self.messages is not None else ""


async def view_messages(context: MemberContext, me: SignedIn) -> MessagesView:
    """Returns what is chosen, and what can be."""
    accounts = await context.members.membership.accounts(me.member)
    offered = context.members.messages.offered
    messages = await context.members.messages.of_member(me.member)
    chosen = messages.account if messages is not None else None
    return MessagesView(
        [each for each in accounts if each.network in offered and not each.is_lapsed],
        messages,
        next((each for each in accounts if each.id == chosen), None),
    )


@post(MESSAGES_PATH, status_code=303, include_in_schema=False)
async def choose(
    request: Request[Any, Any, Any], context: NamedDependency[MemberContext], asked: NamedDependency[Asked]
) -> Redirect:
    """Gives the consent to the text that was shown, and chooses the account that gets the messages."""
    await asked.members.messages.choose(
        asked.member,
        _account_of(asked.text("account")),
        asked.version,
        context.renderer.language_of(request),
    )
    asked.members.wake_jobs()
    return _to_list()


@post(f"{MESSAGES_PATH}/stop", status_code=303, include_in_schema=False, opt=GOES_ON)
async def stop_mine(asked: NamedDependency[Asked]) -> Redirect:
    """Stops the messages of the member."""
    await asked.members.consenting.withdraw(asked.member, ConsentKind.ANNOUNCE_NEWCOMERS)
    return _to_list()


@post(f"{MESSAGES_PATH}/resume", status_code=303, include_in_schema=False)
async def resume(
    request: Request[Any, Any, Any], context: NamedDependency[MemberContext], asked: NamedDependency[Asked]
) -> Redirect:
    """Takes a stop back: the member consents again, and the messages go on."""
    await asked.members.messages.resume(asked.member, context.renderer.language_of(request))
    asked.members.wake_jobs()
    return _to_list()


@get(f"{STOP_PATH}{{code:str}}", include_in_schema=False)
async def stop_page(
    request: Request[Any, Any, Any], context: NamedDependency[MemberContext], code: StopCode
) -> Response[Any]:
    """Shows the button that stops messages. Changes nothing."""
    return await _stop_page(request, context, await _messages_of(context, code))


@post(f"{STOP_PATH}{{code:str}}", status_code=200, include_in_schema=False, opt=GOES_ON)
async def stop(
    request: Request[Any, Any, Any], context: NamedDependency[MemberContext], code: StopCode
) -> Response[Any]:
    """Stops messages by their link, without a sign-in: the code says enough."""
    await context.members.messages.stop(await _messages_of(context, code))
    return await _stop_page(request, context, await _messages_of(context, code))


async def _messages_of(context: MemberContext, code: str) -> NewcomerMessages:
    messages = await context.members.messages.of_code(code)
    if messages is None:
        raise NotFoundException
    return messages


async def _stop_page(
    request: Request[Any, Any, Any], context: MemberContext, messages: NewcomerMessages
) -> Response[Any]:
    me = (await context.at_browser(request)).me
    is_mine = me is not None and me.member == messages.member
    return context.page(
        request,
        "stop_messages.html",
        is_active=messages.state.label == "active",
        is_undoable=is_mine and messages.network in context.members.messages.offered,
        form_token=me.form_token if me is not None else "",
    )


def _account_of(text: str) -> UUID:
    account = parse_uuid(text)
    if account is None:
        raise UnknownAccount
    return account


def _to_list() -> Redirect:
    return Redirect(f"{LIST_PATH}#messages", status_code=303, headers=dict(NO_STORE))
