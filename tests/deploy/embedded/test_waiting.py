"""Whoever waits for the embedded database is told for what."""

import threading
from pathlib import Path

import psutil
import pytest
from structlog.testing import capture_logs

from deploy.embedded import open_database
from deploy.embedded.folders import Folders
from deploy.embedded.locks import FileLock, Locks
from deploy.embedded.processes import read_pid_file

WAIT_S = 30


def test_who_starts_it_for_long_is_told(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was stopped in the middle of a start: each command waited for it for ten minutes, without a word."""
    monkeypatch.setattr("deploy.embedded.locks.TELL_AFTER_S", 0.2)
    open_database(data_dir).close()
    lock = FileLock(Locks.open(Folders(data_dir).locks).start_path)
    assert lock.try_alone()
    release = threading.Timer(1.0, lock.release)
    release.start()
    with capture_logs() as logged:
        open_database(data_dir).close()
    release.join()
    lock.close()
    assert [each["event"] for each in logged] == [
        "another process starts or stops the database, and is waited for"
    ]
    assert Path(logged[0]["lock"]).is_file()


def test_a_server_that_does_not_answer_is_told(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.embedded.server.SILENCE_GRACE_S", 0.2)
    monkeypatch.setattr("deploy.embedded.client._CONNECT_TIMEOUT_S", 0.5)
    with open_database(data_dir):
        said = read_pid_file(Folders(data_dir).cluster)
        assert said is not None
        server = psutil.Process(said.pid)
        server.suspend()
        goes_on = threading.Timer(3.0, server.resume)
        goes_on.start()
        with capture_logs() as logged:
            open_database(data_dir).close()
        goes_on.join()
    told = [each for each in logged if each["log_level"] == "warning"]
    assert [(each["process"], each["status"]) for each in told] == [(said.pid, "ready")]
