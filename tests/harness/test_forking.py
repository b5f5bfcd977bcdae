"""A forked command is what the program would be, but for its start."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.harness.command import Command
from tests.harness.forking import Forks


@pytest.fixture
def command(tmp_path: Path) -> Forks:
    return Forks(tmp_path, {"data": str(tmp_path / "data")})


@pytest.mark.parametrize(
    "arguments", [("--help",), ("dance",), ("lookup",), ("match", "nowhere.zip"), ("doctor", "--example")]
)
def test_it_says_and_ends_as_the_program_does(command: Forks, arguments: tuple[str, ...]) -> None:
    assert command.run(*arguments) == Command(command.folder, command.settings).run(*arguments)


def test_each_has_its_own_settings(command: Forks) -> None:
    assert "PASSERELLE_PROT is not" in command.run("doctor", prot="1").out
    assert "PASSERELLE_PROT is not" not in command.run("doctor", "--settings").out


def test_what_is_read_at_the_start_is_heeded(command: Forks, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that is loaded before the program would be in no fork, and the terminal as wide as that of the others."""
    wide = command.run("--help")
    narrow = Forks(command.folder, variables={"COLUMNS": "60"}).run("--help")
    assert max(map(len, narrow.out.splitlines())) <= 60 < max(map(len, wide.out.splitlines()))
    monkeypatch.setenv("LD_PRELOAD", "/nowhere/at/all.so")
    assert "/nowhere/at/all.so" in command.run("--help").err


def test_it_is_alone_in_its_session_and_ends_by_a_signal(command: Forks, dsn: str) -> None:
    with command.started("serve", database_url=dsn, roles="worker", log_format="json") as started:
        started.wait_until_up()
        assert os.getsid(started.process.pid) == os.getpgid(started.process.pid) == started.process.pid
        assert started.process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            started.process.wait(0)
        started.send(signal.SIGTERM)
        assert started.wait() == 0
    with command.started("serve", database_url=dsn, roles="worker", log_format="json") as started:
        started.wait_until_up()
        started.process.kill()
        assert started.wait() == started.process.poll() == -signal.SIGKILL
