"""The database goes away under a running instance: pages say so, and everything goes on by itself afterwards."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from deploy.embedded.client import dsn
from deploy.embedded.folders import Folders
from deploy.embedded.locks import Locks
from deploy.ports import free_port
from tests.deploy.embedded.programs import kill_all, server_processes
from tests.deploy.pending import add_pending
from tests.harness.command import Command, Started, answers
from tests.harness.forking import Forks
from tests.harness.no_tls import NO_TLS
from tests.harness.waiting import wait_until

PATIENCE_S: Final = 60
LOG: Final = "localhost/log"


@pytest.fixture(scope="module")
def command(folder: Path) -> Command:
    return Forks(folder, {"data": str(folder / "data"), "port": str(free_port())})


@pytest.fixture(scope="module")
def url(command: Command) -> str:
    return f"http://127.0.0.1:{command.settings['port']}"


@pytest.fixture(scope="module")
def instance(command: Command, url: str) -> Iterator[Started]:
    with command.started("serve") as running:
        running.wait_until_ready(url)
        yield running
        running.send(signal.SIGINT)
        assert running.wait() == 0


def killed(data: Path) -> None:
    """Kills the server and all of its children at once, as the kernel does where memory is short."""
    kill_all(server_processes(data))


def killed_alone(data: Path) -> None:
    """Kills the server; its children notice when they next check."""
    postmaster = next(each for each in server_processes(data) if "-D" in each.cmdline())
    postmaster.kill()


def shut_down_at_once(data: Path) -> None:
    """Runs `pg_ctl stop -m immediate`: nothing is finished, and the next start replays the write-ahead log."""
    postmaster = next(each for each in server_processes(data) if "-D" in each.cmdline())
    postmaster.send_signal(signal.SIGQUIT)
    assert wait_until(lambda: not server_processes(data), PATIENCE_S)


def log_size(url: str) -> int:
    """Returns the size of the published checkpoint."""
    answer = httpx.get(f"{url}/log/checkpoint", trust_env=False, verify=NO_TLS)
    return int(answer.text.split("\n")[1]) if answer.status_code == 200 else -1


@pytest.mark.parametrize("ended", [killed, killed_alone, shut_down_at_once])
def test_it_is_waited_for(
    instance: Started, command: Command, url: str, ended: Callable[[Path], None]
) -> None:
    data = command.folder / "data"
    address = dsn(Folders(data).home)
    assert wait_until(lambda: log_size(url) > 0, PATIENCE_S)
    before = log_size(url)
    add_pending(address, LOG, 3)
    assert wait_until(lambda: log_size(url) == before + 3, PATIENCE_S)
    locks = Locks.open(data / "locks")
    with locks.start.held(PATIENCE_S):  # nobody starts it meanwhile
        ended(data)
        assert wait_until(lambda: not answers(url), PATIENCE_S)
        assert httpx.get(f"{url}/healthz", trust_env=False, verify=NO_TLS).status_code == 200
        page = httpx.get(f"{url}/x/person1", trust_env=False, verify=NO_TLS)
        assert page.status_code == 503
        assert "The directory cannot be reached right now" in page.text
        assert "Nothing was lost. Try again in a minute." in page.text
        assert page.headers["retry-after"] == "60"
        program = httpx.get(f"{url}/api/v1/lookup?x=@person1", trust_env=False, verify=NO_TLS)
        assert program.status_code == 503
        assert program.json()["type"].endswith("unavailable")
        assert "Traceback" not in page.text + program.text
    locks.close()
    assert wait_until(lambda: answers(url), PATIENCE_S)
    assert log_size(url) == before + 3
    add_pending(address, LOG, 2)
    assert wait_until(lambda: log_size(url) == before + 5, PATIENCE_S)
    found = httpx.get(f"{url}/api/v1/lookup?x=@person1", trust_env=False, verify=NO_TLS)
    assert found.status_code == 200
    checked = command.run("fsck")
    assert (checked.code, "All is well" in checked.out) == (0, True), checked.out + checked.err
    said = instance.log.read_text()
    assert "the database had ended, and was started again" in said
    assert "the log goes on" in said
    assert "Traceback" not in said
