"""Follows newcomers for members who wish it: one batch a day, of people who came since the batch before.

Nobody is followed twice by this: whom a run of that account had before, it leaves alone, whatever the member did since. Whom
a run only skipped, for a doubt that has ended, was never followed.
"""

from datetime import datetime, timedelta
from typing import Final

import structlog

from directory.choosing import is_chosen_unasked
from directory.clock import Clock
from directory.follows.errors import FollowsOff, NothingToFollow, RunOpen, WishEnded
from directory.follows.plan import plan_follows
from directory.follows.runs import Plan, Run, Source, StandingMatch
from directory.members.errors import MemberGone, UnknownAccount
from directory.members.rechecks import may_be_anothers
from directory.services.following import Asked, Following
from directory.services.planning import Planning
from directory.store.members import MemberStore
from directory.store.standing_matches import StandingMatchStore

MAX_BATCH: Final = 1_000
"""People of one batch. More wait for the day after: a flood of arrivals does not fill an account in a night."""
STILL_NEW: Final = timedelta(days=90)
"""For so long newcomers are looked at again. Runs are kept for longer after their end, so whom one had is known."""

log = structlog.get_logger(__name__)


class Standing:
    """The batches of the day."""

    def __init__(
        self,
        store: StandingMatchStore,
        members: MemberStore,
        planning: Planning,
        following: Following,
        clock: Clock,
    ) -> None:
        self._store = store
        self._members = members
        self._planning = planning
        self._following = following
        self._clock = clock

    async def claim(self) -> StandingMatch | None:
        """Claims a wish whose batch of today is still to be made, and whose account has no open run. Returns None where
        there is none."""
        return await self._store.claim_due(self._clock.now())

    async def release(self, wish: StandingMatch) -> None:
        """Makes the batch of a wish due again, as it was before the claim."""
        await self._store.release(wish)

    async def follow_newcomers(self, wish: StandingMatch) -> Run | None:
        """Starts the run of a batch. Returns None where nobody came who may be followed unseen."""
        try:
            plan = await self._plan(wish)
            asked = Asked(source=Source.ARRIVAL, wish=wish)
            return await self._following.start(wish.member, wish.account, plan, asked)
        except RunOpen:
            await self.release(wish)
        except (NothingToFollow, FollowsOff, MemberGone, UnknownAccount, WishEnded) as error:
            await self._store.give_day_back(wish)
            log.debug("no newcomers are followed", reason=type(error).__name__)
        return None

    async def _plan(self, wish: StandingMatch) -> Plan:
        own = await self._members.list_accounts(wish.member)
        account = next((each for each in own if each.id == wish.account), None)
        if account is None or may_be_anothers(account, self._clock.now()):
            raise UnknownAccount
        came = await self._planning.match_newcomers(wish.member, since_of(wish, self._clock.now()))
        plan = plan_follows(came, await self._planning.wishes(account, own, is_chosen_unasked))
        ids = [str(each.account.id) for each in plan.wanted]
        had = await self._store.find_had(wish.account, ids)
        fresh = [each for each in plan.wanted if str(each.account.id) not in had]
        return Plan(tuple(fresh[:MAX_BATCH]), plan.left_out)


def since_of(wish: StandingMatch, now: datetime) -> datetime:
    """Returns from when newcomers count: those of many batches before still do, as a batch has room for some, and a doubt
    can end. Never from before the wish."""
    return max(wish.since, now - STILL_NEW)
