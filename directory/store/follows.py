"""Follow runs as their members see them: started, moved, listed."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from directory.follows.budget import fresh_budget
from directory.follows.errors import NotNow, RunOpen, UnknownRun, WishEnded
from directory.follows.runs import Budget, Counts, Item, Run, StandingMatch, Wanted
from directory.follows.states import ItemMove, ItemState, RunMove, RunState
from directory.follows.waiting import WAITING
from directory.members.errors import UnknownAccount
from directory.networks.port import Purpose, purpose_of
from directory.store.accounts import lock_member
from directory.store.database import Connection, Database
from directory.store.follow_items import RunItems
from directory.store.follow_runs import (
    fetch_open_runs,
    fetch_run,
    fetch_runs,
    find_budget,
    find_open_run,
    insert_run,
    lock_budget,
    move_run,
    poke_run,
    wait_for_calls,
)
from directory.store.known_accounts import note_left_out
from directory.store.standing_claims import finish_batch
from directory.store.tokens import hand_over_token
from directory.store.waiting_permissions import find_permission_end


class RunView(msgspec.Struct, frozen=True):
    """A run as of one moment."""

    run: Run
    counts: Counts
    budget: Budget
    permission_ends: datetime | None


class FollowStore:
    """Trusted: whoever can change these rows can have a member follow anybody, or learn whom they follow.

    Locks are taken in one order everywhere: the member, the run, the budget, the people.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def start_run(
        self,
        run: Run,
        wanted: Sequence[Wanted],
        wish: StandingMatch | None = None,
        left_out: Sequence[str] = (),
    ) -> None:
        """Stores a run with its people, in one transaction; with it the batch of a claimed wish is made. No batch follows the
        accounts `left_out`, which the member saw and did not want.

        Raises MemberGone, UnknownAccount, RunOpen, WishEnded.
        """
        async with self._database.transaction() as connection:
            await lock_member(connection, run.member)
            owned = await connection.fetchval(
                "SELECT true FROM linked_account WHERE id = $1 AND member = $2", run.account, run.member
            )
            if not owned:
                raise UnknownAccount
            if wish is not None and not await finish_batch(connection, wish):
                raise WishEnded
            await _require_no_open_run(connection, run.account)
            if not await insert_run(connection, run):
                raise NotNow  # cannot be: the member is locked
            # It reads who is followed already: also whom a run that was cancelled just now is still following.
            await wait_for_calls(connection, run.id, run.account, run.created_at)
            await RunItems(connection, run.id).insert(wanted, run.created_at)
            await lock_budget(connection, run.account, run.created_at)
            if left_out:
                await note_left_out(connection, run.member, left_out)

    async def move_run(
        self, member: UUID, run: UUID, move: RunMove, now: datetime, items: ItemMove | None = None
    ) -> Run:
        """Moves a run of a member, and with it all people from whose state `items` leads. A run that ends so gives its
        permission back. Returns the run as it is then.

        Raises MemberGone, UnknownRun, NotNow, RunOpen.
        """
        async with self._database.transaction() as connection:
            await lock_member(connection, member)
            before = await _require_run(connection, member, run)
            if not before.state.is_open:
                await _require_no_open_run(connection, before.account)
            if not await move_run(connection, run, move, now):
                raise NotNow
            if move is RunMove.UNDO:
                # What is on its way is taken back once it is there: before, there would be nothing to take back.
                await wait_for_calls(connection, run, before.account, now)
            if items is not None:
                await RunItems(connection, run).move_all(items, now)
            after = await _require_run(connection, member, run)
            if not after.state.is_open:
                await give_back_unless_needed(connection, after.account, now)
        return after

    async def retry_failed(self, member: UUID, run: UUID, now: datetime) -> Run:
        """Has all who failed tried again, and resumes a run that had ended. Returns the run as it is then.

        Raises MemberGone, UnknownRun, NotNow where nobody failed or the run is being undone, RunOpen.
        """
        async with self._database.transaction() as connection:
            await lock_member(connection, member)
            before = await _require_run(connection, member, run)
            if before.state in (RunState.UNDOING, RunState.UNDONE):
                raise NotNow
            if not await RunItems(connection, run).move_all(ItemMove.RETRY, now):
                raise NotNow
            if before.state.is_open:
                await poke_run(connection, run, now)
            else:
                await _require_no_open_run(connection, before.account)
                await move_run(connection, run, RunMove.RESUME, now)
            return await _require_run(connection, member, run)

    async def resume_with_permission(self, account: UUID, now: datetime) -> Run | None:
        """Resumes the run of an account that waits for a sign-in. Returns None where none waits. Raises MemberGone."""
        async with self._database.transaction() as connection:
            found = await find_open_run(connection, account)
            if found is None:
                return None
            await lock_member(connection, found.member)
            # Read again: its member may have moved it before the lock.
            run = await fetch_run(connection, found.member, found.id)
            if run is None:
                return None
            resumed = run.state is RunState.NEEDS_SIGN_IN and await move_run(
                connection, run.id, RunMove.RESUME, now
            )
            looks_again = run.state is RunState.UNDOING or run.needs_sign_in
            poked = not resumed and looks_again and await poke_run(connection, run.id, now)
            return await find_open_run(connection, account) if resumed or poked else None

    async def list_runs(self, member: UUID) -> list[Run]:
        """Lists the runs of a member, the newest first."""
        async with self._database.connection() as connection:
            return await fetch_runs(connection, member)

    async def list_open_runs(self, limit: int) -> list[Run]:
        """Lists open runs of all members, for the operator, those due first."""
        async with self._database.connection() as connection:
            return await fetch_open_runs(connection, limit)

    async def find_run(self, run: UUID) -> Run | None:
        """Finds a run of any member, for the operator. Returns None where there is none."""
        async with self._database.connection() as connection:
            member = await connection.fetchval("SELECT member FROM follow_run WHERE id = $1", run)
            return None if member is None else await fetch_run(connection, member, run)

    async def view_run(self, member: UUID, run: UUID, now: datetime) -> RunView:
        """Reads a run with its counts and the budget of its account. Raises UnknownRun."""
        async with self._database.connection() as connection:
            found = await _require_run(connection, member, run)
            counts = await RunItems(connection, run).count()
            budget = await find_budget(connection, found.account)
            ends = await find_permission_end(connection, run) if found.state in WAITING else None
        return RunView(found, counts, budget or fresh_budget(now), ends)

    async def list_items(
        self, member: UUID, run: UUID, after: int, limit: int, state: ItemState | None = None
    ) -> list[Item]:
        """Lists people of a run in the order of the plan, behind number `after`; in one state, or in any. Raises
        UnknownRun."""
        async with self._database.connection() as connection:
            await _require_run(connection, member, run)
            items = RunItems(connection, run)
            if state is None:
                return await items.fetch_page(after, limit)
            return await items.fetch(state, limit, after=after)


async def give_back_unless_needed(connection: Connection, account: UUID, now: datetime) -> None:
    """Hands the permissions over for revocation that the account's open run does not need; that to follow stays while
    newcomers are followed with it. The member is locked."""
    run = await find_open_run(connection, account)
    needed = {purpose_of(run.kind)} if run is not None else set()
    if await connection.fetchval("SELECT true FROM standing_match WHERE account = $1", account):
        needed.add(Purpose.FOLLOW)
    for purpose in (Purpose.ARRANGE, Purpose.FOLLOW):
        if purpose not in needed:
            await hand_over_token(connection, account, purpose, now)


async def _require_run(connection: Connection, member: UUID, run: UUID) -> Run:
    found = await fetch_run(connection, member, run)
    if found is None:
        raise UnknownRun
    return found


async def _require_no_open_run(connection: Connection, account: UUID) -> None:
    found = await find_open_run(connection, account)
    if found is not None:
        raise RunOpen(found)
