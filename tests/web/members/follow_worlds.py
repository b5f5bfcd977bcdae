"""Members who follow in the tests: whom they find, their runs, and a network that is moved by hand."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from directory.follows.faces import Picture, Profile
from directory.follows.plan import target_of
from directory.follows.reasons import Reason
from directory.follows.states import ItemMove, ItemState, RunMove
from directory.mappings import Mapping, Network
from directory.networks.port import AppBinding, Purpose, TokenSet
from directory.queries import Lists, Query
from directory.store.faces import FaceStore
from directory.store.follow_items import RunItems
from directory.store.follow_runs import move_run
from tests.web.members.instance import MemberInstance

PIXEL: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d494441"
    "5478da63f871fec07f0008d10387f478c313"
    "0000000049454e44ae426082"
)


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


def account_of(instance: MemberInstance, member: UUID) -> UUID:
    """The first account of a member."""
    return instance.call(lambda: instance.members.membership.accounts(member))[0].id


def permit(
    instance: MemberInstance, account: UUID, *, is_given: bool = True, purpose: Purpose = Purpose.FOLLOW
) -> None:
    """Keeps a permission, as if the member had given it; or takes it away."""

    async def keep() -> None:
        if not is_given:
            await instance.members.permissions.give_back(account, purpose)
            return
        await instance.members.permissions.keep(account, purpose, _tokens(instance))

    instance.call(keep)


def show_faces(instance: MemberInstance, mappings: Iterable[Mapping]) -> None:
    """Keeps a face for each: a name, a description, a picture."""

    async def keep() -> None:
        now, store = instance.clock.now(), FaceStore(instance.database)
        profiles = [
            Profile(
                target_of(each),
                f"Friend {each.x_handle}",
                "Birds, bread and bicycles. " * 6,
                "https://x.test/p",
            )
            for each in mappings
        ]
        for face in await store.save_faces(
            profiles[0].account.network.target or Network.BLUESKY, profiles, now
        ):
            await store.save_picture(face.code, "https://x.test/p", Picture(PIXEL, "image/png"))

    instance.call(keep)


def _tokens(instance: MemberInstance) -> TokenSet:
    return TokenSet(
        network=Network.BLUESKY,
        account_id="did:plc:someone",
        server="https://pds.example",
        access=uuid4().hex,
        refresh=uuid4().hex,
        scope="follow",
        expires_at=instance.clock.now() + timedelta(hours=2),
        client_id="https://find.example/client",
        binding=AppBinding("secret"),
    )


def friend(number: int) -> str:
    """A name that makes an id of its own."""
    return f"friend{chr(97 + number // 26)}{chr(97 + number % 26)}"
