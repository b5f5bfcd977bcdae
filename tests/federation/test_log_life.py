"""Any sequence of publishing, withdrawing, renewing, crashing and restarting keeps the invariants of the log."""

import asyncio
import shutil
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar, cast
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from directory.members.publications import Wish
from directory.members.rechecks import Held
from directory.services.membership import Membership
from directory.services.publishing import Publishing
from directory.store.claims import ClaimStore
from directory.store.database import Connection, Database
from directory.store.members import MemberStore
from directory.store.publications import PublicationStore
from directory.store.rechecks import RecheckStore
from federation.errors import UnknownLeaf
from federation.fsck.liveness import Liveness
from federation.keys.rotate import KeyRotation
from federation.own_log.reader import LogService
from federation.protocol.entry import MappingEntry, RevokeEntry, parse_entry
from federation.store.log import LogStore
from tests.directory.members.people import at_bluesky, on_x
from tests.federation.faults import Crash, Faults, FaultyConnection, When
from tests.federation.log_harness import ORIGIN, LogHarness
from tests.federation.tlog.naive import naive_root
from tests.harness.clock import FakeClock

NAMES: Final = ("ada", "bob")
TABLES: Final = "log_state, log_cosignature, log_tile, log_statement, log_revoke, log_operations, mapping, staged_batch, publication, member, origin, instance_identity"
MOST_WRITES: Final = 25
MAX_EXAMPLES: Final = 10
MAX_STEPS: Final = 16

T = TypeVar("T")

names = st.sampled_from(NAMES)
points = st.integers(0, MOST_WRITES)
ways: st.SearchStrategy[When] = st.sampled_from(["before", "after"])


class LifeOfALog(RuleBasedStateMachine):
    """Two members, and many people beside them; one process at a time, which crashes and starts again."""

    dsn: str
    folder: Path

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.clock = FakeClock()
        self.size = 0
        self.members: dict[str, tuple[UUID, Wish]] = {}
        self.run(self._open())

    async def _open(self) -> None:
        database = self.database = await Database.connect(self.dsn, max_connections=2)
        async with database.connection() as connection:
            await connection.execute(f"TRUNCATE {TABLES} CASCADE")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.harness = LogHarness(database, self.folder, self.clock)
        self.sequencer = self.harness.sequencer()
        people = MemberStore(database)
        self.membership = Membership(people, ClaimStore(database), self.clock)
        self.publishing = Publishing(people, PublicationStore(database), self.clock, ORIGIN)
        self.rechecks = RecheckStore(database)
        self.rotation = KeyRotation(database, self.harness.keys, self.clock)
        self.service = LogService(LogStore(database), self.clock)
        await self.harness.run(self.sequencer)

    def teardown(self) -> None:
        try:
            if hasattr(self, "harness"):
                self.run(self._end())
        finally:
            if hasattr(self, "runner"):
                self.runner.close()

    async def _end(self) -> None:
        """Checks that in the end everything is published that has not expired while it waited, and that nothing else
        answers."""
        try:
            await self.harness.run(self.sequencer)
            await self._check()
            now = self.clock.now()
            waiting = await self.harness.fetch("SELECT state, expires FROM mapping WHERE state IN (0, 2)")
            assert all(row["state"] == 0 and row["expires"] <= now for row in waiting)
            rows = await self.harness.fetch("SELECT leaf FROM log_statement ORDER BY leaf")
            assert await self.harness.live_leaves() == [row["leaf"] for row in rows]
            for name, (member, _) in self.members.items():
                said = await self.publishing.list_of(member)
                for each in said:
                    assert each.expires <= now or (each.leaf is not None and not each.is_replacing), name
        finally:
            await self.database.close()

    def run(self, action: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(action)

    @rule(count=st.sampled_from([1, 3, 100, 255, 256, 300]))
    def many_publish(self, count: int) -> None:
        self.run(self.harness.add_pending(count))

    @rule(which=st.lists(st.integers(0, 2_000), min_size=1, max_size=5))
    def some_withdraw(self, which: list[int]) -> None:
        rows = self.run(
            self.harness.fetch("SELECT leaf FROM mapping WHERE state = 1 AND x_handle LIKE 'person%'")
        )
        if rows:
            self.run(self.harness.withdraw({rows[at % len(rows)]["leaf"] for at in which}))

    @rule(name=names)
    def publish(self, name: str) -> None:
        self.run(self._publish(name))

    async def _publish(self, name: str) -> None:
        now = self.clock.now()
        signed_in = await self.membership.sign_in(at_bluesky(name, at=now))
        x = await self.membership.link(signed_in.member, on_x(name, NAMES.index(name) + 1, at=now))
        self.members[name] = signed_in.member, Wish(x.id, signed_in.account.id, consent=1)
        await self.publishing.publish(*self.members[name])

    @rule(name=names)
    def withdraw(self, name: str) -> None:
        if name in self.members:
            self.run(self.publishing.withdraw_all(self.members[name][0]))

    @rule(name=names, label=st.sampled_from(["one", "two"]))
    def rename(self, name: str, label: str) -> None:
        """Changes a handle, so that the mapping is published again."""
        proven = at_bluesky(name, handle=f"{name}.{label}.example", at=self.clock.now())
        if name in self.members:
            self.run(self.membership.sign_in(proven))

    @precondition(lambda self: self.members)
    @rule()
    def renew(self) -> None:
        """Renews after sixty days: the proofs are re-checked and hold, so that the mappings are valid for longer."""
        self.clock.advance(days=60)
        self.run(self._look_again())

    async def _look_again(self) -> None:
        for job in await self.rechecks.claim_due_rechecks(self.clock.now(), 10):
            await self.rechecks.record_recheck(job, Held(job.account.account), self.clock.now())

    @rule()
    def rotate(self) -> None:
        self.clock.advance(days=7)
        rows = self.run(self.harness.fetch("SELECT FROM log_operations WHERE leaf IS NULL"))
        if not rows:
            self.run(self.rotation.rotate())

    @rule()
    def one_batch(self) -> None:
        self.run(self._run_once(Faults()))

    @rule(at=points, when=ways)
    def fail(self, at: int, when: When) -> None:
        """Lets the database fail at one write; the same process goes on."""
        self.run(self._run_once(Faults(at, when)))

    @rule(at=points, when=ways)
    def crash(self, at: int, when: When) -> None:
        """Ends the process at one write; another is started."""
        self.run(self._run_once(Faults(at, when)))
        self.restart()

    @rule()
    def restart(self) -> None:
        self.sequencer = self.harness.sequencer()
        self.run(self._start())

    async def _start(self) -> None:
        async with self.database.connection() as connection:
            await self.sequencer.check(connection)

    async def _run_once(self, faults: Faults) -> None:
        async with self.database.connection() as connection:
            try:
                await self.sequencer.run_once(cast("Connection", FaultyConnection(connection, faults)))
            except Crash:
                return

    @invariant()
    def all_is_well(self) -> None:
        if hasattr(self, "service"):
            self.clock.advance(seconds=1)
            self.run(self._check())

    async def _check(self) -> None:
        """Checks that the tree is the naive one and only grows, and that each leaf has either its body or a revoke."""
        checkpoint = (await self.harness.check()).checkpoint
        assert checkpoint.size >= self.size
        self.size = checkpoint.size
        entries = await self.harness.entries()
        assert naive_root(entries) == checkpoint.root
        liveness = Liveness()
        liveness.extend(entries)
        live = set(liveness.live)
        rows = await self.harness.fetch("SELECT leaf FROM log_statement")
        assert {row["leaf"] for row in rows if row["leaf"] < checkpoint.size} == live
        parsed = [parse_entry(entry) for entry in entries]
        said = {leaf for leaf, entry in enumerate(parsed) if isinstance(entry, MappingEntry)}
        assert said - live == {entry.target for entry in parsed if isinstance(entry, RevokeEntry)}
        assert set(await self.harness.live_leaves()) <= live, "nothing answers that the log does not say"
        await self._check_served(said, live & said - await self._find_ended())

    async def _find_ended(self) -> set[int]:
        """Finds the leaves that hold, and that the next revokes are to name: withdrawn or replaced, they are proven to nobody."""
        rows = await self.harness.fetch(
            "SELECT leaf FROM mapping WHERE state = 2 AND leaf IS NOT NULL"
            " UNION SELECT leaf FROM log_statement WHERE ended IS NOT NULL"
        )
        return {row["leaf"] for row in rows}

    async def _check_served(self, said: set[int], served: set[int]) -> None:
        """Checks through the public reader that these leaves are served and others are not, at both ends of the log."""
        for leaf in {*sorted(served)[:1], *sorted(served)[-1:]}:
            assert await self.service.make_proof(leaf)
        silent = sorted(said - served)
        for leaf in {*silent[:1], *silent[-1:], self.size}:
            with pytest.raises(UnknownLeaf):
                await self.service.make_proof(leaf)


def test_the_log_of_any_life_is_well(dsn: str, folder: Path) -> None:
    class Machine(LifeOfALog):
        pass

    Machine.dsn, Machine.folder = dsn, folder / "data"
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=MAX_EXAMPLES,
            stateful_step_count=MAX_STEPS,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
