"""Steps of follow runs: claimed, and each thing that happens in one recorded in a transaction of its own.

A step that counts no more (the run was paused, cancelled or undone meanwhile, or its lease ran out) sends nothing from
then on; of what came back from a call only that is kept which is true whoever sent it. Where the member or the account is
gone, nothing is stored.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from directory.accounts import LinkedAccount
from directory.errors import DirectoryError
from directory.follows.budget import hold_until, rolled, spend
from directory.follows.looks import MAX_LOOKS, look_due
from directory.follows.port import Attempt, Followed, Outcome, Told
from directory.follows.reasons import Reason
from directory.follows.runs import NEEDS_SIGN_IN, Budget, Item, Run
from directory.follows.states import ItemMove, ItemState, RunMove, RunState
from directory.members.errors import MemberGone
from directory.store.accounts import ACCOUNT_COLUMNS, account_of, lock_member
from directory.store.database import Connection, Database
from directory.store.follow_items import RunItems
from directory.store.follow_runs import (
    FOLLOW_RUNS,
    claim_run,
    lock_budget,
    move_run,
    reschedule_run,
    save_budget,
    set_host,
    set_read,
)
from directory.store.follows import give_back_unless_needed
from directory.store.leases import Lease

ASK_AGAIN: Final = timedelta(days=1)
"""When an undo that waits for a sign-in looks again by itself."""

_MOVE_OF: Final[Mapping[ItemState, ItemMove]] = {
    ItemState.FOLLOWED: ItemMove.FOLLOW,
    ItemState.REQUESTED: ItemMove.REQUEST,
    ItemState.ALREADY: ItemMove.FIND,
    ItemState.FAILED: ItemMove.FAIL,
    ItemState.SKIPPED: ItemMove.SKIP,
    ItemState.PENDING: ItemMove.TAKE_BACK,
}
_UNDO_MOVE_OF: Final[Mapping[ItemState, ItemMove]] = {
    ItemState.UNDONE: ItemMove.END,
    ItemState.FOLLOWED: ItemMove.KEEP,
    ItemState.REQUESTED: ItemMove.KEEP,
}
_TRUE_WHOEVER_SENT_IT: Final = frozenset({ItemMove.FOLLOW, ItemMove.REQUEST, ItemMove.FIND, ItemMove.END})


class Step(msgspec.Struct, frozen=True):
    """A claimed step of a run."""

    run: Run
    lease: Lease


class Outlook(msgspec.Struct, frozen=True):
    """What is left of a run: whether anybody is pending, when the next look at a sent one is due, whether anything is being
    taken back; and the budget."""

    has_pending: bool
    look_due: datetime | None
    has_undoing: bool
    budget: Budget

    @property
    def is_empty(self) -> bool:
        return not self.has_pending and self.look_due is None


class StepLost(DirectoryError):
    """The step counts no more: nothing was stored."""


class StepStore:
    """Trusted as `FollowStore`: what it marks as sent is sent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim_step(self, now: datetime, busy: Collection[str]) -> Step | None:
        """Claims the run that has been due for longest. Returns None where none is due."""
        async with self._database.transaction() as connection:
            claimed = await claim_run(connection, now, busy)
        return None if claimed is None else Step(claimed[0], Lease(claimed[0].id, claimed[1]))

    async def release_step(self, step: Step, now: datetime) -> None:
        """Releases a step that was broken off: it is due again now."""
        async with self._database.connection() as connection:
            await FOLLOW_RUNS.release(connection, step.lease, now)

    async def reschedule_step(self, step: Step, due: datetime, note: str = "") -> bool:
        """Ends a step and makes the next due. Returns False where the step counts no more."""
        async with self._database.connection() as connection:
            return await reschedule_run(connection, step.lease, due, note)

    async def move(self, step: Step, move: RunMove, now: datetime, note: str = "") -> bool:
        """Moves the run, which ends the step. Returns False where the step counts no more."""
        try:
            async with self._held(step) as connection:
                return await move_run(connection, step.run.id, move, now, note=note)
        except StepLost:
            return False

    async def lose_permission(self, step: Step, now: datetime) -> None:
        """Has the run wait for a sign-in. An undo stays one, and goes on after it."""
        try:
            async with self._held(step) as connection:
                if step.run.state is RunState.UNDOING:
                    await reschedule_run(connection, step.lease, now + ASK_AGAIN, NEEDS_SIGN_IN)
                else:
                    await move_run(connection, step.run.id, RunMove.LOSE_PERMISSION, now, note=NEEDS_SIGN_IN)
        except StepLost:
            return

    async def note_host(self, step: Step, host: str, now: datetime) -> None:
        """Notes which host the run asks, and ends the step: the next is due now. Raises StepLost."""
        async with self._held(step) as connection:
            await set_host(connection, step.run.id, host)
            await reschedule_run(connection, step.lease, now, step.run.note)

    async def find_account(self, step: Step) -> LinkedAccount | None:
        """Finds the account that the run follows with. Returns None where it is gone."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                f"SELECT {ACCOUNT_COLUMNS} FROM linked_account WHERE id = $1", step.run.account
            )
        return None if row is None else account_of(row)

    async def find_ignored(self, step: Step, target_ids: Sequence[str]) -> frozenset[str]:
        """Finds those of these accounts whom the member ignores."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT target_id FROM ignored_person WHERE member = $1 AND target_id = ANY($2::text[])",
                step.run.member, target_ids,
            )  # fmt: skip
        return frozenset(row["target_id"] for row in rows)

    async def record_followed(self, step: Step, followed: Sequence[Followed], now: datetime) -> int:
        """Marks those who are followed already. Returns how many. Raises StepLost."""
        async with self._held(step) as connection:
            found = await RunItems(connection, step.run.id).find_already(followed, now)
            await set_read(connection, step.run.id)
        return found

    async def read_anew(self, step: Step) -> None:
        """Has the next step read anew who is followed already. Raises StepLost."""
        async with self._held(step) as connection:
            await set_read(connection, step.run.id, is_read=False)

    async def read_items(self, step: Step, state: ItemState, limit: int) -> list[Item]:
        """Reads people who are left, in the order of the plan."""
        async with self._database.connection() as connection:
            return await RunItems(connection, step.run.id).fetch(state, limit)

    async def read_due_looks(self, step: Step, now: datetime, limit: int) -> list[Item]:
        """Reads people whose follow was sent and is due to be looked at."""
        async with self._database.connection() as connection:
            sent = await RunItems(connection, step.run.id).fetch(ItemState.SENT, limit * 10)
        return [each for each in sent if look_due(each.changed_at, each.looks, now) <= now][:limit]

    async def read_requested(self, step: Step, before: datetime, limit: int) -> list[Item]:
        """Reads people who were asked before then, and were not looked at since."""
        async with self._database.connection() as connection:
            return await RunItems(connection, step.run.id).fetch_requested(before, limit)

    async def skip(self, step: Step, skipped: Mapping[int, Reason], now: datetime) -> None:
        """Skips people, each for a reason. Raises StepLost."""
        numbers: defaultdict[Reason, list[int]] = defaultdict(list)
        for number, reason in skipped.items():
            numbers[reason].append(number)
        async with self._held(step) as connection:
            for reason, those in numbers.items():
                await RunItems(connection, step.run.id).move(ItemMove.SKIP, those, now, reason=reason)

    async def send(self, step: Step, attempts: Sequence[Attempt], points: int, now: datetime) -> None:
        """Marks people as sent under their names, and spends the points: before the call. Raises StepLost, also where one of
        them is not pending any more."""
        async with self._held(step) as connection:
            await _spend(connection, step.run.account, points, now)
            numbers = [each.number for each in attempts]
            moved = await RunItems(connection, step.run.id).move(
                ItemMove.SEND, numbers, now, remotes=[each.remote for each in attempts]
            )
            if len(moved) != len(numbers):
                raise StepLost

    async def spend(self, step: Step, points: int, now: datetime) -> None:
        """Spends points before a call that takes back. Raises StepLost."""
        async with self._held(step) as connection:
            await _spend(connection, step.run.account, points, now)

    async def record_told(
        self, step: Step, told: Told, now: datetime, *, prepaid: int = 0, is_look: bool = False
    ) -> bool:
        """Records what a call told. `prepaid` points were counted before it; `is_look`: the call asked what became of people
        who were sent before. Returns False where the step counts no more."""
        async with self._database.transaction() as connection:
            run = await _find_run(connection, step)
            if run is None:
                return False
            is_mine = await FOLLOW_RUNS.lock(connection, step.lease)
            budget = await lock_budget(connection, run, now)
            changed = hold_until(spend(budget, told.spent - prepaid, now), told.wait_until, now)
            await save_budget(connection, run, changed)
            items = RunItems(connection, step.run.id)
            is_undo = step.run.state is RunState.UNDOING
            moves = _UNDO_MOVE_OF if is_undo else _MOVE_OF
            if is_mine and (is_look or is_undo):
                await items.count_looks(_unknown(told.outcomes, moves), now)
            await _apply(items, moves, told.outcomes, now, is_mine=is_mine)
            if is_mine:
                await _give_up(connection, step, now)
        return is_mine

    async def hold(self, step: Step, until: datetime, now: datetime) -> None:
        """Notes that the network asked to wait. Raises StepLost."""
        async with self._held(step) as connection:
            budget = await lock_budget(connection, step.run.account, now)
            await save_budget(connection, step.run.account, hold_until(budget, until, now))

    async def fail_pending(self, step: Step, reason: Reason, now: datetime) -> None:
        """Fails all who are pending, for a reason that is the same for each. Raises StepLost."""
        async with self._held(step) as connection:
            await RunItems(connection, step.run.id).fail_pending(reason, now)

    async def read_outlook(self, step: Step, now: datetime) -> Outlook:
        """Reads what is left of the run. Raises StepLost."""
        async with self._held(step) as connection:
            items = RunItems(connection, step.run.id)
            stored = await lock_budget(connection, step.run.account, now)
            budget = rolled(stored, now)
            if budget != stored:
                # Else a window that a clock which ran ahead began would begin anew for ever.
                await save_budget(connection, step.run.account, budget)
            waiting = await items.fetch_waiting_since(ItemState.SENT)
            return Outlook(
                await items.has_any(ItemState.PENDING),
                min((look_due(since, looks, now) for looks, since in waiting), default=None),
                await items.has_any(ItemState.UNDOING),
                budget,
            )

    async def finish(self, step: Step, now: datetime) -> bool:
        """Ends the run, where nothing of it is left, and gives the permission back. Returns False where something is left,
        or the step counts no more."""
        is_undo = step.run.state is RunState.UNDOING
        try:
            async with self._held(step) as connection:
                items = RunItems(connection, step.run.id)
                states = (ItemState.UNDOING,) if is_undo else (ItemState.PENDING, ItemState.SENT)
                for state in states:
                    if await items.has_any(state):
                        return False
                move = RunMove.END_UNDO if is_undo else RunMove.FINISH
                if not await move_run(connection, step.run.id, move, now):
                    return False
                await give_back_unless_needed(connection, step.run.account, now)
        except StepLost:
            return False
        return True

    @asynccontextmanager
    async def _held(self, step: Step) -> AsyncIterator[Connection]:
        """Lends a connection in a transaction that holds the member and the run. Raises StepLost."""
        async with self._database.transaction() as connection:
            try:
                await lock_member(connection, step.run.member)
            except MemberGone:
                raise StepLost from None
            if not await FOLLOW_RUNS.lock(connection, step.lease):
                raise StepLost
            yield connection


async def _spend(connection: Connection, account: UUID, points: int, now: datetime) -> None:
    budget = await lock_budget(connection, account, now)
    await save_budget(connection, account, spend(budget, points, now))


async def _find_run(connection: Connection, step: Step) -> UUID | None:
    """Locks the member and the run, in whatever state. Returns its account; None where the run is gone."""
    try:
        await lock_member(connection, step.run.member)
    except MemberGone:
        return None
    found = await connection.fetchval("SELECT true FROM follow_run WHERE id = $1 FOR UPDATE", step.run.id)
    return step.run.account if found else None


def _unknown(outcomes: Sequence[Outcome], moves: Mapping[ItemState, ItemMove]) -> list[int]:
    """Returns the numbers of those of whom nothing is known yet, and of those that are to be sent again."""
    again = (None, ItemMove.TAKE_BACK, ItemMove.REQUEST)
    return [each.number for each in outcomes if moves.get(each.state) in again]


async def _apply(
    items: RunItems,
    moves: Mapping[ItemState, ItemMove],
    outcomes: Sequence[Outcome],
    now: datetime,
    *,
    is_mine: bool,
) -> None:
    grouped: defaultdict[tuple[ItemMove, Reason], list[Outcome]] = defaultdict(list)
    for each in outcomes:
        move = moves.get(each.state)
        if move is not None and (is_mine or move in _TRUE_WHOEVER_SENT_IT):
            grouped[move, each.reason].append(each)
    for (move, reason), those in grouped.items():
        told = those if is_mine or move is not ItemMove.FIND else await _sent_once(items, those)
        numbers, remotes = [each.number for each in told], [each.remote for each in told]
        await items.move(move, numbers, now, remotes=remotes, reason=reason)
        if reason is Reason.MOVED:
            await items.note_moved([(each.number, each.moved_to) for each in told])


async def _sent_once(items: RunItems, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Returns those that were not sent again since. Whoever was may be followed by that, and not before the run: an undo has
    to take them back."""
    numbers = await items.fetch_never_looked_at([each.number for each in outcomes])
    return [each for each in outcomes if each.number in numbers]


async def _give_up(connection: Connection, step: Step, now: datetime) -> None:
    """Ends the tries at people who were looked at so often: not taken, or not taken back."""
    items = RunItems(connection, step.run.id)
    if step.run.state is RunState.UNDOING:
        kept = await items.fetch_looked_at((ItemState.UNDOING,), MAX_LOOKS)
        await items.move(ItemMove.KEEP, kept, now, reason=Reason.REFUSED)
        return
    lost = await items.fetch_looked_at((ItemState.SENT, ItemState.PENDING), MAX_LOOKS)
    await items.move(ItemMove.FAIL, lost, now, reason=Reason.NOT_TAKEN)
