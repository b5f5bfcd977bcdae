"""One web process as its parent sees it: starts it, hears it, and ends it."""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Self

from deploy.workers.control import Control, Said
from deploy.workers.counts import Family, decode_counts
from deploy.workers.handoff import Handoff

MODULE: Final = "deploy.cli.web_process"
START_WITHIN_S: Final = 120.0
"""Far more than a start takes on a busy machine."""
END_WITHIN_S: Final = 8.0
"""What a web process may take to finish: 5 s for answers under way, and the rest to close what it holds. Supervisors usually
send SIGKILL after 10 s."""
SILENT_S: Final = 60.0
"""A process tells its counts each few seconds. One that is silent for so long answers nobody, and is killed."""
_LOOKS_EVERY_S: Final = 1.0
_MOST_OF_A_LOOK_S: Final = 2.0
"""What counts as silence between two looks. More went by where this process itself was stopped, and heard nobody."""

Heard = Callable[["WebProcess", Said], None]


class WebProcess:
    """A child. `is_up` once it serves; `counts` are the last that it told."""

    def __init__(self, number: int, process: asyncio.subprocess.Process, control: Control) -> None:
        self.number = number
        self.is_up = False
        self.counts: list[Family] = []
        self._told = asyncio.Event()
        self._silent_s = 0.0
        self._looked_at = asyncio.get_running_loop().time()
        self._process = process
        self._control = control

    @classmethod
    async def start(cls, told: Callable[[int], Handoff], number: int, kept: tuple[int, ...]) -> Self:
        """Starts a process that inherits `kept`; `told` makes what it is told, given its end of the control. Raises OSError, and
        what else the loop or what is told may raise: then nothing is left of it."""
        ours, theirs = socket.socketpair()
        with theirs:
            control = await _open_control(ours)
            try:
                line = told(theirs.fileno()).to_line()
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-P",  # nothing is loaded from the folder that it happens to be started in
                    "-m",
                    MODULE,
                    stdin=subprocess.PIPE,
                    pass_fds=(*kept, theirs.fileno()),
                )
                made = cls(number, process, control)
                made._tell(line)
            except BaseException:
                control.close()
                raise
        return made

    def _tell(self, line: bytes) -> None:
        """Writes to the standard input, which stays open: the child ends when it closes, however its parent ended."""
        if self._process.stdin is None:
            return
        try:
            self._process.stdin.write(line)
        except BaseException:
            self.send(signal.SIGKILL)
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    async def tell_counts(self, within_s: float) -> None:
        """Asks for the present counts. Where none come in time, `counts` are the last that came."""
        self._told.clear()
        self._control.say(Said.ASK)
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._told.wait()

    async def watch(self, heard: Heard) -> int:
        """Hands on what the child says until it ends. One that does not start, or says nothing any more, is killed. Returns its
        status."""
        listening = asyncio.create_task(self._listen(heard))
        try:
            while (status := await self._ended(_LOOKS_EVERY_S)) is None:
                self._kill_if_silent()
            return status
        finally:
            try:
                await asyncio.wait({listening}, timeout=1.0)
            finally:
                listening.cancel()
                self._control.close()

    async def _listen(self, heard: Heard) -> None:
        async for said, content in self._control.heard():
            self._silent_s = 0.0
            if said is Said.UP:
                self.is_up = True
            elif said is Said.COUNTS:
                self.counts = decode_counts(content)
                self._told.set()
            heard(self, said)

    async def _ended(self, within_s: float) -> int | None:
        try:
            async with asyncio.timeout(within_s):
                return await self._process.wait()
        except TimeoutError:
            return None

    def _kill_if_silent(self) -> None:
        now = asyncio.get_running_loop().time()
        self._silent_s += min(now - self._looked_at, _MOST_OF_A_LOOK_S)
        self._looked_at = now
        if self._silent_s > (SILENT_S if self.is_up else START_WITHIN_S):
            self.send(signal.SIGKILL)

    async def end(self) -> None:
        """Has the process finish what is under way, and kills it where that takes too long."""
        self.send(signal.SIGTERM)
        if await self._ended(END_WITHIN_S) is None:
            self.send(signal.SIGKILL)
            await self._process.wait()

    def send(self, number: signal.Signals) -> None:
        """Sends a signal, unless the process has ended."""
        if self._process.returncode is None:
            self._process.send_signal(number)


async def _open_control(ours: socket.socket) -> Control:
    """Opens our end, or closes the socket."""
    try:
        ours.setblocking(False)
        return Control(*await asyncio.open_connection(sock=ours))
    except BaseException:
        ours.close()
        raise
