"""Hosts that fail are left alone: for how long, by which jobs, and what a hostile host cannot gain by it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.jobs.host_watch import HostWatch
from directory.networks.backoff import (
    FIRST_WAIT,
    MAX_ASKED_WAIT,
    MAX_SHARED_WAIT,
    MAX_TOLD_S,
    MAX_WAIT,
    Backoff,
    Failure,
    after_failure,
)
from directory.networks.contacts import contacts_told_to
from directory.networks.errors import BadStatus, Busy, HeldBack, NetworkError, Refused, Unreachable
from directory.networks.http import GuardedClient
from directory.store.database import Database
from directory.store.host_backoff import KEEP_AFTER, MAX_HOSTS, HostBackoffStore
from directory.store.revocations import RevocationStore
from tests.directory.networks.strangers import HASTY, Stranger, answer, forever, says, stranger
from tests.harness.clock import START, FakeClock

HOST: Final = "down.example"
FINE: Final = answer(b"ok")
BROKEN: Final = answer(b"", status="503 Service Unavailable")
YEAR_S: Final = 365 * 24 * 3_600


class TestWaits:
    def test_each_failure_doubles_the_wait_up_to_six_hours(self) -> None:
        backoff, now, waits = None, START, []
        for _ in range(40):
            backoff = after_failure(backoff, Failure(), now)
            waits.append(backoff.until - now)
            now = backoff.until
        assert waits[:4] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT, 8 * FIRST_WAIT]
        assert waits == sorted(waits)
        assert waits[-1] == MAX_WAIT

    def test_what_a_host_asks_for_is_kept(self) -> None:
        assert after_failure(None, Failure(3_600), START).until == START + timedelta(hours=1)
        assert after_failure(None, Failure(1), START).until == START + FIRST_WAIT

    def test_failures_of_one_moment_count_once(self) -> None:
        """Two slots were at the host when it went down: that is one failure, not two doublings."""
        first = after_failure(None, Failure(), START)
        second = after_failure(first, Failure(), START + timedelta(seconds=1))
        assert second == first
        asked = after_failure(first, Failure(600), START + timedelta(seconds=1))
        assert asked == Backoff(START + timedelta(seconds=601), 1)

    @given(
        failures=st.lists(st.tuples(st.integers(0, 10 * YEAR_S), st.integers(0, YEAR_S)), max_size=50),
        is_shared=st.booleans(),
    )
    def test_no_host_is_left_alone_for_longer_than_a_day(
        self, failures: list[tuple[int, int]], is_shared: bool
    ) -> None:
        """Attack: a Retry-After of years, from a host that members share or from one of its own."""
        limit = MAX_SHARED_WAIT if is_shared else MAX_ASKED_WAIT
        backoff, now = None, START
        for asked_s, later_s in failures:
            backoff = after_failure(backoff, Failure(asked_s, is_shared), now)
            assert now < backoff.until <= now + limit
            now += timedelta(seconds=later_s)


@pytest.fixture
def store(database: Database) -> HostBackoffStore:
    return HostBackoffStore(database)


@pytest.fixture
async def client() -> AsyncIterator[GuardedClient]:
    async with GuardedClient("Passerelle/test", allow_loopback=True) as opened:
        yield opened


class Asker:
    """Jobs that each ask a stranger once."""

    def __init__(self, client: GuardedClient, store: HostBackoffStore, clock: FakeClock) -> None:
        self._client = client
        self._store = store
        self._clock = clock
        self.shared: frozenset[str] = frozenset()

    def watch(self) -> HostWatch:
        return HostWatch(self._store, self._clock, self.shared)

    async def ask(self, *strangers: Stranger) -> list[int | NetworkError]:
        """Asks strangers in one job. Returns the status of each answer, or the failure."""
        watch = self.watch()
        with contacts_told_to(watch):
            told = [await self._ask(each) for each in strangers]
        await watch.record()
        return told

    async def wait_for(self, host: str) -> timedelta | None:
        """Returns how long the host is left alone; None where it is not."""
        until = await self._store.find_backoff_end(host, self._clock.now())
        return None if until is None else until - self._clock.now()

    async def _ask(self, them: Stranger) -> int | NetworkError:
        try:
            return (await self._client.get(them.url, limits=HASTY)).status
        except NetworkError as error:
            return error


@pytest.fixture
def asker(client: GuardedClient, store: HostBackoffStore, clock: FakeClock) -> Asker:
    return Asker(client, store, clock)


def host_of(them: Stranger) -> str:
    return f"127.0.0.1:{them.port}"


class TestJobs:
    async def test_a_host_that_is_broken_is_not_asked_for_a_while(
        self, asker: Asker, clock: FakeClock
    ) -> None:
        async with stranger(says(BROKEN)) as them:
            assert await asker.ask(them) == [503]
            (held,) = await asker.ask(them)
            assert isinstance(held, HeldBack)
            assert held.retry_after_s == FIRST_WAIT.total_seconds() + 1
            assert len(them.requests) == 1
            clock.advance(minutes=1)
            assert await asker.ask(them) == [503]
            assert await asker.wait_for(host_of(them)) == 2 * FIRST_WAIT

    async def test_an_answer_clears_it(self, asker: Asker, clock: FakeClock) -> None:
        answers = iter([BROKEN, BROKEN, FINE, BROKEN])

        async def mends_and_breaks(_request: bytes, writer: asyncio.StreamWriter) -> None:
            writer.write(next(answers))

        async with stranger(mends_and_breaks) as them:
            waits = []
            for status in (503, 503, 200, 503):
                assert await asker.ask(them) == [status]
                waits.append(await asker.wait_for(host_of(them)))
                clock.advance(minutes=5)
        assert waits == [FIRST_WAIT, 2 * FIRST_WAIT, None, FIRST_WAIT]

    @pytest.mark.parametrize(
        "status", ["429 Too Many Requests", "500 Internal Server Error", "503 Service Unavailable"]
    )
    async def test_retry_after_is_obeyed(self, asker: Asker, status: str) -> None:
        async with stranger(says(answer(b"", "retry-after: 900", status=status))) as them:
            await asker.ask(them)
            assert await asker.wait_for(host_of(them)) == timedelta(minutes=15)

    async def test_retry_after_of_a_year_holds_nobody_else(self, asker: Asker) -> None:
        """Attack: and not for a year; what a row is told is shorter still, since the host may be well before."""
        hostile = says(answer(b"", f"retry-after: {YEAR_S}", status="429 Too Many Requests"))
        async with stranger(hostile) as them, stranger(says(FINE)) as other:
            assert await asker.ask(them, other) == [429, 200]
            assert await asker.wait_for(host_of(them)) == MAX_ASKED_WAIT
            held, well = await asker.ask(them, other)
            assert isinstance(held, HeldBack)
            assert held.retry_after_s == MAX_TOLD_S
            assert well == 200

    async def test_a_host_that_does_not_answer_is_left_alone(self, asker: Asker) -> None:
        async with stranger(forever) as silent:
            (failure,) = await asker.ask(silent)
            assert isinstance(failure, Unreachable)
            assert await asker.wait_for(host_of(silent)) == FIRST_WAIT
        (failure,) = await asker.ask(silent)
        assert isinstance(failure, HeldBack)

    async def test_a_host_that_was_asked_when_the_job_was_broken_off_has_failed(self, asker: Asker) -> None:
        """Attack: it answers each question just within its limit, until the time of the whole job is over."""
        watch = asker.watch()
        await watch.require_free(HOST)
        await watch.record()
        assert await asker.wait_for(HOST) == FIRST_WAIT

    async def test_one_failure_in_a_job_is_a_failure(self, asker: Asker) -> None:
        """A host that answers the cheap question and fails at the other one is not well."""
        answers = iter([FINE, BROKEN, FINE])

        async def moody(_request: bytes, writer: asyncio.StreamWriter) -> None:
            writer.write(next(answers))

        async with stranger(moody) as them:
            assert await asker.ask(them, them, them) == [200, 503, 200]
            assert await asker.wait_for(host_of(them)) == FIRST_WAIT

    @pytest.mark.parametrize("error", [Busy(HOST, "full"), Refused(HOST, "inside"), BadStatus(HOST, 404)])
    async def test_what_is_our_own_doing_is_not_held_against_it(
        self, asker: Asker, error: NetworkError
    ) -> None:
        watch = asker.watch()
        await watch.require_free(HOST)
        watch.note_failure(HOST, error)
        await watch.record()
        assert await asker.wait_for(HOST) is None

    async def test_404_is_an_answer(self, asker: Asker) -> None:
        async with stranger(says(answer(b"", status="404 Not Found"))) as them:
            await asker.ask(them)
            assert await asker.wait_for(host_of(them)) is None


class TestSharedHosts:
    async def test_one_bad_post_does_not_hold_back_everybody(self, asker: Asker) -> None:
        """Attack: a member hands in a post that X's server stumbles over. It is the source of all members."""
        async with stranger(says(BROKEN)) as them, stranger(forever) as silent:
            asker.shared = frozenset({host_of(them), host_of(silent)})
            await asker.ask(them, silent)
            assert await asker.wait_for(host_of(them)) is None
            assert await asker.wait_for(host_of(silent)) is None

    async def test_too_many_requests_is_heard_by_all(self, asker: Asker) -> None:
        async with stranger(says(answer(b"", "retry-after: 7200", status="429 Too Many"))) as them:
            asker.shared = frozenset({host_of(them)})
            await asker.ask(them)
            assert await asker.wait_for(host_of(them)) == MAX_SHARED_WAIT


class TestStrangers:
    async def test_what_the_web_asks_is_told_to_nobody(
        self, client: GuardedClient, asker: Asker, database: Database
    ) -> None:
        """Attack: whoever types names of hosts into the sign-in form would fill the table."""
        async with stranger(says(BROKEN)) as them:
            await client.get(them.url)
            await client.get(them.url)
            assert len(them.requests) == 2
        async with database.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM host_backoff") == 0

    async def test_who_is_pointed_at_is_not_blamed(self, client: GuardedClient, asker: Asker) -> None:
        """Attack: a hostile server redirects to an address of an honest one that is broken."""
        async with stranger(says(BROKEN)) as honest:
            away = says(answer(b"", f"location: {honest.url}", status="302 Found"))
            async with stranger(away) as hostile:
                watch = asker.watch()
                with contacts_told_to(watch):
                    assert (await client.get(hostile.url, redirects=1)).status == 503
                await watch.record()
                assert await asker.wait_for(host_of(honest)) is None
                assert await asker.wait_for(host_of(hostile)) == FIRST_WAIT

    async def test_the_table_has_room_for_so_many(
        self, store: HostBackoffStore, database: Database, clock: FakeClock
    ) -> None:
        """Attack: accounts at any number of hosts that fail. What does not fit is simply not held back; what is
        there goes on to be counted, and goes a day after its time."""
        async with database.connection() as connection:
            await connection.execute(
                "INSERT INTO host_backoff SELECT n || '.evil.example', $1, 1, $1 FROM generate_series(2, $2) n",
                clock.now(),
                MAX_HOSTS,
            )
        late = {"honest.example": Failure()}
        for failures in ({"1.evil.example": Failure()}, late, {"1.evil.example": Failure()}):
            await store.record_contacts(failures, (), clock.now())
            clock.advance(minutes=2)
        async with database.connection() as connection:
            rows = await connection.fetch("SELECT host FROM host_backoff WHERE failures = 2")
            assert [row["host"] for row in rows] == ["1.evil.example"]
            assert await connection.fetchval("SELECT count(*) FROM host_backoff") == MAX_HOSTS
        assert await store.purge_backoffs(clock.now(), MAX_HOSTS) == 0
        clock.advance(seconds=KEEP_AFTER.total_seconds())
        assert await store.purge_backoffs(clock.now(), MAX_HOSTS) == MAX_HOSTS
        await store.record_contacts(late, (), clock.now())
        assert await store.find_backoff_end("honest.example", clock.now()) is not None

    async def test_a_wait_of_a_clock_that_was_wrong_once_holds_nobody_back(
        self, database: Database, store: HostBackoffStore
    ) -> None:
        """A machine whose clock was a year ahead heard a host fail. Nobody asked the host again for that year, so
        nothing corrected it, and no row of that host was claimed."""
        year_ahead = START + timedelta(days=365)
        await store.record_contacts({HOST: Failure(), "gone.example": Failure()}, (), year_ahead)
        assert await store.find_backoff_end(HOST, START) is None
        async with database.transaction() as connection:
            await connection.execute(
                "INSERT INTO revocation (id, network, issuer, token_hash, sealed, asked_at, next_at)"
                " VALUES (gen_random_uuid(), 2, $1, '', '', $2, $2)",
                f"https://{HOST}",
                START,
            )
        assert len(await RevocationStore(database).claim_due_revocations(START, 10)) == 1
        await store.record_contacts({HOST: Failure()}, (), START)
        assert await store.find_backoff_end(HOST, START) == START + FIRST_WAIT
        assert await store.purge_backoffs(START, 10) == 1

    async def test_two_jobs_that_hear_opposite_things_at_once(
        self, store: HostBackoffStore, clock: FakeClock
    ) -> None:
        """Neither waits for the other for ever."""
        for _ in range(20):
            await asyncio.gather(
                store.record_contacts({"a.example": Failure()}, {"b.example"}, clock.now()),
                store.record_contacts({"b.example": Failure()}, {"a.example"}, clock.now()),
                store.record_contacts({"b.example": Failure(), "a.example": Failure()}, (), clock.now()),
            )
