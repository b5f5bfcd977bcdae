"""The thread that keeps the database running outlives whatever it meets."""

import errno
import os
from pathlib import Path
from threading import Event

import pytest
from structlog.testing import capture_logs

from deploy.embedded import keeper


class Met:
    """A database whose revival meets some faults before it succeeds."""

    def __init__(self, log_dir: Path, *faults: Exception) -> None:
        self.log_dir = log_dir
        self.is_back = Event()
        self._faults = list(faults)

    def revive(self) -> bool:
        if self._faults:
            raise self._faults.pop(0)
        self.is_back.set()
        return True


def test_no_fault_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file left to open, or a full disk under the log of the process: the thread ended, and nobody watched any more."""
    monkeypatch.setattr(keeper, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(keeper, "AFTER_FAILURE_S", 0.01)
    too_many = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    database = Met(tmp_path, too_many, too_many, RuntimeError("can't start new thread"))
    with capture_logs() as logged, keeper.kept_running(database):
        assert database.is_back.wait(10)
    assert [each["event"] for each in logged if each["log_level"] == "error"] == [
        "the database cannot be watched, and is tried again",
        "the database cannot be watched, and is tried again",
    ], "once for each of the two"


def test_a_log_that_cannot_be_written_ends_it_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(keeper, "AFTER_FAILURE_S", 0.01)

    class FullDisk:
        def __getattr__(self, _name: str) -> object:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(keeper, "log", FullDisk())
    database = Met(tmp_path, OSError(errno.EMFILE, os.strerror(errno.EMFILE)))
    with keeper.kept_running(database):
        assert database.is_back.wait(10)
