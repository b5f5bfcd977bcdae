"""Runs of members at a real PDS while the worker is killed again and again: everybody is followed exactly once."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from deploy.embedded import open_database
from deploy.ports import free_port
from directory.follows.runs import Run
from directory.follows.states import ItemState, RunState
from tests.deploy.followers import Follower, Followers, did_of
from tests.deploy.members import Members
from tests.harness.command import Command, Started
from tests.harness.forking import Forks
from tests.harness.postgres import FAST_SETTINGS
from tests.harness.waiting import wait_until
from tests.peers.pds import shared_pds

MANY: Final = "PASSERELLE_TEST_MANY"
"""With this variable, each member follows 1,000 people under 20 kills, in four minutes; the suite makes do with fewer."""
PEOPLE: Final = 1_000 if os.environ.get(MANY) else 60
KILLS: Final = 20 if os.environ.get(MANY) else 2
KILLS_OF_UNDO: Final = 3 if os.environ.get(MANY) else 1
MEMBERS: Final = 3
BY_HAND: Final = 4
"""People on the list whom a member follows already."""
LATEST_S: Final = 0.25
"""A process dies within this time after it was seen at work."""
PATIENCE_S: Final = 120
_AT_WORK: Final = f"SELECT FROM follow_run WHERE state IN ({RunState.PLANNED:d}, {RunState.RUNNING:d}, {RunState.UNDOING:d})"
CLAIMED: Final = f"{_AT_WORK} AND next_at > now() + interval '1 minute'"
SENT: Final = (
    f"SELECT FROM follow_item WHERE state = {ItemState.SENT:d} AND changed_at > now() - interval '1 minute'"
)


@dataclass
class Site:
    """An instance whose workers are killed. `killed_with` tells for each kill what was in flight: how many people were sent,
    or being taken back, and nobody knew what had become of them."""

    command: Command
    followers: Followers
    random: random.Random
    killed_with: list[int] = field(default_factory=list)

    def fetch(self, sql: str, *values: object) -> list[Any]:
        return self.followers.members.fetch(sql, *values)

    def is_at_work(self) -> bool:
        """Tells whether any run has something to do."""
        return bool(self.fetch(_AT_WORK))

    def working(self) -> AbstractContextManager[Started]:
        """Starts a worker."""
        return self.command.started("serve", roles="worker")

    def kill(self, started: Started, *moments: str) -> None:
        """Kills a worker within a moment after the database has a row of one of these."""
        seen = self.random.choice(moments)
        is_seen = wait_until(lambda: bool(self.fetch(seen)) or not self.is_at_work(), PATIENCE_S)
        assert is_seen, _log(started)
        time.sleep(self.random.uniform(0, LATEST_S))
        assert started.process.poll() is None, _log(started)
        started.send(signal.SIGKILL)
        started.wait()
        self._wait_for_sessions()
        in_flight = f"state = {ItemState.SENT:d} OR state = {ItemState.UNDOING:d}"
        self.killed_with.append(len(self.fetch(f"SELECT FROM follow_item WHERE {in_flight}")))
        self.pass_time()

    def pass_time(self) -> None:
        """Has the lease of the killed process run out, what was sent be old enough for the last of all looks, and the points
        that it counted in vain be those of another hour."""
        self.fetch("UPDATE follow_run SET next_at = now() WHERE next_at > now()")
        self.fetch(
            "UPDATE follow_item SET changed_at = now() - interval '13 hours' WHERE state = $1",
            ItemState.SENT.value,
        )
        self.fetch("UPDATE follow_budget SET hour_began = hour_began - interval '2 hours'")

    def wait_for_end(self, started: Started) -> None:
        """Waits until a worker has taken all runs to their end."""
        assert wait_until(lambda: not self.is_at_work(), PATIENCE_S), (self.states(), _log(started))

    def states(self) -> Counter[tuple[str, str]]:
        """Counts people by the states of their run and of themselves."""
        rows = self.fetch(
            "SELECT r.state AS run, i.state AS item FROM follow_item i JOIN follow_run r ON r.id = i.run"
        )
        return Counter((RunState(row["run"]).label, ItemState(row["item"]).label) for row in rows)

    def _wait_for_sessions(self) -> None:
        """Waits until the database has ended the sessions of the process that was killed."""
        others = (
            "SELECT FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        assert wait_until(lambda: not self.fetch(others), PATIENCE_S)


def _log(started: Started) -> str:
    return started.log.read_text()


@pytest.fixture
def site(folder: Path) -> Iterator[Site]:
    pds = shared_pds()
    settings = {
        "data": str(folder / "data"),
        "port": str(free_port()),
        "allow_loopback": "true",
        "log_format": "json",
        "plc_url": pds.plc_url,
        "handle_resolver": pds.url,
        "bluesky_app_view": "",
    }
    with open_database(folder / "data", FAST_SETTINGS) as database:
        followers = Followers(Members(folder / "data", database.dsn), pds)
        yield Site(Forks(folder, settings), followers, random.SystemRandom())


def joined(site: Site) -> dict[Follower, dict[str, Any]]:
    """Adds the members, each with a few follows made by hand. Returns what is in their repos."""
    site.followers.publish(range(PEOPLE * MEMBERS))
    before = {}
    for number in range(MEMBERS):
        follower = site.followers.join()
        site.followers.permit(follower)
        site.followers.follow_by_hand(follower, list_of(number)[:BY_HAND])
        before[follower] = site.followers.repo(follower)
    return before


def list_of(number: int) -> range:
    """The people on the list of a member: half of them are on the next one's list, too."""
    return range(number * PEOPLE // 2, number * PEOPLE // 2 + PEOPLE)


def test_runs_whose_worker_is_killed_again_and_again(site: Site) -> None:
    """Power fails again and again while three members follow their lists: at a claim, before a batch is sent, while the PDS
    writes it, and before its answer is recorded; and again while they take it all back."""
    before = joined(site)
    runs: dict[Follower, Run] = {
        follower: site.followers.start(follower, list_of(number)) for number, follower in enumerate(before)
    }
    while len(site.killed_with) < KILLS and site.is_at_work():
        with site.working() as started:
            site.kill(started, CLAIMED, SENT)
    with site.working() as started:
        site.wait_for_end(started)
        check_followed(site, before)
        for follower, run in runs.items():
            site.followers.permit(follower)  # what was permitted was given back at the end of the run
            site.followers.undo(follower, run)
        site.kill(started, CLAIMED)
    while len(site.killed_with) < KILLS + KILLS_OF_UNDO and site.is_at_work():
        with site.working() as started:
            site.kill(started, CLAIMED)
    with site.working() as started:
        started.wait_until_up()
        site.wait_for_end(started)
        started.send(signal.SIGTERM)
        assert started.wait() == 0
    assert {follower: site.followers.repo(follower) for follower in before} == before, site.killed_with
    assert site.states() == {
        ("undone", "undone"): (PEOPLE - BY_HAND) * MEMBERS,
        ("undone", "already"): BY_HAND * MEMBERS,
    }


def check_followed(site: Site, before: Mapping[Follower, dict[str, Any]]) -> None:
    """Checks that every member follows everybody on their list exactly once, and that what was there is untouched."""
    for number, (follower, repo) in enumerate(before.items()):
        after = site.followers.repo(follower)
        subjects = sorted(record["subject"] for record in after.values())
        assert subjects == sorted(map(did_of, list_of(number))), site.killed_with
        assert {key: after[key] for key in repo} == repo
    assert site.states() == {
        ("done", "followed"): (PEOPLE - BY_HAND) * MEMBERS,
        ("done", "already"): BY_HAND * MEMBERS,
    }
