"""What a member wants for newcomers on their kept list: followed for them, told about, or neither."""

from typing import Final
from uuid import UUID

import msgspec
from litestar import Response, post
from litestar.di import NamedDependency

from directory.accounts import LinkedAccount
from directory.follows.errors import FollowsOff
from directory.members.consents import PRESENT_VERSION, ConsentKind
from directory.members.errors import UnknownAccount
from directory.members.newcomer_messages import MessageState
from web.auth.journey import Journeys
from web.auth.member_context import MemberContext
from web.auth.read_only import GOES_ON
from web.auth.signed_in import Asked, Here
from web.pages.follow_form import parse_uuid
from web.pages.follow_permit import back_to, permission_page

NEWCOMERS_PATH: Final = "/account/list/newcomers"
OFF: Final = "off"
TELL: Final = "tell"
CHOOSE_ACCOUNT: Final = "choose-account"


class NewcomerWish(msgspec.Struct, frozen=True):
    """What is chosen now: OFF, TELL or the id of an account; and the accounts that could follow. Where nobody is followed any
    more, that is the end of what was chosen before."""

    is_on: bool
    chosen: str
    accounts: list[LinkedAccount]
    version: int


async def wish_of(context: MemberContext, member: UUID) -> NewcomerWish | None:
    """Returns what a member wants for newcomers. None where nobody is followed here, but for a wish that stands: it can
    still be ended."""
    follows = context.members.follows
    standing = await follows.planning.standing(member)
    if not follows.is_on and not standing:
        return None
    accounts = await context.members.membership.accounts(member)
    standing_with = {each.account for each in standing}
    held = await context.members.consenting.present(member)
    chosen = TELL if ConsentKind.ANNOUNCE_NEWCOMERS in held else OFF
    return NewcomerWish(
        follows.is_on,
        str(standing[0].account) if standing else chosen,
        [
            each
            for each in accounts
            if each.target is not None and not each.is_lapsed and (follows.is_on or each.id in standing_with)
        ],
        PRESENT_VERSION[ConsentKind.ANNOUNCE_NEWCOMERS],
    )


@post(NEWCOMERS_PATH, status_code=200, include_in_schema=False, opt=GOES_ON)
async def choose_for_newcomers(
    here: NamedDependency[Here], asked: NamedDependency[Asked], journeys: NamedDependency[Journeys]
) -> Response[object]:
    """Saves what the member wants for newcomers, and asks for the permission that following needs."""
    chosen, context = asked.text("newcomers"), here.context
    if chosen not in {OFF, TELL}:
        asked.require_writable()
        return await _follow_with(here, journeys, chosen)
    if chosen == TELL:
        asked.require_writable()
        await asked.members.consenting.give(asked.member, ConsentKind.ANNOUNCE_NEWCOMERS, asked.version)
    else:
        await asked.members.consenting.withdraw(asked.member, ConsentKind.ANNOUNCE_NEWCOMERS)
    await _stop_following(context, asked.member)
    return back_to(None, await _said_of(asked, chosen))


async def _said_of(asked: Asked, chosen: str) -> str:
    """Returns the code of what is said: nobody is told anything before an account is chosen for the messages."""
    if chosen != TELL or not asked.members.messages.offered:
        return chosen
    messages = await asked.members.messages.of_member(asked.member)
    is_told = messages is not None and messages.state is MessageState.ACTIVE
    return TELL if is_told else CHOOSE_ACCOUNT


async def _follow_with(here: Here, journeys: Journeys, chosen: str) -> Response[object]:
    """Follows newcomers with one account of the member from now on. Raises UnknownAccount, FollowsOff."""
    if not here.context.members.follows.is_on:
        raise FollowsOff
    member, wanted = here.me.member, parse_uuid(chosen)
    wish = await wish_of(here.context, member)
    account = next((each for each in wish.accounts if each.id == wanted), None) if wish is not None else None
    if account is None:
        raise UnknownAccount
    await here.context.members.follows.planning.set_standing(member, [account.id])
    return await permission_page(here, journeys, account, back_to(None, "follow"))


async def _stop_following(context: MemberContext, member: UUID) -> None:
    """Follows no newcomers any more. A permission that nothing else needs is given back."""
    await context.members.follows.planning.set_standing(member, [])
    context.members.wake_jobs()
