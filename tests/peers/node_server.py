"""Runs a real server from npm, on this machine, for as long as a test needs it.

Each is a script beside this file that prints one line of JSON once it answers, and ends when its input closes.
"""

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, TextIO

from tests.harness.node import node_path
from tests.peers.children import ending_with_block, killed_if_silent

HERE: Final = Path(__file__).resolve().parent
# Another process can take a port between the moment it was found free and its use.
START_ATTEMPTS: Final = 3
SHOWN_CHARS: Final = 2_000
LOOPBACK: Final = "0100007F"
"""127.0.0.1, as Linux writes it in its tables."""


class ServerFailed(RuntimeError):
    """The server did not start; the message holds its last words."""


@contextmanager
def running(script: str, env: Mapping[str, str]) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Starts a server and stops it at the end. Yields its process and what it said of itself. Raises ServerFailed."""
    with tempfile.TemporaryFile("w+", errors="replace") as errors, ExitStack() as stack:
        yield _started(script, env, errors, stack)


def _started(
    script: str, env: Mapping[str, str], errors: TextIO, stack: ExitStack
) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    for _ in range(START_ATTEMPTS):
        process = stack.enter_context(_process(script, env, errors))
        if line := _first_line(process):
            return process, json.loads(line)
        errors.seek(0)
        said = errors.read().strip()
        if "EADDRINUSE" not in said:
            break
    raise ServerFailed(f"{script} did not start: {said[-SHOWN_CHARS:] or 'it said nothing'}")


def listening_at(port: int) -> list[str]:
    """Returns the addresses that anything on this machine takes connections at, on that port: as Linux writes them."""
    return [
        line.split()[1].partition(":")[0]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{port:04X}")
    ]


@contextmanager
def _process(script: str, env: Mapping[str, str], errors: TextIO) -> Iterator[subprocess.Popen[str]]:
    """The server's process. Its standard input stays open as long as we live: it ends with us."""
    process = subprocess.Popen(
        [node_path(), script],
        cwd=HERE,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )
    with ending_with_block(process):
        yield process


def _first_line(process: subprocess.Popen[str]) -> str:
    """The server's ready line; empty when it ended, or stayed silent too long and was ended."""
    assert process.stdout is not None
    with killed_if_silent(process):
        return process.stdout.readline()
