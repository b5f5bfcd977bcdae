"""Follows, blocks and mutes as one account of a server with the Mastodon API.

What is known by then is stored by the caller: an answer tells of each item what became of it, as far as it went. Nobody
is followed who is followed already, and none is asked twice: Takahē and GoToSocial take a second follow for a change of
the first, and whoever declined would be asked again.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from types import TracebackType
from typing import Final, Self

import msgspec

from directory.accounts import MastodonAccount
from directory.clock import Clock
from directory.follows.budget import DAY, LIMITS
from directory.follows.port import Attempt, Followed, FollowSession, Outcome, Told
from directory.follows.reasons import FOR_ALL, Reason
from directory.follows.runs import Budget, Run, RunKind
from directory.follows.states import ItemState
from directory.mappings import Network
from directory.networks.errors import BadAnswer, NetworkError
from directory.networks.http import GuardedClient
from directory.networks.limits import Limits
from directory.networks.mastodon.api import SEARCH_LIMITS, Act, Api, AskedToWait, is_silence
from directory.networks.mastodon.calls import Call
from directory.networks.mastodon.entities import Relationship
from directory.networks.mastodon.existing import followed_by
from directory.networks.mastodon.finding import Finder, Fingers, Found, Lost
from directory.networks.mastodon.verdicts import (
    after_act,
    after_look,
    after_refusal,
    after_undo,
    before_act,
    is_undone,
    not_undone,
    still_sent,
)
from directory.networks.mastodon.wire import Wire
from directory.networks.port import TokenSet
from directory.networks.sign_in_errors import NeedsSignIn, SignInError

BATCH: Final = 20
REQUESTS_AN_ITEM: Final = 3
"""At most, to find one and to follow it."""


class _Deed(msgspec.Struct, frozen=True):
    """What a run of one kind does, takes back, and needs."""

    do: Act
    take_back: Act
    scopes: frozenset[str]


_DEEDS: Final = {
    RunKind.FOLLOW: _Deed(Act.FOLLOW, Act.UNFOLLOW, frozenset({"write:follows", "write", "follow"})),
    RunKind.BLOCK: _Deed(Act.BLOCK, Act.UNBLOCK, frozenset({"write:blocks", "write", "follow"})),
    RunKind.MUTE: _Deed(Act.MUTE, Act.UNMUTE, frozenset({"write:mutes", "write", "follow"})),
}


class MastodonFollows:
    """The `FollowSession` of a server with the Mastodon API. A context manager; it holds nothing open."""

    def __init__(
        self,
        http: GuardedClient,
        clock: Clock,
        fingers: Fingers,
        tokens: TokenSet,
        *,
        search_limits: Limits = SEARCH_LIMITS,
    ) -> None:
        """`http` and `fingers` are made once a process (`Fingers(http, clock)`); `tokens` are those of the run's account
        with Purpose.FOLLOW, fresh. One session a step, used by one task."""
        self._wire = Wire(http, tokens.server, tokens.access)
        self._api = Api(self._wire, clock, search_limits=search_limits)
        self._finder = Finder(self._api, fingers)
        self._fingers = fingers
        self._clock = clock
        self._tokens = tokens

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the session."""

    @property
    def batch(self) -> int:
        """How many items one call takes at most."""
        return BATCH

    @property
    def requests(self) -> int:
        """How many requests this session has sent to the member's server."""
        return self._wire.requests

    def name(self, item: Attempt, now: datetime) -> str:
        """Returns what is known: the server names accounts itself."""
        _ = now
        return item.remote

    def affordable(self, budget: Budget, now: datetime) -> int:
        """Returns how many may be sent now, by the follows of the day and by the headers of this session."""
        if self._must_wait(budget, now):
            return 0
        return max(0, min(BATCH, _left_today(budget, now)))

    def next_slot(self, budget: Budget, now: datetime) -> datetime:
        """Returns when the next may be sent."""
        day_ends = budget.day_began + DAY if _left_today(budget, now) <= 0 else now
        return max(now, day_ends, self._must_wait(budget, now) or now)

    async def read_followed(self, kind: RunKind) -> Sequence[Followed]:
        """Reads whom the account follows. Blocks and mutes are not read, for which more scope would be needed: before
        each the relationship is looked at."""
        if kind is not RunKind.FOLLOW:
            return ()
        me = await self._api.me()
        return [one async for one in followed_by(self._api, self._fingers, me)]

    async def find_opposed(self, kind: RunKind, items: Sequence[Attempt]) -> Sequence[Outcome]:
        """Asks nobody: `follow` asks the server of each how the member stands to them."""
        _ = kind, items
        return ()

    async def follow(self, kind: RunKind, items: Sequence[Attempt]) -> Told:
        """Follows (or blocks, or mutes) one after the other; at the first trouble with the server it ends."""
        deed = self._deed(kind)
        call = Call(items)
        found = await self._found(call, items)
        rows = await self._relationships(call, list(found.values()))
        for_all = Reason.NONE
        for number, id_ in found.items():
            if for_all is not Reason.NONE:
                call.know(Outcome(number, ItemState.FAILED, for_all, id_))
                continue
            if call.is_over:
                break
            before = before_act(kind, number, id_, rows.get(id_))
            outcome = before or await self._done(call, deed, kind, number, id_)
            if outcome is not None:
                call.know(outcome)
                for_all = outcome.reason if outcome.reason in FOR_ALL else Reason.NONE
        return call.told()

    async def look(self, kind: RunKind, items: Sequence[Attempt]) -> Told:
        """Finds what became of items that may have been sent. Tells nothing of those that it did not get to."""
        call = Call(items)
        ids = await self._seen(call, items, ItemState.PENDING, still_sent)
        rows = await self._relationships(call, list(ids.values()))
        for item in items:
            if item.number in ids and not call.is_ended:
                id_ = ids[item.number]
                call.know(after_look(kind, item, id_, rows.get(id_)))
        return call.told(with_rest=False)

    async def undo(self, kind: RunKind, items: Sequence[Attempt]) -> Told:
        """Unfollows, or withdraws the request. Tells nothing of those that it did not get to."""
        deed = self._deed(kind)
        call = Call(items)
        for number, id_ in (await self._seen(call, items, ItemState.UNDONE, not_undone)).items():
            if call.is_over:
                break
            try:
                said = await self._api.act(deed.take_back, id_)
            except (NetworkError, NeedsSignIn) as error:
                call.end(error)
                break
            rows = {} if is_undone(said) else await self._relationships(call, [id_])
            if not call.is_ended:
                call.know(after_undo(kind, number, id_, said, rows.get(id_)))
        return call.told(with_rest=False)

    async def _found(self, call: Call, items: Sequence[Attempt]) -> dict[int, str]:
        """Finds accounts. Returns their ids by number."""
        found: dict[int, str] = {}
        for item in items:
            # Each that was found takes one more request to follow, and all together one about relationships.
            call.short_until = self._short_until(REQUESTS_AN_ITEM + len(found) + 1)
            if call.is_over or call.short_until is not None:
                break
            if not isinstance(item.account, MastodonAccount):
                call.know(Outcome(item.number, ItemState.FAILED, Reason.OTHER_NETWORK))
                continue
            try:
                seen = await self._finder.find(item.account)
            except (NetworkError, NeedsSignIn) as error:
                call.end(error)
                break
            if isinstance(seen, Lost):
                call.know(Outcome(item.number, ItemState.FAILED, seen.reason, moved_to=seen.moved_to))
            else:
                found[item.number] = seen.id
        return found

    async def _seen(
        self, call: Call, items: Sequence[Attempt], unseen: ItemState, unclear: Callable[[Attempt], Outcome]
    ) -> dict[int, str]:
        """Returns the ids of items that were sent, by number. Whom the server has not seen was not followed there;
        `unclear` tells what is said of those whom it cannot look up, though it is well."""
        ids = {item.number: item.remote for item in items if item.remote}
        for item in items:
            if call.is_over or item.number in ids or not isinstance(item.account, MastodonAccount):
                continue
            try:
                found = await self._seen_one(item.account)
            except (NetworkError, NeedsSignIn) as error:
                call.end(error)
                break
            if isinstance(found, Found):
                ids[item.number] = found.id
            else:
                call.know(unclear(item) if found is None else Outcome(item.number, unseen))
        return ids

    async def _seen_one(self, account: MastodonAccount) -> Found | Lost | None:
        """Finds an account among those that the server has seen. Returns None where that is unclear, and the server is
        well. Raises NeedsSignIn and NetworkError."""
        try:
            return await self._finder.find_seen(account)
        except NeedsSignIn:
            raise
        except (BadAnswer, SignInError):
            await self._api.me()
            return None

    async def _relationships(self, call: Call, ids: list[str]) -> dict[str, Relationship]:
        """Fetches relationships; none where that ends the call."""
        if not ids or call.is_ended:
            return {}
        try:
            return await self._api.relationships(ids)
        except (NetworkError, NeedsSignIn) as error:
            call.end(error)
            return {}

    async def _done(self, call: Call, deed: _Deed, kind: RunKind, number: int, id_: str) -> Outcome | None:
        """Does one, once. Returns None where it was not sent."""
        call.wait_until = self._short_until(1, follows=1)
        if call.wait_until is not None:
            return None
        counts = int(kind is RunKind.FOLLOW)
        try:
            said = await self._api.act(deed.do, id_)
        except (NetworkError, NeedsSignIn) as error:
            may_have_arrived = isinstance(error, NetworkError) and error.may_have_arrived
            if not may_have_arrived or isinstance(error, AskedToWait):
                call.end(error)
                return None
            call.spent += counts
            # Under its id it is looked at and given up; without it, a look may find that nothing was sent.
            outcome = Outcome(number, ItemState.SENT, Reason.NONE, id_ if is_silence(error) else "")
            call.know(outcome)
            call.end(error)
            return outcome
        call.spent += counts
        outcome_ = after_act(kind, number, id_, said)
        if outcome_ is None:
            rows = await self._relationships(call, [id_])
            outcome_ = after_refusal(kind, number, id_, said, rows.get(id_))
        return outcome_

    def _deed(self, kind: RunKind) -> _Deed:
        """Returns what a run does. Raises NeedsSignIn where the permission does not suffice for it."""
        deed = _DEEDS[kind]
        if deed.scopes.isdisjoint(self._tokens.scope.split()):
            raise NeedsSignIn(self._tokens.server, "the permission does not suffice for that")
        return deed

    def _short_until(self, requests: int, *, follows: int = 0) -> datetime | None:
        """Returns until when the headers leave too little for what is to come; None where they leave enough."""
        return self._api.allowance.wait_for(requests, self._clock.now(), follows=follows)

    def _must_wait(self, budget: Budget, now: datetime) -> datetime | None:
        told = self._api.allowance.wait_for(REQUESTS_AN_ITEM, now, follows=1)
        asked = budget.not_before if budget.not_before is not None and budget.not_before > now else None
        return max((time for time in (told, asked) if time is not None), default=None)


def _left_today(budget: Budget, now: datetime) -> int:
    spent = budget.day_spent if now < budget.day_began + DAY else 0
    return LIMITS[Network.MASTODON].day - spent


class MastodonSessions:
    """Opens sessions, one for each step of a run. One of these serves a whole process."""

    def __init__(self, http: GuardedClient, clock: Clock) -> None:
        self._http = http
        self._clock = clock
        self._fingers = Fingers(http, clock)

    def open(self, _run: Run, tokens: TokenSet) -> AbstractAsyncContextManager[FollowSession]:
        """Opens a session that acts with these tokens."""
        return MastodonFollows(self._http, self._clock, self._fingers, tokens)
