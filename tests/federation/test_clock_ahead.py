"""A clock that ran ahead for one batch, and is right again: the log does not stop until then."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from directory.follows.states import RunState
from directory.mapping_life import MappingState
from directory.members.consents import KEEP_FOR, ConsentKind
from directory.members.publications import Wish
from directory.members.rechecks import RECHECK_EVERY
from directory.services.membership import Membership
from directory.services.publishing import Publishing
from directory.store.claims import ClaimStore
from directory.store.consents import ConsentStore
from directory.store.database import Database
from directory.store.members import MemberStore
from directory.store.publications import PublicationStore
from federation.errors import LogEmpty, LogRefused, OtherSize
from federation.own_log.clock_recovery import ClockIsRight, find_ahead, recover_clock
from federation.own_log.preconditions import WrongClock
from federation.own_log.sequencer import Sequencer
from federation.witness.cosigning import Witness
from tests.directory.members.people import at_bluesky, on_x
from tests.federation.log_harness import ORIGIN, LogHarness
from tests.harness.clock import FakeClock
from tests.harness.known_log import PeerLog, confirm_peer
from tests.harness.mappings import bluesky
from tests.harness.stored import StoredMappings


@pytest.fixture
def harness(database: Database, tmp_path: Path, clock: FakeClock) -> LogHarness:
    return LogHarness(database, tmp_path / "data", clock)


async def recover(harness: LogHarness) -> int:
    async with harness.database.connection() as connection:
        return await recover_clock(connection, ORIGIN, harness.clock)


async def publish(harness: LogHarness, name: str, number: int) -> UUID:
    """A member publishes an X account. Returns the publication."""
    clock, people = harness.clock, MemberStore(harness.database)
    membership = Membership(people, ClaimStore(harness.database), clock)
    publishing = Publishing(people, PublicationStore(harness.database), clock, ORIGIN)
    signed_in = await membership.sign_in(at_bluesky(name, at=clock.now()))
    x = await membership.link(signed_in.member, on_x(name, number, at=clock.now()))
    said = await publishing.publish(signed_in.member, Wish(x.id, signed_in.account.id, consent=1))
    harness.made += 1
    return said.id


async def run_ahead(harness: LogHarness, **ahead: float) -> None:
    """Publishes and signs under a clock that runs ahead, and sets it right."""
    harness.clock.advance(**ahead)
    await publish(harness, "ada", 5)
    await harness.add_pending(2)
    await harness.run()
    harness.clock.advance(**{unit: -value for unit, value in ahead.items()})


async def test_one_batch_under_a_clock_that_ran_ahead_does_not_stop_the_log(harness: LogHarness) -> None:
    """It stopped until 2028, with the advice to set a clock that was right."""
    await harness.add_pending(2)
    await harness.run()
    await run_ahead(harness, days=400)
    await harness.add_pending(1)
    with pytest.raises(WrongClock) as refused:
        await harness.run()
    assert "passerelle recover --clock" in refused.value.mend
    async with harness.database.connection() as connection:
        with pytest.raises(WrongClock):
            await harness.sequencer().check(connection)
        found = await find_ahead(connection, ORIGIN, harness.clock)
    assert (found.leaves, found.now) == (3, harness.clock.now())
    assert await recover(harness) == 3
    harness.made += 3
    # Three anew, and one that waited; then the revokes of the three that were from the future.
    assert await harness.run() == 4 + 3
    await harness.check()
    now = harness.clock.now()
    rows = await harness.fetch("SELECT issued, expires, state FROM mapping")
    assert len(rows) == 6
    assert all(row["issued"] <= now and row["expires"] <= now + timedelta(days=180) for row in rows)
    assert await harness.fetch("SELECT FROM publication WHERE replaces IS NOT NULL") == []
    async with harness.database.connection() as connection:
        with pytest.raises(ClockIsRight):
            await find_ahead(connection, ORIGIN, harness.clock)
    assert await recover(harness) == 0


async def test_a_kill_in_between_leaves_the_log_in_doubt(harness: LogHarness) -> None:
    """Half is stored again: the log would go on, and the other half stay in the future for ever."""
    await harness.run()
    await run_ahead(harness, days=400)
    async with harness.database.connection() as connection:
        with pytest.raises(Killed):
            await recover_clock(connection, ORIGIN, KilledClock(harness.clock, after=3))
        with pytest.raises(WrongClock):
            await harness.sequencer().check(connection)
    assert await recover(harness) == 1
    harness.made += 3
    assert await harness.run() == 6
    await harness.check()


class Killed(Exception):
    """The process ends here."""


class KilledClock:
    """A clock whose process is killed when it is looked at once more than `after` times."""

    def __init__(self, clock: FakeClock, after: int) -> None:
        self._clock, self._left = clock, after

    def now(self) -> datetime:
        if not self._left:
            raise Killed
        self._left -= 1
        return self._clock.now()


async def test_what_is_said_again_is_checked_again_in_time(harness: LogHarness) -> None:
    """What happened: re-checks stayed planned for two months after the wrong time. Nothing renewed what was said again,
    and all of it expired after 180 days."""
    await harness.run()
    await run_ahead(harness, days=400)
    latest = harness.clock.now() + RECHECK_EVERY
    assert all(row["recheck_at"] > latest for row in await planned(harness))
    await recover(harness)
    assert [row["recheck_at"] for row in await planned(harness)] == [harness.clock.now()] * 2


async def test_what_was_agreed_to_ahead_lasts_no_longer_than_any(harness: LogHarness) -> None:
    """A list that was kept under a clock four years ahead was kept for five, and a run that was paused then kept its
    permission for as long."""
    consents, ahead = ConsentStore(harness.database), timedelta(days=4 * 365)
    await harness.run()
    await run_ahead(harness, days=ahead.days)
    [owner] = await harness.fetch("SELECT id FROM member")
    member = UUID(int=owner["id"].int)
    for now in (harness.clock.now(), harness.clock.now() + ahead):
        await consents.give_consent(member, ConsentKind.KEEP_FOLLOW_LIST, 1, now)
    async with harness.database.connection() as connection:
        await connection.execute(
            "INSERT INTO follow_run (id, member, account, network, host, kind, source, state, created_at, starts_at, next_at)"
            " SELECT gen_random_uuid(), member, id, network, '', 1, 1, $1, $2, $2, $2 FROM linked_account WHERE network <> 3",
            RunState.PAUSED, harness.clock.now() + ahead,
        )  # fmt: skip
    await recover(harness)
    now = harness.clock.now()
    published, ended, kept = await consents.list_consents(member)
    assert published.given_at == now
    assert ended.ended_at is not None
    assert (kept.given_at, kept.expires) == (now, now + KEEP_FOR)
    assert await harness.fetch("SELECT next_at FROM follow_run") == [{"next_at": now}]


async def planned(harness: LogHarness) -> list[dict[str, Any]]:
    return await harness.fetch("SELECT recheck_at FROM linked_account")


async def test_a_batch_of_a_machine_whose_clock_runs_ahead_still(harness: LogHarness, dsn: str) -> None:
    """Attack by accident: of two machines one was set right, and the other writes a batch while the first one recovers.
    The doubt was lifted, and nobody was told that this batch is from the future."""
    await harness.run()
    await run_ahead(harness, days=400)
    ahead = FakeClock(harness.clock.now() + timedelta(days=400))

    async def write_elsewhere() -> None:
        database = await Database.connect(dsn, max_connections=2)
        try:
            person = bluesky("person9", 1_009, origin=ORIGIN, issued=ahead.now())
            await StoredMappings(database).add([person], MappingState.PENDING)
            async with database.connection() as connection:
                await Sequencer(harness.keys, ORIGIN, ahead).run_once(connection)
        finally:
            await database.close()

    def meanwhile() -> None:
        with ThreadPoolExecutor(1) as other:
            other.submit(lambda: asyncio.run(write_elsewhere())).result()

    async with harness.database.connection() as connection:
        with pytest.raises(LogRefused, match="at the same time"):
            await recover_clock(connection, ORIGIN, ClockOfOneMachine(harness.clock, 2, meanwhile))
        with pytest.raises(WrongClock):
            await harness.sequencer().check(connection)
    assert await recover(harness) == 1
    await harness.run()
    await harness.check()


class ClockOfOneMachine:
    """A clock; when it is looked at for the given time, another machine does something."""

    def __init__(self, clock: FakeClock, look: int, meanwhile: Callable[[], None]) -> None:
        self._clock, self._left, self._meanwhile = clock, look, meanwhile

    def now(self) -> datetime:
        self._left -= 1
        if not self._left:
            self._meanwhile()
        return self._clock.now()


async def test_what_is_staged_under_the_wrong_clock_is_revoked_too(harness: LogHarness) -> None:
    """The clock is set right between the two steps of a batch."""
    await harness.run()
    harness.clock.advance(days=400)
    await publish(harness, "ada", 5)
    async with harness.database.connection() as connection:
        await harness.sequencer()._stage(connection)
    harness.clock.advance(days=-400)
    assert await recover(harness) == 1
    harness.made += 1
    await harness.run()
    await harness.check()
    (row,) = await harness.fetch("SELECT issued, leaf FROM mapping")
    assert row["issued"] == harness.clock.now()


async def test_a_member_who_withdraws_meanwhile_is_not_said_again(harness: LogHarness) -> None:
    await harness.run()
    await run_ahead(harness, days=400)
    await harness.withdraw([1, 2, 3])
    assert await recover(harness) == 0
    await harness.run()
    await harness.check()
    assert await harness.live_leaves() == []


async def test_a_web_machine_whose_clock_runs_ahead_stops_nothing(harness: LogHarness) -> None:
    """It stores what the sequencer, whose clock is right, would say with times of the future; and then doubt."""
    person = bluesky("person0", 1_000, origin=ORIGIN, issued=harness.clock.now() + timedelta(days=400))
    await harness.mappings.add([person], MappingState.PENDING)
    await harness.run()
    await harness.check()
    (row,) = await harness.fetch("SELECT issued, expires FROM mapping")
    assert row["issued"] == harness.clock.now()
    assert row["expires"] <= harness.clock.now() + timedelta(days=180)
    await harness.add_pending(1)
    assert await harness.run() == 1


async def test_an_hour_ahead_is_no_doubt(harness: LogHarness) -> None:
    person = bluesky("person0", 1_000, origin=ORIGIN, issued=harness.clock.now() + timedelta(minutes=50))
    await harness.mappings.add([person], MappingState.PENDING)
    await harness.run()
    harness.clock.advance(seconds=1)
    await harness.add_pending(1)
    assert await harness.run() == 1


async def test_a_log_that_is_right_is_left_alone(harness: LogHarness) -> None:
    async with harness.database.connection() as connection:
        with pytest.raises(LogEmpty):
            await find_ahead(connection, ORIGIN, harness.clock)
        await harness.run()
        with pytest.raises(ClockIsRight):
            await find_ahead(connection, ORIGIN, harness.clock)


async def test_a_witness_that_signed_while_the_clock_ran_ahead_goes_on(harness: LogHarness) -> None:
    """Nothing of our own log tells of it: without this way back no peer would be cosigned until 2028."""
    await harness.add_pending(1)
    await harness.run()
    log = PeerLog()
    await confirm_peer(harness.database, log)
    witness = Witness(harness.database, harness.keys, harness.clock)
    harness.clock.advance(days=400)
    await witness.add_checkpoint(log.request(0, 200))
    harness.clock.advance(days=-400)
    async with harness.database.connection() as connection:
        await find_ahead(connection, ORIGIN, harness.clock)
    await recover(harness)
    harness.clock.advance(seconds=1)
    with pytest.raises(OtherSize):
        await witness.add_checkpoint(log.request(0, 100))
    await witness.add_checkpoint(log.request(200, 300))
    async with harness.database.connection() as connection:
        with pytest.raises(ClockIsRight):
            await find_ahead(connection, ORIGIN, harness.clock)
