"""An instance that is killed in the middle of its first sync goes on behind what it had."""

import os
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from federation.tlog.tiles import TILE_WIDTH
from tests.deploy.peers.sites import PATIENCE_S, Site, held
from tests.harness.command import Started
from tests.harness.tls_front import TlsFronts
from tests.harness.waiting import wait_until

MANY: Final = "PASSERELLE_TEST_MANY"
"""With this variable, 100,000 people are synced with ten kills, in about two minutes; the suite makes do with fewer."""
PEOPLE: Final = 100_000 if os.environ.get(MANY) else 12_000
KILLS: Final = 10 if os.environ.get(MANY) else 4
MIDDLE: Final = 5
"""Requests into a step."""
_PLACE: Final = re.compile(
    r"GET /(log/tile/entries|federation/v1/statements)/((?:x\d{3}/)*\d{3})(?:\.p/\d+)?", re.ASCII
)


@dataclass(frozen=True)
class Had:
    """How far the log was read when a process was killed."""

    size: int
    bodies: int


@pytest.fixture
def big(folder: Path, fronts: TlsFronts) -> Iterator[Site]:
    """An instance with many people in its log."""
    site = Site.behind(fronts, folder, "big")
    with held(site):
        site.start()
        site.add_people(PEOPLE)
        site.wait_for_size(PEOPLE)
        yield site


@pytest.fixture
def late(folder: Path, fronts: TlsFronts, big: Site) -> Iterator[Site]:
    """An instance that is about to follow it, and was approved."""
    site = Site.behind(fronts, folder, "late")
    with site.database():
        with site.serving():
            big.run("peers", "approve", site.address, "--fingerprint", site.words, "--yes")
        site.run("peers", "add", big.address, "--fingerprint", big.words, "--yes")
        yield site


def asked_bundles(requests: list[str]) -> tuple[list[int], list[int]]:
    """Returns the numbers of the bundles of entries, and of bodies, that were asked for."""
    found: dict[str, list[int]] = {"log/tile/entries": [], "federation/v1/statements": []}
    for request in requests:
        if match := _PLACE.fullmatch(request):
            found[match[1]].append(int(match[2].replace("x", "").replace("/", "")))
    return found["log/tile/entries"], found["federation/v1/statements"]


def progress_of(site: Site) -> Had:
    [row] = site.fetch("SELECT size, bodies_size FROM peer_log")
    return Had(row["size"], row["bodies_size"])


def kill(site: Site, started: Started) -> Had:
    """Kills a process at this moment. Returns what it had stored, once the database has ended its sessions."""
    assert started.process.poll() is None, site.log
    started.send(signal.SIGKILL)
    started.wait()
    sessions = (
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
    )
    assert wait_until(lambda: len(site.fetch(sessions)) == 1, PATIENCE_S)
    return progress_of(site)


def wait_for_middle(site: Site, requests: list[str], before: Had) -> None:
    """Waits until a process has stored more than was there before, and is in the middle of the next step."""
    assert wait_until(lambda: progress_of(site) != before, PATIENCE_S), site.log
    wait_for_requests(site, requests, len(requests) + MIDDLE)


def wait_for_requests(site: Site, requests: list[str], count: int) -> None:
    assert wait_until(lambda: len(requests) >= count or progress_of(site).bodies > PEOPLE, PATIENCE_S), (
        site.log
    )


def check_asked(requests: list[str], had: Had) -> None:
    """Checks that nothing was asked for again of what was stored: the bundle in which that ends has grown at most."""
    entries, bodies = asked_bundles(requests)
    assert all(bundle >= had.size // TILE_WIDTH for bundle in entries), (had, entries)
    assert all(bundle >= had.bodies // TILE_WIDTH for bundle in bodies), (had, bodies)


def test_a_first_sync_that_is_killed_again_and_again_fetches_nothing_twice(big: Site, late: Site) -> None:
    """Attack: power fails during the first sync of a large peer, and each start begins it anew. Every second time the
    process dies in its first step, before it has stored anything."""
    requests, had = big.fronts.requests[big.host], Had(0, 0)
    for number in range(KILLS):
        requests.clear()
        late.read_now(big)
        with late.command.started("serve", roles="worker") as started:
            if number % 2:
                wait_for_requests(late, requests, MIDDLE)
            else:
                wait_for_middle(late, requests, had)
            now = kill(late, started)
        check_asked(list(requests), had)
        had = now
    assert 0 < had.size <= PEOPLE + 1
    assert had.bodies <= PEOPLE
    requests.clear()
    late.read_now(big)
    with late.serving():
        assert wait_until(lambda: progress_of(late).bodies > PEOPLE, PATIENCE_S), late.log
    check_asked(list(requests), had)
    [stored] = late.fetch("SELECT count(*), count(DISTINCT leaf) AS leaves FROM mapping")
    assert (stored["count"], stored["leaves"]) == (PEOPLE, PEOPLE)
