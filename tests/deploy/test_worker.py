"""Jobs in real processes that are killed, told to end, and run beside each other: nothing lost, nothing
doubled."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from deploy.embedded import open_database
from deploy.ports import free_port
from deploy.wiring.members import MemberParts
from directory.jobs.worker import FINISH_WITHIN_S
from directory.members.challenges import ChallengeState, CheckState
from directory.members.publications import Wish
from tests.deploy.members import Members
from tests.harness.command import Command
from tests.harness.fake_plc import FakePlc
from tests.harness.fake_x import FakeAccount, FakeX
from tests.harness.forking import Forks
from tests.harness.postgres import FAST_SETTINGS
from tests.harness.waiting import wait_until

REACHED_S = 90
"""For a process to start and ask, on a busy machine."""


@pytest.fixture(scope="module")
def x() -> Iterator[FakeX]:
    with FakeX() as fake:
        yield fake


@pytest.fixture(scope="module")
def plc() -> Iterator[FakePlc]:
    with FakePlc() as fake:
        yield fake


@pytest.fixture(scope="module")
def members(folder: Path, plc: FakePlc) -> Iterator[Members]:
    with open_database(folder / "data", FAST_SETTINGS) as database:
        yield Members(folder / "data", database.dsn, plc=plc)


@pytest.fixture
def instance(folder: Path, members: Members, x: FakeX, plc: FakePlc) -> Command:
    """The command with the settings for `serve` and its jobs, which ask the fake X and PLC and no other server."""
    assert members
    settings = {
        "data": str(folder / "data"),
        "port": str(free_port()),
        "allow_loopback": "true",
        "x_syndication": f"{x.root}/syndication",
        "x_oembed": "",
        "x_oembed_twitter": "",
        **plc.settings,
    }
    return Forks(folder, settings)


def hand_in(members: Members, x: FakeX, name: str) -> tuple[UUID, FakeAccount]:
    """Adds a member who hands in a good post; returns the member and the X account."""
    member, author = members.join(name), x.account(name)
    members.hand_in(member, lambda sentence: x.post(author, sentence).url)
    return member, author


def row_of(members: Members, member: UUID) -> asyncpg.Record:
    """The member's one check."""
    (row,) = members.fetch(
        "SELECT state, attempts, next_at > now() + interval '2 minutes' AS is_leased, next_at <= now() AS is_due"
        " FROM proof_check WHERE member = $1",
        member,
    )
    return row


def wait_for(members: Members, member: UUID, state: CheckState) -> None:
    assert wait_until(lambda: row_of(members, member)["state"] == state, REACHED_S), row_of(members, member)


def assert_proven_once(members: Members, member: UUID, author: FakeAccount) -> None:
    """Asserts one account with one piece of evidence, one used challenge and no claim."""
    accounts = members.fetch(
        "SELECT account_id, jsonb_array_length(to_jsonb(evidence)) AS pieces FROM linked_account"
        " WHERE member = $1 AND account_id = $2",
        member,
        str(author.id),
    )
    assert [row["pieces"] for row in accounts] == [1]
    states = members.fetch("SELECT state FROM challenge WHERE member = $1", member)
    assert [row["state"] for row in states] == [ChallengeState.USED]
    assert members.fetch("SELECT 1 FROM contested_claim") == []


def times_looked(x: FakeX) -> int:
    return sum(asked.startswith("syndication ") for asked in x.requests)


def test_killed_during_a_check(members: Members, x: FakeX, instance: Command) -> None:
    """kill -9 while X is thinking: the check is nobody else's until its lease runs out, then it is taken up
    again. What X says to the dead is heard by nobody."""
    member, author = hand_in(members, x, "killed")
    held = x.hold("syndication")
    with instance.started("serve") as running:
        assert held.reached.wait(REACHED_S), running.log.read_text()
        running.process.kill()
        running.wait()
    held.release()
    row = row_of(members, member)
    assert (row["state"], row["attempts"], row["is_leased"]) == (CheckState.WAITING, 1, True)
    members.fetch("UPDATE proof_check SET next_at = now() WHERE member = $1", member)  # the lease has run out
    with instance.started("serve") as running:
        wait_for(members, member, CheckState.VERIFIED)
        running.send(signal.SIGTERM)
        assert running.wait() == 0
    assert row_of(members, member)["attempts"] == 2
    assert_proven_once(members, member, author)


def test_told_to_end_while_x_is_silent(members: Members, x: FakeX, instance: Command) -> None:
    """SIGTERM: who starts processes waits ten seconds. The check is given back, and due at the next start at once."""
    member, author = hand_in(members, x, "silent")
    held = x.hold("syndication")
    with instance.started("serve") as running:
        assert held.reached.wait(REACHED_S), running.log.read_text()
        begun = time.monotonic()
        running.send(signal.SIGTERM)
        assert running.wait() == 0
        took = time.monotonic() - begun
    held.release()
    print(f"ended {took:.1f} s after SIGTERM")
    assert "jobs are broken off, and go on at the next start" in running.log.read_text()
    assert "Traceback" not in running.log.read_text()
    assert took > FINISH_WITHIN_S * 0.9
    row = row_of(members, member)
    assert (row["state"], row["attempts"], row["is_due"]) == (CheckState.WAITING, 0, True)
    with instance.started("serve") as running:
        wait_for(members, member, CheckState.VERIFIED)
        running.process.kill()
        running.wait()
    assert row_of(members, member)["attempts"] == 1
    assert_proven_once(members, member, author)


def test_told_to_end_during_a_recheck(members: Members, x: FakeX, instance: Command) -> None:
    """SIGTERM: a re-check is released like a check that somebody waits for. It waited out its lease of ten minutes."""
    member, author = hand_in(members, x, "rechecked")
    with instance.started("serve") as running:
        wait_for(members, member, CheckState.VERIFIED)
        running.send(signal.SIGTERM)
        assert running.wait() == 0
    publish(members, member)
    members.fetch("UPDATE linked_account SET recheck_at = now() WHERE account_id = $1", str(author.id))
    held = x.hold("syndication")
    with instance.started("serve") as running:
        assert held.reached.wait(REACHED_S), running.log.read_text()
        assert recheck_of(members, author) == (1, False)
        running.send(signal.SIGTERM)
        assert running.wait() == 0
    held.release()
    assert recheck_of(members, author) == (0, True)
    members.fetch("UPDATE linked_account SET recheck_at = NULL WHERE member = $1", member)


def publish(members: Members, member: UUID) -> None:
    """Publishes the X account as the other one."""

    async def run(services: MemberParts) -> None:
        accounts = await services.membership.accounts(member)
        (x,) = [each for each in accounts if each.target is None]
        (target,) = [each for each in accounts if each.target is not None]
        await services.publishing.publish(member, Wish(x.id, target.id, consent=1))

    members.call(run)
    members.fetch("UPDATE linked_account SET recheck_at = NULL WHERE member = $1", member)


def recheck_of(members: Members, author: FakeAccount) -> tuple[int, bool]:
    """Returns the attempts of an X account's re-check, and whether it is due."""
    (row,) = members.fetch(
        "SELECT recheck_attempts, recheck_at <= now() AS is_due FROM linked_account WHERE account_id = $1",
        str(author.id),
    )
    return row["recheck_attempts"], row["is_due"]


def test_told_to_end_just_before_x_answers(members: Members, x: FakeX, instance: Command) -> None:
    """What is under way is finished, and written down."""
    member, author = hand_in(members, x, "finished")
    held = x.hold("syndication")
    with instance.started("serve") as running:
        assert held.reached.wait(REACHED_S), running.log.read_text()
        running.send(signal.SIGTERM)
        held.release()
        assert running.wait() == 0
    row = row_of(members, member)
    assert (row["state"], row["attempts"]) == (CheckState.VERIFIED, 1)
    assert_proven_once(members, member, author)


def test_two_processes_look_at_each_post_once(members: Members, x: FakeX, instance: Command) -> None:
    """Each takes some; X is asked once a post."""
    people = [hand_in(members, x, f"crowd{letter}") for letter in "abcdefghijkl"]
    before = times_looked(x)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(instance.started("serve", port=str(free_port())))
        for member, _ in people:
            wait_for(members, member, CheckState.VERIFIED)
    assert times_looked(x) - before == len(people)
    for member, author in people:
        assert row_of(members, member)["attempts"] == 1
        assert_proven_once(members, member, author)
