"""Several processes take arrivals from one socket: each about as many, and none waits for one that does not run."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from deploy.edge import sharing
from deploy.edge.loop import GuardingLoop, guarding_loop
from deploy.edge.places import EdgeLimits
from deploy.edge.sharing import SharedListener
from deploy.ports import free_port, listen_on
from directory.shared_waiting import WaitingElsewhere, WaitingHere, make_waiting_file


class Taking(asyncio.Protocol):
    """Counts the connections of one process."""

    def __init__(self, board: WaitingHere, count: list[int]) -> None:
        self._board = board
        self._count = count

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._count[0] += 1
        self._board.tell_connections(self._count[0])


@pytest.fixture
def file() -> Iterator[int]:
    made = make_waiting_file(2)
    yield made
    os.close(made)


@pytest.fixture
def arrivals() -> Iterator[socket.socket]:
    with listen_on("127.0.0.1", free_port()) as made:
        yield made


@asynccontextmanager
async def taking(arrivals: socket.socket, board: WaitingHere) -> AsyncIterator[list[int]]:
    """One of the processes, as far as the socket knows: it has a descriptor of its own."""
    count = [0]
    listener = SharedListener(asyncio.get_running_loop(), arrivals.dup(), lambda: Taking(board, count), board)
    try:
        yield count
    finally:
        listener.close()
        await listener.wait_closed()


async def settled(counts: list[list[int]], number: int) -> None:
    for _ in range(6_000):
        if sum(count[0] for count in counts) >= number:
            return
        await asyncio.sleep(0.005)
    pytest.fail(f"not all were taken: {counts}")


async def test_each_takes_half(arrivals: socket.socket, file: int) -> None:
    one, other = WaitingHere(file, 2, 0), WaitingHere(file, 2, 1)
    async with taking(arrivals, one) as first, taking(arrivals, other) as second:
        callers = [socket.create_connection(arrivals.getsockname()) for _ in range(40)]
        await settled([first, second], 40)
        assert abs(first[0] - second[0]) <= 2
        for caller in callers:
            caller.close()


async def test_one_that_hangs_leaves_its_arrivals_to_the_other(arrivals: socket.socket, file: int) -> None:
    """It has fewest connections and takes none: callers must not wait for it."""
    board = WaitingHere(file, 2, 0)
    WaitingHere(file, 2, 1)
    async with taking(arrivals, board) as taken:
        callers = [socket.create_connection(arrivals.getsockname()) for _ in range(10)]
        await settled([taken], 10)
        for caller in callers:
            caller.close()


def test_nothing_is_left_to_one_that_has_ended(file: int) -> None:
    board = WaitingHere(file, 2, 0)
    WaitingHere(file, 2, 1)
    board.tell_connections(3)
    assert board.has_most_connections()
    elsewhere = WaitingElsewhere(file, 2)
    elsewhere.forget(1)
    assert not board.has_most_connections()
    elsewhere.close()


async def test_without_files_it_goes_on_later(
    arrivals: socket.socket, file: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EMFILE must end neither the listener nor fill a core."""
    monkeypatch.setattr(sharing, "AFTER_FAILURE_S", 0.05)
    board = WaitingHere(file, 1, 0)
    async with taking(arrivals, board) as taken:
        listener_accept = socket.socket.accept
        failures = [OSError(24, "Too many open files")]

        def accept(self: socket.socket) -> object:
            if failures:
                raise failures.pop()
            return listener_accept(self)

        monkeypatch.setattr(socket.socket, "accept", accept)
        with socket.create_connection(arrivals.getsockname()):
            await settled([taken], 1)


def test_the_guard_tells_how_many_it_has(file: int) -> None:
    loop: GuardingLoop = guarding_loop(EdgeLimits())
    board, other = WaitingHere(file, 2, 0), WaitingHere(file, 2, 1)
    loop.share_arrivals(board)
    other.tell_connections(1)
    assert other.has_most_connections()
    assert loop.places.told is not None
    loop.places.told(5)
    assert board.has_most_connections()
    assert not other.has_most_connections()
    loop.close()
