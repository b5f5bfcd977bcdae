"""Follow runs, as pages and commands use them: started, paused, resumed, cancelled, undone, shown."""

from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import msgspec

from directory.accounts import LinkedAccount
from directory.clock import Clock
from directory.courtesy import give_way
from directory.follows.budget import end_of
from directory.follows.errors import FollowsOff, NothingToFollow, TooManyPeople
from directory.follows.reasons import Reason
from directory.follows.runs import Budget, Counts, Item, Plan, Run, RunKind, Source, StandingMatch, Wanted
from directory.follows.states import ItemMove, ItemState, RunMove, RunState
from directory.follows.switches import Switches
from directory.mappings import Network
from directory.members.errors import UnknownAccount
from directory.networks.port import purpose_of
from directory.networks.sign_in_errors import NeedsSignIn
from directory.services.permissions import Permissions
from directory.store.follows import FollowStore
from directory.store.members import MemberStore

MAX_PEOPLE: Final = 100_000
"""In one run: as many as a list that is matched at once has."""
AT_ONCE: Final = 500
"""People that are looked through in less than a millisecond."""
PAGE: Final = 100
"""People that are listed at once."""


class Progress(msgspec.Struct, frozen=True):
    """How far a run is. `next_slot` is when its next step is due, None where it does nothing by itself; `ends_at` is when
    it will have ended where nothing comes between, None where that cannot be said; `permission_ends` is when its permission
    is given back, None where it does not wait for its member or none is kept."""

    run: Run
    counts: Counts
    budget: Budget
    next_slot: datetime | None
    ends_at: datetime | None
    permission_ends: datetime | None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a member asked a run for, beside whom it follows. `starts_at`: not before then; None is now. `wish`: the claimed
    wish that starts it, without the member."""

    kind: RunKind = RunKind.FOLLOW
    source: Source = Source.UPLOAD
    title: str = ""
    starts_at: datetime | None = None
    wish: StandingMatch | None = None


class Following:
    """The runs of members."""

    def __init__(
        self,
        store: FollowStore,
        members: MemberStore,
        permissions: Permissions,
        switches: Switches,
        clock: Clock,
    ) -> None:
        self._store = store
        self._members = members
        self._permissions = permissions
        self._switches = switches
        self._clock = clock

    async def start(self, member: UUID, account: UUID, plan: Plan, asked: Asked | None = None) -> Run:
        """Starts a run, which follows whom the plan wants with this account of the member.

        Raises MemberGone, UnknownAccount, RunOpen with the open run, NothingToFollow, TooManyPeople, FollowsOff,
        WishEnded.
        """
        asked = asked or Asked()
        linked = await self._linked(member, account)
        run = self._run(linked, await self._host(linked, asked.kind), asked)
        if self._switches.stop_run(run.network, run.host):
            raise FollowsOff
        left_out = _left_out(plan) if asked.wish is None else []
        await self._store.start_run(run, await self._wanted(linked, plan), asked.wish, left_out)
        return run

    async def pause(self, member: UUID, run: UUID) -> Run:
        """Pauses a run. Raises MemberGone, UnknownRun, NotNow."""
        return await self._store.move_run(member, run, RunMove.PAUSE, self._clock.now())

    async def resume(self, member: UUID, run: UUID) -> Run:
        """Resumes a run that was paused, or had ended. Raises MemberGone, UnknownRun, NotNow, RunOpen."""
        return await self._store.move_run(member, run, RunMove.RESUME, self._clock.now())

    async def cancel(self, member: UUID, run: UUID) -> Run:
        """Ends a run for good; whom it followed stays followed. Raises MemberGone, UnknownRun, NotNow."""
        return await self._store.move_run(member, run, RunMove.CANCEL, self._clock.now())

    async def undo(self, member: UUID, run: UUID) -> Run:
        """Takes back what a run followed, and nothing else. Raises MemberGone, UnknownRun, NotNow, RunOpen."""
        return await self._store.move_run(member, run, RunMove.UNDO, self._clock.now(), ItemMove.UNDO)

    async def retry_failed(self, member: UUID, run: UUID) -> Run:
        """Tries all again that failed. Raises MemberGone, UnknownRun, NotNow where nobody failed, RunOpen."""
        return await self._store.retry_failed(member, run, self._clock.now())

    async def permission_given(self, account: UUID) -> Run | None:
        """Resumes the run of an account that waits for a sign-in: the permission was kept just now. Returns the run, or
        None where none waits."""
        return await self._store.resume_with_permission(account, self._clock.now())

    async def list_of(self, member: UUID) -> list[Run]:
        """Lists the runs of a member, the newest first."""
        return await self._store.list_runs(member)

    async def progress(self, member: UUID, run: UUID) -> Progress:
        """Tells how far a run is. Raises UnknownRun."""
        now = self._clock.now()
        view = await self._store.view_run(member, run, now)
        is_at_work = view.run.state in (RunState.PLANNED, RunState.RUNNING, RunState.UNDOING)
        next_slot = max(view.run.next_at, now) if is_at_work else None
        ends_at = _ends_at(view.run, view.counts, view.budget, now)
        return Progress(view.run, view.counts, view.budget, next_slot, ends_at, view.permission_ends)

    async def items(
        self, member: UUID, run: UUID, after: int = -1, *, state: ItemState | None = None, limit: int = PAGE
    ) -> list[Item]:
        """Lists people of a run in the order of the plan, behind number `after`. Raises UnknownRun."""
        return await self._store.list_items(member, run, after, limit, state)

    async def _linked(self, member: UUID, account: UUID) -> LinkedAccount:
        for each in await self._members.list_accounts(member):
            if each.id == account and each.target is not None:
                return each
        raise UnknownAccount

    async def _host(self, linked: LinkedAccount, kind: RunKind) -> str:
        """Returns the host of the account's server, as far as it is known before the first step."""
        try:
            tokens = await self._permissions.read(linked.id, purpose_of(kind))
        except NeedsSignIn:
            return ""
        return host_of(tokens.server)

    def _run(self, linked: LinkedAccount, host: str, asked: Asked) -> Run:
        now = self._clock.now()
        starts_at = max(asked.starts_at or now, now)
        return Run(
            id=uuid4(),
            member=linked.member,
            account=linked.id,
            network=Network(linked.network.value),
            host=host,
            kind=asked.kind,
            source=asked.source,
            title=asked.title,
            state=RunState.PLANNED,
            created_at=now,
            starts_at=starts_at,
            next_at=starts_at,
            ended_at=None,
            is_read=False,
            note="",
        )

    async def _wanted(self, linked: LinkedAccount, plan: Plan) -> list[Wanted]:
        """Returns whom the run follows: each account once, of the same network, and never the member's own.

        Raises NothingToFollow, TooManyPeople.
        """
        once: dict[str, Wanted] = {}
        for number, each in enumerate(plan.wanted, 1):
            if each.account.network is linked.network and not each.account.is_same(linked.account):
                once.setdefault(str(each.account.id), each)
            if number % AT_ONCE == 0:
                await give_way()
        if not once:
            raise NothingToFollow
        if len(once) > MAX_PEOPLE:
            raise TooManyPeople
        return list(once.values())


def host_of(server: str) -> str:
    """Returns the host of a server that tokens name, by its origin or its host."""
    return (urlsplit(server).netloc if "://" in server else server).lower()


def _left_out(plan: Plan) -> list[str]:
    """Returns the ids of the accounts whose ticks the member took away."""
    return [
        str(each.account.id)
        for each in plan.left_out
        if each.account is not None and each.reason is Reason.CHOSEN_AWAY
    ]


def _ends_at(run: Run, counts: Counts, budget: Budget, now: datetime) -> datetime | None:
    if run.state not in (RunState.PLANNED, RunState.RUNNING):
        return None
    return end_of(run.network, counts.left, budget, max(now, run.starts_at, run.next_at))
