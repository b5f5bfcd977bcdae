"""A network that remembers follows, as a run sees it: it can be killed at any call, says 429, hangs, and loses permissions.

It says of itself nothing about a real network: it holds a run to the contract of `directory.follows.port`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from directory.accounts import TargetAccount
from directory.clock import Clock
from directory.follows.port import Attempt, Followed, Outcome, Told
from directory.follows.reasons import Reason
from directory.follows.runs import Budget, Run, RunKind
from directory.follows.states import ItemState
from directory.networks.errors import BadStatus, Unreachable
from directory.networks.port import TokenSet
from directory.networks.sign_in_errors import NeedsSignIn

HOUR: Final = timedelta(hours=1)


class Killed(Exception):
    """The process ended here: nothing after this was done."""


@dataclass(kw_only=True)
class FakeNetwork:
    """The follows of one account. With `names_records` it is like Bluesky: a follow has the name that was chosen before, and
    one made twice is there twice; else like Mastodon."""

    clock: Clock
    batch: int = 20
    names_records: bool = True
    points_an_hour: int = 1_000_000
    """What the run is told of; `limit` is what the network itself lets through an hour."""
    limit: int = 1_000_000
    locked: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    blocked: set[str] = field(default_factory=set)
    """Whom the member has blocked there, which is read before anybody is followed."""
    unread: Exception | None = None
    """What keeps it from being read whom they have blocked."""
    moved: dict[str, TargetAccount | None] = field(default_factory=dict)
    """Those who moved, with where to, if that can be told."""
    slow_to_tell: bool = False
    """Whether a follow is only told as sent, and seen later."""
    never_takes: bool = False
    lost: set[str] = field(default_factory=set)
    """Access tokens that the network takes no more."""
    is_down: bool = False
    hangs: bool = False
    kill_in: int | None = None
    """After so many more points the process is killed: a point is before and after each change and each call."""
    before_call: Callable[[str], object] | None = None
    before_answer: Callable[[], object] | None = None
    """After a call has followed, and before its answer is on its way."""
    records: list[tuple[str, str]] = field(default_factory=list)
    """Names and targets of what is followed now."""
    made: set[str] = field(default_factory=set)
    """All names that were ever used."""
    asked: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    """Targets that a follow was sent for, in order."""
    refusals: list[bool] = field(default_factory=list)
    """Of each change that was asked for, whether it was refused with 429."""
    _hour: tuple[datetime, int] | None = None
    _made: int = 0

    @asynccontextmanager
    async def open(self, run: Run, tokens: TokenSet) -> AsyncIterator["FakeSession"]:
        yield FakeSession(self, tokens.access)

    async def refresh(self, tokens: TokenSet, now: datetime) -> TokenSet:
        raise NeedsSignIn("fake.example", "tokens are never renewed here")

    @property
    def followed(self) -> list[str]:
        """Whom the account follows, each as often as there is a follow."""
        return sorted(target for _, target in self.records)

    def follow_by_hand(self, *targets: str) -> None:
        self.records += [(f"by-hand-{len(self.records) + n}", each) for n, each in enumerate(targets)]

    def unfollow_by_hand(self, target: str) -> None:
        self.records = [each for each in self.records if each[1] != target]

    async def call(self, what: str, access: str) -> None:
        self.asked.append(what)
        if self.before_call is not None:
            result = self.before_call(what)
            if asyncio.iscoroutine(result):
                await result
        self.point()
        if self.hangs:
            await asyncio.Event().wait()
        if self.is_down:
            raise Unreachable("fake.example", "is down")
        if access in self.lost:
            raise NeedsSignIn("fake.example", "the token was revoked")

    def point(self) -> None:
        """The process may be killed here."""
        if self.kill_in is not None:
            self.kill_in -= 1
            if self.kill_in <= 0:
                self.kill_in = None
                raise Killed

    def may_change(self) -> bool:
        now = self.clock.now()
        if self._hour is None or not timedelta() <= now - self._hour[0] < HOUR:
            self._hour = (now, 0)
        if self._hour[1] >= self.limit:
            return False
        self._hour = (self._hour[0], self._hour[1] + 1)
        return True

    def wait_until(self) -> datetime:
        assert self._hour is not None
        return self._hour[0] + HOUR

    def name(self) -> str:
        self._made += 1
        return f"record-{self._made}"


class FakeSession:
    """A session at the fake network."""

    def __init__(self, network: FakeNetwork, access: str) -> None:
        self._network = network
        self._access = access

    @property
    def batch(self) -> int:
        return self._network.batch

    async def read_followed(self, kind: RunKind) -> Sequence[Followed]:
        await self._network.call("read", self._access)
        return [Followed(None, target, remote) for remote, target in self._network.records]

    def name(self, item: Attempt, now: datetime) -> str:
        return self._network.name() if self._network.names_records else item.remote

    def affordable(self, budget: Budget, now: datetime) -> int:
        return max(self._network.points_an_hour - budget.hour_spent, 0) // 3

    def next_slot(self, budget: Budget, now: datetime) -> datetime:
        return now if self.affordable(budget, now) else budget.hour_began + HOUR

    async def find_opposed(self, kind: RunKind, items: Sequence[Attempt]) -> Sequence[Outcome]:
        network = self._network
        if network.unread is not None:
            raise network.unread
        return [
            Outcome(item.number, ItemState.FAILED, Reason.BLOCKED)
            for item in items
            if str(item.account.handle) in network.blocked
        ]

    async def follow(self, kind: RunKind, items: Sequence[Attempt]) -> Told:
        network = self._network
        await network.call("follow", self._access)
        outcomes, spent, wait = [], 0, None
        for item in items:
            if wait is None:
                network.refusals.append(not network.may_change())
                wait = network.wait_until() if network.refusals[-1] else None
            if wait is not None:
                outcomes.append(Outcome(item.number, ItemState.PENDING))
                continue
            network.point()
            outcomes.append(self._make(item))
            spent += 3
            network.point()
        if network.before_answer is not None:
            result = network.before_answer()
            if asyncio.iscoroutine(result):
                await result
        return Told(tuple(outcomes), spent, wait)

    def _make(self, item: Attempt) -> Outcome:
        network, target = self._network, str(item.account.handle)
        network.sent.append(target)
        if target in network.gone:
            return Outcome(item.number, ItemState.FAILED, Reason.GONE)
        if target in network.moved:
            there = network.moved[target]
            return Outcome(item.number, ItemState.FAILED, Reason.MOVED, moved_to=there)
        if network.never_takes:
            return Outcome(item.number, ItemState.SENT)
        remote = item.remote or network.name()
        if not network.names_records and any(target == each for _, each in network.records):
            return Outcome(item.number, ItemState.ALREADY, Reason.ALREADY_FOLLOWED)
        if remote not in network.made:
            network.made.add(remote)
            network.records.append((remote, target))
        if network.slow_to_tell:
            return Outcome(item.number, ItemState.SENT, remote=remote)
        state = ItemState.REQUESTED if target in network.locked else ItemState.FOLLOWED
        return Outcome(item.number, state, remote=remote)

    async def look(self, kind: RunKind, items: Sequence[Attempt]) -> Told:
        network = self._network
        await network.call("look", self._access)
        outcomes = []
        for item in items:
            target = str(item.account.handle)
            names = [name for name, each in network.records if each == target]
            if network.names_records:
                names = [name for name in names if name == item.remote]
            state = ItemState.FOLLOWED if names else ItemState.PENDING
            outcomes.append(Outcome(item.number, state, remote=names[0] if names else ""))
        network.point()
        return Told(tuple(outcomes), 0)

    async def undo(self, kind: RunKind, items: Sequence[Attempt]) -> Told:
        network = self._network
        await network.call("undo", self._access)
        outcomes = []
        for item in items:
            network.point()
            target = str(item.account.handle)
            network.records = [
                (name, each)
                for name, each in network.records
                if (name != item.remote if network.names_records else each != target)
            ]
            outcomes.append(Outcome(item.number, ItemState.UNDONE))
        network.point()
        return Told(tuple(outcomes), len(items))


class BusyNetwork(FakeNetwork):
    """A network that says 429 to every call, with no hint how long."""

    async def call(self, what: str, access: str) -> None:
        await super().call(what, access)
        raise BadStatus("fake.example", 429)
