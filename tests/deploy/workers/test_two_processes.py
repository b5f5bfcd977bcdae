"""Two web processes over one socket, as real processes: they share the work, are started again, and leave nobody behind."""

import asyncio
import signal
import socket
from pathlib import Path
from typing import cast

import httpx
import psutil
import pytest

from deploy.cli.failures import sentence_of
from deploy.embedded.locks import wait_until
from deploy.ports import free_port, listen_on
from deploy.workers import process
from deploy.workers.control import Control, Said
from deploy.workers.process import WebProcess
from deploy.workers.supervisor import LONGEST_PAUSE_S, Supervisor, WebProcessFailed, running_web
from directory.settings import Settings
from tests.deploy.machines import PATIENCE_S, Machine
from tests.deploy.workers.processes import all_gone, wait_until_serving, web_processes
from tests.harness.no_tls import NO_TLS


@pytest.fixture
def machine(tmp_path: Path, dsn: str) -> Machine:
    return Machine(tmp_path, "one", dsn)


def held_by(processes: list[psutil.Process], port: int) -> list[int]:
    """How many connections of the port each of them holds."""
    return [
        sum(1 for each in process.net_connections("tcp") if each.laddr.port == port and each.raddr)
        for process in processes
    ]


def test_both_serve_and_sigterm_ends_all_of_it(machine: Machine) -> None:
    """Attack, or accident: Python looks for what `-m` names in the working directory first. The folder that an instance is
    started in lends it no code."""
    another = machine.command.folder / "deploy"
    another.mkdir()
    (another / "__init__.py").write_text("raise SystemExit('another deploy')")
    with machine.running(workers="2") as running:
        children = wait_until_serving(running)
        callers = [socket.create_connection(("127.0.0.1", machine.port)) for _ in range(64)]
        try:
            assert wait_until(lambda: sum(held_by(children, machine.port)) == len(callers), PATIENCE_S)
            assert min(held_by(children, machine.port)) > 0, "each takes some of the callers"
            assert held_by([psutil.Process(running.process.pid)], machine.port) == [0]
        finally:
            for caller in callers:
                caller.close()
        assert httpx.get(f"{machine.url}/readyz", trust_env=False, verify=NO_TLS).status_code == 200
        running.process.terminate()
        assert running.wait() == 0
        assert all_gone(children)
    said = running.logged()
    assert "Traceback" not in said
    assert "has ended" not in said
    assert "another deploy" not in said
    with pytest.raises(httpx.ConnectError):
        httpx.get(machine.url, trust_env=False, verify=NO_TLS)


@pytest.mark.parametrize("server", ["uvicorn", "granian"])
def test_other_servers_share_the_socket_too(machine: Machine, server: str) -> None:
    with machine.running(workers="2", server=server) as running:
        children = wait_until_serving(running)
        for number in range(40):
            if number == 20:
                children[0].kill()
            answer = httpx.get(f"{machine.url}/healthz", trust_env=False, verify=NO_TLS)
            assert answer.status_code == 200
        assert wait_until(lambda: running.logged().count("a web process serves") == 3, PATIENCE_S)
        running.process.terminate()
        assert running.wait() == 0
    assert "Traceback" not in running.logged()


def test_ctrl_c_at_a_terminal_ends_all_of_it(machine: Machine) -> None:
    """It comes to all processes of the group at once."""
    with machine.running(workers="2") as running:
        children = wait_until_serving(running)
        running.send(signal.SIGINT)
        assert running.wait() == 0
        assert all_gone(children)
    assert "Traceback" not in running.logged()


def test_one_that_is_killed_is_started_again_and_the_other_answers(machine: Machine) -> None:
    with machine.running(workers="2") as running, httpx.Client(trust_env=False, verify=NO_TLS) as client:
        killed, other = wait_until_serving(running)
        killed.kill()
        for _ in range(50):
            assert client.get(f"{machine.url}/api/v1/lookup?x=@nobody").status_code == 200
        assert wait_until(lambda: running.logged().count("a web process serves") == 3, PATIENCE_S)
        now = web_processes(running.process.pid)
        assert other in now
        assert len(now) == 2
        running.process.terminate()
        assert running.wait() == 0
    assert '"status": "signal 9"' in running.logged()


def test_where_the_parent_is_killed_nobody_is_left(machine: Machine) -> None:
    """Else whoever is left would hold the port, with nobody to stop it, while the next instance cannot start."""
    with machine.running(workers="2") as running:
        children = wait_until_serving(running)
        running.process.kill()
        running.wait()
        assert wait_until(lambda: all_gone(children), PATIENCE_S)
    machine.run_once(workers="2")


def test_a_hanging_process_is_not_left_behind_either(machine: Machine) -> None:
    """A process that is stopped hears nothing, so that it cannot end by itself: it is killed with its parent's end."""
    with machine.running(workers="2") as running:
        children = wait_until_serving(running)
        children[0].suspend()
        running.process.terminate()
        assert running.wait() == 0
        assert all_gone(children)


def test_a_port_of_others_is_one_sentence(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", machine.port)):
        assert "another program listens on" in machine.refused(workers="2")


async def test_one_that_cannot_start_ends_the_start_with_a_sentence(tmp_path: Path) -> None:
    """The database is gone by the time that the children ask for it: the operator is told, and nothing is tried for ever."""
    settings = Settings(data=tmp_path, workers=2)
    with listen_on("127.0.0.1", free_port()) as listener:
        supervisor = Supervisor(settings, "postgresql://127.0.0.1:1/nothing", listener, lambda: None)
        async with running_web(supervisor) as running:
            with pytest.raises(WebProcessFailed, match="status 1 before it could serve"):
                await running
    assert sentence_of(WebProcessFailed("a web process ended")) is not None
    assert supervisor.processes == {}


async def test_a_child_says_that_a_job_is_due() -> None:
    """A member hands in a post at a web process; the jobs run in its parent, which would look two seconds later."""
    woken: list[bool] = []
    with listen_on("127.0.0.1", free_port()) as listener:
        supervisor = Supervisor(Settings(workers=2), "", listener, lambda: woken.append(True))
    ours, theirs = socket.socketpair()
    parent, child = [Control(*await asyncio.open_connection(sock=each)) for each in (ours, theirs)]
    child.say(Said.WAKE)
    child.close()
    async for said, _ in parent.heard():
        supervisor._hear(cast("WebProcess", None), said)
    parent.close()
    supervisor.close()
    assert woken == [True]


def test_the_texts_of_the_start_stay_those_of_all_processes(machine: Machine, tmp_path: Path) -> None:
    """An operator edits or removes the terms while it runs: a process that is started again must neither show others than the
    one beside it, nor fail to start."""
    terms = tmp_path / "terms.txt"
    terms.write_text("The first terms.")
    with machine.running(workers="2", terms=str(terms)) as running:
        children = wait_until_serving(running)
        terms.unlink()
        for child in children:
            child.kill()
        wait_until_serving(running, times=2)
        shown = [httpx.get(f"{machine.url}/terms", trust_env=False, verify=NO_TLS).text for _ in range(10)]
        assert all("The first terms." in each for each in shown)
        running.process.terminate()
        assert running.wait() == 0


async def test_one_that_hangs_at_its_start_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the instance would be half up for ever, and tell nobody."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    monkeypatch.setattr(process, "MODULE", "tests.deploy.workers.hanging")
    monkeypatch.setattr(process, "START_WITHIN_S", 0.5)
    with listen_on("127.0.0.1", free_port()) as listener:
        supervisor = Supervisor(Settings(workers=2), "", listener, lambda: None)
        async with running_web(supervisor) as running:
            with pytest.raises(WebProcessFailed, match="signal 9"):
                await running
    assert supervisor.processes == {}


async def test_one_that_fails_again_and_again_is_started_later_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A process that ends at once must not take a core for starting it, nor end the others."""
    pauses: list[float] = []

    async def sleep(pause_s: float) -> None:
        pauses.append(pause_s)
        if len(pauses) == 12:
            raise asyncio.CancelledError

    async def start(_: Supervisor, number: int) -> int:
        return number

    monkeypatch.setattr(Supervisor, "_run_once", start)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    with listen_on("127.0.0.1", free_port()) as listener:
        supervisor = Supervisor(Settings(workers=2), "", listener, lambda: None)
        supervisor.up.set()
        with pytest.raises(asyncio.CancelledError):
            await supervisor._keep(0)
        supervisor.close()
    assert pauses[:3] == [0.1, 0.2, 0.4]
    assert pauses[-1] == LONGEST_PAUSE_S
