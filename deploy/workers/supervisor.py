"""Keeps as many web processes running as the settings say.

One that ends is started again: at once, and after each end that comes soon after its start twice as late. Where one cannot start
when the instance starts, the instance does not start. Nothing else depends on them: jobs and the log go on meanwhile.
"""

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog

from deploy.workers.control import Said
from deploy.workers.counts import Sum
from deploy.workers.handoff import Handoff, own_version
from deploy.workers.process import WebProcess
from directory.courtesy import give_way_to
from directory.operator_texts import read_operator_texts
from directory.settings import Settings
from directory.shared_counts import make_shared_counts
from directory.shared_waiting import WaitingElsewhere, make_waiting_file

FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 30.0
COUNT_KINDS: Final = 5
"""`web.middleware.counting.Counted`, which this process does not load."""
WELL_AFTER_S: Final = 60.0
"""Whoever has served for so long is started again at once."""

log = structlog.get_logger(__name__)


class WebProcessFailed(Exception):
    """A web process could not start."""


class Supervisor:
    """The web processes of an instance. `woken` is called where a member waits for a job. Raises InvalidSettings, OSError."""

    def __init__(
        self, settings: Settings, dsn: str, listener: socket.socket, woken: Callable[[], None]
    ) -> None:
        self.processes: dict[int, WebProcess] = {}
        self.ended = Sum()
        """What processes that have ended had counted."""
        self.ends = 0
        self._version = own_version()  # now: an upgrade beneath a running process writes another
        self._settings = settings
        self._dsn = dsn
        self._listener = listener
        self._woken = woken
        self._texts = read_operator_texts(settings)
        self._counts = make_shared_counts(COUNT_KINDS)
        self._waiting = make_waiting_file(settings.workers)
        self._elsewhere = WaitingElsewhere(self._waiting, settings.workers)
        self._secret = secrets.token_bytes(32)
        self._up = asyncio.Event()

    def close(self) -> None:
        """Gives back the shared memory, once no process runs."""
        self._elsewhere.close()
        os.close(self._waiting)
        os.close(self._counts)

    @property
    def up(self) -> asyncio.Event:
        """Set once all have served at the same time."""
        return self._up

    async def run(self) -> None:
        """Runs until it is cancelled, then ends all of them. Meanwhile the long work of this process gives way to whoever waits for
        one of them. Raises WebProcessFailed where one cannot start at the start."""
        give_way_to(self._elsewhere)
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(self._settings.workers):
                    group.create_task(self._keep(number))
        except* WebProcessFailed as failed:
            first = failed.exceptions[0]
            raise WebProcessFailed(str(first)) from first
        finally:
            give_way_to(None)

    async def _keep(self, number: int) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            began = asyncio.get_running_loop().time()
            status = await self._run_once(number)
            took_s = asyncio.get_running_loop().time() - began
            if not self._up.is_set():
                raise WebProcessFailed(f"a web process ended with {_told(status)} before it could serve")
            pause_s = FIRST_PAUSE_S if took_s > WELL_AFTER_S else pause_s
            log.warning(
                "a web process has ended, and is started again",
                number=number,
                status=_told(status),
                served_s=int(took_s),
                after_s=pause_s,
            )
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _run_once(self, number: int) -> int | None:
        """Starts a process and waits for its end. Returns its status, None where there was no process to be had."""
        try:
            process = await WebProcess.start(
                lambda control: self._handoff(number, control),
                number,
                (self._listener.fileno(), self._counts, self._waiting),
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
            reason = str(error) or type(error).__name__
            log.error("a web process cannot be started", reason=reason)  # noqa: TRY400 - a sentence says it
            return None
        self.processes[number] = process
        try:
            return await process.watch(self._hear)
        finally:
            await process.end()
            del self.processes[number]
            self._elsewhere.forget(number)
            self.ended.add(process.counts, has_ended=True)
            self.ends += 1

    def _handoff(self, number: int, control: int) -> Handoff:
        return Handoff(
            version=self._version,
            settings=self._settings,
            dsn=self._dsn,
            number=number,
            listener=self._listener.fileno(),
            control=control,
            counts=self._counts,
            waiting=self._waiting,
            secret=self._secret,
            texts=self._texts,
        )

    def _hear(self, process: WebProcess, said: Said) -> None:
        if said is Said.WAKE:
            self._woken()
        elif said is Said.UP:
            log.info("a web process serves", number=process.number, pid=process.pid)
            if sum(each.is_up for each in self.processes.values()) == self._settings.workers:
                self._up.set()


def _told(status: int | None) -> str:
    if status is None:
        return "no start"
    return f"signal {-status}" if status < 0 else f"status {status}"


@asynccontextmanager
async def running_web(supervisor: Supervisor) -> AsyncIterator["asyncio.Task[None]"]:
    """Runs the web processes until the block ends. Returns the task, which ends by itself only where it fails."""
    running = asyncio.create_task(supervisor.run(), name="web processes")
    try:
        yield running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        supervisor.close()
