"""What a server wrote about itself cannot be read, or is damaged: nobody takes a server for gone because of that."""

import asyncio
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.embedded import open_database
from deploy.embedded.database import EmbeddedDatabase
from deploy.embedded.errors import EmbeddedError
from deploy.embedded.folders import Folders
from deploy.embedded.processes import PID_FILE, read_pid_file
from tests.deploy.embedded.programs import fetch, server_processes


def pid_file_of(data_dir: Path) -> Path:
    return Folders(data_dir).cluster / PID_FILE


@contextmanager
def unreadable(path: Path) -> Iterator[None]:
    """Stands for no file left to open, and for a disk that fails: also for root, whom no mode keeps out."""
    aside = path.with_name("aside")
    path.rename(aside)
    path.symlink_to(aside)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # a server that ends removes it
        aside.rename(path)


def started_at(database: EmbeddedDatabase) -> object:
    return asyncio.run(fetch(database.dsn, "SELECT pg_postmaster_start_time()"))


def test_a_server_whose_file_cannot_be_read_is_left_alone(data_dir: Path) -> None:
    """A process without a free file took the server for gone, and ended all its processes three seconds later."""
    with open_database(data_dir) as database:
        before = started_at(database)
        with unreadable(pid_file_of(data_dir)), pytest.raises(EmbeddedError):
            database.revive()
        assert started_at(database) == before


def test_a_server_whose_file_cannot_be_read_is_stopped_in_order(data_dir: Path) -> None:
    """It was ended at once, and recovered at the next start as after a crash."""
    database = open_database(data_dir)
    with unreadable(pid_file_of(data_dir)):
        database.close()
        assert not server_processes(data_dir)
    written = "".join(path.read_text() for path in Folders(data_dir).log.glob("*.log"))
    assert "received fast shutdown request" in written
    assert "immediate shutdown" not in written


@pytest.mark.parametrize("content", [b"", b"47", b"no number\n", b"\0" * 64])
def test_what_a_crash_left_half_written_keeps_no_server_from_its_start(
    data_dir: Path, content: bytes
) -> None:
    """PostgreSQL refuses to start with an empty file, or one without a number, until somebody removes it."""
    pid_file_of(data_dir).write_bytes(content)
    with open_database(data_dir) as database:
        assert started_at(database)


def test_a_missing_file_is_told_from_one_that_cannot_be_read(tmp_path: Path) -> None:
    assert read_pid_file(tmp_path) is None
    (tmp_path / PID_FILE).symlink_to("elsewhere")
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        read_pid_file(tmp_path)
