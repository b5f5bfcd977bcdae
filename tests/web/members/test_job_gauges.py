"""/metrics over HTTP: what waits, for how long, what runs and what failed, by kind; and never a name."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from directory.jobs.gauges import FRESH_FOR
from directory.members.job_kinds import OF_PEERS
from tests.harness.clock import FakeClock
from tests.harness.fake_x import FakeX
from tests.web.members.gallery import People
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.worlds import fetch

REACHED_S = 20
KINDS = {
    "posts",
    "links",
    "arrivals",
    "messages",
    "rechecks",
    "claims",
    "revocations",
    "follows",
    "standing",
    "housekeeping",
} | {kind.value for kind in OF_PEERS}


@pytest.fixture(scope="module")
def clock() -> FakeClock:
    return FakeClock(datetime.now(UTC))


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, x: FakeX, clock: FakeClock) -> Iterator[MemberInstance]:
    """Its jobs are done when a test says so."""
    with member_instance(module_dsn, data, x=x, clock=clock, jobs=False) as running:
        yield running


@pytest.fixture(autouse=True)
def _nothing_waits(instance: MemberInstance, clock: FakeClock) -> None:
    for table in ("proof_check", "revocation", "host_backoff"):
        fetch(instance, f"DELETE FROM {table}")  # noqa: S608 - of the three above
    clock.advance(seconds=FRESH_FOR.total_seconds() + 1)


def gauges(instance: MemberInstance, name: str) -> dict[str, float]:
    """A gauge, or a count, by kind."""
    text = httpx.get(instance.metrics_url, trust_env=False).text
    found = re.findall(rf'^passerelle_jobs_{name}{{kind="(\w+)"}} ([0-9.e+]+)$', text, re.MULTILINE)
    assert {kind for kind, _ in found} == KINDS
    return {kind: float(value) for kind, value in found}


def test_what_waits_is_counted_and_nobody_is_named(instance: MemberInstance, clock: FakeClock) -> None:
    assert set(gauges(instance, "waiting").values()) == {0.0}
    people = People(instance)
    waiting = [people.join(name) for name in ("gaugeda", "gaugedb")]
    people.hand_in(waiting[0])
    clock.advance(seconds=30)
    people.hand_in(waiting[1])
    clock.advance(seconds=60)
    assert gauges(instance, "waiting") == dict.fromkeys(KINDS, 0.0) | {"posts": 2.0}
    assert gauges(instance, "oldest_seconds") == dict.fromkeys(KINDS, 0.0) | {"posts": 90.0}
    text = httpx.get(instance.metrics_url, trust_env=False).text
    assert "passerelle_requests_total" in text
    assert not any(name in text for person in waiting for name in (person.names.bluesky, person.names.did))


def test_they_are_counted_seldom_however_often_they_are_asked_for(
    instance: MemberInstance, clock: FakeClock
) -> None:
    """Attack: whoever reaches /metrics could have the tables read at each request."""
    assert gauges(instance, "waiting")["posts"] == 0
    people = People(instance)
    people.hand_in(people.join("often"))
    assert gauges(instance, "waiting")["posts"] == 0
    clock.advance(seconds=FRESH_FOR.total_seconds() + 1)
    assert gauges(instance, "waiting")["posts"] == 1


def test_what_waits_for_a_host_is_told_apart(instance: MemberInstance, clock: FakeClock) -> None:
    """A server of others that is down sets off no alarm: nothing here is late."""
    for host in ("down.example", "https://up.example"):
        fetch(
            instance,
            "INSERT INTO revocation (id, network, issuer, token_hash, sealed, asked_at, next_at)"
            " VALUES (gen_random_uuid(), 2, $1, '', '', $2, $2)",
            host,
            clock.now(),
        )
    later = clock.now() + timedelta(hours=1)
    fetch(instance, "INSERT INTO host_backoff VALUES ('down.example', $1, 1, $1)", later)
    clock.advance(seconds=10)
    assert gauges(instance, "held_back")["revocations"] == 1
    assert gauges(instance, "waiting")["revocations"] == 1
    assert gauges(instance, "oldest_seconds")["revocations"] == 10
    assert "down.example" not in httpx.get(instance.metrics_url, trust_env=False).text


def test_what_failed_is_counted(instance: MemberInstance) -> None:
    people = People(instance)
    people.hand_in(people.join("unlucky"))
    fetch(instance, "ALTER TABLE proof_check ADD CONSTRAINT a_bug CHECK (reason IS NULL)")
    before = gauges(instance, "failed_total")
    with capture_logs() as said:
        instance.call(instance.worker.drain)
    fetch(instance, "ALTER TABLE proof_check DROP CONSTRAINT a_bug")
    assert [line["event"] for line in said] == ["something failed", "a job failed and will be tried again"]
    after = gauges(instance, "failed_total")
    assert after == before | {"posts": before["posts"] + 1}


def test_what_runs_is_counted(module_dsn: str, data: Path, x: FakeX) -> None:
    held = x.hold("syndication")
    with member_instance(module_dsn, data, x=x) as running:
        member = People(running).join("runner").member
        author = x.account("gaugedrunner")

        async def hand_in() -> None:
            proving = running.members.proving
            kept = await proving.new_challenge(member, running.settings.domain, "en")
            await proving.submit(member, kept.id, x.post(author, kept.challenge.sentence).url)
            running.members.wake_jobs()

        running.call(hand_in)
        try:
            assert held.reached.wait(REACHED_S)
            assert gauges(running, "running")["posts"] == 1
        finally:
            held.release()


def test_without_its_database_the_rest_is_still_told(module_dsn: str, data: Path, clock: FakeClock) -> None:
    with member_instance(module_dsn, data, clock=clock, jobs=False) as running:
        running.call(running.database.close)
        answer = httpx.get(running.metrics_url, trust_env=False)
        assert answer.status_code == 200
        assert "passerelle_requests" in answer.text
        assert "passerelle_jobs" not in answer.text
