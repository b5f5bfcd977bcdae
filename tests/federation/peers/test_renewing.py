"""The lease of a round lasts as long as the round, and not much longer than its process; a fault of ours holds up nobody."""

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from directory.networks.answers import Answer
from directory.networks.http import GuardedClient
from directory.networks.limits import Limits
from directory.store.database import Database
from federation.peers.renewing import renewed
from federation.peers.tail import Pace, Tail
from federation.store.peer_logs import TAIL_LEASE
from tests.federation.peers.tailing import Reader, reading
from tests.harness.clock import FakeClock
from tests.harness.peer_log import PeerLog, log_server

OFTEN_S = 0.01


class Broken:
    """A client with a fault."""

    async def get(self, address: str, path: str, *, limits: Limits) -> Answer:
        raise ZeroDivisionError(f"{address}{path} {limits}")


async def confirmed(reader: Reader, clock: FakeClock, address: str) -> PeerLog:
    log = PeerLog(clock)
    log.add_people(3)
    log.publish()
    await reader.confirm(address, log.log_key.vkey)
    return log


async def until_due(reader: Reader, clock: FakeClock, after: timedelta) -> None:
    """Waits until the log is due no sooner than after so long."""
    async with asyncio.timeout(30):
        while (await reader.log())["next_at"] < clock.now() + after:  # noqa: ASYNC110 - another task changes a row
            await asyncio.sleep(OFTEN_S)


async def test_a_lease_lasts_as_long_as_its_round(database: Database, clock: FakeClock) -> None:
    """A large step of a slow peer takes longer than a lease: nobody else begins to read the same meanwhile."""
    async with reading(database, clock) as reader:
        await confirmed(reader, clock, "http://127.0.0.1:1")
        job = await reader.logs.claim_due(clock.now())
        assert job is not None
        async with renewed(database, clock, job.lease, OFTEN_S):
            for _ in range(3):
                clock.advance(seconds=TAIL_LEASE.total_seconds() * 0.9)
                await until_due(reader, clock, TAIL_LEASE)
                assert await reader.logs.claim_due(clock.now()) is None
        due = (await reader.log())["next_at"]
        clock.advance(seconds=TAIL_LEASE.total_seconds() * 0.9)
        assert (await reader.log())["next_at"] == due
        clock.advance(seconds=TAIL_LEASE.total_seconds() * 0.1)
        assert await reader.logs.claim_due(clock.now()) is not None, "a killed process keeps it no longer"


async def test_one_renewal_that_fails_is_not_the_last(database: Database, clock: FakeClock) -> None:
    """A migration changes a table while a round is under way: from one error on the lease was never renewed, and another process
    read the same beside it."""
    async with reading(database, clock) as reader:
        await confirmed(reader, clock, "http://127.0.0.1:1")
        job = await reader.logs.claim_due(clock.now())
        assert job is not None
        with capture_logs() as told:
            await reader.rows("ALTER TABLE peer_log RENAME TO elsewhere")
            async with renewed(database, clock, job.lease, OFTEN_S):
                async with asyncio.timeout(30):
                    while not told:  # noqa: ASYNC110 - another task tells
                        await asyncio.sleep(OFTEN_S)
                await reader.rows("ALTER TABLE elsewhere RENAME TO peer_log")
                clock.advance(seconds=TAIL_LEASE.total_seconds() * 0.9)
                await until_due(reader, clock, TAIL_LEASE)


async def test_a_lost_lease_is_not_renewed(database: Database, clock: FakeClock) -> None:
    """The operators have the peer read at once, or suspend it: the round that was under way takes nothing back."""
    async with reading(database, clock) as reader:
        log = await confirmed(reader, clock, "http://127.0.0.1:1")
        job = await reader.logs.claim_due(clock.now())
        assert job is not None
        assert await reader.logs.claim_log(log.origin, clock.now()) is not None
        due = (await reader.log())["next_at"]
        clock.advance(seconds=10)
        async with renewed(database, clock, job.lease, OFTEN_S):
            others = asyncio.all_tasks() - {asyncio.current_task()}
            (task,) = [task for task in others if task.get_name() == "lease of a peer's log"]
            await asyncio.wait_for(task, 30)
        assert (await reader.log())["next_at"] == due


async def test_a_fault_of_ours_is_told_and_waits_longer_each_time(
    database: Database, clock: FakeClock
) -> None:
    log = PeerLog(clock)
    log.add_people(3)
    log.publish()
    async with (
        log_server(log.serve) as server,
        reading(database, clock) as reader,
        GuardedClient("Passerelle/test", allow_loopback=True) as client,
    ):
        await reader.confirm(server.address, log.log_key.vkey)
        tail = Tail(database, clock, client, Broken())
        waits = []
        for failures in (1, 2, 3):
            job = await reader.logs.claim_due(clock.now())
            assert job is not None
            with pytest.raises(ZeroDivisionError):
                await tail.run(job, Pace(read_for_s=60, ask_for_s=60))
            row = await reader.log()
            assert row["failures"] == failures
            assert "of this instance" in row["fault"]
            waits.append(row["next_at"] - clock.now())
            clock.advance(seconds=waits[-1].total_seconds())
        assert waits[0] < waits[1] < waits[2]
