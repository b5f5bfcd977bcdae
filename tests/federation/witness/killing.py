"""Runs our witness in a process of its own, which can kill itself (SIGKILL) at one point of an answer.

`python -m tests.federation.witness.killing DSN DATA TIME POINT` reads one request from its input, and writes the answer, or
the size that it has cosigned.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from directory.store.database import Database
from federation.errors import FederationError, OtherSize
from federation.keys.instance import KeyFolder
from federation.witness import cosigning
from tests.harness.clock import FakeClock

CHECKOUT: Final = Path(__file__).parents[3]
TIMEOUT_S: Final = 60
BEFORE_STORE: Final = "before the store"
STORED: Final = "stored, not committed"
UNANSWERED: Final = "committed, not answered"
NOWHERE: Final = "nowhere"
OTHER: Final = b"other "
REFUSED: Final = b"refused "


def run_witness(
    dsn: str, data: Path, now: datetime, request: bytes, point: str = NOWHERE
) -> tuple[int, bytes]:
    """Runs one request in a process. Returns its status, -9 where it was killed, and what it has answered."""
    arguments = [dsn, str(data), now.isoformat(), point]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.federation.witness.killing", *arguments],
        input=request,
        stdout=subprocess.PIPE,
        cwd=CHECKOUT,
        timeout=TIMEOUT_S,
        check=False,
    )
    return done.returncode, done.stdout


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def struck(swap: Callable[..., Awaitable[bool]], point: str) -> Callable[..., Awaitable[bool]]:
    """Wraps the store so that the process dies before it, or after it and before the commit."""

    async def swap_and_die(*values: Any) -> bool:
        if point == BEFORE_STORE:
            die()
        is_swapped = await swap(*values)
        if point == STORED:
            die()
        return is_swapped

    return swap_and_die


async def main(dsn: str, data: str, now: str, point: str) -> bytes:
    name = "swap_witnessed"
    setattr(cosigning, name, struck(getattr(cosigning, name), point))
    database = await Database.connect(dsn, max_connections=2)
    witness = cosigning.Witness(database, KeyFolder(Path(data)), FakeClock(datetime.fromisoformat(now)))
    try:
        answer = await witness.add_checkpoint(sys.stdin.buffer.read())
    except OtherSize as error:
        answer = OTHER + str(error.size).encode()
    except FederationError as error:
        answer = REFUSED + type(error).__name__.encode()
    if point == UNANSWERED:
        die()
    await database.close()
    return answer


if __name__ == "__main__":
    answers = os.dup(1)
    os.dup2(2, 1)  # answers go there, and log lines would
    os.write(answers, asyncio.run(main(*sys.argv[1:])))
