"""Processes that share one server, and the ways in which they end."""

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path

import asyncpg
import psutil
import pytest

from deploy.embedded import open_database
from deploy.embedded.folders import Folders
from deploy.embedded.processes import PID_FILE
from deploy.embedded.user import server_user
from tests.deploy.embedded.programs import Holder, execute, fetch, is_alive, kill_all, server_processes

ENDLESS_QUERY = "SELECT count(n) FROM (SELECT generate_series(1, 1000000000000000) AS n) AS endless"
WAIT_UNTIL_ACTIVE = """
DO $$ BEGIN
  LOOP
    PERFORM pg_stat_clear_snapshot();
    EXIT WHEN EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE '%endless' AND state = 'active');
  END LOOP;
END $$
"""

Hold = Callable[..., Holder]


def postmaster_pid(data_dir: Path) -> int:
    return int((Folders(data_dir).cluster / PID_FILE).read_text().split()[0])


async def test_the_last_one_out_stops_the_server(data_dir: Path, hold: Hold) -> None:
    first, second = hold(), hold()
    one, two = first.answer(), second.answer()
    assert one["server_pid"] == two["server_pid"]

    assert first.finish() == 0
    assert await fetch(two["dsn"], "SELECT 1") == 1
    assert second.finish() == 0
    assert server_processes(data_dir) == []


async def test_shares_of_one_process_count_one_by_one(data_dir: Path) -> None:
    with open_database(data_dir) as outer:
        with open_database(data_dir) as inner:
            assert inner.dsn == outer.dsn
        assert await fetch(outer.dsn, "SELECT 1") == 1
    assert server_processes(data_dir) == []


def test_a_killed_process_leaves_a_server_that_the_next_one_adopts_and_stops(
    data_dir: Path, hold: Hold
) -> None:
    """kill -9 of the program: with a list of process numbers on disk the server was never stopped again."""
    killed = hold()
    server_pid = killed.answer()["server_pid"]
    killed.kill()
    assert psutil.pid_exists(server_pid)

    next_one = hold()
    assert next_one.answer()["server_pid"] == server_pid
    next_one.finish()
    assert server_processes(data_dir) == []


async def test_when_all_are_killed_what_was_committed_is_there_again(data_dir: Path, hold: Hold) -> None:
    """kill -9 of the program and of every server process: the old postmaster.pid must not block the start."""
    holder = hold()
    dsn = holder.answer()["dsn"]
    await execute(dsn, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (42)")
    holder.kill()
    kill_all(server_processes(data_dir))
    assert (Folders(data_dir).cluster / PID_FILE).exists()

    with open_database(data_dir) as database:
        assert await fetch(database.dsn, "SELECT n FROM kept") == 42


def test_the_number_of_a_dead_server_that_another_program_has_now_does_not_block(
    data_dir: Path, hold: Hold
) -> None:
    """After a restart of the machine the old number may belong to anything, of the same user too."""
    holder = hold()
    old = holder.answer()["server_pid"]
    holder.kill()
    kill_all(server_processes(data_dir))
    user = server_user()
    other = subprocess.Popen(
        ["/bin/sh", "-c", "echo; read wait"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        user=user.uid if user.is_other else None,
    )
    with other:
        assert other.stdout
        other.stdout.readline()
        for name in (PID_FILE, "../.s.PGSQL.5432.lock"):
            file = Folders(data_dir).cluster / name
            file.write_text(file.read_text().replace(str(old), str(other.pid), 1))
        with open_database(data_dir):
            assert postmaster_pid(data_dir) != other.pid
        assert other.poll() is None, "the other program must not be harmed"
        other.kill()


def test_a_server_that_was_killed_under_its_users_is_replaced_by_the_next_one(
    data_dir: Path, hold: Hold
) -> None:
    survivor = hold()
    old = survivor.answer()["server_pid"]
    kill_all(server_processes(data_dir))

    newcomer = hold()
    assert newcomer.answer()["server_pid"] != old
    newcomer.finish()
    survivor.finish()
    assert server_processes(data_dir) == []


async def test_a_query_that_outlives_its_killed_server_is_ended(data_dir: Path, hold: Hold) -> None:
    """A busy backend does not notice that the server is gone, holds its memory, and would block the next one."""
    holder = hold()
    answer = holder.answer()
    connection = await asyncpg.connect(answer["dsn"])
    backend = psutil.Process(await connection.fetchval("SELECT pg_backend_pid()"))
    running = asyncio.ensure_future(connection.execute(ENDLESS_QUERY))
    await execute(answer["superuser_dsn"], WAIT_UNTIL_ACTIVE)
    holder.kill()
    kill_all([psutil.Process(answer["server_pid"])])
    assert backend.is_running()

    with open_database(data_dir):
        assert not is_alive(backend)
    with pytest.raises((asyncpg.PostgresError, ConnectionError)):
        await running
    connection.terminate()
