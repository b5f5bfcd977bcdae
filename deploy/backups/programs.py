"""Runs PostgreSQL's own programs, those that come with the embedded server, against any server of 15 to 18."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from deploy.backups.errors import ProgramFailed
from deploy.embedded.binaries import find_installation

MAX_SAID_BYTES: Final = 16_384
"""How much of what a program says is read to find its error."""
_GRACE_S: Final = 10
LOCK_TIMEOUT: Final = "-c lock_timeout=30s"
"""For locks that somebody else holds."""


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a database, with its password apart: the list of processes shows arguments to everybody."""

    dsn: str
    environment: dict[str, str]

    @classmethod
    def of(cls, dsn: str) -> "Address":
        parts = urlsplit(dsn)
        query = parse_qsl(parts.query, keep_blank_values=True)
        password = dict(query).get("password") or (unquote(parts.password) if parts.password else None)
        user, at, host = parts.netloc.rpartition("@")
        netloc = f"{user.partition(':')[0]}{at}{host}"
        left = urlencode([(name, value) for name, value in query if name != "password"])
        secret = {} if password is None else {"PGPASSWORD": password}
        return cls(urlunsplit(parts._replace(netloc=netloc, query=left)), secret)


@dataclass(frozen=True, slots=True)
class Running:
    """A program under way. What it says of errors is kept in a file."""

    name: str
    process: subprocess.Popen[bytes]
    said: IO[bytes]

    @property
    def input(self) -> IO[bytes]:
        return _pipe(self.process.stdin)

    @property
    def output(self) -> IO[bytes]:
        return _pipe(self.process.stdout)

    def finish(self) -> None:
        """Waits for its end. Raises ProgramFailed where it ended badly."""
        if self.process.wait() != 0:
            raise ProgramFailed(self.failure())

    def failure(self) -> str:
        """Returns a sentence with the first error that it told."""
        self.said.seek(0)
        lines = self.said.read(MAX_SAID_BYTES).decode("utf-8", "replace").splitlines()
        errors = [line for line in lines if "error" in line.lower() or "fatal" in line.lower()]
        told = (errors or lines or ["it said nothing"])[0].strip().rstrip(".")
        return f"{self.name} failed ({told}). Nothing was changed"


@contextmanager
def started(
    name: str,
    arguments: Sequence[str],
    address: Address | None = None,
    *,
    reads: bool = False,
    writes: bool = False,
) -> Iterator[Running]:
    """Starts a program, which is ended with the block. `reads`: it is given its input; `writes`: its output is read."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603 -- our own words; the address comes from the operator's settings
            [_program(name), *arguments],
            stdin=subprocess.PIPE if reads else subprocess.DEVNULL,
            stdout=subprocess.PIPE if writes else subprocess.DEVNULL,
            stderr=said,
            env=_environment(address),
            start_new_session=True,  # Ctrl-C is for us: we end it when nothing can be left half
        )
        try:
            yield Running(name, process, said)
        finally:
            _end(process)


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise ValueError("the program was started without this pipe")
    return pipe


def _program(name: str) -> Path:
    return find_installation().postgres.with_name(name)


def _environment(address: Address | None) -> dict[str, str]:
    ours = {"LC_ALL": "C", "PGAPPNAME": "passerelle", "PGOPTIONS": LOCK_TIMEOUT, "PGCLIENTENCODING": "UTF8"}
    return {**os.environ, **ours, **(address.environment if address is not None else {})}


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()
    process.wait()
