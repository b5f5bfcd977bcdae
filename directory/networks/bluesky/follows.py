"""Follows for a member on Bluesky: records in the member's own repository, many to a call.

A record's key is chosen and stored before the call that makes it. A call that is repeated, or that arrives late, meets
the key that it made itself: nothing is doubled.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final, Self

from directory.clock import Clock
from directory.errors import InvalidIdentifier
from directory.follows.port import Attempt, Followed, Outcome, Told
from directory.follows.reasons import Reason
from directory.follows.runs import Budget, Run, RunKind
from directory.follows.states import ItemState, RunState
from directory.identifiers import Did
from directory.networks.answers import Answer
from directory.networks.bluesky import points
from directory.networks.bluesky.mutes import Mutes
from directory.networks.bluesky.points import Allowances, Granted
from directory.networks.bluesky.repo import Repo
from directory.networks.bluesky.settling import LookForPart, Part, SendPart, Settled, Settling
from directory.networks.bluesky.tids import Tids, is_tid
from directory.networks.bluesky.ways import way_of
from directory.networks.bluesky.wire import Send
from directory.networks.bluesky.xrpc import Xrpc
from directory.networks.http import TOO_MANY_REQUESTS
from directory.networks.port import TokenSet
from directory.networks.sign_in_errors import NeedsSignIn

_BLOCKED: Final = (ItemState.FAILED, Reason.BLOCKED)
_FOLLOWED: Final = (ItemState.SKIPPED, Reason.FOLLOWED_THERE)


class BlueskyFollows:
    """The port's `FollowSession` for one run on Bluesky. A context manager: it closes what it opened.

    The kind that its methods take is that of the run.
    """

    def __init__(  # noqa: PLR0913 - the parts of a session, which `BlueskySessions` puts together
        self, run: Run, tokens: TokenSet, *, origin: str, send: Send, allowances: Allowances, clock: Clock
    ) -> None:
        """`origin` is the account's own server by its present DID document, seen to be one that `tokens.server` signs
        in; `send` acts with `tokens` (`wire.acting_as`); `allowances` is one for the whole process.

        Use `BlueskySessions.open(run, tokens)`, which puts all of it together.
        """
        self._did = Did.parse(tokens.account_id)
        self._scope = tokens.scope
        self._clock = clock
        self._allowances = allowances
        self._xrpc = Xrpc(origin, send, self._note)
        self._way = way_of(run, Repo(self._xrpc, self._did), Mutes(self._xrpc), clock)
        self._is_undoing = run.state is RunState.UNDOING
        self._tids = Tids()
        self._refused_until: datetime | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._xrpc.close()

    @property
    def batch(self) -> int:
        return self._way.batch

    async def read_followed(self, kind: RunKind) -> Sequence[Followed]:
        """Reads whom the account follows, blocks or mutes now, or who is on the run's list."""
        _ = kind
        self._require_permission()
        return list(_followed(await self._way.read()))

    def name(self, item: Attempt, now: datetime) -> str:
        """Chooses the key of a record. A key that was chosen before stays: a call that is still on its way then meets
        its own record."""
        if not self._way.is_named or is_tid(item.remote):
            return item.remote
        return self._tids.next(now)

    def affordable(self, budget: Budget, now: datetime) -> int:
        """Returns how many items may be sent now, a batch at most."""
        if not self._cost:
            return self.batch if self.next_slot(budget, now) <= now else 0
        return min(points.affordable(budget, self._said(now), self._cost, now), self.batch)

    def next_slot(self, budget: Budget, now: datetime) -> datetime:
        return points.next_slot(budget, self._said(now), self._cost, now)

    async def find_opposed(self, kind: RunKind, items: Sequence[Attempt]) -> Sequence[Outcome]:
        """Reads whom the account has blocked, or follows."""
        self._require_permission()
        numbers = await self._way.find_opposed([item for item in items if self._is_possible(item)])
        opposed = [item for item in items if item.number in numbers]
        return list(_outcomes(opposed, *(_FOLLOWED if kind is RunKind.BLOCK else _BLOCKED)))

    async def follow(self, kind: RunKind, items: Sequence[Attempt]) -> Told:
        """Writes records for all of them with one call; with more only where the server refuses that one."""
        _ = kind
        self._require_permission()
        possible = [item for item in items if self._is_possible(item)]
        settled = await self._settle(self._way.add, self._find_made, self._way.create_points, possible)
        settled.refused += [item for item in items if not self._is_possible(item)]
        outcomes = (
            *_outcomes(settled.done + settled.found, ItemState.FOLLOWED),
            *_outcomes(settled.refused, ItemState.FAILED, Reason.REFUSED),
            *_outcomes(settled.unsent, ItemState.PENDING),
            *_outcomes(settled.unknown, ItemState.SENT),
        )
        return self._told(outcomes, settled, self._way.create_points)

    async def look(self, kind: RunKind, items: Sequence[Attempt]) -> Told:
        """Looks for the record of each, and for another one that names the person meanwhile."""
        _ = kind
        self._require_permission()
        if not items:
            return Told((), 0)
        found = await self._way.find(items)
        here = [item for item in items if item.number in found.own]
        gone = [item for item in items if item.number not in found.own and item.number not in found.others]
        others = (Outcome(number, ItemState.ALREADY, remote=key) for number, key in found.others.items())
        return Told(
            (*_outcomes(here, ItemState.FOLLOWED), *others, *_outcomes(gone, ItemState.PENDING)), spent=0
        )

    async def undo(self, kind: RunKind, items: Sequence[Attempt]) -> Told:
        """Deletes exactly the records of these keys. What is refused, or was not reached, stays as it is."""
        _ = kind
        self._require_permission()
        named = [item for item in items if not self._way.is_named or is_tid(item.remote)]
        settled = await self._settle(self._way.remove, self._find_gone, self._way.delete_points, named)
        settled.found += [item for item in items if item not in named]
        if not settled.is_limited:
            await self._way.end_undo()
        outcomes = (
            *_outcomes(settled.done + settled.found, ItemState.UNDONE),
            *_outcomes(settled.refused, ItemState.FOLLOWED, Reason.REFUSED),
        )
        return self._told(outcomes, settled, self._way.delete_points)

    @property
    def _cost(self) -> int:
        return self._way.delete_points if self._is_undoing else self._way.create_points

    def _require_permission(self) -> None:
        """Raises NeedsSignIn where the permission does not reach so far: the server would refuse each call."""
        if not self._way.is_allowed(self._scope):
            raise NeedsSignIn(self._xrpc.host, "the permission does not reach so far")

    def _is_possible(self, item: Attempt) -> bool:
        return isinstance(item.account.id, Did) and item.account.id != self._did

    async def _settle(self, send: SendPart, look: LookForPart, cost: int, items: Part) -> Settled:
        def affords(writes: int) -> bool:
            said = self._said(self._clock.now())
            return all(granted.left >= (writes * cost if granted.is_points else 1) for granted in said)

        return await Settling(send, look, affords).run(items, one_by_one=self._way.is_one_by_one)

    async def _find_made(self, part: Part) -> Collection[int]:
        return (await self._way.find(part)).own

    async def _find_gone(self, part: Part) -> Collection[int]:
        return {item.number for item in part} - (await self._way.find(part)).own

    def _said(self, now: datetime) -> list[Granted]:
        return self._allowances.of(str(self._did), now)

    def _note(self, answer: Answer) -> None:
        """Hears what the server says of its limits."""
        now = self._clock.now()
        granted = Granted.read(answer, now)
        if granted is not None:
            self._allowances.note(str(self._did), granted)
        if answer.status == TOO_MANY_REQUESTS:
            self._refused_until = points.wait_after_429(answer, now)

    def _told(self, outcomes: Sequence[Outcome], settled: Settled, cost: int) -> Told:
        """Waits as the server asks: after a refusal, and where it says that less is left than one item costs."""
        said = self._said(self._clock.now())
        ends = [granted.until for granted in said if granted.left < (cost if granted.is_points else 1)]
        if settled.is_limited and self._refused_until is not None:
            ends.append(self._refused_until)
        return Told(tuple(outcomes), settled.writes * cost, max(ends, default=None))


def _outcomes(items: Iterable[Attempt], state: ItemState, reason: Reason = Reason.NONE) -> Iterator[Outcome]:
    return (Outcome(item.number, state, reason, item.remote) for item in items)


def _followed(people: Iterable[tuple[str, str]]) -> Iterator[Followed]:
    for subject, key in people:
        with suppress(InvalidIdentifier):
            yield Followed(Did.parse(subject), "", key)
