"""Runs the command `passerelle` as people do: a process of its own, with only the settings that it is given."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, Protocol
from urllib.parse import urlsplit

from tests.harness.waiting import wait_until

PROGRAM: Final = Path(sys.executable).parent / "passerelle"
TIMEOUT_S: Final = 180
"""Long enough for a busy machine; a command that takes longer hangs."""
ANSWER_TIMEOUT_S: Final = 5
UP: Final = '"event": "up"'
"""What an instance that logs JSON writes once it is at work."""
_OF_THE_TESTS: Final = ("PASSERELLE_", "PYTEST_", "PYTHON", "VIRTUAL_ENV", "COLUMNS", "MAKE", "MFLAGS")
"""Variables with these prefixes are those of the tests, not of a person at a terminal."""


@dataclass(frozen=True, slots=True)
class Result:
    """The exit status of a command, and its output."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The line on standard error. Fails where it is not exactly one."""
        assert "Traceback" not in self.err
        (line,) = self.err.splitlines()
        return line


class Process(Protocol):
    """What `subprocess.Popen` has of a process."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int, /) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Command:
    """A command to run in `folder`. `settings` are the PASSERELLE_ variables by field, `variables` others by name."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    program: tuple[str | Path, ...] = (PROGRAM,)
    timeout_s: float = TIMEOUT_S
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str | Path, said: str = "", **settings: str) -> Result:
        """Runs the command to its end. `said` is what it reads."""
        done = subprocess.run(
            [*self.program, *arguments],
            cwd=self.folder,
            env=self.environment(settings),
            input=said,
            capture_output=True,
            text=True,
            timeout=self.timeout_s,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    @contextlib.contextmanager
    def started(self, *arguments: str | Path, **settings: str) -> Iterator["Started"]:
        """Starts the command; what still runs at the end of the block is killed."""
        log, output = self.folder / "stderr.log", self.folder / "stdout.log"
        with log.open("ab") as errors, output.open("ab") as written:
            log_begins = errors.tell()
            process = self._start(arguments, settings, written, errors)
        try:
            yield Started(process, log, output, log_begins)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(TIMEOUT_S)

    def _start(
        self, arguments: Sequence[str | Path], settings: dict[str, str], written: IO[bytes], errors: IO[bytes]
    ) -> Process:
        return subprocess.Popen(
            [*self.program, *arguments],
            cwd=self.folder,
            env=self.environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=errors,
            start_new_session=True,
        )

    def environment(self, settings: dict[str, str]) -> dict[str, str]:
        """Returns the variables that it runs with: these settings, and its own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OF_THE_TESTS)}
        ours = {f"PASSERELLE_{name.upper()}": value for name, value in (self.settings | settings).items()}
        return {**kept, "COLUMNS": "200", "LC_ALL": "C.UTF-8", **self.variables, **ours}


@dataclass(frozen=True, slots=True)
class Started:
    """A command under way, alone in its process group as it would be in a terminal."""

    process: Process
    log: Path
    """Its standard error."""
    output: Path
    """Its standard output."""
    log_begins: int
    """How many bytes were in the log when it was started."""

    def wait_until_ready(self, url: str) -> None:
        """Waits until the instance at `url` answers. Fails where the process ends before."""

        def settled() -> bool:
            return self.process.poll() is not None or answers(url)

        assert wait_until(settled, TIMEOUT_S), self.log.read_text()
        assert self.process.poll() is None, self.log.read_text()

    def wait_until_up(self) -> None:
        """Waits until an instance that logs JSON reports to be up: from here on it ends cleanly when told to. Fails where the
        process ends before."""

        def settled() -> bool:
            return self.process.poll() is not None or UP in self.logged()

        assert wait_until(settled, TIMEOUT_S), self.logged()
        assert self.process.poll() is None, self.logged()

    def logged(self) -> str:
        """What it has written to the log, which holds that of the processes before it too."""
        return self.log.read_bytes()[self.log_begins :].decode()

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to it and to all of its group, as Ctrl-C does."""
        os.killpg(self.process.pid, number)

    def wait(self) -> int:
        """Waits for its end. Returns its exit status."""
        return self.process.wait(TIMEOUT_S)


def answers(url: str) -> bool:
    """Tells whether the instance at `url` is ready."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=ANSWER_TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
