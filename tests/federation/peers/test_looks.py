"""Logs with nothing new are looked at, many at a time: one request, and a round of their own for whatever else is there."""

import asyncio

import pytest

from directory.store.database import Database
from federation.peers.looks import EVERY_S
from federation.peers.verdicts import Verdict
from tests.federation.peers.tailing import reading
from tests.harness.clock import FakeClock
from tests.harness.peer_log import PeerLog, log_server

LOOK = ["/log/checkpoint"]


async def test_a_log_with_nothing_new_costs_one_request(database: Database, clock: FakeClock) -> None:
    log = PeerLog(clock)
    log.add_people(5)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        assert await reader.round() is Verdict.READ
        before = await reader.state()
        clock.advance(seconds=EVERY_S + 1)
        server.asked.clear()
        assert await reader.run_due() == 1
        assert server.asked == LOOK
        assert await reader.state() == before
        row = await reader.log()
        assert (row["next_at"] - clock.now()).total_seconds() == EVERY_S
        assert (row["seen_at"], row["fault"]) == (clock.now(), "")
        assert await reader.run_due() == 0


async def test_what_is_new_is_read_at_once(database: Database, clock: FakeClock) -> None:
    log = PeerLog(clock)
    people = log.add_people(5)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        assert await reader.round() is Verdict.READ
        clock.advance(seconds=EVERY_S + 1)
        log.revoke(people[0])
        more = log.add_people(2)
        log.publish()
        assert await reader.run_due() == 2
        assert await reader.leaves() == [*people[1:], *more]
        await reader.check()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE peer_log SET bodies_size = 0",
        "UPDATE peer_log SET stopped = 'it waits for something'",
        "UPDATE peer_log SET target_size = target_size + 1",
        "INSERT INTO peer_missing (place) SELECT id::bigint * 1099511627776 + 2 FROM peer_log",
    ],
    ids=["purged", "stopped", "not read to the end", "a body is missing"],
)
async def test_a_log_with_something_to_do_takes_a_round(
    database: Database, clock: FakeClock, change: str
) -> None:
    """The same checkpoint is served, and that alone would have had it left alone: what was purged of a peer that came back
    was never asked for again, nor was a body that was missing once."""
    log = PeerLog(clock)
    people = log.add_people(5)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        assert await reader.round() is Verdict.READ
        await reader.rows(change)
        if "bodies_size" in change:
            await reader.rows("DELETE FROM mapping")
            await reader.rows("DELETE FROM peer_statement")
        clock.advance(seconds=EVERY_S + 1)
        assert await reader.run_due() == 1
        row = await reader.log()
        assert (row["bodies_size"], row["stopped"], row["target_size"]) == (6, "", 6)
        assert not await reader.rows("SELECT FROM peer_missing")
        assert await reader.leaves() == people


async def test_a_cosignature_of_a_time_to_come_does_not_quiet_a_log(
    database: Database, clock: FakeClock
) -> None:
    """One from the future counts for nothing until its time has come: with the log left alone under it, that time was never
    seen, and the log fell silent here."""
    log = PeerLog(clock)
    log.add_people(5)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        assert await reader.round() is Verdict.READ
        ahead = log.now() + 2 * 3_600
        log.note = bytes(log.cosigned(log.sign(), ahead))
        clock.advance(seconds=EVERY_S + 1)
        assert await reader.run_due() == 2
        assert (await reader.log())["quiet_under"] is None
        clock.advance(hours=2)
        assert await reader.run_due() == 1
        assert int((await reader.log())["cosigned_at"].timestamp()) == ahead


async def test_a_peer_that_does_not_answer_holds_up_no_other(database: Database, clock: FakeClock) -> None:
    """All logs of a look waited for the slowest of them: one peer that let its answer drip delayed what others had
    withdrawn by half a minute each time."""
    logs = [PeerLog(clock, origin=f"peer{n}.example/log", host=f"peer{n}.example") for n in range(3)]
    for log in logs:
        log.add_people(2)
        log.publish()
    async with (
        log_server(logs[0].serve) as slow,
        log_server(logs[1].serve) as second,
        log_server(logs[2].serve) as third,
        reading(database, clock) as reader,
    ):
        for log, server in zip(logs, (slow, second, third), strict=True):
            await reader.confirm(server.address, log.log_key.vkey, origin=log.origin)
        assert await reader.run_due() == 3

        released = asyncio.Event()

        async def hang(_: str) -> None:
            await released.wait()

        slow.before = hang
        clock.advance(seconds=EVERY_S + 1)
        work = await reader.jobs.claim(())
        assert work is not None
        async with asyncio.timeout(5):
            await work.run()
        released.set()
        rows = await reader.rows("SELECT origin, quiet_under, next_at FROM peer_log ORDER BY origin")
        waits = [(row["next_at"] - clock.now()).total_seconds() for row in rows]
        assert waits == [0, EVERY_S, EVERY_S]
        assert [row["quiet_under"] is None for row in rows] == [True, False, False]
