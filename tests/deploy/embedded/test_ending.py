"""However the program ends, short of kill -9, the server ends with it."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.embedded import EmbeddedDatabase, open_database
from deploy.embedded.folders import Folders
from tests.deploy.embedded.programs import CHECKOUT, END_TIMEOUT_S, Holder, fetch, server_processes

Hold = Callable[..., Holder]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_would_end_the_program_stops_the_server_first(
    data_dir: Path, hold: Hold, number: signal.Signals
) -> None:
    holder = hold()
    assert holder.answer()["server_pid"]
    holder.send(number)
    assert holder.process.wait(END_TIMEOUT_S) == 128 + number
    assert server_processes(data_dir) == []


def test_ctrl_c_reaches_the_program_and_not_the_server(data_dir: Path, hold: Hold) -> None:
    """A terminal sends Ctrl-C to the whole group: the server must still serve while the program cleans up."""
    holder = hold()
    assert holder.answer()["server_pid"]
    holder.send(signal.SIGINT)
    assert holder.answer() == {"answered": True}
    assert holder.finish() == 0
    assert server_processes(data_dir) == []


def test_the_end_of_the_program_gives_the_share_back(data_dir: Path) -> None:
    held_to_the_end = (
        "import sys, pathlib, deploy.embedded as e; d = e.open_database(pathlib.Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", held_to_the_end, data_dir], cwd=CHECKOUT, check=True)
    assert server_processes(data_dir) == []


def test_signals_are_as_before_once_closed(data_dir: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    database = open_database(data_dir)
    database.close()
    database.close()
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == before


def close_in_child(database: EmbeddedDatabase) -> None:
    child = os.fork()
    if child == 0:
        database.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


async def test_a_forked_child_cannot_give_the_share_of_its_parent_back(data_dir: Path) -> None:
    with open_database(data_dir) as database:
        close_in_child(database)
        assert await fetch(database.dsn, "SELECT 1") == 1


def test_a_data_folder_that_is_removed_under_the_server_takes_it_along(data_dir: Path) -> None:
    with open_database(data_dir):
        shutil.rmtree(Folders(data_dir).home)
    assert server_processes(data_dir) == []


def test_a_server_whose_socket_was_removed_is_replaced(data_dir: Path, hold: Hold) -> None:
    """Something cleaned the folder of the socket: nobody can reach the server, and it must not block for ever."""
    holder = hold()
    old = holder.answer()["server_pid"]
    holder.kill()
    (Folders(data_dir).home / ".s.PGSQL.5432").unlink()

    newcomer = hold()
    assert newcomer.answer()["server_pid"] != old
