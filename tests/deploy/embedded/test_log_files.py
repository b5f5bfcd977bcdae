"""The server's own log stays small, however often it starts and however long it runs."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from deploy.embedded import EmbeddedDatabase, keeper, open_database
from deploy.embedded.folders import Folders
from deploy.embedded.logfiles import KEPT_LOG_FILES, prune_logs
from tests.deploy.embedded.programs import END_TIMEOUT_S, execute
from tests.harness.waiting import wait_until

# Both together make a file a second, which is as often as their names can differ.
A_FILE_A_MESSAGE = {"log_rotation_size": "1kB"}
MESSAGE = "DO $$ BEGIN RAISE LOG '%', repeat('x', 2000); END $$"


def old_files(log: Path, count: int) -> None:
    """What a server that ran for years has left."""
    for number in range(count):
        file = log / f"postgres-2099{number:04}-000000-00000000.log"
        file.write_text("old\n")
        os.utime(file, (number, number))


def files_of(database: EmbeddedDatabase) -> list[Path]:
    return sorted(database.log_dir.glob("postgres-*.log"))


def texts_of(database: EmbeddedDatabase) -> Iterator[str]:
    """What the kept files say; one may be pruned between its listing and its reading."""
    for file in files_of(database):
        with suppress(FileNotFoundError):
            yield file.read_text()


def write_until_there_are_more(database: EmbeddedDatabase) -> None:
    before = files_of(database)

    def is_another_there() -> bool:
        asyncio.run(execute(database.superuser_dsn(), MESSAGE))
        return len(files_of(database)) > len(before)

    assert wait_until(is_another_there, END_TIMEOUT_S)


def test_a_start_keeps_few(data_dir: Path) -> None:
    old_files(Folders(data_dir).log, 20)
    open_database(data_dir).close()
    assert len(list(Folders(data_dir).log.iterdir())) == KEPT_LOG_FILES


def test_a_server_that_runs_for_years_keeps_few(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its log was pruned by a start alone, and a start is what a server that runs does not have."""
    monkeypatch.setattr(keeper, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(keeper, "PRUNE_EVERY_S", 0.05)
    with open_database(data_dir, A_FILE_A_MESSAGE) as database, keeper.kept_running(database):
        old_files(database.log_dir, 20)
        assert wait_until(lambda: len(files_of(database)) == KEPT_LOG_FILES, END_TIMEOUT_S)
        # The one that is written to is kept: what the server says now can be read. Its collector is a
        # process of its own, and writes a moment after the statement was answered.
        asyncio.run(execute(database.superuser_dsn(), "DO $$ BEGIN RAISE LOG 'said just now'; END $$"))
        assert wait_until(lambda: any("said just now" in text for text in texts_of(database)), END_TIMEOUT_S)


def test_the_server_goes_on_to_a_new_file(data_dir: Path) -> None:
    """Else what is kept would be bounded in files, and not in bytes."""
    with open_database(data_dir, A_FILE_A_MESSAGE) as database:
        write_until_there_are_more(database)
        newest = files_of(database)[-1]
        prune_logs(database.log_dir, 1)
        assert files_of(database) == [newest]
        write_until_there_are_more(database)


def test_a_clock_that_was_set_back_does_not_cost_the_newest(tmp_path: Path) -> None:
    """By their names, the files of the time before would be newer than the one that is written to."""
    old_files(tmp_path, 8)
    current = tmp_path / "postgres-20260101-000000-00000000.log"
    current.write_text("now\n")
    prune_logs(tmp_path)
    assert current in set(tmp_path.iterdir())
    assert len(list(tmp_path.iterdir())) == KEPT_LOG_FILES
    prune_logs(tmp_path / "nowhere")
