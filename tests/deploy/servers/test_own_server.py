"""Whoever runs a server of their own has the same pages: the application as each server loads it."""

import signal
import sys
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.deploy.machines import Machine
from tests.harness.command import Command
from tests.harness.no_tls import NO_TLS
from tests.harness.raw import RawConnection

BIN: Final = Path(sys.executable).parent
PROGRAMS: Final = {
    "uvicorn": [
        "--factory",
        "deploy.asgi:application",
        "--no-proxy-headers",
        "--no-server-header",
        "--no-access-log",
        "--port",
    ],
    "granian": ["--interface", "asgi", "--factory", "deploy.asgi:application", "--no-log", "--port"],
    "hypercorn": ["deploy.asgi:application()", "--bind"],
}
GUARDED: Final = [
    "--loop",
    "deploy.asgi:guarded_loop",
    "--http",
    "deploy.servers.on_uvicorn:BoundedProtocol",
]
ENDLESS: Final = (
    b"POST /api/v1/match HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\na: "
)
TWICE: Final = b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"


def program(machine: Machine, name: str, *more: str) -> Command:
    port = f"127.0.0.1:{machine.port}" if name == "hypercorn" else str(machine.port)
    command = machine.command
    return Command(command.folder, command.settings, (BIN / name, *PROGRAMS[name], port, *more))


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_server_answers_and_ends(name: str, tmp_path: Path, dsn: str) -> None:
    machine = Machine(tmp_path, "one", dsn)
    with program(machine, name).started() as running:
        running.wait_until_ready(machine.url)
        answer = httpx.get(f"{machine.url}/api/v1/lookup?x=@nobody", trust_env=False, verify=NO_TLS)
        assert answer.json()["answers"] == []
        assert answer.headers["ratelimit-policy"] == '"requests";q=300;w=60'
        assert httpx.get(machine.url, trust_env=False, verify=NO_TLS).status_code == 200
        running.process.send_signal(signal.SIGTERM)
        assert running.wait() in {0, -signal.SIGTERM}, "Uvicorn ends by the signal once all is closed"
    said = running.logged()
    assert "Traceback" not in said
    assert "no guard stands before this server" in said


def test_uvicorn_can_be_given_the_loop_with_the_guard(tmp_path: Path, dsn: str) -> None:
    """And the protocol that bounds what follows a body in chunks, as it is documented."""
    machine = Machine(tmp_path, "one", dsn)
    with program(machine, "uvicorn", *GUARDED).started() as running:
        running.wait_until_ready(machine.url)
        with RawConnection(machine.port) as raw:
            assert raw.send(TWICE).answer().status == 400
            assert raw.is_ended()
        with RawConnection(machine.port) as raw:
            assert raw.send(ENDLESS).is_cut_off(b"a" * 6_000)
    assert "no guard stands" not in running.logged()


def test_a_database_that_is_not_there_ends_the_start(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "one", "postgresql://127.0.0.1:1/nothing")
    shown = program(machine, "uvicorn").run()
    assert shown.code != 0
    assert "could not connect to the database" in shown.err
