"""Limits hold over all web processes of an instance, whichever of them a request comes to."""

import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from deploy.edge.open_files import limits_for
from deploy.embedded.locks import wait_until
from tests.deploy.machines import PATIENCE_S, Machine
from tests.deploy.workers.processes import wait_until_serving
from tests.harness.no_tls import NO_TLS
from web.middleware.rate_limit import WINDOW_S

LIMIT = 30


@pytest.fixture
def machine(tmp_path: Path, dsn: str) -> Machine:
    return Machine(tmp_path, "one", dsn)


def ask(machine: Machine, times: int) -> Counter[int]:
    """Looks somebody up so often, each time on a connection of its own. Returns how often each status came."""
    return Counter(
        httpx.get(f"{machine.url}/api/v1/lookup?x=@nobody", trust_env=False, verify=NO_TLS).status_code
        for _ in range(times)
    )


def test_one_address_has_one_allowance_and_a_killed_process_renews_none(machine: Machine) -> None:
    """Attack: with N processes each address would have had N allowances, and a new one after each crash."""
    with machine.running(workers="2", rate_lookups_per_minute=str(LIMIT)) as running:
        killed, _ = wait_until_serving(running)
        begun = time.monotonic()
        first = ask(machine, 40)
        killed.kill()
        assert wait_until(lambda: running.logged().count("a web process serves") == 3, PATIENCE_S)
        both = first + ask(machine, 60)
        # What was asked in the window before counts less and less, once that has ended.
        renewed = (time.monotonic() - begun) * LIMIT / WINDOW_S
        assert LIMIT <= both[200] <= LIMIT + renewed + 1
        running.process.terminate()
        assert running.wait() == 0


@pytest.mark.parametrize(("processes", "each"), [(1, 4_096), (2, 2_048), (4, 1_024), (64, 64)])
def test_connections_are_shared_out(processes: int, each: int) -> None:
    limits = limits_for(65_536, is_behind_proxy=False, processes=processes)
    assert (limits.connections, limits.of_one_address) == (each, each // 2)
