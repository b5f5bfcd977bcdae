"""A reading that is broken off at any point goes on behind what was stored, and fetches none of it again."""

import asyncio
import tracemalloc

from directory.store.database import Database
from federation.peers import bodies
from federation.peers.reading import BUNDLES_A_STEP
from federation.peers.verdicts import Verdict
from federation.protocol.body_answers import NeverMapping
from federation.protocol.body_wire import encode_answers
from federation.store.peer_leases import PeerLeaseStore
from tests.federation.peers.tailing import Reader, reading
from tests.harness.clock import FakeClock
from tests.harness.peer_log import LogServer, PeerLog, Reply, log_server

STEP = BUNDLES_A_STEP * 256


async def broken_off(reader: Reader, server: LogServer, after: int) -> bool:
    """Runs one job, and cancels it at its `after`-th request. Returns whether it ended before."""
    work = await reader.jobs.claim(())
    assert work is not None
    reached, begin = asyncio.Event(), len(server.asked)

    async def watch(_: str) -> None:
        if len(server.asked) - begin >= after:
            reached.set()
            await asyncio.sleep(30)

    server.before = watch
    job, hit = asyncio.ensure_future(work.run()), asyncio.create_task(reached.wait())
    await asyncio.wait({job, hit}, return_when=asyncio.FIRST_COMPLETED)
    server.before = None
    is_done = job.done()
    job.cancel()
    hit.cancel()
    await asyncio.gather(job, hit, return_exceptions=True)
    if not is_done:
        await work.release()
    return is_done


async def test_what_was_believed_is_never_fetched_again(database: Database, clock: FakeClock) -> None:
    """Broken off at every seventh request of a first sync, it still ends, and asks for each bundle that was stored once."""
    log = PeerLog(clock)
    people = log.add_people(2_000)
    log.noise(2 * STEP)
    people += log.add_people(500)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey, seen=10**6)
        rounds = 0
        while True:
            before, begin = await reader.log(), len(server.asked)
            if await broken_off(reader, server, 20 + 31 * rounds):
                break
            rounds += 1
            for path in server.asked[begin:]:
                if path.startswith("/log/tile/entries/"):
                    number = int("".join(c for c in path.split(".p")[0][18:] if c.isdigit()))
                    assert number >= before["size"] // 256, "this was stored before"
                if path.startswith("/federation"):
                    number = int("".join(c for c in path.split(".p")[0][26:] if c.isdigit()))
                    assert number >= before["bodies_size"] // 256
        assert rounds >= 3
        assert await reader.leaves() == people
        assert (await reader.log())["size"] == len(log.entries)
        await reader.check()


async def test_a_round_whose_time_is_over_goes_on_at_once(database: Database, clock: FakeClock) -> None:
    log = PeerLog(clock)
    log.add_people(10)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        assert await reader.round(limit_s=0) is Verdict.MORE
        assert await reader.logs.claim_due(clock.now()) is not None


async def test_growth_beyond_the_cap_stops_and_goes_on_the_next_day(
    database: Database, clock: FakeClock
) -> None:
    """Growth is no fraud: what is below the cap is read and verified, the reason is told, and nothing is held against it."""
    log = PeerLog(clock)
    people = log.add_people(500)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey, growth_cap=300)
        assert await reader.round() is Verdict.STOPPED
        row = await reader.log()
        assert (row["size"], row["failures"], row["fault"]) == (300, 0, "")
        assert row["stopped"] != ""
        assert row["target_size"] == 501
        assert row["root"] == log.root(300)
        clock.advance(hours=13)
        log.publish()
        assert await reader.round() is Verdict.READ
        assert await reader.leaves() == people


async def test_withdrawals_are_held_up_by_no_cap(database: Database, clock: FakeClock) -> None:
    """People can leave: a community of thousands that closes down would be heard to the end only after days."""
    log = PeerLog(clock)
    people = log.add_people(600)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey, growth_cap=20, seen=601)
        assert await reader.round() is Verdict.READ
        for person in people:
            log.revoke(person)
        log.publish()
        clock.advance(seconds=41)
        verdict = await reader.round()
        while verdict is Verdict.MORE:
            verdict = await reader.round()
        assert verdict is Verdict.READ
        assert await reader.leaves() == []


async def test_revokes_of_nothing_count_as_growth(database: Database, clock: FakeClock) -> None:
    """Attack: a flood of revokes, each of the same mapping, or of none, to get around the cap."""
    log = PeerLog(clock)
    (person,) = log.add_people(1)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey, growth_cap=20)
        assert await reader.round() is Verdict.READ
        for _ in range(500):
            log.revoke(person)
        log.publish()
        clock.advance(seconds=41)
        assert await reader.round() is Verdict.STOPPED
        assert (await reader.log())["size"] == 2 + 20 - 2 + 1


async def test_revokes_that_were_free_already_free_nothing_more(database: Database, clock: FakeClock) -> None:
    """Attack: a log whose history holds many withdrawals, all of them seen at the confirmation and free, grows by as many
    mappings at once, as if these withdrawals were still to be read."""
    log = PeerLog(clock)
    for person in log.add_people(300):
        log.revoke(person)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey, growth_cap=10, seen=601)
        assert await reader.round() is Verdict.READ
        log.add_people(300)
        log.publish()
        clock.advance(seconds=41)
        assert await reader.round() is Verdict.STOPPED
        assert (await reader.log())["size"] == 611


async def test_what_was_there_at_the_confirmation_is_free(database: Database, clock: FakeClock) -> None:
    log = PeerLog(clock)
    log.add_people(500)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey, growth_cap=10, seen=501)
        assert await reader.round() is Verdict.READ
        log.add_people(11)
        log.publish()
        clock.advance(seconds=41)
        assert await reader.round() is Verdict.STOPPED
        assert (await reader.log())["size"] == 511


async def test_a_size_that_was_shown_at_the_confirmation_alone_is_not_free(
    database: Database, clock: FakeClock
) -> None:
    """Attack: the operators are shown a signed checkpoint of 2^38 leaves. No cap would count before the log has as many."""
    log = PeerLog(clock)
    log.add_people(20)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey, growth_cap=10, seen=2**38)
        assert await reader.round() is Verdict.READ
        log.noise(500)
        log.publish()
        clock.advance(seconds=41)
        assert await reader.round() is Verdict.STOPPED
        assert (await reader.log())["size"] == 31


async def test_an_old_checkpoint_in_the_middle_of_a_first_sync_caps_nothing(
    database: Database, clock: FakeClock
) -> None:
    """A copy of the peer's log lags behind, and is asked once: what was free at the confirmation was cut to its size for good,
    and the rest of a first sync took months of daily caps."""
    log = PeerLog(clock)
    log.noise(20_000)
    log.publish()
    old = log.note
    log.noise(20_000)
    log.publish()
    size = len(log.entries)
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey, growth_cap=10, seen=size)
        server.lies = lambda path, honest: Reply(503) if "entries/070" in path else honest
        assert await reader.round() is Verdict.UNAVAILABLE
        assert 0 < (await reader.log())["size"] < 20_000
        server.lies = lambda path, honest: Reply(200, old) if path == "/log/checkpoint" else honest
        clock.advance(hours=1)
        assert await reader.round() is Verdict.STALE
        server.lies = None
        clock.advance(hours=2)
        assert await reader.round() is Verdict.READ
        assert (await reader.log())["size"] == size


async def test_the_daily_cap_stops_what_is_taken_in(database: Database, clock: FakeClock) -> None:
    log = PeerLog(clock)
    log.add_people(16 * 256 + 100)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey, daily_cap=1_000)
        assert await reader.round() is Verdict.STOPPED
        first = len(await reader.leaves())
        assert 1_000 <= first < 1_256
        clock.advance(days=1)
        log.publish()
        for _ in range(4):
            await reader.round()
            clock.advance(days=1)
            log.publish()
        assert len(await reader.leaves()) == 16 * 256 + 100


async def test_bodies_that_were_withheld_count_for_the_daily_cap(
    database: Database, clock: FakeClock
) -> None:
    """Attack: a peer withholds its bodies when they are asked for, and serves them when they are asked for again, which no cap
    held up: 25,600 mappings a day under a cap of 100."""
    log = PeerLog(clock)
    people = log.add_people(2_000)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey, daily_cap=100)

        def withhold(path: str, honest: Reply) -> Reply:
            if "/statements/" not in path:
                return honest
            count = int(path.rpartition("/")[2]) if ".p/" in path else 256
            return Reply(200, encode_answers([NeverMapping()] * count))

        server.lies = withhold
        assert await reader.round() is Verdict.READ
        assert await reader.leaves() == []
        server.lies = None
        taken = []
        for _ in range(2):
            clock.advance(minutes=2)
            log.publish()
            assert await reader.round() in {Verdict.READ, Verdict.STOPPED}
            taken.append(len(await reader.leaves()))
        assert 100 <= taken[0] < 100 + 256
        assert taken[1] == taken[0]
        days = 0
        while len(await reader.leaves()) < len(people):
            days += 1
            clock.advance(days=1)
            log.publish()
            await reader.round()
        assert days >= 6
        assert not await reader.rows("SELECT FROM peer_missing")


async def test_a_partial_bundle_that_is_gone_is_read_from_the_full_one(
    database: Database, clock: FakeClock
) -> None:
    log = PeerLog(clock)
    log.add_people(300)
    log.publish()
    note = log.note
    log.add_people(500)
    log.publish()
    log.note = note
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        server.lies = lambda path, honest: Reply(404) if "entries" in path and ".p/" in path else honest
        await reader.confirm(server.address, log.log_key.vkey)
        assert await reader.round() is Verdict.READ
        assert (await reader.log())["size"] == 301


async def test_a_first_sync_is_few_arrivals_in_bounded_memory(database: Database, clock: FakeClock) -> None:
    """Memory is that of a step, whatever the size of the log."""
    log = PeerLog(clock)
    log.add_people(3 * 4_096)
    log.noise(4 * STEP)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey, seen=10**6)
        tracemalloc.start()
        try:
            assert await reader.round() is Verdict.READ
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 60 * 2**20
        assert len(await reader.rows("SELECT FROM arrival")) == 1
        assert len(await reader.leaves()) == 3 * 4_096


async def test_a_fork_that_shows_in_the_middle_of_a_first_sync_is_proven(
    database: Database, clock: FakeClock
) -> None:
    """Between two rounds of a first sync the log goes on otherwise behind what was read: the note that was believed is the
    evidence, although its tree was not read yet."""
    log = PeerLog(clock)
    log.noise(2 * STEP + 10)
    forked = log.copy()
    log.noise(100)
    log.publish()
    forked.add_people(200)
    forked.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey, seen=10**6)
        assert not await broken_off(reader, server, 80)
        assert (await reader.log())["size"] == STEP
        server.serve = forked.serve
        assert await reader.round() is Verdict.FORKED
        assert len(await reader.rows("SELECT FROM peer_evidence")) == 1


async def test_bodies_that_are_purged_meanwhile_are_asked_for_from_the_start(
    database: Database, clock: FakeClock
) -> None:
    """A purge between asking and storing set the place back, and the step that was under way set it ahead again: what was
    purged before it stayed away for ever."""
    log = PeerLog(clock)
    # It is asked for after the first step was stored, while others are under way.
    bundle = bodies.BUNDLES_A_STEP * (bodies.STEPS_AHEAD + 1)
    people = log.add_people((bundle + 1) * 256)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        purged = False

        async def purge(path: str) -> None:
            nonlocal purged
            if path.endswith(f"/statements/{bundle:03}") and not purged:
                purged = True
                # In the order of the real ones, in one transaction: other steps may be stored at this moment.
                async with database.transaction() as connection:
                    await connection.execute("UPDATE peer_log SET bodies_size = 0")
                    await connection.execute("DELETE FROM mapping")
                    await connection.execute("DELETE FROM peer_statement")

        server.before = purge
        assert await reader.round() is Verdict.LOST
        clock.advance(hours=1)
        log.publish()
        assert await reader.round() is Verdict.READ
        assert await reader.leaves() == people
        await reader.check()


async def test_a_purge_that_was_broken_off_is_in_nobodys_way(database: Database, clock: FakeClock) -> None:
    """A peer is heard again in the middle of the purge of what it had said, or the process ends there: what is left stood
    in the way of the bodies that are asked for anew, and the peer was never read on."""
    log = PeerLog(clock)
    people = log.add_people(20)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        assert await reader.round() is Verdict.READ
        clock.advance(days=31)
        store = PeerLeaseStore(database)
        [peer] = await store.find_silent(clock.now())
        assert await store.purge_step(peer, 7)
        log.publish()
        assert await reader.round() is Verdict.READ
        assert await reader.leaves() == people
        await reader.check()
