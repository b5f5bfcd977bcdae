"""One real process with default settings, for all tests of a module."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.ports import free_port
from tests.deploy.edge.small_server import SERVER
from tests.harness.command import Command, Started


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def metrics_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def instance(folder: Path, port: int, metrics_port: int) -> Iterator[Started]:
    settings = {"data": str(folder / "data"), "port": str(port), "metrics_port": str(metrics_port)}
    command = Command(folder, {**settings, "server": SERVER})
    with command.started("serve") as running:
        running.wait_until_ready(f"http://127.0.0.1:{port}")
        yield running
        running.send(signal.SIGINT)
        assert running.wait() == 0
    assert "Traceback" not in running.logged()
