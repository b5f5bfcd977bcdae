"""Each role alone, in real processes: it does its own work, and none of the others'."""

import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from federation.keys.instance import KeyFolder
from tests.deploy.machines import PATIENCE_S, Machine, fetch
from tests.deploy.members import Members
from tests.deploy.pending import add_pending
from tests.harness.fake_plc import FakePlc
from tests.harness.fake_x import FakeX
from tests.harness.no_tls import NO_TLS
from tests.harness.waiting import wait_until

LOG = "localhost/log"


@pytest.fixture
def machine(tmp_path: Path, dsn: str) -> Machine:
    return Machine(tmp_path, "one", dsn)


@pytest.fixture
def plc() -> Iterator[FakePlc]:
    with FakePlc() as fake:
        yield fake


@pytest.fixture
def x() -> Iterator[FakeX]:
    with FakeX() as fake:
        yield fake


def test_without_the_web_nothing_listens_and_sigterm_ends_it(machine: Machine) -> None:
    with machine.running(roles="worker,sequencer") as running:
        with pytest.raises(httpx.ConnectError):
            httpx.get(machine.url, trust_env=False, verify=NO_TLS)
        running.send(signal.SIGTERM)
        assert running.wait() == 0
    said = running.log.read_text()
    assert '"roles": ["sequencer", "worker"]' in said
    assert "Traceback" not in said
    assert "only sequencer, worker" in said, "a person at a terminal is told too"


def test_without_the_web_a_port_of_others_is_none_of_its_concern(machine: Machine) -> None:
    with machine.running(roles="web"):
        machine.command.folder.joinpath("stderr.log").write_text("")
        other = Machine(machine.data.parent, "two", machine.command.settings["database_url"])
        other.copy(machine, "vault")
        other.run_once(roles="worker", port=str(machine.port))


def test_only_the_sequencer_publishes(machine: Machine, dsn: str) -> None:
    """What members publish waits in a process that only answers, and in one that only works."""
    add_pending(dsn, LOG, 3)
    machine.run_once(roles="web")
    machine.run_once(roles="worker")
    assert not KeyFolder(machine.data).exists(), "who does not publish needs no keys"
    assert fetch(dsn, "SELECT FROM log_state") == []
    with machine.running(roles="sequencer"):
        published = "SELECT FROM log_state WHERE published_size = 4"
        assert wait_until(lambda: bool(fetch(dsn, published)), PATIENCE_S)


def test_only_the_worker_looks_at_posts(machine: Machine, dsn: str, x: FakeX, plc: FakePlc) -> None:
    sources = {
        "x_syndication": f"{x.root}/syndication",
        "x_oembed": "",
        "x_oembed_twitter": "",
        **plc.settings,
    }
    members = Members(machine.data, dsn, plc=plc)
    member = members.join("ada")
    members.hand_in(member, lambda sentence: x.post(x.account("ada"), sentence).url)
    machine.run_once(roles="web", allow_loopback="true", **sources)
    machine.run_once(roles="sequencer", allow_loopback="true", **sources)
    assert x.requests == []
    with machine.running(roles="worker", allow_loopback="true", **sources):
        assert wait_until(lambda: bool(fetch(dsn, "SELECT FROM proof_check WHERE state = 1")), PATIENCE_S)


def test_the_web_alone_is_ready_and_stops(machine: Machine) -> None:
    with machine.running(roles="web") as running:
        running.wait_until_ready(machine.url)
        assert httpx.get(f"{machine.url}/", trust_env=False, verify=NO_TLS).status_code == 200
        running.send(signal.SIGTERM)
        assert running.wait() == 0
