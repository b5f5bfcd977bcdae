"""One step of a follow run: what is due of it now, one batch at most, over the session of its network.

A person is marked as sent, under the name that the follow will have, before anything is sent; so whatever is killed in
between, the next step asks the network what became of them. Right before that, the directory is asked again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, TypeVar

import structlog

from directory.accounts import TargetAccount
from directory.answer_times import LIST_TIMEOUT_S
from directory.clock import Clock
from directory.courtesy import QUIET_S, give_way
from directory.follows.budget import DAY, LIMITS
from directory.follows.port import Attempt, FollowSession, Told
from directory.follows.proof import present_account
from directory.follows.reasons import FOR_ALL, Reason
from directory.follows.runs import NEEDS_SIGN_IN, Item, Run, RunKind
from directory.follows.states import ItemState, RunMove, RunState
from directory.follows.switches import Switches
from directory.follows.tally import count_outcomes, count_result
from directory.follows.times import day_of_all
from directory.mappings import Network
from directory.members.errors import ProofLapsed
from directory.members.rechecks import may_be_anothers
from directory.networks.errors import BadStatus, NetworkError
from directory.networks.port import TokenSet, purpose_of
from directory.networks.sign_in_errors import NeedsSignIn, PermissionSealed, SignInError
from directory.services.following import Following, host_of
from directory.services.lookup import Lookup
from directory.services.permissions import Permissions, Refresh
from directory.store.follow_steps import Outlook, Step, StepLost, StepStore

STEP_S: Final = 45.0
"""For all calls of one step; the job's own limit is behind it."""
AFTER_FAILURE: Final = timedelta(minutes=1)
"""Before the next try at a server that could not be asked; hosts that go on failing are left alone for longer."""
AFTER_429: Final = timedelta(minutes=5)
"""Where a server says 429 and not for how long."""
WHILE_OFF: Final = timedelta(minutes=10)
"""Before a run looks again that the operators' switches hold, or whose account may be somebody else's."""
WHILE_SEALED: Final = timedelta(minutes=10)
"""Before a run whose permission cannot be opened looks again: the key may come back, and no run ends for that."""
DAY_MAY_CHANGE: Final = timedelta(hours=1)
"""The operators can move the day on which all runs begin."""
AFTER_NOTHING: Final = timedelta(minutes=1)
"""After a call that changed nothing."""
READ_ANEW_AFTER: Final = timedelta(minutes=10)
"""After a wait so long it is read anew who is followed already: the member may have followed some of them by hand, and on
Bluesky whoever is followed twice is there twice."""
REQUESTED_LONG_AGO: Final = timedelta(days=1)
"""Whoever has not answered in this time is looked at once more when the run ends."""
LOOK_AT_ONCE: Final = 40
AT_ONCE: Final = 32
"""People who are held against the directory between two turns: a quarter of a millisecond."""
TOO_MANY_REQUESTS: Final = 429

OpenSession = Callable[[Run, TokenSet], AbstractAsyncContextManager[FollowSession]]
"""Opens a session that acts as the run's account."""
Home = Callable[[TokenSet], Awaitable[str]]
"""Returns the host of the server that holds the account of the tokens."""

Warned = Callable[[Sequence[TargetAccount]], Awaitable[Mapping[str, Reason]]]
"""Returns why people are not to be followed, by the texts of their ids; nothing of the others. Raises NetworkError."""

T = TypeVar("T")
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowNetwork:
    """A network that people can be followed on. `home` is None where the tokens name the server that is asked. `warned` is
    None where the session itself finds out who is gone or labelled."""

    open: OpenSession
    refresh: Refresh
    home: Home | None = None
    warned: Warned | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepParts:
    """What steps are made of. `no_run_before` is the day that the operators set for all runs; None where they set none."""

    store: StepStore
    following: Following
    permissions: Permissions
    lookup: Lookup
    networks: Mapping[Network, FollowNetwork]
    switches: Switches
    no_run_before: Callable[[], date | None]
    clock: Clock
    step_s: float = STEP_S


class RunSteps:
    """The steps of all runs."""

    def __init__(self, parts: StepParts) -> None:
        self._parts = parts
        self._store = parts.store
        self._clock = parts.clock

    async def claim(self, busy: Collection[str] = ()) -> Step | None:
        """Claims the run that has been due for longest, none at a `busy` host. Returns None where none is due."""
        return await self._store.claim_step(self._clock.now(), busy)

    async def release(self, step: Step) -> None:
        """Releases a step that was broken off: it is due again now."""
        await self._store.release_step(step, self._clock.now())

    async def take(self, step: Step) -> None:
        """Takes a claimed step, and makes the next one due. Whatever ends it in the middle, nothing is lost or doubled."""
        try:
            if not await self._waits(step):
                await self._work(step)
        except StepLost:
            return

    async def _waits(self, step: Step) -> bool:
        """Reschedules a step whose time has not come, or starts its run. Returns False where there is work to do now."""
        run, now = step.run, self._clock.now()
        account = await self._store.find_account(step)
        if account is not None and may_be_anothers(account, now):
            await self._store.reschedule_step(step, now + WHILE_OFF, ProofLapsed.code)
            return True
        if run.state is RunState.UNDOING and run.network in self._parts.networks:
            return False
        if run.state is RunState.UNDOING or self._is_off(run):
            await self._store.reschedule_step(step, now + WHILE_OFF, Reason.SWITCHED_OFF.label)
        elif (due := self._begins(run, now)) > now:
            await self._store.reschedule_step(step, due, "planned")
        elif run.state is RunState.PLANNED:
            await self._store.move(step, RunMove.START, now)
        else:
            return False
        return True

    def _begins(self, run: Run, now: datetime) -> datetime:
        """Returns when a run is to be looked at for its beginning; not after now where it may begin."""
        day = day_of_all(self._parts.no_run_before(), run.id)
        if day is not None and day > max(run.starts_at, now):
            return min(day, now + DAY_MAY_CHANGE)
        return min(run.starts_at, now + DAY) if run.state is RunState.RUNNING else run.starts_at

    def _is_off(self, run: Run) -> bool:
        return run.network not in self._parts.networks or self._parts.switches.stop_run(run.network, run.host)

    async def _work(self, step: Step) -> None:
        deadline = asyncio.get_running_loop().time() + self._parts.step_s
        network, used = self._parts.networks[step.run.network], None
        try:
            await give_way(QUIET_S)
            used = await self._parts.permissions.fresh(
                step.run.account, purpose_of(step.run.kind), network.refresh
            )
            if await self._learn_host(step, network, used):
                return
            async with network.open(step.run, used) as session:
                await _Visit(self._parts, step, session, deadline).make()
        except PermissionSealed as error:
            log.warning("a permission cannot be opened", run=str(step.run.id), reason=error.why)
            await self._store.reschedule_step(step, self._clock.now() + WHILE_SEALED, NEEDS_SIGN_IN)
        except NeedsSignIn:
            await self._lose(step, used)
        except (NetworkError, SignInError, TimeoutError) as error:
            await self._put_off(step, error)

    async def _learn_host(self, step: Step, network: FollowNetwork, tokens: TokenSet) -> bool:
        """Notes which host the run asks, where that was not known: a run is begun before its member gives the permission, and
        goes on after an account moved. Returns whether it was not: the step is then claimed anew, as slots, pauses and the
        operators' switches are by host."""
        if step.run.host and (step.run.is_read or network.home is None):
            return False
        host = await network.home(tokens) if network.home is not None else host_of(tokens.server)
        if host == step.run.host:
            return False
        await self._store.note_host(step, host, self._clock.now())
        return True

    async def _lose(self, step: Step, used: TokenSet | None) -> None:
        """Has the run wait for a sign-in; or go on at once, where one was finished since the step began."""
        await self._store.lose_permission(step, self._clock.now())
        try:
            kept = await self._parts.permissions.read(step.run.account, purpose_of(step.run.kind))
        except NeedsSignIn:
            return
        if used is None or kept.access != used.access:
            await self._parts.following.permission_given(step.run.account)

    async def _put_off(self, step: Step, error: Exception) -> None:
        now = self._clock.now()
        due = now + AFTER_FAILURE
        if isinstance(error, BadStatus) and error.status == TOO_MANY_REQUESTS:
            due = now + AFTER_429
            await self._store.hold(step, due, now)
        await self._store.reschedule_step(step, due, getattr(error, "code", "too-slow"))


class _Visit:
    """One step over an open session. Each method raises what the session raises, TimeoutError, and StepLost."""

    def __init__(self, parts: StepParts, step: Step, session: FollowSession, deadline: float) -> None:
        self._parts = parts
        self._store = parts.store
        self._step = step
        self._run = step.run
        self._session = session
        self._deadline = deadline

    async def make(self) -> None:
        """Does what is due, one batch of each, and makes the next step due or ends the run."""
        if self._run.state is RunState.UNDOING:
            is_done = await self._undo()
        else:
            await self._read()
            await self._look()
            is_done = await self._follow()
        await self._go_on(None if is_done else AFTER_NOTHING)

    async def _read(self) -> None:
        if not self._run.is_read and (await self._outlook()).budget.not_before is None:
            followed = await self._call(self._session.read_followed(self._run.kind))
            await give_way(QUIET_S)
            found = await self._store.record_followed(self._step, followed, self._now())
            count_result(self._run.network, ItemState.ALREADY.label, Reason.ALREADY_FOLLOWED, found)

    async def _look(self) -> None:
        if (await self._outlook()).budget.not_before is not None:
            return
        await give_way(QUIET_S)
        items = await self._store.read_due_looks(
            self._step, self._now(), max(self._session.batch, LOOK_AT_ONCE)
        )
        if items:
            told = await self._call(self._session.look(self._run.kind, _attempts(items)))
            await self._record(told, is_look=True)

    async def _look_at_requested(self) -> bool:
        """Looks once at people who were asked long ago, before the run ends. Returns whether there were any."""
        limit = max(self._session.batch, LOOK_AT_ONCE)
        items = await self._store.read_requested(self._step, self._now() - REQUESTED_LONG_AGO, limit)
        if items:
            told = await self._call(self._session.look(self._run.kind, _attempts(items)))
            await self._record(told, is_look=True)
        return bool(items)

    async def _follow(self) -> bool:
        """Follows the next few. Returns False where nothing came of it."""
        while self._has_time():
            room = self._room(await self._outlook())
            await give_way(QUIET_S)
            items = await self._store.read_items(self._step, ItemState.PENDING, room) if room else []
            if not items:
                return True
            attempts = await self._unopposed(await self._still_meant(items))
            if attempts:
                return await self._send(attempts)
        return True

    async def _unopposed(self, attempts: Sequence[Attempt]) -> Sequence[Attempt]:
        """Records for whom the member has chosen the opposite at their server. Returns the others, who are pending still."""
        if not attempts:
            return attempts
        opposed = await self._call(self._session.find_opposed(self._run.kind, attempts))
        if opposed:
            await self._record(Told(tuple(opposed), 0))
        numbers = {each.number for each in opposed}
        return [each for each in attempts if each.number not in numbers]

    async def _send(self, attempts: Sequence[Attempt]) -> bool:
        points = LIMITS[self._run.network].create * len(attempts)
        await give_way(QUIET_S)
        await self._store.send(self._step, attempts, points, self._now())
        told = await self._call(self._session.follow(self._run.kind, attempts))
        await self._record(told, prepaid=points)
        for each in told.outcomes:
            if each.reason in FOR_ALL:
                await self._store.fail_pending(self._step, each.reason, self._now())
                break
        return any(each.state is not ItemState.PENDING for each in told.outcomes)

    async def _still_meant(self, items: Sequence[Item]) -> list[Attempt]:
        """Asks the directory again whom each query means, skips those who are not meant any more, and names the rest."""
        await give_way(QUIET_S)
        queries = [each.query for each in items]
        found = await self._parts.lookup.match_few(queries, with_evidence=False, timeout_s=LIST_TIMEOUT_S)
        await give_way(QUIET_S)
        ignored = await self._ignored(items)
        matches = {match.query: match for match in found}
        skipped, attempts = dict.fromkeys(ignored, Reason.CHOSEN_AWAY), list[Attempt]()
        for place, item in enumerate(items, 1):
            if place % AT_ONCE == 0:
                await give_way()
            if item.number in ignored:
                continue
            account = present_account(item, matches.get(item.query), self._run.kind)
            if isinstance(account, Reason):
                skipped[item.number] = account
            elif self._parts.switches.stop_target(account):
                skipped[item.number] = Reason.SWITCHED_OFF
            else:
                unnamed = Attempt(item.number, account, item.remote)
                remote = item.remote or self._session.name(unnamed, self._now())
                attempts.append(Attempt(item.number, account, remote))
        skipped |= (warned := await self._warned(attempts))
        if skipped:
            await give_way(QUIET_S)
            await self._store.skip(self._step, skipped, self._now())
            for reason in skipped.values():
                count_result(self._run.network, ItemState.SKIPPED.label, reason)
        return [each for each in attempts if each.number not in warned]

    async def _warned(self, attempts: Sequence[Attempt]) -> dict[int, Reason]:
        """Returns the numbers of those whom the network's moderators warn of, or who are gone."""
        warned = self._parts.networks[self._run.network].warned
        if self._run.kind is not RunKind.FOLLOW or warned is None or not attempts:
            return {}
        told = await self._call(warned([each.account for each in attempts]))
        return {each.number: told[str(each.account.id)] for each in attempts if str(each.account.id) in told}

    async def _ignored(self, items: Sequence[Item]) -> frozenset[int]:
        """Returns the numbers of those whom the member has ignored since the plan."""
        if self._run.kind is not RunKind.FOLLOW:
            return frozenset()
        ids = {each.number: {str(each.account.id), each.bridge_of} for each in items}
        ignored = await self._store.find_ignored(self._step, list(set().union(*ids.values())))
        return frozenset(number for number, named in ids.items() if named & ignored)

    async def _undo(self) -> bool:
        """Takes back the next few. Returns False where nothing came of it."""
        room = self._room(await self._outlook())
        items = await self._store.read_items(self._step, ItemState.UNDOING, room) if room else []
        if not items:
            return True
        points = LIMITS[self._run.network].delete * len(items)
        await self._store.spend(self._step, points, self._now())
        told = await self._call(self._session.undo(self._run.kind, _attempts(items)))
        await self._record(told, prepaid=points)
        return any(each.state is not ItemState.UNDOING for each in told.outcomes)

    async def _go_on(self, pause: timedelta | None) -> None:
        """Makes the next step due, or ends the run."""
        outlook, now = await self._outlook(), self._now()
        is_left = outlook.has_undoing if self._run.state is RunState.UNDOING else not outlook.is_empty
        if not is_left and self._run.state is not RunState.UNDOING and await self._look_at_requested():
            await self._store.reschedule_step(self._step, now)
        elif not is_left:
            await give_way(QUIET_S)
            await self._store.finish(self._step, now)
        else:
            due = self._next_due(outlook, now)
            due = due if pause is None else max(due, now + pause)
            if self._run.network is Network.BLUESKY and due - now >= READ_ANEW_AFTER:
                await self._store.read_anew(self._step)
            await self._store.reschedule_step(self._step, due, "" if due <= now else "waits")

    def _next_due(self, outlook: Outlook, now: datetime) -> datetime:
        times = [] if outlook.look_due is None else [outlook.look_due]
        if outlook.has_pending or self._run.state is RunState.UNDOING:
            times.append(now if self._room(outlook) else self._session.next_slot(outlook.budget, now))
        wait = outlook.budget.not_before
        due = min(times)
        if not self._room(outlook):
            due = max(due, now + timedelta(seconds=1))  # a slot in the past would be asked for ever
        return max(due, now if wait is None else wait)

    def _room(self, outlook: Outlook) -> int:
        """Returns how many may be sent now."""
        if outlook.budget.not_before is not None:
            return 0
        return max(min(self._session.batch, self._session.affordable(outlook.budget, self._now())), 0)

    async def _record(self, told: Told, *, prepaid: int = 0, is_look: bool = False) -> None:
        await give_way(QUIET_S)
        count_outcomes(self._run.network, told.outcomes)
        is_mine = await self._store.record_told(
            self._step, told, self._now(), prepaid=prepaid, is_look=is_look
        )
        if not is_mine:
            raise StepLost

    async def _outlook(self) -> Outlook:
        await give_way(QUIET_S)
        return await self._store.read_outlook(self._step, self._now())

    async def _call(self, call: Awaitable[T]) -> T:
        async with asyncio.timeout_at(self._deadline):
            return await call

    def _has_time(self) -> bool:
        return asyncio.get_running_loop().time() < self._deadline

    def _now(self) -> datetime:
        return self._parts.clock.now()


def _attempts(items: Sequence[Item]) -> list[Attempt]:
    return [Attempt(each.number, each.account, each.remote, each.state, each.looks) for each in items]
