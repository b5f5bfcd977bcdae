"""Runs sequencers in processes of their own, which kill themselves (SIGKILL) at a given point, or are ended.

`python -m tests.federation.killing` reads one request a line and forks for each, so that modules are imported once.
A process reports into a file before it dies, a line each: the points that it reached, what it signed.
"""

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast

import msgspec

import federation.own_log.sequencer as sequencer_module
from directory.clock import SystemClock
from directory.secret_files import folder as secret_folder
from directory.secret_files import steps
from directory.store.database import Connection, Database, connect
from federation.keys.instance import KeyFolder
from federation.own_log import sequencer_task as sequencing
from federation.own_log.sequencer import Sequencer
from federation.own_log.sequencer_task import SequencerTask
from tests.federation.faults import Faults, FaultyConnection, When
from tests.harness.clock import FakeClock

CHECKOUT: Final = Path(__file__).parents[2]
END_TIMEOUT_S: Final = 60
QUICK_S: Final = 0.01


class Request(msgspec.Struct, kw_only=True):
    """A process to run. `work`: `run` checks as at a start and publishes everything pending; `lead` is the sequencer
    of an instance, until it is ended; `race` publishes batch after batch without the leader's lock."""

    dsn: str
    data: str
    origin: str
    told: str
    work: str = "run"
    now: datetime | None = None
    at: int = -1
    when: When = "before"
    max_batch: int = 10_000
    rounds: int = 0
    is_awaited: bool = True


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that has ended. `status` is 0, 1 after an error, -9 after SIGKILL; `points` are those that it reached."""

    status: int
    points: list[str]
    signed: list[tuple[int, str]]
    errors: list[str]


class Killing:
    """The running program, as a test drives it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._program = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.federation.killing"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=CHECKOUT,
            text=True,
        )

    def run(self, **request: Any) -> Ended:
        """Runs one process to its end."""
        told = self._new_file()
        return self._ended(self._ask(msgspec.to_builtins(Request(told=str(told), **request))), told)

    def start(self, **request: Any) -> "Running":
        """Starts one process, and does not wait for its end."""
        told = self._new_file()
        pid = self._ask(msgspec.to_builtins(Request(told=str(told), is_awaited=False, **request)))
        return Running(pid, told)

    def wait(self, running: "Running") -> Ended:
        """Waits until a process has ended."""
        return self._ended(self._ask({"wait": running.pid}), running.told)

    def close(self) -> None:
        """Ends the program, which ends the processes that it has started."""
        assert self._program.stdin
        assert self._program.stdout
        self._program.stdin.close()
        self._program.wait(END_TIMEOUT_S)
        self._program.stdout.close()

    def _ask(self, what: dict[str, Any]) -> int:
        assert self._program.stdin
        assert self._program.stdout
        self._program.stdin.write(json.dumps(what) + "\n")
        self._program.stdin.flush()
        return int(self._program.stdout.readline())

    def _new_file(self) -> Path:
        self._count += 1
        told = self._folder / f"told-{self._count}"
        told.touch()
        return told

    @staticmethod
    def _ended(status: int, told: Path) -> Ended:
        lines = [json.loads(line) for line in told.read_text().splitlines()]
        return Ended(
            status,
            [line["point"] for line in lines if "point" in line],
            [(line["size"], line["root"]) for line in lines if "size" in line],
            [line["error"] for line in lines if "error" in line],
        )


@dataclass(frozen=True, slots=True)
class Running:
    """A running process."""

    pid: int
    told: Path

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def has_told(self, word: str) -> bool:
        return f'"{word}"' in self.told.read_text()


def main() -> None:
    running: set[int] = set()
    has_asked = False
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            running.discard(asked["wait"])
            _reply(_status_of(asked["wait"]))
            continue
        request = msgspec.convert(asked, Request)
        if not has_asked:
            asyncio.run(_read_types(request.dsn))
            gc.freeze()  # a child's collector would copy all pages that it shares
            has_asked = True
        pid = os.fork()
        if pid == 0:
            os._exit(_live(request))
        if request.is_awaited:
            _reply(_status_of(pid))
        else:
            running.add(pid)
            _reply(pid)
    for pid in running:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


async def _read_types(dsn: str) -> None:
    """Reads once, for all that are forked, what each would read anew: what the types of the log's statements are."""
    connection = await connect(dsn)
    for kind in ("bigint", "bytea", "smallint", "integer", "timestamptz", "jsonb", "date", "boolean"):
        await connection.fetchval(f"SELECT NULL::{kind}[]")
    await connection.close()


def _reply(number: int) -> None:
    print(number, flush=True)


def _status_of(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _live(request: Request) -> int:
    """Lives the forked process, which shares nothing with former ones but the imported modules. Returns its status."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # replies go there, and log lines would
    fd = os.open(request.told, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def tell(**what: object) -> None:
        os.write(fd, json.dumps(what).encode() + b"\n")

    tell(pid=os.getpid())
    try:
        asyncio.run(_work(request, tell))
    except Exception as error:  # noqa: BLE001 - told to the test
        tell(error=f"{type(error).__name__}: {error}", trace=traceback.format_exc())
        return 1
    return 0


async def _work(request: Request, tell: Callable[..., None]) -> None:
    faults = _Told(request, tell)
    _strike_files(faults)
    _tell_signatures(tell)
    clock = SystemClock() if request.now is None else FakeClock(request.now)
    sequencer = Sequencer(KeyFolder(Path(request.data)), request.origin, clock, max_batch=request.max_batch)
    if request.work == "lead":
        await _lead(request, sequencer, tell)
        return
    connection = await connect(request.dsn)
    faulty = cast("Connection", FaultyConnection(connection, faults))
    if request.work == "race":
        for _ in range(request.rounds):
            try:
                await sequencer.run_once(connection)
            except Exception as error:  # noqa: BLE001 - told to the test, and tried again as an instance does
                tell(error=f"{type(error).__name__}: {error}")
    else:
        await sequencer.check(connection)
        while await sequencer.run_once(faulty):
            pass
    await connection.close()


async def _lead(request: Request, sequencer: Sequencer, tell: Callable[..., None]) -> None:
    for name in ("BATCH_EVERY_S", "STAND_BY_S", "DOUBT_S"):
        setattr(sequencing, name, QUICK_S)
    database = await Database.connect(request.dsn, max_connections=2)
    task = SequencerTask(database, sequencer)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.stop)
    running = asyncio.create_task(task.run())
    said = ""
    while not running.done():
        now = "leads" if task.is_leading else task.doubt or task.waits_for or "stands by"
        if now != said:
            tell(state=now)
            said = now
        await asyncio.sleep(QUICK_S)
    await running
    await database.close()


class _Told(Faults):
    """Kills the process itself, and reports each point before."""

    def __init__(self, request: Request, tell: Callable[..., None]) -> None:
        super().__init__(request.at, request.when, self._kill)
        self._tell = tell

    def arrive(self, label: str) -> bool:
        if self.when != "during" or label == "COMMIT":
            self._tell(point=label)
        return super().arrive(label)

    @staticmethod
    def _kill() -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def _strike_files(faults: Faults) -> None:
    """Makes points of the steps in which the mark beside the keys is replaced."""
    for module, name, label in (
        (steps, "write_new", "mark: write"),
        (secret_folder, "put_in_place", "mark: replace"),
        (secret_folder, "sync", "mark: sync"),
    ):
        setattr(module, name, faults.around(label, getattr(module, name)))


def _tell_signatures(tell: Callable[..., None]) -> None:
    """Reports whatever is signed, even if it is never published."""
    name = "sign_checkpoint"
    sign = getattr(sequencer_module, name)

    def sign_and_tell(checkpoint: Any, signers: Any) -> Any:
        tell(size=checkpoint.size, root=checkpoint.root.hex())
        return sign(checkpoint, signers)

    setattr(sequencer_module, name, sign_and_tell)


if __name__ == "__main__":
    main()
