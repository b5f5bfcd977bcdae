"""Who of a member's kept list has arrived."""

import asyncio
from uuid import UUID

from directory.queries import Lists
from web.auth.member_context import MemberContext
from web.middleware.rate_limit import Allowance
from web.pages.selection import Order, Page, View, page_of, select_matches


async def arrived_of(context: MemberContext, member: UUID, number: int, allowance: Allowance) -> Page | None:
    """Returns a page of those who are here, the newest first. None where too many people were asked for in the last
    minute: the rest of the page is shown all the same."""
    kept = await context.members.follow_lists.find(member, Lists.FOLLOWING)
    if kept is None:
        return Page((), 1, 1, 0)
    if allowance.is_exceeded:
        return None
    async with context.services.large_matches:
        matches = await context.services.lookup.match_packed(kept.queries(), with_evidence=False)
    view = View(order=Order.NEWEST, page=number)
    return await asyncio.to_thread(lambda: page_of(matches, select_matches(matches, view), view))
