"""The site of tests of follow runs: a member with an account that follows, people in the directory, and a fake network."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

from directory.accounts import BlueskyAccount
from directory.follows.runs import Plan, Run, Wanted
from directory.follows.states import ItemState, RunState
from directory.follows.switches import Switches
from directory.identifiers import AtHandle
from directory.mappings import Network
from directory.networks.port import DpopBinding, Purpose, TokenSet
from directory.queries import Query
from directory.services.following import Asked, Following
from directory.services.lookup import Lookup
from directory.services.membership import Membership
from directory.services.permissions import Permissions
from directory.services.run_steps import FollowNetwork, RunSteps, StepParts, Warned
from directory.store.database import Database
from directory.store.follow_runs import RUN_LEASE
from directory.store.follow_steps import Step, StepStore
from directory.store.follows import FollowStore
from directory.store.mappings import MappingStore
from directory.store.members import MemberStore
from tests.directory.members.people import at_bluesky, at_mastodon
from tests.harness.clock import FakeClock
from tests.harness.fake_follows import FakeNetwork, Killed
from tests.harness.mappings import ORIGIN, bluesky, did
from tests.harness.stored import StoredMappings

FIRST_X_ID = 1_000


def letters(number: int) -> str:
    """A name for a number: letters alone."""
    name = ""
    for _ in range(5):
        number, digit = divmod(number, 26)
        name = chr(ord("a") + digit) + name
    return f"t{name}"


def handle(number: int) -> str:
    return f"{letters(number)}.bsky.example"


def wanted(number: int, *, is_ticked: bool = False) -> Wanted:
    account = BlueskyAccount(did(letters(number)), AtHandle.parse(handle(number)))
    return Wanted(account, Query.parse(str(FIRST_X_ID + number)), is_ticked)


def plan(*numbers: int) -> Plan:
    return Plan(tuple(wanted(number) for number in numbers), ())


@dataclass(kw_only=True)
class FollowSite:
    """One instance, one member. `steps` are those of one process."""

    database: Database
    clock: FakeClock
    permissions: Permissions
    membership: Membership
    network: FakeNetwork
    switches: Switches = field(default_factory=Switches)
    warned: Warned | None = None
    day: date | None = None
    step_s: float = 5.0
    member: UUID = field(default_factory=uuid4)
    account: UUID = field(default_factory=uuid4)

    @property
    def store(self) -> FollowStore:
        return FollowStore(self.database)

    @property
    def following(self) -> Following:
        return Following(self.store, MemberStore(self.database), self.permissions, self.switches, self.clock)

    @property
    def steps(self) -> RunSteps:
        network = FollowNetwork(open=self.network.open, refresh=self.network.refresh, warned=self.warned)
        return RunSteps(
            StepParts(
                store=StepStore(self.database),
                following=self.following,
                permissions=self.permissions,
                lookup=Lookup(MappingStore(self.database), self.clock, ORIGIN),
                networks={Network.BLUESKY: network},
                switches=self.switches,
                no_run_before=lambda: self.day,
                clock=self.clock,
                step_s=self.step_s,
            )
        )

    async def join(self, name: str = "ada") -> None:
        """The member signs in with two accounts, and lets the first follow."""
        signed_in = await self.membership.sign_in(at_bluesky(name, at=self.clock.now()))
        self.member, self.account = signed_in.member, signed_in.account.id
        await self.membership.link(self.member, at_mastodon(name, at=self.clock.now()))
        await self.permit()

    async def permit(self, access: str = "first") -> None:
        """The member finishes a sign-in that permits to follow."""
        tokens = TokenSet(
            Network.BLUESKY, str(did("ada")), "https://pds.example", access, None, "follow", None,
            "https://one.example/client", DpopBinding("a key", None),
        )  # fmt: skip
        await self.permissions.keep(self.account, Purpose.FOLLOW, tokens)
        await self.following.permission_given(self.account)

    async def publish(self, *numbers: int) -> None:
        """People prove their accounts."""
        await StoredMappings(self.database).add(
            bluesky(letters(number), FIRST_X_ID + number) for number in numbers
        )

    async def start(self, *numbers: int, starts_at: datetime | None = None) -> Run:
        return await self.following.start(
            self.member, self.account, plan(*numbers), Asked(starts_at=starts_at)
        )

    async def run_once(self) -> Step | None:
        """Takes one step, if one is due."""
        step = await self.steps.claim()
        if step is not None:
            await self.steps.take(step)
        return step

    async def drive(self, limit: int = 500) -> Run:
        """Takes steps, and lets time pass to the next one, until the only run ends or waits for its member."""
        for _ in range(limit):
            try:
                if await self.run_once() is not None:
                    continue
            except Killed:
                self.clock.advance(seconds=RUN_LEASE.total_seconds())
                continue
            run = await self.only_run()
            if run.state not in (RunState.PLANNED, RunState.RUNNING, RunState.UNDOING):
                return run
            if run.state is RunState.UNDOING and run.note == "needs-sign-in":
                return run
            self.clock.advance(seconds=max((run.next_at - self.clock.now()) / timedelta(seconds=1), 1.0))
        raise AssertionError(f"the run does not end: {await self.only_run()}")

    async def only_run(self) -> Run:
        (run,) = await self.following.list_of(self.member)
        return run

    async def states(self, run: Run) -> dict[ItemState, int]:
        return dict((await self.following.progress(self.member, run.id)).counts.states)

    async def items(self, run: Run) -> list[tuple[int, str, str]]:
        """Number, state and reason of each person."""
        return [
            (each.number, each.state.label, each.reason.label)
            for each in await self.following.items(self.member, run.id, limit=100_000)
        ]

    async def fetch(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        async with self.database.connection() as connection:
            return [tuple(row) for row in await connection.fetch(sql, *values)]
