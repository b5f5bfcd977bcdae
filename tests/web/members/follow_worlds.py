"""Members who follow in the tests: whom they find, their runs, and a network that is moved by hand."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID, uuid4

from directory.follows.reasons import Reason
from directory.follows.states import ItemMove, ItemState, RunMove
from directory.mappings import Mapping
from directory.members.tokens import Token
from directory.networks.port import Purpose
from directory.queries import Lists, Query
from directory.store.follow_items import RunItems
from directory.store.follow_runs import move_run
from directory.store.tokens import TokenStore
from tests.web.members.instance import MemberInstance


class HandRun:
    """Moves the runs of an instance as the engine would, one step when the test says so."""

    def __init__(self, instance: MemberInstance) -> None:
        self._instance = instance

    def only(self, member: UUID) -> UUID:
        """The one run of a member."""
        (run,) = self._runs(member)
        return run

    def count(self, member: UUID) -> int:
        return len(self._runs(member))

    def begin(self, run: UUID) -> None:
        self._run_move(run, RunMove.START)

    def lose_permission(self, run: UUID) -> None:
        self._run_move(run, RunMove.LOSE_PERMISSION)

    def finish(self, run: UUID) -> None:
        self._run_move(run, RunMove.FINISH)

    def finish_undo(self, run: UUID) -> None:
        self.move(run, ItemMove.END)
        self._run_move(run, RunMove.END_UNDO)

    def follow(self, run: UUID, numbers: Sequence[int]) -> None:
        """Sends these people, who are followed then."""
        self.move(run, ItemMove.SEND, numbers)
        self.move(run, ItemMove.FOLLOW, numbers)

    def fail(self, run: UUID, numbers: Sequence[int], reason: Reason) -> None:
        self.move(run, ItemMove.FAIL, numbers, reason)

    def move(
        self, run: UUID, move: ItemMove, numbers: Sequence[int] | None = None, reason: Reason = Reason.NONE
    ) -> None:
        async def step() -> None:
            async with self._instance.database.transaction() as connection:
                items = RunItems(connection, run)
                now = self._instance.clock.now()
                if numbers is None:
                    await items.move_all(move, now)
                else:
                    await items.move(move, numbers, now, reason=reason)

        self._instance.call(step)

    def states(self, run: UUID) -> list[ItemState]:
        async def read() -> list[ItemState]:
            async with self._instance.database.connection() as connection:
                return [item.state for item in await RunItems(connection, run).fetch_page(-1, 1_000)]

        return self._instance.call(read)

    def _run_move(self, run: UUID, move: RunMove) -> None:
        async def step() -> None:
            async with self._instance.database.transaction() as connection:
                assert await move_run(connection, run, move, self._instance.clock.now())

        self._instance.call(step)

    def _runs(self, member: UUID) -> list[UUID]:
        follows = self._instance.members.follows
        assert follows is not None

        async def read() -> list[UUID]:
            return [run.id for run in await follows.following.list_of(member)]

        return self._instance.call(read)


def find(instance: MemberInstance, mappings: Iterable[Mapping]) -> None:
    """Puts people into the directory."""
    instance.call(lambda: instance.mappings().add(list(mappings)))


def keep_list(instance: MemberInstance, member: UUID, people: Sequence[Query]) -> None:
    """Keeps a list of a member, with their consent."""
    instance.call(lambda: instance.members.follow_lists.keep(member, Lists.FOLLOWING, people, 1))


def permit(instance: MemberInstance, account: UUID) -> None:
    """Keeps a permission to follow, as if the member had given it."""

    async def keep() -> None:
        now = instance.clock.now()
        row = Token(
            uuid4(), account, Purpose.FOLLOW, "pds.example", "follow", now, now, now + timedelta(hours=2)
        )
        await TokenStore(instance.database).add_token(row, uuid4().bytes * 2, b"sealed", now)

    instance.call(keep)
