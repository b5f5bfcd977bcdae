"""Long work of one process gives way to whoever waits for another."""

import asyncio
import os
import time
from collections.abc import Iterator

import pytest

from directory.courtesy import GIVE_WAY_S, QUIET_S, give_way, give_way_to, somebody_waits, tell_waiting
from directory.shared_waiting import WaitingElsewhere, WaitingHere, make_waiting_file


@pytest.fixture
def elsewhere() -> Iterator[WaitingElsewhere]:
    file = make_waiting_file(2)
    board = WaitingElsewhere(file, 2)
    give_way_to(board)
    tell_waiting(WaitingHere(file, 2, 1).tell)
    try:
        yield board
    finally:
        give_way_to(None)
        tell_waiting(None)
        board.close()
        os.close(file)


@pytest.fixture
def other(elsewhere: WaitingElsewhere) -> Iterator[WaitingHere]:
    """The other web process: it writes to the same memory."""
    file = make_waiting_file(2)
    try:
        board = WaitingHere(file, 2, 0)
        board._memory = elsewhere._memory
        yield board
    finally:
        os.close(file)


async def test_whoever_waits_here_is_told(elsewhere: WaitingElsewhere) -> None:
    assert not elsewhere.does_anybody_wait()
    with somebody_waits():
        assert elsewhere.does_anybody_wait()
        with somebody_waits():
            pass
        assert elsewhere.does_anybody_wait()
    assert not elsewhere.does_anybody_wait()
    assert abs(elsewhere.quiet_since() - time.monotonic()) < 10


async def test_work_has_one_turn_at_a_time_while_somebody_waits_elsewhere(other: WaitingHere) -> None:
    """Attack on a promise: with the web in other processes, a first sync would have taken every core from look-ups."""
    other.tell(1)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for _ in range(3):
        await give_way()
    assert loop.time() - begun >= 3 * GIVE_WAY_S - 0.005
    other.tell(0)


async def test_a_piece_that_wants_quiet_waits_for_it(other: WaitingHere) -> None:
    other.tell(1)
    other.tell(0)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await give_way(QUIET_S)
    assert loop.time() - begun >= QUIET_S - 0.002


async def test_nobody_waits_for_a_process_that_has_ended(
    elsewhere: WaitingElsewhere, other: WaitingHere
) -> None:
    """Attack: a process is killed with requests under way, and the work of the instance would be slow for ever."""
    other.tell(7)
    elsewhere.forget(0)
    assert not elsewhere.does_anybody_wait()
