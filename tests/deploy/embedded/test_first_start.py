"""Making a cluster, and what the server in it is like."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from deploy.embedded import EmbeddedError, open_database
from deploy.embedded.client import dsn
from deploy.embedded.cluster import SUPERUSER
from deploy.embedded.folders import Folders
from tests.deploy.embedded.programs import (
    END_TIMEOUT_S,
    Holder,
    execute,
    fetch,
    ordinary_uid,
    server_processes,
)
from tests.harness.waiting import wait_until

SECOND_START_LIMIT_S = 1.0

Hold = Callable[..., Holder]


async def test_the_first_start_makes_a_database_that_is_ours_and_no_superusers(new_data_dir: Path) -> None:
    with open_database(new_data_dir) as database:
        row = await fetch(
            database.dsn,
            "SELECT (current_database(), current_user, rolsuper, pg_encoding_to_char(encoding), datlocale)::text"
            " FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()",
        )
        await execute(database.dsn, "CREATE TABLE ours ()")
        assert row == "(passerelle,passerelle,f,UTF8,C.UTF-8)"
    assert server_processes(new_data_dir) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("listen_addresses", ""),
        ("data_checksums", "on"),
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("jit", "off"),
        ("TimeZone", "UTC"),
        ("max_wal_size", "4GB"),
        ("log_statement", "none"),
    ],
)
async def test_the_server_is_set(shared_dsn: str, name: str, value: str) -> None:
    assert await fetch(shared_dsn, "SELECT current_setting($1)", name) == value


async def test_a_setting_of_the_caller_is_taken(data_dir: Path) -> None:
    with open_database(data_dir, {"work_mem": "7MB"}) as database:
        assert await fetch(database.dsn, "SHOW work_mem") == "7MB"


def test_a_later_start_takes_well_under_a_second(data_dir: Path) -> None:
    taken = []
    for _ in range(3):
        started = time.perf_counter()
        with open_database(data_dir):
            taken.append(time.perf_counter() - started)
    assert min(taken) < SECOND_START_LIMIT_S


async def test_a_database_that_was_dropped_is_made_again(data_dir: Path) -> None:
    with open_database(data_dir) as database:
        await execute(dsn(database.socket_dir, "postgres", SUPERUSER), "DROP DATABASE passerelle")
    with open_database(data_dir) as database:
        assert await fetch(database.dsn, "SELECT 1") == 1


def test_the_data_folder_can_be_moved(data_dir: Path) -> None:
    open_database(data_dir).close()
    moved = data_dir.rename(data_dir.with_name("elsewhere"))
    open_database(moved).close()
    assert server_processes(moved) == []


def test_what_an_interrupted_first_start_left_is_removed(new_data_dir: Path) -> None:
    """A power cut during initdb: the half-made cluster must be neither used nor in the way."""
    half_made = Folders(new_data_dir).home / "unfinished-00000000"
    open_database(new_data_dir).close()
    Folders(new_data_dir).cluster.rename(half_made)
    (half_made / "PG_VERSION").write_text("18\n")

    with open_database(new_data_dir):
        assert Folders(new_data_dir).cluster.is_dir()
    assert not half_made.exists()


def test_a_start_that_is_killed_in_the_middle_of_initdb_is_done_again(new_data_dir: Path, hold: Hold) -> None:
    """initdb goes on without its starter: the next start waits for it, and then begins anew."""
    home = Folders(new_data_dir).home
    killed = hold()
    assert wait_until(lambda: any(home.glob("unfinished-*/base")), END_TIMEOUT_S)
    killed.kill()  # initdb is under way now, or between two steps, or just done

    with open_database(new_data_dir):
        assert list(home.glob("unfinished-*")) == []


async def test_nothing_that_was_asked_is_logged(data_dir: Path) -> None:
    """Who is looked up is nobody's business: neither a failing statement nor the row it was about is written."""
    with open_database(data_dir) as database:
        await execute(database.dsn, "CREATE TABLE people (handle text UNIQUE)")
        for sql in (
            "SELECT 'secret_handle'::int",
            "INSERT INTO people VALUES ('secret_handle'), ('secret_handle')",
        ):
            with pytest.raises(asyncpg.PostgresError, match=r"secret|unique"):
                await execute(database.dsn, sql)
        log = "".join(path.read_text() for path in database.log_dir.iterdir())
    assert "ready to accept connections" in log
    assert "secret_handle" not in log


def test_an_ordinary_user_needs_nobody_elses_rights(
    new_data_dir: Path, public_folder: Path, public_wheel: Path, hold: Hold
) -> None:
    if os.geteuid() == 0:
        os.chown(public_folder, ordinary_uid(), -1)
    for _ in range(2):
        holder = hold(uid=ordinary_uid(), site=public_wheel)
        answer = holder.answer()
        assert answer.get("dsn"), answer
        assert new_data_dir.stat().st_uid == ordinary_uid()
        assert new_data_dir.stat().st_mode & 0o777 == 0o700
        assert holder.finish() == 0
        assert server_processes(new_data_dir) == []


def test_a_setting_that_postgres_refuses_is_told_with_its_words(data_dir: Path) -> None:
    with pytest.raises(EmbeddedError) as caught:
        open_database(data_dir, {"shared_buffers": "much"})
    assert caught.value.code == "database_failed"
    assert 'invalid value for parameter "shared_buffers"' in caught.value.detail
