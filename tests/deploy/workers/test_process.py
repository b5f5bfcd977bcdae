"""One web process as its parent sees it: nothing of it is left open, and it is killed for its own silence alone."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from typing import cast

import msgspec
import pytest

from deploy.cli.failures import sentence_of
from deploy.ports import free_port, listen_on
from deploy.workers import process
from deploy.workers.control import HEAD, Said
from deploy.workers.handoff import Handoff, OtherVersion
from deploy.workers.process import WebProcess
from deploy.workers.supervisor import Supervisor, WebProcessFailed, running_web
from directory.settings import Settings


class Pretended:
    """What asyncio has of a child. `status` is None while it runs."""

    def __init__(self, status: int | None) -> None:
        self.returncode = status
        self.sent: list[int] = []

    async def wait(self) -> int | None:
        return self.returncode

    def send_signal(self, number: int) -> None:
        self.sent.append(number)


class Child:
    """A process of ours over one that is pretended, and its end of the control."""

    def __init__(self, made: WebProcess, pretended: Pretended, theirs: socket.socket) -> None:
        self.made = made
        self.pretended = pretended
        self.theirs = theirs

    @property
    def is_closed(self) -> bool:
        return self.made._control._writer.is_closing()


async def child_with(status: int | None) -> Child:
    ours, theirs = socket.socketpair()
    pretended = Pretended(status)
    made = WebProcess(0, cast("asyncio.subprocess.Process", pretended), await process._open_control(ours))
    return Child(made, pretended, theirs)


@pytest.fixture
async def running() -> AsyncIterator[Child]:
    child = await child_with(None)
    yield child
    child.theirs.close()
    child.made._control.close()


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    """One whose processes have nothing to serve."""
    with listen_on("127.0.0.1", free_port()) as listener:
        yield Supervisor(Settings(workers=2), "", listener, lambda: None)


async def test_a_watch_that_is_cancelled_at_its_end_leaves_nothing_open() -> None:
    """Two that end at once: the first ends the group, while what the second still says is waited for."""
    child = await child_with(0)
    with child.theirs:
        watching = asyncio.create_task(child.made.watch(lambda *_: None))
        for _ in range(5):
            await asyncio.sleep(0)
        watching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watching
    assert child.is_closed


def look_after_an_hour(child: Child, times: int) -> list[int]:
    for _ in range(times):
        child.made._looked_at -= 3_600
        child.made._kill_if_silent()
    return child.pretended.sent


async def test_a_parent_that_was_stopped_kills_nobody(running: Child) -> None:
    """Ctrl-Z, or `docker pause`: it heard nobody, and nobody was silent."""
    running.made.is_up = True
    assert look_after_an_hour(running, 5) == []
    running.theirs.send(HEAD.pack(Said.WAKE, 0))
    running.theirs.shutdown(socket.SHUT_WR)
    await running.made._listen(lambda *_: None)
    assert look_after_an_hour(running, 29) == []
    assert set(look_after_an_hour(running, 5)) == {signal.SIGKILL}


@pytest.mark.parametrize(
    "error", [RuntimeError("the input is closed"), UnicodeEncodeError("utf-8", "\ud800", 0, 1, "a surrogate")]
)
async def test_one_that_cannot_be_started_is_tried_again_and_ends_no_other(
    supervisor: Supervisor, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Handoff) -> bytes:
        raise error

    monkeypatch.setattr(Handoff, "to_line", fail)
    assert await supervisor._run_once(0) is None
    async with running_web(supervisor) as running:
        with pytest.raises(WebProcessFailed, match="no start before it could serve"):
            await running
    assert supervisor.processes == {}


async def test_one_of_another_version_does_not_serve(
    supervisor: Supervisor, capfd: pytest.CaptureFixture[str]
) -> None:
    """`pip install -U` beneath a running instance: the database is migrated when the parent starts again, not before."""
    handed = supervisor._handoff(0, 9)
    assert Handoff.read(handed.to_line()) == handed
    older = msgspec.structs.replace(handed, version="0.0.9")
    with pytest.raises(OtherVersion, match=r"0\.0\.9 runs") as raised:
        Handoff.read(older.to_line())
    assert "restart the whole" in (sentence_of(raised.value) or "")
    with pytest.raises(OtherVersion):
        Handoff.read(b'{"settings": "of another kind"}')

    supervisor._version = "0.0.9"
    async with running_web(supervisor) as running:
        with pytest.raises(WebProcessFailed, match="status 1"):
            await running
    said = capfd.readouterr().err
    assert "restart the whole" in said
    assert "Traceback" not in said
