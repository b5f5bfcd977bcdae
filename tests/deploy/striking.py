"""Runs `passerelle` in processes of their own, which kill themselves (SIGKILL) before their n-th write.

`python -m tests.deploy.striking` reads one request a line and forks for each, so that modules are imported once: those of
the command, too, which `passerelle` imports when it runs it. A write is what changes the disk or the database: a sync, a
rename, a link, a removal, a statement, a commit.
"""

import contextlib
import gc
import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec
from asyncpg.transaction import Transaction

from deploy.cli import failures, keys
from deploy.cli.main import main as run_command
from directory.clock import SystemClock

CHECKOUT: Final = Path(__file__).parents[2]
KILLED: Final = -signal.SIGKILL
FILE_WRITES: Final = ("fsync", "rename", "replace", "link", "unlink", "mkdir")
DATABASE_WRITES: Final = ("execute", "executemany", "fetch", "fetchrow", "fetchval", "copy_records_to_table")
RECOVERY_KEY: Final = re.compile(r"PRIVATE\+KEY\+\S+/recovery\+\S+")
CONFIRMS: Final = "characters, to confirm that you have it: "
ASKS: Final = "The recovery key: "
LOADED: Final = failures, keys
"""What a process needs, and `main` imports late."""
LOOK_S: Final = 0.05
END_TIMEOUT_S: Final = 60


class Request(msgspec.Struct, kw_only=True):
    """A command to run. Without `terminal`, the path of one, its input is the file `typed` and its output `told`."""

    arguments: list[str]
    settings: dict[str, str]
    told: str
    typed: str = os.devnull
    terminal: str = ""
    at: int = -1
    ahead_s: int = 0
    """How far its clock is ahead."""


@dataclass(frozen=True, slots=True)
class Struck:
    """A command that has ended, or was killed at its point. `confirmed` are the recovery keys that were typed back."""

    status: int
    out: str
    confirmed: list[str] = field(default_factory=list)


class Program:
    """The running program."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.deploy.striking"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=CHECKOUT,
            text=True,
        )

    def ask(self, asked: Request) -> int:
        """Has it run a command. Returns how that ended."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(msgspec.to_builtins(asked)) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(END_TIMEOUT_S)
        self._process.stdout.close()


class Striking:
    """The running program, as a test drives it: with its own folder and settings."""

    def __init__(self, program: Program, folder: Path, settings: dict[str, str]) -> None:
        self._program = program
        self._folder = folder
        self._settings = settings

    def run(self, *arguments: str, typed: str = "", **request: Any) -> Struck:
        """Runs a command without a terminal, with `typed` as its input."""
        told, file = self._folder / "told", self._folder / "typed"
        told.write_bytes(b"")
        file.write_text(typed)
        status = self._ask(arguments, told=str(told), typed=str(file), **request)
        return Struck(status, told.read_text())

    def run_in_terminal(self, *arguments: str, key: str = "", answer: bool = True, **request: Any) -> Struck:
        """Runs a command in a terminal, where somebody types `key` and confirms what is shown, or gives up."""
        ours, theirs = os.openpty()
        with ThreadPoolExecutor(1) as waiting:
            told = self._folder / "told"
            name = os.ttyname(theirs)
            ended = waiting.submit(self._ask, arguments, told=str(told), terminal=name, **request)
            said, confirmed = _type(ours, ended, key, answer=answer)
        os.close(theirs)
        os.close(ours)
        return Struck(ended.result(), said, confirmed)

    def _ask(self, arguments: tuple[str, ...], **request: Any) -> int:
        return self._program.ask(Request(arguments=list(arguments), settings=self._settings, **request))


def _type(terminal: int, ended: "Future[int]", key: str, *, answer: bool) -> tuple[str, list[str]]:
    said, at = "", 0
    confirmed: list[str] = []
    while True:
        is_over = ended.done()
        if select.select([terminal], [], [], LOOK_S)[0]:
            said += os.read(terminal, 65_536).decode()
        elif is_over:
            return said, confirmed
        if said[at:].endswith(ASKS):
            at = len(said)
            os.write(terminal, f"{key}\n".encode())
        elif said[at:].endswith(CONFIRMS):
            at = len(said)
            shown = RECOVERY_KEY.findall(said)[-1]
            if answer:
                confirmed.append(shown)
            os.write(terminal, f"{shown[-8:]}\n".encode() if answer else b"\x04")


def main() -> None:
    gc.freeze()  # what is loaded is garbage in no process: none looks through it, and none copies it
    for line in sys.stdin:
        request = msgspec.json.decode(line, type=Request)
        pid = os.fork()
        if pid == 0:
            _live(request)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _live(request: Request) -> None:
    status = 70
    try:
        _take_places(request)
        os.environ.update({f"PASSERELLE_{name.upper()}": value for name, value in request.settings.items()})
        _set_clock(timedelta(seconds=request.ahead_s))
        _strike(_Points(request.at))
        run_command(request.arguments)
        status = 0
    except SystemExit as end:
        status = int(end.code or 0)
    finally:
        with contextlib.suppress(OSError):
            sys.stderr.flush()
            sys.stdout.flush()
        os._exit(status)


def _take_places(request: Request) -> None:
    """Takes the terminal, or the files, in the places of the program's own input and output."""
    if request.terminal:
        os.login_tty(os.open(request.terminal, os.O_RDWR))
    else:
        os.setsid()
        os.dup2(os.open(request.typed, os.O_RDONLY), 0)
        os.dup2(told := os.open(request.told, os.O_WRONLY | os.O_CREAT), 1)
        os.dup2(told, 2)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - the former one has read from the program's own


def _set_clock(ahead: timedelta) -> None:
    real = SystemClock.now

    def now(self: SystemClock) -> datetime:
        return real(self) + ahead

    setattr(SystemClock, "now", now)  # noqa: B010 - patched


class _Points:
    """Counts the writes, and ends the process before number `at`."""

    def __init__(self, at: int) -> None:
        self._left = at

    def arrive(self) -> None:
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1


def _strike(points: _Points) -> None:
    for name in FILE_WRITES:
        setattr(os, name, _struck(getattr(os, name), points))
    for name in DATABASE_WRITES:
        setattr(asyncpg.Connection, name, _struck_statement(getattr(asyncpg.Connection, name), points))
    setattr(Transaction, "commit", _struck(Transaction.commit, points))  # noqa: B010 - patched


def _struck(call: Callable[..., Any], points: _Points) -> Callable[..., Any]:
    def struck(*arguments: Any, **options: Any) -> Any:
        points.arrive()
        return call(*arguments, **options)

    return struck


def _struck_statement(call: Callable[..., Any], points: _Points) -> Callable[..., Any]:
    def struck(connection: Any, first: str, *arguments: Any, **options: Any) -> Any:
        if not first.lstrip().upper().startswith(("SELECT", "COMMIT", "BEGIN", "SHOW")):
            points.arrive()
        return call(connection, first, *arguments, **options)

    return struck


@contextlib.contextmanager
def running() -> Iterator[Program]:
    """Starts the program for the block."""
    program = Program()
    try:
        yield program
    finally:
        program.close()


if __name__ == "__main__":
    main()
