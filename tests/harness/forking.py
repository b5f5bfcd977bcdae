"""Starts commands as forks of one process that has loaded their modules: loading takes most of what a command costs.

A process of its own each, with its own variables, folder, streams and session, as the program's own; but for how it began.
"""

import atexit
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final

import msgspec

from tests.harness.command import TIMEOUT_S, Command, Process, Result
from tests.harness.forked import Request

CHECKOUT: Final = Path(__file__).parents[2]
_MAX_ANSWER_BYTES: Final = 32


class Forked:
    """A process that was forked for a command; with what `subprocess.Popen` has of a process."""

    def __init__(self, pid: int, answer: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._answer = answer
        self._reading = threading.Lock()

    def poll(self) -> int | None:
        """Returns its exit status. None while it runs."""
        return self._status_within(0)

    def wait(self, timeout: float | None = None) -> int:
        """Waits for its end. Returns its exit status. Raises subprocess.TimeoutExpired."""
        status = self._status_within(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _status_within(self, timeout_s: float | None) -> int | None:
        with self._reading:
            if self.returncode is None and select.select([self._answer], [], [], timeout_s)[0]:
                told = os.read(self._answer, _MAX_ANSWER_BYTES)
                os.close(self._answer)
                assert told, "the process that forks commands has ended"
                self.returncode = int(told)
        return self.returncode


def start_forked(
    arguments: Sequence[str | Path],
    folder: Path,
    environment: Mapping[str, str],
    streams: Sequence[int],
    *,
    is_alone: bool = False,
) -> Forked:
    """Starts a command. `streams` are its standard input, output and error."""
    request = Request(list(map(str, arguments)), str(folder), dict(environment), is_alone)
    read, write = os.pipe()
    try:
        socket.send_fds(_forking(), [msgspec.json.encode(request)], [*streams, write])
    finally:
        os.close(write)
    return Forked(int(_line(read)), read)


def _line(descriptor: int) -> bytes:
    """Reads up to the end of a line, and not beyond."""
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(descriptor, 1)
        assert part, "the process that forks commands has ended"
        line += part
    return line


_OF_THE_START: Final = "COLUMNS", "LD_"
"""Variables with these prefixes are read as a program is started and loaded: a fork would know nothing of them."""


def _read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(_OF_THE_START)}


_USUAL: Final = _read_at_start(Command(CHECKOUT).environment({}))


@cache
def _is_told_of_ends() -> bool:
    """Whether this system tells of the end of a process by a descriptor: Linux does, from 5.3 on."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True


def _may_fork(environment: Mapping[str, str]) -> bool:
    return _is_told_of_ends() and _read_at_start(environment) == _USUAL


class Forks(Command):
    """A command that is forked: for what is not about how the program begins. Where a variable is other than usual that is read
    at its start, or the system does not tell of the end of a fork, it is started."""

    def run(self, *arguments: str | Path, said: str = "", **settings: str) -> Result:
        """Runs the command to its end. `said` is what it reads."""
        environment = self.environment(settings)
        if not _may_fork(environment):
            return super().run(*arguments, said=said, **settings)
        with TemporaryFile() as reads, TemporaryFile() as out, TemporaryFile() as err:
            reads.write(said.encode())
            reads.seek(0)
            streams = [each.fileno() for each in (reads, out, err)]
            process = start_forked(arguments, self.folder, environment, streams)
            try:
                code = process.wait(self.timeout_s)
            finally:
                process.kill()
            return Result(code, _text(out), _text(err))

    def _start(
        self, arguments: Sequence[str | Path], settings: dict[str, str], written: IO[bytes], errors: IO[bytes]
    ) -> Process:
        environment = self.environment(settings)
        if not _may_fork(environment):
            return super()._start(arguments, settings, written, errors)
        with Path(os.devnull).open("rb") as nothing:
            streams = [each.fileno() for each in (nothing, written, errors)]
            return start_forked(arguments, self.folder, environment, streams, is_alone=True)


def _text(written: IO[bytes]) -> str:
    written.seek(0)
    return written.read().decode()


_STARTING: Final = threading.Lock()


def _forking() -> socket.socket:
    with _STARTING:
        return _start_forking()


@cache
def _start_forking() -> socket.socket:
    """Starts the process that forks, once for this one. It ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.harness.forked"],
            cwd=CHECKOUT,
            env=Command(CHECKOUT).environment({}),
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def end() -> None:
        ours.close()
        process.wait(TIMEOUT_S)

    atexit.register(end)
    return ours
